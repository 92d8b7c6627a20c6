/* SPDX-License-Identifier: Apache-2.0 */
/* Cryptography for many nodes: whichever provider a world has, nobody signs with another's key. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "provider.h"
#include <sodium.h>

enum { KINDS = 3 };
static const char *const words[KINDS] = {"real", "memo", "fast"};

/* A world's provider with two nodes. */
struct pair {
    struct provider provider;
    struct signer signers[2];
    struct tally_crypto windows[2];
};

static void pair_init(struct pair *pair, enum provider_kind kind)
{
    provider_init(&pair->provider, kind);
    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t seed[32] = {i};
        signer_init(&pair->signers[i], &pair->provider, seed);
        pair->windows[i] = signer_window(&pair->signers[i]);
    }
}

static bool verify(struct pair *pair, unsigned who, const uint8_t *message, size_t size,
                   const struct tally_signature *signature)
{
    /* Asked twice: a remembered verdict is the first one. */
    const struct tally_crypto *window = &pair->windows[1 - who];
    bool first = window->verify(window->context, &pair->signers[who].key, bytes_of(message, size),
                                signature);
    assert_int_equal(first, window->verify(window->context, &pair->signers[who].key,
                                           bytes_of(message, size), signature));
    return first;
}

static void a_signature_is_the_signers_over_these_bytes(void **state)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        pair_init(&pair, (enum provider_kind)kind);
        uint8_t message[100] = {7};
        struct tally_signature signature;
        pair.windows[0].sign(pair.windows[0].context, bytes_of(message, sizeof message),
                             &signature);
        assert_true(verify(&pair, 0, message, sizeof message, &signature));
        assert_false(verify(&pair, 0, message, sizeof message - 1, &signature));
        assert_false(verify(&pair, 1, message, sizeof message, &signature));
        for (size_t i = 0; i < sizeof message; i++) {
            message[i] ^= 1;
            assert_false(verify(&pair, 0, message, sizeof message, &signature));
            message[i] ^= 1;
        }
        for (size_t i = 0; i < sizeof signature.bytes; i++) {
            signature.bytes[i] ^= 0x10;
            assert_false(verify(&pair, 0, message, sizeof message, &signature));
            signature.bytes[i] ^= 0x10;
        }
        provider_free(&pair.provider);
    }
}

/* A liar has a window of its own and may ask it for anything: what it gets is under its own key. */
static void a_liar_signs_with_its_own_key_only(void **state)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        pair_init(&pair, (enum provider_kind)kind);
        const uint8_t message[] = "n1 owes n2 everything";
        struct tally_signature forged;
        pair.windows[1].sign(pair.windows[1].context, bytes_of(message, sizeof message), &forged);
        assert_false(verify(&pair, 0, message, sizeof message, &forged));
        assert_true(verify(&pair, 1, message, sizeof message, &forged));
        provider_free(&pair.provider);
    }
}

static void both_ends_come_to_one_secret_and_nobody_else_does(void **state)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct pair pair;
        struct signer third;
        uint8_t shared[3][32];
        pair_init(&pair, (enum provider_kind)kind);
        const uint8_t seed[32] = {9};
        signer_init(&third, &pair.provider, seed);
        const struct tally_crypto window = signer_window(&third);
        assert_true(
            pair.windows[0].exchange(pair.windows[0].context, &pair.signers[1].key, shared[0]));
        assert_true(
            pair.windows[1].exchange(pair.windows[1].context, &pair.signers[0].key, shared[1]));
        assert_true(window.exchange(window.context, &pair.signers[0].key, shared[2]));
        assert_memory_equal(shared[0], shared[1], 32);
        assert_memory_not_equal(shared[0], shared[2], 32);
        provider_free(&pair.provider);
    }
}

/* Only the verdicts of libsodium are remembered; stand-ins have the same keys, so that distances,
   orders and sizes are the same, and other signatures. */
static void what_differs_between_providers(void **state)
{
    struct pair pairs[KINDS];
    struct tally_signature signatures[KINDS];
    const uint8_t message[] = "the same";
    for (unsigned kind = 0; kind < KINDS; kind++) {
        pair_init(&pairs[kind], (enum provider_kind)kind);
        pairs[kind].windows[0].sign(pairs[kind].windows[0].context,
                                    bytes_of(message, sizeof message), &signatures[kind]);
        assert_memory_equal(&pairs[kind].signers[0].key, &pairs[0].signers[0].key, 32);
    }
    assert_memory_equal(&signatures[PROVIDER_REAL], &signatures[PROVIDER_MEMO], 64);
    assert_memory_not_equal(&signatures[PROVIDER_REAL], &signatures[PROVIDER_FAST], 64);
    for (unsigned kind = 0; kind < KINDS; kind++)
        provider_free(&pairs[kind].provider);
}

static void providers_have_words(void **state)
{
    enum provider_kind kind = PROVIDER_REAL;
    for (unsigned i = 0; i < KINDS; i++) {
        assert_true(provider_word(words[i], &kind));
        assert_int_equal(kind, i);
    }
    assert_false(provider_word("quick", &kind));
    assert_false(provider_word("", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_the_signers_over_these_bytes),
        cmocka_unit_test(a_liar_signs_with_its_own_key_only),
        cmocka_unit_test(both_ends_come_to_one_secret_and_nobody_else_does),
        cmocka_unit_test(what_differs_between_providers),
        cmocka_unit_test(providers_have_words),
    };
    if (sodium_init() < 0)
        return 1;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "support/cmocka.h"
#include "support/logs.h"

#include <stdlib.h>

static struct logs_seed seed;
static struct tally_crypto crypto;

static struct tally_receipt sample(uint64_t sequence)
{
    struct tally_receipt receipt = {
        .name_space = bytes_text("audit"),
        .type = bytes_text("fed_witness_event"),
        .profile = bytes_text("json"),
        .sequence = sequence,
        .time = {1763700000123456},
        .reference_count = 2,
        .references = {{TALLY_REFERENCE_RECEIPT, {{0xaa}}}, {255, {{0xbb}}}},
        .body_size = 2,
    };
    if (sequence > 0)
        memset(&receipt.previous, 0x77, sizeof receipt.previous);
    hash_sha256(bytes_text("{}"), &receipt.body_hash);
    sign_key(seed.bytes, &receipt.issuer);
    return receipt;
}

static int setup(void **state)
{
    seed = logs_seed(3);
    crypto = logs_crypto(seed.bytes);
    return 0;
}

static void what_was_written_is_read(void **state)
{
    static const uint64_t sequences[] = {
        0, 1, 127, 128, 255, 256, 65536, (uint64_t)1 << 40, INT64_MAX - 1};
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        struct tally_receipt in = sample(sequences[i]), out;
        uint8_t envelope[TALLY_ENVELOPE_MAX], again[TALLY_ENVELOPE_MAX];
        size_t size = tally_receipt_write(&in, &crypto, envelope);
        struct tally_bytes bytes = bytes_of(envelope, size);
        assert_int_equal(tally_receipt_read(bytes, &out), TALLY_DROP_NONE);
        assert_int_equal(tally_receipt_verify(bytes, &crypto), TALLY_DROP_NONE);
        assert_true(out.sequence == in.sequence && out.time.us == in.time.us);
        assert_memory_equal(&out.previous, &in.previous, sizeof in.previous);
        assert_true(bytes_equal(out.type, in.type) && bytes_equal(out.profile, in.profile));
        assert_int_equal(out.references[1].kind, 255);
        assert_int_equal(tally_receipt_encode(&out, again), size);
        assert_memory_equal(again, envelope, size);
        assert_int_equal(tally_receipt_body(&out, bytes_text("{}")), TALLY_DROP_NONE);
        assert_int_equal(tally_receipt_body(&out, bytes_text("{} ")), TALLY_DROP_BODY);
        assert_int_equal(tally_receipt_body(&out, bytes_text("[]")), TALLY_DROP_BODY);
    }
}

/* The signature is over the domain and the array of the first eleven, encoded alone. */
static void signature_is_over_eleven_fields(void **state)
{
    struct tally_receipt receipt = sample(0);
    uint8_t envelope[TALLY_ENVELOPE_MAX], message[16 + TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    memcpy(message, "tally receipt 1\n", 16);
    memcpy(message + 16, envelope, size - 66);
    assert_int_equal(message[16], 0x9c);
    message[16] = 0x9b;
    assert_true(
        sign_verify(&receipt.issuer, bytes_of(message, 16 + size - 66), &receipt.signature));
    /* version 1, then issuer as bin 32. */
    assert_memory_equal(envelope, "\x9c\x01\xc4\x20", 4);
}

static void a_flipped_bit_is_refused(void **state)
{
    struct tally_receipt receipt = sample(70000);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        envelope[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(tally_receipt_verify(bytes_of(envelope, size), &crypto),
                             TALLY_DROP_NONE);
        envelope[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, envelope, cut);
        assert_int_equal(tally_receipt_read(bytes_of(exact, cut), &receipt), TALLY_DROP_MALFORMED);
        free(exact);
    }
    envelope[1] = 2;
    assert_int_equal(tally_receipt_read(bytes_of(envelope, size), &receipt), TALLY_DROP_VERSION);
}

/* previous is nil at 0 and nowhere else. */
static void previous_and_sequence_agree(void **state)
{
    struct tally_receipt receipt = sample(1);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    size_t at = 1 + 1 + 34 + 6;
    assert_int_equal(envelope[at], 1);
    envelope[at] = 0;
    assert_int_equal(tally_receipt_read(bytes_of(envelope, size), &receipt), TALLY_DROP_MALFORMED);
    receipt = sample(0);
    size = tally_receipt_write(&receipt, &crypto, envelope);
    assert_int_equal(envelope[at + 1], 0xc0);
    envelope[at] = 1;
    assert_int_equal(tally_receipt_read(bytes_of(envelope, size), &receipt), TALLY_DROP_MALFORMED);
}

static void names_have_rules(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } namespaces[] = {
        {"audit", true},
        {"a", true},
        {"0", true},
        {"A.b_c:d-9", true},
        {"", false},
        {".audit", false},
        {"-a", false},
        {"_a", false},
        {"a b", false},
        {"a/b", false},
        {"a+b", false},
        {"caf\xc3\xa9", false},
        {"witness", false},
        {"mirror", false},
        {"auditor", false},
        {"Witness", true},
        {"witnesses", true},
        {"federation", true},
        {"a\n", false},
        {"1234567890123456789012345678901234567890123456789012345678901234", true},
        {"12345678901234567890123456789012345678901234567890123456789012345", false},
    };
    for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++)
        if (tally_namespace_valid(bytes_text(namespaces[i].name)) != namespaces[i].good)
            fail_msg("«%s»", namespaces[i].name);
    assert_true(tally_type_valid(bytes_text("a/b;v=1")));
    assert_false(tally_type_valid(bytes_text("")));
    assert_false(tally_type_valid(bytes_text("a b")));
    assert_true(tally_profile_valid(bytes_text("")));
    assert_false(tally_profile_valid(bytes_text("123456789012345678901234567890123")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(signature_is_over_eleven_fields),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(previous_and_sequence_agree),
        cmocka_unit_test(names_have_rules),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Real time-stamp tokens, and forged ones, judged in the other process, each by its reason. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/anchors/token.h"
#include "support/cmocka.h"
#include "vectors.h"

#include <stdlib.h>

#define FOLDER "../fixtures/backends/vectors/tsa/"

static const struct {
    const char *name;
    enum tally_anchor_reason reason;
} expected[] = {
    {"good", TALLY_ANCHOR_IS_VERIFIED},
    {"good, foreign, no nonce asked", TALLY_ANCHOR_IS_VERIFIED},
    {"good, read two years later", TALLY_ANCHOR_IS_VERIFIED},
    {"other nonce", TALLY_ANCHOR_IS_NONCE},
    {"other imprint", TALLY_ANCHOR_IS_IMPRINT},
    {"policy not allowed", TALLY_ANCHOR_IS_POLICY},
    {"policy allowed", TALLY_ANCHOR_IS_VERIFIED},
    {"too coarse", TALLY_ANCHOR_IS_ACCURACY},
    {"no accuracy", TALLY_ANCHOR_IS_ACCURACY},
    {"genTime in the future", TALLY_ANCHOR_IS_FUTURE},
    {"another root pinned", TALLY_ANCHOR_IS_UNTRUSTED},
    {"usage not critical", TALLY_ANCHOR_IS_USAGE},
    {"no usage", TALLY_ANCHOR_IS_USAGE},
    {"SHA-512 imprint", TALLY_ANCHOR_IS_ALGORITHM},
    {"cut", TALLY_ANCHOR_IS_FORM},
    {"20 kB", TALLY_ANCHOR_IS_SIZE},
    {"bit of the imprint", TALLY_ANCHOR_IS_IMPRINT},
    {"bit of the signature", TALLY_ANCHOR_IS_SIGNATURE},
    {"backdated", TALLY_ANCHOR_IS_UNTRUSTED},
};

enum { CASES = sizeof expected / sizeof *expected };

static struct tally_bytes file(const char *name)
{
    char path[256];
    size_t size;
    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    char *bytes = vectors_bytes(path, &size);
    return bytes_of(bytes, size);
}

static void number_of(const char *hex, struct token_number *number)
{
    char even[2 * TOKEN_NONCE_MAX + 2];
    (void)snprintf(even, sizeof even, "%s%s", strlen(hex) % 2 != 0 ? "0" : "", hex);
    number->size = (uint8_t)(strlen(even) / 2);
    assert_true(hex_read(even, number->bytes, number->size));
}

static struct token_question question_of(const json_t *one)
{
    const json_t *accuracy = json_object_get(one, "max_accuracy_ms");
    struct token_question question = {
        .now_ms = (int64_t)vectors_number(one, "now") * 1000,
        .accuracy_max_ms = accuracy != NULL ? (uint32_t)json_integer_value(accuracy) : 60000,
        .imprint_count = 1,
        .policy_count = 1};
    assert_true(hex_read(vectors_text(one, "digest"), question.imprints[0].bytes, 32));
    (void)snprintf(question.policies[0], sizeof question.policies[0], "%s",
                   vectors_text(one, "policy"));
    if (json_object_get(one, "nonce") != NULL)
        number_of(vectors_text(one, "nonce"), &question.nonce);
    return question;
}

static void each_token_is_judged_by_its_reason(void **state)
{
    json_t *all = vectors_json(FOLDER "cases.json");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(all, "cases"), i, one)
    {
        const char *name = vectors_text(one, "name");
        struct token_question question = question_of(one);
        struct token_answer answer;
        struct tally_bytes roots = file(vectors_text(one, "roots")),
                           token = file(vectors_text(one, "file"));
        size_t k = 0;
        while (k < CASES && strcmp(expected[k].name, name) != 0)
            k++;
        assert_true(k < CASES);
        token_judge(&question, roots, bytes_of(NULL, 0), token, &answer);
        if (answer.reason != expected[k].reason)
            fail_msg("%s: %s", name, tally_anchor_reason_name(answer.reason));
        assert_int_equal(answer.reason == TALLY_ANCHOR_IS_VERIFIED,
                         strcmp(vectors_text(one, "expect"), "ok") == 0);
        if (answer.reason == TALLY_ANCHOR_IS_VERIFIED) {
            assert_true(answer.known);
            assert_int_equal(answer.accuracy_ms, 1500);
            assert_string_equal(answer.policy, question.policies[0]);
        }
        free((void *)(uintptr_t)roots.data);
        free((void *)(uintptr_t)token.data);
    }
    assert_int_equal(i, CASES);
    json_decref(all);
}

/* The first case, to be changed. */
static struct token_question good_question(void)
{
    json_t *all = vectors_json(FOLDER "cases.json");
    struct token_question question = question_of(json_array_get(json_object_get(all, "cases"), 0));
    json_decref(all);
    return question;
}

/* The answer of an authority, around the same token: one identity, whatever is around it. */
static void a_response_is_the_token_in_it(void **state)
{
    struct token_question question = good_question();
    struct token_answer one, other;
    struct tally_bytes roots = file("ca.crt"), token = file("good.der"), response = file("r.tsr");
    token_judge(&question, roots, bytes_of(NULL, 0), token, &one);
    token_judge(&question, roots, bytes_of(NULL, 0), response, &other);
    assert_int_equal(one.reason, TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(other.reason, TALLY_ANCHOR_IS_VERIFIED);
    assert_memory_equal(&one.identity, &other.identity, 32);
    assert_memory_equal(&one.signer, &other.signer, 32);
    uint8_t *bytes = (uint8_t *)(uintptr_t)response.data;
    assert_int_equal(bytes[8], 0); /* PKIStatus: granted. */
    bytes[8] = 2;                  /* Rejected, and yet with a token: no such answer. */
    token_judge(&question, roots, bytes_of(NULL, 0), response, &other);
    assert_int_equal(other.reason, TALLY_ANCHOR_IS_FORM);
    token_judge(&question, roots, bytes_of(NULL, 0), bytes_of("\x30\5\x30\3\2\1\2", 7), &other);
    assert_int_equal(other.reason, TALLY_ANCHOR_IS_STATUS);
    free((void *)(uintptr_t)roots.data);
    free((void *)(uintptr_t)token.data);
    free(bytes);
}

/* Nobody is trusted by default; whose it is can be told all the same. Rules 10 and 11 too. */
static void what_the_policy_says_decides(void **state)
{
    struct token_question question = good_question();
    struct token_answer answer;
    struct tally_bytes roots = file("ca.crt"), token = file("good.der");
    token_judge(&question, bytes_of(NULL, 0), bytes_of(NULL, 0), token, &answer);
    assert_int_equal(answer.reason, TALLY_ANCHOR_IS_NO_BACKEND);
    assert_true(answer.known);
    question.held_since_ms = question.now_ms + INT64_C(3) * 365 * 86400 * 1000;
    token_judge(&question, roots, bytes_of(NULL, 0), token, &answer);
    assert_int_equal(answer.reason, TALLY_ANCHOR_IS_EXPIRED);
    question.held_since_ms = 0;
    question.imprints[1] = question.imprints[0];
    question.imprints[0].bytes[0] ^= 1;
    question.imprint_count = 2;
    token_judge(&question, roots, bytes_of(NULL, 0), token, &answer);
    assert_int_equal(answer.reason, TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(answer.imprint, 1);
    question.policy_count = 0; /* No policy allowed: none is. */
    token_judge(&question, roots, bytes_of(NULL, 0), token, &answer);
    assert_int_equal(answer.reason, TALLY_ANCHOR_IS_POLICY);
    free((void *)(uintptr_t)roots.data);
    free((void *)(uintptr_t)token.data);
}

/* Any single bit: refused, or it was of no account and the identity is the same (12.3 rule 12). */
static void no_bit_makes_another_token(void **state)
{
    struct token_question question = good_question();
    struct token_answer good, answer;
    struct tally_bytes roots = file("ca.crt"), token = file("good.der");
    uint8_t *bytes = (uint8_t *)(uintptr_t)token.data;
    question.roots_size = (uint32_t)roots.size;
    question.token_size = (uint32_t)token.size;
    token_read(&question, roots, bytes_of(NULL, 0), token, &good);
    assert_int_equal(good.reason, TALLY_ANCHOR_IS_VERIFIED);
    unsigned taken = 0;
    for (size_t bit = 0; bit < 8 * token.size; bit += 7) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        token_read(&question, roots, bytes_of(NULL, 0), token, &answer);
        if (answer.reason == TALLY_ANCHOR_IS_VERIFIED) {
            taken++;
            assert_memory_equal(&answer.identity, &good.identity, 32);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    print_message("# %u of %zu flips were of no account\n", taken, 8 * token.size / 7);
    free((void *)(uintptr_t)roots.data);
    free(bytes);
}

static void a_request_asks_for_what_we_want(void **state)
{
    uint8_t bytes[256];
    const struct tally_hash imprint = {{0xab, 0xcd}};
    const struct token_number nonce = {8, {1, 2, 3, 4, 5, 6, 7, 8}};
    size_t size = token_request_write(&imprint, &nonce, "1.3.6.1.4.1.32473.1.1", bytes, 256);
    assert_in_range(size, 60, 128);
    assert_int_equal(bytes[0], 0x30);
    assert_true(memmem(bytes, size, imprint.bytes, 32) != NULL);
    assert_true(memmem(bytes, size, "\2\10\1\2\3\4\5\6\7\10", 10) != NULL);
    assert_true(memmem(bytes, size, "\1\1\xff", 3) != NULL); /* With its certificate. */
    assert_int_equal(token_request_write(&imprint, &nonce, "not a policy", bytes, 256), 0);
    assert_int_equal(token_request_write(&imprint, &nonce, NULL, bytes, 16), 0);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_token_is_judged_by_its_reason),
        cmocka_unit_test(a_response_is_the_token_in_it),
        cmocka_unit_test(what_the_policy_says_decides),
        cmocka_unit_test(no_bit_makes_another_token),
        cmocka_unit_test(a_request_asks_for_what_we_want),
    };
    if (token_child_wanted(count, arguments))
        return token_child();
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

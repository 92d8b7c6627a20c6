/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, targets and branches made here, and what breaks a rule. A real block is in
   tests/vectors/test_anchor.c. */
#include "core/anchor/headers.h"
#include "core/anchor/wide.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "support/cmocka.h"

#include <stdlib.h>

static const struct tally_hash root = {{0xaa, 0xbb}};

/* ---- Transactions ---- */

static size_t put(uint8_t *to, const char *hex)
{
    size_t size = strlen(hex) / 2;
    assert_true(hex_read(hex, to, size));
    return size;
}

/* One input, one output with that script; with a witness of one item, if asked for. */
static size_t transaction(uint8_t *bytes, const uint8_t *script, uint8_t script_size, bool witness)
{
    uint8_t *p = bytes;
    p += put(p, "02000000");
    p += witness ? put(p, "0001") : 0;
    p += put(p, "01");
    memset(p, 0x11, 36);
    p += 36;
    p += put(p, "00ffffffff01");
    p += put(p, "0000000000000000");
    *p++ = script_size;
    memcpy(p, script, script_size);
    p += script_size;
    p += witness ? put(p, "0102abcd") : 0;
    p += put(p, "00000000");
    return (size_t)(p - bytes);
}

static enum tally_anchor_reason check(const uint8_t *bytes, size_t size, struct tally_hash *txid)
{
    /* A copy of exactly that size, so that a sanitizer sees one byte too many. */
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    enum tally_anchor_reason reason = bitcoin_transaction_check(bytes_of(copy, size), &root, txid);
    free(copy);
    return reason;
}

static void good_script(uint8_t script[BITCOIN_SCRIPT])
{
    memcpy(script, "\x6a\x22RV", 4);
    memcpy(script + 4, root.bytes, 32);
}

static void the_script_is_the_form_and_nothing_else(void **state)
{
    uint8_t script[64] = {0}, bytes[256];
    struct tally_hash txid;
    good_script(script);
    assert_int_equal(check(bytes, transaction(bytes, script, 36, false), &txid),
                     TALLY_ANCHOR_IS_VERIFIED);
    for (size_t at = 0; at < 36; at++) {
        script[at] ^= 1;
        assert_int_equal(check(bytes, transaction(bytes, script, 36, false), &txid),
                         TALLY_ANCHOR_IS_ROOT);
        script[at] ^= 1;
    }
    assert_int_equal(check(bytes, transaction(bytes, script, 37, false), &txid),
                     TALLY_ANCHOR_IS_ROOT);
    assert_int_equal(check(bytes, transaction(bytes, script, 35, false), &txid),
                     TALLY_ANCHOR_IS_ROOT);
    memmove(script + 3, script + 2, 34); /* OP_PUSHDATA1. */
    script[1] = 0x4c;
    script[2] = 34;
    assert_int_equal(check(bytes, transaction(bytes, script, 37, false), &txid),
                     TALLY_ANCHOR_IS_ROOT);
}

/* BIP 144: the id is of what is left without the witness. */
static void a_witness_changes_no_id(void **state)
{
    uint8_t script[BITCOIN_SCRIPT], plain[256], segwit[256];
    struct tally_hash one, other;
    good_script(script);
    size_t size = transaction(plain, script, 36, false),
           more = transaction(segwit, script, 36, true);
    assert_int_equal(check(plain, size, &one), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(check(segwit, more, &other), TALLY_ANCHOR_IS_VERIFIED);
    assert_memory_equal(&one, &other, sizeof one);
    segwit[more - 8] = 0; /* A witness without items: it should not be there. */
    memmove(segwit + more - 7, segwit + more - 4, 4);
    assert_int_equal(check(segwit, more - 3, &other), TALLY_ANCHOR_IS_FORM);
}

static void a_transaction_is_read_strictly(void **state)
{
    uint8_t script[BITCOIN_SCRIPT], bytes[256];
    struct tally_hash txid;
    good_script(script);
    for (unsigned witness = 0; witness < 2; witness++) {
        size_t size = transaction(bytes, script, 36, witness);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(check(bytes, cut, &txid), TALLY_ANCHOR_IS_FORM);
        bytes[size] = 0;
        assert_int_equal(check(bytes, size + 1, &txid), TALLY_ANCHOR_IS_FORM);
    }
    /* A size in three bytes where one is enough: two encodings of one transaction. */
    size_t size = transaction(bytes, script, 36, false);
    memmove(bytes + 7, bytes + 5, size - 5);
    memcpy(bytes + 4, "\xfd\x01\x00", 3);
    assert_int_equal(check(bytes, size + 2, &txid), TALLY_ANCHOR_IS_FORM);
    uint8_t *large = calloc(1, BITCOIN_TRANSACTION_MAX + 1);
    assert_int_equal(check(large, BITCOIN_TRANSACTION_MAX + 1, &txid), TALLY_ANCHOR_IS_SIZE);
    free(large);
}

/* CVE-2017-12842: with a script of four bytes it has 64. */
static void sixty_four_bytes_are_refused(void **state)
{
    uint8_t bytes[256];
    struct tally_hash txid;
    size_t size = transaction(bytes, (const uint8_t *)"\x6a\x02\0\0", 4, false);
    assert_int_equal(size, 64);
    assert_int_equal(check(bytes, size, &txid), TALLY_ANCHOR_IS_SIXTY_FOUR);
}

static void hashes_are_shown_reversed(void **state)
{
    struct tally_hash hash = {{1, 2}}, back;
    char text[65];
    bitcoin_hash_write(&hash, text);
    assert_string_equal(text + 60, "0201");
    assert_true(bitcoin_hash_read(text, &back));
    assert_memory_equal(&hash, &back, sizeof hash);
    text[3] = 'A';
    assert_false(bitcoin_hash_read(text, &back));
    assert_false(bitcoin_hash_read("0201", &back));
}

/* ---- Paths ---- */

static void a_path_has_one_reading(void **state)
{
    struct tally_hash leaf = {{1}}, out;
    struct bitcoin_path path = {.index = 1, .count = 1, .sides = {{{1}}}};
    assert_false(bitcoin_path_fold(&leaf, &path, &out)); /* CVE-2012-2459. */
    path.index = 0;
    assert_true(bitcoin_path_fold(&leaf, &path, &out)); /* A left one may be doubled. */
    path.index = 2;
    assert_false(bitcoin_path_fold(&leaf, &path, &out));
    path.count = BITCOIN_PATH_MAX;
    assert_true(bitcoin_path_fold(&leaf, &path, &out));
    path.count = BITCOIN_PATH_MAX + 1;
    assert_false(bitcoin_path_fold(&leaf, &path, &out));
    path.index = 0;
    path.count = 0;
    assert_true(bitcoin_path_fold(&leaf, &path, &out)); /* The only one of its block. */
    assert_memory_equal(&leaf, &out, sizeof out);
}

/* ---- Targets ---- */

static void targets_have_bounds(void **state)
{
    static const struct {
        uint32_t compact;
        bool good;
        uint32_t again;
    } cases[] = {
        {0x1d00ffff, true, 0x1d00ffff}, {0x207fffff, true, 0x207fffff},
        {0x03000001, true, 0x01010000}, {0x01010000, true, 0x01010000},
        {0x01000100, false, 0}, /* Below the point: nothing is left. */
        {0x00ffffff, false, 0},         {0x1d000000, false, 0},
        {0x1d80ffff, false, 0}, /* Negative. */
        {0xff7fffff, false, 0}, /* Overflows. */
        {0x21010000, false, 0},         {0x220000ff, true, 0x2100ff00},
        {0x230000ff, false, 0},         {0x2100ffff, true, 0x2100ffff},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wide target;
        assert_int_equal(wide_of_compact(cases[i].compact, &target), cases[i].good);
        if (cases[i].good)
            assert_int_equal(wide_compact(&target), cases[i].again);
    }
    struct wide target, work;
    assert_true(wide_of_compact(0x1d00ffff, &target)); /* The first block's: 4295032833 hashes. */
    wide_work(&target, &work);
    assert_int_equal(work.limbs[0], 0x00010001);
    assert_int_equal(work.limbs[1], 1);
    assert_true(wide_of_compact(0x207fffff, &target));
    wide_work(&target, &work);
    assert_int_equal(work.limbs[0], 2);
}

/* ---- Branches: regtest, where every second hash is good enough ---- */

enum { RUN = 64, BEGIN = 1700000000 };

static void little(uint8_t *p, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static void mine(uint8_t header[BITCOIN_HEADER], const struct tally_hash *before, uint32_t time_s,
                 uint32_t bits, uint8_t mark)
{
    memset(header, 0, BITCOIN_HEADER);
    memcpy(header + 4, before->bytes, 32);
    header[36] = mark;
    little(header + 68, time_s);
    little(header + 72, bits);
    for (uint32_t nonce = 0;; nonce++) {
        struct tally_hash hash;
        little(header + 76, nonce);
        bitcoin_hash(bytes_of(header, BITCOIN_HEADER), &hash);
        if (hash.bytes[31] < 0x7f)
            return;
    }
}

static struct bitcoin_header list[RUN];

static struct bitcoin_headers chain_of(size_t blocks)
{
    struct bitcoin_headers headers;
    uint8_t bytes[BITCOIN_HEADER];
    mine(bytes, &(struct tally_hash){{0}}, BEGIN, 0x207fffff, 0);
    bitcoin_headers_init(&headers, bitcoin_network_find("regtest"), list, RUN);
    assert_int_equal(bitcoin_headers_begin(&headers, bytes, 100, BEGIN), TALLY_ANCHOR_IS_VERIFIED);
    while (headers.count < blocks) {
        mine(bytes, &list[headers.count - 1].hash, BEGIN + 600 * (uint32_t)headers.count,
             0x207fffff, 0);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000),
                         TALLY_ANCHOR_IS_VERIFIED);
    }
    return headers;
}

static void headers_that_break_a_rule(void **state)
{
    struct bitcoin_headers headers = chain_of(20);
    uint8_t bytes[BITCOIN_HEADER];
    const struct tally_hash tip = list[19].hash;
    const uint32_t time_s = BEGIN + 600 * 20;
    const struct {
        struct tally_hash before;
        uint32_t time_s, bits;
        enum tally_anchor_reason reason;
    } cases[] = {
        {tip, BEGIN + 600 * 14, 0x207fffff, TALLY_ANCHOR_IS_HEADER}, /* The median itself. */
        {tip, BEGIN + 100000 + 7201, 0x207fffff, TALLY_ANCHOR_IS_FUTURE},
        {tip, time_s, 0x2100ffff, TALLY_ANCHOR_IS_WORK}, /* Easier than the limit. */
        {tip, time_s, 0x207ffffe, TALLY_ANCHOR_IS_WORK}, /* Not the one that the rule wants. */
        {tip, time_s, 0x03000001, TALLY_ANCHOR_IS_WORK}, /* Its hash is above it. */
        {tip, time_s, 0, TALLY_ANCHOR_IS_WORK},
        {root, time_s, 0x207fffff, TALLY_ANCHOR_IS_UNKNOWN_BLOCK},
        {tip, BEGIN + 600 * 14 + 1, 0x207fffff, TALLY_ANCHOR_IS_VERIFIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mine(bytes, &cases[i].before, cases[i].time_s, cases[i].bits, 0);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000), cases[i].reason);
    }
    assert_int_equal(headers.count, 21);
    assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000),
                     TALLY_ANCHOR_IS_VERIFIED); /* Once more: known. */
    assert_int_equal(headers.count, 21);
    while (headers.count < RUN) {
        mine(bytes, &list[headers.count - 1].hash, list[headers.count - 1].time_s + 600, 0x207fffff,
             0);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000),
                         TALLY_ANCHOR_IS_VERIFIED);
    }
    mine(bytes, &list[RUN - 1].hash, list[RUN - 1].time_s + 600, 0x207fffff, 0);
    assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000), TALLY_ANCHOR_IS_SIZE);
}

/* Two branches: the one with more work is the chain; near the tip nobody decides yet. */
static void the_branch_with_most_work_wins(void **state)
{
    struct bitcoin_headers headers = chain_of(20);
    uint8_t bytes[BITCOIN_HEADER];
    const struct tally_hash gone = list[15].hash;
    struct tally_hash before = list[14].hash;
    struct bitcoin_policy policy = {.depth = 5, .now_s = BEGIN + 20000};
    struct bitcoin_path path = {0};
    const struct bitcoin_header *found;
    const struct tally_hash txid = list[15].root;
    assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &gone, &path, &found),
                     TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(found->height, 115);
    policy.depth = 6;
    assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &gone, &path, &found),
                     TALLY_ANCHOR_IS_DEPTH);
    policy.depth = 5;
    for (uint32_t i = 0; i < 6; i++) {
        mine(bytes, &before, BEGIN + 600 * (16 + i), 0x207fffff, 1);
        bitcoin_hash(bytes_of(bytes, BITCOIN_HEADER), &before);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN + 100000),
                         TALLY_ANCHOR_IS_VERIFIED);
        /* As much work is not more: who was first stays, but the tip is not settled. */
        assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &gone, &path, &found),
                         i < 5 ? TALLY_ANCHOR_IS_COMPETING : TALLY_ANCHOR_IS_REORGED);
    }
    const struct bitcoin_header *tip = bitcoin_headers_tip(&headers, &list[0]);
    assert_int_equal(tip->height, 120);
    assert_ptr_equal(bitcoin_headers_at(&headers, tip, 115), &list[20]);
    assert_null(bitcoin_headers_at(&headers, tip, 99));
    assert_null(bitcoin_headers_at(&headers, tip, 121));
}

static void a_quiet_chain_says_nothing(void **state)
{
    struct bitcoin_headers headers = chain_of(20);
    struct bitcoin_policy policy = {.depth = 1, .now_s = list[19].time_s + 24 * 3600};
    struct bitcoin_path path = {0};
    const struct bitcoin_header *found;
    const struct tally_hash block = list[10].hash, txid = list[10].root;
    assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &block, &path, &found),
                     TALLY_ANCHOR_IS_VERIFIED);
    policy.now_s++;
    assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &block, &path, &found),
                     TALLY_ANCHOR_IS_TIP_OLD);
    policy.old_tip = true;
    assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &block, &path, &found),
                     TALLY_ANCHOR_IS_VERIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_script_is_the_form_and_nothing_else),
        cmocka_unit_test(a_witness_changes_no_id),
        cmocka_unit_test(a_transaction_is_read_strictly),
        cmocka_unit_test(sixty_four_bytes_are_refused),
        cmocka_unit_test(hashes_are_shown_reversed),
        cmocka_unit_test(a_path_has_one_reading),
        cmocka_unit_test(targets_have_bounds),
        cmocka_unit_test(headers_that_break_a_rule),
        cmocka_unit_test(the_branch_with_most_work_wins),
        cmocka_unit_test(a_quiet_chain_says_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

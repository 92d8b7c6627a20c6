/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of headers: which prove what, by work and not by number; how runs become one; and what no
   liar can make of them. */
#include "core/anchor/headers.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "support/cmocka.h"

enum { ROOM = 2100, BEGIN = 1700000000, EASY = 0x207fffff, LATER = BEGIN + 100000000 };

static struct bitcoin_header list[ROOM];
static struct bitcoin_headers headers;

/* ---- Real ones: the first three of the main network. ---- */

static const char *const main_net[] = {
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c"
    "3e"
    "67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe68"
    "0e"
    "1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
    "010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5add"
    "ed"
    "f24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61",
};

static void the_first_three_of_the_main_network(void **state)
{
    uint8_t bytes[BITCOIN_HEADER];
    char text[65];
    (void)state;
    bitcoin_headers_init(&headers, bitcoin_network_find("mainnet"), list, ROOM);
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(hex_read(main_net[i], bytes, sizeof bytes));
        assert_int_equal(bitcoin_headers_begin(&headers, bytes, i, BEGIN),
                         TALLY_ANCHOR_IS_VERIFIED);
    }
    const struct bitcoin_header *tip = bitcoin_headers_tip(&headers, &list[0]);
    assert_int_equal(tip->height, 2);
    assert_int_equal(tip->run, 0);
    bitcoin_hash_write(&list[0].hash, text);
    assert_string_equal(text, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    assert_int_equal(tip->work.limbs[0], 3 * 0x00010001);
    assert_int_equal(tip->work.limbs[1], 3);
    /* Whatever bit is another: its hash is not below the target any more, or nothing leads to it.
     */
    for (size_t bit = 0; bit < 8 * BITCOIN_HEADER; bit++) {
        assert_true(hex_read(main_net[1], bytes, sizeof bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, BEGIN), TALLY_ANCHOR_IS_WORK);
    }
    assert_int_equal(headers.count, 3);
    /* Nor is it one of another network: there the target is another. */
    bitcoin_headers_init(&headers, bitcoin_network_find("regtest"), list, ROOM);
    for (uint64_t i = 0; i < 2; i++) {
        assert_true(hex_read(main_net[i], bytes, sizeof bytes));
        assert_int_equal(bitcoin_headers_begin(&headers, bytes, i, BEGIN),
                         TALLY_ANCHOR_IS_VERIFIED);
    }
}

/* ---- Mined here. ---- */

static void little(uint8_t *p, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* Hashes until the first byte that counts is below; 0x7f: every second. */
static void mine(uint8_t header[BITCOIN_HEADER], const struct tally_hash *before, uint32_t time_s,
                 uint32_t bits, uint8_t below, uint8_t mark)
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
        if (hash.bytes[31] < below)
            return;
    }
}

/* So many headers in `made`, on that hash. */
static void mine_some(uint8_t (*made)[BITCOIN_HEADER], size_t count, struct tally_hash before,
                      uint8_t mark)
{
    for (size_t i = 0; i < count; i++) {
        mine(made[i], &before, BEGIN + 600 * (uint32_t)i + mark, EASY, 0x7f, mark);
        bitcoin_hash(bytes_of(made[i], BITCOIN_HEADER), &before);
    }
}

static void begin_regtest(void)
{
    bitcoin_headers_init(&headers, bitcoin_network_find("regtest"), list, ROOM);
}

static void runs_that_meet_are_one(void **state)
{
    uint8_t made[12][BITCOIN_HEADER];
    (void)state;
    begin_regtest();
    mine_some(made, 12, (struct tally_hash){{5}}, 0);
    for (size_t i = 0; i < 12; i += i == 3 ? 3 : 1) /* 0..3, 6..11. */
        assert_int_equal(bitcoin_headers_begin(&headers, made[i], 100 + i, LATER),
                         TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(bitcoin_headers_tip(&headers, &list[0])->height, 103);
    assert_int_equal(bitcoin_headers_tip(&headers, &list[4])->height, 111);
    assert_int_equal(bitcoin_headers_add(&headers, made[5], LATER), TALLY_ANCHOR_IS_UNKNOWN_BLOCK);
    assert_int_equal(bitcoin_headers_add(&headers, made[4], LATER), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(bitcoin_headers_tip(&headers, &list[0])->height, 104);
    assert_int_equal(bitcoin_headers_add(&headers, made[5], LATER), TALLY_ANCHOR_IS_VERIFIED);
    const struct bitcoin_header *tip = bitcoin_headers_tip(&headers, &list[0]);
    assert_int_equal(tip->height, 111);
    assert_int_equal(tip->work.limbs[0], 24); /* All of it. */
    for (uint64_t height = 100; height < 112; height++) {
        const struct bitcoin_header *one = bitcoin_headers_at(&headers, tip, height);
        assert_memory_equal(one->bytes, made[height - 100], BITCOIN_HEADER);
        assert_true(bitcoin_headers_best(&headers, one));
    }
    assert_null(bitcoin_headers_at(&headers, tip, 99));
}

/* Heights are somebody's word; the order is not. Whoever is asked last says where it is. */
static void heights_are_on_the_last_word(void **state)
{
    uint8_t made[6][BITCOIN_HEADER];
    (void)state;
    begin_regtest();
    mine_some(made, 6, (struct tally_hash){{5}}, 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(bitcoin_headers_begin(&headers, made[i], 7 + i, LATER),
                         TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(bitcoin_headers_begin(&headers, made[4], 500, LATER),
                     TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(list[0].height, 496);
    assert_int_equal(list[4].height, 500);
    assert_int_equal(bitcoin_headers_begin(&headers, made[2], 12, LATER), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(list[0].height, 10);
    assert_int_equal(bitcoin_headers_begin(&headers, made[3], 1, LATER), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(list[0].height, 10); /* Nothing is below the first: that is no height of it. */
    assert_int_equal(headers.count, 5);
}

/* ---- Work. ---- */

/* A network whose target follows the time, at regtest's price: at the end of a period one branch
   took its time and the other did not, so its blocks are worth four times as much. */
static const struct bitcoin_network dear = {"dear", EASY, true};

static void a_shorter_branch_with_more_work_wins(void **state)
{
    enum { PERIOD = 2016, HARD = 0x201fffff };
    uint8_t bytes[BITCOIN_HEADER];
    struct tally_hash before = {{0}};
    (void)state;
    bitcoin_headers_init(&headers, &dear, list, ROOM);
    for (uint32_t i = 0; i + 1 < PERIOD; i++) {
        mine(bytes, &before, BEGIN + i, EASY, 0x7f, 0);
        assert_int_equal(bitcoin_headers_begin(&headers, bytes, i, LATER),
                         TALLY_ANCHOR_IS_VERIFIED);
        before = list[i].hash;
    }
    const struct tally_hash parting = before;
    /* Long, and cheap: its last block of the period came after two weeks. */
    for (uint32_t i = 0; i < 7; i++) {
        mine(bytes, &before, BEGIN + 14 * 24 * 3600 + i, EASY, 0x7f, 1);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, LATER), TALLY_ANCHOR_IS_VERIFIED);
        bitcoin_hash(bytes_of(bytes, BITCOIN_HEADER), &before);
    }
    const struct bitcoin_header *longest = bitcoin_headers_find(&headers, &before);
    assert_ptr_equal(bitcoin_headers_tip(&headers, &list[0]), longest);
    /* Short, and dear. A target that is not the rule's is refused, whatever its work. */
    mine(bytes, &parting, BEGIN + PERIOD, EASY, 0x7f, 2);
    assert_int_equal(bitcoin_headers_add(&headers, bytes, LATER), TALLY_ANCHOR_IS_VERIFIED);
    bitcoin_hash(bytes_of(bytes, BITCOIN_HEADER), &before);
    static const uint32_t wrong[] = {EASY, 0x203fffff, 0x201ffffe, 0x200fffff, 0x1f7fffff};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mine(bytes, &before, BEGIN + PERIOD + 1, wrong[i], i < 4 ? 0x0f : 1, 2);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, LATER), TALLY_ANCHOR_IS_WORK);
    }
    for (uint32_t i = 1; i < 3; i++) {
        mine(bytes, &before, BEGIN + PERIOD + i, HARD, 0x1f, 2);
        assert_int_equal(bitcoin_headers_add(&headers, bytes, LATER), TALLY_ANCHOR_IS_VERIFIED);
        bitcoin_hash(bytes_of(bytes, BITCOIN_HEADER), &before);
    }
    const struct bitcoin_header *best = bitcoin_headers_tip(&headers, &list[0]);
    assert_true(hash_equal(&best->hash, &before));
    assert_true(best->height < longest->height);
    assert_false(bitcoin_headers_best(&headers, longest));
    assert_true(bitcoin_headers_compete(&headers, best));
}

/* As much is not more: the chain is who was first, on whatever disk it comes back from. */
static void a_tie_changes_nothing(void **state)
{
    uint8_t made[4][BITCOIN_HEADER], other[4][BITCOIN_HEADER];
    (void)state;
    begin_regtest();
    mine_some(made, 4, (struct tally_hash){{5}}, 0);
    assert_int_equal(bitcoin_headers_begin(&headers, made[0], 50, LATER), TALLY_ANCHOR_IS_VERIFIED);
    mine_some(other, 3, list[0].hash, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bitcoin_headers_add(&headers, made[i + 1], LATER),
                         TALLY_ANCHOR_IS_VERIFIED);
        assert_int_equal(bitcoin_headers_add(&headers, other[i], LATER), TALLY_ANCHOR_IS_VERIFIED);
        assert_memory_equal(bitcoin_headers_tip(&headers, &list[0])->bytes, made[i + 1],
                            BITCOIN_HEADER);
    }
}

/* Back and forth: of two branches each is the chain as long as it has more work. */
static void a_branch_comes_back(void **state)
{
    uint8_t one[16][BITCOIN_HEADER], other[16][BITCOIN_HEADER];
    const struct bitcoin_policy policy = {.depth = 3, .now_s = LATER, .old_tip = true};
    const struct bitcoin_path path = {0};
    const struct bitcoin_header *found;
    struct tally_hash block, txid = {{0}};
    (void)state;
    begin_regtest();
    mine_some(one, 16, (struct tally_hash){{5}}, 0);
    assert_int_equal(bitcoin_headers_begin(&headers, one[0], 50, LATER), TALLY_ANCHOR_IS_VERIFIED);
    mine_some(other, 16, list[0].hash, 1);
    bitcoin_hash(bytes_of(one[1], BITCOIN_HEADER), &block);
    static const struct {
        size_t one, other; /* Headers that were seen. */
        enum tally_anchor_reason reason;
    } steps[] = {
        {2, 0, TALLY_ANCHOR_IS_DEPTH},     {4, 0, TALLY_ANCHOR_IS_VERIFIED},
        {4, 2, TALLY_ANCHOR_IS_COMPETING}, {4, 4, TALLY_ANCHOR_IS_REORGED},
        {6, 4, TALLY_ANCHOR_IS_COMPETING}, {12, 4, TALLY_ANCHOR_IS_VERIFIED},
        {12, 15, TALLY_ANCHOR_IS_REORGED},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (size_t at = 0; at < steps[i].one; at++)
            assert_int_equal(bitcoin_headers_add(&headers, one[at], LATER),
                             TALLY_ANCHOR_IS_VERIFIED);
        for (size_t at = 0; at < steps[i].other; at++)
            assert_int_equal(bitcoin_headers_add(&headers, other[at], LATER),
                             TALLY_ANCHOR_IS_VERIFIED);
        assert_int_equal(bitcoin_place_check(&headers, &policy, &txid, &block, &path, &found),
                         steps[i].reason);
    }
}

static void what_is_full_says_so(void **state)
{
    uint8_t made[4][BITCOIN_HEADER];
    (void)state;
    bitcoin_headers_init(&headers, bitcoin_network_find("regtest"), list, 2);
    mine_some(made, 4, (struct tally_hash){{5}}, 0);
    assert_int_equal(bitcoin_headers_begin(&headers, made[0], 1, LATER), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(bitcoin_headers_begin(&headers, made[2], 3, LATER), TALLY_ANCHOR_IS_VERIFIED);
    assert_int_equal(bitcoin_headers_begin(&headers, made[1], 2, LATER), TALLY_ANCHOR_IS_SIZE);
    assert_int_equal(bitcoin_headers_add(&headers, made[3], LATER), TALLY_ANCHOR_IS_SIZE);
    assert_int_equal(bitcoin_headers_add(&headers, made[0], LATER), TALLY_ANCHOR_IS_VERIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_three_of_the_main_network),
        cmocka_unit_test(runs_that_meet_are_one),
        cmocka_unit_test(heights_are_on_the_last_word),
        cmocka_unit_test(a_shorter_branch_with_more_work_wins),
        cmocka_unit_test(a_tie_changes_nothing),
        cmocka_unit_test(a_branch_comes_back),
        cmocka_unit_test(what_is_full_says_so),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

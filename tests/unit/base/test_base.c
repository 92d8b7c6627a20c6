/* SPDX-License-Identifier: Apache-2.0 */
/* The foundations, each as a table of what goes in and what must come out. */
#include "core/base/backoff.h"
#include "core/base/base58.h"
#include "core/base/base64.h"
#include "core/base/blocks.h"
#include "core/base/bucket.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/base/outbox.h"
#include "core/base/replay.h"

#include "support/cmocka.h"

static void base64_has_one_form(void **state)
{
    static const struct {
        const char *text, *plain;
        bool good;
    } cases[] = {
        {"", "", true},       {"Zg==", "f", true},    {"Zm8=", "fo", true}, {"Zm9v", "foo", true},
        {"Zh==", "f", false}, {"Zm9=", "fo", false},  {"Zg", "f", false},   {"Zg=", "f", false},
        {"Z===", "", false},  {"Zm9\n", "fo", false}, {"====", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[8];
        size_t count = 0;
        bool good = base64_read(cases[i].text, strlen(cases[i].text), bytes, sizeof bytes, &count);
        assert_int_equal(good, cases[i].good);
        if (!good)
            continue;
        assert_true(bytes_equal(bytes_of(bytes, count), bytes_text(cases[i].plain)));
        char text[16] = "";
        base64_write(bytes_text(cases[i].plain), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void base58_keeps_leading_zeros(void **state)
{
    static const struct {
        const char *hex, *text;
    } cases[] = {
        {"", ""},
        {"00", "1"},
        {"0000287fb4cd", "11233QC4"},
        {"61", "2g"},
        {"516b6fcd0f", "ABnLTmg"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[16], again[16];
        char text[32];
        size_t size = strlen(cases[i].hex) / 2, count = 99;
        assert_true(hex_read(cases[i].hex, bytes, size));
        assert_int_equal(base58_write(bytes_of(bytes, size), text, sizeof text),
                         strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_true(base58_read(text, strlen(text), again, sizeof again, &count));
        assert_true(bytes_equal(bytes_of(again, count), bytes_of(bytes, size)));
    }
    uint8_t bytes[4];
    size_t count;
    assert_false(base58_read("0", 1, bytes, sizeof bytes, &count));
    assert_false(base58_read("zzzzzzzzzz", 10, bytes, sizeof bytes, &count));
}

static void bucket_fills_with_time(void **state)
{
    static const struct {
        uint64_t ms;
        bool given;
    } story[] = {{0, true},    {0, true},   {0, false},    {99, false},   {100, true},
                 {150, false}, {200, true}, {10000, true}, {10000, true}, {10000, false}};
    struct bucket bucket;
    bucket_init(&bucket, 10, 2, (struct tally_mono){0});
    for (size_t i = 0; i < sizeof story / sizeof *story; i++)
        assert_int_equal(bucket_take(&bucket, (struct tally_mono){story[i].ms}), story[i].given);
}

static void a_bucket_of_one_word_gives_the_same(void **state)
{
    const struct bucket_rate rates[] = {{2, 120}, {10, 40}, {1000, 1000}, {10, 2}, {1, 1}};
    struct random random = {7};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct tally_mono now = {random_below(&random, 1000000)};
        struct bucket bucket;
        struct bucket_word word = {0};
        bucket_init(&bucket, rates[i].rate, rates[i].burst, now);
        for (unsigned turn = 0; turn < 20000; turn++) {
            bool longer = random_below(&random, 100) == 0;
            now.ms += random_below(&random, longer ? 100000 : 3000 / rates[i].rate + 2);
            assert_int_equal(bucket_word_has(&word, rates[i], now), bucket_has(&bucket, now));
            assert_int_equal(bucket_word_take(&word, rates[i], now), bucket_take(&bucket, now));
        }
    }
}

static void replay_window_has_exact_edges(void **state)
{
    uint64_t bits[TALLY_REPLAY_WINDOW / 64 + 1] = {0};
    struct replay replay = {.bits = bits, .words = (uint32_t)replay_words(TALLY_REPLAY_WINDOW)};
    static const struct {
        uint64_t counter;
        bool fresh;
    } story[] = {{0, true},      {0, false},     {5, true},     {3, true},
                 {3, false},     {2100, true},   {52, false},   {53, true},
                 {53, false},    {2101, true},   {53, false},   {54, true},
                 {100000, true}, {97952, false}, {97953, true}, {UINT64_MAX, false}};
    /* Greatest g: fresh down to g - 2047. */
    for (size_t i = 0; i < sizeof story / sizeof *story; i++) {
        bool fresh = replay_fresh(&replay, story[i].counter);
        assert_int_equal(fresh, story[i].fresh);
        if (fresh)
            replay_take(&replay, story[i].counter);
    }
}

static void a_small_replay_window_is_used_again(void **state)
{
    uint64_t bits[256 / 64 + 1] = {0};
    struct replay replay = {.bits = bits, .words = (uint32_t)replay_words(256)};
    assert_int_equal(replay.words, 5);
    for (unsigned round = 0; round < 2; round++) {
        replay_take(&replay, 1000);
        assert_true(replay_fresh(&replay, 745)); /* 255 below. */
        assert_false(replay_fresh(&replay, 744));
        replay_take(&replay, 745);
        assert_false(replay_fresh(&replay, 745));
        replay_take(&replay, 5000);
        assert_false(replay_fresh(&replay, 1000));
        replay_reset(&replay);
    }
}

static void backoff_doubles_to_its_cap(void **state)
{
    struct random random = {7};
    struct backoff backoff = {.first_ms = 100, .cap_ms = 1000};
    static const uint64_t waits[] = {100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        uint64_t wait = backoff_next(&backoff, &random);
        assert_in_range(wait, waits[i] * 8 / 10, waits[i] * 12 / 10);
    }
    backoff_reset(&backoff);
    assert_in_range(backoff_next(&backoff, &random), 80, 120);
}

static void outbox_loses_datagrams_rather_than_overflow(void **state)
{
    struct tally_action actions[2], action;
    uint8_t arena[8];
    struct outbox outbox;
    outbox_init(&outbox, actions, 2, arena, sizeof arena);
    struct tally_address to = {.port = 9};
    outbox_send(&outbox, &to, bytes_text("12345"));
    outbox_send(&outbox, &to, bytes_text("6789"));
    assert_int_equal(outbox.lost, 1);
    assert_true(outbox_next(&outbox, &action));
    assert_true(bytes_equal(action.send.bytes, bytes_text("12345")));
    assert_false(outbox_next(&outbox, &action));
}

static void blocks_given_back_come_first_and_no_more_are_touched(void **state)
{
    struct blocks blocks;
    assert_true(blocks_new(&blocks, 3, 10));
    uint8_t *a = blocks_take(&blocks), *b = blocks_take(&blocks);
    assert_true((uintptr_t)a % 16 == 0 && (uintptr_t)b % 16 == 0 && a != b);
    memset(a, 1, 10);
    memset(b, 2, 10);
    blocks_give(&blocks, a);
    blocks_give(&blocks, NULL);
    assert_ptr_equal(blocks_take(&blocks), a);
    assert_int_equal(blocks.fresh, 2);
    assert_int_equal(b[9], 2);
    assert_non_null(blocks_take(&blocks));
    assert_null(blocks_take(&blocks));
    assert_int_equal(blocks.taken, 3);
    blocks_free(&blocks);
    /* Few may have all they want at once, of many an eighth. */
    assert_int_equal(blocks_share(10, 4), 40);
    assert_int_equal(blocks_share(BLOCKS_FEW + 8, 4), BLOCKS_FEW * 4 + 4);
}

static void every_code_has_name_and_text(void **state)
{
    assert_string_equal(tally_error_name(TALLY_FULL), "FULL");
    for (int drop = 0; drop < TALLY_DROP_COUNT; drop++) {
        assert_non_null(tally_drop_name((enum tally_drop)drop));
        assert_non_null(tally_drop_text((enum tally_drop)drop));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_has_one_form),
        cmocka_unit_test(base58_keeps_leading_zeros),
        cmocka_unit_test(bucket_fills_with_time),
        cmocka_unit_test(a_bucket_of_one_word_gives_the_same),
        cmocka_unit_test(replay_window_has_exact_edges),
        cmocka_unit_test(a_small_replay_window_is_used_again),
        cmocka_unit_test(backoff_doubles_to_its_cap),
        cmocka_unit_test(outbox_loses_datagrams_rather_than_overflow),
        cmocka_unit_test(blocks_given_back_come_first_and_no_more_are_touched),
        cmocka_unit_test(every_code_has_name_and_text),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When records and values are put again. */
#include "people.h"

#include "core/base/bytes.h"
#include "core/dht/publish.h"

#include "support/cmocka.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static struct tally_hash target(uint8_t number)
{
    return (struct tally_hash){{number}};
}

/* Lets the time pass from deadline to deadline; how often that target was put, and when last. */
static unsigned run(struct publish *publish, uint64_t from_ms, uint64_t to_ms,
                    const struct tally_hash *of, uint64_t *last_ms)
{
    unsigned puts = 0;
    uint64_t base = people_now(0).mono.ms, at = from_ms;
    while (at < to_ms) {
        struct publish_item item;
        while (publish_next(publish, people_now(at), &item)) {
            if (!hash_equal(&item.target, of))
                continue;
            puts++;
            *last_ms = at;
        }
        assert_true(publish_holds(publish));
        uint64_t next = publish_deadline(publish).ms;
        assert_true(next == UINT64_MAX || next > base + at);
        at = next == UINT64_MAX ? to_ms : next - base;
    }
    return puts;
}

static void a_quiet_log_is_put_about_twice_a_day(void **state)
{
    struct publish publish;
    const struct tally_hash log = target(1);
    uint64_t last = 0;
    assert_true(publish_new(&publish, 4, 7));
    assert_int_equal(publish_deadline(&publish).ms, UINT64_MAX);
    publish_changed(&publish, people_now(0), PUBLISH_LOG, &log);
    assert_int_equal(run(&publish, 0, MINUTE, &log, &last), 1);
    assert_in_range(last, 0, PUBLISH_SOON_MS);
    assert_in_range(run(&publish, MINUTE, 240 * HOUR, &log, &last), 18, 25);
    /* Each within 24 h of the one before, whatever the jitter: no value ends meanwhile. */
    for (unsigned i = 0; i < 50; i++) {
        struct publish_item item;
        uint64_t before = last;
        assert_int_equal(run(&publish, last + 1,
                             publish_deadline(&publish).ms - people_now(0).mono.ms + 1, &log,
                             &last),
                         1);
        assert_in_range(last - before, PUBLISH_AGAIN_MS * 8 / 10, PUBLISH_AGAIN_MS / 10 * 12);
        assert_false(publish_next(&publish, people_now(last), &item));
    }
    publish_free(&publish);
}

static void a_log_that_grows_all_the_time_is_put_each_ten_minutes(void **state)
{
    struct publish publish;
    const struct tally_hash log = target(1), record = target(2);
    uint64_t log_last = 0, record_last = 0;
    unsigned log_puts = 0, record_puts = 0;
    assert_true(publish_new(&publish, 4, 7));
    for (uint64_t at = 0; at < HOUR; at += 2000) {
        publish_changed(&publish, people_now(at), PUBLISH_LOG, &log);
        publish_changed(&publish, people_now(at), PUBLISH_RECORD, &record);
        struct publish_item item;
        while (publish_next(&publish, people_now(at), &item)) {
            bool is_log = hash_equal(&item.target, &log);
            assert_int_equal(item.kind, is_log ? PUBLISH_LOG : PUBLISH_RECORD);
            uint64_t *last = is_log ? &log_last : &record_last;
            uint64_t rest = is_log ? PUBLISH_LOG_MS : PUBLISH_RECORD_MS;
            assert_true(*last == 0 || at - *last >= rest);
            *last = at;
            log_puts += is_log;
            record_puts += !is_log;
        }
    }
    assert_int_equal(log_puts, 6);
    assert_in_range(record_puts, 55, 60);
    publish_free(&publish);
}

static void holders_spread_out_and_do_not_put_what_another_just_put(void **state)
{
    struct publish publish;
    const struct tally_hash log = target(1), gone = target(3);
    uint64_t last = 0;
    assert_true(publish_new(&publish, 4, 7));
    publish_held(&publish, people_now(0), &log);
    publish_held(&publish, people_now(0), &gone);
    publish_forget(&publish, &gone);
    /* Somebody else puts it every nine hours. */
    for (uint64_t at = 0; at < 90 * (uint64_t)HOUR; at += 9 * HOUR) {
        publish_seen(&publish, people_now(at), &log);
        assert_int_equal(run(&publish, at, at + 9 * HOUR, &log, &last), 0);
    }
    /* And then nobody. */
    assert_int_equal(run(&publish, 90 * (uint64_t)HOUR, 96 * (uint64_t)HOUR, &log, &last), 1);
    assert_int_equal(run(&publish, 96 * (uint64_t)HOUR, 120 * (uint64_t)HOUR, &gone, &last), 0);
    /* What changed is put all the same. */
    publish_changed(&publish, people_now(200 * (uint64_t)HOUR), PUBLISH_LOG, &log);
    publish_seen(&publish, people_now(200 * (uint64_t)HOUR), &log);
    assert_int_equal(
        run(&publish, 200 * (uint64_t)HOUR, 200 * (uint64_t)HOUR + MINUTE, &log, &last), 1);
    publish_failed(&publish, people_now(last), &log);
    assert_int_equal(run(&publish, last, last + 13 * MINUTE, &log, &last), 1);
    publish_free(&publish);
}

/* A mesh that begins with few and doubles each ten minutes, to a thousand times as many. */
static void what_was_put_among_few_is_put_again_among_more(void **state)
{
    struct publish publish;
    const struct tally_hash record = target(1), log = target(2);
    uint64_t last = 0, gap = UINT64_MAX;
    unsigned puts = 0;
    assert_true(publish_new(&publish, 4, 7));
    publish_gap(&publish, people_now(0), gap);
    publish_changed(&publish, people_now(0), PUBLISH_RECORD, &record);
    publish_changed(&publish, people_now(0), PUBLISH_LOG, &log);
    assert_int_equal(run(&publish, 0, MINUTE, &record, &last), 1);
    gap = UINT64_C(1) << 60;
    for (uint64_t at = MINUTE; at < HOUR + 40 * MINUTE; at += 20000) {
        publish_gap(&publish, people_now(at), gap >> at / (10 * MINUTE));
        unsigned now = run(&publish, at, at + 20000, &record, &last);
        assert_in_range(now, 0, 1);
        puts += now;
    }
    /* Once when there were enough to tell how many; then each time at twice as many. */
    assert_in_range(puts, 5, 10);
    /* It stands still: nothing to do. Somebody comes near and goes, over and over: once. */
    uint64_t at = 3 * (uint64_t)HOUR;
    gap >>= 9;
    publish_gap(&publish, people_now(at), gap);
    (void)run(&publish, at, at + 10 * MINUTE, &record, &last);
    puts = 0;
    for (unsigned i = 0; i < 60; i++) {
        at = 3 * (uint64_t)HOUR + (10 + i) * MINUTE;
        publish_gap(&publish, people_now(at), i % 2 == 0 ? gap >> 4 : gap);
        puts += run(&publish, at, at + MINUTE, &record, &last);
    }
    assert_in_range(puts, 1, 2);
    publish_free(&publish);
}

/* They come one by one, not all at once, and none more often than otherwise. */
static void logs_are_put_again_over_ten_minutes(void **state)
{
    enum { LOGS = 20 };
    struct publish publish;
    struct publish_item item;
    unsigned puts = 0, crowd = 0;
    assert_true(publish_new(&publish, LOGS, 7));
    publish_gap(&publish, people_now(0), 1000);
    for (uint8_t i = 1; i <= LOGS; i++) {
        const struct tally_hash log = target(i);
        publish_changed(&publish, people_now(0), PUBLISH_LOG, &log);
    }
    for (; publish_next(&publish, people_now(3000), &item); puts++)
        ;
    assert_int_equal(puts, LOGS);
    publish_gap(&publish, people_now(HOUR), 499);
    for (uint64_t at = HOUR; at <= HOUR + PUBLISH_LOG_MS; at += 10000) {
        unsigned now = 0;
        for (; publish_next(&publish, people_now(at), &item); now++)
            ;
        crowd = now > crowd ? now : crowd;
        puts += now;
        publish_gap(&publish, people_now(at), 1);
    }
    assert_in_range(puts, 2 * LOGS, 2 * LOGS + LOGS / 2);
    assert_in_range(crowd, 1, 4);
    publish_free(&publish);
}

static void what_has_no_room_is_left_out(void **state)
{
    struct publish publish;
    uint64_t last = 0;
    assert_true(publish_new(&publish, 2, 7));
    for (uint8_t i = 1; i < 9; i++) {
        const struct tally_hash log = target(i);
        publish_changed(&publish, people_now(0), PUBLISH_LOG, &log);
        publish_held(&publish, people_now(0), &log);
    }
    assert_int_equal(run(&publish, 0, MINUTE, &(struct tally_hash){{2}}, &last), 1);
    assert_int_equal(run(&publish, MINUTE, 20 * HOUR, &(struct tally_hash){{3}}, &last), 0);
    publish_free(&publish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_log_is_put_about_twice_a_day),
        cmocka_unit_test(a_log_that_grows_all_the_time_is_put_each_ten_minutes),
        cmocka_unit_test(holders_spread_out_and_do_not_put_what_another_just_put),
        cmocka_unit_test(what_was_put_among_few_is_put_again_among_more),
        cmocka_unit_test(logs_are_put_again_over_ten_minutes),
        cmocka_unit_test(what_has_no_room_is_left_out),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}

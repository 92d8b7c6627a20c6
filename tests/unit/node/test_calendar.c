/* SPDX-License-Identifier: Apache-2.0 */
/* What day it is: our clock, who agrees with it, and what was counted since. */
#include "support/cmocka.h"

#include "core/node/calendar.h"
#include "tally/limits.h"

enum { DAY_S = 86400 };

static struct tally_now at(int days, unsigned uptime_s)
{
    return (struct tally_now){{1000 + UINT64_C(1000) * uptime_s},
                              {INT64_C(1000000) * DAY_S * days}};
}

/* A life, told as looks at peers and what day it then is for a log whose newest is of day 100. */
struct look {
    unsigned uptime_s;
    int wall; /* Days that our clock shows. */
    size_t known, agreeing;
    bool disputed;
    int latest; /* Days that are believed. */
};

static void live(const struct look *looks, size_t count)
{
    struct calendar calendar;
    calendar_start(&calendar, at(looks[0].wall, 0));
    for (size_t i = 0; i < count; i++) {
        const struct look *look = &looks[i];
        const struct tally_now now = at(look->wall, look->uptime_s);
        calendar_look(&calendar, now, look->known, look->agreeing);
        struct tally_wall latest = calendar_latest(&calendar, now, at(100, 0).wall);
        assert_int_equal(calendar.disputed, look->disputed);
        assert_int_equal(latest.us / 1000000 / DAY_S, look->latest);
    }
}

static void who_meets_nobody_goes_by_the_newest_receipt(void **state)
{
    static const struct look looks[] = {
        {0, 5000, 0, 0, false, 100},         {10, 5000, 0, 0, false, 100},
        {2 * DAY_S, 5002, 0, 0, false, 102}, {2 * DAY_S, 90, 0, 0, false, 90},
        {3 * DAY_S, 103, 0, 0, false, 103},
    };
    live(looks, sizeof looks / sizeof *looks);
}

static void most_peers_must_agree(void **state)
{
    static const struct look looks[] = {
        {0, 130, 1, 0, true, 100},   {10, 130, 2, 1, true, 100},  {20, 130, 3, 1, true, 100},
        {30, 130, 3, 2, false, 130}, {40, 130, 1, 1, false, 130}, {50, 130, 5, 2, true, 130},
    };
    live(looks, sizeof looks / sizeof *looks);
}

static void once_confirmed_it_counts_on(void **state)
{
    static const struct look looks[] = {
        {0, 130, 4, 4, false, 130},
        /* The peers go, and then somebody sets the clock. */
        {DAY_S, 131, 0, 0, false, 131},
        {2 * DAY_S, 900, 0, 0, false, 132},
        {2 * DAY_S, 120, 0, 0, false, 120},
        /* They come back, and say that it is wrong; then that it is right. */
        {3 * DAY_S, 900, 4, 0, true, 133},
        {4 * DAY_S, 134, 4, 4, false, 134},
    };
    live(looks, sizeof looks / sizeof *looks);
}

static void a_receipt_of_the_future_moves_no_clock(void **state)
{
    struct calendar calendar;
    const struct tally_now now = at(50, 10);
    calendar_start(&calendar, at(50, 0));
    const struct tally_wall far = {INT64_MAX}, first = {0}, before = {INT64_MIN / 2};
    assert_int_equal(calendar_latest(&calendar, now, far).us, now.wall.us);
    assert_int_equal(calendar_latest(&calendar, now, first).us, 10000000);
    assert_true(calendar_latest(&calendar, now, before).us < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_meets_nobody_goes_by_the_newest_receipt),
        cmocka_unit_test(most_peers_must_agree),
        cmocka_unit_test(once_confirmed_it_counts_on),
        cmocka_unit_test(a_receipt_of_the_future_moves_no_clock),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest nodes are in everybody's table: how often they are asked for its sake. */
#include "rows.h"

/* How often a contact of a full bucket was asked in some time; all answer, and it says whether it
   is crowded. */
static unsigned asked_of(struct table *table, uint64_t *ms, uint64_t hours,
                         const struct tally_key *of, bool crowded)
{
    unsigned asked = 0;
    for (uint64_t end = *ms + hours * 3600000; *ms < end; *ms += 1000) {
        struct tally_now now = {{*ms}, {0}};
        struct table_probe probe;
        if (!table_probe(table, now, &probe))
            continue;
        (void)table_answered(table, now, &probe.key, &probe.address, 50);
        if (!key_equal(&probe.key, of))
            continue;
        asked++;
        table_crowded(table, now, of, crowded);
    }
    return asked;
}

static void who_is_crowded_stays_and_is_asked_rarely(void **state)
{
    struct table table;
    uint64_t n = 0, ms = at_s(0).mono.ms;
    const struct contact *first;
    setup(&table, 0);
    struct tally_key old = key_in(&table, NARROW, &n), key = old;
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++) {
        (void)answered(&table, 0, &key, n);
        key = key_in(&table, NARROW, &n);
    }
    assert_in_range(asked_of(&table, &ms, 24, &old, false), 90, 24 * 4);
    /* 15 min, 2 h, 16 h, 2.7 days. */
    assert_in_range(asked_of(&table, &ms, 24, &old, true), 3, 4);
    assert_in_range(asked_of(&table, &ms, 240, &old, true), 3, 6);
    /* It stays, however many come; but others are not told of it. */
    struct tally_now now = {{ms}, {0}};
    for (unsigned i = 0; i < 1000; i++) {
        key = key_in(&table, NARROW, &n);
        struct tally_address address = address_number(n);
        (void)table_answered(&table, now, &key, &address, 50);
    }
    assert_true(is_live(&table, &old));
    struct tally_hash point = find(&table, &old)->point;
    assert_int_equal(table_closest(&table, now, &point, true, &first, 1), 1);
    assert_false(key_equal(&first->key, &old));
    assert_int_equal(table_closest(&table, now, &point, false, &first, 1), 1);
    assert_true(key_equal(&first->key, &old));
    /* Not crowded any more: some days later it is one like the others. */
    (void)asked_of(&table, &ms, 240, &old, false);
    assert_in_range(asked_of(&table, &ms, 24, &old, false), 80, 24 * 4);
    table_free(&table);
}

static void neighbours_are_asked_however_crowded(void **state)
{
    struct table table;
    uint64_t n = 0, ms = at_s(0).mono.ms;
    setup(&table, 0);
    struct tally_key near = key_in(&table, 5, &n);
    (void)answered(&table, 0, &near, n);
    assert_in_range(asked_of(&table, &ms, 24, &near, true), 24 * 11, 24 * 12);
    table_free(&table);
}

static void not_all_of_a_bucket_rest(void **state)
{
    struct table table;
    const struct contact *list[TABLE_K];
    uint64_t n = 0, ms = at_s(0).mono.ms;
    setup(&table, 0);
    for (unsigned i = 0; i < TABLE_K; i++) {
        struct tally_key key = key_in(&table, NARROW, &n);
        (void)answered(&table, 0, &key, n);
    }
    /* Everybody says it is crowded, as liars may. */
    for (uint64_t end = ms + UINT64_C(72) * 3600000; ms < end; ms += 1000) {
        struct tally_now now = {{ms}, {0}};
        struct table_probe probe;
        if (!table_probe(&table, now, &probe))
            continue;
        (void)table_answered(&table, now, &probe.key, &probe.address, 50);
        table_crowded(&table, now, &probe.key, true);
    }
    struct tally_now now = {{ms}, {0}};
    size_t fresh = table_closest(&table, now, &table.point, true, list, TABLE_K);
    assert_in_range(fresh, TABLE_K / 2, TABLE_K);
    table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_crowded_stays_and_is_asked_rarely),
        cmocka_unit_test(neighbours_are_asked_however_crowded),
        cmocka_unit_test(not_all_of_a_bucket_rest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-crowd", tests, NULL, NULL);
}

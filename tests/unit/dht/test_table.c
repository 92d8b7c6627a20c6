/* SPDX-License-Identifier: Apache-2.0 */
/* The routing table: who is let in, who stays, who is asked, who is named to others. */
#include "rows.h"

#include <stdlib.h>

static enum tally_drop offer(struct table *table, uint64_t s, const struct tally_key *key,
                             uint64_t place)
{
    struct tally_address address = address_number(place);
    enum tally_drop drop = table_offer(table, at_s(s), key, &address);
    assert_true(table->count > 100 || table_holds(table));
    return drop;
}

/* ---- */

static void metric_is_xor(void **state)
{
    struct tally_hash target = {{0x0f}}, near = {{0x0e}}, far = {{0x8f}}, same = target;
    assert_int_equal(metric_shared(&target, &near), 7);
    assert_int_equal(metric_shared(&target, &far), 0);
    assert_int_equal(metric_shared(&target, &same), METRIC_BITS);
    assert_true(metric_compare(&target, &near, &far) < 0);
    assert_true(metric_compare(&target, &far, &near) > 0);
    assert_int_equal(metric_compare(&target, &near, &near), 0);
    near.bytes[31] = 1;
    assert_true(metric_compare(&near, &near, &target) < 0);
    assert_int_equal(metric_near(&target, &far) >> 56, 0x80);
}

static void the_closest_are_the_closest(void **state)
{
    struct table table;
    setup(&table, 0);
    for (uint64_t n = 0; n < 2000; n++) {
        struct tally_key key = key_number(n);
        (void)answered(&table, 2000, &key, n);
    }
    for (uint64_t n = 0; n < 200; n++) {
        struct tally_key key = key_number(5000 + n);
        struct tally_hash target;
        const struct contact *list[20];
        metric_point(&key, &target);
        size_t count = table_closest(&table, at_s(2001), &target, true, list, 20);
        assert_int_equal(count, 20);
        for (size_t i = 1; i < count; i++)
            assert_true(metric_compare(&target, &list[i - 1]->point, &list[i]->point) < 0);
        /* Nobody in a bucket is closer who is not in the list. */
        size_t closer = 0;
        for (unsigned b = 0; b < TABLE_BUCKETS; b++)
            for (unsigned i = 0; i < table.buckets[b].count && i < table.buckets[b].width; i++)
                closer += metric_compare(&target, &table.contacts[table.buckets[b].list[i]].point,
                                         &list[19]->point) <= 0;
        assert_int_equal(closer, 20);
    }
    table_free(&table);
}

static void who_answers_stays_however_many_come(void **state)
{
    struct table table;
    struct tally_key old[TABLE_K];
    uint64_t n = 0;
    setup(&table, 0);
    for (unsigned i = 0; i < TABLE_K; i++) {
        old[i] = key_in(&table, NARROW, &n);
        assert_int_equal(answered(&table, i, &old[i], i), TALLY_DROP_NONE);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct tally_key late = key_in(&table, NARROW, &n);
        assert_int_equal(answered(&table, 100 + i, &late, 100 + i), TALLY_DROP_NONE);
        assert_non_null(find(&table, &late));
        assert_false(is_live(&table, &late));
    }
    for (unsigned i = 0; i < TABLE_K; i++)
        assert_true(is_live(&table, &old[i]));
    assert_int_equal(table_count(&table), TABLE_K);
    assert_int_equal(table.count, TABLE_K + TABLE_SPARES);
    table_free(&table);
}

static void hearsay_displaces_nobody_who_answered(void **state)
{
    struct table table;
    struct tally_key proved[TABLE_K + TABLE_SPARES], hint;
    uint64_t n = 0;
    setup(&table, 0);
    /* A flood of hints fills the bucket first. */
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++) {
        hint = key_in(&table, NARROW, &n);
        assert_int_equal(offer(&table, 0, &hint, 1000 + i), TALLY_DROP_NONE);
    }
    assert_int_equal(offer(&table, 0, &hint, 1000), TALLY_DROP_SEEN);
    /* Who answers comes in all the same, and in front. */
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++) {
        proved[i] = key_in(&table, NARROW, &n);
        assert_int_equal(answered(&table, 1 + i, &proved[i], i), TALLY_DROP_NONE);
        assert_int_equal(is_live(&table, &proved[i]), i < TABLE_K);
    }
    /* Now there is no place for hints any more. */
    for (unsigned i = 0; i < 100; i++) {
        hint = key_in(&table, NARROW, &n);
        assert_int_equal(offer(&table, 100, &hint, 2000 + i), TALLY_DROP_BUSY);
    }
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++)
        assert_non_null(find(&table, &proved[i]));
    table_free(&table);
}

static void hints_give_way_to_hints_by_chance(void **state)
{
    struct table table;
    struct tally_key first[TABLE_K + TABLE_SPARES], hint;
    unsigned kept = 0;
    uint64_t n = 0;
    setup(&table, 0);
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++) {
        first[i] = key_in(&table, NARROW, &n);
        (void)offer(&table, 0, &first[i], i);
    }
    for (unsigned i = 0; i < TABLE_SPARES; i++) {
        hint = key_in(&table, NARROW, &n);
        assert_int_equal(offer(&table, 0, &hint, 100 + i), TALLY_DROP_NONE);
    }
    for (unsigned i = 0; i < TABLE_K + TABLE_SPARES; i++)
        kept += find(&table, &first[i]) != NULL;
    /* Those in the bucket itself wait for their probe; of the spares some are gone, not all. */
    assert_in_range(kept, TABLE_K + 1, TABLE_K + TABLE_SPARES - 2);
    table_free(&table);
}

static void the_dead_make_way_for_the_spare_heard_last(void **state)
{
    struct table table;
    struct tally_key keys[TABLE_K + 3];
    uint64_t n = 0;
    setup(&table, 0);
    for (unsigned i = 0; i < TABLE_K + 3; i++) {
        keys[i] = key_in(&table, NARROW, &n);
        (void)answered(&table, i, &keys[i], i);
    }
    (void)answered(&table, 50, &keys[TABLE_K + 1], TABLE_K + 1); /* A lookup met it again. */

    static const struct {
        uint64_t s;
        bool other_heard, there;
    } silences[] = {{100, true, true},
                    {120, true, true},
                    {140, true, true},
                    {159, true, true},
                    {160, true, false}};
    for (size_t i = 0; i < sizeof silences / sizeof *silences; i++) {
        (void)answered(&table, silences[i].s, &keys[1], 1);
        table_silent(&table, at_s(silences[i].s), &keys[0]);
        assert_int_equal(find(&table, &keys[0]) != NULL, silences[i].there);
    }
    assert_true(is_live(&table, &keys[TABLE_K + 1]));
    assert_false(is_live(&table, &keys[TABLE_K]));
    assert_true(table_holds(&table));
    table_free(&table);
}

static void who_hears_nobody_buries_nobody(void **state)
{
    struct table table;
    struct tally_key keys[8];
    setup(&table, 0);
    for (unsigned i = 0; i < 8; i++) {
        keys[i] = key_number(i);
        (void)answered(&table, 0, &keys[i], i);
    }
    /* The cable is out for an hour. */
    for (uint64_t s = 10; s < 3600; s += 20)
        for (unsigned i = 0; i < 8; i++)
            table_silent(&table, at_s(s), &keys[i]);
    assert_int_equal(table_count(&table), 8);
    /* All of them failed; they are asked nonetheless, since there is nobody else. */
    const struct contact *list[8];
    assert_int_equal(table_closest(&table, at_s(3600), &table.point, false, list, 8), 8);
    assert_int_equal(table_closest(&table, at_s(3600), &table.point, true, list, 8), 0);
    /* It is in again. One answers: now the silence of the others is theirs. */
    (void)answered(&table, 3600, &keys[0], 0);
    for (unsigned i = 1; i < 8; i++)
        table_silent(&table, at_s(3610), &keys[i]);
    assert_int_equal(table_count(&table), 1);
    table_free(&table);
}

static void one_network_has_two_in_a_bucket_and_eight_in_all(void **state)
{
    struct table table;
    struct tally_address address = address_number(1);
    unsigned taken = 0, crowded = 0;
    uint64_t n = 0;
    setup(&table, 0);
    for (unsigned b = 0; b < 8; b++)
        for (unsigned i = 0; i < 5; i++) {
            struct tally_key key = key_in(&table, b, &n);
            address.ip[15]++;
            enum tally_drop drop = i % 2 == 0 ? table_offer(&table, at_s(0), &key, &address)
                                              : table_answered(&table, at_s(0), &key, &address, 9);
            taken += drop == TALLY_DROP_NONE;
            crowded += drop == TALLY_DROP_CROWDED;
        }
    assert_int_equal(taken, TABLE_NETWORK_ALL);
    assert_int_equal(crowded, 40 - TABLE_NETWORK_ALL);
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
        assert_true(table.buckets[b].count <= TABLE_NETWORK_K);

    /* The same for a /48 of IPv6. */
    struct tally_address six = {{0x26, 0x07, 1, 2, 3, 4}, 4001};
    taken = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct tally_key key = key_number(n++);
        six.ip[6] = (uint8_t)i;
        taken += table_answered(&table, at_s(0), &key, &six, 9) == TALLY_DROP_NONE;
    }
    assert_in_range(taken, 2, TABLE_NETWORK_ALL);
    assert_true(table_holds(&table));
    table_free(&table);
}

static void who_moves_moves_within_the_limits(void **state)
{
    struct table table;
    struct tally_key keys[4];
    uint64_t n = 0;
    setup(&table, 0);
    for (unsigned i = 0; i < 4; i++) {
        keys[i] = key_in(&table, NARROW, &n);
        (void)answered(&table, 0, &keys[i], i);
    }
    assert_int_equal(answered(&table, 1, &keys[1], 0), TALLY_DROP_NONE);
    struct tally_address now = contact_address(find(&table, &keys[1]));
    struct tally_address there = address_number(0);
    assert_true(address_equal(&now, &there));
    /* A third one in that network is one too many, wherever it was before. */
    assert_int_equal(answered(&table, 2, &keys[2], 0), TALLY_DROP_CROWDED);
    assert_null(find(&table, &keys[2]));
    struct tally_address home = {{[10] = 0xff, [11] = 0xff, 192, 168, 1, 2}, 4001};
    assert_int_equal(table_answered(&table, at_s(3), &keys[3], &home, 9), TALLY_DROP_SCOPE);
    assert_null(find(&table, &keys[3]));
    /* What others say moves nobody. */
    assert_int_equal(offer(&table, 4, &keys[0], 77), TALLY_DROP_SEEN);
    now = contact_address(find(&table, &keys[0]));
    assert_true(address_equal(&now, &there));
    table_free(&table);
}

static void neither_ourselves_nor_what_may_not_be_told(void **state)
{
    static const struct {
        uint8_t ip[4];
        uint16_t port;
        enum tally_drop drop;
    } cases[] = {
        {{20, 1, 2, 3}, 4001, TALLY_DROP_NONE},     {{10, 1, 2, 3}, 4001, TALLY_DROP_SCOPE},
        {{127, 0, 0, 1}, 4001, TALLY_DROP_SCOPE},   {{100, 64, 0, 1}, 4001, TALLY_DROP_SCOPE},
        {{224, 0, 0, 251}, 4001, TALLY_DROP_SCOPE}, {{169, 254, 7, 7}, 4001, TALLY_DROP_SCOPE},
        {{20, 1, 2, 3}, 0, TALLY_DROP_SCOPE},
    };
    struct table table;
    struct tally_address address = address_number(1);
    setup(&table, 0);
    assert_int_equal(table_offer(&table, at_s(0), &own_key, &address), TALLY_DROP_SELF);
    assert_int_equal(table_answered(&table, at_s(0), &own_key, &address, 1), TALLY_DROP_SELF);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally_key key = key_number(i);
        address.port = cases[i].port;
        memcpy(address.ip + 12, cases[i].ip, 4);
        assert_int_equal(table_offer(&table, at_s(0), &key, &address), cases[i].drop);
    }
    table_free(&table);
}

static void only_who_answered_of_late_is_named(void **state)
{
    struct table table;
    struct tally_key fresh = key_number(1), stale = key_number(2), hint = key_number(3),
                     failing = key_number(4);
    const struct contact *list[8];
    setup(&table, 0);
    (void)answered(&table, 0, &stale, 2);
    (void)answered(&table, 100, &fresh, 1);
    (void)answered(&table, 100, &failing, 4);
    (void)offer(&table, 100, &hint, 3);
    table_silent(&table, at_s(101), &failing);
    struct tally_now then = at_s(TABLE_FRESH_S + 50);
    assert_int_equal(table_closest(&table, then, &table.point, true, list, 8), 1);
    assert_true(key_equal(&list[0]->key, &fresh));
    assert_int_equal(table_closest(&table, then, &table.point, false, list, 8), 4);
    table_silent(&table, at_s(102), &failing);
    assert_int_equal(table_closest(&table, then, &table.point, false, list, 8), 3);
    table_free(&table);
}

/* ---- Upkeep. ---- */

/* Lets time pass; whoever is probed answers if its number is even. Returns the probes. */
static unsigned live_on(struct table *table, uint64_t *ms, uint64_t until_ms, unsigned *least_gap)
{
    unsigned probes = 0;
    uint64_t last = 0;
    while (table_deadline(table).ms <= until_ms) {
        if (table_deadline(table).ms > *ms)
            *ms = table_deadline(table).ms;
        struct tally_now now = {{*ms}, {0}};
        struct table_probe probe;
        if (!table_probe(table, now, &probe))
            continue;
        if (probes++ > 0 && *ms - last < *least_gap)
            *least_gap = (unsigned)(*ms - last);
        last = *ms;
        assert_in_range(probe.want, 1, 16);
        if (probe.key.bytes[15] % 2 == 0)
            (void)table_answered(table, now, &probe.key, &probe.address, 50);
        else
            table_silent(table, now, &probe.key);
    }
    *ms = until_ms;
    return probes;
}

static void everybody_is_probed_and_nobody_often(void **state)
{
    struct table table;
    uint64_t ms = at_s(0).mono.ms;
    unsigned gap = UINT32_MAX, dead = 0;
    setup(&table, 0);
    for (uint64_t n = 0; n < 100000 && table.count < 300; n++) {
        struct tally_key key = key_number(n);
        if (n % 3 == 0)
            (void)offer(&table, 0, &key, n);
        else
            (void)answered(&table, 0, &key, n);
    }
    unsigned probes = live_on(&table, &ms, at_s(3600).mono.ms, &gap);
    assert_true(table_holds(&table));
    assert_in_range(gap, TABLE_PROBE_MS * 8 / 10, TABLE_PROBE_MS * 12 / 10 + 1000);
    assert_in_range(probes, 3600 / 6, 3600 * 10 / 32);
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
        for (unsigned i = 0; i < table.buckets[b].count && i < table.buckets[b].width; i++) {
            const struct contact *contact = &table.contacts[table.buckets[b].list[i]];
            dead += contact->key.bytes[15] % 2;
            assert_true(contact->answered_s + TABLE_FRESH_S > 1000 + 3600);
        }
    assert_int_equal(dead, 0);
    table_free(&table);
}

static void hints_do_not_hurry_us_nor_starve_the_proved(void **state)
{
    /* Ten times a second somebody names new nodes, each with the port of a victim. */
    struct table table;
    unsigned probes = 0, of_hints = 0;
    uint64_t n = 0;
    setup(&table, 0);
    struct tally_key good[64];
    for (unsigned i = 0; i < 64; i++) {
        good[i] = key_number(n++ * 2);
        (void)answered(&table, 0, &good[i], i);
    }
    unsigned known = table_count(&table);
    for (uint64_t ds = 0; ds < 36000; ds++) {
        struct tally_now now = {{at_s(0).mono.ms + ds * 100}, {0}};
        struct tally_key key = key_number(1000 + n++);
        struct tally_address address = address_number(1000 + n);
        struct table_probe probe;
        (void)table_offer(&table, now, &key, &address);
        if (!table_probe(&table, now, &probe))
            continue;
        probes++;
        bool is_good = false;
        for (unsigned i = 0; i < 64; i++)
            is_good = is_good || key_equal(&good[i], &probe.key);
        of_hints += !is_good;
        if (is_good)
            (void)table_answered(&table, now, &probe.key, &probe.address, 50);
        else
            table_silent(&table, now, &probe.key);
    }
    assert_in_range(probes, 700, 1000);
    assert_in_range(of_hints, 100, 1000);
    /* All that answered are there, and fresh. */
    const struct contact *list[64];
    assert_int_equal(table_closest(&table, at_s(3600), &table.point, true, list, 64), known);
    table_free(&table);
}

static void a_probe_asks_for_what_its_bucket_lacks(void **state)
{
    struct table table;
    struct table_probe probe;
    unsigned own = 0, inside = 0;
    uint64_t n = 0;
    setup(&table, 0);
    struct tally_key key = key_in(&table, 3, &n);
    (void)answered(&table, 0, &key, 1);
    for (uint64_t i = 1; i < 100; i++) {
        assert_true(table_probe(&table, at_s(i * 400), &probe));
        assert_int_equal(probe.want, TABLE_PROBE_WANT_MORE);
        bool ours = hash_equal(&probe.target, &table.point);
        own += ours;
        inside += !ours && metric_shared(&probe.target, &table.point) == 3;
        (void)answered(&table, i * 400, &key, 1);
    }
    assert_int_equal(own + inside, 99);
    assert_in_range(own, 25, 75);
    while (table.buckets[3].count < TABLE_K) {
        key = key_in(&table, 3, &n);
        (void)answered(&table, 40000, &key, n);
    }
    assert_true(table_probe(&table, at_s(50000), &probe));
    assert_int_equal(probe.want, TABLE_PROBE_WANT_FEW);
    assert_int_equal(metric_shared(&probe.target, &table.point), 3);
    table_free(&table);
}

static void quiet_buckets_are_looked_up(void **state)
{
    struct table table;
    struct tally_hash target;
    uint64_t n = 0;
    setup(&table, 0);
    assert_false(table_refresh(&table, at_s(99999), &target));
    struct tally_key key = key_in(&table, 4, &n);
    (void)answered(&table, 0, &key, 1);
    assert_false(table_refresh(&table, at_s(TABLE_REFRESH_S - 1), &target));
    (void)answered(&table, 1000, &key, 1);
    unsigned seen = 0;
    while (table_refresh(&table, at_s(TABLE_REFRESH_S), &target)) {
        unsigned bucket = metric_shared(&target, &table.point);
        assert_true(bucket < 4);
        seen |= 1u << bucket;
    }
    assert_int_equal(seen, 0xf);
    /* A lookup that aims there will do. */
    target = table.point;
    target.bytes[0] ^= 0x80;
    table_aimed(&table, at_s(2 * TABLE_REFRESH_S - 10), &target);
    assert_true(table_refresh(&table, at_s(2 * TABLE_REFRESH_S), &target));
    assert_int_equal(metric_shared(&target, &table.point), 1);
    table_free(&table);
}

static void a_small_table_keeps_those_near_us(void **state)
{
    struct table table;
    setup(&table, 48);
    for (uint64_t n = 0; n < 20000; n++) {
        struct tally_key key = key_number(n);
        if (n % 2 == 0)
            (void)offer(&table, n, &key, n);
        else
            (void)answered(&table, n, &key, n);
        assert_true(table.count <= 48);
    }
    /* Of 20,000 nodes some share ten bits with us; half of the 48 do not crowd them out. */
    unsigned near = 0;
    for (unsigned b = 8; b < TABLE_BUCKETS; b++)
        near += table.buckets[b].count;
    assert_true(near >= 8);
    assert_true(table.buckets[0].count >= 2);
    table_free(&table);
}

static void the_radius_tells_the_density(void **state)
{
    static const unsigned sizes[] = {300, 3000, 30000};
    for (size_t i = 0; i < 3; i++) {
        struct table table;
        setup(&table, 0);
        assert_true(table_radius(&table, 8) == UINT64_MAX);
        for (uint64_t n = 0; n < sizes[i]; n++) {
            struct tally_key key = key_number(n);
            struct tally_address address = address_number(n);
            (void)table_answered(&table, at_s(0), &key, &address, 9);
        }
        /* 8 of so many are expected within 8 / size of all points. */
        double expected = 8.0 / sizes[i] * 18446744073709551616.0;
        double radius = (double)table_radius(&table, 8);
        assert_true(radius > expected / 2 && radius < expected * 2);
        assert_true(table_radius(&table, 20) > table_radius(&table, 8) * 2);
        table_free(&table);
    }
}

static void whatever_happens_it_holds(void **state)
{
    struct random random = {11};
    for (unsigned round = 0; round < 20; round++) {
        struct table table;
        setup(&table, round % 2 == 0 ? 0 : 20 + round);
        for (uint64_t step = 0; step < 3000; step++) {
            struct tally_key key = key_number(random_below(&random, 800));
            struct tally_address address = address_number(random_below(&random, 120));
            struct tally_now now = at_s(step * 7);
            struct table_probe probe;
            address.ip[15] = (uint8_t)random_next(&random);
            switch (random_below(&random, 6)) {
            case 0:
            case 1:
                (void)table_offer(&table, now, &key, &address);
                break;
            case 2:
            case 3:
                (void)table_answered(&table, now, &key, &address, random_below(&random, 70000));
                break;
            case 4:
                if (random_below(&random, 4) == 0)
                    table_remove(&table, &key);
                else
                    table_silent(&table, now, &key);
                break;
            case 5:
                (void)table_probe(&table, now, &probe);
                break;
            }
            if (step % 64 == 0)
                assert_true(table_holds(&table));
        }
        table_free(&table);
    }
}

int main(void)
{
    assert_true(sizeof(struct contact) <= 100);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_is_xor),
        cmocka_unit_test(the_closest_are_the_closest),
        cmocka_unit_test(who_answers_stays_however_many_come),
        cmocka_unit_test(hearsay_displaces_nobody_who_answered),
        cmocka_unit_test(hints_give_way_to_hints_by_chance),
        cmocka_unit_test(the_dead_make_way_for_the_spare_heard_last),
        cmocka_unit_test(who_hears_nobody_buries_nobody),
        cmocka_unit_test(one_network_has_two_in_a_bucket_and_eight_in_all),
        cmocka_unit_test(who_moves_moves_within_the_limits),
        cmocka_unit_test(neither_ourselves_nor_what_may_not_be_told),
        cmocka_unit_test(only_who_answered_of_late_is_named),
        cmocka_unit_test(everybody_is_probed_and_nobody_often),
        cmocka_unit_test(hints_do_not_hurry_us_nor_starve_the_proved),
        cmocka_unit_test(a_probe_asks_for_what_its_bucket_lacks),
        cmocka_unit_test(quiet_buckets_are_looked_up),
        cmocka_unit_test(a_small_table_keeps_those_near_us),
        cmocka_unit_test(the_radius_tells_the_density),
        cmocka_unit_test(whatever_happens_it_holds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-table", tests, NULL, NULL);
}

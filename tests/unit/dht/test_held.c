/* SPDX-License-Identifier: Apache-2.0 */
/* Which logs of others a node puts again, and with what. */
#include "core/base/bytes.h"
#include "core/dht/held.h"

#include "support/cmocka.h"

static struct tally_hash log_number(unsigned n)
{
    return (struct tally_hash){{(uint8_t)n, (uint8_t)(n >> 8), 1}};
}

/* The logs that a node of that key holds places for, of a hundred in some order. */
static void taken(uint8_t key, unsigned step, bool list[100])
{
    const uint8_t secret[16] = {key};
    struct held held;
    struct tally_hash gone;
    assert_true(held_new(&held, 10, secret));
    for (unsigned i = 0; i < 100; i++) {
        struct tally_hash origin = log_number(i * step % 100);
        (void)held_take(&held, &origin, &gone);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct tally_hash origin = log_number(i);
        list[i] = held_find(&held, &origin) != NULL;
    }
    held_free(&held);
}

static void each_node_has_its_own_part_of_many_logs(void **state)
{
    bool one[100], again[100], covered[100] = {false};
    unsigned count = 0, all = 0;
    taken(1, 1, one);
    taken(1, 37, again); /* Whatever the order in which it came to know them. */
    assert_memory_equal(one, again, sizeof one);
    for (unsigned i = 0; i < 100; i++)
        count += one[i];
    assert_int_equal(count, 10);
    for (uint8_t key = 0; key < 60; key++) {
        taken(key, 1, one);
        for (unsigned i = 0; i < 100; i++)
            covered[i] = covered[i] || one[i];
    }
    for (unsigned i = 0; i < 100; i++)
        all += covered[i];
    assert_true(all >= 98);
}

static void who_has_to_go_is_told(void **state)
{
    static const struct tally_hash nothing;
    const uint8_t secret[16] = {3};
    struct held held;
    struct tally_hash gone, first = log_number(1);
    assert_true(held_new(&held, 1, secret));
    struct held_log *log = held_take(&held, &first, &gone);
    assert_non_null(log);
    held_record(log, 5, bytes_text("five"));
    assert_ptr_equal(held_take(&held, &first, &gone), log);
    assert_true(hash_equal(&gone, &nothing) && log->size == 5);
    unsigned refused = 0, displaced = 0;
    for (unsigned i = 2; i < 40; i++) {
        struct tally_hash next = log_number(i);
        if (held_take(&held, &next, &gone) == NULL) {
            refused++;
            assert_true(hash_equal(&gone, &nothing));
            continue;
        }
        displaced++;
        assert_false(hash_equal(&gone, &nothing));
        assert_null(held_find(&held, &gone));
        assert_int_equal(held_find(&held, &next)->record_size, 0);
    }
    assert_true(refused > 20 && displaced > 0);
    held_free(&held);
}

static void only_a_larger_announce_takes_the_place_of_one(void **state)
{
    static const uint8_t large[TALLY_RECORD_MAX + 1];
    struct held_log log = {.used = true};
    held_record(&log, 5, bytes_text("five"));
    held_record(&log, 5, bytes_text("other"));
    held_record(&log, 4, bytes_text("four"));
    assert_int_equal(log.record_size, 4);
    assert_memory_equal(log.record, "five", 4);
    held_record(&log, 6, bytes_of(large, sizeof large));
    assert_int_equal(log.size, 5);
    held_record(&log, 7, bytes_text("seven"));
    assert_int_equal(log.size, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_has_its_own_part_of_many_logs),
        cmocka_unit_test(who_has_to_go_is_told),
        cmocka_unit_test(only_a_larger_announce_takes_the_place_of_one),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-held", tests, NULL, NULL);
}

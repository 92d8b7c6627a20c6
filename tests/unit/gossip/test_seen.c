/* SPDX-License-Identifier: Apache-2.0 */
/* How long the ids of records are remembered. */
#include "core/base/bytes.h"
#include "core/gossip/seen.h"

#include "support/cmocka.h"

static void ids_are_remembered_for_60_to_120_s(void **state)
{
    static const struct {
        uint64_t put_ms, asked_ms;
        bool known;
    } cases[] = {{0, 0, true},      {0, 59999, true},      {59999, 60001, true},
                 {0, 119999, true}, {59999, 119998, true}, {0, 120001, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen;
        uint8_t key[16] = {1}, id[SEEN_ID] = {2}, other[SEEN_ID] = {3};
        struct tally_now put = {{cases[i].put_ms}, {0}}, asked = {{cases[i].asked_ms}, {0}};
        assert_true(seen_new(&seen, 4, key, (struct tally_now){{0}, {0}}));
        seen_put(&seen, put, id);
        if (cases[i].asked_ms < 120000)
            seen_put(&seen, asked, other); /* Turns the generations when it is time. */
        assert_int_equal(seen_find(&seen, asked, id), cases[i].known);
        seen_free(&seen);
    }
}

static void a_flood_of_ids_forgets_the_oldest(void **state)
{
    struct seen seen;
    uint8_t key[16] = {1};
    struct tally_now now = {{5}, {0}};
    assert_true(seen_new(&seen, 64, key, now));
    for (uint32_t n = 0; n < 1000; n++) {
        uint8_t id[SEEN_ID] = {0};
        be32_write(id, n);
        assert_false(seen_find(&seen, now, id));
        seen_put(&seen, now, id);
        for (uint32_t back = 0; back < 64 && back <= n; back++) {
            be32_write(id, n - back);
            assert_true(seen_find(&seen, now, id));
        }
    }
    seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_remembered_for_60_to_120_s),
        cmocka_unit_test(a_flood_of_ids_forgets_the_oldest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}

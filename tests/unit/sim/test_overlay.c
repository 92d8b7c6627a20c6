/* SPDX-License-Identifier: Apache-2.0 */
/* What is seen of an overlay: whether it hangs together, and who is alone. */
#include "support/cmocka.h"

#include "overlay.h"
#include "stand_in.h"

enum { NODES = 6 };

static struct world world;

static int set_up(void **state)
{
    stand_in_reset();
    stand_in_world(&world, NODES);
    stand_in.world = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_free(&world);
    return 0;
}

static void link_both(uint32_t a, uint32_t b)
{
    stand_in.linked[a][b] = stand_in.linked[b][a] = true;
}

static struct overlay look(void)
{
    struct overlay overlay;
    overlay_look(&world, &overlay);
    return overlay;
}

static void nobody_is_linked(void **state)
{
    struct overlay overlay = look();
    assert_int_equal(overlay.running, NODES);
    assert_int_equal(overlay.largest, 1);
    assert_int_equal(overlay.alone, NODES);
    assert_int_equal(overlay.most, 0);
}

static void a_chain_is_one_and_falls_apart_where_it_is_cut(void **state)
{
    for (uint32_t slot = 0; slot + 1 < NODES; slot++)
        link_both(slot, slot + 1);
    struct overlay overlay = look();
    assert_int_equal(overlay.largest, NODES);
    assert_int_equal(overlay.alone, 0);
    assert_int_equal(overlay.least, 1);
    assert_int_equal(overlay.median, 2);
    assert_int_equal(overlay.most, 2);
    assert_int_equal(overlay.stale, 0);
    world_crash(&world, 2);
    overlay = look();
    assert_int_equal(overlay.running, NODES - 1);
    assert_int_equal(overlay.largest, 3);
    assert_int_equal(overlay.stale, 2); /* Its neighbours do not know yet. */
    world_crash(&world, 4);
    overlay = look();
    assert_int_equal(overlay.largest, 2);
    assert_int_equal(overlay.alone, 2);
}

static void a_link_that_one_of_both_knows_counts_for_that_one(void **state)
{
    stand_in.linked[0][1] = true;
    struct overlay overlay = look();
    assert_int_equal(overlay.largest, 2);
    assert_int_equal(overlay.alone, NODES - 1);
}

static void there_may_be_nobody(void **state)
{
    for (uint32_t slot = 0; slot < NODES; slot++)
        world_crash(&world, slot);
    struct overlay overlay = look();
    assert_int_equal(overlay.running, 0);
    assert_int_equal(overlay.largest, 0);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(nobody_is_linked),
        STORY(a_chain_is_one_and_falls_apart_where_it_is_cut),
        STORY(a_link_that_one_of_both_knows_counts_for_that_one),
        STORY(there_may_be_nobody),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

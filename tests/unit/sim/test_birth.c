/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a node is told of when it begins, and when it comes back. */
#include "support/cmocka.h"

#include "stand_in.h"
#include "world.h"

static unsigned told[STAND_IN_SLOTS];

static void hear(uint32_t slot, const struct tally_event *event)
{
    told[slot] += event->kind == TALLY_EVENT_COMMAND && event->command.kind == TALLY_COMMAND_PEER;
}

static void world_of(struct world *world, uint32_t peers, uint64_t seed)
{
    const struct world_options options = {
        .seed = seed, .nodes = 3, .crypto = PROVIDER_MEMO, .peers_max = peers};
    for (uint32_t slot = 0; slot < 3; slot++)
        told[slot] = 0;
    stand_in_reset();
    stand_in.react = hear;
    world_init(world, &options);
    world_start(world);
}

static void of_those_that_were_there_before(void **state)
{
    static struct world world;
    world_of(&world, 16, 1);
    for (uint32_t slot = 0; slot < 3; slot++)
        assert_int_equal(told[slot], slot);
    world_free(&world);
}

/* Also of who dialled it; and where only some are drawn, never of itself alone. */
static void who_comes_back_is_told_of_somebody(void **state)
{
    static struct world world;
    for (uint64_t seed = 0; seed < 100; seed++)
        for (uint32_t slot = 0; slot < 3; slot++) {
            world_of(&world, 2, seed);
            unsigned before = told[slot];
            world_restart(&world, slot);
            assert_int_equal(told[slot] - before, 2);
            world_free(&world);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_those_that_were_there_before),
        cmocka_unit_test(who_comes_back_is_told_of_somebody),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"
#include "core/base/bytes.h"
#include "world.h"

/* How many happenings ahead what is looked at: each time what is pointed at from what came before.
 */
enum { AHEAD_SLOT = 20, AHEAD_FAR = 14, AHEAD_NEAR = 9, AHEAD_CLOSE = 4, LINE = 64 };

static void look_at_slot(const struct world *world)
{
    const struct happening *one = queue_ahead(&world->queue, AHEAD_SLOT);
    if (one == NULL)
        return;
    const uint8_t *slot = (const uint8_t *)&world->slots[one->slot];
    for (size_t at = 0; at < offsetof(struct slot, signer.seed); at += LINE)
        __builtin_prefetch(slot + at);
    for (size_t at = 0; one->kind == HAPPENING_DATAGRAM && at < 4 * LINE; at += LINE)
        __builtin_prefetch((const uint8_t *)one->data + at);
}

/* One that comes is told to its node, so that what it will look at is fetched. */
static void foretell(const struct world *world, size_t ahead, enum tally_expect when)
{
    const struct happening *one = queue_ahead(&world->queue, ahead);
    if (one == NULL || world->slots[one->slot].node == NULL)
        return;
    const struct datagram *datagram = one->kind == HAPPENING_DATAGRAM ? one->data : NULL;
    if (datagram != NULL || one->kind == HAPPENING_TICK)
        tally_node_expect(
            world->slots[one->slot].node,
            datagram != NULL ? bytes_of(datagram->bytes, datagram->size) : bytes_of(NULL, 0), when);
}

void ahead_look(const struct world *world)
{
    look_at_slot(world);
    foretell(world, AHEAD_FAR, TALLY_EXPECT_FAR);
    foretell(world, AHEAD_NEAR, TALLY_EXPECT_NEAR);
    foretell(world, AHEAD_CLOSE, TALLY_EXPECT_CLOSE);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Liars on the network. What they send is made of what their own core sent: so it is well formed,
   and tagged with keys that are good for somebody. */
#include "adversary.h"
#include "core/base/bytes.h"
#include "memory.h"

enum { KEPT = 32, AT_ONCE = 50 };

struct adversary_memory {
    struct {
        struct tally_address to;
        size_t size;
        uint8_t bytes[TALLY_DATAGRAM_MAX];
    } sent[KEPT];
    uint32_t count;
};

static uint32_t kept_count(const struct adversary_memory *kept)
{
    return kept->count < KEPT ? kept->count : KEPT;
}

static void keep(struct slot *at, const struct tally_address *to, struct tally_bytes bytes)
{
    if (bytes.size > TALLY_DATAGRAM_MAX)
        return;
    if (at->kept == NULL)
        at->kept = memory_new(1, sizeof *at->kept);
    uint32_t place = at->kept->count++ % KEPT;
    at->kept->sent[place].to = *to;
    at->kept->sent[place].size = bytes.size;
    memcpy(at->kept->sent[place].bytes, bytes.data, bytes.size);
}

/* One byte other, cut short, or with more behind it. */
static void flood(struct world *world, uint32_t slot, const struct tally_address *to,
                  struct tally_bytes bytes)
{
    struct random *chance = &world->slots[slot].chance;
    uint8_t bogus[TALLY_DATAGRAM_MAX + 64];
    size_t size = bytes.size < TALLY_DATAGRAM_MAX ? bytes.size : TALLY_DATAGRAM_MAX;
    memset(bogus, 0, sizeof bogus);
    memcpy(bogus, bytes.data, size);
    uint32_t way = random_below(chance, 4);
    if (way == 0)
        size = random_below(chance, (uint32_t)size + 1);
    else if (way == 1)
        size += random_below(chance, 64);
    else if (size > 0)
        bogus[random_below(chance, (uint32_t)size)] ^= (uint8_t)(1 + random_below(chance, 255));
    network_send(world, slot, to, bytes_of(bogus, size));
}

static void replay(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    uint32_t place = random_below(&at->chance, kept_count(at->kept));
    struct tally_address to = at->kept->sent[place].to;
    if (random_below(&at->chance, 2) == 0)
        to = world->slots[random_below(&at->chance, world->options.nodes)].own;
    network_send(world, slot, &to,
                 bytes_of(at->kept->sent[place].bytes, at->kept->sent[place].size));
}

/* In the wide network only: a box lets nothing out that is not from inside. */
static void spoof(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    uint32_t place = random_below(&at->chance, kept_count(at->kept)), owner;
    uint32_t victim = random_below(&at->chance, world->options.nodes);
    if (!network_slot(&at->kept->sent[place].to, &owner) || owner >= world->options.nodes ||
        world->slots[victim].lan != 0 || victim == owner ||
        !network_open(&world->network, world->now_us, at->shown, owner))
        return;
    struct datagram *datagram = network_take(&world->network, at->kept->sent[place].size);
    *datagram = (struct datagram){
        .from = world->slots[victim].own,
        .to = at->kept->sent[place].to,
        .sender = at->shown,
        .size = at->kept->sent[place].size,
    };
    memcpy(datagram->bytes, at->kept->sent[place].bytes, datagram->size);
    const struct link_options *link = network_link(&world->network, at->shown, owner, false);
    uint64_t delay_us = link->delay_ms.from * UINT64_C(1000);
    world_put(world, slot, owner, world->now_us + delay_us, HAPPENING_DATAGRAM, datagram);
}

void adversary_sends(struct world *world, uint32_t slot, const struct tally_address *to,
                     struct tally_bytes bytes)
{
    struct slot *at = &world->slots[slot];
    uint32_t count = at->lie_count < AT_ONCE ? at->lie_count : AT_ONCE;
    if (at->lie == LIE_HALF_OPEN)
        adversary_dials(world, slot, to);
    if (at->lie != LIE_FLOOD && at->lie != LIE_REPLAY && at->lie != LIE_SPOOF)
        return;
    keep(at, to, bytes);
    for (uint32_t i = 0; at->kept != NULL && i < count; i++)
        if (at->lie == LIE_FLOOD)
            flood(world, slot, to, bytes);
        else if (at->lie == LIE_REPLAY)
            replay(world, slot);
        else
            spoof(world, slot);
}

void adversary_dials(struct world *world, uint32_t slot, const struct tally_address *to)
{
    struct slot *at = &world->slots[slot];
    if (at->pipe_count < at->lie_count)
        network_dial(world, slot, NETWORK_LIES_FROM + at->lies++, to, false);
}

void adversary_garbles(struct world *world, uint32_t slot, uint32_t stream,
                       struct tally_bytes bytes)
{
    uint8_t *copy = memory_copy(bytes.data, bytes.size);
    for (size_t i = 0; i < bytes.size; i++)
        copy[i] = (uint8_t)random_below(&world->slots[slot].chance, 256);
    network_write(world, slot, stream, bytes_of(copy, bytes.size));
    memory_free(copy);
}

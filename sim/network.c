/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "memory.h"
#include "world.h"

void network_init(struct network *network)
{
    memset(network, 0, sizeof *network);
    network->link.delay_ms = (struct range){20, 80};
}

void network_free(struct network *network)
{
    memory_free(network->exceptions);
    memory_free(network->cuts);
    memory_free(network->islands);
}

struct tally_address network_address(uint32_t slot)
{
    /* Global ones (11.0.0.0/8 and up), because nodes look at what an address is for. */
    return (struct tally_address){
        .ip = {[10] = 0xff,
               [11] = 0xff,
               [12] = (uint8_t)(11 + (slot >> 16)),
               [13] = (uint8_t)(slot >> 8),
               [14] = (uint8_t)slot,
               [15] = 1},
        .port = NETWORK_PORT,
    };
}

bool network_slot(const struct tally_address *address, uint32_t *slot)
{
    *slot =
        (uint32_t)(address->ip[12] - 11) << 16 | (uint32_t)address->ip[13] << 8 | address->ip[14];
    struct tally_address right = network_address(*slot);
    return address_equal(&right, address);
}

static bool inside(struct range range, uint32_t slot)
{
    return range.from <= slot && slot <= range.to;
}

const struct link_options *network_link(const struct network *network, uint32_t from, uint32_t to)
{
    for (size_t i = network->exception_count; i-- > 0;)
        if (inside(network->exceptions[i].from, from) && inside(network->exceptions[i].to, to))
            return &network->exceptions[i].link;
    return &network->link;
}

bool network_open(const struct network *network, uint32_t from, uint32_t to)
{
    if (network->islands != NULL && network->islands[from] != network->islands[to])
        return false;
    for (size_t i = 0; i < network->cut_count; i++)
        if (inside(network->cuts[i].from, from) && inside(network->cuts[i].to, to))
            return false;
    return true;
}

void network_heal(struct network *network)
{
    memory_free(network->islands);
    network->islands = NULL;
    network->cut_count = 0;
}

/* ---- Datagrams. ---- */

static bool lucky(struct random *chance, uint32_t per_100000)
{
    return per_100000 > 0 && random_below(chance, 100 * PERCENT) < per_100000;
}

static uint64_t delay_us(struct random *chance, struct range ms)
{
    return ms.from * 1000u + random_below(chance, (ms.to - ms.from) * 1000u + 1);
}

static void arrive(struct world *world, uint32_t from, uint32_t to, struct tally_bytes bytes,
                   uint64_t later_us)
{
    struct random *chance = &world->slots[from].chance;
    const struct slot *sender = &world->slots[from];
    const struct link_options *link =
        network_link(&world->network, sender->shown, world->slots[to].shown);
    struct datagram *datagram = memory_raw(sizeof *datagram + bytes.size);
    datagram->from = network_address(sender->shown);
    datagram->size = bytes.size;
    memcpy(datagram->bytes, bytes.data, bytes.size);
    if (lucky(chance, link->corrupt))
        datagram->bytes[random_below(chance, (uint32_t)bytes.size)] ^=
            (uint8_t)(1u << random_below(chance, 8));
    uint64_t us = world->now_us + later_us + delay_us(chance, link->delay_ms);
    /* Overtaken by what is sent within the next few delays. */
    if (lucky(chance, link->reorder))
        us += 3 * delay_us(chance, link->delay_ms);
    world_put(world, from, to, us, HAPPENING_DATAGRAM, datagram);
}

void network_send(struct world *world, uint32_t from, const struct tally_address *to,
                  struct tally_bytes bytes)
{
    struct network *network = &world->network;
    struct random *chance = &world->slots[from].chance;
    uint32_t owner;
    network->sent++;
    if (!network_slot(to, &owner) || owner >= world->options.nodes) {
        network->lost++;
        return;
    }
    uint32_t shown = world->slots[from].shown, slot = world_face(world, shown, owner);
    const struct link_options *link = network_link(network, shown, owner);
    bool gone = world_face(world, owner, shown) != from || !network_open(network, shown, owner) ||
                (link->mtu > 0 && bytes.size > link->mtu);
    if (gone || lucky(chance, link->loss)) {
        network->lost++;
        return;
    }
    static const struct range replay_ms = {1000, 30000};
    arrive(world, from, slot, bytes, 0);
    if (lucky(chance, link->duplicate))
        arrive(world, from, slot, bytes, 0);
    if (lucky(chance, link->replay))
        arrive(world, from, slot, bytes, delay_us(chance, replay_ms));
}

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
    network->local.delay_ms = (struct range){1, 2};
}

void network_free(struct network *network)
{
    for (size_t i = 0; i < NETWORK_SPARES; i++)
        while (network->spare[i] != NULL) {
            struct datagram *datagram = network->spare[i];
            network->spare[i] = datagram->next;
            memory_free(datagram);
        }
    memory_free(network->exceptions);
    memory_free(network->cuts);
    memory_free(network->flaps);
    memory_free(network->islands);
}

struct tally_address network_address(uint32_t slot)
{
    /* Global ones (11.0.0.0/8 and up), because nodes look at what an address is for; the first 256
       in networks (/16) of their own, because they look at that too. */
    return (struct tally_address){
        .ip = {[10] = 0xff,
               [11] = 0xff,
               [12] = (uint8_t)(11 + (slot >> 16)),
               [13] = (uint8_t)slot,
               [14] = (uint8_t)(slot >> 8),
               [15] = 1},
        .port = NETWORK_PORT,
    };
}

bool network_slot(const struct tally_address *address, uint32_t *slot)
{
    *slot =
        (uint32_t)(address->ip[12] - 11) << 16 | (uint32_t)address->ip[14] << 8 | address->ip[13];
    struct tally_address right = network_address(*slot);
    return address_equal(&right, address);
}

uint32_t network_near(const struct world *world, const struct tally_address *address)
{
    uint32_t slot =
        (uint32_t)(address->ip[12] - 11) << 16 | (uint32_t)address->ip[14] << 8 | address->ip[13];
    return slot < world->count ? slot : 0;
}

static bool inside(struct range range, uint32_t slot)
{
    return range.from <= slot && slot <= range.to;
}

const struct link_options *network_link(const struct network *network, uint32_t from, uint32_t to,
                                        bool local)
{
    for (size_t i = network->exception_count; i-- > 0;)
        if (inside(network->exceptions[i].from, from) && inside(network->exceptions[i].to, to))
            return &network->exceptions[i].link;
    return local ? &network->local : &network->link;
}

bool network_open(const struct network *network, uint64_t now_us, uint32_t from, uint32_t to)
{
    if (network->islands != NULL && network->islands[from] != network->islands[to])
        return false;
    for (size_t i = 0; i < network->cut_count; i++)
        if (inside(network->cuts[i].from, from) && inside(network->cuts[i].to, to))
            return false;
    for (size_t i = 0; i < network->flap_count; i++) {
        const struct link_flap *flap = &network->flaps[i];
        bool between = (inside(flap->a, from) && inside(flap->b, to)) ||
                       (inside(flap->b, from) && inside(flap->a, to));
        uint64_t phase_us = (now_us - flap->since_us) % (flap->open_us + flap->closed_us);
        if (between && phase_us >= flap->open_us)
            return false;
    }
    return true;
}

void network_heal(struct network *network)
{
    memory_free(network->islands);
    network->islands = NULL;
    network->cut_count = network->flap_count = 0;
}

/* ---- Datagrams. ---- */

enum { SPARE_STEP = 64 };

static size_t spare_of(size_t size)
{
    return (size + SPARE_STEP - 1) / SPARE_STEP;
}

struct datagram *network_take(struct network *network, size_t size)
{
    size_t place = spare_of(size);
    struct datagram *datagram = place < NETWORK_SPARES ? network->spare[place] : NULL;
    if (datagram == NULL)
        datagram = memory_raw(sizeof *datagram + place * SPARE_STEP);
    else
        network->spare[place] = datagram->next;
    datagram->size = size;
    return datagram;
}

void network_give(struct network *network, struct datagram *datagram)
{
    size_t place = spare_of(datagram->size);
    if (place >= NETWORK_SPARES) {
        memory_free(datagram);
        return;
    }
    datagram->next = network->spare[place];
    network->spare[place] = datagram;
}

static bool lucky(struct random *chance, uint32_t per_100000)
{
    return per_100000 > 0 && random_below(chance, 100 * PERCENT) < per_100000;
}

static uint64_t delay_us(struct random *chance, struct range ms)
{
    return ms.from * 1000u + random_below(chance, (ms.to - ms.from) * 1000u + 1);
}

/* A datagram that leaves, and what is known of its way. */
struct leaving {
    uint32_t from, slot; /* Sender; who gets it. */
    const struct route *route;
    const struct tally_address *to;
    struct tally_bytes bytes;
    const struct link_options *link;
};

static struct datagram *datagram_new(struct world *world, const struct leaving *leaving)
{
    struct datagram *datagram = network_take(&world->network, leaving->bytes.size);
    *datagram = (struct datagram){
        .from = leaving->route->from,
        .to = *leaving->to,
        .sender = world->slots[leaving->from].shown,
        .box = leaving->route->box,
        .size = leaving->bytes.size,
    };
    memcpy(datagram->bytes, leaving->bytes.data, leaving->bytes.size);
    return datagram;
}

static void arrive(struct world *world, const struct leaving *leaving, uint64_t later_us)
{
    struct random *chance = &world->slots[leaving->from].chance;
    const struct link_options *link = leaving->link;
    struct datagram *datagram = datagram_new(world, leaving);
    if (lucky(chance, link->corrupt) && datagram->size > 0)
        datagram->bytes[random_below(chance, (uint32_t)datagram->size)] ^=
            (uint8_t)(1u << random_below(chance, 8));
    uint64_t us = world->now_us + later_us + delay_us(chance, link->delay_ms);
    /* Overtaken by what is sent within the next few delays. */
    if (lucky(chance, link->reorder))
        us += 3 * delay_us(chance, link->delay_ms);
    world_put(world, leaving->from, leaving->slot, us, HAPPENING_DATAGRAM, datagram);
}

void network_send(struct world *world, uint32_t from, const struct tally_address *to,
                  struct tally_bytes bytes)
{
    struct network *network = &world->network;
    struct random *chance = &world->slots[from].chance;
    struct route route;
    network->sent++;
    if (!lan_route(world, from, TALLY_TRANSPORT_UDP, NETWORK_PORT, to, &route)) {
        network->lost++;
        return;
    }
    uint32_t shown = world->slots[from].shown, owner = route.slot;
    const struct link_options *link = network_link(network, shown, owner, route.local);
    const struct leaving leaving = {from, world_face(world, shown, owner), &route, to, bytes, link};
    bool gone = world_face(world, owner, shown) != from ||
                !network_open(network, world->now_us, shown, owner) ||
                (link->mtu > 0 && bytes.size > link->mtu);
    if (gone || lucky(chance, link->loss)) {
        network->lost++;
        return;
    }
    static const struct range replay_ms = {1000, 30000};
    arrive(world, &leaving, 0);
    if (lucky(chance, link->duplicate))
        arrive(world, &leaving, 0);
    if (lucky(chance, link->replay))
        arrive(world, &leaving, delay_us(chance, replay_ms));
}

bool network_enter(struct world *world, struct datagram *datagram, uint32_t *slot)
{
    bool asked = true;
    if (datagram->box == 0)
        return true;
    if (!lan_enter(world, datagram->box, TALLY_TRANSPORT_UDP, &datagram->from, &datagram->to, slot,
                   &asked)) {
        world->network.refused++;
        return false;
    }
    if (!asked && !lan_same(world, *slot, datagram->sender))
        world->slots[*slot].reached = true;
    datagram->box = 0;
    *slot = world_face(world, datagram->sender, *slot);
    return true;
}

/* ---- Multicast. ---- */

static bool in_segment(const struct world *world, uint32_t slot, uint32_t segment)
{
    const struct slot *at = &world->slots[slot];
    return at->segment == segment && at->shown == slot;
}

static void hear(struct world *world, uint32_t from, uint32_t slot, bool group,
                 const struct tally_address *to, struct tally_bytes bytes)
{
    struct random *chance = &world->slots[from].chance;
    const struct link_options *link = network_link(&world->network, from, slot, true);
    if (!network_open(&world->network, world->now_us, from, slot) || lucky(chance, link->loss))
        return;
    struct tally_interface interface;
    struct route route = {.from = world->slots[from].own};
    const struct leaving leaving = {from, slot, &route, to, bytes, link};
    lan_interface(world, slot, &interface);
    struct datagram *datagram = datagram_new(world, &leaving);
    datagram->from.port = MULTICAST_PORT;
    datagram->interface = interface.index;
    datagram->group = group;
    world_put(world, from, slot, world->now_us + delay_us(chance, link->delay_ms),
              HAPPENING_DATAGRAM, datagram);
}

void network_multicast(struct world *world, uint32_t from, uint32_t interface,
                       const struct tally_address *to, struct tally_bytes bytes)
{
    enum { MULTICAST_FIRST = 224, MULTICAST_LAST = 239 };
    uint32_t segment = world->slots[from].segment;
    struct tally_interface own;
    lan_interface(world, from, &own);
    if (segment == 0 || interface != own.index || world->slots[from].shown != from)
        return;
    bool group = to->ip[12] >= MULTICAST_FIRST && to->ip[12] <= MULTICAST_LAST;
    for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
        const struct slot *at = &world->slots[slot];
        if (slot != from && in_segment(world, slot, segment) &&
            (group || memcmp(at->own.ip, to->ip, sizeof to->ip) == 0))
            hear(world, from, slot, group, to, bytes);
    }
}

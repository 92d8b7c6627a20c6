/* SPDX-License-Identifier: Apache-2.0 */
#include "lan.h"
#include "core/base/bytes.h"
#include "memory.h"
#include "world.h"
#include <assert.h>
#include <stdio.h>

enum {
    SUBNETS = 4,      /* Of each kind: then they come again. */
    BOX_OCTET = 2,    /* First last octet of a box in the wide network; a node's is 1. */
    INTERFACE = 2,    /* The first after loopback. */
    MAPPED_BITS = 96, /* Of an IPv4 address in IPv6 form. */
    BOXES_DEEP = 8,   /* No more lie in front of each other. */
};

static struct tally_address ipv4(uint32_t ip)
{
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}};
    be32_write(address.ip + 12, ip);
    return address;
}

static bool same_ip(const struct tally_address *a, const struct tally_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

void lan_free(struct lan *lan)
{
    memory_free(lan->hosts);
    if (lan->has_box)
        nat_free(&lan->nat);
}

static struct lan *lan_at(const struct world *world, uint32_t lan)
{
    assert(lan > 0 && lan <= world->lan_count);
    return &world->lans[lan - 1];
}

struct lan *lan_of(const struct world *world, uint32_t slot)
{
    uint32_t lan = world->slots[slot].lan;
    return lan != 0 && lan_at(world, lan)->has_box ? lan_at(world, lan) : NULL;
}

bool lan_same(const struct world *world, uint32_t a, uint32_t b)
{
    return world->slots[a].lan == world->slots[b].lan;
}

/* ---- Addresses of a LAN. ---- */

static bool inside(const struct lan *lan, const struct tally_address *address)
{
    struct tally_address base = ipv4(lan->base);
    return memcmp(address->ip, base.ip, 12) == 0 &&
           (be32_read(address->ip + 12) ^ lan->base) >> (32 - lan->bits) == 0;
}

static const struct lan_host *host_at(const struct lan *lan, const struct tally_address *address)
{
    uint32_t number = be32_read(address->ip + 12) - lan->base - LAN_HOST_FIRST;
    return number < lan->host_count ? &lan->hosts[number] : NULL;
}

static struct tally_address host_add(struct lan *lan, struct lan_host host)
{
    lan->hosts =
        memory_room(lan->hosts, &lan->host_capacity, lan->host_count + 1, sizeof *lan->hosts);
    assert(lan->host_count < (UINT32_C(1) << (32 - lan->bits)) - 2 * LAN_HOST_FIRST);
    lan->hosts[lan->host_count++] = host;
    return ipv4(lan->base + LAN_HOST_FIRST - 1 + (uint32_t)lan->host_count);
}

/* Whether a LAN in front of this one has the subnet already. */
static bool in_front(const struct world *world, uint32_t outside, uint32_t base)
{
    while (outside != 0) {
        const struct lan *lan = lan_at(world, outside);
        if (lan->base == base)
            return true;
        outside = lan->has_box ? lan->outside : 0;
    }
    return false;
}

static uint32_t lan_new(struct world *world, uint32_t members, bool carrier, uint32_t outside)
{
    world->lans =
        memory_room(world->lans, &world->lan_capacity, world->lan_count + 1, sizeof *world->lans);
    struct lan *lan = &world->lans[world->lan_count];
    *lan = (struct lan){.bits = 24};
    for (uint32_t turn = (uint32_t)world->lan_count;; turn++) {
        uint32_t number = turn / 2 % SUBNETS;
        bool wide = members > LAN_SMALL_MAX || turn % 2 == 1;
        lan->base = carrier ? UINT32_C(0x64400000) | number << 16
                    : wide  ? UINT32_C(0x0a000000) | number << 16
                            : UINT32_C(0xc0a80000) | number << 8;
        lan->bits = carrier || wide ? 16 : 24;
        if (!in_front(world, outside, lan->base))
            break;
    }
    world->lan_count++;
    return (uint32_t)world->lan_count;
}

/* ---- Who is where. ---- */

static void tell_links(struct world *world, uint32_t slot)
{
    if (world->slots[slot].node != NULL)
        service_tell_links(world, slot);
}

static void leave(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->lan != 0)
        for (size_t i = 0; i < lan_at(world, at->lan)->host_count; i++) {
            struct lan_host *host = &lan_at(world, at->lan)->hosts[i];
            if (host->kind == LAN_NODE && host->index == slot)
                host->kind = LAN_FREE;
        }
    at->lan = at->segment = 0;
    at->moves++;
    at->own = network_address(at->shown);
}

static void enter(struct world *world, uint32_t slot, uint32_t lan)
{
    struct slot *at = &world->slots[slot];
    leave(world, slot);
    at->lan = lan;
    at->own = host_add(lan_at(world, lan), (struct lan_host){LAN_NODE, slot});
    at->own.port = NETWORK_PORT;
}

/* The one LAN all of them are in, 0 if all are in none; false if they are apart. */
static bool common_lan(const struct world *world, struct range who, uint32_t *lan)
{
    *lan = world->slots[who.from].lan;
    for (uint32_t slot = who.from; slot <= who.to; slot++)
        if (world->slots[slot].lan != *lan)
            return false;
    return true;
}

static void box_place(struct world *world, uint32_t lan, uint32_t front, uint32_t outside)
{
    struct lan *at = lan_at(world, lan);
    at->outside = outside;
    at->front = front;
    if (outside != 0) {
        at->outer = host_add(lan_at(world, outside), (struct lan_host){LAN_BOX, lan});
    } else {
        at->outer = network_address(front);
        at->outer.ip[15] = BOX_OCTET;
        at->outer.port = 0;
        world->slots[front].front = lan;
    }
}

bool lan_nat(struct world *world, struct range who, const struct lan_box *box, char *why,
             size_t size)
{
    uint32_t lan = 0, outside = box->behind ? world->slots[box->outside].lan : 0;
    if (box->nat.type == NAT_NONE) {
        for (uint32_t slot = who.from; slot <= who.to; slot++) {
            leave(world, slot);
            tell_links(world, slot);
        }
        return true;
    }
    if (box->behind && outside == 0) {
        snprintf(why, size, "n%u is behind no box", box->outside + 1);
        return false;
    }
    bool together = common_lan(world, who, &lan);
    if (!together || lan == 0 || lan_at(world, lan)->has_box)
        lan = lan_new(world, who.to - who.from + 1, box->carrier, outside);
    if (lan == outside) {
        snprintf(why, size, "a box is not behind itself");
        return false;
    }
    if (world->slots[who.from].front != 0 && !box->behind) {
        snprintf(why, size, "n%u had a box of its own before: name another node first",
                 who.from + 1);
        return false;
    }
    for (uint32_t slot = who.from; slot <= who.to; slot++)
        if (world->slots[slot].lan != lan)
            enter(world, slot, lan);
    struct lan *at = lan_at(world, lan);
    at->has_box = true;
    nat_init(&at->nat, &box->nat, world->now_us, world->options.seed ^ (uint64_t)lan << 40);
    box_place(world, lan, who.from, outside);
    for (uint32_t slot = who.from; slot <= who.to; slot++)
        tell_links(world, slot);
    return true;
}

bool lan_segment(struct world *world, struct range who, char *why, size_t size)
{
    uint32_t lan;
    if (!common_lan(world, who, &lan)) {
        snprintf(why, size, "they are not in one place");
        return false;
    }
    if (lan == 0)
        lan = lan_new(world, who.to - who.from + 1, false, 0);
    world->segment_count++;
    for (uint32_t slot = who.from; slot <= who.to; slot++) {
        if (world->slots[slot].lan != lan)
            enter(world, slot, lan);
        world->slots[slot].segment = world->segment_count;
        tell_links(world, slot);
    }
    return true;
}

bool lan_move(struct world *world, struct range who, uint32_t to, char *why, size_t size)
{
    for (uint32_t slot = who.from; slot <= who.to; slot++) {
        if (slot == to) {
            snprintf(why, size, "n%u cannot go to itself", slot + 1);
            return false;
        }
        if (world->slots[to].lan != 0)
            enter(world, slot, world->slots[to].lan);
        else
            leave(world, slot);
        world->slots[slot].segment = world->slots[to].segment;
        tell_links(world, slot);
    }
    return true;
}

bool lan_restart(struct world *world, uint32_t slot, bool silent, bool renumber)
{
    struct lan *lan = lan_of(world, slot);
    if (lan == NULL)
        return false;
    nat_restart(&lan->nat, world->now_us);
    if (renumber && lan->outside == 0)
        lan->outer.ip[15]++;
    if (silent || lan->nat.options.gateway == TALLY_MAPPING_NONE)
        return true;
    for (size_t i = 0; i < lan->host_count; i++)
        if (lan->hosts[i].kind == LAN_NODE)
            service_tell_gateway(world, lan->hosts[i].index);
    return true;
}

/* ---- Questions. ---- */

struct tally_address lan_outer_address(const struct world *world, uint32_t slot)
{
    struct tally_address address = world->slots[slot].own;
    for (uint32_t lan = world->slots[slot].lan; lan != 0 && lan_at(world, lan)->has_box;
         lan = lan_at(world, lan)->outside)
        address = lan_at(world, lan)->outer;
    address.port = NETWORK_PORT;
    return address;
}

struct tally_address lan_address(const struct world *world, uint32_t from, uint32_t to)
{
    return lan_same(world, from, to) ? world->slots[to].own : lan_outer_address(world, to);
}

void lan_interface(const struct world *world, uint32_t slot, struct tally_interface *interface)
{
    const struct slot *at = &world->slots[slot];
    unsigned bits = at->lan != 0 ? lan_at(world, at->lan)->bits : 24;
    *interface = (struct tally_interface){
        .index = INTERFACE,
        .name = "eth0",
        .address = at->own,
        .prefix_bits = (uint8_t)(MAPPED_BITS + bits),
        .multicast = at->segment != 0,
    };
    interface->address.port = 0;
}

bool lan_attached(const struct world *world, uint32_t slot, const struct tally_address *address)
{
    uint32_t lan = world->slots[slot].lan;
    return lan != 0 && inside(lan_at(world, lan), address);
}

uint32_t lan_mark(const struct world *world, uint32_t slot)
{
    uint32_t mark = world->slots[slot].moves;
    for (uint32_t lan = world->slots[slot].lan; lan != 0 && lan_at(world, lan)->has_box;
         lan = lan_at(world, lan)->outside)
        mark += lan_at(world, lan)->nat.restarts;
    return mark;
}

/* ---- Ways. ---- */

/* Comes to a box: whoever gets it when it is there, or at least somebody behind it. */
static bool to_box(const struct world *world, uint32_t lan, enum tally_transport transport,
                   const struct tally_address *to, struct route *route)
{
    struct tally_address port = *to;
    route->box = lan;
    route->slot = lan_at(world, lan)->front;
    for (unsigned deep = 0; deep < BOXES_DEEP; deep++) {
        const struct lan *at = lan_at(world, lan);
        struct tally_address inner;
        const struct lan_host *host = NULL;
        if (nat_owner(&at->nat, world->now_us, transport, port.port, &inner))
            host = host_at(at, &inner);
        if (host == NULL || host->kind == LAN_FREE)
            return true;
        if (host->kind == LAN_NODE) {
            route->slot = host->index;
            return true;
        }
        lan = host->index;
        port = inner;
    }
    return true;
}

static bool to_host(const struct world *world, const struct lan *lan,
                    enum tally_transport transport, const struct tally_address *to,
                    struct route *route)
{
    const struct lan_host *host = host_at(lan, to);
    if (host == NULL || host->kind == LAN_FREE)
        return false;
    if (host->kind == LAN_BOX)
        return to_box(world, host->index, transport, to, route);
    route->slot = host->index;
    return to->port == NETWORK_PORT;
}

/* Comes to an address of the wide network. */
static bool to_wide(const struct world *world, enum tally_transport transport,
                    const struct tally_address *to, struct route *route)
{
    struct tally_address node = *to;
    uint32_t owner;
    node.ip[15] = 1;
    node.port = NETWORK_PORT;
    if (!network_slot(&node, &owner) || owner >= world->options.nodes)
        return false;
    const struct slot *at = &world->slots[owner];
    if (same_ip(&node, to)) {
        route->slot = owner;
        return at->lan == 0 && to->port == NETWORK_PORT;
    }
    return at->front != 0 && same_ip(&lan_at(world, at->front)->outer, to) &&
           to_box(world, at->front, transport, to, route);
}

bool lan_route(struct world *world, uint32_t slot, enum tally_transport transport, uint16_t port,
               const struct tally_address *to, struct route *route)
{
    uint32_t lan = world->slots[slot].lan;
    *route = (struct route){.from = world->slots[slot].own, .local = lan != 0};
    route->from.port = port;
    for (; lan != 0; route->local = false) {
        struct lan *at = lan_at(world, lan);
        if (inside(at, to))
            return to_host(world, at, transport, to, route);
        bool back = at->has_box && same_ip(&at->outer, to);
        if (!at->has_box || (back && !at->nat.options.hairpin))
            return false;
        struct tally_address seen = at->outer;
        seen.port = port == NETWORK_PORT
                        ? nat_out(&at->nat, world->now_us, transport, &route->from, to)
                        : port;
        route->from = seen;
        if (back)
            return to_box(world, lan, transport, to, route);
        lan = at->outside;
    }
    return to_wide(world, transport, to, route);
}

bool lan_enter(const struct world *world, uint32_t box, enum tally_transport transport,
               const struct tally_address *from, const struct tally_address *to, uint32_t *slot,
               bool *asked)
{
    struct tally_address at = *to;
    for (unsigned deep = 0; deep < BOXES_DEEP; deep++) {
        const struct lan *lan = lan_at(world, box);
        struct tally_address inner;
        if (!same_ip(&lan->outer, &at) ||
            !nat_in(&lan->nat, world->now_us, transport, at.port, from, &inner, asked))
            return false;
        const struct lan_host *host = host_at(lan, &inner);
        if (host == NULL || host->kind == LAN_FREE)
            return false;
        if (host->kind == LAN_NODE) {
            *slot = host->index;
            return inner.port == NETWORK_PORT;
        }
        box = host->index;
        at = inner;
    }
    return false;
}

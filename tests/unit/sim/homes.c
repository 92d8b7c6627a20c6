/* SPDX-License-Identifier: Apache-2.0 */
#include "homes.h"
#include <stdio.h>

struct world world;
struct seen seen[NODES];

/* What a stand-in does at its next TICK. */
static struct tally_action todo[NODES];
static bool has_todo[NODES];

static void on_answer(uint32_t slot, const struct tally_event *event)
{
    if (event->kind == TALLY_EVENT_MAPPED) {
        seen[slot].mapped++;
    } else if (event->kind == TALLY_EVENT_GATEWAY) {
        seen[slot].gateways++;
    } else if (event->kind == TALLY_EVENT_RESOLVED) {
        seen[slot].resolves++;
        for (size_t i = 0; i < event->resolved.count && i < 8; i++)
            seen[slot].resolved[i] = event->resolved.list[i];
    } else {
        return;
    }
    seen[slot].event = *event;
    seen[slot].us = world.now_us;
}

static void react(uint32_t slot, const struct tally_event *event)
{
    on_answer(slot, event);
    if (event->kind == TALLY_EVENT_TICK && has_todo[slot]) {
        stand_in_add(slot, &todo[slot]);
        has_todo[slot] = false;
    } else if (event->kind == TALLY_EVENT_DATAGRAM) {
        seen[slot].datagrams++;
        seen[slot].from = event->datagram.from;
    } else if (event->kind == TALLY_EVENT_MULTICAST) {
        seen[slot].packets++;
        seen[slot].from = event->multicast.from;
        seen[slot].group = event->multicast.group;
        assert_int_equal(event->multicast.interface, seen[slot].interface.index);
    } else if (event->kind == TALLY_EVENT_LINKS) {
        seen[slot].links++;
        assert_int_equal(event->links.count, 1);
        seen[slot].interface = event->links.list[0];
    } else if (event->kind == TALLY_EVENT_STREAM_OPEN) {
        seen[slot].opened++;
        seen[slot].dialled = event->stream_open.dialled;
        seen[slot].stream = event->stream_open.stream;
        seen[slot].from = event->stream_open.remote;
    } else if (event->kind == TALLY_EVENT_STREAM_CLOSED) {
        seen[slot].closed++;
        seen[slot].error = event->stream_closed.error;
        seen[slot].us = world.now_us;
    }
}

void act(uint32_t slot, const struct tally_action *action)
{
    todo[slot] = *action;
    has_todo[slot] = true;
    stand_in_poke(&world, slot);
}

int homes_begin(void **state)
{
    stand_in_reset();
    memset(seen, 0, sizeof seen);
    memset(has_todo, 0, sizeof has_todo);
    const struct world_options options = {.seed = 7, .nodes = NODES, .crypto = PROVIDER_FAST};
    world_init(&world, &options);
    stand_in.react = react;
    return 0;
}

int homes_end(void **state)
{
    if (world.checker.broken)
        fail_msg("%s", world.checker.message);
    world_free(&world);
    return 0;
}

void nat_behind(uint32_t first, uint32_t last, enum nat_type type, bool hairpin, uint32_t outside)
{
    char why[100];
    const struct lan_box box = {
        .nat = {.type = type, .hairpin = hairpin},
        .behind = outside < NODES,
        .outside = outside,
    };
    if (!lan_nat(&world, (struct range){first, last}, &box, why, sizeof why))
        fail_msg("%s", why);
}

void nat(uint32_t first, uint32_t last, enum nat_type type)
{
    nat_behind(first, last, type, false, NODES);
}

void gateway(uint32_t first, uint32_t last, enum tally_mapping kind)
{
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_PORT, .gateway = kind}};
    assert_true(lan_nat(&world, (struct range){first, last}, &box, why, sizeof why));
}

void segment(uint32_t first, uint32_t last)
{
    char why[100];
    if (!lan_segment(&world, (struct range){first, last}, why, sizeof why))
        fail_msg("%s", why);
}

struct tally_address own(uint32_t slot)
{
    return world.slots[slot].own;
}

struct tally_address outer(uint32_t slot)
{
    return lan_outer_address(&world, slot);
}

void send(uint32_t slot, struct tally_address to)
{
    static const uint8_t bytes[50];
    checker_configured(&world.checker, slot, &to); /* Whom nodes may write to is not the theme. */
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_SEND,
                                     .send = {to, bytes_of(bytes, sizeof bytes)}});
}

bool arrives(uint32_t from, struct tally_address to, uint32_t at)
{
    unsigned before = seen[at].datagrams;
    send(from, to);
    assert_true(stand_in_run(&world, 100));
    return seen[at].datagrams == before + 1;
}

void assert_address(const struct tally_address *address, const char *text)
{
    char is[64];
    snprintf(is, sizeof is, "%u.%u.%u.%u:%u", address->ip[12], address->ip[13], address->ip[14],
             address->ip[15], address->port);
    assert_string_equal(is, text);
}

void dial(uint32_t slot, uint32_t stream, struct tally_address to, bool punch)
{
    checker_configured(&world.checker, slot, &to);
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_DIAL, .dial = {stream, to, punch}});
}

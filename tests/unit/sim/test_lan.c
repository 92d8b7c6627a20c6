/* SPDX-License-Identifier: Apache-2.0 */
/* Places and the ways between them, with stand-ins for nodes: boxes in front of LANs, boxes behind
   boxes, multicast, gateways, names. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "memory.h"
#include "service.h"
#include "stand_in.h"
#include <stdio.h>

/* Two homes, a segment nothing leads out of, and two nodes in the wide network. */
enum { A, B, C, D, E, P, Q, NODES };

static struct world world;

/* What each stand-in was told last, and how often. */
static struct {
    struct tally_address from;
    bool group;
    struct tally_event event;
    struct tally_interface interface;
    struct tally_resolved resolved[8];
    unsigned datagrams, packets, links, mapped, gateways, resolves;
    unsigned opened, closed;
    bool dialled;
    uint32_t stream;
    enum tally_error error;
    uint64_t us;
} seen[NODES];

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

static void act(uint32_t slot, const struct tally_action *action)
{
    todo[slot] = *action;
    has_todo[slot] = true;
    stand_in_poke(&world, slot);
}

static int set_up(void **state)
{
    stand_in_reset();
    memset(seen, 0, sizeof seen);
    memset(has_todo, 0, sizeof has_todo);
    const struct world_options options = {.seed = 7, .nodes = NODES, .crypto = PROVIDER_FAST};
    world_init(&world, &options);
    stand_in.react = react;
    return 0;
}

static int tear_down(void **state)
{
    if (world.checker.broken)
        fail_msg("%s", world.checker.message);
    world_free(&world);
    return 0;
}

static void nat_behind(uint32_t first, uint32_t last, enum nat_type type, bool hairpin,
                       uint32_t outside)
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

static void nat(uint32_t first, uint32_t last, enum nat_type type)
{
    nat_behind(first, last, type, false, NODES);
}

static void gateway(uint32_t first, uint32_t last, enum tally_mapping kind)
{
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_PORT, .gateway = kind}};
    assert_true(lan_nat(&world, (struct range){first, last}, &box, why, sizeof why));
}

static void segment(uint32_t first, uint32_t last)
{
    char why[100];
    if (!lan_segment(&world, (struct range){first, last}, why, sizeof why))
        fail_msg("%s", why);
}

static struct tally_address own(uint32_t slot)
{
    return world.slots[slot].own;
}

/* As the wide network sees it, if its port is kept. */
static struct tally_address outer(uint32_t slot)
{
    return lan_outer_address(&world, slot);
}

static void send(uint32_t slot, struct tally_address to)
{
    static const uint8_t bytes[50];
    checker_configured(&world.checker, slot, &to); /* Whom nodes may write to is not the theme. */
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_SEND,
                                     .send = {to, bytes_of(bytes, sizeof bytes)}});
}

/* Sends, waits, and tells whether the other one got it. */
static bool arrives(uint32_t from, struct tally_address to, uint32_t at)
{
    unsigned before = seen[at].datagrams;
    send(from, to);
    assert_true(stand_in_run(&world, 100));
    return seen[at].datagrams == before + 1;
}

static void assert_address(const struct tally_address *address, const char *text)
{
    char is[64];
    snprintf(is, sizeof is, "%u.%u.%u.%u:%u", address->ip[12], address->ip[13], address->ip[14],
             address->ip[15], address->port);
    assert_string_equal(is, text);
}

/* ---- Places. ---- */

static void a_node_is_told_its_interface(void **state)
{
    segment(A, B);
    nat(A, B, NAT_PORT);
    nat(C, C, NAT_FULL);
    world.slots[P].profile = TALLY_PROFILE_SERVER;
    world_start(&world);
    static const struct {
        uint32_t slot;
        const char *address;
        uint8_t bits;
        bool multicast;
    } cases[] = {
        {A, "192.168.0.10:0", 120, true},
        {B, "192.168.0.11:0", 120, true},
        {C, "10.0.0.10:0", 112, false},
        {P, "11.0.5.1:0", 120, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tally_interface *interface = &seen[cases[i].slot].interface;
        assert_int_equal(seen[cases[i].slot].links, 1);
        assert_address(&interface->address, cases[i].address);
        assert_int_equal(interface->prefix_bits, cases[i].bits);
        assert_int_equal(interface->multicast, cases[i].multicast);
        assert_int_not_equal(interface->index, 0);
    }
    /* A static node in the wide network has no use for it. */
    assert_int_equal(seen[Q].links, 0);
    assert_int_equal(stand_in.profiles[P], TALLY_PROFILE_SERVER);
    assert_int_equal(stand_in.profiles[Q], TALLY_PROFILE_STATIC);
}

static void homes_have_the_same_few_subnets(void **state)
{
    static const char *const addresses[] = {"192.168.0.10:4001", "10.0.0.10:4001",
                                            "192.168.1.10:4001", "10.1.0.10:4001"};
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t slot = A; slot <= D; slot++) {
            char why[100];
            const struct lan_box box = {.nat = {.type = NAT_PORT}};
            world.slots[slot].front = 0;
            assert_true(lan_nat(&world, (struct range){slot, slot}, &box, why, sizeof why));
            if (round != 1)
                assert_address(&world.slots[slot].own, addresses[slot]);
        }
}

static void a_box_has_an_address_of_its_own(void **state)
{
    nat(A, B, NAT_PORT);
    nat_behind(C, C, NAT_PORT, false, A);
    world_start(&world);
    struct tally_address address = outer(A);
    assert_address(&address, "11.0.0.2:4001");
    address = outer(C);
    assert_address(&address, "11.0.0.2:4001");
    address = lan_of(&world, C)->outer;
    assert_address(&address, "192.168.0.12:0");
    address = lan_address(&world, A, B);
    assert_address(&address, "192.168.0.11:4001");
    address = lan_address(&world, P, B);
    assert_address(&address, "11.0.0.2:4001");
}

/* ---- Ways of datagrams. ---- */

static void out_and_back_again(void **state)
{
    nat(A, B, NAT_PORT);
    world_start(&world);
    assert_false(arrives(P, outer(A), A));
    assert_int_equal(world.network.refused, 1);
    assert_true(arrives(A, own(P), P));
    assert_address(&seen[P].from, "11.0.0.2:4001");
    assert_true(arrives(P, seen[P].from, A));
    assert_address(&seen[A].from, "11.0.5.1:4001");
    assert_false(world.slots[A].reached);
    assert_false(arrives(Q, outer(A), A));
    /* Its neighbour has another port; in the LAN they have their own addresses. */
    assert_true(arrives(B, own(P), P));
    assert_int_not_equal(seen[P].from.port, 4001);
    assert_true(arrives(P, seen[P].from, B));
    assert_true(arrives(B, own(A), A));
    assert_address(&seen[A].from, "192.168.0.11:4001");
    /* After the timeout of the box nothing comes back. */
    assert_true(stand_in_run(&world, NAT_TIMEOUT_S * 1000));
    assert_false(arrives(P, outer(A), A));
}

static void an_inner_address_is_somebody_else_elsewhere(void **state)
{
    for (uint32_t slot = A; slot <= D; slot++)
        nat(slot, slot, NAT_FULL);
    nat(E, E, NAT_FULL);
    char why[100];
    world_start(&world);
    /* The subnet of E's LAN is one of the four before only after all were taken: move B to D's. */
    assert_true(lan_move(&world, (struct range){B, B}, D, why, sizeof why));
    assert_address(&world.slots[B].own, "10.1.0.11:4001");
    assert_true(arrives(B, own(D), D));
    /* From A's LAN that address leads nowhere. */
    assert_false(arrives(A, own(D), D));
    /* Nobody from outside gets to an inner address. */
    assert_false(arrives(P, own(D), D));
}

static void by_outer_addresses_only_if_the_box_turns_packets_back(void **state)
{
    nat_behind(A, B, NAT_FULL, false, NODES);
    nat_behind(C, D, NAT_FULL, true, NODES);
    world_start(&world);
    assert_true(arrives(A, own(P), P));
    assert_false(arrives(B, outer(A), A));
    assert_true(arrives(C, own(P), P));
    assert_true(arrives(D, outer(C), C));
    /* It is seen as the outside would see it. */
    assert_int_equal(memcmp(seen[C].from.ip, outer(D).ip, 16), 0);
}

static void behind_two_boxes(void **state)
{
    nat(A, B, NAT_PORT);
    nat_behind(C, D, NAT_FULL, false, A);
    world_start(&world);
    assert_true(arrives(C, own(P), P));
    assert_address(&seen[P].from, "11.0.0.2:4001");
    assert_true(arrives(P, seen[P].from, C));
    assert_false(arrives(Q, seen[P].from, C)); /* The outer box is strict, */
    assert_true(arrives(C, own(B), B));        /* the inner one is not, */
    assert_address(&seen[B].from, "192.168.0.12:4001");
    assert_true(arrives(A, seen[B].from, C)); /* so its own neighbours get in. */
    assert_address(&seen[C].from, "192.168.0.10:4001");
    assert_true(arrives(D, own(C), C));
}

static void what_comes_unasked_is_remembered(void **state)
{
    nat(A, A, NAT_FULL);
    nat(B, B, NAT_PORT);
    world_start(&world);
    assert_true(arrives(A, own(P), P));
    assert_true(arrives(B, own(P), P));
    assert_true(arrives(P, outer(A), A));
    assert_false(world.slots[A].reached);
    assert_true(arrives(Q, outer(A), A));
    assert_true(world.slots[A].reached);
    assert_false(arrives(Q, outer(B), B));
    assert_false(world.slots[B].reached);
}

/* A box looks when a packet is there, not when it was sent: so two that write to each other at the
   same time both get through, though neither was expected when the other's left. */
static void two_at_once(void **state)
{
    nat(A, A, NAT_PORT);
    nat(B, B, NAT_PORT);
    world_start(&world);
    world.network.link.delay_ms = (struct range){40, 40};
    send(A, outer(B));
    assert_true(stand_in_run(&world, 30));
    send(B, outer(A));
    assert_true(stand_in_run(&world, 200));
    assert_int_equal(seen[A].datagrams, 1);
    assert_int_equal(seen[B].datagrams, 1);
    /* Too late is too late, and the second one's gets through alone. */
    assert_true(stand_in_run(&world, NAT_TIMEOUT_S * 1000));
    send(A, outer(B));
    assert_true(stand_in_run(&world, 50));
    send(B, outer(A));
    assert_true(stand_in_run(&world, 200));
    assert_int_equal(seen[A].datagrams, 2);
    assert_int_equal(seen[B].datagrams, 1);
}

static void a_sleeper_behind_a_box_gets_it_later(void **state)
{
    nat(A, B, NAT_PORT);
    world_start(&world);
    assert_true(arrives(B, own(P), P));
    world_suspend(&world, B, 5000000);
    world_suspend(&world, A, 1000000);
    assert_false(arrives(P, seen[P].from, B));
    assert_true(stand_in_run(&world, 5000));
    assert_int_equal(seen[B].datagrams, 1);
}

static void a_node_goes_elsewhere(void **state)
{
    char why[100];
    nat(A, B, NAT_FULL);
    segment(C, D);
    world_start(&world);
    assert_true(arrives(B, own(P), P));
    struct tally_address was = own(B), port = seen[P].from;
    assert_true(lan_move(&world, (struct range){B, B}, C, why, sizeof why));
    assert_int_equal(seen[B].links, 2);
    assert_address(&seen[B].interface.address, "10.0.0.12:0");
    assert_true(seen[B].interface.multicast);
    assert_false(arrives(P, port, B));
    assert_false(arrives(A, was, B));
    assert_true(arrives(C, own(B), B));
    assert_false(arrives(B, own(P), P)); /* Nothing leads out of there. */
    assert_true(lan_move(&world, (struct range){B, B}, Q, why, sizeof why));
    assert_address(&seen[B].interface.address, "11.0.1.1:0");
    assert_true(arrives(B, own(P), P));
    assert_true(arrives(P, own(B), B));
}

static void places_that_cannot_be(void **state)
{
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_PORT}, .behind = true, .outside = P};
    assert_false(lan_nat(&world, (struct range){A, A}, &box, why, sizeof why));
    assert_string_equal(why, "n6 is behind no box");
    nat(A, B, NAT_PORT);
    assert_false(lan_segment(&world, (struct range){B, C}, why, sizeof why));
    assert_string_equal(why, "they are not in one place");
    assert_false(lan_move(&world, (struct range){A, B}, B, why, sizeof why));
    assert_string_equal(why, "n2 cannot go to itself");
    assert_false(lan_restart(&world, P, false, false));
}

/* ---- Streams. ---- */

static void dial(uint32_t slot, uint32_t stream, struct tally_address to, bool punch)
{
    checker_configured(&world.checker, slot, &to);
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_DIAL, .dial = {stream, to, punch}});
}

static void streams_go_out_and_do_not_come_in(void **state)
{
    nat(A, B, NAT_FULL);
    world_start(&world);
    dial(A, 2, own(P), false);
    assert_true(stand_in_run(&world, 500));
    assert_int_equal(seen[A].opened, 1);
    assert_int_equal(seen[P].opened, 1);
    assert_int_equal(memcmp(seen[P].from.ip, outer(A).ip, 16), 0);
    assert_int_not_equal(seen[P].from.port, 4001);
    assert_true(seen[A].dialled && !seen[P].dialled);
    uint64_t begun_us = world.now_us;
    dial(Q, 2, outer(A), false);
    assert_true(stand_in_run(&world, 10000));
    assert_int_equal(seen[A].opened, 1);
    assert_int_equal(seen[Q].closed, 1);
    assert_int_equal(seen[Q].error, TALLY_TIMED_OUT);
    assert_int_equal(seen[Q].us - begun_us, DIAL_TIMEOUT_MS * 1000);
    dial(B, 4, own(A), false); /* In the LAN nothing is between them. */
    assert_true(stand_in_run(&world, 50));
    assert_int_equal(seen[A].opened, 2);
    assert_address(&seen[B].from, "192.168.0.10:4001");
}

static void two_dials_that_meet_are_one_stream(void **state)
{
    nat(A, A, NAT_PORT);
    nat(B, B, NAT_PORT);
    world_start(&world);
    dial(A, 2, outer(B), true);
    dial(B, 6, outer(A), true);
    assert_true(stand_in_run(&world, 4000));
    for (uint32_t slot = A; slot <= B; slot++) {
        assert_int_equal(seen[slot].opened, 1);
        assert_int_equal(seen[slot].closed, 0);
        assert_true(seen[slot].dialled);
        assert_int_equal(seen[slot].stream, slot == A ? 2 : 6);
    }
    /* There is no second one between the same two ports. */
    dial(A, 4, outer(B), true);
    assert_true(stand_in_run(&world, 100));
    assert_int_equal(seen[A].closed, 1);
    assert_int_equal(seen[A].error, TALLY_IN_USE);
    act(A, &(struct tally_action){.kind = TALLY_ACTION_CLOSE, .close = {2}});
    assert_true(stand_in_run(&world, 1000));
    assert_int_equal(seen[B].closed, 1);
    assert_int_equal(seen[B].error, TALLY_CLOSED);
}

static void a_dial_that_comes_first_is_tried_again(void **state)
{
    nat(A, A, NAT_PORT);
    nat(B, B, NAT_PORT);
    world_start(&world);
    dial(A, 2, outer(B), true);
    assert_true(stand_in_run(&world, 600)); /* It came, and was not let in. */
    assert_int_equal(seen[A].closed, 0);
    dial(B, 6, outer(A), true);
    assert_true(stand_in_run(&world, 2000));
    assert_int_equal(seen[A].opened, 1);
    assert_int_equal(seen[B].opened, 1);
    assert_int_equal(seen[A].closed + seen[B].closed, 0);
}

static void dials_do_not_meet_when_one_is_symmetric(void **state)
{
    nat(A, A, NAT_PORT);
    nat(B, B, NAT_SYMMETRIC);
    world_start(&world);
    dial(A, 2, outer(B), true);
    dial(B, 6, outer(A), true);
    assert_true(stand_in_run(&world, 10000));
    assert_int_equal(seen[A].opened + seen[B].opened, 0);
    assert_int_equal(seen[A].closed, 1);
    assert_int_equal(seen[B].closed, 1);
}

static void a_box_that_forgets_breaks_what_went_through_it(void **state)
{
    static const uint8_t bytes[10];
    nat(A, B, NAT_FULL);
    world_start(&world);
    dial(A, 2, own(P), false);
    dial(B, 2, own(A), false);
    assert_true(stand_in_run(&world, 500));
    assert_true(lan_restart(&world, A, false, false));
    network_write(&world, A, 2, bytes_of(bytes, sizeof bytes));
    network_write(&world, B, 2, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 60000));
    assert_int_equal(seen[P].closed, 1);
    assert_int_equal(seen[P].error, TALLY_TIMED_OUT);
    assert_int_equal(seen[A].closed, 1);
    assert_int_equal(seen[B].closed, 0); /* That one stayed in the LAN. */
}

/* ---- Multicast. ---- */

static void multicast(uint32_t slot, uint32_t interface, struct tally_address to)
{
    static const uint8_t bytes[70];
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_MULTICAST,
                                     .multicast = {interface, to, bytes_of(bytes, 70)}});
    assert_true(stand_in_run(&world, 50));
}

static void a_segment_hears_its_own(void **state)
{
    const struct tally_address group = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 224, [15] = 251},
                                        .port = MDNS_PORT};
    nat(A, C, NAT_PORT);
    segment(A, B);
    segment(D, E);
    world_start(&world);
    uint32_t interface = seen[A].interface.index;
    multicast(A, interface, group);
    assert_int_equal(seen[B].packets, 1);
    assert_true(seen[B].group);
    assert_address(&seen[B].from, "192.168.0.10:5353");
    assert_int_equal(seen[A].packets + seen[C].packets + seen[D].packets + seen[P].packets, 0);
    /* An answer to one. */
    struct tally_address one = own(A);
    one.port = MDNS_PORT;
    multicast(B, interface, one);
    assert_int_equal(seen[A].packets, 1);
    assert_false(seen[A].group);
    /* From an interface it does not have, or without any that can. */
    multicast(A, interface + 1, group);
    multicast(C, interface, group);
    assert_int_equal(seen[B].packets, 1);
    multicast(E, interface, group);
    assert_int_equal(seen[D].packets, 1);
}

/* ---- Gateways. ---- */

static void ask(uint32_t slot, enum tally_mapping protocol, enum tally_transport transport)
{
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_MAP,
                                     .map = {.ticket = 5,
                                             .protocol = protocol,
                                             .transport = transport,
                                             .inner_port = NETWORK_PORT,
                                             .outer_port = NETWORK_PORT,
                                             .lifetime_s = 7200,
                                             .timeout_ms = 250}});
    assert_true(stand_in_run(&world, 300));
}

static void a_mapped_port_is_a_way_in(void **state)
{
    gateway(A, B, TALLY_MAPPING_PCP);
    world_start(&world);
    ask(A, TALLY_MAPPING_PCP, TALLY_TRANSPORT_UDP);
    assert_int_equal(seen[A].mapped, 1);
    assert_int_equal(seen[A].event.mapped.error, TALLY_OK);
    assert_int_equal(seen[A].event.mapped.ticket, 5);
    assert_int_equal(seen[A].event.mapped.lifetime_s, 7200);
    assert_address(&seen[A].event.mapped.outer, "11.0.0.2:4001");
    assert_address(&seen[A].event.mapped.gateway, "192.168.0.1:0");
    assert_true(arrives(P, seen[A].event.mapped.outer, A));
    assert_true(world.slots[A].reached);
    ask(B, TALLY_MAPPING_PCP, TALLY_TRANSPORT_UDP);
    assert_int_equal(seen[B].event.mapped.outer.port, 4002);
    assert_true(arrives(P, seen[B].event.mapped.outer, B));
    /* Streams have mappings of their own. */
    dial(P, 2, seen[A].event.mapped.outer, false);
    assert_true(stand_in_run(&world, 10000));
    assert_int_equal(seen[A].opened, 0);
    ask(A, TALLY_MAPPING_PCP, TALLY_TRANSPORT_TCP);
    dial(P, 4, seen[A].event.mapped.outer, false);
    assert_true(stand_in_run(&world, 500));
    assert_int_equal(seen[A].opened, 1);
    assert_false(seen[A].dialled);
}

static void gateways_answer_as_they_are(void **state)
{
    gateway(A, A, TALLY_MAPPING_NATPMP);
    gateway(B, B, TALLY_MAPPING_NONE);
    segment(C, D);
    world_start(&world);
    static const struct {
        uint32_t slot;
        enum tally_mapping protocol;
        enum tally_error error;
        bool slow;
    } cases[] = {
        {A, TALLY_MAPPING_PCP, TALLY_NEWER, false},
        {A, TALLY_MAPPING_NATPMP, TALLY_OK, false},
        {B, TALLY_MAPPING_PCP, TALLY_TIMED_OUT, true},
        {C, TALLY_MAPPING_PCP, TALLY_UNREACHABLE, false},
        {P, TALLY_MAPPING_PCP, TALLY_TIMED_OUT, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t slot = cases[i].slot;
        uint64_t begun_us = world.now_us;
        ask(slot, cases[i].protocol, TALLY_TRANSPORT_UDP);
        assert_int_equal(seen[slot].event.mapped.error, cases[i].error);
        if (cases[i].slow)
            assert_int_equal(seen[slot].us - begun_us, 250000);
        else
            assert_in_range(seen[slot].us - begun_us, 1000, 4000);
    }
}

static void a_gateway_that_begins_anew_says_so(void **state)
{
    gateway(A, B, TALLY_MAPPING_NATPMP);
    world_start(&world);
    assert_true(stand_in_run(&world, 10000));
    ask(A, TALLY_MAPPING_NATPMP, TALLY_TRANSPORT_UDP);
    assert_int_equal(seen[A].event.mapped.epoch_s, 10);
    assert_true(lan_restart(&world, A, false, false));
    assert_true(stand_in_run(&world, 50));
    for (uint32_t slot = A; slot <= B; slot++) {
        assert_int_equal(seen[slot].gateways, 1);
        assert_int_equal(seen[slot].event.gateway.epoch_s, 0);
        assert_int_equal(seen[slot].event.gateway.protocol, TALLY_MAPPING_NATPMP);
        assert_address(&seen[slot].event.gateway.gateway, "192.168.0.1:0");
    }
    assert_false(arrives(P, outer(A), A));
    assert_true(lan_restart(&world, A, true, true)); /* Silent, and with another address. */
    assert_true(stand_in_run(&world, 50));
    assert_int_equal(seen[A].gateways, 1);
    ask(A, TALLY_MAPPING_NATPMP, TALLY_TRANSPORT_UDP);
    assert_address(&seen[A].event.mapped.outer, "11.0.0.3:4001");
    assert_in_range(seen[A].event.mapped.epoch_s, 0, 1);
    assert_true(arrives(P, seen[A].event.mapped.outer, A));
}

/* Behind another box the outer address is an inner one of that box. */
static void a_gateway_behind_a_box(void **state)
{
    nat(A, A, NAT_PORT);
    char why[100];
    const struct lan_box box = {
        .nat = {.type = NAT_PORT, .gateway = TALLY_MAPPING_PCP}, .behind = true, .outside = A};
    assert_true(lan_nat(&world, (struct range){B, B}, &box, why, sizeof why));
    const struct lan_box carrier = {.nat = {.type = NAT_PORT}, .carrier = true};
    assert_true(lan_nat(&world, (struct range){C, C}, &carrier, why, sizeof why));
    world_start(&world);
    ask(B, TALLY_MAPPING_PCP, TALLY_TRANSPORT_UDP);
    assert_address(&seen[B].event.mapped.outer, "192.168.0.11:4001");
    assert_address(&world.slots[C].own, "100.65.0.10:4001");
    assert_false(arrives(P, outer(B), B));
    assert_true(arrives(A, seen[B].event.mapped.outer, B));
}

/* ---- Names. ---- */

static void resolve(uint32_t slot, const char *name)
{
    act(slot, &(struct tally_action){.kind = TALLY_ACTION_RESOLVE, .resolve = {9, name}});
    assert_true(stand_in_run(&world, DNS_TIMEOUT_MS + 100));
}

static void names_lead_to_nodes(void **state)
{
    static const uint32_t nodes[] = {P, A};
    nat(A, A, NAT_FULL);
    world_domain(&world, "mesh.example", nodes, 2, false, false);
    world_domain(&world, "old.example", nodes, 1, false, true);
    world_domain(&world, "empty.example", NULL, 0, false, false);
    world_domain(&world, "gone.example", NULL, 0, true, false);
    world_start(&world);
    resolve(Q, "mesh.example");
    assert_int_equal(seen[Q].event.resolved.error, TALLY_OK);
    assert_int_equal(seen[Q].event.resolved.ticket, 9);
    assert_int_equal(seen[Q].event.resolved.count, 4);
    assert_memory_equal(&seen[Q].resolved[0].key, &world.slots[P].signer.key, 32);
    assert_true(seen[Q].resolved[0].has_key);
    assert_int_equal(seen[Q].resolved[0].transport, TALLY_TRANSPORT_UDP);
    assert_int_equal(seen[Q].resolved[1].transport, TALLY_TRANSPORT_TCP);
    assert_address(&seen[Q].resolved[0].address, "11.0.5.1:4001");
    assert_address(&seen[Q].resolved[2].address, "11.0.0.2:4001");
    resolve(Q, "old.example");
    assert_int_equal(seen[Q].event.resolved.count, 2);
    assert_false(seen[Q].resolved[0].has_key);
    resolve(Q, "empty.example");
    assert_int_equal(seen[Q].event.resolved.error, TALLY_NOT_FOUND);
    resolve(Q, "nobody.example");
    assert_int_equal(seen[Q].event.resolved.error, TALLY_NOT_FOUND);
    resolve(Q, "gone.example");
    assert_int_equal(seen[Q].event.resolved.error, TALLY_TIMED_OUT);
    assert_int_equal(seen[Q].resolves, 5);
    /* An answer is for one life. */
    act(Q, &(struct tally_action){.kind = TALLY_ACTION_RESOLVE, .resolve = {9, "mesh.example"}});
    world_restart(&world, Q);
    assert_true(stand_in_run(&world, 1000));
    assert_int_equal(seen[Q].resolves, 5);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_node_is_told_its_interface),
        STORY(homes_have_the_same_few_subnets),
        STORY(a_box_has_an_address_of_its_own),
        STORY(out_and_back_again),
        STORY(an_inner_address_is_somebody_else_elsewhere),
        STORY(by_outer_addresses_only_if_the_box_turns_packets_back),
        STORY(behind_two_boxes),
        STORY(what_comes_unasked_is_remembered),
        STORY(two_at_once),
        STORY(a_sleeper_behind_a_box_gets_it_later),
        STORY(a_node_goes_elsewhere),
        STORY(places_that_cannot_be),
        STORY(streams_go_out_and_do_not_come_in),
        STORY(two_dials_that_meet_are_one_stream),
        STORY(a_dial_that_comes_first_is_tried_again),
        STORY(dials_do_not_meet_when_one_is_symmetric),
        STORY(a_box_that_forgets_breaks_what_went_through_it),
        STORY(a_segment_hears_its_own),
        STORY(a_mapped_port_is_a_way_in),
        STORY(gateways_answer_as_they_are),
        STORY(a_gateway_that_begins_anew_says_so),
        STORY(a_gateway_behind_a_box),
        STORY(names_lead_to_nodes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

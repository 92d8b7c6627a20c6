/* SPDX-License-Identifier: Apache-2.0 */
/* What else there is between places: streams through boxes, multicast, gateways, names. */
#include "homes.h"

/* ---- Streams. ---- */

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
                                        .port = MULTICAST_PORT};
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
    one.port = MULTICAST_PORT;
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
    service_domain(&world, "mesh.example", nodes, 2, false, false);
    service_domain(&world, "old.example", nodes, 1, false, true);
    service_domain(&world, "empty.example", NULL, 0, false, false);
    service_domain(&world, "gone.example", NULL, 0, true, false);
    world_start(&world);
    resolve(Q, "mesh.example");
    assert_int_equal(seen[Q].event.resolved.error, TALLY_OK);
    assert_int_equal(seen[Q].event.resolved.ticket, 9);
    assert_int_equal(seen[Q].event.resolved.count, 4);
    assert_memory_equal(&seen[Q].resolved[0].key, &world.slots[P].signer.key, 32);
    assert_true(seen[Q].resolved[0].has_key);
    assert_int_equal(seen[Q].resolved[0].transport, TALLY_TRANSPORT_UDP);
    assert_int_equal(seen[Q].resolved[1].transport, TALLY_TRANSPORT_TCP);
    assert_address(&seen[Q].resolved[0].address, "11.5.0.1:4001");
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

#define STORY(name) cmocka_unit_test_setup_teardown(name, homes_begin, homes_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
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

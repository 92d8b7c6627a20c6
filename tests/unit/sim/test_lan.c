/* SPDX-License-Identifier: Apache-2.0 */
/* Places and the ways of datagrams between them: boxes in front of LANs, and boxes behind boxes. */
#include "homes.h"

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
        {P, "11.5.0.1:0", 120, false},
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
    assert_address(&seen[A].from, "11.5.0.1:4001");
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
    assert_address(&seen[B].interface.address, "11.1.0.1:0");
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

#define STORY(name) cmocka_unit_test_setup_teardown(name, homes_begin, homes_end)

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
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of where packets go, each shown a node that breaks the rule, and one that does not. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "stand_in.h"

enum { A, B };

static struct world world;
static const uint8_t datagram[100];

static int set_up(void **state)
{
    stand_in_reset();
    stand_in_world(&world, 2);
    return 0;
}

static int tear_down(void **state)
{
    world_free(&world);
    return 0;
}

static void assert_broken(enum check check)
{
    assert_true(world.checker.broken);
    assert_string_equal(check_name(world.checker.check), check_name(check));
    assert_non_null(strstr(world.checker.message, check_text(check)));
}

static void assert_content(void)
{
    if (world.checker.broken)
        fail_msg("%s", world.checker.message);
}

static struct tally_action reach_out; /* What A does at its next TICK. */

static void react_out(uint32_t slot, const struct tally_event *event)
{
    if (slot == A && event->kind == TALLY_EVENT_TICK)
        stand_in_add(slot, &reach_out);
}

static struct tally_address inner_address(uint32_t ip)
{
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}, .port = NETWORK_PORT};
    be32_write(address.ip + 12, ip);
    return address;
}

static void place_in_lan(void)
{
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_PORT}};
    assert_true(lan_nat(&world, (struct range){A, A}, &box, why, sizeof why));
    assert_int_equal(world.slots[A].own.ip[12], 192);
    stand_in.react = react_out;
}

static void reaches(struct tally_address to)
{
    const struct tally_address to_b = network_address(B);
    reach_out =
        (struct tally_action){.kind = TALLY_ACTION_SEND, .send = {to, bytes_of(datagram, 50)}};
    checker_configured(&world.checker, A, &to_b);
    stand_in_poke(&world, A);
}

static void an_inner_address_of_another_subnet(void **state)
{
    static const uint32_t others[] = {
        0xc0a8010a, 0x0a00000a, 0xac10000a, 0xac1fffff, 0x6440000a, 0xa9fe0001, 0x7f000001,
    };
    static const uint32_t global[] = {0x0b000101, 0xac20000a, 0x64800001, 0x08080808};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        place_in_lan();
        const struct tally_address attached = inner_address(0xc0a8000b);
        checker_configured(&world.checker, A, &attached); /* For the bytes it may have. */
        reaches(attached);
        for (size_t j = 0; j < sizeof global / sizeof *global; j++) {
            const struct tally_address wide = inner_address(global[j]);
            checker_configured(&world.checker, A, &wide);
            reaches(wide);
        }
        assert_content();
        reaches(inner_address(others[i]));
        assert_broken(CHECK_SCOPE);
        tear_down(state);
        set_up(state);
    }
}

static void a_node_of_the_wide_network_has_no_inner_addresses(void **state)
{
    stand_in.react = react_out;
    assert_int_equal(world.slots[A].own.ip[12], 11);
    reaches(network_address(B));
    assert_content();
    reaches(inner_address(0xc0a8000a));
    assert_broken(CHECK_SCOPE);
}

static void an_inner_address_that_was_named_or_that_wrote(void **state)
{
    place_in_lan();
    const struct tally_address named = inner_address(0x0a000014), wrote = inner_address(0x0a000015);
    checker_configured(&world.checker, A, &named);
    reaches(named);
    world_step(&world, A,
               &(struct tally_event){.kind = TALLY_EVENT_DATAGRAM,
                                     .datagram = {wrote, bytes_of(datagram, 100)}});
    reaches(wrote);
    assert_content();
    reaches(inner_address(0x0a000016));
    assert_broken(CHECK_SCOPE);
}

/* Where accounts are not kept of all, they are of these. */
static void inner_addresses_in_large_worlds(void **state)
{
    world.checker.light = true;
    place_in_lan();
    const struct tally_address wrote = inner_address(0x0a000015);
    world_step(&world, A,
               &(struct tally_event){.kind = TALLY_EVENT_DATAGRAM,
                                     .datagram = {wrote, bytes_of(datagram, 100)}});
    reaches(wrote);
    assert_content();
    reaches(inner_address(0x0a000016));
    assert_broken(CHECK_SCOPE);
}

static void a_dial_to_an_inner_address_of_another_subnet(void **state)
{
    place_in_lan();
    reach_out = (struct tally_action){.kind = TALLY_ACTION_DIAL,
                                      .dial = {2, inner_address(0xc0a8000b), false}};
    stand_in_poke(&world, A);
    assert_content();
    reach_out.dial.to = inner_address(0x0a00000b);
    stand_in_poke(&world, A);
    assert_broken(CHECK_SCOPE);
}

static void multicast_to_a_host_of_another_subnet(void **state)
{
    static const uint8_t packet[TALLY_MDNS_PACKET_MAX + 1];
    place_in_lan();
    reach_out = (struct tally_action){
        .kind = TALLY_ACTION_MULTICAST,
        .multicast = {2, inner_address(0xe00000fb), bytes_of(packet, TALLY_MDNS_PACKET_MAX)}};
    stand_in_poke(&world, A);
    reach_out.multicast.to = inner_address(0xc0a8000b);
    stand_in_poke(&world, A);
    assert_content();
    reach_out.multicast.to = inner_address(0x0b000101);
    stand_in_poke(&world, A);
    assert_broken(CHECK_SCOPE);
}

static void a_multicast_packet_too_large(void **state)
{
    static const uint8_t packet[TALLY_MDNS_PACKET_MAX + 1];
    place_in_lan();
    reach_out = (struct tally_action){
        .kind = TALLY_ACTION_MULTICAST,
        .multicast = {2, inner_address(0xe00000fb), bytes_of(packet, sizeof packet)}};
    stand_in_poke(&world, A);
    assert_broken(CHECK_PACKET);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_inner_address_of_another_subnet),
        STORY(a_node_of_the_wide_network_has_no_inner_addresses),
        STORY(an_inner_address_that_was_named_or_that_wrote),
        STORY(inner_addresses_in_large_worlds),
        STORY(a_dial_to_an_inner_address_of_another_subnet),
        STORY(multicast_to_a_host_of_another_subnet),
        STORY(a_multicast_packet_too_large),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A box of each type: which packets get through, in tables of (time, packet, verdict). */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "nat.h"
#include <stdlib.h>

#define UDP TALLY_TRANSPORT_UDP
#define TCP TALLY_TRANSPORT_TCP

enum { SECOND_US = 1000000 };

static struct nat nat;

static struct tally_address at(uint32_t ip, uint16_t port)
{
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}, .port = port};
    be32_write(address.ip + 12, ip);
    return address;
}

/* Two hosts inside; two outside, of which P has two ports. */
static struct tally_address host(char name)
{
    switch (name) {
    case 'a':
        return at(0xc0a8000a, 4001);
    case 'b':
        return at(0xc0a8000b, 4001);
    case 'P':
        return at(0x0b000101, 4001);
    case 'p':
        return at(0x0b000101, 9);
    case 'Q':
        return at(0x0b000201, 4001);
    default:
        abort();
    }
}

static void box(enum nat_type type, enum tally_mapping gateway)
{
    const struct nat_options options = {
        .type = type, .gateway = gateway, .timeout_us = 60 * (uint64_t)SECOND_US};
    nat_free(&nat);
    nat_init(&nat, &options, 0, 7);
}

static uint16_t out(uint64_t s, enum tally_transport transport, char inner, char remote)
{
    const struct tally_address from = host(inner), to = host(remote);
    return nat_out(&nat, s * SECOND_US, transport, &from, &to);
}

/* Who gets a packet from a remote to an outer port: its letter, or '-'. */
static char in(uint64_t s, enum tally_transport transport, char remote, uint16_t port, bool *asked)
{
    const struct tally_address from = host(remote);
    struct tally_address inner;
    if (!nat_in(&nat, s * SECOND_US, transport, port, &from, &inner, asked))
        return '-';
    const struct tally_address a = host('a'), b = host('b');
    return address_equal(&inner, &a) ? 'a' : address_equal(&inner, &b) ? 'b' : '?';
}

/* a writes to P at 0 s, and to nobody else; then these come to the port that P saw. */
static void who_gets_in_depends_on_the_type(void **state)
{
    static const struct {
        enum nat_type type;
        uint64_t s;
        char remote;
        char gets;
    } cases[] = {
        {NAT_FULL, 1, 'P', 'a'},       {NAT_FULL, 1, 'p', 'a'},       {NAT_FULL, 1, 'Q', 'a'},
        {NAT_FULL, 59, 'Q', 'a'},      {NAT_FULL, 60, 'Q', '-'},      {NAT_ADDRESS, 1, 'P', 'a'},
        {NAT_ADDRESS, 1, 'p', 'a'},    {NAT_ADDRESS, 1, 'Q', '-'},    {NAT_ADDRESS, 59, 'p', 'a'},
        {NAT_ADDRESS, 60, 'P', '-'},   {NAT_PORT, 1, 'P', 'a'},       {NAT_PORT, 1, 'p', '-'},
        {NAT_PORT, 1, 'Q', '-'},       {NAT_PORT, 59, 'P', 'a'},      {NAT_PORT, 60, 'P', '-'},
        {NAT_SYMMETRIC, 1, 'P', 'a'},  {NAT_SYMMETRIC, 1, 'p', '-'},  {NAT_SYMMETRIC, 1, 'Q', '-'},
        {NAT_SYMMETRIC, 59, 'P', 'a'}, {NAT_SYMMETRIC, 60, 'P', '-'},
    };
    bool asked;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        box(cases[i].type, TALLY_MAPPING_NONE);
        uint16_t port = out(0, UDP, 'a', 'P');
        assert_int_equal(in(cases[i].s, UDP, cases[i].remote, port, &asked), cases[i].gets);
        assert_int_equal(in(cases[i].s, UDP, cases[i].remote, (uint16_t)(port + 1), &asked), '-');
        assert_int_equal(in(cases[i].s, TCP, cases[i].remote, port, &asked), '-');
    }
}

static void what_goes_out_keeps_the_way_open_what_comes_in_does_not(void **state)
{
    static const enum nat_type types[] = {NAT_FULL, NAT_ADDRESS, NAT_PORT, NAT_SYMMETRIC};
    bool asked;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        box(types[i], TALLY_MAPPING_NONE);
        uint16_t port = out(0, UDP, 'a', 'P');
        assert_int_equal(out(50, UDP, 'a', 'P'), port);
        assert_int_equal(in(109, UDP, 'P', port, &asked), 'a');
        assert_int_equal(in(110, UDP, 'P', port, &asked), '-');
    }
}

/* One outer port for all remotes, the inner one if it is free; symmetric: another one for each. */
static void outer_ports(void **state)
{
    static const enum nat_type cones[] = {NAT_FULL, NAT_ADDRESS, NAT_PORT};
    for (size_t i = 0; i < sizeof cones / sizeof *cones; i++) {
        box(cones[i], TALLY_MAPPING_NONE);
        assert_int_equal(out(0, UDP, 'a', 'P'), 4001);
        assert_int_equal(out(0, UDP, 'a', 'p'), 4001);
        assert_int_equal(out(0, UDP, 'a', 'Q'), 4001);
        uint16_t second = out(0, UDP, 'b', 'P');
        assert_int_not_equal(second, 4001);
        assert_in_range(second, 1024, UINT16_MAX);
        assert_int_equal(out(0, TCP, 'b', 'P'), 4001);   /* Of the other transport it is free. */
        assert_int_equal(out(100, UDP, 'b', 'P'), 4001); /* Both were forgotten meanwhile. */
    }
    box(NAT_SYMMETRIC, TALLY_MAPPING_NONE);
    uint16_t ports[] = {out(0, UDP, 'a', 'P'), out(0, UDP, 'a', 'p'), out(0, UDP, 'a', 'Q'),
                        out(0, UDP, 'b', 'P')};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ports[i], ports[j]);
    assert_int_equal(out(1, UDP, 'a', 'P'), ports[0]);
    assert_int_not_equal(out(100, UDP, 'a', 'P'), ports[0]);
}

/* Two behind boxes write to each other at once, each to the port a third one saw: what arrives
   first is lost if it is not expected, what comes after is let in. */
static void punching_works_unless_a_box_is_symmetric(void **state)
{
    bool asked;
    box(NAT_PORT, TALLY_MAPPING_NONE);
    uint16_t port = out(0, UDP, 'a', 'Q'); /* Q sees it, and tells P. */
    assert_int_equal(in(1, UDP, 'P', port, &asked), '-');
    assert_int_equal(out(1, UDP, 'a', 'P'), port);
    assert_int_equal(in(2, UDP, 'P', port, &asked), 'a');
    assert_true(asked);
    box(NAT_SYMMETRIC, TALLY_MAPPING_NONE);
    port = out(0, UDP, 'a', 'Q');
    assert_int_not_equal(out(1, UDP, 'a', 'P'), port);
    assert_int_equal(in(2, UDP, 'P', port, &asked), '-');
}

static void it_is_known_what_was_asked_for(void **state)
{
    bool asked = true;
    box(NAT_FULL, TALLY_MAPPING_NONE);
    uint16_t port = out(0, UDP, 'a', 'P');
    assert_int_equal(in(1, UDP, 'P', port, &asked), 'a');
    assert_true(asked);
    assert_int_equal(in(1, UDP, 'Q', port, &asked), 'a');
    assert_false(asked);
}

static void many_ways_are_kept_and_old_ones_forgotten(void **state)
{
    box(NAT_PORT, TALLY_MAPPING_NONE);
    const struct tally_address a = host('a');
    for (uint32_t round = 0; round < 50; round++)
        for (uint32_t i = 0; i < 100; i++) {
            const struct tally_address to = at(0x0b100000 + i + 100 * round, 4001);
            (void)nat_out(&nat, (uint64_t)round * 30 * SECOND_US, TALLY_TRANSPORT_UDP, &a, &to);
        }
    struct tally_address inner;
    bool asked;
    for (uint32_t i = 0; i < 100; i++) {
        const struct tally_address from = at(0x0b100000 + i + 100 * 49, 4001);
        assert_true(nat_in(&nat, UINT64_C(49) * 30 * SECOND_US, UDP, 4001, &from, &inner, &asked));
    }
    assert_in_range(nat.flow_capacity, 200, 1000);
    assert_int_equal(nat.mapping_count, 1);
}

/* ---- The gateway. ---- */

static struct nat_grant map(uint64_t s, char inner, enum tally_mapping protocol,
                            enum tally_transport transport, uint16_t wish, uint32_t lifetime_s,
                            uint8_t nonce)
{
    const struct tally_address of = host(inner);
    const struct nat_request request = {.protocol = protocol,
                                        .transport = transport,
                                        .inner_port = 4001,
                                        .outer_port = wish,
                                        .lifetime_s = lifetime_s,
                                        .nonce = {nonce}};
    return nat_map(&nat, s * SECOND_US, &of, &request);
}

static void gateways_speak_what_they_speak(void **state)
{
    static const struct {
        enum tally_mapping gateway, asked;
        enum tally_error error;
    } cases[] = {
        {TALLY_MAPPING_NONE, TALLY_MAPPING_PCP, TALLY_TIMED_OUT},
        {TALLY_MAPPING_NONE, TALLY_MAPPING_NATPMP, TALLY_TIMED_OUT},
        {TALLY_MAPPING_PCP, TALLY_MAPPING_PCP, TALLY_OK},
        {TALLY_MAPPING_PCP, TALLY_MAPPING_NATPMP, TALLY_NEWER},
        {TALLY_MAPPING_NATPMP, TALLY_MAPPING_PCP, TALLY_NEWER},
        {TALLY_MAPPING_NATPMP, TALLY_MAPPING_NATPMP, TALLY_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        box(NAT_PORT, cases[i].gateway);
        struct nat_grant grant = map(5, 'a', cases[i].asked, UDP, 4001, 7200, 1);
        assert_int_equal(grant.error, cases[i].error);
        assert_int_equal(grant.epoch_s, 5);
        assert_int_equal(grant.lifetime_s, grant.error == TALLY_OK ? 7200 : 0);
    }
}

static void a_mapped_port_lets_anybody_in_as_long_as_it_is_held(void **state)
{
    static const enum nat_type types[] = {NAT_FULL, NAT_ADDRESS, NAT_PORT, NAT_SYMMETRIC};
    bool asked;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        box(types[i], TALLY_MAPPING_PCP);
        struct nat_grant grant = map(0, 'a', TALLY_MAPPING_PCP, UDP, 4001, 100, 1);
        assert_int_equal(grant.outer_port, 4001);
        assert_int_equal(in(99, UDP, 'Q', 4001, &asked), 'a');
        assert_false(asked);
        assert_int_equal(out(99, UDP, 'a', 'P'), 4001); /* What goes out uses it too. */
        assert_int_equal(in(100, UDP, 'Q', 4001, &asked), '-');
    }
}

static void another_port_is_granted_when_one_is_taken(void **state)
{
    bool asked;
    box(NAT_PORT, TALLY_MAPPING_NATPMP);
    assert_int_equal(map(0, 'a', TALLY_MAPPING_NATPMP, UDP, 4001, 60, 0).outer_port, 4001);
    assert_int_equal(map(0, 'b', TALLY_MAPPING_NATPMP, UDP, 4001, 60, 0).outer_port, 4002);
    assert_int_equal(map(0, 'b', TALLY_MAPPING_NATPMP, TCP, 4002, 60, 0).outer_port, 4002);
    /* Asked again, it is the same one, whatever is wished for. */
    assert_int_equal(map(30, 'b', TALLY_MAPPING_NATPMP, UDP, 4001, 60, 0).outer_port, 4002);
    assert_int_equal(in(80, UDP, 'Q', 4002, &asked), 'b');
    assert_int_equal(in(80, UDP, 'Q', 4001, &asked), '-');
}

static void a_lease_ends_early_and_belongs_to_its_nonce(void **state)
{
    bool asked;
    box(NAT_PORT, TALLY_MAPPING_PCP);
    assert_int_equal(map(0, 'a', TALLY_MAPPING_PCP, UDP, 4001, 600, 1).error, TALLY_OK);
    assert_int_equal(map(1, 'a', TALLY_MAPPING_PCP, UDP, 4001, 600, 2).error, TALLY_REFUSED);
    assert_int_equal(map(1, 'a', TALLY_MAPPING_PCP, UDP, 4001, 0, 2).error, TALLY_REFUSED);
    assert_int_equal(in(2, UDP, 'Q', 4001, &asked), 'a');
    struct nat_grant ended = map(3, 'a', TALLY_MAPPING_PCP, UDP, 4001, 0, 1);
    assert_int_equal(ended.error, TALLY_OK);
    assert_int_equal(ended.lifetime_s, 0);
    assert_int_equal(in(3, UDP, 'Q', 4001, &asked), '-');
}

static void what_is_granted_is_bounded(void **state)
{
    box(NAT_PORT, TALLY_MAPPING_PCP);
    assert_int_equal(map(0, 'a', TALLY_MAPPING_PCP, UDP, 4001, UINT32_MAX, 1).lifetime_s,
                     NAT_LEASE_LONGEST_S);
    assert_int_equal(map(0, 'b', TALLY_MAPPING_PCP, UDP, 4001, 1, 1).lifetime_s, NAT_LEASE_LEAST_S);
    for (uint32_t i = 2; i <= NAT_LEASES_MAX; i++) {
        const struct tally_address of = at(0xc0a80020 + i, 0);
        const struct nat_request request = {.protocol = TALLY_MAPPING_PCP,
                                            .inner_port = 4001,
                                            .outer_port = 4001,
                                            .lifetime_s = 60};
        struct nat_grant grant = nat_map(&nat, 0, &of, &request);
        assert_int_equal(grant.error, i < NAT_LEASES_MAX ? TALLY_OK : TALLY_TOO_LARGE);
    }
}

static void a_box_that_begins_anew_remembers_nothing(void **state)
{
    bool asked;
    box(NAT_FULL, TALLY_MAPPING_PCP);
    assert_int_equal(map(1000, 'a', TALLY_MAPPING_PCP, UDP, 4001, 600, 1).epoch_s, 1000);
    uint16_t port = out(1000, UDP, 'b', 'P');
    nat_restart(&nat, UINT64_C(1001) * SECOND_US);
    assert_int_equal(in(1002, UDP, 'P', 4001, &asked), '-');
    assert_int_equal(in(1002, UDP, 'P', port, &asked), '-');
    struct nat_grant again = map(1003, 'a', TALLY_MAPPING_PCP, UDP, 4001, 600, 2);
    assert_int_equal(again.error, TALLY_OK);
    assert_int_equal(again.epoch_s, 2);
    assert_int_equal(nat.restarts, 1);
}

static int tear_down(void **state)
{
    nat_free(&nat);
    memset(&nat, 0, sizeof nat);
    return 0;
}

#define STORY(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(who_gets_in_depends_on_the_type),
        STORY(what_goes_out_keeps_the_way_open_what_comes_in_does_not),
        STORY(outer_ports),
        STORY(punching_works_unless_a_box_is_symmetric),
        STORY(it_is_known_what_was_asked_for),
        STORY(many_ways_are_kept_and_old_ones_forgotten),
        STORY(gateways_speak_what_they_speak),
        STORY(a_mapped_port_lets_anybody_in_as_long_as_it_is_held),
        STORY(another_port_is_granted_when_one_is_taken),
        STORY(a_lease_ends_early_and_belongs_to_its_nonce),
        STORY(what_is_granted_is_bounded),
        STORY(a_box_that_begins_anew_remembers_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a lease: a gateway that forgot, networks that come and go, the end. */
#include "gateway.h"

#include "core/base/bytes.h"
#include "tally/limits.h"

#include "support/cmocka.h"

static struct fixture f; /* Large; each test sets it up. */

/* ---- A gateway that forgot ---- */

static void a_restart_that_is_announced_is_healed_within_5_s(void **state)
{
    for (int protocol = PCP; protocol <= PMP; protocol++) {
        setup(&f, false);
        f.gateway.pcp = protocol == PCP;
        links(&f, true);
        run(&f, 100000);
        forget(&f);
        f.gateway.booted_ms = f.now.mono.ms;
        announce(&f, (enum tally_mapping)protocol, 0);
        assert_int_equal(f.lost, 0); /* A hint, which the answer is to confirm. */
        uint64_t from = f.now.mono.ms;
        run(&f, 5000);
        assert_int_equal(f.ask_count, 2);
        assert_in_range(f.asks[0].at_ms - from, 0, LEASE_HERD_MS);
        assert_in_range(f.asks[1].at_ms - from, 0, 4000);
        assert_int_equal(f.lost, 1); /* TCP's, as the answer to UDP showed. */
        assert_int_equal(f.why_lost, TALLY_CLOSED);
        assert_int_equal(f.mapped, 3);
        /* Announcements are repeated (RFC 6886 section 3.2.1): there is nothing to do. */
        for (uint32_t s = 5; s < 60; s += 5) {
            announce(&f, (enum tally_mapping)protocol, s);
            run(&f, 5000);
        }
        assert_int_equal(f.ask_count, 2);
    }
}

static void a_restart_shows_in_the_next_answer_too(void **state)
{
    setup_held(&f);
    run(&f, 100000);
    f.gateway.booted_ms = f.now.mono.ms;
    run(&f, TALLY_LEASE_S * 525);
    assert_int_equal(f.lost, 1);
    assert_int_equal(f.mapped, 3);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_HELD);
}

/* Elapsed by our clock, by the gateway's, and whether it must have forgotten. */
static void the_rules_for_the_epoch(void **state)
{
    static const struct {
        enum tally_mapping protocol;
        int64_t ours_s, theirs_s;
        bool lost;
    } cases[] = {
        {PMP, 100, 100, false}, {PMP, 800, 698, false}, {PMP, 800, 697, true},
        {PMP, 0, -2, false},    {PMP, 0, -3, true},     {PMP, 800, 5000, false},
        {PMP, 80, -3600, true}, {PCP, 100, 100, false}, {PCP, 0, -1, false},
        {PCP, 0, -2, true},     {PCP, 160, 148, false}, {PCP, 160, 147, true},
        {PCP, 148, 160, false}, {PCP, 147, 160, true},  {PCP, 3000, -3600, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setup(&f, false);
        f.gateway.pcp = cases[i].protocol == PCP;
        links(&f, true);
        run(&f, 10);
        forget(&f);
        f.lease.epoch.at.ms = f.now.mono.ms; /* To the second. */
        uint32_t last = f.lease.epoch.epoch_s;
        f.now.mono.ms += (uint64_t)cases[i].ours_s * 1000;
        announce(&f, cases[i].protocol, (uint32_t)(last + cases[i].theirs_s));
        run(&f, LEASE_HERD_MS + LEASE_ROUND_MS);
        assert_int_equal(f.ask_count > 0, cases[i].lost);
    }
}

/* ---- Networks come and go ---- */

static void another_network_has_another_gateway(void **state)
{
    static const uint8_t ip[] = {192, 168, 7, 1}, outer[] = {11, 0, 9, 9};
    setup_held(&f);
    memcpy(f.gateway.ip, ip, 4);
    memcpy(f.gateway.outer, outer, 4);
    f.gateway.pcp = false;
    f.gateway.booted_ms = START_MS - 77000;
    links(&f, true);
    assert_int_equal(f.lost, 0); /* Until the answer it counts. */
    run(&f, 3000);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.mapped, 4);
    struct lease_view view = held(&f, TALLY_TRANSPORT_TCP);
    assert_int_equal(view.gateway.ip[14], 7);
    assert_int_equal(view.outer.ip[14], 9);
    assert_int_equal(view.protocol, PMP);
}

static void links_of_no_matter_change_nothing(void **state)
{
    setup_held(&f);
    for (int i = 0; i < 10; i++) {
        links(&f, true);
        run(&f, 30000);
    }
    assert_int_equal(f.mapped, 2);
    assert_int_equal(f.lost, 0);
    assert_int_equal(f.ask_count, 20);
}

static void a_network_without_a_gateway_ends_it(void **state)
{
    setup_held(&f);
    f.gateway.off = true;
    links(&f, true);
    run(&f, 4400);
    assert_int_equal(f.lost, 0);
    run(&f, 200);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.none, 1);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_NONE);
}

static void without_an_address_it_ends_at_once(void **state)
{
    setup_held(&f);
    links(&f, false);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.why_lost, TALLY_UNREACHABLE);
    run(&f, UINT64_C(86400000));
    assert_int_equal(f.ask_count, 0);
    announce(&f, TALLY_MAPPING_PCP, 0);
    run(&f, 10000);
    assert_int_equal(f.ask_count, 0);
    links(&f, true);
    run(&f, 1000);
    assert_int_equal(f.mapped, 4);
}

static void flapping_links_ask_once_a_second(void **state)
{
    setup(&f, false);
    f.gateway.off = true;
    for (int i = 0; i < 1000; i++) {
        links(&f, true);
        run(&f, 20);
    }
    assert_in_range(f.ask_count, 15, 21);
    f.gateway.off = false;
    run(&f, 5000);
    assert_int_equal(f.mapped, 2);
}

/* ---- The end ---- */

static void what_is_held_is_given_back(void **state)
{
    setup_held(&f);
    lease_stop(&f.lease, &f.outbox);
    assert_int_equal(f.outbox.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f.actions[i].map.lifetime_s, 0);
        assert_int_equal(f.actions[i].map.outer_port, 0);
        assert_int_equal(f.actions[i].map.transport, i);
        assert_int_equal(f.actions[i].map.timeout_ms, TALLY_LEASE_GIVE_BACK_MS);
        assert_int_equal(f.actions[i].map.nonce[0], 0xa0 + i);
    }
    run(&f, UINT64_C(86400000));
    links(&f, true);
    announce(&f, TALLY_MAPPING_PCP, 0);
    assert_int_equal(f.ask_count, 2);
    assert_int_equal(lease_deadline(&f.lease).ms, TALLY_NEVER.ms);
}

static void what_is_being_asked_for_is_given_back_too(void **state)
{
    setup(&f, false);
    f.gateway.pcp = false;
    links(&f, true);
    run(&f, 1); /* PCP was refused, NAT-PMP is asked. */
    lease_stop(&f.lease, &f.outbox);
    assert_int_equal(f.outbox.count, 1);
    assert_int_equal(f.actions[0].map.lifetime_s, 0);
    assert_int_equal(f.actions[0].map.protocol, PMP);
    assert_int_equal(f.actions[0].map.transport, UDP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_that_is_announced_is_healed_within_5_s),
        cmocka_unit_test(a_restart_shows_in_the_next_answer_too),
        cmocka_unit_test(the_rules_for_the_epoch),
        cmocka_unit_test(another_network_has_another_gateway),
        cmocka_unit_test(links_of_no_matter_change_nothing),
        cmocka_unit_test(a_network_without_a_gateway_ends_it),
        cmocka_unit_test(without_an_address_it_ends_at_once),
        cmocka_unit_test(flapping_links_ask_once_a_second),
        cmocka_unit_test(what_is_held_is_given_back),
        cmocka_unit_test(what_is_being_asked_for_is_given_back_too),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("lease changes", tests, NULL, NULL);
}

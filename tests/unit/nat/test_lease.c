/* SPDX-License-Identifier: Apache-2.0 */
/* How a port is asked for, held and renewed: gateways that mean well, and none at all. */
#include "gateway.h"

#include "core/base/bytes.h"
#include "tally/limits.h"

#include "support/cmocka.h"

/* The requests were these, at these times after `from_ms`. */
struct expected {
    uint64_t after_ms;
    enum tally_mapping protocol;
    enum tally_transport transport;
    uint16_t wish;
};

static void expect_asks(const struct fixture *fixture, uint64_t from_ms,
                        const struct expected *expected, size_t count)
{
    assert_int_equal(fixture->ask_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fixture->asks[i].at_ms - from_ms, expected[i].after_ms);
        assert_int_equal(fixture->asks[i].protocol, expected[i].protocol);
        assert_int_equal(fixture->asks[i].transport, expected[i].transport);
        assert_int_equal(fixture->asks[i].wish, expected[i].wish);
    }
}

#define EXPECT_ASKS(fixture, from_ms, list)                                                        \
    expect_asks(fixture, from_ms, list, sizeof(list) / sizeof *(list))

static struct fixture f; /* Large; each test sets it up. */

/* ---- Asking ---- */

static void pcp_gives_both_the_same_port(void **state)
{
    static const struct expected asks[] = {{0, PCP, UDP, PORT}, {1, PCP, TCP, PORT}};
    setup(&f, false);
    run(&f, 60000);
    assert_int_equal(f.ask_count, 0); /* No address, no question. */
    uint64_t from = f.now.mono.ms;
    links(&f, true);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_ASKING);
    run(&f, 60000);
    EXPECT_ASKS(&f, from, asks);
    assert_int_equal(f.asks[0].lifetime_s, TALLY_LEASE_S);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_HELD);
    assert_int_equal(f.mapped, 2);
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++) {
        struct lease_view view = held(&f, (enum tally_transport)i);
        struct tally_address outer = ip4(f.gateway.outer, PORT);
        assert_true(address_equal(&view.outer, &outer));
        assert_int_equal(view.protocol, PCP);
        assert_true(view.global);
    }
    assert_int_equal(f.none + f.lost + f.behind, 0);
    assert_int_equal(f.lease.error, TALLY_OK);
}

static void natpmp_is_tried_when_pcp_is_not_known(void **state)
{
    static const struct expected says_so[] = {
        {0, PCP, UDP, PORT}, {1, PMP, UDP, PORT}, {2, PMP, TCP, PORT}};
    static const struct expected silent[] = {
        {0, PCP, UDP, PORT}, {250, PCP, UDP, PORT}, {750, PMP, UDP, PORT}, {751, PMP, TCP, PORT}};
    for (int mute = 0; mute < 2; mute++) {
        setup(&f, false);
        f.gateway.pcp = false;
        f.gateway.mute = mute;
        uint64_t from = f.now.mono.ms;
        links(&f, true);
        run(&f, 60000);
        if (mute)
            EXPECT_ASKS(&f, from, silent);
        else
            EXPECT_ASKS(&f, from, says_so);
        assert_int_equal(held(&f, TALLY_TRANSPORT_TCP).protocol, PMP);
        assert_int_equal(f.none, 0);
    }
}

static void a_silent_gateway_is_said_once_and_left_alone(void **state)
{
    static const struct expected asks[] = {{0, PCP, UDP, PORT},    {250, PCP, UDP, PORT},
                                           {750, PMP, UDP, PORT},  {1000, PMP, UDP, PORT},
                                           {1500, PMP, UDP, PORT}, {2500, PMP, UDP, PORT}};
    setup(&f, false);
    f.gateway.off = true;
    uint64_t from = f.now.mono.ms;
    links(&f, true);
    run(&f, 4499);
    assert_int_equal(f.none, 0);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_ASKING);
    run(&f, 1);
    assert_int_equal(f.none, 1);
    assert_int_equal(f.why_none, TALLY_TIMED_OUT);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_NONE);
    run(&f, TALLY_LEASE_PAUSE_MS * 95 / 100 - 1);
    EXPECT_ASKS(&f, from, asks);
    /* All begins again after 15 minutes, and nothing is said of it. */
    run(&f, TALLY_LEASE_PAUSE_MS / 10 + 5000);
    assert_int_equal(f.ask_count, 12);
    assert_int_equal(f.asks[6].protocol, PCP);
    run(&f, UINT64_C(24) * 3600 * 1000);
    assert_int_equal(f.none, 1);
    assert_in_range(f.ask_count, 12 + 6 * 90, 12 + 6 * 102);
    /* Until one is switched on: whoever says that it is there is asked. */
    f.gateway.off = false;
    f.gateway.booted_ms = f.now.mono.ms;
    announce(&f, TALLY_MAPPING_NATPMP, 0);
    run(&f, LEASE_HERD_MS + 1000);
    assert_int_equal(f.mapped, 2);
}

static void without_a_route_it_is_the_same_in_the_same_time(void **state)
{
    setup(&f, false);
    f.gateway.none = true;
    links(&f, true);
    run(&f, 60000);
    assert_int_equal(f.ask_count, 6);
    assert_int_equal(f.asks[5].at_ms - f.asks[0].at_ms, 2500);
    assert_int_equal(f.why_none, TALLY_UNREACHABLE);
    /* A route that comes two seconds after the address is found. */
    setup(&f, false);
    f.gateway.none = true;
    links(&f, true);
    run(&f, 2000);
    f.gateway.none = false;
    run(&f, 2000);
    assert_int_equal(f.mapped, 2);
    assert_int_equal(f.none, 0);
}

static void a_port_that_is_taken_becomes_another(void **state)
{
    static const struct expected asks[] = {{0, PCP, UDP, PORT}, {1, PCP, TCP, PORT + 1}};
    setup(&f, false);
    f.gateway.taken = PORT;
    uint64_t from = f.now.mono.ms;
    links(&f, true);
    run(&f, 60000);
    EXPECT_ASKS(&f, from, asks);
    assert_int_equal(held(&f, TALLY_TRANSPORT_UDP).outer.port, PORT + 1);
    assert_int_equal(held(&f, TALLY_TRANSPORT_TCP).outer.port, PORT + 1);
    /* And it is the one that is asked for from now on. */
    forget(&f);
    run(&f, TALLY_LEASE_S * 1000);
    for (size_t i = 0; i < f.ask_count; i++)
        assert_int_equal(f.asks[i].wish, PORT + 1);
    assert_int_equal(f.mapped, 2);
}

static void a_refusal_is_said_once_and_counts_as_long_as_it_says(void **state)
{
    static const struct {
        enum tally_error error;
        uint32_t error_s;
        uint64_t pause_ms;
    } cases[] = {{TALLY_REFUSED, 120, 120000},    {TALLY_TOO_LARGE, 1, LEASE_REFUSED_MS},
                 {TALLY_UNREACHABLE, 30, 30000},  {TALLY_REFUSED, 0, LEASE_REFUSED_MS},
                 {TALLY_MISMATCH, 86400, 900000}, {TALLY_IN_USE, UINT32_MAX, 900000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setup(&f, false);
        f.gateway.error = cases[i].error;
        f.gateway.error_s = cases[i].error_s;
        links(&f, true);
        run(&f, cases[i].pause_ms * 95 / 100);
        assert_int_equal(f.ask_count, 1);
        assert_int_equal(f.why_none, cases[i].error);
        assert_int_equal(f.lease.error, cases[i].error);
        assert_int_equal(lease_state(&f.lease), TALLY_LEASE_NONE);
        run(&f, cases[i].pause_ms / 10 + 10);
        assert_int_equal(f.ask_count, 2);
        assert_int_equal(f.none, 1);
        f.gateway.error = TALLY_OK;
        run(&f, cases[i].pause_ms * 105 / 100 + 10);
        assert_int_equal(f.mapped, 2);
    }
}

static void ipv6_asks_pcp_alone(void **state)
{
    setup(&f, true);
    links(&f, true);
    run(&f, 1000);
    assert_int_equal(f.mapped, 2);
    assert_int_equal(f.ask_count, 2);
    setup(&f, true);
    f.gateway.off = true;
    links(&f, true);
    run(&f, 60000);
    assert_int_equal(f.ask_count, 4);
    for (size_t i = 0; i < f.ask_count; i++)
        assert_int_equal(f.asks[i].protocol, PCP);
    assert_int_equal(f.none, 1);
}

/* ---- Holding ---- */

static void it_is_renewed_at_half_of_its_life(void **state)
{
    static const uint32_t lives_s[] = {0, 3600, 600, 60, 2};
    for (size_t i = 0; i < sizeof lives_s / sizeof *lives_s; i++) {
        uint64_t half = (lives_s[i] != 0 ? lives_s[i] : TALLY_LEASE_S) * UINT64_C(500);
        setup(&f, false);
        f.gateway.grant_s = lives_s[i];
        links(&f, true);
        run(&f, 10);
        uint64_t last = f.now.mono.ms - 10;
        forget(&f);
        run(&f, 50 * half);
        for (size_t j = 0; j < f.ask_count; j++) {
            if (f.asks[j].transport != TALLY_TRANSPORT_UDP)
                continue;
            assert_in_range(f.asks[j].at_ms - last, half * 95 / 100, half * 105 / 100 + 2);
            last = f.asks[j].at_ms;
        }
        assert_int_equal(f.mapped, 2);
        assert_int_equal(f.lost, 0);
        assert_in_range(f.ask_count, 2 * 47, 2 * 53);
    }
}

static void a_failed_renewal_harms_nothing_until_the_last(void **state)
{
    static const unsigned eighths[] = {4, 6, 7};
    setup_held(&f);
    uint64_t granted = f.now.mono.ms - 1000, life = TALLY_LEASE_S * UINT64_C(1000);
    f.gateway.off = true;
    run(&f, life - 1000 - 1);
    assert_int_equal(f.lost, 0);
    assert_int_equal(f.ask_count, 2 * 3 * TALLY_LEASE_TRIES);
    unsigned round = 0;
    for (size_t i = 0; i < f.ask_count; i++) {
        assert_int_equal(f.asks[i].protocol, PCP); /* It had answered: no other is guessed. */
        if (f.asks[i].transport != TALLY_TRANSPORT_UDP)
            continue;
        if (round % TALLY_LEASE_TRIES == 0) {
            uint64_t due = life * eighths[round / TALLY_LEASE_TRIES] / 8;
            /* The other transport may be in the middle of its tries. */
            assert_in_range(f.asks[i].at_ms - granted, due * 95 / 100, due * 105 / 100 + 4000);
        }
        round++;
    }
    run(&f, 10);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.why_lost, TALLY_TIMED_OUT);
    run(&f, 60000);
    assert_int_equal(f.none, 1);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_NONE);
    /* The third time helps, too. */
    setup_held(&f);
    f.gateway.off = true;
    run(&f, life * 6 / 8 + 20000);
    f.gateway.off = false;
    run(&f, life);
    assert_int_equal(f.lost, 0);
    assert_int_equal(lease_state(&f.lease), TALLY_LEASE_HELD);
}

static void the_outer_address_may_change(void **state)
{
    static const uint8_t other[] = {11, 0, 0, 77};
    setup_held(&f);
    memcpy(f.gateway.outer, other, sizeof other);
    run(&f, TALLY_LEASE_S * 600);
    assert_int_equal(f.lost, 2);
    assert_int_equal(f.why_lost, TALLY_OK);
    assert_int_equal(f.mapped, 4);
    assert_int_equal(held(&f, TALLY_TRANSPORT_TCP).outer.ip[15], 77);
    /* NAT-PMP tells it at once, with its epoch as it was. */
    setup(&f, false);
    f.gateway.pcp = false;
    links(&f, true);
    run(&f, 10000);
    uint32_t epoch = (uint32_t)((f.now.mono.ms - f.gateway.booted_ms) / 1000);
    announce(&f, TALLY_MAPPING_NATPMP, epoch);
    assert_int_equal(f.ask_count, 3); /* Nothing is new. */
    run(&f, LEASE_HERD_MS);
    assert_int_equal(f.ask_count, 3);
    memcpy(f.gateway.outer, other, sizeof other);
    announce(&f, TALLY_MAPPING_NATPMP, epoch + 2);
    run(&f, LEASE_HERD_MS + 100);
    assert_int_equal(held(&f, TALLY_TRANSPORT_UDP).outer.ip[15], 77);
    assert_int_equal(held(&f, TALLY_TRANSPORT_TCP).outer.ip[15], 77);
}

static void behind_another_nat_is_said_once_and_not_announced(void **state)
{
    static const struct {
        uint8_t outer[4];
        bool behind;
    } cases[] = {{{100, 64, 0, 9}, true}, {{192, 168, 1, 2}, true}, {{10, 0, 0, 1}, true},
                 {{198, 18, 0, 1}, true}, {{11, 0, 0, 1}, false},   {{0, 0, 0, 0}, false},
                 {{224, 0, 0, 1}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setup(&f, false);
        memcpy(f.gateway.outer, cases[i].outer, 4);
        links(&f, true);
        run(&f, UINT64_C(20000000));
        assert_int_equal(f.behind, cases[i].behind);
        assert_int_equal(held(&f, TALLY_TRANSPORT_UDP).global, i == 4);
        assert_int_equal(f.mapped, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcp_gives_both_the_same_port),
        cmocka_unit_test(natpmp_is_tried_when_pcp_is_not_known),
        cmocka_unit_test(a_silent_gateway_is_said_once_and_left_alone),
        cmocka_unit_test(without_a_route_it_is_the_same_in_the_same_time),
        cmocka_unit_test(a_port_that_is_taken_becomes_another),
        cmocka_unit_test(a_refusal_is_said_once_and_counts_as_long_as_it_says),
        cmocka_unit_test(ipv6_asks_pcp_alone),
        cmocka_unit_test(it_is_renewed_at_half_of_its_life),
        cmocka_unit_test(a_failed_renewal_harms_nothing_until_the_last),
        cmocka_unit_test(the_outer_address_may_change),
        cmocka_unit_test(behind_another_nat_is_said_once_and_not_announced),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}

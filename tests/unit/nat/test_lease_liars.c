/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway may say to harm us, and who may say it: requests stay few, nothing is believed
   twice, nobody but the gateway takes a mapping away. */
#include "gateway.h"

#include "core/base/bytes.h"
#include "tally/limits.h"

#include "support/cmocka.h"

static struct fixture f;

static void absurd_grants_are_bounded(void **state)
{
    static const struct {
        uint32_t lifetime_s;
        uint16_t port;
        bool held;
    } cases[] = {{0, 4001, false},         {1, 4001, false}, {LEASE_LEAST_S, 4001, true},
                 {UINT32_MAX, 4001, true}, {7200, 0, false}, {7200, 1, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally_event lie = {.kind = TALLY_EVENT_MAPPED};
        setup(&f, false);
        lie.mapped.protocol = TALLY_MAPPING_PCP;
        lie.mapped.gateway = ip4(f.gateway.ip, 0);
        lie.mapped.outer = ip4(f.gateway.outer, cases[i].port);
        lie.mapped.lifetime_s = cases[i].lifetime_s;
        f.gateway.lie = &lie;
        links(&f, true);
        run(&f, 600);
        assert_int_equal(lease_state(&f.lease) == TALLY_LEASE_HELD, cases[i].held);
        if (cases[i].held) {
            assert_in_range(held(&f, TALLY_TRANSPORT_UDP).lifetime_s, 2, TALLY_LEASE_MOST_S);
        } else {
            assert_int_equal(f.why_none, TALLY_REFUSED);
            assert_int_equal(f.ask_count, 1);
        }
    }
}

static void a_far_promise_is_renewed_within_a_day(void **state)
{
    struct tally_event lie = {.kind = TALLY_EVENT_MAPPED};
    setup(&f, false);
    lie.mapped.protocol = TALLY_MAPPING_PCP;
    lie.mapped.gateway = ip4(f.gateway.ip, 0);
    lie.mapped.outer = ip4(f.gateway.outer, 4001);
    lie.mapped.lifetime_s = UINT32_MAX;
    f.gateway.lie = &lie;
    links(&f, true);
    run(&f, UINT64_C(86400000) * 10);
    assert_in_range(f.ask_count, 2 + 2 * 18, 2 + 2 * 22);
}

/* Answers to nothing that was asked: old tickets, others' tickets, twice the same. */
static void answers_that_nobody_waits_for_change_nothing(void **state)
{
    struct lease_news news = {.lost_count = 0};
    struct tally_event event = {.kind = TALLY_EVENT_MAPPED};
    setup(&f, false);
    links(&f, true);
    run(&f, 1000);
    const struct lease before = f.lease;
    event.mapped.protocol = TALLY_MAPPING_PCP;
    event.mapped.gateway = ip4(f.gateway.ip, 0);
    event.mapped.outer = ip4(f.gateway.outer, 666);
    event.mapped.lifetime_s = 7200;
    for (uint64_t ticket = 0; ticket < 100; ticket++) {
        event.mapped.ticket = ticket;
        lease_on_mapped(&f.lease, f.now, &event, &news);
    }
    assert_memory_equal(&before, &f.lease, sizeof before);
    assert_false(news.has_mapped);
}

/* Whoever can forge the gateway's address says that it restarted, for ever. */
static void forged_announcements_cost_a_request_a_second_and_no_mapping(void **state)
{
    setup(&f, false);
    links(&f, true);
    run(&f, 10000);
    forget(&f);
    for (int i = 0; i < 6000; i++) {
        announce(&f, i % 2 ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP, (uint32_t)(i % 7));
        run(&f, 10);
    }
    assert_in_range(f.ask_count, 0, 2 * 60 + 2);
    assert_int_equal(f.lost, 0);
    assert_int_equal(f.mapped, 2);
}

static void another_address_that_announces_itself_takes_nothing_away(void **state)
{
    struct tally_event event = {.kind = TALLY_EVENT_GATEWAY};
    static const uint8_t stranger[] = {10, 9, 0, 66};
    setup(&f, false);
    links(&f, true);
    run(&f, 10000);
    forget(&f);
    event.gateway.protocol = TALLY_MAPPING_NATPMP;
    event.gateway.gateway = ip4(stranger, 0);
    event.gateway.outer = ip4(stranger, 0);
    lease_on_gateway(&f.lease, f.now, &event);
    run(&f, 10000);
    assert_int_equal(f.lost, 0);
    assert_int_equal(f.mapped, 2);
    assert_in_range(f.ask_count, 0, 2);
    /* One of IPv6 is no matter of this lease at all. */
    forget(&f);
    event.gateway.gateway = (struct tally_address){.ip = {0xfe, 0x80, [15] = 1}};
    lease_on_gateway(&f.lease, f.now, &event);
    run(&f, 10000);
    assert_int_equal(f.ask_count, 0);
}

/* Its clock jumps to and fro: each answer says that everything before it was forgotten. */
static void a_mad_clock_costs_two_requests_a_second(void **state)
{
    setup(&f, false);
    f.gateway.grant_s = 2;
    links(&f, true);
    for (int i = 0; i < 6000; i++) {
        f.gateway.booted_ms = START_MS + (uint64_t)(i % 2) * 3000000;
        run(&f, 11);
    }
    assert_in_range(f.lost, 10, 2 * 66);
    assert_in_range(f.ask_count, 66, 2 * 66 + 2);
}

static void draw(struct random *random, struct tally_event *event)
{
    static const enum tally_error errors[] = {
        TALLY_OK,      TALLY_OK,        TALLY_OK,    TALLY_TIMED_OUT, TALLY_UNREACHABLE,
        TALLY_REFUSED, TALLY_TOO_LARGE, TALLY_NEWER, TALLY_MALFORMED, TALLY_MISMATCH};
    static const uint32_t lives[] = {0, 1, 2, 3, 60, 7200, UINT32_MAX};
    uint8_t ip[4] = {(uint8_t)random_below(random, 256), 0, 0, (uint8_t)random_below(random, 3)};
    event->mapped.error = errors[random_below(random, sizeof errors / sizeof *errors)];
    event->mapped.protocol = random_below(random, 2) ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP;
    event->mapped.lifetime_s = lives[random_below(random, sizeof lives / sizeof *lives)];
    event->mapped.epoch_s = random_below(random, 4) ? random_below(random, 100000) : UINT32_MAX;
    event->mapped.outer = ip4(ip, (uint16_t)random_below(random, 65536));
    event->mapped.gateway = ip4((uint8_t[]){10, 9, 0, (uint8_t)random_below(random, 2)}, 0);
    if (random_below(random, 8) == 0)
        event->mapped.gateway = (struct tally_address){0};
}

/* Anything at all, in any order: invariants hold (run asserts them), and requests stay few. */
static void a_gateway_that_says_anything(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct random random = {seed};
        struct tally_event lie = {.kind = TALLY_EVENT_MAPPED};
        setup(&f, seed % 4 == 0);
        f.gateway.lie = &lie;
        links(&f, true);
        uint64_t from = f.now.mono.ms;
        for (int i = 0; i < 1000; i++) {
            draw(&random, &lie);
            f.gateway.delay_ms = random_below(&random, 600);
            run(&f, random_below(&random, 2000));
            if (random_below(&random, 50) == 0)
                links(&f, random_below(&random, 4) != 0);
            if (random_below(&random, 20) == 0)
                announce(&f, TALLY_MAPPING_PCP, random_below(&random, 1000));
        }
        /* Two a second at most, for both transports; tries of a quarter of a second included. */
        assert_in_range(f.ask_count, 10, (f.now.mono.ms - from) / 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absurd_grants_are_bounded),
        cmocka_unit_test(a_far_promise_is_renewed_within_a_day),
        cmocka_unit_test(answers_that_nobody_waits_for_change_nothing),
        cmocka_unit_test(forged_announcements_cost_a_request_a_second_and_no_mapping),
        cmocka_unit_test(another_address_that_announces_itself_takes_nothing_away),
        cmocka_unit_test(a_mad_clock_costs_two_requests_a_second),
        cmocka_unit_test(a_gateway_that_says_anything),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("lease liars", tests, NULL, NULL);
}

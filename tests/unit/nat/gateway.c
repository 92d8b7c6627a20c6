/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

struct tally_address ip4(const uint8_t ip[4], uint16_t port)
{
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}, .port = port};
    memcpy(address.ip + 12, ip, 4);
    return address;
}

void setup(struct fixture *fixture, bool ipv6)
{
    struct lease_options options = {.port = PORT, .ipv6 = ipv6, .seed = 7};
    memset(options.nonces[TALLY_TRANSPORT_UDP], 0xa0, PCP_NONCE_SIZE);
    memset(options.nonces[TALLY_TRANSPORT_TCP], 0xa1, PCP_NONCE_SIZE);
    memset(fixture, 0, sizeof *fixture);
    fixture->now.mono.ms = START_MS + 3600000;
    fixture->gateway = (struct gateway){.pcp = true,
                                        .natpmp = true,
                                        .booted_ms = START_MS,
                                        .delay_ms = 1,
                                        .ip = {10, 9, 0, 1},
                                        .outer = {11, 0, 0, 1}};
    outbox_init(&fixture->outbox, fixture->actions, 64, NULL, 0);
    lease_init(&fixture->lease, &options);
}

static void take(struct fixture *fixture, const struct lease_news *news)
{
    fixture->mapped += news->has_mapped;
    fixture->lost += (unsigned)news->lost_count;
    fixture->none += news->none != TALLY_OK;
    fixture->behind += news->behind;
    if (news->has_mapped)
        fixture->last = *news;
    if (news->lost_count > 0)
        fixture->why_lost = news->lost[0].error;
    if (news->none != TALLY_OK)
        fixture->why_none = news->none;
}

static void grant(const struct gateway *gateway, const struct tally_action *action,
                  struct tally_event *event)
{
    uint16_t port = action->map.outer_port;
    uint32_t lifetime_s = action->map.lifetime_s;
    if (port == gateway->taken)
        port++;
    if (gateway->grant_s != 0 && lifetime_s > gateway->grant_s)
        lifetime_s = gateway->grant_s;
    event->mapped.lifetime_s = lifetime_s;
    event->mapped.outer = ip4(gateway->outer, port);
    if (action->map.ipv6) {
        event->mapped.outer = (struct tally_address){.ip = {0x2a, [15] = 9}, .port = port};
        event->mapped.gateway = (struct tally_address){.ip = {0xfe, 0x80, [15] = 1}};
    }
}

/* The gateway's answer, and when it comes: never later than the host waits. */
static void answer(struct fixture *fixture, const struct tally_action *action)
{
    const struct gateway *gateway = &fixture->gateway;
    bool knows = action->map.protocol == TALLY_MAPPING_PCP ? gateway->pcp : gateway->natpmp;
    struct tally_event event = {.kind = TALLY_EVENT_MAPPED};
    uint64_t delay = gateway->delay_ms;
    event.mapped.protocol = action->map.protocol;
    event.mapped.gateway = ip4(gateway->ip, 0);
    event.mapped.epoch_s = (uint32_t)((fixture->now.mono.ms - gateway->booted_ms) / 1000);
    if (gateway->none) {
        event.mapped.error = TALLY_UNREACHABLE;
        event.mapped.gateway = (struct tally_address){0};
        delay = 0;
    } else if (gateway->off || delay >= action->map.timeout_ms || (!knows && gateway->mute)) {
        event.mapped.error = TALLY_TIMED_OUT;
        delay = action->map.timeout_ms;
    } else if (!knows) {
        event.mapped.error = TALLY_NEWER;
    } else if (gateway->error != TALLY_OK) {
        event.mapped.error = gateway->error;
        event.mapped.lifetime_s = gateway->error_s;
    } else if (gateway->lie != NULL) {
        event = *gateway->lie;
    } else {
        grant(gateway, action, &event);
    }
    event.mapped.ticket = action->map.ticket;
    assert_true(fixture->pending_count < PENDING_MAX);
    fixture->pending[fixture->pending_count].at_ms = fixture->now.mono.ms + delay;
    fixture->pending[fixture->pending_count++].event = event;
}

static void perform(struct fixture *fixture)
{
    struct tally_action action;
    while (outbox_next(&fixture->outbox, &action)) {
        assert_int_equal(action.kind, TALLY_ACTION_MAP);
        assert_int_equal(action.map.inner_port, PORT);
        assert_true(fixture->ask_count < ASKS_MAX);
        struct ask *ask = &fixture->asks[fixture->ask_count++];
        *ask = (struct ask){.at_ms = fixture->now.mono.ms,
                            .protocol = action.map.protocol,
                            .transport = action.map.transport,
                            .wish = action.map.outer_port,
                            .lifetime_s = action.map.lifetime_s};
        memcpy(ask->nonce, action.map.nonce, sizeof ask->nonce);
        answer(fixture, &action);
    }
    outbox_clear(&fixture->outbox);
}

/* As the node does it: an event, then the clock, then the actions. */
static void tick(struct fixture *fixture)
{
    struct lease_news news = {.lost_count = 0};
    if (lease_deadline(&fixture->lease).ms <= fixture->now.mono.ms)
        lease_tick(&fixture->lease, fixture->now, &news, &fixture->outbox);
    take(fixture, &news);
    perform(fixture);
    assert_true(lease_holds(&fixture->lease));
}

/* Index of the answer that comes next; pending_count if there is none. */
static size_t next_answer(const struct fixture *fixture)
{
    size_t best = fixture->pending_count;
    for (size_t i = 0; i < fixture->pending_count; i++)
        if (best == fixture->pending_count ||
            fixture->pending[i].at_ms < fixture->pending[best].at_ms)
            best = i;
    return best;
}

void run(struct fixture *fixture, uint64_t ms)
{
    uint64_t end = fixture->now.mono.ms + ms;
    for (;;) {
        size_t next = next_answer(fixture);
        uint64_t due = lease_deadline(&fixture->lease).ms;
        bool answers = next < fixture->pending_count && fixture->pending[next].at_ms <= due;
        if (answers)
            due = fixture->pending[next].at_ms;
        if (due > end)
            break;
        if (due > fixture->now.mono.ms)
            fixture->now.mono.ms = due;
        if (answers) {
            struct lease_news news = {.lost_count = 0};
            const struct tally_event event = fixture->pending[next].event;
            fixture->pending[next] = fixture->pending[--fixture->pending_count];
            lease_on_mapped(&fixture->lease, fixture->now, &event, &news);
            take(fixture, &news);
        }
        tick(fixture);
    }
    fixture->now.mono.ms = end;
}

void links(struct fixture *fixture, bool usable)
{
    struct lease_news news = {.lost_count = 0};
    lease_links(&fixture->lease, fixture->now, usable, &news);
    take(fixture, &news);
    tick(fixture);
}

void announce(struct fixture *fixture, enum tally_mapping protocol, uint32_t epoch_s)
{
    struct tally_event event = {.kind = TALLY_EVENT_GATEWAY};
    event.gateway.protocol = protocol;
    event.gateway.epoch_s = epoch_s;
    event.gateway.gateway = ip4(fixture->gateway.ip, 0);
    if (protocol == TALLY_MAPPING_NATPMP)
        event.gateway.outer = ip4(fixture->gateway.outer, 0);
    lease_on_gateway(&fixture->lease, fixture->now, &event);
    tick(fixture);
}

void forget(struct fixture *fixture)
{
    fixture->ask_count = 0;
}

struct lease_view held(const struct fixture *fixture, enum tally_transport transport)
{
    struct lease_view view;
    assert_true(lease_view(&fixture->lease, transport, &view));
    return view;
}

void setup_held(struct fixture *fixture)
{
    setup(fixture, false);
    links(fixture, true);
    run(fixture, 1000);
    assert_int_equal(fixture->mapped, 2);
    forget(fixture);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/lease.h"

#include "core/address/hygiene.h"
#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "tally/limits.h"

static const fsm_moves moves[] = {
    [TALLY_LEASE_NONE] = TO(TALLY_LEASE_ASKING),
    [TALLY_LEASE_ASKING] = TO(TALLY_LEASE_HELD) | TO(TALLY_LEASE_NONE),
    [TALLY_LEASE_HELD] = TO(TALLY_LEASE_RENEWING) | TO(TALLY_LEASE_LOST),
    [TALLY_LEASE_RENEWING] = TO(TALLY_LEASE_HELD) | TO(TALLY_LEASE_LOST),
    [TALLY_LEASE_LOST] = TO(TALLY_LEASE_ASKING) | TO(TALLY_LEASE_NONE),
};

void lease_init(struct lease *lease, const struct lease_options *options)
{
    *lease = (struct lease){
        .options = *options, .random = {options->seed}, .protocol = TALLY_MAPPING_PCP};
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++)
        lease->mappings[i].next = lease->mappings[i].expires = TALLY_NEVER;
}

static bool is_held(const struct lease_mapping *mapping)
{
    return mapping->state == TALLY_LEASE_HELD || mapping->state == TALLY_LEASE_RENEWING;
}

static bool any_held(const struct lease *lease)
{
    return is_held(&lease->mappings[TALLY_TRANSPORT_UDP]) ||
           is_held(&lease->mappings[TALLY_TRANSPORT_TCP]);
}

static bool same_ip(const struct tally_address *a, const struct tally_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct tally_mono least(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

/* Now, or when the next round may begin. */
static struct tally_mono soon(const struct lease *lease, struct tally_now now)
{
    return lease->round.ms > now.mono.ms ? lease->round : now.mono;
}

/* ---- What others should know. ---- */

bool lease_view(const struct lease *lease, enum tally_transport transport, struct lease_view *view)
{
    const struct lease_mapping *mapping = &lease->mappings[transport];
    if (!is_held(mapping))
        return false;
    *view = (struct lease_view){
        .transport = transport,
        .protocol = mapping->protocol,
        .outer = mapping->outer,
        .gateway = mapping->gateway,
        .lifetime_s = mapping->lifetime_s,
        .global = address_may_announce(&mapping->outer) == TALLY_HYGIENE_ALLOWED,
        .since = mapping->since,
    };
    return true;
}

enum tally_lease_state lease_state(const struct lease *lease)
{
    const struct lease_mapping *udp = &lease->mappings[TALLY_TRANSPORT_UDP];
    const struct lease_mapping *tcp = &lease->mappings[TALLY_TRANSPORT_TCP];
    return is_held(udp) || (udp->state != TALLY_LEASE_NONE && !is_held(tcp)) ? udp->state
                                                                             : tcp->state;
}

/* Nothing is held: why, unless that was the last thing said. */
static void tell_none(struct lease *lease, enum tally_error error, struct lease_news *news)
{
    if (any_held(lease) || lease->told == error)
        return;
    lease->told = news->none = error;
}

/* ---- Losing. ---- */

static void lose(struct lease *lease, enum tally_transport transport, enum tally_error error,
                 struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[transport];
    (void)lease_view(lease, transport, &news->lost[news->lost_count].view);
    news->lost[news->lost_count++].error = error;
    FSM_MOVE(moves, &mapping->state, TALLY_LEASE_LOST);
    mapping->expires = TALLY_NEVER;
    mapping->tries = 0;
}

/* Asked for anew, at the port it had. */
static void lose_and_ask(struct lease *lease, struct tally_now now, enum tally_transport transport,
                         enum tally_error error, struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[transport];
    lose(lease, transport, error, news);
    FSM_MOVE(moves, &mapping->state, TALLY_LEASE_ASKING);
    mapping->next = least(mapping->next, soon(lease, now));
}

static void end(struct lease *lease, enum tally_transport transport, enum tally_error error,
                struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[transport];
    if (is_held(mapping))
        lose(lease, transport, error, news);
    if (mapping->state != TALLY_LEASE_NONE)
        FSM_MOVE(moves, &mapping->state, TALLY_LEASE_NONE);
    mapping->next = TALLY_NEVER;
    mapping->tries = 0;
}

static void forget_protocol(struct lease *lease)
{
    lease->protocol = TALLY_MAPPING_PCP;
    lease->answered = false;
}

/* Nobody here maps ports. */
static void give_up(struct lease *lease, struct tally_now now, enum tally_error error,
                    struct lease_news *news)
{
    end(lease, TALLY_TRANSPORT_UDP, error, news);
    end(lease, TALLY_TRANSPORT_TCP, error, news);
    forget_protocol(lease);
    lease->error = error;
    lease->mappings[TALLY_TRANSPORT_UDP].next.ms =
        now.mono.ms + random_jitter(&lease->random, TALLY_LEASE_PAUSE_MS, 5);
    tell_none(lease, error, news);
}

/* ---- Links. ---- */

void lease_links(struct lease *lease, struct tally_now now, bool usable, struct lease_news *news)
{
    if (lease->stopped)
        return;
    lease->usable = usable;
    lease->ticket = 0; /* What still comes is of another network. */
    lease->epoch.any = false;
    lease->gateway = (struct tally_address){0};
    forget_protocol(lease);
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++) {
        struct lease_mapping *mapping = &lease->mappings[i];
        if (!usable || !is_held(mapping))
            end(lease, (enum tally_transport)i, TALLY_UNREACHABLE, news);
        mapping->tries = 0;
        if (usable && (i == TALLY_TRANSPORT_UDP || is_held(mapping)))
            mapping->next = soon(lease, now);
    }
}

/* ---- The gateway's clock. ---- */

/*
 * Whether its time since it began to remember went on as ours did. NAT-PMP: not more than 2 s below
 * the last and 7/8 of the time since (RFC 6886 section 3.6). PCP: not back by more than 1 s, and
 * both differences alike but for 2 s and a sixteenth (RFC 6887 section 8.5).
 */
static bool epoch_went_on(const struct lease_epoch *last, struct tally_now now,
                          enum tally_mapping protocol, uint32_t epoch_s)
{
    int64_t ours = (int64_t)((now.mono.ms - last->at.ms) / 1000);
    int64_t theirs = (int64_t)epoch_s - last->epoch_s;
    if (!last->any)
        return true;
    if (protocol == TALLY_MAPPING_NATPMP)
        return theirs + 2 >= ours * 7 / 8;
    return theirs >= -1 && ours + 2 >= theirs - theirs / 16 && theirs + 2 >= ours - ours / 16;
}

/* ---- Answers. ---- */

/* A renewal brought nothing: again at 3/4, then at 7/8, then it runs out. */
static void renew_later(struct lease *lease, struct tally_now now, struct lease_mapping *mapping)
{
    static const uint64_t eighths[] = {4, 6, 7};
    enum { STAGES = sizeof eighths / sizeof *eighths };
    FSM_MOVE(moves, &mapping->state, TALLY_LEASE_HELD);
    mapping->tries = 0;
    if (mapping->stage < STAGES)
        mapping->stage++;
    mapping->next = TALLY_NEVER;
    if (mapping->stage == STAGES)
        return;
    mapping->next.ms =
        mapping->granted.ms + (uint64_t)mapping->lifetime_s * 1000 * eighths[mapping->stage] / 8;
    if (mapping->next.ms < soon(lease, now).ms)
        mapping->next = soon(lease, now);
}

/* The gateway said no, and that will be so for a while. */
static void refuse(struct lease *lease, struct tally_now now, enum tally_error error,
                   uint64_t pause_ms, struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[lease->turn];
    if (pause_ms < LEASE_REFUSED_MS)
        pause_ms = LEASE_REFUSED_MS;
    if (pause_ms > TALLY_LEASE_PAUSE_MS)
        pause_ms = TALLY_LEASE_PAUSE_MS;
    if (is_held(mapping)) {
        renew_later(lease, now, mapping);
        return;
    }
    end(lease, lease->turn, error, news);
    mapping->next.ms = now.mono.ms + random_jitter(&lease->random, pause_ms, 5);
    tell_none(lease, error, news);
}

/* One try more, or another protocol, or it is enough. */
static void on_silence(struct lease *lease, struct tally_now now, enum tally_error error,
                       struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[lease->turn];
    bool pcp_first =
        lease->protocol == TALLY_MAPPING_PCP && !lease->answered && !lease->options.ipv6;
    /* Without a gateway that is told at once; the route may follow the address. */
    uint64_t wait = error == TALLY_TIMED_OUT ? 0 : (uint64_t)TALLY_LEASE_TRY_MS << mapping->tries;
    mapping->next.ms = now.mono.ms + wait;
    if (++mapping->tries < (pcp_first ? TALLY_LEASE_PCP_TRIES : TALLY_LEASE_TRIES))
        return;
    mapping->tries = 0;
    if (pcp_first)
        lease->protocol = TALLY_MAPPING_NATPMP;
    else if (!lease->answered)
        give_up(lease, now, error, news);
    else
        refuse(lease, now, error, TALLY_LEASE_PAUSE_MS, news);
}

static void on_unknown_protocol(struct lease *lease, struct tally_now now, struct lease_news *news)
{
    if (lease->protocol == TALLY_MAPPING_PCP && !lease->options.ipv6) {
        lease->protocol = TALLY_MAPPING_NATPMP;
        lease->answered = false;
        lease->mappings[lease->turn].tries = 0;
        lease->mappings[lease->turn].next = now.mono;
    } else {
        give_up(lease, now, TALLY_NOT_FOUND, news);
    }
}

/* What the gateway must have forgotten if this answer is right: it began to remember anew, or it
   is another one. */
static void lose_the_other(struct lease *lease, struct tally_now now,
                           const struct tally_event *event, struct lease_news *news)
{
    enum tally_transport other =
        lease->turn == TALLY_TRANSPORT_UDP ? TALLY_TRANSPORT_TCP : TALLY_TRANSPORT_UDP;
    const struct lease_mapping *mapping = &lease->mappings[other];
    bool went_on = epoch_went_on(&lease->epoch, now, event->mapped.protocol, event->mapped.epoch_s);
    if (is_held(mapping) && (!went_on || !same_ip(&mapping->gateway, &event->mapped.gateway)))
        lose_and_ask(lease, now, other, TALLY_CLOSED, news);
    lease->epoch = (struct lease_epoch){true, event->mapped.epoch_s, now.mono};
}

static void hold(struct lease *lease, struct tally_now now, const struct tally_event *event)
{
    struct lease_mapping *mapping = &lease->mappings[lease->turn];
    uint32_t lifetime_s = event->mapped.lifetime_s;
    if (!address_equal(&mapping->outer, &event->mapped.outer) || !is_held(mapping))
        mapping->since = now.mono;
    FSM_MOVE(moves, &mapping->state, TALLY_LEASE_HELD);
    mapping->protocol = event->mapped.protocol;
    mapping->outer = event->mapped.outer;
    mapping->gateway = event->mapped.gateway;
    mapping->lifetime_s = lifetime_s < TALLY_LEASE_MOST_S ? lifetime_s : TALLY_LEASE_MOST_S;
    mapping->granted = now.mono;
    mapping->expires.ms = now.mono.ms + (uint64_t)mapping->lifetime_s * 1000;
    mapping->tries = mapping->stage = 0;
    mapping->next.ms =
        now.mono.ms + random_jitter(&lease->random, (uint64_t)mapping->lifetime_s * 500, 5);
    if (mapping->next.ms < soon(lease, now).ms)
        mapping->next = soon(lease, now);
}

static void on_granted(struct lease *lease, struct tally_now now, const struct tally_event *event,
                       struct lease_news *news)
{
    struct lease_mapping *mapping = &lease->mappings[lease->turn];
    struct lease_mapping *tcp = &lease->mappings[TALLY_TRANSPORT_TCP];
    lose_the_other(lease, now, event, news);
    if (is_held(mapping) && !address_equal(&mapping->outer, &event->mapped.outer)) {
        lose(lease, lease->turn, TALLY_OK, news);
        FSM_MOVE(moves, &mapping->state, TALLY_LEASE_ASKING);
    }
    bool fresh = !is_held(mapping);
    hold(lease, now, event);
    lease->told = TALLY_OK;
    news->has_mapped = fresh;
    (void)lease_view(lease, lease->turn, &news->mapped);
    if (fresh && lease->turn == TALLY_TRANSPORT_UDP && tcp->state == TALLY_LEASE_NONE)
        tcp->next = now.mono;
    if (address_may_announce(&mapping->outer) == TALLY_HYGIENE_NOT_GLOBAL &&
        !same_ip(&lease->behind, &mapping->outer)) {
        lease->behind = mapping->outer;
        news->behind = true;
    }
}

void lease_on_mapped(struct lease *lease, struct tally_now now, const struct tally_event *event,
                     struct lease_news *news)
{
    static const struct tally_address none;
    uint64_t ticket = event->mapped.ticket;
    enum tally_error error = event->mapped.error;
    if (ticket < 2 || ticket % 2 != lease->options.ipv6 || ticket / 2 > lease->tickets ||
        lease->unanswered == 0)
        return;
    lease->unanswered--;
    if (ticket != lease->ticket || lease->stopped)
        return;
    lease->ticket = 0;
    bool silent = error == TALLY_TIMED_OUT || same_ip(&event->mapped.gateway, &none);
    if (!silent)
        lease->gateway = event->mapped.gateway;
    bool granted = error == TALLY_OK && event->mapped.lifetime_s >= LEASE_LEAST_S &&
                   event->mapped.outer.port != 0;
    lease->error = error == TALLY_OK && !granted ? TALLY_REFUSED : error;
    if (silent && lease->mappings[lease->turn].next.ms != TALLY_NEVER.ms)
        lease->mappings[lease->turn].tries = 0; /* It spoke meanwhile: all begins anew. */
    else if (silent)
        on_silence(lease, now, error, news);
    else if (error == TALLY_NEWER || error == TALLY_MALFORMED)
        on_unknown_protocol(lease, now, news);
    else {
        lease->answered = true;
        if (granted)
            on_granted(lease, now, event, news);
        else
            refuse(lease, now, lease->error, (uint64_t)event->mapped.lifetime_s * 1000, news);
    }
}

void lease_on_gateway(struct lease *lease, struct tally_now now, const struct tally_event *event)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    bool ipv6 = memcmp(event->gateway.gateway.ip, v4, sizeof v4) != 0;
    const struct lease_mapping *udp = &lease->mappings[TALLY_TRANSPORT_UDP];
    if (lease->stopped || !lease->usable || ipv6 != lease->options.ipv6)
        return;
    bool moved = event->gateway.protocol == TALLY_MAPPING_NATPMP && is_held(udp) &&
                 !same_ip(&udp->outer, &event->gateway.outer);
    if (lease->epoch.any && any_held(lease) && !moved &&
        same_ip(&lease->gateway, &event->gateway.gateway) &&
        epoch_went_on(&lease->epoch, now, event->gateway.protocol, event->gateway.epoch_s))
        return;
    struct tally_mono at = soon(lease, now);
    at.ms += random_below(&lease->random, LEASE_HERD_MS);
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++) {
        struct lease_mapping *mapping = &lease->mappings[i];
        if (i == TALLY_TRANSPORT_UDP || is_held(mapping))
            mapping->next = least(mapping->next, at);
    }
}

/* ---- Asking. ---- */

static void map(struct lease *lease, enum tally_transport transport, uint32_t lifetime_s,
                uint32_t timeout_ms, struct outbox *out)
{
    const struct lease_mapping *mapping = &lease->mappings[transport];
    struct tally_action *action = outbox_add(out, TALLY_ACTION_MAP);
    action->map.ticket = ++lease->tickets * 2 + lease->options.ipv6;
    action->map.protocol = lease->protocol;
    action->map.transport = transport;
    action->map.ipv6 = lease->options.ipv6;
    action->map.inner_port = lease->options.port;
    action->map.lifetime_s = lifetime_s;
    action->map.timeout_ms = timeout_ms;
    memcpy(action->map.nonce, lease->options.nonces[transport], sizeof action->map.nonce);
    lease->unanswered++;
    lease->ticket = action->map.ticket;
    lease->turn = transport;
    if (lifetime_s == 0) {
        /* No wish then: RFC 6887 section 15.1, RFC 6886 section 3.4. */
        if (is_held(mapping))
            action->map.protocol = mapping->protocol;
        return;
    }
    action->map.outer_port = mapping->outer.port;
    memcpy(action->map.outer_ip, mapping->outer.ip, sizeof mapping->outer.ip);
    const struct lease_mapping *udp = &lease->mappings[TALLY_TRANSPORT_UDP];
    if (!is_held(mapping) && is_held(udp)) {
        action->map.outer_port = udp->outer.port;
        memcpy(action->map.outer_ip, udp->outer.ip, sizeof udp->outer.ip);
    }
    if (action->map.outer_port == 0)
        action->map.outer_port = lease->options.port;
}

static void ask(struct lease *lease, struct tally_now now, enum tally_transport transport,
                struct outbox *out)
{
    struct lease_mapping *mapping = &lease->mappings[transport];
    if (mapping->state == TALLY_LEASE_NONE)
        FSM_MOVE(moves, &mapping->state, TALLY_LEASE_ASKING);
    else if (mapping->state == TALLY_LEASE_HELD)
        FSM_MOVE(moves, &mapping->state, TALLY_LEASE_RENEWING);
    mapping->next = TALLY_NEVER;
    if (mapping->tries == 0)
        lease->round.ms = now.mono.ms + LEASE_ROUND_MS;
    map(lease, transport, TALLY_LEASE_S, (uint32_t)TALLY_LEASE_TRY_MS << mapping->tries, out);
}

static bool may_ask(const struct lease *lease)
{
    return lease->ticket == 0 && lease->unanswered < LEASE_UNANSWERED_MAX;
}

struct tally_mono lease_deadline(const struct lease *lease)
{
    struct tally_mono at = TALLY_NEVER;
    for (unsigned i = 0; i < LEASE_TRANSPORTS && !lease->stopped; i++) {
        at = least(at, lease->mappings[i].expires);
        if (may_ask(lease))
            at = least(at, lease->mappings[i].next);
    }
    return at;
}

void lease_tick(struct lease *lease, struct tally_now now, struct lease_news *news,
                struct outbox *out)
{
    for (unsigned i = 0; i < LEASE_TRANSPORTS && !lease->stopped; i++)
        if (lease->mappings[i].expires.ms <= now.mono.ms) {
            lose_and_ask(lease, now, (enum tally_transport)i, TALLY_TIMED_OUT, news);
            if (!any_held(lease))
                forget_protocol(lease);
        }
    for (unsigned i = 0; i < LEASE_TRANSPORTS && !lease->stopped; i++)
        if (may_ask(lease) && lease->mappings[i].next.ms <= now.mono.ms && outbox_room(out, 1, 0))
            ask(lease, now, (enum tally_transport)i, out);
}

void lease_stop(struct lease *lease, struct outbox *out)
{
    /* What is being asked for may be there as well before the answer is. */
    bool asked[LEASE_TRANSPORTS] = {false};
    asked[lease->turn] = lease->ticket != 0;
    for (unsigned i = 0; i < LEASE_TRANSPORTS && !lease->stopped; i++)
        if ((is_held(&lease->mappings[i]) || asked[i]) && outbox_room(out, 1, 0))
            map(lease, (enum tally_transport)i, 0, TALLY_LEASE_GIVE_BACK_MS, out);
    lease->stopped = true;
}

bool lease_holds(const struct lease *lease)
{
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++) {
        const struct lease_mapping *mapping = &lease->mappings[i];
        bool bounded = mapping->outer.port != 0 && mapping->lifetime_s >= LEASE_LEAST_S &&
                       mapping->lifetime_s <= TALLY_LEASE_MOST_S;
        if (is_held(mapping) != (mapping->expires.ms != TALLY_NEVER.ms) ||
            (is_held(mapping) && !bounded) || mapping->state == TALLY_LEASE_LOST ||
            mapping->tries >= TALLY_LEASE_TRIES)
            return false;
        if (!lease->usable && mapping->state != TALLY_LEASE_NONE)
            return false;
    }
    return lease->unanswered <= LEASE_UNANSWERED_MAX + LEASE_TRANSPORTS;
}

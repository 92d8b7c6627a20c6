/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are ours; reach_check.c finds out whether others get through to them. */
#include "core/nat/reach_inside.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"

#include <stdlib.h>

static const enum tally_transport transports[] = {TALLY_TRANSPORT_UDP, TALLY_TRANSPORT_TCP};
enum { TRANSPORTS = sizeof transports / sizeof *transports };

bool reach_new(struct reach *reach, const struct reach_options *options,
               const uint8_t recent_key[16], struct tally_now now)
{
    *reach = (struct reach){.options = *options, .random = {options->seed}, .review = TALLY_NEVER};
    bool wants_fewer = options->own_max > 0 && options->own_max < OWN_MAX;
    reach->own.capacity = wants_fewer ? options->own_max : OWN_MAX;
    reach->own.list = calloc(reach->own.capacity, sizeof *reach->own.list);
    uint64_t(*bits)[RECENT_BITS / 64] = calloc(RECENT_TURNS, sizeof *bits);
    recent_init(&reach->dialled, bits, recent_key, now);
    if (bits == NULL || reach->own.list == NULL) {
        reach_free(reach);
        return false;
    }
    reach_links(reach, now);
    return true;
}

void reach_free(struct reach *reach)
{
    free(reach->own.list);
    free(reach->dialled.bits);
    reach->own.list = NULL;
    reach->dialled.bits = NULL;
}

/* ---- News. ---- */

void reach_say(struct reach *reach, const struct reach_news *news)
{
    /* The node takes them after each call; a few addresses change at a time. */
    if (reach->news_count < REACH_NEWS)
        reach->news[(reach->news_first + reach->news_count++) % REACH_NEWS] = *news;
}

bool reach_next_news(struct reach *reach, struct reach_news *news)
{
    if (reach->news_count == 0)
        return false;
    *news = reach->news[reach->news_first];
    reach->news_first = (reach->news_first + 1) % REACH_NEWS;
    reach->news_count--;
    return true;
}

void reach_trace(const struct reach *reach, enum tally_trace_kind kind,
                 const struct own_entry *entry, const struct tally_key *by, struct tally_now now)
{
    const struct tally_trace_window *trace = &reach->options.trace;
    struct tally_trace what = {
        .kind = kind, .peer = by, .address = &entry->address, .a = entry->address.port};
    if (trace->say != NULL)
        trace->say(trace->context, now, &what);
}

void reach_lost(struct reach *reach, const struct own_entry *entry, struct tally_now now)
{
    reach_say(reach, &(struct reach_news){.kind = REACH_NEWS_UNREACHABLE,
                                          .transport = entry->transport,
                                          .address = entry->address});
    reach_trace(reach, TALLY_TRACE_UNREACHABLE, entry, NULL, now);
}

/* ---- Own addresses. ---- */

/* New ones are asked about soon, those that nobody names any more are gone. */
static void changed(struct reach *reach, struct tally_now now)
{
    for (size_t i = 0; i < reach->own.capacity; i++) {
        struct own_entry *entry = &reach->own.list[i];
        if (!entry->used)
            continue;
        if (entry->sources == 0) {
            if (entry->state == TALLY_REACH_REACHABLE)
                reach_lost(reach, entry, now);
            entry->used = false;
            if (reach->check.entry == entry)
                reach_check_drop(reach, now);
        } else if (entry->state == TALLY_REACH_UNKNOWN && own_checkable(entry)) {
            own_move(entry, TALLY_REACH_CANDIDATE, now);
            reach_soon(reach, entry, now);
        }
    }
}

void reach_soon(struct reach *reach, struct own_entry *entry, struct tally_now now)
{
    uint64_t at = now.mono.ms + REACH_SETTLE_MS;
    if (reach->options.by_itself && at < entry->due.ms)
        entry->due.ms = at;
}

static void name(struct reach *reach, enum tally_own_source source,
                 const struct tally_address *address, struct tally_now now)
{
    for (size_t i = 0; i < TRANSPORTS; i++)
        (void)own_name(&reach->own, source, transports[i], address, now);
}

/* Whether the socket takes in what comes to this address. */
static bool listens_at(const struct tally_address *listen, const struct tally_address *address)
{
    static const uint8_t any[16];
    if (address_is_ip4(listen))
        return address_is_ip4(address) &&
               (memcmp(listen->ip + 12, any, 4) == 0 || memcmp(listen->ip, address->ip, 16) == 0);
    return memcmp(listen->ip, any, 16) == 0 || memcmp(listen->ip, address->ip, 16) == 0;
}

void reach_links(struct reach *reach, struct tally_now now)
{
    const struct reach_options *options = &reach->options;
    const struct address_policy *policy = options->policy;
    own_begin(&reach->own, TALLY_OWN_INTERFACE);
    /* A host that tells no interfaces has at least the address it was told to listen at. */
    if (options->listen.port != 0 && policy->interface_count == 0)
        name(reach, TALLY_OWN_INTERFACE, &options->listen, now);
    for (size_t i = 0; options->listen.port != 0 && i < policy->interface_count; i++) {
        struct tally_address address = policy->interfaces[i].address;
        address.port = options->listen.port;
        if (listens_at(&options->listen, &address))
            name(reach, TALLY_OWN_INTERFACE, &address, now);
    }
    own_end(&reach->own, TALLY_OWN_INTERFACE);
    changed(reach, now);
    for (size_t i = 0; i < reach->own.capacity; i++)
        if (own_checkable(&reach->own.list[i]))
            reach_soon(reach, &reach->own.list[i], now);
}

void reach_mapped(struct reach *reach, enum tally_transport transport, bool v4,
                  enum tally_mapping protocol, const struct tally_address *outer,
                  struct tally_now now)
{
    own_begin(&reach->own, TALLY_OWN_MAPPED);
    for (size_t i = 0; i < reach->own.capacity; i++) {
        struct own_entry *entry = &reach->own.list[i];
        if (!entry->used || (entry->sources & OWN_BIT(TALLY_OWN_MAPPED)) == 0)
            continue;
        if (entry->transport != transport || address_is_ip4(&entry->address) != v4)
            entry->named |= OWN_BIT(TALLY_OWN_MAPPED);
    }
    struct own_entry *entry =
        outer != NULL ? own_name(&reach->own, TALLY_OWN_MAPPED, transport, outer, now) : NULL;
    if (entry != NULL)
        entry->mapping = protocol;
    own_end(&reach->own, TALLY_OWN_MAPPED);
    reach_review(reach, now);
}

/* ---- What peers see. ---- */

static bool is_mapped(const struct reach *reach, enum tally_transport transport, bool v4)
{
    for (size_t i = 0; i < reach->own.capacity; i++) {
        const struct own_entry *entry = &reach->own.list[i];
        if (own_checkable(entry) && entry->transport == transport &&
            (entry->sources & OWN_BIT(TALLY_OWN_MAPPED)) != 0 &&
            address_is_ip4(&entry->address) == v4)
            return true;
    }
    return false;
}

/*
 * The address on which enough networks agree is ours. One that was so stays as long as a vote for
 * it counts and no other is in its place. By TCP nobody sees the port we listen on: it may be the
 * same as inside, if somebody opened it at the gateway by hand.
 */
static void review_family(struct reach *reach, bool v4, struct tally_now now)
{
    struct tally_address address;
    unsigned count;
    if (votes_candidate(&reach->votes, v4, now, &address, &count)) {
        (void)own_name(&reach->own, TALLY_OWN_OBSERVED, TALLY_TRANSPORT_UDP, &address, now);
        address.port = reach->options.listen.port;
        if (!is_mapped(reach, TALLY_TRANSPORT_TCP, v4))
            (void)own_name(&reach->own, TALLY_OWN_OBSERVED, TALLY_TRANSPORT_TCP, &address, now);
        return;
    }
    bool kept = false;
    for (size_t i = 0; i < reach->own.capacity && !kept; i++) {
        const struct own_entry *entry = &reach->own.list[i];
        kept = entry->used && (entry->sources & OWN_BIT(TALLY_OWN_OBSERVED)) != 0 &&
               entry->transport == TALLY_TRANSPORT_UDP && address_is_ip4(&entry->address) == v4 &&
               votes_for(&reach->votes, &entry->address, now) > 0;
    }
    for (size_t i = 0; i < reach->own.capacity && kept; i++) {
        struct own_entry *entry = &reach->own.list[i];
        if (entry->used && (entry->sources & OWN_BIT(TALLY_OWN_OBSERVED)) != 0 &&
            address_is_ip4(&entry->address) == v4)
            entry->named |= OWN_BIT(TALLY_OWN_OBSERVED);
    }
}

void reach_review(struct reach *reach, struct tally_now now)
{
    own_begin(&reach->own, TALLY_OWN_OBSERVED);
    review_family(reach, true, now);
    review_family(reach, false, now);
    own_end(&reach->own, TALLY_OWN_OBSERVED);
    changed(reach, now);
    reach->reviewed = now.mono;
    reach->review = TALLY_NEVER;
    for (size_t i = 0; i < reach->own.capacity; i++)
        if (reach->own.list[i].used && (reach->own.list[i].sources & OWN_BIT(TALLY_OWN_OBSERVED)))
            reach->review.ms = now.mono.ms + VOTES_FRESH_MS;
}

bool reach_observed(struct reach *reach, const struct peer *observer,
                    const struct tally_address *observed, struct tally_now now, bool *moved)
{
    const struct link *link = &observer->link;
    enum votes_news vote = votes_add(&reach->votes, &link->address, observed, now);
    *moved = vote == VOTES_MOVED;
    /* An echo a second says what the last one of its network said. */
    bool reviewed = vote == VOTES_SAME && now.mono.ms - reach->reviewed.ms < REACH_REVIEW_MS;
    if (vote == VOTES_NONE || (reviewed && !link->uninvited))
        return false;
    if (!reviewed)
        reach_review(reach, now);
    /* It came by itself, and got the answer from where it had sent: from this address of ours. */
    struct own_entry *entry = own_find(&reach->own, TALLY_TRANSPORT_UDP, observed);
    bool proves = link->uninvited && entry != NULL && own_checkable(entry);
    if (proves)
        reach_proved(reach, entry, &observer->key, true, now);
    return proves || !reviewed;
}

/* ---- Questions. ---- */

enum tally_nat_kind reach_nat(const struct reach *reach, struct tally_now now)
{
    enum tally_nat_kind kind = votes_kind(&reach->votes, true, reach->options.policy, now);
    return kind != TALLY_NAT_UNKNOWN ? kind
                                     : votes_kind(&reach->votes, false, reach->options.policy, now);
}

size_t reach_endpoints(const struct reach *reach, struct tally_endpoint *endpoints, size_t capacity)
{
    struct tally_address addresses[OWN_MAX];
    size_t count = 0;
    /* A few of each: one transport's many addresses do not crowd the other's out. */
    for (size_t i = 0; i < TRANSPORTS; i++) {
        size_t room = i + 1 < TRANSPORTS ? (capacity + 1) / 2 : capacity - count;
        size_t found = own_endpoints(&reach->own, transports[i], addresses, room);
        for (size_t j = 0; j < found; j++)
            endpoints[count++] = (struct tally_endpoint){(uint8_t)transports[i], addresses[j]};
    }
    return count;
}

bool reach_view(const struct reach *reach, size_t index, struct tally_now now,
                struct tally_own_address *view)
{
    if (!own_view(&reach->own, index, view))
        return false;
    view->votes = votes_for(&reach->votes, &view->address, now);
    /* By TCP peers see the host, and the port is a guess. */
    for (size_t i = 0; i < reach->own.capacity && view->transport == TALLY_TRANSPORT_TCP; i++) {
        const struct own_entry *seen = &reach->own.list[i];
        if (seen->used && (seen->sources & OWN_BIT(TALLY_OWN_OBSERVED)) != 0 &&
            seen->transport == TALLY_TRANSPORT_UDP &&
            address_same_prefix(&seen->address, &view->address, 128))
            view->votes = votes_for(&reach->votes, &seen->address, now);
    }
    return true;
}

bool reach_since(const struct reach *reach, enum tally_transport transport,
                 struct tally_mono *since)
{
    *since = TALLY_NEVER;
    for (size_t i = 0; i < reach->own.capacity; i++) {
        const struct own_entry *entry = &reach->own.list[i];
        if (own_checkable(entry) && entry->transport == transport &&
            entry->state == TALLY_REACH_REACHABLE && entry->since.ms < since->ms)
            *since = entry->since;
    }
    return since->ms != TALLY_NEVER.ms;
}

bool reach_holds(const struct reach *reach)
{
    const struct reach_check *check = &reach->check;
    unsigned asked = 0;
    for (size_t i = 0; i < reach->own.capacity; i++)
        asked += reach->own.list[i].used && reach->own.list[i].state == TALLY_REACH_ASKED;
    return own_holds(&reach->own) && asked <= (check->entry != NULL) &&
           (check->entry == NULL || check->entry->used) && reach->news_count <= REACH_NEWS;
}

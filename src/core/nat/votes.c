/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/votes.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"

enum { IP_BITS = 128, V4_NETWORK_BITS = 96 + 16, V6_NETWORK_BITS = 32 };

bool votes_same_network(const struct tally_address *a, const struct tally_address *b)
{
    bool v4 = address_is_ip4(a);
    return v4 == address_is_ip4(b) &&
           address_same_prefix(a, b, v4 ? V4_NETWORK_BITS : V6_NETWORK_BITS);
}

/* Whether an observer that is known says what it said before, as most echoes do. */
static bool again(struct votes *votes, const struct tally_address *observer,
                  const struct tally_address *observed, struct tally_now now)
{
    for (size_t i = 0; i < VOTES_MAX; i++) {
        struct vote *vote = &votes->list[i];
        if (!vote->used || !address_equal(&vote->observer, observer))
            continue;
        if (!address_equal(&vote->observed, observed) ||
            now.mono.ms - vote->at.ms >= VOTES_FRESH_MS)
            return false;
        vote->at = now.mono;
        return true;
    }
    return false;
}

enum votes_news votes_add(struct votes *votes, const struct tally_address *observer,
                          const struct tally_address *observed, struct tally_now now)
{
    struct vote *place = &votes->list[0];
    enum votes_news news = VOTES_CHANGED;
    if (again(votes, observer, observed, now))
        return VOTES_SAME;
    if (address_may_announce(observer) != TALLY_HYGIENE_ALLOWED ||
        address_may_announce(observed) != TALLY_HYGIENE_ALLOWED)
        return VOTES_NONE;
    for (size_t i = 0; i < VOTES_MAX; i++) {
        struct vote *vote = &votes->list[i];
        if (vote->used && votes_same_network(&vote->observer, observer)) {
            place = vote;
            if (!address_equal(&vote->observed, observed))
                news = address_equal(&vote->observer, observer) ? VOTES_MOVED : VOTES_CHANGED;
            else if (now.mono.ms - vote->at.ms < VOTES_FRESH_MS)
                news = VOTES_SAME;
            break;
        }
        /* Else a free place, else the oldest. */
        if (place->used && (!vote->used || vote->at.ms < place->at.ms))
            place = vote;
    }
    *place = (struct vote){*observer, *observed, true, now.mono};
    return news;
}

static bool counts(const struct vote *vote, uint64_t age_ms, struct tally_now now)
{
    return vote->used && now.mono.ms - vote->at.ms < age_ms;
}

static unsigned count_for(const struct votes *votes, const struct tally_address *address,
                          uint64_t age_ms, struct tally_now now)
{
    unsigned count = 0;
    for (size_t i = 0; i < VOTES_MAX; i++)
        count += counts(&votes->list[i], age_ms, now) &&
                 address_equal(&votes->list[i].observed, address);
    return count;
}

unsigned votes_for(const struct votes *votes, const struct tally_address *address,
                   struct tally_now now)
{
    return count_for(votes, address, VOTES_OLD_MS, now);
}

bool votes_candidate(const struct votes *votes, bool v4, struct tally_now now,
                     struct tally_address *address, unsigned *count)
{
    *count = 0;
    for (size_t i = 0; i < VOTES_MAX; i++) {
        const struct tally_address *observed = &votes->list[i].observed;
        if (!votes->list[i].used || address_is_ip4(observed) != v4)
            continue;
        unsigned found = count_for(votes, observed, VOTES_FRESH_MS, now);
        if (found > *count) {
            *count = found;
            *address = *observed;
        }
    }
    return *count >= VOTES_NEEDED;
}

bool votes_last(const struct votes *votes, bool v4, struct tally_now now,
                struct tally_address *address)
{
    const struct vote *last = NULL;
    for (size_t i = 0; i < VOTES_MAX; i++) {
        const struct vote *vote = &votes->list[i];
        if (counts(vote, VOTES_OLD_MS, now) && address_is_ip4(&vote->observed) == v4 &&
            (last == NULL || vote->at.ms > last->at.ms))
            last = vote;
    }
    if (last != NULL)
        *address = last->observed;
    return last != NULL;
}

/* How many votes that count name this IP address, and this port of it. */
static void tally_up(const struct votes *votes, const struct tally_address *address,
                     struct tally_now now, unsigned *ip, unsigned *port)
{
    *ip = *port = 0;
    for (size_t i = 0; i < VOTES_MAX; i++) {
        const struct vote *vote = &votes->list[i];
        if (!counts(vote, VOTES_OLD_MS, now) ||
            !address_same_prefix(&vote->observed, address, IP_BITS))
            continue;
        ++*ip;
        *port += vote->observed.port == address->port;
    }
}

enum tally_nat_kind votes_kind(const struct votes *votes, bool v4,
                               const struct address_policy *policy, struct tally_now now)
{
    const struct tally_address *best = NULL;
    unsigned best_ip = 0, best_port = 0;
    for (size_t i = 0; i < VOTES_MAX; i++) {
        const struct vote *vote = &votes->list[i];
        unsigned ip, port;
        if (!counts(vote, VOTES_OLD_MS, now) || address_is_ip4(&vote->observed) != v4)
            continue;
        tally_up(votes, &vote->observed, now, &ip, &port);
        if (ip > best_ip || (ip == best_ip && port > best_port)) {
            best = &vote->observed;
            best_ip = ip;
            best_port = port;
        }
    }
    if (best_ip < VOTES_NEEDED)
        return TALLY_NAT_UNKNOWN;
    if (address_own(policy, best))
        return TALLY_NAT_NONE;
    /* One that lies, or remembers a port from before, does not make a cone symmetric. */
    return 2 * best_port > best_ip ? TALLY_NAT_CONE : TALLY_NAT_SYMMETRIC;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Has our addresses dialled by others (protocols 7.2). */
#include "core/nat/reach_inside.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"

/* ---- Verdicts. ---- */

/* An operator is answered when nothing is wanted any more. */
static void answer(struct reach *reach)
{
    bool reachable = false, unreachable = false;
    for (size_t i = 0; i < reach->own.capacity; i++) {
        const struct own_entry *entry = &reach->own.list[i];
        if (!own_checkable(entry))
            continue;
        if (entry->wanted)
            return;
        reachable = reachable || entry->state == TALLY_REACH_REACHABLE;
        unreachable = unreachable || entry->state == TALLY_REACH_UNREACHABLE;
    }
    for (size_t i = 0; i < reach->ticket_count; i++)
        reach_say(reach, &(struct reach_news){.kind = REACH_NEWS_CHECKED,
                                              .ticket = reach->tickets[i],
                                              .error = reachable     ? TALLY_OK
                                                       : unreachable ? TALLY_UNREACHABLE
                                                                     : TALLY_NOT_FOUND});
    reach->ticket_count = 0;
}

static void close_check(struct reach *reach)
{
    reach->check.entry->wanted = false;
    reach->check.entry = NULL;
    answer(reach);
}

void reach_check_drop(struct reach *reach, struct tally_now now)
{
    reach->check.entry = NULL;
    answer(reach);
}

static struct tally_mono again(struct reach *reach, uint64_t wait_ms, struct tally_now now)
{
    if (!reach->options.by_itself)
        return TALLY_NEVER;
    return (struct tally_mono){now.mono.ms + random_jitter(&reach->random, wait_ms, 10)};
}

/* Nobody can be asked: with time that becomes less likely to change by itself. */
static struct tally_mono later(struct reach *reach, struct own_entry *entry, struct tally_now now)
{
    uint64_t wait_ms = (uint64_t)REACH_NOBODY_MS << (entry->nobody < 3 ? entry->nobody++ : 3);
    return again(reach, wait_ms < REACH_AGAIN_MS ? wait_ms : REACH_AGAIN_MS, now);
}

void reach_proved(struct reach *reach, struct own_entry *entry, const struct tally_key *by,
                  bool weak, struct tally_now now)
{
    bool news = entry->state != TALLY_REACH_REACHABLE;
    /* What is known better is not forgotten for less. */
    if (!news && weak && !entry->weak)
        return;
    own_move(entry, TALLY_REACH_REACHABLE, now);
    entry->weak = weak;
    entry->by = *by;
    entry->silent = entry->nobody = 0;
    if (!weak || entry->due.ms == TALLY_NEVER.ms)
        entry->due = again(reach, REACH_AGAIN_MS, now);
    if (!news)
        return;
    entry->since = now.mono;
    reach_say(reach, &(struct reach_news){.kind = REACH_NEWS_REACHABLE,
                                          .transport = entry->transport,
                                          .address = entry->address});
    reach_trace(reach, TALLY_TRACE_REACHABLE, entry, by, now);
}

/* Nobody came, twice. */
static void disproved(struct reach *reach, struct own_entry *entry, struct tally_now now)
{
    bool before = entry->state == TALLY_REACH_REACHABLE;
    own_move(entry, TALLY_REACH_UNREACHABLE, now);
    entry->silent = 0;
    entry->weak = false;
    entry->due = again(reach, REACH_AGAIN_MS, now);
    if (before)
        reach_lost(reach, entry, now);
    else
        reach_trace(reach, TALLY_TRACE_UNREACHABLE, entry, NULL, now);
}

/* ---- Asking. ---- */

static bool was_asked(const struct reach_check *check, const struct tally_key *key)
{
    for (unsigned i = 0; i < check->helper_count; i++)
        if (key_equal(&check->helpers[i], key))
            return true;
    return false;
}

/* Who sees us from outside, by the family of the address, and helps others. */
static bool may_help(const struct reach *reach, const struct peer *peer)
{
    const struct tally_address *address = &reach->check.entry->address, *at = &peer->link.address;
    return peer->used && peer->link.state == LINK_LINKED &&
           (peer->caps & PEERS_CAPS_INTRODUCES) != 0 &&
           address_may_announce(at) == TALLY_HYGIENE_ALLOWED &&
           address_is_ip4(at) == address_is_ip4(address) &&
           !address_same_prefix(at, address, 128) && !was_asked(&reach->check, &peer->key);
}

/* Any of them, evenly. A link of the mesh is alive, a light one may not be: those come last. */
static const struct peer *helper(struct reach *reach, const struct peers *peers)
{
    const struct peer *chosen = NULL;
    uint32_t seen = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (!may_help(reach, peer) || (chosen != NULL && chosen->mesh && !peer->mesh))
            continue;
        if (chosen != NULL && peer->mesh && !chosen->mesh)
            seen = 0;
        if (random_below(&reach->random, ++seen) == 0)
            chosen = peer;
    }
    return chosen;
}

static void ask_next(struct reach *reach, struct tally_now now, struct peers *peers,
                     struct outbox *out)
{
    struct reach_check *check = &reach->check;
    struct own_entry *entry = check->entry;
    const struct peer *peer = check->helper_count < REACH_HELPERS ? helper(reach, peers) : NULL;
    if (peer == NULL) {
        if (entry->state == TALLY_REACH_ASKED)
            own_move(entry, TALLY_REACH_CANDIDATE, now);
        entry->due = later(reach, entry, now);
        close_check(reach);
        return;
    }
    check->helpers[check->helper_count++] = peer->key;
    check->handed = false;
    check->until.ms = now.mono.ms + REACH_TOLD_MS;
    /* A nonce for each: who was asked before cannot answer for another. */
    reach->options.secret.draw(reach->options.secret.context, check->nonce, sizeof check->nonce);
    struct tally_dial_back ask = {
        .endpoint = {.transport = (uint8_t)entry->transport, .address = entry->address}};
    memcpy(ask.nonce, check->nonce, sizeof ask.nonce);
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_dial_back_write(&ask, &w);
    parcel_make(peers, TALLY_KIND_DIAL_BACK, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, peer, &parcel, out);
}

static void begin(struct reach *reach, struct own_entry *entry, struct tally_now now,
                  struct peers *peers, struct outbox *out)
{
    reach->check = (struct reach_check){.entry = entry};
    if (helper(reach, peers) == NULL) {
        /* It cost nobody anything: a new link is asked at once. */
        entry->due = later(reach, entry, now);
        close_check(reach);
        return;
    }
    (void)pace_take(&reach->pace, REACH_RATE, now.mono);
    if (entry->state != TALLY_REACH_REACHABLE)
        own_move(entry, TALLY_REACH_ASKED, now);
    ask_next(reach, now, peers, out);
}

/* Whether who comes from there has passed what is between us and the wide network. */
static bool from_outside(const struct tally_address *from, const struct tally_address *own)
{
    return address_may_announce(from) == TALLY_HYGIENE_ALLOWED &&
           address_is_ip4(from) == address_is_ip4(own) && !address_same_prefix(from, own, 128);
}

static void came(struct reach *reach, const struct tally_key *by, const struct tally_address *from,
                 struct tally_now now)
{
    struct own_entry *entry = reach->check.entry;
    reach_proved(reach, entry, by, votes_same_network(from, &entry->address), now);
    entry->due = again(reach, REACH_AGAIN_MS, now);
    close_check(reach);
}

enum tally_drop reach_told(struct reach *reach, struct tally_now now, struct peers *peers,
                           const struct peer *from, const struct tally_dialled *dialled,
                           struct outbox *out)
{
    struct reach_check *check = &reach->check;
    if (check->helper_count == 0 || !reach_asked(reach, dialled->nonce) ||
        !key_equal(&check->helpers[check->helper_count - 1], &from->key))
        return TALLY_DROP_UNASKED;
    /* Who comes may be faster than the word that he does. */
    if (check->entry == NULL || check->handed)
        return TALLY_DROP_SEEN;
    if (dialled->verdict == DIALLED_COMING) {
        check->handed = true;
        check->by = dialled->by;
        check->until.ms = now.mono.ms + REACH_COME_MS;
        if (check->early && key_equal(&check->early_by, &check->by))
            came(reach, &check->early_by, &check->early_from, now);
    } else {
        ask_next(reach, now, peers, out);
    }
    return TALLY_DROP_NONE;
}

/* ---- Somebody came. ---- */

bool reach_asked(const struct reach *reach, const uint8_t nonce[REACH_NONCE])
{
    return memcmp(reach->check.nonce, nonce, REACH_NONCE) == 0;
}

bool reach_awaits(const struct reach *reach, const uint8_t nonce[REACH_NONCE])
{
    return reach->check.entry != NULL && reach_asked(reach, nonce);
}

enum tally_drop reach_came(struct reach *reach, struct tally_now now, const struct peer *by,
                           const struct tally_address *from, bool uninvited)
{
    const struct own_entry *entry = reach->check.entry;
    if (entry->transport != TALLY_TRANSPORT_UDP)
        return TALLY_DROP_UNASKED;
    if (!uninvited || !from_outside(from, &entry->address)) {
        /* It did come, only that it proves nothing: another is asked. */
        reach->check.handed = false;
        reach->check.until = now.mono;
        return TALLY_DROP_REFUSED;
    }
    came(reach, &by->key, from, now);
    return TALLY_DROP_NONE;
}

void reach_dialled(struct reach *reach, const struct tally_address *to, struct tally_now now)
{
    recent_turn(&reach->dialled, now);
    recent_add(&reach->dialled, to);
}

bool reach_wrote(struct reach *reach, const struct tally_address *address, struct tally_now now)
{
    recent_turn(&reach->dialled, now);
    return recent_has(&reach->dialled, address);
}

/* Streams that we dial leave from ports of their own and open none; but where both have punched, we
   wrote from the port that is asked about. */
static bool punched(const struct peer *peer)
{
    return peer != NULL && peer->link.punched;
}

void reach_stream(struct reach *reach, struct tally_now now, const struct tally_key *by,
                  const struct tally_address *from, const struct peer *peer)
{
    struct reach_check *check = &reach->check;
    if (check->entry == NULL || check->entry->transport != TALLY_TRANSPORT_TCP)
        return;
    bool linked = peer != NULL && peer->link.state == LINK_LINKED;
    bool sent = check->handed && key_equal(by, &check->by);
    if (from_outside(from, &check->entry->address) && !punched(peer)) {
        /* A linked one may come of its own accord, and to another address: it counts if it is the
           one that was sent, also when it is here before the word that it comes. */
        if (!linked || sent) {
            came(reach, by, from, now);
            return;
        }
        check->early = true;
        check->early_by = *by;
        check->early_from = *from;
    }
    if (sent) {
        check->handed = false;
        check->until = now.mono;
    }
}

void reach_stream_observed(struct reach *reach, struct tally_now now, const struct tally_key *by,
                           const struct tally_address *from, const struct tally_address *observed,
                           const struct peer *peer)
{
    struct own_entry *entry = own_find(&reach->own, TALLY_TRANSPORT_TCP, observed);
    if (entry != NULL && own_checkable(entry) && !punched(peer) && from_outside(from, observed))
        reach_proved(reach, entry, by, true, now);
}

/* ---- When. ---- */

void reach_linked(struct reach *reach, struct tally_now now)
{
    for (size_t i = 0; i < reach->own.capacity; i++) {
        struct own_entry *entry = &reach->own.list[i];
        if (own_checkable(entry) && (entry->state == TALLY_REACH_CANDIDATE || entry->weak))
            reach_soon(reach, entry, now);
    }
}

bool reach_check_stop(struct reach *reach, uint64_t *ticket)
{
    if (reach->ticket_count == 0)
        return false;
    *ticket = reach->tickets[--reach->ticket_count];
    return true;
}

bool reach_check(struct reach *reach, uint64_t ticket, struct tally_now now)
{
    bool any = false;
    if (reach->ticket_count == REACH_TICKETS ||
        (reach->check.entry == NULL && now.mono.ms < pace_free_ms(&reach->pace, REACH_RATE)))
        return false;
    reach->tickets[reach->ticket_count++] = ticket;
    for (size_t i = 0; i < reach->own.capacity; i++) {
        struct own_entry *entry = &reach->own.list[i];
        if (!own_checkable(entry))
            continue;
        any = entry->wanted = true;
        if (entry != reach->check.entry)
            entry->due = now.mono;
    }
    if (!any)
        answer(reach);
    return true;
}

static struct own_entry *next_due(const struct reach *reach)
{
    const struct own_entry *next = NULL;
    for (size_t i = 0; i < reach->own.capacity; i++) {
        const struct own_entry *entry = &reach->own.list[i];
        if (own_checkable(entry) && (next == NULL || entry->due.ms < next->due.ms))
            next = entry;
    }
    return (struct own_entry *)next;
}

/* Of those that are due: what the gateway gave, what this machine has, what peers see; and
   datagrams before streams. Who can come is soon used up in a small mesh. */
static struct own_entry *most_urgent(const struct reach *reach, struct tally_now now)
{
    static const uint8_t order[] = {OWN_BIT(TALLY_OWN_MAPPED), OWN_BIT(TALLY_OWN_INTERFACE),
                                    OWN_BIT(TALLY_OWN_OBSERVED)};
    for (size_t i = 0; i < sizeof order; i++)
        for (unsigned transport = 0; transport < 2; transport++)
            for (size_t j = 0; j < reach->own.capacity; j++) {
                const struct own_entry *entry = &reach->own.list[j];
                if (own_checkable(entry) && entry->due.ms <= now.mono.ms &&
                    entry->transport == transport && (entry->sources & order[i]) != 0)
                    return (struct own_entry *)entry;
            }
    return NULL;
}

struct tally_mono reach_deadline(const struct reach *reach)
{
    struct tally_mono next = reach->review;
    if (reach->check.entry != NULL)
        return next.ms < reach->check.until.ms ? next : reach->check.until;
    const struct own_entry *entry = next_due(reach);
    if (entry == NULL || entry->due.ms == TALLY_NEVER.ms)
        return next;
    uint64_t free_ms = pace_free_ms(&reach->pace, REACH_RATE);
    uint64_t at = entry->due.ms > free_ms ? entry->due.ms : free_ms;
    return next.ms < at ? next : (struct tally_mono){at};
}

void reach_tick(struct reach *reach, struct tally_now now, struct peers *peers, struct outbox *out)
{
    struct reach_check *check = &reach->check;
    if (now.mono.ms < reach_deadline(reach).ms)
        return;
    if (reach->review.ms <= now.mono.ms)
        reach_review(reach, now);
    if (check->entry != NULL && check->until.ms <= now.mono.ms) {
        if (check->handed && ++check->entry->silent >= REACH_SILENT) {
            disproved(reach, check->entry, now);
            close_check(reach);
        } else {
            ask_next(reach, now, peers, out);
        }
    }
    for (size_t i = 0; i < reach->own.capacity && check->entry == NULL; i++) {
        struct own_entry *entry = most_urgent(reach, now);
        if (entry == NULL || now.mono.ms < pace_free_ms(&reach->pace, REACH_RATE))
            return;
        begin(reach, entry, now, peers, out);
    }
}

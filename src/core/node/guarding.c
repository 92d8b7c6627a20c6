/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/guarding.h"

#include "core/base/bytes.h"
#include "core/federation/admission.h"
#include "core/federation/replay.h"
#include "core/node/node.h"
#include "core/peers/greet.h"

#include <stdlib.h>

const char *tally_guard_name(enum tally_guard guard)
{
    static const char *const names[] = {
        [TALLY_GUARD_PASSED] = "passed",   [TALLY_GUARD_ASKING] = "asking",
        [TALLY_GUARD_WAITING] = "waiting", [TALLY_GUARD_RECOVERING] = "recovering",
        [TALLY_GUARD_FORKED] = "forked",
    };
    return guard <= TALLY_GUARD_FORKED ? names[guard] : "unknown";
}

/* ---- Whether to ask, and whom. ---- */

static bool may_ask(const struct tally_node *node, const struct tally_key *key)
{
    return !key_equal(key, &node->options.key) &&
           admission(&node->federating.fold, key, ADMISSION_SERVE) == TALLY_DROP_NONE;
}

/* Who speaks for that key now; NULL: it was revoked, and nobody took over. */
static const struct tally_key *heir_of(const struct tally_node *node, const struct tally_key *key)
{
    const struct revoked *revoked = &node->federating.revoked;
    for (unsigned i = 0; key != NULL && i < REVOKED_HEIRS; i++) {
        if (revoked_find(revoked, key) == NULL)
            return key;
        key = revoked_successor(revoked, key);
    }
    return NULL;
}

/* False: it is nobody one could ask. */
static bool know(struct tally_node *node, const struct tally_key *key)
{
    const struct tally_key *heir = heir_of(node, key);
    if (heir == NULL || !may_ask(node, heir))
        return false;
    guard_know(&node->guarding.guard, heir);
    return true;
}

/* Those whom the host remembers, and those who were admitted. */
static bool know_those_of_before(struct tally_node *node)
{
    const struct fold *fold = &node->federating.fold;
    bool any = node->options.known || node->options.remembered_count > 0;
    for (size_t i = 0; i < node->options.remembered_count; i++)
        (void)know(node, &node->options.remembered[i]);
    for (size_t i = 0; i < fold->count; i++) {
        /* An admission is no meeting; in a copy one cannot tell. */
        if (fold->parties[i].state == TALLY_PARTY_ADMITTED && know(node, &fold->parties[i].key))
            any = any || node->options.past != TALLY_PAST_OWN;
    }
    return any;
}

/* Witnesses that are no parties, and cosigned our logs before: they are asked in their rounds. */
static bool know_witnesses(struct tally_node *node)
{
    const struct outsides *outsides = node->federating.fold.outsides;
    bool any = false;
    for (size_t i = 0; outsides != NULL && i < outsides->count; i++) {
        if (!outsides->list[i].asked ||
            !witness_outside_knew(&node->options.ledger, &outsides->list[i]))
            continue;
        guard_know(&node->guarding.guard, &outsides->list[i].vkey.key);
        any = true;
    }
    return any;
}

static void hear_witnesses(struct tally_node *node, struct tally_now now)
{
    struct guard *guard = &node->guarding.guard;
    bool some;
    for (unsigned i = 0; guard_asks(guard) && i < guard->peer_count; i++) {
        const struct tally_key key = guard->peers[i].key;
        if (guard->peers[i].word == GUARD_SILENT &&
            outside_find(node->federating.fold.outsides, &key) != NULL &&
            witness_outside_heard(&node->witness, &key, &some))
            guard_answered(guard, now, &key, some);
    }
}

/* Whether a log of ours has a receipt, or, `sealed`, one under a checkpoint. */
static bool wrote_before(const struct tally_node *node, bool sealed)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (view.own && (sealed ? view.size : view.durable) > 0)
            return true;
    return false;
}

/*
 * Our key is revoked, and whoever knew it refuses it now: nobody will say how far its logs had got.
 * Nobody has to where this is the directory that signed last; nor in a copy that has each of them
 * as far as the revocation says, since nothing that counts was written after it. What is there may
 * be sealed then, as it was or would have been in the other one: the same bytes, and no fork.
 */
static bool has_all(const struct tally_node *node)
{
    return node->options.past == TALLY_PAST_OWN ||
           replay_whole(&node->federating.revoked, &node->options.ledger, &node->options.key);
}

/*
 * A directory that wrote nothing yet, and is where it was made, has nothing to lose. One that was
 * copied, or a key that is older than its directory, may lack logs altogether. Who has no network
 * cannot ask: there the host's word decides whether this is the directory that signed last.
 */
static bool must_ask(const struct tally_node *node)
{
    bool alone = node->options.profile == TALLY_PROFILE_OFFLINE;
    if (node->issuer.ended)
        return !has_all(node);
    return node->options.past != TALLY_PAST_OWN || (!alone && wrote_before(node, false));
}

/* A copy, or a key of whose past nothing is known, on a node that may meet somebody who does. */
static bool may_meet(const struct tally_node *node)
{
    enum tally_profile profile = node->options.profile;
    return node->options.past != TALLY_PAST_OWN && profile != TALLY_PROFILE_STATIC &&
           profile != TALLY_PROFILE_OFFLINE;
}

bool guarding_new(struct tally_node *node, struct tally_now now)
{
    struct guarding *guarding = &node->guarding;
    *guarding = (struct guarding){.logs = calloc(GUARD_LOGS, sizeof *guarding->logs),
                                  .until = TALLY_NEVER,
                                  .greet = TALLY_NEVER};
    if (guarding->logs == NULL)
        return false;
    guard_init(&guarding->guard, guarding->logs);
    if (!must_ask(node))
        return true;
    guarding->peers = calloc(GUARD_PEERS, sizeof *guarding->peers);
    if (guarding->peers == NULL)
        return false;
    guard_ask(&guarding->guard, now, guarding->peers,
              node->options.profile == TALLY_PROFILE_OFFLINE);
    bool peers = know_those_of_before(node), witnesses = know_witnesses(node);
    if (!peers && !witnesses && !may_meet(node))
        guard_init(&guarding->guard, guarding->logs); /* Nobody was ever known. */
    guarding_settle(node, now);
    return true;
}

void guarding_free(struct guarding *guarding)
{
    free(guarding->peers);
    free(guarding->logs);
}

void guarding_know(struct tally_node *node, const struct tally_key *key)
{
    (void)know(node, key);
}

void guarding_revoked(struct tally_node *node, const struct tally_key *key)
{
    if (key_equal(key, &node->options.key)) {
        if (has_all(node))
            (void)guard_confirm(&node->guarding.guard);
        return;
    }
    const struct tally_key *heir = heir_of(node, key);
    if (heir != NULL && !may_ask(node, heir))
        heir = NULL;
    guard_succeed(&node->guarding.guard, key, heir);
}

bool guarding_asks(const struct tally_node *node, const struct tally_key *key)
{
    const struct guard *guard = &node->guarding.guard;
    for (unsigned i = 0; guard_asks(guard) && i < guard->peer_count; i++)
        if (guard->peers[i].known && key_equal(&guard->peers[i].key, key))
            return true;
    return false;
}

/* ---- What they say. ---- */

void guarding_answered(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                       uint64_t count)
{
    /* Where nothing was ever sealed, nobody can hold any of it, and who has nothing agrees. */
    guard_answered(&node->guarding.guard, now, peer, count > 0 || !wrote_before(node, true));
}

void guarding_larger(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                     const struct tally_hash *origin_hash, uint64_t size)
{
    const struct issuer_log *log = issuer_find(&node->issuer, origin_hash);
    if (!guard_larger(&node->guarding.guard, peer, origin_hash, size))
        return;
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_GUARDED,
                                     .peer = peer,
                                     .origin = log != NULL ? log->origin : NULL,
                                     .a = size,
                                     .b = log != NULL ? log->sealed : 0});
    guarding_settle(node, now);
    if (peer != NULL)
        sync_start(&node->sync, now, peer, 0);
}

void guarding_fetched(struct tally_node *node, struct tally_now now,
                      const struct tally_log_view *view)
{
    issuer_recovered(&node->issuer, now, view);
    if (hash_equal(&view->origin_hash, &node->federating.origin_hash))
        federating_durable(node, now);
    (void)guard_reached(&node->guarding.guard, now, &view->origin_hash, view->size);
    guarding_settle(node, now);
}

void guarding_forked(struct tally_node *node, const struct tally_hash *origin_hash)
{
    issuer_stop(&node->issuer, origin_hash, TALLY_FROZEN);
    (void)guard_forked(&node->guarding.guard);
}

/* ---- The operator. ---- */

enum tally_error guarding_confirm(struct tally_node *node, struct tally_now now,
                                  const struct tally_command *command)
{
    struct guarding *guarding = &node->guarding;
    struct guard after = guarding->guard;
    enum tally_error error = guard_confirm(&after);
    if (error != TALLY_OK)
        return error;
    /* It is the first that is signed again; if it cannot be, nothing else is. */
    issuer_hold(&node->issuer, now, TALLY_OK);
    error = issuer_state(&node->issuer, now, command, &node->outbox);
    if (error == TALLY_OK)
        guarding->guard = after;
    else
        issuer_hold(&node->issuer, now, guard_refusal(&guarding->guard));
    guarding_settle(node, now);
    return error;
}

/* Receipts of our own that somebody holds and we do not. */
static uint64_t missing(const struct tally_node *node)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct guard *guard = &node->guarding.guard;
    uint64_t count = 0;
    for (unsigned i = 0; i < guard->log_count; i++) {
        struct tally_log_view view = {.size = 0};
        bool held = ledger->find(ledger->context, &guard->logs[i].origin_hash, &view);
        uint64_t size = held && view.fetched > view.size ? view.fetched : view.size;
        count += guard->logs[i].size > size ? guard->logs[i].size - size : 0;
    }
    return count;
}

void guarding_recover(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command)
{
    struct guarding *guarding = &node->guarding;
    const struct peers *peers = &node->datagrams.peers;
    if (guarding->guard.state != TALLY_GUARD_RECOVERING || guarding->ticket != 0) {
        node_answer(node, command->ticket,
                    guarding->ticket != 0 ? TALLY_BUSY : guard_refusal(&guarding->guard));
        return;
    }
    guarding->ticket = command->ticket;
    guarding->recovers = true;
    guarding->missing = missing(node);
    guarding->until.ms = now.mono.ms + GUARDING_RECOVER_MS;
    sync_guard(&node->sync, now, true, true);
    for (size_t i = 0; i < peers->end; i++)
        if (peers->list[i].link.state == LINK_LINKED)
            sync_start(&node->sync, now, &peers->list[i].key, 0);
}

static void answer(struct tally_node *node, enum tally_error error)
{
    struct guarding *guarding = &node->guarding;
    if (guarding->ticket != 0)
        node_answer(node, guarding->ticket, error);
    guarding->ticket = 0;
    guarding->until = TALLY_NEVER;
}

/* ---- Time. ---- */

struct tally_mono guarding_deadline(const struct guarding *guarding)
{
    struct tally_mono next = guard_deadline(&guarding->guard);
    if (guarding->until.ms < next.ms)
        next = guarding->until;
    return guarding->greet.ms < next.ms ? guarding->greet : next;
}

/* Where it was seen last, which is not where it was when it was remembered; NULL: nowhere. */
static struct peer *awaited_peer(struct tally_node *node, struct tally_now now,
                                 const struct tally_key *key)
{
    struct peers *peers = &node->datagrams.peers;
    const struct candidate *seen = passive_find(&node->datagrams.overlay.passive, key);
    struct peer *peer = peers_find(peers, key);
    if (peer == NULL && seen != NULL)
        peer = peers_take(peers, key, now);
    if (peer != NULL && seen != NULL)
        peer_address_add(peer, &seen->address, seen->source, false, now);
    return peer;
}

/* The mesh is content with whomever it has, and those may be strangers, who cannot say how far our
   logs had got. A light link is enough to ask. */
static void greet_awaited(struct tally_node *node, struct tally_now now)
{
    struct guarding *guarding = &node->guarding;
    enum tally_guard state = guarding->guard.state;
    guarding->greet = TALLY_NEVER;
    if (state != TALLY_GUARD_ASKING && state != TALLY_GUARD_WAITING)
        return;
    guarding->greet.ms = now.mono.ms + GUARDING_GREET_MS;
    for (unsigned greeted = 0; greeted < GUARDING_GREETED;) {
        const struct tally_key *key = guard_silent(&guarding->guard, guarding->turn++);
        if (key == NULL) {
            guarding->turn = 0;
            return;
        }
        struct peer *peer = awaited_peer(node, now, key);
        if (peer == NULL || peer->link.state == LINK_LINKED)
            continue;
        peers_greet(&node->datagrams.peers, peer, PEER_WANTS_LINK, now);
        greeted++;
    }
}

void guarding_tick(struct tally_node *node, struct tally_now now)
{
    struct guarding *guarding = &node->guarding;
    guard_tick(&guarding->guard, now);
    if (guarding->greet.ms <= now.mono.ms)
        greet_awaited(node, now);
    if (guarding->until.ms > now.mono.ms)
        return;
    uint64_t left = missing(node);
    guarding->until.ms = now.mono.ms + GUARDING_RECOVER_MS;
    if (left >= guarding->missing)
        answer(node, TALLY_TIMED_OUT); /* What comes later is taken all the same. */
    guarding->missing = left;
}

void guarding_settle(struct tally_node *node, struct tally_now now)
{
    struct guarding *guarding = &node->guarding;
    hear_witnesses(node, now);
    enum tally_guard state = guarding->guard.state, before = guarding->told;
    uint64_t silent = 0;
    if (state == before)
        return;
    /* All of it was fetched: whether somebody has more still is asked, and that is fetched too. */
    bool once_more = before == TALLY_GUARD_RECOVERING && state == TALLY_GUARD_ASKING;
    guarding->told = state;
    guarding->recovers = guarding->recovers && guard_asks(&guarding->guard);
    if (state == TALLY_GUARD_ASKING)
        guarding->greet.ms = now.mono.ms + GUARDING_GREET_MS;
    else if (state != TALLY_GUARD_WAITING)
        guarding->greet = TALLY_NEVER;
    issuer_hold(&node->issuer, now, guard_refusal(&guarding->guard));
    sync_guard(&node->sync, now, guard_asks(&guarding->guard), guarding->recovers);
    if (once_more)
        sync_guard_again(&node->sync, now);
    while (guard_silent(&guarding->guard, silent) != NULL)
        silent++;
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_GUARD, .a = state, .b = silent});
    if (!guard_asks(&guarding->guard))
        answer(node, guard_refusal(&guarding->guard));
}

/* ---- Questions. ---- */

void guarding_status(const struct tally_node *node, struct tally_node_status *status)
{
    status->guard = node->guarding.guard.state;
    while (guard_silent(&node->guarding.guard, status->guard_silent) != NULL)
        status->guard_silent++;
    status->guard_missing = missing(node);
}

enum tally_guard tally_node_guard(const struct tally_node *node)
{
    return node->guarding.guard.state;
}

bool tally_node_awaited(const struct tally_node *node, size_t index, struct tally_key *key)
{
    const struct tally_key *found = guard_silent(&node->guarding.guard, index);
    if (found != NULL)
        *key = *found;
    return found != NULL;
}

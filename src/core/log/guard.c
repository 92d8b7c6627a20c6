/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/guard.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"

#include <assert.h>

static const fsm_moves moves[] = {
    [TALLY_GUARD_PASSED] = TO(TALLY_GUARD_ASKING) | TO(TALLY_GUARD_RECOVERING),
    [TALLY_GUARD_ASKING] = TO(TALLY_GUARD_PASSED) | TO(TALLY_GUARD_WAITING) |
                           TO(TALLY_GUARD_RECOVERING) | TO(TALLY_GUARD_FORKED),
    [TALLY_GUARD_WAITING] =
        TO(TALLY_GUARD_PASSED) | TO(TALLY_GUARD_RECOVERING) | TO(TALLY_GUARD_FORKED),
    [TALLY_GUARD_RECOVERING] =
        TO(TALLY_GUARD_PASSED) | TO(TALLY_GUARD_ASKING) | TO(TALLY_GUARD_FORKED),
    [TALLY_GUARD_FORKED] = 0,
};

static void move(struct guard *guard, enum tally_guard next)
{
    FSM_MOVE(moves, &guard->state, next);
    guard->until = TALLY_NEVER;
}

void guard_init(struct guard *guard, struct guard_log *logs)
{
    *guard = (struct guard){.state = TALLY_GUARD_PASSED, .logs = logs, .until = TALLY_NEVER};
}

static void ask(struct guard *guard, struct tally_now now)
{
    move(guard, TALLY_GUARD_ASKING);
    guard->heard = false;
    guard->until.ms = guard->end.ms = now.mono.ms + GUARD_WAIT_MS;
}

void guard_ask(struct guard *guard, struct tally_now now, struct guard_peer *peers, bool alone)
{
    assert(peers != NULL);
    guard->peers = peers;
    guard->peer_count = 0;
    ask(guard, now);
    if (alone)
        move(guard, TALLY_GUARD_WAITING);
}

static bool is_open(const struct guard *guard)
{
    return guard->state == TALLY_GUARD_ASKING || guard->state == TALLY_GUARD_WAITING;
}

bool guard_asks(const struct guard *guard)
{
    return is_open(guard) || guard->state == TALLY_GUARD_RECOVERING;
}

static bool any_known(const struct guard *guard)
{
    for (unsigned i = 0; i < guard->peer_count; i++)
        if (guard->peers[i].known)
            return true;
    return false;
}

/* The peer, listed if there is room; one that is known takes the place of one that is not. */
static struct guard_peer *peer_take(struct guard *guard, const struct tally_key *key, bool known)
{
    struct guard_peer *stranger = NULL;
    if (guard->peers == NULL)
        return NULL;
    for (unsigned i = 0; i < guard->peer_count; i++) {
        if (key_equal(&guard->peers[i].key, key))
            return &guard->peers[i];
        if (!guard->peers[i].known)
            stranger = &guard->peers[i];
    }
    struct guard_peer *peer = known ? stranger : NULL;
    if (guard->peer_count < GUARD_PEERS)
        peer = &guard->peers[guard->peer_count++];
    if (peer != NULL)
        *peer = (struct guard_peer){.key = *key};
    return peer;
}

void guard_know(struct guard *guard, const struct tally_key *key)
{
    bool first = !any_known(guard);
    struct guard_peer *peer = guard_asks(guard) ? peer_take(guard, key, true) : NULL;
    if (peer == NULL)
        return;
    peer->known = true;
    if (!first || !guard->heard || !is_open(guard))
        return;
    /* Those heard so far were strangers: this one's word counts more. */
    guard->heard = false;
    guard->until = guard->state == TALLY_GUARD_ASKING ? guard->end : TALLY_NEVER;
}

/* Whether all have answered whose word counts, and there are some. */
static bool complete(const struct guard *guard)
{
    return any_known(guard) && guard_silent(guard, 0) == NULL;
}

/* The first answer that counts for something; who else is there has so long. */
static void hear(struct guard *guard, struct tally_now now, uint64_t ms)
{
    if (guard->heard)
        return;
    guard->heard = true;
    guard->until.ms = now.mono.ms + ms;
}

void guard_succeed(struct guard *guard, const struct tally_key *key, const struct tally_key *heir)
{
    struct guard_peer *peer = NULL;
    for (unsigned i = 0; guard_asks(guard) && i < guard->peer_count; i++)
        if (guard->peers[i].known && key_equal(&guard->peers[i].key, key))
            peer = &guard->peers[i];
    if (peer == NULL)
        return;
    *peer = guard->peers[--guard->peer_count];
    if (heir != NULL)
        guard_know(guard, heir);
    if (is_open(guard) && complete(guard))
        move(guard, TALLY_GUARD_PASSED);
}

void guard_answered(struct guard *guard, struct tally_now now, const struct tally_key *key,
                    bool some)
{
    struct guard_peer *peer = is_open(guard) ? peer_take(guard, key, false) : NULL;
    if (peer == NULL)
        return;
    /* What it held before it fetched anything of us in this life is what counts. */
    if (peer->word == GUARD_SILENT)
        peer->word = some ? GUARD_KNEW : GUARD_NOTHING;
    if (complete(guard))
        move(guard, TALLY_GUARD_PASSED);
    else if (peer->known ? peer->word == GUARD_KNEW : !any_known(guard))
        hear(guard, now, peer->word == GUARD_KNEW ? GUARD_GRACE_MS : GUARD_STRANGERS_MS);
}

static struct guard_log *log_take(struct guard *guard, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < guard->log_count; i++)
        if (hash_equal(&guard->logs[i].origin_hash, origin_hash))
            return &guard->logs[i];
    if (guard->log_count == GUARD_LOGS)
        return NULL; /* More than a node writes in: what is listed is enough to stop it. */
    struct guard_log *log = &guard->logs[guard->log_count++];
    *log = (struct guard_log){.origin_hash = *origin_hash};
    return log;
}

bool guard_larger(struct guard *guard, const struct tally_key *key,
                  const struct tally_hash *origin_hash, uint64_t size)
{
    if (guard->state == TALLY_GUARD_FORKED)
        return false;
    struct guard_log *log = log_take(guard, origin_hash);
    struct guard_peer *peer = key != NULL ? peer_take(guard, key, false) : NULL;
    if (peer != NULL)
        peer->word = GUARD_MORE;
    if (guard->state != TALLY_GUARD_RECOVERING)
        move(guard, TALLY_GUARD_RECOVERING);
    if (log == NULL || log->size >= size)
        return false;
    log->size = size;
    return true;
}

/* All are to answer again. Those who showed more did know us. */
static void ask_again(struct guard *guard, struct tally_now now)
{
    ask(guard, now);
    for (unsigned i = 0; i < guard->peer_count; i++)
        guard->peers[i].word = GUARD_SILENT;
    hear(guard, now, GUARD_GRACE_MS);
}

bool guard_reached(struct guard *guard, struct tally_now now, const struct tally_hash *origin_hash,
                   uint64_t size)
{
    if (guard->state != TALLY_GUARD_RECOVERING)
        return false;
    for (unsigned i = 0; i < guard->log_count; i++) {
        if (!hash_equal(&guard->logs[i].origin_hash, origin_hash) || guard->logs[i].size > size)
            continue;
        guard->logs[i] = guard->logs[--guard->log_count];
        break;
    }
    if (guard->log_count > 0)
        return false;
    if (guard->peers != NULL) {
        ask_again(guard, now);
        return false;
    }
    move(guard, TALLY_GUARD_PASSED);
    return true;
}

bool guard_forked(struct guard *guard)
{
    if (guard->state == TALLY_GUARD_PASSED || guard->state == TALLY_GUARD_FORKED)
        return false;
    move(guard, TALLY_GUARD_FORKED);
    return true;
}

enum tally_error guard_confirm(struct guard *guard)
{
    if (guard->state == TALLY_GUARD_PASSED)
        return TALLY_FORBIDDEN;
    if (!is_open(guard))
        return guard_refusal(guard);
    move(guard, TALLY_GUARD_PASSED);
    return TALLY_OK;
}

struct tally_mono guard_deadline(const struct guard *guard)
{
    return guard->until;
}

void guard_tick(struct guard *guard, struct tally_now now)
{
    if (!is_open(guard) || guard->until.ms > now.mono.ms)
        return;
    move(guard, guard->heard ? TALLY_GUARD_PASSED : TALLY_GUARD_WAITING);
}

enum tally_error guard_refusal(const struct guard *guard)
{
    switch (guard->state) {
    case TALLY_GUARD_PASSED:
        return TALLY_OK;
    case TALLY_GUARD_ASKING:
    case TALLY_GUARD_WAITING:
        return TALLY_UNCONFIRMED;
    case TALLY_GUARD_RECOVERING:
        return TALLY_GUARDED;
    case TALLY_GUARD_FORKED:
        return TALLY_FROZEN;
    }
    return TALLY_UNCONFIRMED;
}

const struct tally_key *guard_silent(const struct guard *guard, size_t index)
{
    for (unsigned i = 0; i < guard->peer_count; i++)
        if (guard->peers[i].known && guard->peers[i].word == GUARD_SILENT && index-- == 0)
            return &guard->peers[i].key;
    return NULL;
}

bool guard_holds(const struct guard *guard)
{
    return guard->peer_count <= GUARD_PEERS && guard->log_count <= GUARD_LOGS &&
           (guard->peers != NULL || guard->peer_count == 0) &&
           (!is_open(guard) || guard->peers != NULL);
}

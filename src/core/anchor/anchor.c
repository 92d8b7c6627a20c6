/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/anchor.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"

enum {
    AHEAD_MS = 120 * 1000,
    BTC_AHEAD_MS = 2 * 3600 * 1000,
    DRIFT_MS = 300 * 1000,
};

/* Reliability chapter 12.2; the table is the diagram in the header. */
static const fsm_moves moves[TALLY_ANCHOR_STATES] = {
    [TALLY_ANCHOR_RECEIVED] = TO(TALLY_ANCHOR_VERIFIED) | TO(TALLY_ANCHOR_QUARANTINED),
    [TALLY_ANCHOR_VERIFIED] =
        TO(TALLY_ANCHOR_ACTIVE) | TO(TALLY_ANCHOR_SUPERSEDED) | TO(TALLY_ANCHOR_REORGED),
    [TALLY_ANCHOR_ACTIVE] = TO(TALLY_ANCHOR_SUPERSEDED) | TO(TALLY_ANCHOR_REORGED),
    [TALLY_ANCHOR_SUPERSEDED] = TO(TALLY_ANCHOR_ACTIVE) | TO(TALLY_ANCHOR_REORGED),
    [TALLY_ANCHOR_REORGED] = TO(TALLY_ANCHOR_RECEIVED),
};

static bool is_verified(enum tally_anchor_state state)
{
    return state == TALLY_ANCHOR_VERIFIED || state == TALLY_ANCHOR_ACTIVE ||
           state == TALLY_ANCHOR_SUPERSEDED;
}

static void forget(struct tally_anchor *anchor)
{
    anchor->height = 0;
    anchor->block = (struct tally_hash){{0}};
    anchor->time_ms = 0;
    anchor->uncertainty_ms = 0;
    anchor->winner = NULL;
}

static void keep(struct tally_anchor *anchor, const struct tally_anchor_finding *finding)
{
    anchor->height = finding->height;
    anchor->block = finding->block;
    anchor->time_ms = finding->time_ms;
    anchor->uncertainty_ms = finding->uncertainty_ms;
}

/* What was verified before and is judged again. True: the judgement goes on from RECEIVED. */
static bool falls(struct tally_anchor *anchor, const struct tally_anchor_finding *finding)
{
    enum tally_anchor_verdict verdict = tally_anchor_verdict_of(finding->reason);
    bool same = verdict == TALLY_ANCHOR_GOOD && hash_equal(&anchor->block, &finding->block);
    /* Evidence that was there stays evidence while a chain is quiet or nobody can be asked. */
    if (same || verdict == TALLY_ANCHOR_PENDING || verdict == TALLY_ANCHOR_UNREACHABLE)
        return false;
    FSM_MOVE(moves, &anchor->state, TALLY_ANCHOR_REORGED);
    forget(anchor);
    return verdict != TALLY_ANCHOR_LOST;
}

void tally_anchor_judge(struct tally_anchor *anchor, const struct tally_anchor_finding *finding)
{
    enum tally_anchor_verdict verdict = tally_anchor_verdict_of(finding->reason);
    if (anchor->state == TALLY_ANCHOR_QUARANTINED)
        return;
    anchor->reason = finding->reason;
    bool goes_on = is_verified(anchor->state) ? falls(anchor, finding) : true;
    if (!goes_on)
        return;
    if (anchor->state == TALLY_ANCHOR_REORGED) {
        if (verdict == TALLY_ANCHOR_LOST || verdict == TALLY_ANCHOR_UNREACHABLE)
            return;
        FSM_MOVE(moves, &anchor->state, TALLY_ANCHOR_RECEIVED);
    }
    if (verdict == TALLY_ANCHOR_GOOD) {
        FSM_MOVE(moves, &anchor->state, TALLY_ANCHOR_VERIFIED);
        keep(anchor, finding);
    } else if (verdict == TALLY_ANCHOR_REFUSED) {
        FSM_MOVE(moves, &anchor->state, TALLY_ANCHOR_QUARANTINED);
    }
}

void tally_anchor_again(struct tally_anchor *anchor)
{
    if (anchor->state != TALLY_ANCHOR_QUARANTINED)
        return;
    anchor->state = TALLY_ANCHOR_RECEIVED; /* Not a move of the anchor's own: it begins anew. */
    anchor->reason = TALLY_ANCHOR_IS_UNTRIED;
}

enum tally_anchor_reason tally_anchor_time_check(enum tally_anchor_kind kind, int64_t time_ms,
                                                 int64_t sealed_ms, int64_t now_ms)
{
    int64_t ahead_ms = kind == TALLY_ANCHOR_BTC ? BTC_AHEAD_MS : AHEAD_MS;
    if (time_ms > now_ms + ahead_ms)
        return TALLY_ANCHOR_IS_FUTURE;
    if (sealed_ms != INT64_MIN && time_ms < sealed_ms - DRIFT_MS)
        return TALLY_ANCHOR_IS_TIMESTAMP_DRIFT;
    return TALLY_ANCHOR_IS_VERIFIED;
}

int64_t tally_anchor_due_ms(const struct tally_anchor *anchor, int64_t verified_ms,
                            int64_t checked_ms)
{
    const int64_t hour_ms = 3600 * 1000, week_ms = 7 * 24 * hour_ms;
    static const int64_t hours[] = {1, 6, 24};
    if (anchor->state == TALLY_ANCHOR_QUARANTINED)
        return INT64_MAX;
    if (!is_verified(anchor->state))
        return 0;
    if (anchor->kind == TALLY_ANCHOR_RFC3161) /* Nothing reorganises it. */
        return INT64_MAX;
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++)
        if (checked_ms < verified_ms + hours[i] * hour_ms)
            return verified_ms + hours[i] * hour_ms;
    return checked_ms + week_ms;
}

/* ---- The order ---- */

int tally_anchor_order(const struct tally_anchor *a, const struct tally_anchor *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int chain = strcmp(a->chain, b->chain);
    if (chain != 0)
        return chain;
    if (a->height != b->height)
        return a->height > b->height ? -1 : 1;
    return strcmp(a->transaction, b->transaction);
}

static bool is_earlier(const struct tally_anchor *a, const struct tally_anchor *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : tally_anchor_order(a, b) < 0;
}

struct tally_anchors tally_anchors_settle(struct tally_anchor *const *anchors, size_t count,
                                          bool prefer_earliest)
{
    struct tally_anchors found = {NULL, NULL};
    for (size_t i = 0; i < count; i++) {
        if (!is_verified(anchors[i]->state))
            continue;
        if (found.best == NULL || tally_anchor_order(anchors[i], found.best) < 0)
            found.best = anchors[i];
        if (found.earliest == NULL || is_earlier(anchors[i], found.earliest))
            found.earliest = anchors[i];
    }
    if (prefer_earliest)
        found.best = found.earliest;
    for (size_t i = 0; i < count; i++) {
        struct tally_anchor *anchor = anchors[i];
        enum tally_anchor_state next =
            anchor == found.best ? TALLY_ANCHOR_ACTIVE : TALLY_ANCHOR_SUPERSEDED;
        anchor->winner = NULL;
        if (!is_verified(anchor->state))
            continue;
        if (anchor->state != next)
            FSM_MOVE(moves, &anchor->state, next);
        if (anchor != found.best)
            anchor->winner = found.best;
    }
    return found;
}

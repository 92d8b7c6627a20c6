/* SPDX-License-Identifier: Apache-2.0 */
/* What makes us ask a peer. */
#include "core/sync/prompt.h"

#include "core/base/bytes.h"
#include "core/sync/asker.h"

/* The first that is free: those behind the last one that was ever taken are. */
struct sync_asker *asker_new(struct sync *sync, const struct tally_key *peer)
{
    unsigned i = 0;
    while (i < sync->asker_end && sync->askers[i].state != SYNC_FREE)
        i++;
    if (i == sync->options.askers)
        return NULL;
    sync->asker_end += i == sync->asker_end;
    struct sync_asker *asker = &sync->askers[i];
    struct sync_desk *desk = &sync->desks[i];
    *asker = (struct sync_asker){.peer = *peer,
                                 .tasks = desk->tasks,
                                 .packages = desk->packages,
                                 .by_hand = sync->options.by_hand,
                                 .backoff = {.first_ms = 500, .cap_ms = 60000},
                                 .again = TALLY_NEVER};
    sync_inbox_init(&asker->inbox, desk->inbox);
    return asker;
}

void asker_stream(struct sync *sync, struct tally_now now, struct sync_asker *asker)
{
    asker->dirty = true;
    if (news_add(sync, SYNC_NEWS_STREAM, &asker->peer) != NULL)
        asker->again.ms = now.mono.ms + SYNC_SILENCE_MS; /* If nothing comes of it. */
}

static bool cause_known(const struct sync_asker *asker, uint64_t cause)
{
    for (unsigned i = 0; i < SYNC_CAUSES; i++)
        if (cause != 0 && asker->known[i] == cause)
            return true;
    return false;
}

static bool may_ask(const struct sync *sync, const struct sync_asker *asker,
                    const struct tally_key *peer)
{
    return (asker != NULL ? asker->by_hand : sync->options.by_hand) ||
           admission(sync->options.fold, peer, ADMISSION_SERVE) == TALLY_DROP_NONE;
}

void sync_start(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                uint64_t cause)
{
    sync->stale = true;
    struct sync_asker *asker = asker_find(sync, peer);
    if (!may_ask(sync, asker, peer))
        return;
    if (asker == NULL) {
        asker = asker_new(sync, peer);
        if (asker == NULL)
            return; /* All are busy; the next heartbeat asks again. */
        asker_move(asker, SYNC_WAITING);
    }
    bool resting = asker->state == SYNC_RESTING;
    if (resting && cause_known(asker, cause))
        return;
    asker->cause = cause;
    if (asker->state == SYNC_WAITING && !asker->dirty)
        asker_stream(sync, now, asker);
    asker->dirty = true;
    uint64_t at = asker->rested.ms + (cause != 0 && asker->calm > 0 ? SYNC_GAP_MS : 0);
    if (resting && asker->again.ms > at)
        asker->again.ms = at > now.mono.ms ? at : now.mono.ms;
}

/* ---- What we are told, and may have soon anyway. ---- */

static bool holds_set(const struct sync *sync, const struct sync_lack *lack)
{
    const struct heads *heads = sync->options.heads;
    const struct head_set *ours = heads != NULL ? heads_set_find(heads, lack->name_space) : NULL;
    uint8_t fingerprint[HEADS_FINGERPRINT];
    if (ours == NULL)
        return false;
    heads_fingerprint(ours, fingerprint);
    return memcmp(fingerprint, lack->fingerprint, sizeof fingerprint) == 0;
}

static bool holds_log(const struct sync *sync, const struct sync_lack *lack)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_log_view view;
    return ledger->find(ledger->context, &lack->origin_hash, &view) && view.size >= lack->size;
}

static bool lacks_still(const struct sync *sync, struct sync_asker *asker)
{
    unsigned left = 0;
    for (unsigned i = 0; i < asker->lack_count; i++) {
        const struct sync_lack *lack = &asker->lacks[i];
        if (!(lack->of_log ? holds_log(sync, lack) : holds_set(sync, lack)))
            asker->lacks[left++] = *lack;
    }
    asker->lack_count = left;
    return left > 0;
}

static bool same_subject(const struct sync_lack *a, const struct sync_lack *b)
{
    return a->of_log == b->of_log &&
           (a->of_log ? hash_equal(&a->origin_hash, &b->origin_hash)
                      : memcmp(a->name_space, b->name_space, sizeof a->name_space) == 0);
}

static bool same_lack(const struct sync_lack *a, const struct sync_lack *b)
{
    return same_subject(a, b) &&
           (a->of_log ? a->size <= b->size
                      : memcmp(a->fingerprint, b->fingerprint, sizeof a->fingerprint) == 0);
}

/* Whether somebody is asked for it just now. */
static bool asked_elsewhere(const struct sync *sync, const struct sync_lack *lack)
{
    for (unsigned i = 0; i < sync->asker_end; i++) {
        const struct sync_asker *asker = &sync->askers[i];
        for (unsigned j = 0; asker->state != SYNC_FREE && j < asker->lack_count; j++)
            if (asker->lacks[j].asked && same_lack(lack, &asker->lacks[j]))
                return true;
    }
    return false;
}

static bool all_asked_elsewhere(const struct sync *sync, const struct sync_asker *asker)
{
    for (unsigned i = 0; i < asker->lack_count; i++)
        if (!asked_elsewhere(sync, &asker->lacks[i]))
            return false;
    return true;
}

void prompt_asked(struct sync_asker *asker)
{
    for (unsigned i = 0; i < asker->lack_count; i++)
        asker->lacks[i].asked = true;
}

void prompt_answered(struct sync_asker *asker)
{
    unsigned left = 0;
    for (unsigned i = 0; i < asker->lack_count; i++)
        if (!asker->lacks[i].asked)
            asker->lacks[left++] = asker->lacks[i];
    asker->lack_count = left;
}

/* Asks this peer if that is worth it. False: not now. */
static bool look(struct sync *sync, struct tally_now now, struct sync_asker *asker)
{
    bool waits = asker->state == SYNC_WAITING;
    if (asker->dirty)
        return true; /* It will be. */
    if (!lacks_still(sync, asker)) {
        if (waits)
            asker_move(asker, SYNC_FREE);
        return true;
    }
    if (all_asked_elsewhere(sync, asker) || sync->news_count > SYNC_NEWS / 2 ||
        (asker->calm > 0 && now.mono.ms < asker->rested.ms + SYNC_GAP_MS))
        return false;
    prompt_asked(asker);
    asker->cause = asker->lack_cause;
    if (waits)
        asker_stream(sync, now, asker);
    else
        asker->again = now.mono;
    asker->dirty = true;
    return true;
}

void prompt_look(struct sync *sync, struct tally_now now)
{
    /* First those that we have a stream to. */
    static const enum sync_state states[] = {SYNC_RESTING, SYNC_WAITING};
    bool all = true;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < sync->asker_end; i++)
            if (sync->askers[i].state == states[pass] && sync->askers[i].lack_count > 0 &&
                !look(sync, now, &sync->askers[i]))
                all = false;
    sync->look = all ? TALLY_NEVER : (struct tally_mono){now.mono.ms + SYNC_LOOK_AGAIN_MS};
}

/* What was told last of a log or namespace counts. Without room the oldest word goes. */
static void note(struct sync_asker *asker, const struct sync_lack *lack)
{
    unsigned at = 0;
    while (at < asker->lack_count && !same_subject(&asker->lacks[at], lack))
        at++;
    if (at < asker->lack_count || at == SYNC_LACKS) {
        unsigned gone = at < asker->lack_count ? at : 0;
        asker->lack_count--;
        memmove(asker->lacks + gone, asker->lacks + gone + 1,
                (asker->lack_count - gone) * sizeof *asker->lacks);
    }
    if (!lack->held)
        asker->lacks[asker->lack_count++] = *lack;
}

void sync_told(struct sync *sync, struct tally_now now, const struct tally_key *peer,
               uint64_t cause, const struct sync_lack *lacks, size_t count)
{
    struct sync_asker *asker = asker_find(sync, peer);
    bool some = false;
    for (size_t i = 0; i < count; i++)
        some = some || !lacks[i].held;
    if ((asker == NULL && !some) || !may_ask(sync, asker, peer))
        return;
    if (asker == NULL) {
        asker = asker_new(sync, peer);
        if (asker == NULL)
            return;
        asker_move(asker, SYNC_WAITING);
    }
    if (some && asker->state == SYNC_RESTING && cause_known(asker, cause))
        return;
    sync->stale = true;
    if (some && sync->look.ms == TALLY_NEVER.ms)
        sync->look.ms = now.mono.ms + SYNC_LOOK_MS;
    for (size_t i = 0; i < count; i++)
        note(asker, &lacks[i]);
    if (some)
        asker->lack_cause = cause;
    if (asker->lack_count == 0 && asker->state == SYNC_WAITING && !asker->dirty)
        asker_move(asker, SYNC_FREE);
}

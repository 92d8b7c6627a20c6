/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sync/asker.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/sync/held.h"
#include "core/sync/prompt.h"
#include "core/sync/statement.h"

#include <assert.h>

static const fsm_moves moves[] = {
    [SYNC_FREE] = TO(SYNC_WAITING) | TO(SYNC_RESTING),
    [SYNC_WAITING] = TO(SYNC_FREE) | TO(SYNC_RESTING),
    [SYNC_RESTING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_ASKING) | TO(SYNC_PROVING) |
                     TO(SYNC_LOCATING) | TO(SYNC_FETCHING) | TO(SYNC_TELLING),
    [SYNC_ASKING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_RESTING) | TO(SYNC_ASKING) |
                    TO(SYNC_PROVING) | TO(SYNC_LOCATING) | TO(SYNC_FETCHING) | TO(SYNC_TELLING),
    [SYNC_PROVING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_RESTING) | TO(SYNC_ASKING) |
                     TO(SYNC_PROVING) | TO(SYNC_LOCATING) | TO(SYNC_FETCHING) | TO(SYNC_TELLING),
    [SYNC_LOCATING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_RESTING) | TO(SYNC_ASKING) |
                      TO(SYNC_PROVING) | TO(SYNC_FETCHING) | TO(SYNC_TELLING),
    [SYNC_FETCHING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_RESTING) | TO(SYNC_ASKING) |
                      TO(SYNC_PROVING) | TO(SYNC_LOCATING) | TO(SYNC_FETCHING) | TO(SYNC_TELLING),
    [SYNC_TELLING] = TO(SYNC_FREE) | TO(SYNC_WAITING) | TO(SYNC_RESTING),
};

void asker_move(struct sync_asker *asker, enum sync_state next)
{
    FSM_MOVE(moves, &asker->state, next);
}

bool asker_view(const struct sync *sync, const struct sync_asker *asker,
                struct tally_log_view *view)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    return ledger->find(ledger->context, &asker->tasks[0].origin_hash, view);
}

/* The current task waits so long, from this peer: else it would be the first of each round, and
   those behind it never had their turn. */
static void shun(struct sync_asker *asker, struct tally_now now, uint64_t ms)
{
    struct sync_shunned *one = &asker->shunned[asker->shunned_turn++ % SYNC_SHUNNED];
    *one = (struct sync_shunned){asker->tasks[0].origin_hash, {now.mono.ms + ms}};
}

static bool is_shunned(const struct sync_asker *asker, struct tally_now now)
{
    for (unsigned i = 0; i < SYNC_SHUNNED; i++)
        if (asker->shunned[i].until.ms > now.mono.ms &&
            hash_equal(&asker->shunned[i].origin_hash, &asker->tasks[0].origin_hash))
            return true;
    return false;
}

void asker_fail(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                enum tally_drop drop, struct outbox *out)
{
    struct sync_news *news = news_add(sync, SYNC_NEWS_CLOSE, &asker->peer);
    if (news != NULL) {
        news->stream = asker->stream;
        news->drop = drop;
    }
    if (asker->task_count > 0 && drop != TALLY_DROP_NONE && drop != TALLY_DROP_BUSY)
        shun(asker, now, SYNC_REST_MS);
    sync_closed(sync, now, &asker->peer, asker->stream, out);
}

struct sync_news *asker_failed(struct sync *sync, const struct sync_asker *asker,
                               enum tally_drop drop, uint64_t first, struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    bool about = drop == TALLY_DROP_PROOF || drop == TALLY_DROP_CHAIN || drop == TALLY_DROP_BODY ||
                 drop == TALLY_DROP_FORGED;
    if (!about || asker->task_count == 0 || !outbox_room(out, 1, task->note_size))
        return NULL;
    struct sync_news *news = news_add(sync, SYNC_NEWS_FAILED, &asker->peer);
    if (news == NULL)
        return NULL;
    news->drop = drop;
    news->origin_hash = task->origin_hash;
    news->size = task->size;
    news->root = task->root;
    news->first = first;
    news->one = outbox_copy(out, bytes_of(task->note, task->note_size));
    return news;
}

/* Another asker fetches this log already: two would only hinder each other. */
static bool fetched_elsewhere(const struct sync *sync, const struct sync_asker *asker,
                              const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < sync->asker_end; i++) {
        const struct sync_asker *other = &sync->askers[i];
        if (other == asker || other->task_count == 0 ||
            (other->state != SYNC_PROVING && other->state != SYNC_FETCHING))
            continue;
        if (hash_equal(&other->tasks[0].origin_hash, origin_hash))
            return true;
    }
    return false;
}

/* Whether the log of the current task may be fetched now: there is space, nobody else fetches it,
   and nothing of it is on its way to the disk. */
static bool task_free(const struct sync *sync, const struct sync_asker *asker)
{
    const struct tally_hash *origin_hash = &asker->tasks[0].origin_hash;
    for (unsigned i = 0; i < sync->append_count; i++) {
        unsigned at = (sync->append_first + i) % SYNC_APPENDS;
        if (hash_equal(&sync->appends[at].origin_hash, origin_hash))
            return false;
    }
    return sync->writable && !fetched_elsewhere(sync, asker, origin_hash);
}

/* Of our own logs that are larger elsewhere it is found out whether they continue ours; they are
   fetched when the operator says so. */
static bool only_proved(const struct sync *sync, const struct sync_asker *asker)
{
    return !sync->recovers && key_equal(&asker->tasks[0].issuer, &sync->options.key);
}

/* Whether there is something to do about the current task. Another asker may have been faster while
   this one fetched the log before. And what is durable beyond a head, from a transfer that broke
   off, waits for a larger one: a note goes in with the last package, and here nothing would be left
   to append. */
static bool is_wanted(const struct sync *sync, const struct sync_asker *asker)
{
    struct tally_log_view view;
    const struct sync_task *task = &asker->tasks[0];
    if (!asker_view(sync, asker, &view))
        return !only_proved(sync, asker);
    return view.size < task->size && held_of(&view, task) < task->size &&
           (view.size > 0 || !only_proved(sync, asker));
}

/* Begins the current task: a proof that its head extends ours, or the transfer at once. */
static void task_start(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                       struct outbox *out)
{
    struct tally_log_view view;
    asker->held = asker_view(sync, asker, &view) ? view.size : 0;
    asker->heard = now.mono;
    if (asker->held > 0) {
        asker_move(asker, SYNC_PROVING);
        asker->due = true;
    } else {
        fetch_start(sync, now, asker);
    }
}

static void rest(struct sync_asker *asker, struct tally_now now, uint64_t ms)
{
    if (asker->state != SYNC_RESTING)
        asker_move(asker, SYNC_RESTING);
    asker->due = false;
    asker->pages = 0;
    prompt_answered(asker);
    asker->again.ms = now.mono.ms + ms;
}

/* The round is over: what came is told to the peer, unless it was told a short while ago, or is to
   hear nothing of the kind. */
static void round_end(const struct sync *sync, struct tally_now now, struct sync_asker *asker)
{
    if (asker->by_hand ||
        admission(sync->options.fold, &asker->peer, ADMISSION_STATE) != TALLY_DROP_NONE)
        asker->told_count = 0;
    if (asker->told_count > 0 && asker->tell_at.ms <= now.mono.ms) {
        asker->task_count = 0;
        asker_move(asker, SYNC_TELLING);
        asker->heard = now.mono;
        asker->due = true;
        return;
    }
    uint64_t ms = (uint64_t)SYNC_REST_MS
                  << (asker->calm < SYNC_CALM_MAX ? asker->calm : SYNC_CALM_MAX);
    if (asker->told_count > 0 && asker->tell_at.ms - now.mono.ms < ms)
        ms = asker->tell_at.ms - now.mono.ms;
    rest(asker, now, ms);
}

/* What the round was begun for is remembered if nothing came of it. */
static void round_count(struct sync_asker *asker, struct tally_now now)
{
    if (!asker->looked)
        return;
    if (asker->found) {
        asker->calm = 0;
        memset(asker->known, 0, sizeof asker->known);
    } else {
        asker->calm += asker->calm < SYNC_CALM_MAX;
        asker->known[asker->known_turn++ % SYNC_CAUSES] = asker->cause;
    }
    asker->rested = now.mono;
    asker->looked = asker->found = false;
}

static void task_drop(struct sync_asker *asker)
{
    assert(asker->task_count > 0);
    asker->task_count--;
    memmove(asker->tasks, asker->tasks + 1, asker->task_count * sizeof *asker->tasks);
}

/* Brings a task that can begin now to the front. Those that another asker fetches stay behind it
   and are looked at again, the others go. False: there is none. */
static bool task_take(const struct sync *sync, struct tally_now now, struct sync_asker *asker)
{
    for (unsigned left = asker->task_count; left > 0; left--) {
        bool wanted = is_wanted(sync, asker) && !is_shunned(asker, now);
        if (wanted && task_free(sync, asker))
            return true;
        const struct sync_task first = asker->tasks[0];
        task_drop(asker);
        if (!wanted || !sync->writable)
            continue;
        asker->tasks[asker->task_count++] = first;
        asker->later = true;
    }
    return false;
}

/* A round begins, or goes on: what waited for another asker is told again. */
static void ask_heads(struct sync_asker *asker, struct tally_now now)
{
    asker->task_count = 0;
    asker_move(asker, SYNC_ASKING);
    asker->heard = now.mono;
    asker->due = true;
}

void asker_next_task(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                     struct outbox *out)
{
    if (locate_due(asker)) {
        asker_move(asker, SYNC_LOCATING);
        asker->heard = now.mono;
        asker->due = true;
        return;
    }
    if (task_take(sync, now, asker)) {
        task_start(sync, now, asker, out);
        return;
    }
    if (asker->own_due && !asker->more) {
        asker->own_due = asker->own_larger = asker->after_known = false;
        asker->own = true;
        asker->own_held = 0;
        ask_heads(asker, now);
        return;
    }
    if (asker->more || asker->dirty) {
        if (!asker->more)
            prompt_asked(asker);
        asker->after_known = asker->more && asker->after_known;
        asker->dirty = asker->dirty && asker->more;
        ask_heads(asker, now);
        asker->looked = asker->looked || !asker->own;
        return;
    }
    bool looked = asker->looked;
    round_count(asker, now);
    round_end(sync, now, asker);
    if (asker->by_hand && looked && !asker->later)
        (void)news_add(sync, SYNC_NEWS_ROUND, &asker->peer);
    if (asker->later && asker->state == SYNC_RESTING)
        asker->again.ms = now.mono.ms + 500 + random_below(&sync->random, 500);
    asker->later = false;
}

void asker_task_done(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                     struct outbox *out)
{
    task_drop(asker);
    asker_next_task(sync, now, asker, out);
}

void asker_wake(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                struct outbox *out)
{
    if (asker->state == SYNC_RESTING)
        asker_next_task(sync, now, asker, out);
}

/* Whether a log that is ahead is one we take from this peer; what is refused is counted. */
static bool may_take(struct sync *sync, const struct sync_asker *asker,
                     const struct sync_task *task)
{
    struct admission_log log = admission_log(&task->issuer, task->name_space);
    log.origin_hash = &task->origin_hash;
    enum tally_drop drop = asker->by_hand
                               ? admission(sync->options.fold, &task->issuer, ADMISSION_CARRY)
                               : admission_take(sync->options.fold, &asker->peer, &log);
    sync->drops[drop] += drop != TALLY_DROP_NONE;
    /* Of third parties' logs, and of statements, no agreement speaks. */
    if (!log.statements && key_equal(&task->issuer, &asker->peer))
        conduct_oversteps(sync->options.conducts, &asker->peer, &task->origin_hash, task->size,
                          drop);
    return drop == TALLY_DROP_NONE;
}

/* Of a checkpoint that is the one we hold nothing but the origin was looked at. */
static bool is_ours(const struct sync *sync, const struct sync_task *task,
                    enum sync_verdict verdict)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_log_view view;
    if (verdict == SYNC_VERDICT_AHEAD)
        return key_equal(&task->issuer, &sync->options.key);
    return ledger->find(ledger->context, &task->origin_hash, &view) && view.own;
}

/* A page of the peer's list came: how it keeps what was agreed is seen of the whole list. */
static void page_begins(const struct sync *sync, struct tally_now now,
                        const struct sync_asker *asker)
{
    conduct_answered(sync->options.conducts, &asker->peer, now);
    if (!asker->own && !asker->after_known)
        conduct_lists(sync->options.conducts, &asker->peer);
}

/* What the peer holds of our own logs; the page was compared. */
static void own_told(struct sync *sync, struct sync_asker *asker)
{
    if (!asker->own || asker->more)
        return;
    asker->own = asker->after_known = false;
    struct sync_news *news =
        asker->own_larger ? NULL : news_add(sync, SYNC_NEWS_ANSWERED, &asker->peer);
    if (news != NULL)
        news->count = asker->own_held;
}

enum tally_drop asker_on_heads(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                               const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_heads *heads = &frame->heads;
    if (asker->state != SYNC_ASKING || asker->due || frame->request != asker->request)
        return TALLY_DROP_UNASKED;
    asker->more = heads->more && heads->notes_count > 0 && ++asker->pages < SYNC_PAGES;
    page_begins(sync, now, asker);
    for (size_t i = 0; i < heads->notes_count; i++) {
        if (asker->task_count == SYNC_TASKS) {
            /* The cursor stays behind what was taken up: the next page begins there. */
            asker->more = asker->pages < SYNC_PAGES;
            break;
        }
        struct sync_task *task = &asker->tasks[asker->task_count];
        enum sync_verdict verdict = sync_compare(sync, &asker->peer, heads->notes[i], task, out);
        if (verdict == SYNC_VERDICT_BAD)
            return TALLY_DROP_FORGED;
        if (asker->own && !is_ours(sync, task, verdict))
            return TALLY_DROP_UNASKED;
        asker->own_held += asker->own && verdict != SYNC_VERDICT_AHEAD;
        asker->own_larger |= asker->own && verdict == SYNC_VERDICT_AHEAD;
        asker->after = task->origin_hash;
        asker->after_known = true;
        conduct_shows(sync->options.conducts, &asker->peer, &task->origin_hash,
                      verdict == SYNC_VERDICT_AHEAD ? task->size : 0);
        if (verdict == SYNC_VERDICT_AHEAD && !may_take(sync, asker, task))
            continue;
        asker->found |= verdict == SYNC_VERDICT_AHEAD || verdict == SYNC_VERDICT_FORK;
        if (verdict == SYNC_VERDICT_FORK)
            locate_note(asker, &task->origin_hash, task->size, &task->root);
        if (verdict == SYNC_VERDICT_AHEAD)
            asker->task_count++;
    }
    if (!asker->own && !asker->more)
        conduct_listed(sync->options.conducts, &asker->peer, now);
    own_told(sync, asker);
    asker_next_task(sync, now, asker, out);
    return TALLY_DROP_NONE;
}

/* The proof shows another root at our size, below a root that the issuer signed: a fork. */
static void prefix_fork(struct sync *sync, struct sync_asker *asker,
                        const struct tally_sync_proof *proof, struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    const struct tally_ledger *ledger = sync->options.ledger;
    uint8_t ours[SYNC_NOTE_MAX * 2];
    size_t size = ledger->checkpoint(ledger->context, &task->origin_hash, ours, sizeof ours);
    sync_evidence(sync, &asker->peer, &task->origin_hash, task->size, bytes_of(ours, size),
                  bytes_of(task->note, task->note_size), &proof->root, proof->hashes,
                  proof->hashes_count, out);
    locate_note(asker, &task->origin_hash, asker->held, &proof->root);
}

enum tally_drop asker_on_proof(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                               const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_proof *proof = &frame->proof;
    struct tally_log_view view;
    if (asker->state != SYNC_PROVING || asker->due || frame->request != asker->request)
        return TALLY_DROP_UNASKED;
    const struct sync_task *task = &asker->tasks[0];
    if (!asker_view(sync, asker, &view) || view.size != asker->held) {
        asker->later = true; /* Our head moved meanwhile: the next round sees where it is. */
        asker_task_done(sync, now, asker, out);
        return TALLY_DROP_NONE;
    }
    if (!tally_consistency_holds(asker->held, task->size, proof->hashes, proof->hashes_count,
                                 &proof->root, &task->root)) {
        (void)asker_failed(sync, asker, TALLY_DROP_PROOF, 0, out);
        return TALLY_DROP_PROOF;
    }
    if (!hash_equal(&proof->root, &view.root)) {
        prefix_fork(sync, asker, proof, out);
        asker_task_done(sync, now, asker, out);
        return TALLY_DROP_NONE;
    }
    if (only_proved(sync, asker))
        asker_task_done(sync, now, asker, out);
    else
        fetch_start(sync, now, asker);
    return TALLY_DROP_NONE;
}

enum tally_drop asker_on_confirm(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                 const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_confirm *confirm = &frame->confirm;
    if (asker->state != SYNC_TELLING || asker->due || frame->request != asker->request)
        return TALLY_DROP_UNASKED;
    enum tally_drop drop = statement_check(confirm->envelope, confirm->body, &asker->peer,
                                           STATEMENT_SYNC_EVENT, NULL, sync->options.crypto);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!statement_agrees(sync, asker, confirm->body))
        return TALLY_DROP_REFUSED;
    tally_receipt_hash(confirm->envelope, &asker->event);
    statement_confirm(sync, asker, out);
    asker->told_count = 0;
    asker->tell_at.ms = now.mono.ms + SYNC_TELL_MS + 1000; /* Its clock may be slower. */
    rest(asker, now, SYNC_REST_MS);
    asker_wake(sync, now, asker, out);
    return TALLY_DROP_NONE;
}

/* Heads of our own logs, and what ends a round, are no matter of what is shared. */
static void refused(const struct sync *sync, struct tally_now now, const struct sync_asker *asker,
                    enum tally_drop reason)
{
    struct conducts *conducts = sync->options.conducts;
    conduct_answered(conducts, &asker->peer, now);
    if (asker->state == SYNC_ASKING && !asker->own)
        conduct_refuses(conducts, &asker->peer, NULL, reason, now);
    else if (asker->state == SYNC_PROVING || asker->state == SYNC_FETCHING)
        conduct_refuses(conducts, &asker->peer, &asker->tasks[0].origin_hash, reason, now);
}

enum tally_drop asker_on_refuse(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_refuse *refuse = &frame->refuse;
    uint64_t wait = refuse->retry_ms < 1000 ? 1000 : refuse->retry_ms;
    if (wait > SYNC_REST_MS)
        wait = SYNC_REST_MS;
    bool fetching = asker->state == SYNC_FETCHING;
    if (asker->state == SYNC_RESTING || asker->due ||
        (!fetching && frame->request != asker->request))
        return TALLY_DROP_UNASKED;
    refused(sync, now, asker, (enum tally_drop)refuse->reason);
    if (asker->state == SYNC_LOCATING) {
        locate_lost(sync, now, asker, out);
        return TALLY_DROP_NONE;
    }
    if (fetching && refuse->reason == TALLY_DROP_PRUNED &&
        land_pruned(sync, now, asker, frame, out))
        return TALLY_DROP_NONE;
    if (asker->task_count > 0)
        shun(asker, now, 4 * wait);
    if (fetching) {
        /* Answers to other requests may be on their way: a new stream knows nothing of them. Files
           that cannot be read are not what they were. */
        asker_fail(sync, now, asker, asker->by_hand ? TALLY_DROP_MALFORMED : TALLY_DROP_NONE, out);
        if (asker->state == SYNC_WAITING && asker->again.ms < now.mono.ms + wait)
            asker->again.ms = now.mono.ms + wait;
        return TALLY_DROP_NONE;
    }
    if (asker->state == SYNC_TELLING && refuse->reason == TALLY_DROP_BUSY)
        asker->tell_at.ms = now.mono.ms + wait;
    else if (asker->state == SYNC_TELLING)
        asker->told_count = 0;
    asker->task_count = 0;
    /* Who does not know the question will not answer it later either. */
    asker->own_due |= asker->own && refuse->reason != TALLY_DROP_UNKNOWN;
    asker->more = asker->dirty = asker->looked = asker->own = false;
    rest(asker, now, wait);
    return TALLY_DROP_NONE;
}

/* ---- What an asker sends. ---- */

/* Of all heads only those are wanted that we do not hold. */
static void heads_want(const struct sync *sync, struct sync_asker *asker,
                       struct tally_sync_frame *message)
{
    if (asker->own) {
        message->kind = TALLY_SYNC_YOURS_WANT;
        message->yours_want.has_after = asker->after_known;
        message->yours_want.after = asker->after;
        return;
    }
    message->kind = TALLY_SYNC_HEADS_WANT;
    message->heads_want.has_after = asker->after_known;
    message->heads_want.after = asker->after;
    message->heads_want.held =
        held_write(sync->options.ledger, (uint8_t(*)[SYNC_HELD_ID])sync->scratch->entries);
}

static void proof_want(struct sync_asker *asker, struct tally_sync_frame *message)
{
    message->kind = TALLY_SYNC_PROOF_WANT;
    message->proof_want.origin = asker->tasks[0].origin_hash;
    message->proof_want.from = asker->held;
    message->proof_want.to = asker->tasks[0].size;
}

static void done(struct sync_asker *asker, struct tally_sync_frame *message)
{
    message->kind = TALLY_SYNC_DONE;
    message->done.ranges_count = asker->told_count;
    for (unsigned i = 0; i < asker->told_count; i++) {
        message->done.ranges[i].origin = asker->told[i].origin_hash;
        message->done.ranges[i].from = asker->told[i].from;
        message->done.ranges[i].to = asker->told[i].to;
        message->done.ranges[i].root = asker->told[i].root;
    }
}

bool asker_due(const struct sync *sync, const struct sync_asker *asker)
{
    return asker->due || asker->confirming ||
           (asker->state == SYNC_FETCHING && fetch_due(sync, asker));
}

size_t asker_compose(struct sync *sync, struct sync_asker *asker, uint8_t *frame, size_t capacity)
{
    if (asker->confirming) {
        asker->confirming = false;
        struct tally_hash receipt;
        return statement_compose(sync, asker->confirm_index, ++asker->request, true, frame,
                                 capacity, &receipt);
    }
    if (!asker->due)
        return asker->state == SYNC_FETCHING ? fetch_compose(sync, asker, frame, capacity) : 0;
    struct tally_sync_frame message = {.request = ++asker->request};
    asker->due = false;
    if (asker->state == SYNC_ASKING)
        heads_want(sync, asker, &message);
    else if (asker->state == SYNC_PROVING)
        proof_want(asker, &message);
    else if (asker->state == SYNC_LOCATING)
        locate_want(asker, &message);
    else
        done(asker, &message);
    return sync_frame_put(&message, frame, capacity);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what was fetched becomes durable: packages that the pool opened are proved against the signed
 * root, chained to their neighbours and appended in order; the last one moves the head.
 */
#include "core/sync/asker.h"

#include "core/base/bytes.h"

#include <assert.h>

static bool proved(const struct sync_asker *asker, const struct sync_package *package,
                   const struct tally_hash *subtree)
{
    const struct sync_task *task = &asker->tasks[0];
    uint64_t start = package->first / TALLY_TILE_WIDTH * TALLY_TILE_WIDTH;
    return tally_subtree_holds(start, package->end, task->size, package->proof,
                               package->proof_count, subtree, &task->root);
}

/* Whether the package at that place continues what is before it: packages are opened side by side,
   so their ends are compared here, in order. */
static bool chained(struct sync_asker *asker, unsigned index)
{
    const struct sync_package *package = package_at(asker, index);
    const struct tally_hash *last = asker->last_known ? &asker->last : NULL;
    if (index > 0)
        last = &package_at(asker, index - 1)->last;
    return last == NULL || package->first == 0 || hash_equal(last, &package->previous);
}

static bool is_own(const struct sync *sync, const struct sync_task *task)
{
    return key_equal(&task->issuer, &sync->options.key);
}

static void append(struct sync *sync, struct sync_asker *asker, struct sync_package *package,
                   struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    bool final = package->end == task->size;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_APPEND);
    action->append.log = (struct tally_log_id){.origin_hash = task->origin_hash,
                                               .issuer = task->issuer,
                                               .origin = task->origin,
                                               .name_space = task->name_space,
                                               .own = is_own(sync, task)};
    action->append.first = package->first;
    action->append.package = package->ticket;
    if (final)
        action->append.note = outbox_copy(out, bytes_of(task->note, task->note_size));
    package->ticket = action->append.ticket = ++sync->tickets;
    package->state = PACKAGE_APPENDING;
    unsigned at = (sync->append_first + sync->append_count++) % SYNC_APPENDS;
    sync->appends[at] = (struct sync_append){.ticket = package->ticket,
                                             .origin_hash = task->origin_hash,
                                             .first = package->first,
                                             .end = package->end,
                                             .final = final};
}

/* What is wrong with a package, for who keeps it as evidence. */
static void tell_bad(struct sync *sync, const struct sync_asker *asker,
                     const struct sync_package *package, struct outbox *out)
{
    struct sync_news *news = asker_failed(sync, asker, package->drop, package->first, out);
    size_t size = (1u + package->proof_count) * sizeof *package->proof;
    if (news == NULL || package->drop != TALLY_DROP_PROOF || !outbox_room(out, 1, size))
        return;
    uint8_t *bytes = outbox_take(out, size);
    memcpy(bytes, &package->subtree, sizeof package->subtree);
    memcpy(bytes + sizeof package->subtree, package->proof, size - sizeof package->subtree);
    news->end = package->end;
    news->other = bytes_of(bytes, size);
}

/* Hands over to the disk what is whole, in order, up to the first that is bad: the same is kept
   whatever the order in which the pool was done with them (reliability 10.3). */
static void append_ready(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                         struct outbox *out)
{
    for (unsigned i = 0; i < asker->package_count; i++) {
        struct sync_package *package = package_at(asker, i);
        if (package->state == PACKAGE_APPENDING)
            continue;
        /* Revoked since it was asked for: no receipt after the limit is stored. */
        if (asker->tasks[0].size > sync_limit(sync, &asker->tasks[0])) {
            asker_fail(sync, now, asker, TALLY_DROP_REVOKED, out);
            return;
        }
        if (package->state == PACKAGE_WHOLE && !chained(asker, i)) {
            package->state = PACKAGE_BAD;
            package->drop = TALLY_DROP_CHAIN;
        }
        if (package->state == PACKAGE_BAD) {
            tell_bad(sync, asker, package, out);
            asker_fail(sync, now, asker, package->drop, out);
            return;
        }
        if (package->state != PACKAGE_WHOLE || package->large_next < package->large_count ||
            sync->append_count == SYNC_APPENDS || !outbox_room(out, 8, SYNC_NOTE_MAX))
            return;
        append(sync, asker, package, out);
    }
}

void sync_on_verified(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out)
{
    sync->stale = sync->roused = true;
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct sync_asker *asker = &sync->askers[i];
        struct sync_package *package = package_find(asker, event->verified.ticket);
        if (package == NULL)
            continue;
        package->drop = event->verified.drop;
        if (package->drop == TALLY_DROP_NONE && !proved(asker, package, &event->verified.subtree))
            package->drop = TALLY_DROP_PROOF;
        package->subtree = event->verified.subtree;
        package->state = package->drop == TALLY_DROP_NONE ? PACKAGE_WHOLE : PACKAGE_BAD;
        if (package->state == PACKAGE_WHOLE) {
            package->last = event->verified.last;
            package->previous = event->verified.previous;
            package->large_count = (uint16_t)event->verified.large_count;
            memcpy(package->large, event->verified.large, event->verified.large_count);
        }
        append_ready(sync, now, asker, out);
        return;
    }
    /* Nobody waits for it any more: the asker was closed, and RELEASE has gone out. */
}

void sync_on_body(struct sync *sync, struct tally_now now, const struct tally_event *event,
                  struct outbox *out)
{
    sync->stale = sync->roused = true;
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct sync_asker *asker = &sync->askers[i];
        struct sync_package *package = package_find(asker, event->body.package);
        if (package == NULL || package != fetch_body_wanting(asker) || !asker->body_asked)
            continue;
        if (event->body.drop != TALLY_DROP_NONE) {
            (void)asker_failed(sync, asker, event->body.drop, event->body.index, out);
            asker_fail(sync, now, asker, event->body.drop, out);
            return;
        }
        package->large_next++;
        asker->body_asked = false;
        asker->heard = now.mono;
        append_ready(sync, now, asker, out);
        return;
    }
}

bool land_pruned(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                 const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    const struct sync_package *wanting = fetch_body_wanting(asker);
    if (!asker->body_asked || frame->request != asker->body_request || asker->body_offset > 0 ||
        wanting == NULL || key_equal(&asker->peer, &task->issuer) ||
        strcmp(task->name_space, TALLY_STATEMENTS) == 0)
        return false;
    struct sync_package *package = package_find(asker, wanting->ticket);
    conduct_pruned(sync->options.conducts, &asker->peer, &task->origin_hash,
                   package->first + package->large[package->large_next]);
    package->large_next++;
    asker->body_asked = false;
    asker->heard = now.mono;
    append_ready(sync, now, asker, out);
    return true;
}

/* The log moved to its new head: what came is noted for the statement, unless it was statements. */
static void fetched(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                    struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    backoff_reset(&asker->backoff);
    bool statements = bytes_equal(bytes_text(task->name_space), bytes_text(TALLY_STATEMENTS));
    if (!statements && !is_own(sync, task) && asker->told_count < SYNC_TELL)
        asker->told[asker->told_count++] = (struct sync_range){.origin_hash = task->origin_hash,
                                                               .from = asker->held,
                                                               .to = task->size,
                                                               .root = task->root};
    asker_task_done(sync, now, asker, out);
}

static struct sync_asker *asker_of(struct sync *sync, uint64_t ticket)
{
    for (unsigned i = 0; i < sync->asker_end; i++)
        if (package_find(&sync->askers[i], ticket) != NULL)
            return &sync->askers[i];
    return NULL;
}

/* The first package of the ring is durable. */
static void package_done(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                         const struct sync_append *append, struct outbox *out)
{
    asker->last = package_at(asker, 0)->last;
    asker->last_known = true;
    asker->appended = append->end;
    asker->bytes -= package_at(asker, 0)->size;
    asker->package_first = (asker->package_first + 1) % SYNC_PACKAGES;
    asker->package_count--;
    asker->heard = now.mono;
    if (append->final)
        fetched(sync, now, asker, out);
}

void sync_on_appended(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out)
{
    sync->stale = sync->roused = true;
    assert(sync->append_count > 0);
    struct sync_append append = sync->appends[sync->append_first];
    assert(append.ticket == event->appended.ticket); /* The host answers in order. */
    sync->append_first = (sync->append_first + 1) % SYNC_APPENDS;
    sync->append_count--;
    struct sync_asker *asker = asker_of(sync, append.ticket);

    if (event->appended.error == TALLY_OK && append.final) {
        struct sync_news *news =
            news_add(sync, SYNC_NEWS_HEAD, asker != NULL ? &asker->peer : &sync->options.key);
        if (news != NULL) {
            news->origin_hash = append.origin_hash;
            news->size = append.end;
            news->count = asker != NULL ? append.end - asker->held : append.end - append.first;
        }
    }
    if (asker != NULL && event->appended.error != TALLY_OK)
        asker_fail(sync, now, asker, TALLY_DROP_BUSY, out);
    else if (asker != NULL)
        package_done(sync, now, asker, &append, out);
    /* There is one place more among the APPENDs under way: whoever waited for it goes on. */
    for (unsigned i = 0; i < sync->asker_end; i++)
        append_ready(sync, now, &sync->askers[i], out);
}

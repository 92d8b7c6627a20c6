/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_ASKER_H
#define SYNC_ASKER_H
/* The asking side of one synchronisation: shared by asker.c (heads, tasks, statements), fetch.c
   and land.c (the transfer of one log). For this folder only. */
#include "core/sync/sync.h"

/* What an asker works on, apart from what all askers are looked through for. */
struct sync_desk {
    struct sync_task tasks[SYNC_TASKS];
    struct sync_package packages[SYNC_PACKAGES];
    uint8_t inbox[TALLY_FRAME_MAX];
};

/* Moves along the permitted ways (the table is in asker.c). */
void asker_move(struct sync_asker *asker, enum sync_state next);

/* The peer failed us: gives up the round, closes the stream, counts the drop. */
void asker_fail(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                enum tally_drop drop, struct outbox *out);

/* What the peer gave of the current task's log does not verify: news of it, if the drop says that
   it is about the log, and there is room. `first`: no more is known to be right. */
struct sync_news *asker_failed(struct sync *sync, const struct sync_asker *asker,
                               enum tally_drop drop, uint64_t first, struct outbox *out);

/* The current task is over, done or not: takes the next, or tells the peer, or rests. */
void asker_next_task(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                     struct outbox *out);
void asker_task_done(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                     struct outbox *out);

/* If it rests: begins whatever is due. */
void asker_wake(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                struct outbox *out);

/* Whether it has a frame to send, and writes the next. */
bool asker_due(const struct sync *sync, const struct sync_asker *asker);
size_t asker_compose(struct sync *sync, struct sync_asker *asker, uint8_t *frame, size_t capacity);

/* Frames that answer requests of an asker. */
enum tally_drop asker_on_heads(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                               const struct tally_sync_frame *frame, struct outbox *out);
enum tally_drop asker_on_proof(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                               const struct tally_sync_frame *frame, struct outbox *out);
enum tally_drop asker_on_confirm(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                 const struct tally_sync_frame *frame, struct outbox *out);
enum tally_drop asker_on_refuse(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out);

/* ---- The ring of packages under way, first to last. ---- */

static inline struct sync_package *package_at(struct sync_asker *asker, unsigned index)
{
    return &asker->packages[(asker->package_first + index) % SYNC_PACKAGES];
}

static inline const struct sync_package *package_view(const struct sync_asker *asker,
                                                      unsigned index)
{
    return &asker->packages[(asker->package_first + index) % SYNC_PACKAGES];
}

static inline struct sync_package *package_find(struct sync_asker *asker, uint64_t ticket)
{
    for (unsigned i = 0; i < asker->package_count; i++)
        if (package_at(asker, i)->ticket == ticket)
            return package_at(asker, i);
    return NULL;
}

/* Receipts that need not be fetched. Of our own logs those that are durable and not sealed do need
   it, since others may have been sealed in their place: the last package, at least, since the
   checkpoint goes in with it. Whole packages from there on. */
static inline uint64_t held_of(const struct tally_log_view *view, const struct sync_task *task)
{
    if (!view->own)
        return view->durable;
    uint64_t most = task->size > 0 ? task->size - 1 : 0;
    uint64_t held = view->fetched < most ? view->fetched : most;
    held -= held % TALLY_TILE_WIDTH;
    return held > view->size ? held : view->size;
}

/* ---- locate.c ---- */

/* The peer showed another branch: a tree of that size and root. Asked about by asker_next_task. */
void locate_note(struct sync_asker *asker, const struct tally_hash *origin_hash, uint64_t size,
                 const struct tally_hash *theirs);
void locate_want(const struct sync_asker *asker, struct tally_sync_frame *message);
enum tally_drop locate_on_parts(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out);
/* It gives no answer. */
void locate_lost(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                 struct outbox *out);
enum tally_drop locate_on_evidence(struct sync *sync, struct tally_now now,
                                   struct sync_asker *asker, const struct tally_sync_frame *frame,
                                   struct outbox *out);
/* Whether either is to be asked. */
bool locate_due(const struct sync_asker *asker);
/* What is answered to a peer; 0: a refusal. */
size_t locate_evidence(const struct sync *sync, const struct tally_hash *origin_hash,
                       uint8_t bytes[TALLY_FORK_MAX]);
size_t locate_answer(const struct sync *sync, const struct sync_request *request,
                     struct tally_hash parts[DESCENT_PARTS]);

/* ---- fetch.c ---- */

/* Begins with the ranges that are not durable. */
void fetch_start(struct sync *sync, struct tally_now now, struct sync_asker *asker);

/* Whether our own pool or disk is at work for it: then the peer is not to blame for silence. */
bool fetch_works(const struct sync_asker *asker);

enum tally_drop fetch_on_package(struct sync *sync, struct sync_asker *asker,
                                 const struct tally_sync_frame *frame);
enum tally_drop fetch_on_bundle(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out);
enum tally_drop fetch_on_body(struct tally_now now, struct sync_asker *asker,
                              const struct tally_sync_frame *frame, struct outbox *out);

/* The first package that waits for a large body; NULL if none does. */
const struct sync_package *fetch_body_wanting(const struct sync_asker *asker);

/* Whether a want or body_want is due, and writes it. */
bool fetch_due(const struct sync *sync, const struct sync_asker *asker);
size_t fetch_compose(const struct sync *sync, struct sync_asker *asker, uint8_t *frame,
                     size_t capacity);

/* A body that was asked for is not kept there any more: the log goes on without it. False: that is
   no excuse, for who signed the log keeps it, and what is stated everybody does. */
bool land_pruned(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                 const struct tally_sync_frame *frame, struct outbox *out);

/* Packages that are not on their way to the disk yet are released. */
void fetch_abandon(struct sync_asker *asker, struct outbox *out);

/* ---- Shared. ---- */

struct sync_asker *asker_find(struct sync *sync, const struct tally_key *peer);

/* Evidence of a peer, which was verified: kept and told, if the log is held and not frozen. */
void sync_evidence_take(struct sync *sync, const struct tally_key *peer,
                        const struct tally_hash *origin_hash, uint64_t size,
                        struct tally_bytes bytes, struct outbox *out);

struct sync_news *news_add(struct sync *sync, enum sync_news_kind kind,
                           const struct tally_key *peer);

/* Asks the current task's log of the ledger; false if it is not held. */
bool asker_view(const struct sync *sync, const struct sync_asker *asker,
                struct tally_log_view *view);

/* How large a log may become: as large as it is signed, unless its key is revoked. */
uint64_t sync_limit(const struct sync *sync, const struct sync_task *task);

#endif

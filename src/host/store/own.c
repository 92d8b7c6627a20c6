/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own logs. SEAL writes pending receipts into the log's files and tells the root that was folded
 * from them; the core signs it; PUBLISH makes the note durable twice: in `signed` before anything
 * else, so that no later life can sign another root of that size, then as the checkpoint.
 */
#include "core/base/bytes.h"
#include "host/store/inside.h"

#include <string.h>

enum { FULL = TALLY_TILE_WIDTH };

/* Appends one item with its length in front. */
static size_t add_entry(uint8_t *bundle, size_t size, struct tally_bytes entry)
{
    be16_write(bundle + size, (uint16_t)entry.size);
    if (entry.size > 0) /* Only of a rotten database. */
        memcpy(bundle + size + 2, entry.data, entry.size);
    return size + 2 + entry.size;
}

static size_t add_body(uint8_t *bundle, size_t size, struct tally_bytes body)
{
    be32_write(bundle + size, body.data == NULL ? TALLY_BODY_ABSENT : (uint32_t)body.size);
    if (body.size > 0)
        memcpy(bundle + size + 4, body.data, body.size);
    return size + 4 + body.size;
}

/* One block's share of the pending receipts, into the files. */
static enum tally_error seal_block(struct store *store, const struct store_log *log, uint64_t first,
                                   unsigned count)
{
    struct scratch *work = store->work;
    struct tally_hash leaves[FULL];
    struct run run = {.first = first, .leaves = leaves};
    size_t entries = 0, bodies = 0;
    if (!state_pending_begin(&store->state, log->id, first, first + count))
        return state_error(&store->state);
    for (struct state_pending next; state_pending_next(&store->state, &next); run.count++) {
        /* Lengths were checked when they were appended; the database may still be rotten. */
        if (next.sequence != first + run.count || next.envelope.size > TALLY_ENVELOPE_MAX ||
            next.body.size > TALLY_BODY_INLINE_MAX)
            break;
        entries = add_entry(work->more_entries, entries, next.envelope);
        bodies = add_body(work->more_bodies, bodies, next.body);
        tally_receipt_leaf(next.envelope, &leaves[run.count]);
    }
    enum tally_error error = state_pending_end(&store->state);
    if (error != TALLY_OK)
        return error;
    if (run.count != count)
        return TALLY_DAMAGED;
    run.entries = bytes_of(work->more_entries, entries);
    run.bodies = bytes_of(work->more_bodies, bodies);
    return run_put(store, log, &run);
}

enum tally_error own_seal(struct store *store, struct store_log *log, uint64_t size,
                          struct tally_hash *root)
{
    if (size < log->size)
        return TALLY_MISMATCH;
    if (size > log->durable)
        return TALLY_NOT_FOUND;
    enum tally_error error = TALLY_OK;
    for (uint64_t first = log->size; first < size && error == TALLY_OK;) {
        uint64_t left = size - first, room = FULL - first % FULL;
        unsigned count = (unsigned)(left < room ? left : room);
        error = seal_block(store, log, first, count);
        first += count;
    }
    if (error == TALLY_OK)
        error = disk_flush(&store->disk);
    if (error == TALLY_OK)
        error = tree_read_back(store, log, log->size, size);
    if (error == TALLY_OK)
        error = tree_raise(store, log, log->size, size);
    if (error == TALLY_OK)
        error = disk_flush(&store->disk);
    if (error == TALLY_OK)
        error = tree_fold(log, size, root);
    if (error != TALLY_OK) {
        disk_forget(&store->disk);
        return error;
    }
    log->sealed = size;
    log->sealed_root = *root;
    return TALLY_OK;
}

enum tally_error note_put(struct store *store, const struct store_log *log, const char *name,
                          struct tally_bytes note)
{
    char path[DISK_PATH_MAX];
    folder_path(&log->folder, name, path);
    return disk_put(&store->disk, path, &note, 1);
}

/* A note is small; on a full disk it takes the room that was kept for it. */
static enum tally_error note_write(struct store *store, const struct store_log *log,
                                   const char *name, struct tally_bytes note)
{
    enum tally_error error;
    do {
        error = note_put(store, log, name, note);
        if (error == TALLY_OK)
            error = disk_flush(&store->disk);
    } while (error == TALLY_FULL && reserve_spend(store));
    return error;
}

/* Whether this note may follow what was signed before: never two roots of a size, never back. */
static bool may_follow(const struct store_log *log, uint64_t size, const struct tally_hash *root,
                       struct tally_bytes note)
{
    struct tally_checkpoint checkpoint;
    return log_checkpoint(log, note, &checkpoint) && checkpoint.size == size &&
           hash_equal(&checkpoint.root, root) && size == log->sealed &&
           hash_equal(&log->sealed_root, root) && size >= log->signed_size &&
           (size > log->signed_size || hash_equal(root, &log->signed_root));
}

enum tally_error own_publish(struct store *store, struct store_log *log, uint64_t size,
                             const struct tally_hash *root, struct tally_bytes note)
{
    if (!may_follow(log, size, root, note))
        return TALLY_MISMATCH;
    enum tally_error error = note_write(store, log, "signed", note);
    if (error != TALLY_OK)
        return error;
    log->signed_size = size;
    log->signed_root = *root;
    error = note_write(store, log, "checkpoint", note);
    if (error != TALLY_OK)
        return error;
    tree_tidy(log, log->size, size);
    log->size = size;
    log->root = *root;
    /* The receipts are in the files; a row that stays is dropped at the next opening. */
    error = state_pending_drop(&store->state, log->id, size);
    return error == TALLY_FULL ? TALLY_OK : error;
}

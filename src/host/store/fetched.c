/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own receipts that come back from others: after a backup was put back, or when nothing but the key
 * was left (operations 3.17). They are written as those of a replica are, beside what is pending,
 * and count when the checkpoint over all of them moves the head; until then the log is what it was.
 */
#include "core/base/bytes.h"
#include "host/store/inside.h"

enum { FULL = TALLY_TILE_WIDTH };

/* Receipts that are pending here were signed once; if the ones that come are others, this node has
   signed two of one number, and nothing may be put in the place of either. */
static enum tally_error compare_pending(struct store *store, const struct store_log *log,
                                        const struct run *run)
{
    uint64_t end = run->first + run->count;
    uint64_t from = run->first > log->size ? run->first : log->size;
    uint64_t to = end < log->durable ? end : log->durable;
    struct tally_bytes entry;
    bool same = true;
    if (from >= to)
        return TALLY_OK;
    if (!state_pending_begin(&store->state, log->id, from, to))
        return state_error(&store->state);
    for (struct state_pending next; same && state_pending_next(&store->state, &next);)
        same = folder_item(TILE_ENTRIES, run->entries, (unsigned)(next.sequence - run->first),
                           &entry) &&
               bytes_equal(entry, next.envelope);
    enum tally_error error = state_pending_end(&store->state);
    return error == TALLY_OK && !same ? TALLY_MISMATCH : error;
}

enum tally_error fetched_add(struct store *store, struct store_log *log, const struct run *run)
{
    /* From the checkpoint on, and then in whole blocks; a block may come again. */
    uint64_t held = log->fetched > log->size ? log->fetched : log->size;
    if (run->first != log->size &&
        (run->first % FULL != 0 || run->first < log->size || run->first > held))
        return TALLY_MISMATCH;
    enum tally_error error = compare_pending(store, log, run);
    if (error == TALLY_OK)
        error = run_put(store, log, run);
    if (error == TALLY_OK)
        log->fetched = run->first + run->count;
    return error;
}

/* The checkpoint first: a crash that falls between the two leaves `signed` behind it, which the
   next opening mends; the other way round it would name receipts that are not there. */
enum tally_error fetched_head(struct store *store, struct store_log *log, uint64_t size,
                              const struct tally_hash *root, struct tally_bytes note)
{
    if (size < log->signed_size)
        return TALLY_MISMATCH;
    enum tally_error error = note_put(store, log, "checkpoint", note);
    if (error == TALLY_OK)
        error = disk_flush(&store->disk);
    if (error == TALLY_OK)
        error = note_put(store, log, "signed", note);
    if (error == TALLY_OK)
        error = disk_flush(&store->disk);
    if (error != TALLY_OK)
        return error;
    log->signed_size = size;
    log->signed_root = *root;
    if (log->durable < size)
        log->durable = log->ahead = size;
    /* A row that stays is dropped at the next opening. */
    error = state_pending_drop(&store->state, log->id, size);
    return error == TALLY_FULL ? TALLY_OK : error;
}

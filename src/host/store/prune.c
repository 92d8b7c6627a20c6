/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRUNE: bodies of others' receipts that are not kept any more. Envelopes and tiles stay as they
 * are, so every proof holds.
 *
 * The file `pruned` of the log says how far the bodies are to be gone and how far they are. The
 * first is durable before anything is touched: a crash leaves a mark that tells what is pruned from
 * what is missing, and the next opening goes on. Doing it twice is as doing it once.
 */
#include "host/store/prune.h"

#include "core/base/bytes.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FULL = TALLY_TILE_WIDTH, MARK_MAX = 48 };

bool prune_load(struct store_log *log)
{
    char text[MARK_MAX + 1], again[MARK_MAX + 1];
    uint64_t to, done;
    size_t size = folder_file(&log->folder, "pruned", (uint8_t *)text, MARK_MAX);
    text[size] = '\0';
    if (size == 0) {
        char path[DISK_PATH_MAX];
        folder_path(&log->folder, "pruned", path);
        return faccessat(log->folder.root, path, F_OK, 0) != 0;
    }
    if (sscanf(text, "%" SCNu64 " %" SCNu64, &to, &done) != 2 || done > to)
        return false;
    (void)snprintf(again, sizeof again, "%" PRIu64 " %" PRIu64 "\n", to, done);
    if (strcmp(text, again) != 0)
        return false;
    log->pruned = to;
    log->erased = done;
    return true;
}

static enum tally_error mark(struct store *store, const struct store_log *log, uint64_t to,
                             uint64_t done)
{
    char text[MARK_MAX + 1], path[DISK_PATH_MAX];
    int size = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", to, done);
    const struct tally_bytes part = bytes_of(text, (size_t)size);
    folder_path(&log->folder, "pruned", path);
    enum tally_error error = disk_put(&store->disk, path, &part, 1);
    return error == TALLY_OK ? disk_flush(&store->disk) : error;
}

/* ---- Large bodies, which lie in files under their hash. ---- */

struct blobs {
    struct blob {
        struct tally_hash hash;
        bool used; /* A later receipt has the same body. */
    } * list;
    size_t count, capacity;
};

static bool blob_add(struct blobs *blobs, const struct tally_hash *hash)
{
    if (blobs->count == blobs->capacity) {
        size_t capacity = blobs->capacity == 0 ? FULL : 2 * blobs->capacity;
        struct blob *more = realloc(blobs->list, capacity * sizeof *more);
        if (more == NULL)
            return false;
        blobs->list = more;
        blobs->capacity = capacity;
    }
    blobs->list[blobs->count++] = (struct blob){.hash = *hash};
    return true;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct blob *)a)->hash.bytes, ((const struct blob *)b)->hash.bytes, 32);
}

/* Walks the large bodies of receipts [from, to): adds them, or marks those that are in the list. */
static enum tally_error walk(struct store *store, const struct store_log *log, uint64_t from,
                             uint64_t to, bool add, struct blobs *blobs)
{
    uint8_t *entries = store->work->entries;
    while (from < to) {
        struct tile tile = {.kind = TILE_ENTRIES, .index = from / FULL};
        uint64_t start = tile.index * FULL, end = start + FULL < to ? start + FULL : to;
        tile.width = (unsigned)(end - start);
        size_t at, size = folder_bundle(&log->folder, &tile, entries, sizeof store->work->entries);
        if (!folder_skip(TILE_ENTRIES, bytes_of(entries, size), (unsigned)(from - start), &at))
            return TALLY_DAMAGED;
        for (; from < end; from++) {
            struct tally_bytes entry;
            struct tally_receipt receipt;
            if (!folder_item(TILE_ENTRIES, bytes_of(entries + at, size - at), 0, &entry) ||
                tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE)
                return TALLY_DAMAGED;
            at += 2 + entry.size;
            if (receipt.body_size <= TALLY_BODY_INLINE_MAX)
                continue;
            const struct blob key = {.hash = receipt.body_hash};
            struct blob *found = add || blobs->count == 0 ? NULL
                                                          : bsearch(&key, blobs->list, blobs->count,
                                                                    sizeof key, by_hash);
            if (add && !blob_add(blobs, &receipt.body_hash))
                return TALLY_NO_MEMORY;
            if (found != NULL)
                found->used = true;
        }
    }
    return TALLY_OK;
}

/* Each hash once, in order, so that one search finds it. */
static void sort(struct blobs *blobs)
{
    size_t kept = 0;
    if (blobs->count == 0)
        return;
    qsort(blobs->list, blobs->count, sizeof *blobs->list, by_hash);
    for (size_t i = 1; i < blobs->count; i++)
        if (by_hash(&blobs->list[kept], &blobs->list[i]) != 0)
            blobs->list[++kept] = blobs->list[i];
    blobs->count = kept + 1;
}

static enum tally_error drop_blobs(struct store *store, const struct store_log *log)
{
    struct blobs blobs = {.list = NULL};
    enum tally_error error = walk(store, log, log->erased, log->pruned, true, &blobs);
    sort(&blobs);
    if (error == TALLY_OK && blobs.count > 0)
        error = walk(store, log, log->pruned, log->durable, false, &blobs);
    for (size_t i = 0; error == TALLY_OK && i < blobs.count; i++) {
        char path[DISK_PATH_MAX];
        folder_blob_path(&log->folder, &blobs.list[i].hash, path);
        if (!blobs.list[i].used)
            error = disk_remove(&store->disk, path);
        if (error == TALLY_OK && i % (DISK_FOLDERS_MAX / 2) == DISK_FOLDERS_MAX / 2 - 1)
            error = disk_make_room(&store->disk);
    }
    free(blobs.list);
    return error == TALLY_OK ? disk_flush(&store->disk) : error;
}

/* ---- Small ones, which lie in bundles. ---- */

/* Writes a bundle anew, without the first `count` of its `width` bodies; then it is the only form.
 */
static enum tally_error drop_bundle(struct store *store, const struct store_log *log,
                                    uint64_t index, unsigned count, unsigned width)
{
    struct scratch *work = store->work;
    const struct tile tile = {.kind = TILE_BODIES, .index = index, .width = width};
    size_t size = folder_bundle(&log->folder, &tile, work->bodies, sizeof work->bodies);
    size_t at = 0, written = 0;
    if (size == 0)
        return TALLY_DAMAGED;
    for (unsigned i = 0; i < count; i++) {
        struct tally_bytes body;
        if (!folder_item(TILE_BODIES, bytes_of(work->bodies + at, size - at), 0, &body))
            return TALLY_DAMAGED;
        /* An empty body is nothing to prune. */
        bool empty = body.data != NULL && body.size == 0;
        be32_write(work->more_bodies + written, empty ? 0 : TALLY_BODY_ABSENT);
        written += 4;
        at += 4 + body.size;
    }
    const struct tally_bytes parts[] = {bytes_of(work->more_bodies, written),
                                        bytes_of(work->bodies + at, size - at)};
    char path[DISK_PATH_MAX];
    folder_tile_path(&log->folder, &tile, path);
    enum tally_error error = disk_put(&store->disk, path, parts, 2);
    if (error == TALLY_OK)
        error = disk_flush(&store->disk); /* Before the others go. */
    if (error == TALLY_OK)
        error = folder_only(&store->disk, &log->folder, &tile);
    return error == TALLY_OK ? disk_flush(&store->disk) : error;
}

/* What the mark says is to be gone and is not. */
static enum tally_error erase(struct store *store, struct store_log *log)
{
    enum tally_error error = TALLY_OK;
    for (uint64_t at = log->erased; error == TALLY_OK && at < log->pruned;
         at = (at / FULL + 1) * FULL) {
        uint64_t index = at / FULL, start = index * FULL;
        uint64_t end = start + FULL < log->pruned ? start + FULL : log->pruned;
        error = drop_bundle(store, log, index, (unsigned)(end - start),
                            tile_width(log->durable, 0, index));
    }
    if (error == TALLY_OK)
        error = drop_blobs(store, log);
    if (error == TALLY_OK)
        error = mark(store, log, log->pruned, log->pruned);
    if (error == TALLY_OK)
        log->erased = log->pruned;
    else
        disk_forget(&store->disk);
    return error;
}

enum tally_error prune_log(struct store *store, struct store_log *log, uint64_t to)
{
    enum tally_error error = TALLY_OK;
    if (log->own || strcmp(log->name_space, TALLY_STATEMENTS) == 0)
        return TALLY_FORBIDDEN;
    if (log->frozen)
        return TALLY_FROZEN;
    if (to > log->size)
        return TALLY_MISMATCH;
    /* What is written is smaller than what goes; on a full disk it takes the room kept for it. */
    do {
        if (to > log->pruned) {
            error = mark(store, log, to, log->erased);
            if (error == TALLY_OK)
                log->pruned = to;
            else
                disk_forget(&store->disk);
        }
        if (error == TALLY_OK && log->erased < log->pruned)
            error = erase(store, log);
    } while (error == TALLY_FULL && reserve_spend(store));
    return error;
}

void prune_finish_all(struct store *store)
{
    for (size_t i = 0; i < store->log_count; i++) {
        struct store_log *log = store->logs[i];
        /* A replica that was set back has less than was pruned once. */
        if (log->pruned > log->durable)
            log->pruned = log->durable;
        if (log->erased < log->pruned && !log->own && !log->frozen)
            (void)erase(store, log);
    }
}

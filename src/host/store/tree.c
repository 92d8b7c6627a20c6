/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing a log's tree on disk. Level 0 and the bundles grow with each run; the tiles above follow
 * when a root is wanted, made from the tiles below as they are read from the disk, never from what
 * is in memory: what a root covers was read back.
 */
#include "core/log/tree.h"

#include "core/base/bytes.h"
#include "core/log/merkle.h"
#include "host/store/inside.h"

#include <assert.h>
#include <string.h>

enum { FULL = TALLY_TILE_WIDTH };

enum tally_error run_put(struct store *store, const struct store_log *log, const struct run *run)
{
    unsigned held = (unsigned)(run->first % FULL), width = held + run->count;
    assert(run->count > 0 && width <= FULL);
    struct scratch *work = store->work;
    struct tile tile = {.index = run->first / FULL, .width = held};
    struct tally_bytes parts[3][2] = {
        [TILE_HASHES] = {{NULL, 0}, bytes_of(run->leaves, run->count * sizeof *run->leaves)},
        [TILE_ENTRIES] = {{NULL, 0}, run->entries},
        [TILE_BODIES] = {{NULL, 0}, run->bodies},
    };
    if (held > 0) {
        tile.kind = TILE_HASHES;
        if (!folder_hashes(&log->folder, &tile, work->hashes))
            return TALLY_DAMAGED;
        parts[TILE_HASHES][0] = bytes_of(work->hashes, held * sizeof *work->hashes);
        tile.kind = TILE_ENTRIES;
        size_t size = folder_bundle(&log->folder, &tile, work->entries, sizeof work->entries);
        parts[TILE_ENTRIES][0] = bytes_of(work->entries, size);
        tile.kind = TILE_BODIES;
        size = folder_bundle(&log->folder, &tile, work->bodies, sizeof work->bodies);
        parts[TILE_BODIES][0] = bytes_of(work->bodies, size);
        if (parts[TILE_ENTRIES][0].size == 0 || size == 0)
            return TALLY_DAMAGED;
    }
    tile.width = width;
    static const enum tile_kind order[] = {TILE_ENTRIES, TILE_BODIES, TILE_HASHES};
    for (size_t i = 0; i < 3; i++) {
        tile.kind = order[i];
        enum tally_error error =
            folder_put(&store->disk, &log->folder, &tile, held, parts[tile.kind], 2);
        if (error != TALLY_OK)
            return error;
    }
    return TALLY_OK;
}

/* Hash `position` of a level above 0: the root of the full tile below. */
static enum tally_error raise_hash(const struct store_log *log, unsigned level, uint64_t position,
                                   struct tally_hash *hash)
{
    struct tally_hash below[FULL];
    struct tile tile = {.level = level - 1, .index = position, .width = FULL};
    if (!folder_hashes(&log->folder, &tile, below))
        return TALLY_DAMAGED;
    merkle_fold(below, FULL, hash);
    return TALLY_OK;
}

/* Tile `index` of a level whose hashes go from `from` (held) to `to`. */
static enum tally_error raise_tile(struct store *store, const struct store_log *log, unsigned level,
                                   uint64_t index, uint64_t from, uint64_t to)
{
    struct tally_hash *hashes = store->work->hashes;
    uint64_t start = index * FULL;
    unsigned held = from > start ? (unsigned)(from - start) : 0;
    struct tile tile = {.level = level, .index = index, .width = held};
    if (held > 0 && !folder_hashes(&log->folder, &tile, hashes))
        return TALLY_DAMAGED;
    tile.width = to - start < FULL ? (unsigned)(to - start) : FULL;
    for (unsigned i = held; i < tile.width; i++) {
        enum tally_error error = raise_hash(log, level, start + i, &hashes[i]);
        if (error != TALLY_OK)
            return error;
    }
    struct tally_bytes bytes = bytes_of(hashes, tile.width * sizeof *hashes);
    return folder_put(&store->disk, &log->folder, &tile, held, &bytes, 1);
}

enum tally_error tree_raise(struct store *store, const struct store_log *log, uint64_t from,
                            uint64_t to)
{
    for (unsigned level = 1; level <= TILE_LEVEL_MAX; level++) {
        from /= FULL;
        to /= FULL;
        if (from == to)
            return TALLY_OK; /* Nothing new here, so nothing above. */
        for (uint64_t index = from / FULL; index * FULL < to; index++) {
            enum tally_error error = raise_tile(store, log, level, index, from, to);
            if (error != TALLY_OK)
                return error;
        }
        if (to / FULL > from / FULL) { /* The next level reads full tiles of this one. */
            enum tally_error error = disk_make_room(&store->disk);
            if (error != TALLY_OK)
                return error;
        }
    }
    return TALLY_OK;
}

struct shown {
    const struct store_log *log;
};

static bool show_tile(void *context, const struct tally_hash *origin, unsigned level,
                      uint64_t index, unsigned width, struct tally_hash *hashes)
{
    const struct shown *shown = context;
    struct tile tile = {.level = level, .index = index, .width = width};
    (void)origin;
    return folder_hashes(&shown->log->folder, &tile, hashes);
}

enum tally_error tree_fold(const struct store_log *log, uint64_t size, struct tally_hash *root)
{
    /* The core's own code over the disk alone. */
    struct shown shown = {log};
    const struct tally_ledger ledger = {.context = &shown, .tile = show_tile};
    const struct tree tree = {.ledger = &ledger, .origin = &log->origin_hash};
    return tree_root(&tree, size, root) ? TALLY_OK : TALLY_DAMAGED;
}

void tree_tidy(const struct store_log *log, uint64_t from, uint64_t to)
{
    struct tile tile = {.width = FULL};
    for (tile.index = from / FULL; tile.index < to / FULL; tile.index++) {
        for (unsigned kind = TILE_HASHES; kind <= TILE_BODIES; kind++) {
            tile.kind = (enum tile_kind)kind;
            folder_tidy(&log->folder, &tile);
        }
    }
    tile.kind = TILE_HASHES;
    for (tile.level = 1; tile.level <= TILE_LEVEL_MAX; tile.level++) {
        from /= FULL;
        to /= FULL;
        for (tile.index = from / FULL; tile.index < to / FULL; tile.index++)
            folder_tidy(&log->folder, &tile);
    }
}

/* Receipts [skip, width) of a block: entry against tile, body against entry. */
static enum tally_error check_block(const struct store_log *log, struct scratch *work,
                                    uint64_t index, unsigned skip, unsigned width)
{
    struct tile tile = {.kind = TILE_HASHES, .index = index, .width = width};
    if (!folder_hashes(&log->folder, &tile, work->hashes))
        return TALLY_DAMAGED;
    tile.kind = TILE_ENTRIES;
    struct tally_bytes entries = bytes_of(
        work->entries, folder_bundle(&log->folder, &tile, work->entries, sizeof work->entries));
    tile.kind = TILE_BODIES;
    struct tally_bytes bodies = bytes_of(
        work->bodies, folder_bundle(&log->folder, &tile, work->bodies, sizeof work->bodies));
    size_t entry_at, body_at;
    if (!folder_skip(TILE_ENTRIES, entries, skip, &entry_at) ||
        !folder_skip(TILE_BODIES, bodies, skip, &body_at))
        return TALLY_DAMAGED;
    for (unsigned i = skip; i < width; i++) {
        struct tally_bytes entry, body;
        struct tally_hash leaf;
        struct tally_receipt receipt;
        if (!folder_item(TILE_ENTRIES, bytes_of(entries.data + entry_at, entries.size - entry_at),
                         0, &entry) ||
            !folder_item(TILE_BODIES, bytes_of(bodies.data + body_at, bodies.size - body_at), 0,
                         &body))
            return TALLY_DAMAGED;
        merkle_leaf(entry, &leaf);
        if (!hash_equal(&leaf, &work->hashes[i]) ||
            tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE ||
            (body.data != NULL && tally_receipt_body(&receipt, body) != TALLY_DROP_NONE))
            return TALLY_DAMAGED;
        entry_at += 2 + entry.size;
        body_at += 4 + body.size;
    }
    return TALLY_OK;
}

enum tally_error tree_read_back(struct store *store, const struct store_log *log, uint64_t from,
                                uint64_t to)
{
    while (from < to) {
        unsigned skip = (unsigned)(from % FULL);
        uint64_t left = to - (from - skip);
        unsigned width = left < FULL ? (unsigned)left : FULL;
        enum tally_error error = check_block(log, store->work, from / FULL, skip, width);
        if (error != TALLY_OK)
            return error;
        from += width - skip;
    }
    return TALLY_OK;
}

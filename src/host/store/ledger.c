/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's window onto what is durable. Runs on the loop: it looks at the views, at files, and
 * through the loop's own connection at pending receipts. While the worker publishes, receipts move
 * from the database into files before they leave it: who misses them here finds them there, so
 * every reader looks in the files first and, if it failed in the database, once more.
 */
#include "core/base/bytes.h"
#include "host/store/evidence.h"
#include "host/store/inside.h"
#include "host/store/kept.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FULL = TALLY_TILE_WIDTH, LOOKS = 3 };

static const struct store_view *find_view(const struct store *store,
                                          const struct tally_hash *origin)
{
    for (size_t i = 0; i < store->view_count; i++)
        if (hash_equal(&store->views[i].log->origin_hash, origin))
            return &store->views[i];
    return NULL;
}

static void describe(const struct store_view *view, struct tally_log_view *out)
{
    *out = (struct tally_log_view){.origin_hash = view->log->origin_hash,
                                   .issuer = view->log->issuer,
                                   .origin = view->log->origin,
                                   .name_space = view->log->name_space,
                                   .size = view->size,
                                   .root = view->root,
                                   .durable = view->durable,
                                   .fetched = view->fetched,
                                   .pruned = view->pruned,
                                   .own = view->log->own,
                                   .frozen = view->frozen};
}

static bool show_log(void *context, size_t index, struct tally_log_view *out)
{
    const struct store *store = context;
    if (index >= store->view_count)
        return false;
    describe(&store->views[index], out);
    return true;
}

static bool show_find(void *context, const struct tally_hash *origin, struct tally_log_view *out)
{
    const struct store_view *view = find_view(context, origin);
    if (view != NULL)
        describe(view, out);
    return view != NULL;
}

static size_t show_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                              size_t capacity)
{
    const struct store_view *view = find_view(context, origin);
    if (view == NULL || view->note_size == 0 || view->note_size > capacity)
        return 0;
    memcpy(note, view->note, view->note_size);
    return view->note_size;
}

/* ---- Pending receipts, in the forms of the files they will be in ---- */

/* Where the items of a block go that are not in files yet. */
struct sink {
    enum tile_kind kind;
    uint8_t *bytes;
    size_t size, capacity;
};

static bool sink_add(struct sink *sink, const struct state_pending *next)
{
    size_t head = sink->kind == TILE_ENTRIES ? 2 : 4;
    struct tally_bytes item = sink->kind == TILE_ENTRIES ? next->envelope : next->body;
    if (sink->kind == TILE_HASHES) {
        if (sink->capacity - sink->size < sizeof(struct tally_hash))
            return false;
        tally_receipt_leaf(next->envelope, (struct tally_hash *)(sink->bytes + sink->size));
        sink->size += sizeof(struct tally_hash);
        return true;
    }
    if (sink->capacity - sink->size < head || sink->capacity - sink->size - head < item.size)
        return false;
    if (sink->kind == TILE_ENTRIES)
        be16_write(sink->bytes + sink->size, (uint16_t)item.size);
    else
        be32_write(sink->bytes + sink->size,
                   item.data == NULL ? TALLY_BODY_ABSENT : (uint32_t)item.size);
    if (item.size > 0)
        memcpy(sink->bytes + sink->size + head, item.data, item.size);
    sink->size += head + item.size;
    return true;
}

/* Adds receipts [from, to) of state.db; false if one is not there (any more). */
static bool sink_pending(struct store *store, const struct store_view *view, uint64_t from,
                         uint64_t to, struct sink *sink)
{
    struct state *state = &store->loop_state;
    if (!view->log->own || !state_pending_begin(state, view->log->id, from, to))
        return false;
    bool room = true;
    for (struct state_pending next; from < to && room && state_pending_next(state, &next); from++)
        room = next.sequence == from && sink_add(sink, &next);
    return state_pending_end(state) == TALLY_OK && room && from == to;
}

static size_t read_files(const struct store_view *view, const struct tile *tile, uint8_t *bytes,
                         size_t capacity)
{
    if (tile->width == 0)
        return 0;
    if (tile->kind != TILE_HASHES)
        return folder_bundle(&view->log->folder, tile, bytes, capacity);
    size_t size = tile->width * sizeof(struct tally_hash);
    return size <= capacity && folder_hashes(&view->log->folder, tile, (struct tally_hash *)bytes)
               ? size
               : 0;
}

/* The first tile->width items of a tile of level 0 or a bundle, from files and state.db. */
static size_t read_block(struct store *store, const struct store_view *view,
                         const struct tile *tile, uint8_t *bytes, size_t capacity)
{
    unsigned held = tile_width(view->size, 0, tile->index);
    for (unsigned look = 0; look < LOOKS; look++) {
        size_t size = read_files(view, tile, bytes, capacity);
        if (size > 0)
            return size;
        if (tile->width <= held)
            return 0; /* It should be there: damaged, so it is not served. */
        struct tile sealed = *tile;
        sealed.width = held;
        struct sink sink = {.kind = tile->kind, .bytes = bytes, .capacity = capacity};
        sink.size = read_files(view, &sealed, bytes, capacity);
        uint64_t start = tile->index * FULL;
        if ((held == 0 || sink.size > 0) &&
            sink_pending(store, view, start + held, start + tile->width, &sink))
            return sink.size;
    }
    return 0;
}

/* Whether the block has that many receipts that were reported durable. */
static bool within(const struct store_view *view, uint64_t index, unsigned width)
{
    return view != NULL && width > 0 && width <= tile_width(view->durable, 0, index);
}

static bool show_tile(void *context, const struct tally_hash *origin, unsigned level,
                      uint64_t index, unsigned width, struct tally_hash *hashes)
{
    struct store *store = context;
    const struct store_view *view = find_view(store, origin);
    const struct tile tile = {.level = level, .index = index, .width = width};
    if (view == NULL || level > TILE_LEVEL_MAX || width == 0 || width > FULL)
        return false;
    if (level > 0)
        return width <= tile_width(view->size, level, index) &&
               folder_hashes(&view->log->folder, &tile, hashes);
    return within(view, index, width) &&
           read_block(store, view, &tile, (uint8_t *)hashes, width * sizeof *hashes) > 0;
}

static size_t show_bundle(struct store *store, const struct tally_hash *origin,
                          const struct tile *tile, uint8_t *bytes, size_t capacity)
{
    const struct store_view *view = find_view(store, origin);
    return within(view, tile->index, tile->width) ? read_block(store, view, tile, bytes, capacity)
                                                  : 0;
}

static size_t show_entries(void *context, const struct tally_hash *origin, uint64_t index,
                           unsigned width, uint8_t *bytes, size_t capacity)
{
    const struct tile tile = {.kind = TILE_ENTRIES, .index = index, .width = width};
    return show_bundle(context, origin, &tile, bytes, capacity);
}

static size_t show_bodies(void *context, const struct tally_hash *origin, uint64_t index,
                          unsigned width, uint8_t *bytes, size_t capacity)
{
    const struct tile tile = {.kind = TILE_BODIES, .index = index, .width = width};
    return show_bundle(context, origin, &tile, bytes, capacity);
}

/* ---- One receipt ---- */

/* Its entry or body as a view into the loop's scratch, until the next call for that kind. */
static bool find_item(struct store *store, const struct store_view *view, enum tile_kind kind,
                      uint64_t index, struct tally_bytes *item)
{
    unsigned offset = (unsigned)(index % FULL);
    const struct tile tile = {.kind = kind, .index = index / FULL, .width = offset + 1};
    if (!within(view, tile.index, tile.width))
        return false;
    uint8_t *bytes = kind == TILE_ENTRIES ? store->show->entries : store->show->bodies;
    size_t capacity =
        kind == TILE_ENTRIES ? sizeof store->show->entries : sizeof store->show->bodies;
    size_t size = read_block(store, view, &tile, bytes, capacity);
    return size > 0 && folder_item(kind, bytes_of(bytes, size), offset, item);
}

static size_t show_entry(void *context, const struct tally_hash *origin, uint64_t index,
                         uint8_t *envelope, size_t capacity)
{
    struct store *store = context;
    struct tally_bytes entry;
    if (!find_item(store, find_view(store, origin), TILE_ENTRIES, index, &entry) ||
        entry.size > capacity)
        return 0;
    memcpy(envelope, entry.data, entry.size);
    return entry.size;
}

/* A large body lies in a file of its own. `size` is its size unless the file is damaged. */
static bool read_blob(const struct store_view *view, const struct tally_receipt *receipt,
                      size_t offset, uint8_t *bytes, size_t capacity, size_t *size)
{
    char path[DISK_PATH_MAX];
    folder_blob_path(&view->log->folder, &receipt->body_hash, path);
    int fd = openat(view->log->folder.root, path, O_RDONLY | O_CLOEXEC);
    *size = receipt->body_size;
    if (fd < 0)
        return false;
    struct stat about;
    size_t left = receipt->body_size - offset, want = left < capacity ? left : capacity, got = 0;
    bool good = fstat(fd, &about) == 0 && about.st_size == receipt->body_size &&
                disk_read_at(fd, bytes, want, offset, &got) && got == want;
    close(fd);
    if (!good)
        *size = 0;
    return good;
}

static bool show_body(void *context, const struct tally_hash *origin, uint64_t index, size_t offset,
                      uint8_t *bytes, size_t capacity, size_t *size)
{
    struct store *store = context;
    const struct store_view *view = find_view(store, origin);
    struct tally_bytes entry, body;
    struct tally_receipt receipt;
    *size = 0;
    if (!find_item(store, view, TILE_BODIES, index, &body))
        return false;
    if (body.data == NULL) {
        if (!find_item(store, view, TILE_ENTRIES, index, &entry) ||
            tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE || offset > receipt.body_size)
            return false;
        return read_blob(view, &receipt, offset, bytes, capacity, size);
    }
    if (offset > body.size)
        return false;
    *size = body.size;
    size_t left = body.size - offset;
    if (left > 0 && capacity > 0)
        memcpy(bytes, body.data + offset, left < capacity ? left : capacity);
    return true;
}

static size_t on_kept(void *context, enum tally_kept kind, const struct tally_hash *origin,
                      uint8_t *note, size_t capacity)
{
    return kept_read(context, kind, origin, note, capacity);
}

static bool on_kept_at(void *context, enum tally_kept kind, size_t index, struct tally_hash *origin)
{
    return kept_at(context, kind, index, origin);
}

struct tally_ledger store_ledger(struct store *store)
{
    return (struct tally_ledger){.context = store,
                                 .log = show_log,
                                 .find = show_find,
                                 .checkpoint = show_checkpoint,
                                 .tile = show_tile,
                                 .entries = show_entries,
                                 .entry = show_entry,
                                 .bodies = show_bodies,
                                 .body = show_body,
                                 .revocation = evidence_show_revocation,
                                 .forked = evidence_show_fork,
                                 .kept = on_kept,
                                 .kept_at = on_kept_at};
}

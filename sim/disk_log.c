/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/federation/words.h"
#include "disk_inside.h"
#include "memory.h"
#include <assert.h>

static size_t place_of(const struct disk *disk, const struct tally_hash *origin_hash)
{
    size_t at = (size_t)be64_read(origin_hash->bytes) & (disk->place_count - 1);
    while (disk->places[at] != 0 &&
           !hash_equal(&disk->logs[disk->places[at] - 1]->origin_hash, origin_hash))
        at = (at + 1) & (disk->place_count - 1);
    return at;
}

struct disk_log *disk_find(const struct disk *disk, const struct tally_hash *origin_hash)
{
    if (disk->place_count == 0)
        return NULL;
    uint32_t found = disk->places[place_of(disk, origin_hash)];
    return found != 0 ? disk->logs[found - 1] : NULL;
}

static void index_last(struct disk *disk)
{
    size_t from = disk->log_count - 1;
    if (disk->log_count * 2 > disk->place_count) {
        memory_free(disk->places);
        disk->place_count = disk->place_count > 0 ? disk->place_count * 2 : 16;
        disk->places = memory_new(disk->place_count, sizeof *disk->places);
        from = 0;
    }
    for (size_t i = from; i < disk->log_count; i++)
        disk->places[place_of(disk, &disk->logs[i]->origin_hash)] = (uint32_t)i + 1;
}

struct disk_log *disk_log_new(struct disk *disk, const struct tally_log_id *id)
{
    struct disk_log *log = memory_new(1, sizeof *log);
    log->origin_hash = id->origin_hash;
    log->issuer = id->issuer;
    log->origin = memory_copy(id->origin, strlen(id->origin) + 1);
    log->name_space = memory_copy(id->name_space, strlen(id->name_space) + 1);
    log->own = key_equal(&id->issuer, &disk->key);
    disk->logs =
        memory_room(disk->logs, &disk->log_capacity, disk->log_count + 1, sizeof *disk->logs);
    disk->logs[disk->log_count++] = log;
    index_last(disk);
    return log;
}

/* Nothing is stated after it. */
bool disk_ended(const struct disk *disk)
{
    struct tally_receipt receipt;
    for (size_t i = 0; i < disk->log_count; i++) {
        const struct disk_log *log = disk->logs[i];
        uint64_t size = simtree_size(&log->tree);
        if (!log->own || size == 0 || strcmp(log->name_space, TALLY_STATEMENTS) != 0)
            continue;
        const struct disk_entry *last = &log->entries[size - 1];
        return tally_receipt_read(bytes_of(last->envelope, last->envelope_size), &receipt) ==
                   TALLY_DROP_NONE &&
               fed_kind_of(receipt.type) == FED_REVOKE_KEY;
    }
    return false;
}

bool disk_rekey(struct disk *disk, const struct tally_key *key)
{
    if (!disk_ended(disk))
        return false;
    for (size_t i = 0; i < disk->log_count; i++)
        if (disk->logs[i]->own && disk->logs[i]->size < simtree_size(&disk->logs[i]->tree))
            return false;
    disk->key = *key;
    for (size_t i = 0; i < disk->log_count; i++)
        disk->logs[i]->own = key_equal(&disk->logs[i]->issuer, key);
    return true;
}

static void entry_free(struct disk_entry *entry)
{
    memory_free(entry->envelope);
    memory_free(entry->body);
}

void disk_log_free(struct disk_log *log)
{
    for (uint64_t i = 0; i < simtree_size(&log->tree); i++)
        entry_free(&log->entries[i]);
    simtree_free(&log->tree);
    memory_free(log->entries);
    memory_free(log->origin);
    memory_free(log->name_space);
    memory_free(log->note);
    memory_free(log);
}

void disk_log_append(struct disk_log *log, struct tally_bytes envelope, struct tally_bytes body,
                     bool body_held)
{
    size_t index = (size_t)simtree_size(&log->tree);
    log->entries = memory_room(log->entries, &log->entry_capacity, index + 1, sizeof *log->entries);
    log->entries[index] = (struct disk_entry){
        .envelope = memory_copy(envelope.data, envelope.size),
        .envelope_size = (uint16_t)envelope.size,
        .body_held = body_held,
        .body_size = (uint32_t)body.size,
        .body = memory_copy(body.data, body.size),
    };
    struct tally_hash leaf = simtree_leaf(envelope);
    simtree_append(&log->tree, &leaf);
}

void disk_log_cut(struct disk_log *log, uint64_t size)
{
    for (uint64_t i = size; i < simtree_size(&log->tree); i++)
        entry_free(&log->entries[i]);
    for (unsigned level = 0; level < TREE_LEVELS; level++)
        log->tree.levels[level].count = (size_t)(size >> level);
    if (log->tiled > size)
        log->tiled = size;
}

void disk_copy(struct disk *copy, const struct disk *disk, struct signer *signer)
{
    disk_init(copy, signer);
    copy->options = disk->options;
    copy->epoch = disk->epoch;
    copy->bytes = disk->bytes;
    for (size_t i = 0; i < disk->log_count; i++) {
        const struct disk_log *from = disk->logs[i];
        struct disk_log *to = disk_log_new(
            copy, &(struct tally_log_id){from->origin_hash, from->issuer, from->origin,
                                         from->name_space, key_equal(&from->issuer, &signer->key)});
        for (uint64_t index = 0; index < simtree_size(&from->tree); index++) {
            const struct disk_entry *entry = &from->entries[index];
            disk_log_append(to, bytes_of(entry->envelope, entry->envelope_size),
                            bytes_of(entry->body, entry->body != NULL ? entry->body_size : 0),
                            entry->body_held);
            to->entries[index].body_size = entry->body_size;
            to->entries[index].pruned = entry->pruned;
        }
        to->pruned = from->pruned;
        to->tiled = from->tiled;
        /* What a key that is not ours any more had not sealed is no part of its log, tiles or not:
           so the store loads it. */
        if (from->own && !to->own)
            disk_log_cut(to, from->size);
        to->frozen = from->frozen;
        to->size = from->size;
        to->root = from->root;
        to->note_size = from->note_size;
        to->note = from->note != NULL ? memory_copy(from->note, from->note_size) : NULL;
    }
    copy->files =
        memory_room(copy->files, &copy->file_capacity, disk->file_count + 1, sizeof *copy->files);
    copy->file_count = disk->file_count;
    for (size_t i = 0; i < disk->file_count; i++) {
        copy->files[i] = disk->files[i];
        copy->files[i].bytes = memory_copy(disk->files[i].bytes, disk->files[i].size);
    }
}

enum tally_error disk_log_prune(struct disk_log *log, uint64_t to)
{
    if (log == NULL || log->own || to > log->size)
        return log == NULL ? TALLY_NOT_FOUND : TALLY_MISMATCH;
    for (; log->pruned < to; log->pruned++) {
        struct disk_entry *entry = &log->entries[log->pruned];
        if (!entry->body_held || entry->body_size == 0)
            continue;
        memory_free(entry->body);
        entry->body = NULL;
        entry->body_held = false;
        entry->pruned = true;
    }
    return TALLY_OK;
}

/* ---- The window. ---- */

static void view_of(const struct disk_log *log, struct tally_log_view *view)
{
    *view = (struct tally_log_view){
        .origin_hash = log->origin_hash,
        .issuer = log->issuer,
        .origin = log->origin,
        .name_space = log->name_space,
        .size = log->size,
        .root = log->root,
        .durable = simtree_size(&log->tree),
        .fetched = log->own ? simtree_size(&log->tree) : 0,
        .pruned = log->pruned,
        .own = log->own,
        .frozen = log->frozen,
    };
}

static bool ledger_log(void *context, size_t index, struct tally_log_view *view)
{
    const struct disk *disk = context;
    if (index >= disk->log_count)
        return false;
    view_of(disk->logs[index], view);
    return true;
}

static bool ledger_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    const struct disk_log *log = disk_find(context, origin);
    if (log == NULL)
        return false;
    view_of(log, view);
    return true;
}

static size_t ledger_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                                size_t capacity)
{
    const struct disk_log *log = disk_find(context, origin);
    if (log == NULL || log->note_size > capacity)
        return 0;
    if (log->note_size > 0)
        memcpy(note, log->note, log->note_size);
    return log->note_size;
}

static bool ledger_tile(void *context, const struct tally_hash *origin, unsigned level,
                        uint64_t index, unsigned width, struct tally_hash *hashes)
{
    const struct disk_log *log = disk_find(context, origin);
    unsigned height = 8 * level;
    if (log == NULL || height >= TREE_LEVELS ||
        index * TALLY_TILE_WIDTH + width > log->tiled >> height)
        return false;
    memcpy(hashes, &log->tree.levels[height].hashes[index * TALLY_TILE_WIDTH],
           width * sizeof *hashes);
    return true;
}

static size_t ledger_entries(void *context, const struct tally_hash *origin, uint64_t index,
                             unsigned width, uint8_t *bytes, size_t capacity)
{
    const struct disk_log *log = disk_find(context, origin);
    uint64_t first = index * TALLY_TILE_WIDTH;
    if (log == NULL || first + width > log->tiled)
        return 0;
    size_t used = 0;
    for (uint64_t i = first; i < first + width; i++) {
        const struct disk_entry *entry = &log->entries[i];
        if (entry->withheld || used + 2 + entry->envelope_size > capacity)
            return 0;
        be16_write(bytes + used, entry->envelope_size);
        memcpy(bytes + used + 2, entry->envelope, entry->envelope_size);
        used += 2u + entry->envelope_size;
    }
    return used;
}

static size_t ledger_entry(void *context, const struct tally_hash *origin, uint64_t index,
                           uint8_t *envelope, size_t capacity)
{
    const struct disk_log *log = disk_find(context, origin);
    if (log == NULL || index >= simtree_size(&log->tree) ||
        log->entries[index].envelope_size > capacity)
        return 0;
    memcpy(envelope, log->entries[index].envelope, log->entries[index].envelope_size);
    return log->entries[index].envelope_size;
}

static size_t ledger_bodies(void *context, const struct tally_hash *origin, uint64_t index,
                            unsigned width, uint8_t *bytes, size_t capacity)
{
    const struct disk_log *log = disk_find(context, origin);
    uint64_t first = index * TALLY_TILE_WIDTH;
    if (log == NULL || first + width > log->tiled)
        return 0;
    size_t used = 0;
    for (uint64_t i = first; i < first + width; i++) {
        const struct disk_entry *entry = &log->entries[i];
        bool inside = entry->body_held && entry->body_size <= TALLY_BODY_INLINE_MAX;
        size_t size = inside ? entry->body_size : 0;
        if (used + 4 + size > capacity)
            return 0;
        be32_write(bytes + used, inside ? entry->body_size : TALLY_BODY_ABSENT);
        if (size > 0)
            memcpy(bytes + used + 4, entry->body, size);
        used += 4 + size;
    }
    return used;
}

static bool ledger_body(void *context, const struct tally_hash *origin, uint64_t index,
                        size_t offset, uint8_t *bytes, size_t capacity, size_t *size)
{
    const struct disk_log *log = disk_find(context, origin);
    *size = 0;
    if (log == NULL || index >= simtree_size(&log->tree))
        return false;
    const struct disk_entry *entry = &log->entries[index];
    if (!entry->body_held) {
        *size = entry->pruned ? entry->body_size : 0;
        return false;
    }
    *size = entry->body_size;
    if (offset >= entry->body_size)
        return true;
    size_t left = entry->body_size - offset;
    memcpy(bytes, entry->body + offset, left < capacity ? left : capacity);
    return true;
}

static size_t show_file(const struct disk *disk, bool revocation, size_t index, uint8_t *bytes,
                        size_t capacity)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct disk_file *file = &disk->files[i];
        if (file->revocation != revocation || index-- > 0 || file->size > capacity)
            continue;
        memcpy(bytes, file->bytes, file->size);
        return file->size;
    }
    return 0;
}

static size_t ledger_revocation(void *context, size_t index, uint8_t *bytes, size_t capacity)
{
    return show_file(context, true, index, bytes, capacity);
}

static size_t ledger_fork(void *context, size_t index, uint8_t *bytes, size_t capacity)
{
    return show_file(context, false, index, bytes, capacity);
}

struct tally_ledger disk_ledger(struct disk *disk)
{
    return (struct tally_ledger){
        .context = disk,
        .log = ledger_log,
        .find = ledger_find,
        .checkpoint = ledger_checkpoint,
        .tile = ledger_tile,
        .entries = ledger_entries,
        .entry = ledger_entry,
        .bodies = ledger_bodies,
        .body = ledger_body,
        .revocation = ledger_revocation,
        .forked = ledger_fork,
        .kept = disk_kept,
        .kept_at = disk_kept_at,
    };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "disk_inside.h"
#include "memory.h"
#include <assert.h>

void disk_init(struct disk *disk, struct signer *signer)
{
    memset(disk, 0, sizeof *disk);
    disk->signer = signer;
    disk->key = signer->key;
    disk->options = (struct disk_options){.sync_us = {200, 2000}, .verify_us = 100, .workers = 2};
}

static void operation_free(struct disk_operation *operation, bool package_too)
{
    if (package_too && operation->kind == TALLY_ACTION_APPEND)
        disk_package_free(operation->package);
    memory_free(operation->copy);
    memory_free(operation);
}

/* What a crash forgets. */
static void forget(struct disk *disk)
{
    for (unsigned lane = 0; lane < DISK_LANES; lane++) {
        while (disk->lanes[lane].first != NULL) {
            struct disk_operation *operation = disk->lanes[lane].first;
            disk->lanes[lane].first = operation->next;
            operation_free(operation, true);
        }
        disk->lanes[lane].last = NULL;
        disk->lanes[lane].busy_us = 0;
    }
    while (disk->packages != NULL) {
        struct disk_package *package = disk->packages;
        disk->packages = package->next;
        disk_package_free(package);
    }
}

void disk_free(struct disk *disk)
{
    forget(disk);
    for (size_t i = 0; i < disk->log_count; i++)
        disk_log_free(disk->logs[i]);
    for (size_t i = 0; i < disk->file_count; i++)
        memory_free(disk->files[i].bytes);
    disk_kept_free(disk);
    memory_free(disk->logs);
    memory_free(disk->places);
    memory_free(disk->files);
}

/* ---- Taking actions on. ---- */

static void operation_put(struct disk *disk, enum disk_lane lane, struct disk_operation *operation,
                          uint64_t now_us, uint64_t duration_us)
{
    uint64_t begin_us = disk->lanes[lane].busy_us > now_us ? disk->lanes[lane].busy_us : now_us;
    operation->due_us = disk->lanes[lane].busy_us = begin_us + duration_us;
    if (disk->lanes[lane].last != NULL)
        disk->lanes[lane].last->next = operation;
    else
        disk->lanes[lane].first = operation;
    disk->lanes[lane].last = operation;
}

static struct tally_bytes pack(uint8_t **at, struct tally_bytes bytes)
{
    if (bytes.size > 0)
        memcpy(*at, bytes.data, bytes.size);
    struct tally_bytes copy = bytes_of(*at, bytes.size);
    *at += bytes.size;
    return copy;
}

static const char *pack_text(uint8_t **at, const char *text)
{
    return (const char *)pack(at, bytes_of(text, strlen(text) + 1)).data;
}

/* An operation with a copy of what the action borrowed. */
static struct disk_operation *operation_new(const struct tally_action *action)
{
    struct disk_operation *operation = memory_new(1, sizeof *operation);
    operation->kind = action->kind;
    operation->action = *action;
    if (action->kind == TALLY_ACTION_APPEND) {
        operation->ticket = action->append.ticket;
        operation->copy = memory_new(
            1, action->append.envelope.size + action->append.body.size + action->append.note.size +
                   strlen(action->append.log.origin) + strlen(action->append.log.name_space) + 2);
        uint8_t *at = operation->copy;
        operation->action.append.envelope = pack(&at, action->append.envelope);
        operation->action.append.body = pack(&at, action->append.body);
        operation->action.append.note = pack(&at, action->append.note);
        operation->action.append.log.origin = pack_text(&at, action->append.log.origin);
        operation->action.append.log.name_space = pack_text(&at, action->append.log.name_space);
    } else if (action->kind == TALLY_ACTION_PUBLISH) {
        operation->ticket = action->publish.ticket;
        operation->copy = memory_copy(action->publish.note.data, action->publish.note.size);
        operation->action.publish.note.data = operation->copy;
    } else if (action->kind == TALLY_ACTION_KEEP) {
        operation->ticket = action->keep.ticket;
        operation->copy = memory_copy(action->keep.note.data, action->keep.note.size);
        operation->action.keep.note.data = operation->copy;
    } else if (action->kind == TALLY_ACTION_EVIDENCE) {
        operation->copy = memory_copy(action->evidence.bytes.data, action->evidence.bytes.size);
        operation->action.evidence.bytes.data = operation->copy;
    } else if (action->kind == TALLY_ACTION_SEAL) {
        operation->ticket = action->seal.ticket;
    } else if (action->kind == TALLY_ACTION_PRUNE) {
        operation->ticket = action->prune.ticket;
    }
    return operation;
}

static uint64_t sync_us(const struct disk *disk, struct random *chance)
{
    struct range range = disk->options.sync_us;
    return range.from + random_below(chance, range.to - range.from + 1);
}

/* The pool: a signature costs 100 us of a worker, a leaf alone some 6. */
static uint64_t pool_us(const struct disk *disk, const struct disk_package *package)
{
    uint64_t each_us = package->job.signatures ? disk->options.verify_us : 6;
    return 20 + (package->job.end - package->job.first) * each_us / disk->options.workers;
}

static bool on_verify(struct disk *disk, const struct tally_action *action, uint64_t now_us,
                      uint64_t *due_us)
{
    struct disk_package *package = *disk_package_place(disk, action->verify.ticket);
    if (package == NULL)
        package = disk_package_begin(disk, action->verify.ticket, &action->verify.job);
    disk_bytes_add(&package->compact, &package->compact_size, &package->compact_capacity,
                   action->verify.bytes);
    if (!action->verify.last)
        return false;
    struct disk_operation *operation = operation_new(action);
    operation->ticket = action->verify.ticket;
    operation_put(disk, DISK_POOL, operation, now_us, pool_us(disk, package));
    *due_us = operation->due_us;
    return true;
}

static bool on_body(struct disk *disk, const struct tally_action *action, uint64_t now_us,
                    uint64_t *due_us)
{
    struct disk_package *package = *disk_package_place(disk, action->body.package);
    assert(package != NULL);
    struct disk_body *body = disk_package_body(package, action->body.index);
    disk_bytes_add(&body->bytes, &body->size, &body->capacity, action->body.bytes);
    if (!action->body.last)
        return false;
    struct disk_operation *operation = operation_new(action);
    operation->ticket = action->body.package;
    operation_put(disk, DISK_POOL, operation, now_us, 10 + body->size / 400);
    *due_us = operation->due_us;
    return true;
}

static bool is_stored(enum tally_action_kind kind)
{
    return kind == TALLY_ACTION_APPEND || kind == TALLY_ACTION_SEAL ||
           kind == TALLY_ACTION_PUBLISH || kind == TALLY_ACTION_KEEP ||
           kind == TALLY_ACTION_EVIDENCE || kind == TALLY_ACTION_PRUNE;
}

bool disk_perform(struct disk *disk, const struct tally_action *action, uint64_t now_us,
                  struct random *chance, enum disk_lane *lane, uint64_t *due_us)
{
    *lane = DISK_POOL;
    if (action->kind == TALLY_ACTION_VERIFY)
        return on_verify(disk, action, now_us, due_us);
    if (action->kind == TALLY_ACTION_BODY)
        return on_body(disk, action, now_us, due_us);
    if (action->kind == TALLY_ACTION_RELEASE) {
        disk_package_free(disk_package_take(disk, action->release.ticket));
        return false;
    }
    if (!is_stored(action->kind))
        return false;
    *lane = DISK_STORE;
    struct disk_operation *operation = operation_new(action);
    if (action->kind == TALLY_ACTION_APPEND && action->append.envelope.size == 0)
        operation->package = disk_package_take(disk, action->append.package);
    uint64_t duration_us = sync_us(disk, chance);
    duration_us += disk_fate(disk, chance, &operation->fails);
    operation_put(disk, DISK_STORE, operation, now_us, duration_us);
    *due_us = operation->due_us;
    return true;
}

/* ---- Completing. ---- */

/* The verdict of the pool. A package that was released meanwhile has nobody to tell. */
static bool complete_verify(struct disk *disk, const struct disk_operation *operation,
                            struct tally_event *event)
{
    struct disk_package *package = *disk_package_place(disk, operation->ticket);
    if (package == NULL)
        return false;
    struct tally_package *opened = &package->opened;
    /* The bench of all disks: large, and a heap that is asked for it each time has to map it. */
    static uint8_t entries[TALLY_ENTRIES_MAX], bodies[TALLY_BODIES_MAX];
    opened->entries = entries;
    opened->bodies = bodies;
    const struct tally_crypto crypto = signer_window(disk->signer);
    enum tally_drop drop = tally_package_open(
        &package->job, bytes_of(package->compact, package->compact_size), &crypto, opened);
    bool good = drop == TALLY_DROP_NONE;
    opened->entries = good ? memory_copy(entries, opened->entries_size) : NULL;
    opened->bodies = good ? memory_copy(bodies, opened->bodies_size) : NULL;
    event->kind = TALLY_EVENT_VERIFIED;
    event->verified.ticket = operation->ticket;
    event->verified.drop = drop;
    if (good) {
        event->verified.subtree = opened->subtree;
        event->verified.previous = opened->previous;
        event->verified.last = opened->last;
        event->verified.large = opened->large;
        event->verified.large_count = opened->large_count;
    }
    return true;
}

static bool complete_body(struct disk *disk, const struct disk_operation *operation,
                          struct tally_event *event)
{
    struct disk_package *package = *disk_package_place(disk, operation->ticket);
    if (package == NULL)
        return false;
    uint64_t index = operation->action.body.index;
    const struct disk_body *body = disk_package_body(package, index);
    struct tally_receipt receipt;
    enum tally_drop drop = tally_receipt_read(disk_package_envelope(package, index), &receipt);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_body(&receipt, bytes_of(body->bytes, body->size));
    event->kind = TALLY_EVENT_BODY;
    event->body.package = operation->ticket;
    event->body.index = index;
    event->body.drop = drop;
    return true;
}

/* Own receipts that come back may be pending here: then they must be the same. */
static bool fits(const struct disk_log *log, const struct disk_package *package)
{
    uint64_t size = simtree_size(&log->tree), first = package->job.first;
    if (!log->own)
        return first == size;
    for (uint64_t index = first; index < size && index < package->job.end; index++) {
        const struct disk_entry *entry = &log->entries[index];
        if (!bytes_equal(disk_package_envelope(package, index),
                         bytes_of(entry->envelope, entry->envelope_size)))
            return false;
    }
    return first >= log->size && first <= size;
}

static enum tally_error append_package(struct disk_log *log, const struct disk_package *package)
{
    if (!fits(log, package))
        return TALLY_MISMATCH;
    const uint8_t *body = package->opened.bodies;
    for (uint64_t index = package->job.first; index < package->job.end; index++) {
        struct tally_bytes inside = {NULL, 0};
        uint32_t size = be32_read(body);
        body += 4;
        bool held = size != TALLY_BODY_ABSENT;
        if (held) {
            inside = bytes_of(body, size);
            body += size;
        } else {
            for (const struct disk_body *large = package->bodies; large; large = large->next)
                if (large->index == index) {
                    inside = bytes_of(large->bytes, large->size);
                    held = true;
                }
        }
        if (index == simtree_size(&log->tree))
            disk_log_append(log, disk_package_envelope(package, index), inside, held);
    }
    log->tiled = simtree_size(&log->tree);
    return TALLY_OK;
}

/* The stored checkpoint, all or none with what it covers. */
static enum tally_error note_fits(const struct disk_log *log, uint64_t size,
                                  const struct tally_hash *root)
{
    if (size > simtree_size(&log->tree) || size < log->size)
        return TALLY_MISMATCH;
    struct tally_hash ours = simtree_root(&log->tree, size);
    return hash_equal(&ours, root) ? TALLY_OK : TALLY_MISMATCH;
}

static void note_put(struct disk_log *log, struct tally_bytes note, uint64_t size,
                     const struct tally_hash *root)
{
    memory_free(log->note);
    log->note = memory_copy(note.data, note.size);
    log->note_size = note.size;
    log->size = size;
    log->root = *root;
}

static enum tally_error complete_append(struct disk *disk, const struct disk_operation *operation,
                                        struct disk_change *change)
{
    const struct tally_action *action = &operation->action;
    if (operation->package == NULL && action->append.envelope.size == 0)
        return TALLY_NOT_FOUND;
    uint64_t bytes = action->append.envelope.size + action->append.body.size;
    if (operation->package != NULL)
        bytes = operation->package->opened.entries_size + operation->package->opened.bodies_size;
    if (disk->options.capacity > 0 && disk->bytes + bytes > disk->options.capacity) {
        disk->full = true;
        return TALLY_FULL;
    }
    struct disk_log *log = disk_find(disk, &action->append.log.origin_hash);
    if (log == NULL)
        log = disk_log_new(disk, &action->append.log);
    if (log->frozen && !log->own)
        return TALLY_FROZEN;
    uint64_t first = simtree_size(&log->tree);
    if (first != action->append.first && operation->package == NULL)
        return TALLY_MISMATCH;
    struct tally_note read;
    struct tally_checkpoint checkpoint;
    bool noted = action->append.note.size > 0;
    if (noted && (tally_note_read(action->append.note, &read) != TALLY_DROP_NONE ||
                  tally_checkpoint_read(read.text, &checkpoint) != TALLY_DROP_NONE))
        return TALLY_MALFORMED;
    if (operation->package == NULL) {
        disk_log_append(log, action->append.envelope, action->append.body, true);
    } else if (append_package(log, operation->package) != TALLY_OK) {
        return TALLY_MISMATCH;
    }
    if (noted && note_fits(log, checkpoint.size, &checkpoint.root) != TALLY_OK) {
        disk_log_cut(log, first);
        return TALLY_MISMATCH;
    }
    if (noted)
        note_put(log, action->append.note, checkpoint.size, &checkpoint.root);
    disk->bytes += bytes;
    *change = (struct disk_change){
        .log = log, .first = first, .count = simtree_size(&log->tree) - first, .note = noted};
    return TALLY_OK;
}

static void complete_seal(struct disk *disk, const struct disk_operation *operation,
                          struct tally_event *event)
{
    struct disk_log *log = disk_find(disk, &operation->action.seal.origin_hash);
    uint64_t size = operation->action.seal.size;
    event->kind = TALLY_EVENT_SEALED;
    event->sealed.ticket = operation->ticket;
    event->sealed.size = size;
    if (log == NULL || size > simtree_size(&log->tree)) {
        event->sealed.error = TALLY_NOT_FOUND;
        return;
    }
    if (log->tiled < size)
        log->tiled = size;
    event->sealed.root = simtree_root(&log->tree, size);
}

static enum tally_error complete_publish(struct disk *disk, const struct disk_operation *operation,
                                         struct disk_change *change)
{
    const struct tally_action *action = &operation->action;
    struct disk_log *log = disk_find(disk, &action->publish.origin_hash);
    if (log == NULL)
        return TALLY_NOT_FOUND;
    enum tally_error error = note_fits(log, action->publish.size, &action->publish.root);
    if (error != TALLY_OK)
        return error;
    note_put(log, action->publish.note, action->publish.size, &action->publish.root);
    *change = (struct disk_change){.log = log, .first = simtree_size(&log->tree), .note = true};
    return TALLY_OK;
}

static void complete_evidence(struct disk *disk, const struct disk_operation *operation,
                              struct disk_change *change)
{
    const struct tally_action *action = &operation->action;
    struct disk_log *log = disk_find(disk, &action->evidence.origin_hash);
    if (action->evidence.claim)
        return; /* Nobody here reads it: what was stated names its hash. */
    if (log != NULL && !action->evidence.revocation)
        log->frozen = true;
    disk->files =
        memory_room(disk->files, &disk->file_capacity, disk->file_count + 1, sizeof *disk->files);
    struct disk_file *file = &disk->files[disk->file_count++];
    file->name = action->evidence.name;
    file->revocation = action->evidence.revocation;
    file->origin_hash = action->evidence.origin_hash;
    file->size = action->evidence.bytes.size;
    file->bytes = memory_copy(action->evidence.bytes.data, file->size);
    change->file = file;
}

/* Performs an operation; true with the event that answers it. */
static bool complete(struct disk *disk, const struct disk_operation *operation,
                     struct tally_event *event, struct disk_change *change)
{
    if (operation->fails)
        return disk_failed(disk, operation, event);
    if (operation->kind == TALLY_ACTION_VERIFY)
        return complete_verify(disk, operation, event);
    if (operation->kind == TALLY_ACTION_BODY)
        return complete_body(disk, operation, event);
    if (operation->kind == TALLY_ACTION_APPEND) {
        event->kind = TALLY_EVENT_APPENDED;
        event->appended.ticket = operation->ticket;
        event->appended.error = complete_append(disk, operation, change);
    } else if (operation->kind == TALLY_ACTION_SEAL) {
        complete_seal(disk, operation, event);
    } else if (operation->kind == TALLY_ACTION_PUBLISH) {
        event->kind = TALLY_EVENT_PUBLISHED;
        event->published.ticket = operation->ticket;
        event->published.error = complete_publish(disk, operation, change);
    } else if (operation->kind == TALLY_ACTION_KEEP) {
        event->kind = TALLY_EVENT_KEPT;
        event->kept.ticket = operation->ticket;
        event->kept.error = disk_keep(disk, &operation->action);
    } else if (operation->kind == TALLY_ACTION_PRUNE) {
        event->kind = TALLY_EVENT_PRUNED;
        event->pruned.ticket = operation->ticket;
        event->pruned.error = disk_log_prune(disk_find(disk, &operation->action.prune.origin_hash),
                                             operation->action.prune.to);
    } else {
        complete_evidence(disk, operation, change);
        return false;
    }
    return true;
}

static struct disk_operation *operation_take(struct disk *disk, enum disk_lane lane)
{
    struct disk_operation *operation = disk->lanes[lane].first;
    assert(operation != NULL);
    disk->lanes[lane].first = operation->next;
    if (operation->next == NULL)
        disk->lanes[lane].last = NULL;
    return operation;
}

bool disk_complete(struct disk *disk, enum disk_lane lane, struct tally_event *event,
                   struct disk_change *change)
{
    memset(event, 0, sizeof *event);
    memset(change, 0, sizeof *change);
    struct disk_operation *operation = operation_take(disk, lane);
    bool answered = complete(disk, operation, event, change);
    operation_free(operation, true);
    return answered;
}

void disk_crash(struct disk *disk, struct random *chance,
                void (*on_change)(void *context, const struct disk_change *change), void *context)
{
    uint32_t under_way = 0;
    for (const struct disk_operation *at = disk->lanes[DISK_STORE].first; at; at = at->next)
        under_way++;
    /* Behind a write that failed nothing reaches it. */
    uint32_t done = random_below(chance, under_way + 1);
    for (; done > 0 && !disk->broken && !disk->lanes[DISK_STORE].first->fails; done--) {
        struct tally_event event;
        struct disk_change change;
        disk_complete(disk, DISK_STORE, &event, &change);
        on_change(context, &change);
    }
    disk_tear(disk, chance);
    forget(disk);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large bodies. They come in pieces while their package waits, and lie in incoming/ until it is
 * appended: first under numbers of our own, then, read back and compared, under their hash. What a
 * crash leaves there is removed at the next opening.
 */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "host/store/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void part_path(const struct upload *upload, char path[DISK_PATH_MAX])
{
    snprintf(path, DISK_PATH_MAX, "incoming/%" PRIu64 "-%" PRIu64, upload->package, upload->index);
}

static void whole_path(const struct tally_hash *hash, char path[DISK_PATH_MAX])
{
    char hex[2 * sizeof hash->bytes + 1];
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), hex);
    snprintf(path, DISK_PATH_MAX, "incoming/%s", hex);
}

static struct upload *find(struct store *store, uint64_t package, bool make)
{
    struct upload *idle = NULL;
    for (size_t i = 0; i < STORE_UPLOADS; i++) {
        struct upload *upload = &store->uploads[i];
        if (upload->used && upload->package == package)
            return upload;
        if (!upload->used && idle == NULL)
            idle = upload;
    }
    if (!make || idle == NULL)
        return NULL;
    *idle = (struct upload){.used = true, .fd = -1, .package = package};
    return idle;
}

/* Ends a file that did not become whole. */
static void abandon(struct store *store, struct upload *upload)
{
    char path[DISK_PATH_MAX];
    if (upload->fd < 0)
        return;
    close(upload->fd);
    upload->fd = -1;
    part_path(upload, path);
    unlinkat(store->disk.root, path, 0);
}

/* What the envelope in the package says of this body. */
static bool expect(struct upload *upload, const struct tally_package *package, uint64_t index)
{
    struct tally_bytes entries = bytes_of(package->entries, package->entries_size), entry;
    struct tally_receipt receipt;
    if (!folder_item(TILE_ENTRIES, entries, 0, &entry) ||
        tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE || index < receipt.sequence ||
        index - receipt.sequence >= package->count ||
        !folder_item(TILE_ENTRIES, entries, (unsigned)(index - receipt.sequence), &entry) ||
        tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE)
        return false;
    upload->index = index;
    upload->done = 0;
    upload->size = receipt.body_size;
    upload->hash = receipt.body_hash;
    return true;
}

static enum tally_error begin(struct store *store, struct upload *upload)
{
    char path[DISK_PATH_MAX];
    part_path(upload, path);
    upload->fd = openat(store->disk.root, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return upload->fd < 0 ? disk_error(errno) : TALLY_OK;
}

static enum tally_error add(struct store *store, struct upload *upload, struct tally_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t done = pwrite(upload->fd, bytes.data, bytes.size, upload->done);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            enum tally_error error = done == 0 ? TALLY_FULL : disk_error(errno);
            if (error == TALLY_IO)
                store->disk.broken = true;
            return error;
        }
        bytes.data += done;
        bytes.size -= (size_t)done;
        upload->done += (uint32_t)done;
    }
    return TALLY_OK;
}

/* Reads the file back, compares its hash, and gives it its name, durable. */
static enum tally_error finish(struct store *store, struct upload *upload, enum tally_drop *drop)
{
    uint8_t *bytes = malloc(upload->size == 0 ? 1 : upload->size);
    struct tally_hash hash;
    size_t got = 0;
    if (bytes == NULL)
        return TALLY_NO_MEMORY;
    bool read = disk_read_at(upload->fd, bytes, upload->size, 0, &got);
    hash_sha256(bytes_of(bytes, got), &hash);
    free(bytes);
    if (!read)
        return TALLY_IO;
    if (got != upload->size || !hash_equal(&hash, &upload->hash)) {
        *drop = TALLY_DROP_BODY;
        return TALLY_OK;
    }
    if (fsync(upload->fd) != 0) {
        store->disk.broken = disk_error(errno) != TALLY_FULL;
        return disk_error(errno);
    }
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    part_path(upload, from);
    whole_path(&upload->hash, to);
    if (renameat(store->disk.root, from, store->disk.root, to) != 0)
        return disk_error(errno);
    close(upload->fd);
    upload->fd = -1;
    return TALLY_OK;
}

/* A peer's mistake is a drop; the disk's is kept for the package's APPEND, so that nobody is
   blamed for it. */
void upload_piece(struct store *store, struct job *job)
{
    const struct tally_action *action = &job->action;
    struct tally_bytes bytes = action->body.bytes;
    struct upload *upload = find(store, action->body.package, true);
    if (upload == NULL) {
        job->public.error = TALLY_BUSY;
        job->public.drop = TALLY_DROP_BUSY;
        return;
    }
    if (action->body.offset == 0) {
        abandon(store, upload);
        if (job->package == NULL || !expect(upload, job->package, action->body.index)) {
            job->public.drop = TALLY_DROP_BODY;
            return;
        }
        if (upload->error == TALLY_OK)
            upload->error = begin(store, upload);
    }
    if (upload->error == TALLY_OK &&
        (upload->fd < 0 || upload->index != action->body.index ||
         upload->done != action->body.offset || bytes.size > upload->size - upload->done)) {
        abandon(store, upload);
        job->public.drop = TALLY_DROP_BODY;
        return;
    }
    if (upload->error == TALLY_OK)
        upload->error = add(store, upload, bytes);
    if (upload->error == TALLY_OK && action->body.last)
        upload->error = finish(store, upload, &job->public.drop);
    if (upload->error != TALLY_OK || job->public.drop != TALLY_DROP_NONE)
        abandon(store, upload);
    job->public.error = upload->error;
}

void upload_release(struct store *store, uint64_t package)
{
    struct upload *upload = find(store, package, false);
    if (upload == NULL)
        return;
    abandon(store, upload);
    upload->used = false;
}

enum tally_error upload_claim(struct store *store, const struct store_log *log,
                              const struct job *job)
{
    const struct tally_package *package = job->package;
    const struct upload *upload = find(store, job->action.append.package, false);
    enum tally_error error = upload == NULL ? TALLY_OK : upload->error;
    for (unsigned i = 0; i < package->large_count && error == TALLY_OK; i++) {
        struct tally_bytes entry;
        struct tally_receipt receipt;
        if (!folder_item(TILE_ENTRIES, bytes_of(package->entries, package->entries_size),
                         package->large[i], &entry) ||
            tally_receipt_read(entry, &receipt) != TALLY_DROP_NONE)
            return TALLY_MISMATCH;
        char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
        whole_path(&receipt.body_hash, from);
        folder_blob_path(&log->folder, &receipt.body_hash, to);
        /* One that never came is withheld; one of two receipts is moved once. */
        if (faccessat(store->disk.root, from, F_OK, 0) == 0 && !disk_waits(&store->disk, to))
            error = disk_move(&store->disk, from, to);
    }
    upload_release(store, job->action.append.package);
    return error;
}

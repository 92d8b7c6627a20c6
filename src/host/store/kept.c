/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosigned checkpoints, one file a log, each a signed note that other tools read:
 *
 *     witness/<sha256 of origin>/checkpoint     what we cosigned last (C2SP tlog-witness: what is
 *                                               served below the monitoring prefix)
 *     logs/<sha256 of origin>/cosigned          what others cosigned of a log of ours
 *
 * What we cosigned is never replaced by a smaller tree, nor by another of the same size, whatever
 * the node asks for.
 */
#include "host/store/kept.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/inside.h"
#include "tally/witness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void kept_path(enum tally_kept kind, const struct tally_hash *origin_hash,
                      char path[DISK_PATH_MAX])
{
    char hex[FOLDER_HEX + 1];
    hex_write(bytes_of(origin_hash->bytes, sizeof origin_hash->bytes), hex);
    if (kind == TALLY_KEPT_WITNESSED)
        snprintf(path, DISK_PATH_MAX, "witness/%s/checkpoint", hex);
    else
        snprintf(path, DISK_PATH_MAX, "logs/%s/cosigned", hex);
}

static struct store_kept *kept_find(const struct store *store, enum tally_kept kind,
                                    const struct tally_hash *origin_hash)
{
    for (size_t i = 0; i < store->kept_count; i++)
        if (store->kept[i].kind == kind && hash_equal(&store->kept[i].origin_hash, origin_hash))
            return &store->kept[i];
    return NULL;
}

/* ---- On the loop. ---- */

/* Takes over memory of the note; false without any for its place. */
static bool kept_show(struct store *store, enum tally_kept kind,
                      const struct tally_hash *origin_hash, uint8_t *note, size_t size)
{
    struct store_kept *kept = kept_find(store, kind, origin_hash);
    if (kept == NULL) {
        struct store_kept *more =
            realloc(store->kept, (store->kept_count + 1) * sizeof *store->kept);
        if (more == NULL)
            return false;
        store->kept = more;
        kept = &store->kept[store->kept_count++];
        *kept = (struct store_kept){.kind = kind, .origin_hash = *origin_hash};
    }
    free(kept->note);
    kept->note = note;
    kept->size = size;
    return true;
}

void kept_settle(struct store *store, struct job *job)
{
    const struct tally_action *action = &job->action;
    if (job->public.error == TALLY_OK &&
        kept_show(store, action->keep.kind, &action->keep.origin_hash, job->note, job->note_size))
        job->note = NULL;
}

size_t kept_read(const struct store *store, enum tally_kept kind,
                 const struct tally_hash *origin_hash, uint8_t *note, size_t capacity)
{
    const struct store_kept *kept = kept_find(store, kind, origin_hash);
    if (kept == NULL || kept->size > capacity)
        return 0;
    memcpy(note, kept->note, kept->size);
    return kept->size;
}

bool kept_at(const struct store *store, enum tally_kept kind, size_t index,
             struct tally_hash *origin_hash)
{
    for (size_t i = 0; i < store->kept_count; i++) {
        if (store->kept[i].kind != kind || index-- > 0)
            continue;
        *origin_hash = store->kept[i].origin_hash;
        return true;
    }
    return false;
}

void kept_free(struct store *store)
{
    for (size_t i = 0; i < store->kept_count; i++)
        free(store->kept[i].note);
    free(store->kept);
}

/* ---- On the worker. ---- */

static bool open_note(struct tally_bytes bytes, struct tally_checkpoint *checkpoint)
{
    struct tally_note note;
    return tally_note_read(bytes, &note) == TALLY_DROP_NONE &&
           tally_checkpoint_read(note.text, checkpoint) == TALLY_DROP_NONE;
}

/* Whether the note is what the action says, and may take the place of what is there. */
static enum tally_error may_follow(struct store *store, const struct job *job, const char *path)
{
    uint8_t held[TALLY_WITNESS_NOTE_MAX];
    size_t size = 0;
    struct tally_checkpoint next, before = {.size = 0};
    const struct tally_action *action = &job->action;
    if (!open_note(bytes_of(job->note, job->note_size), &next) || next.size != action->keep.size ||
        !hash_equal(&next.root, &action->keep.root))
        return TALLY_MISMATCH;
    enum tally_error error = disk_read(store->disk.root, path, held, sizeof held, &size);
    if (error == TALLY_NOT_FOUND)
        return action->keep.kind == TALLY_KEPT_COSIGNED || action->keep.old == 0 ? TALLY_OK
                                                                                 : TALLY_MISMATCH;
    if (error != TALLY_OK)
        return error;
    if (!open_note(bytes_of(held, size), &before))
        return action->keep.kind == TALLY_KEPT_COSIGNED ? TALLY_OK : TALLY_DAMAGED;
    bool grows = next.size > before.size ||
                 (next.size == before.size && hash_equal(&next.root, &before.root));
    bool same = action->keep.kind == TALLY_KEPT_COSIGNED || action->keep.old == before.size;
    return grows && same ? TALLY_OK : TALLY_MISMATCH;
}

enum tally_error kept_commit(struct store *store, struct job *job)
{
    char path[DISK_PATH_MAX];
    const struct tally_bytes note = bytes_of(job->note, job->note_size);
    kept_path(job->action.keep.kind, &job->action.keep.origin_hash, path);
    enum tally_error error = may_follow(store, job, path);
    if (error != TALLY_OK)
        return error;
    /* A note is small; on a full disk it takes the room that was kept for it. */
    do {
        error = disk_put(&store->disk, path, &note, 1);
        if (error == TALLY_OK)
            error = disk_flush(&store->disk);
        else
            disk_forget(&store->disk);
    } while (error == TALLY_FULL && reserve_spend(store));
    return error;
}

/* ---- At opening. ---- */

static enum tally_error load_one(struct store *store, enum tally_kept kind,
                                 const struct tally_hash *origin_hash)
{
    char path[DISK_PATH_MAX];
    size_t size;
    uint8_t *note = malloc(TALLY_WITNESS_NOTE_MAX);
    if (note == NULL)
        return TALLY_NO_MEMORY;
    kept_path(kind, origin_hash, path);
    enum tally_error error = disk_read(store->disk.root, path, note, TALLY_WITNESS_NOTE_MAX, &size);
    /* One that cannot be read is shown as empty: the node cosigns nothing for that log. */
    bool missing = error == TALLY_NOT_FOUND;
    if (error == TALLY_TOO_LARGE)
        size = 0;
    if (missing || (error != TALLY_OK && error != TALLY_TOO_LARGE) ||
        !kept_show(store, kind, origin_hash, note, size)) {
        free(note);
        return missing ? TALLY_OK : error != TALLY_OK ? error : TALLY_NO_MEMORY;
    }
    return TALLY_OK;
}

enum tally_error kept_load(struct store *store)
{
    enum tally_error error = TALLY_OK;
    for (size_t i = 0; i < store->log_count && error == TALLY_OK; i++)
        if (store->logs[i]->own)
            error = load_one(store, TALLY_KEPT_COSIGNED, &store->logs[i]->origin_hash);
    int fd = openat(store->disk.root, "witness", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL && fd >= 0)
        (void)close(fd);
    for (struct dirent *entry;
         folder != NULL && error == TALLY_OK && (entry = readdir(folder)) != NULL;) {
        struct tally_hash origin_hash;
        if (strlen(entry->d_name) == FOLDER_HEX &&
            hex_read(entry->d_name, origin_hash.bytes, sizeof origin_hash.bytes))
            error = load_one(store, TALLY_KEPT_WITNESSED, &origin_hash);
    }
    if (folder != NULL)
        (void)closedir(folder);
    return error;
}

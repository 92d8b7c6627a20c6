/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsck: everything on disk is read and checked anew, whatever the store believes. Each problem
 * names the file and says what is wrong with it.
 */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "core/federation/revocation.h"
#include "core/log/merkle.h"
#include "host/store/check.h"
#include "host/store/prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FULL = TALLY_TILE_WIDTH, SENTENCE_MAX = 240 };

__attribute__((format(printf, 3, 0))) static void say(struct check *check, const char *path,
                                                      const char *format, va_list values)
{
    char sentence[SENTENCE_MAX];
    vsnprintf(sentence, sizeof sentence, format, values);
    check->fsck->problems++;
    if (check->fsck->report != NULL)
        check->fsck->report(check->fsck->context, path, sentence);
}

void check_report(struct check *check, const char *name, const char *format, ...)
{
    char path[DISK_PATH_MAX];
    va_list values;
    folder_path(&check->log.folder, name, path);
    va_start(values, format);
    say(check, path, format, values);
    va_end(values);
}

/* The same with a path below the data directory. */
__attribute__((format(printf, 3, 4))) static void report_path(struct check *check, const char *path,
                                                              const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(check, path, format, values);
    va_end(values);
}

static bool exists(const struct check *check, const char *name)
{
    char path[DISK_PATH_MAX];
    folder_path(&check->log.folder, name, path);
    return faccessat(check->log.folder.root, path, F_OK, 0) == 0;
}

/* ---- Tiles above level 0, and the root ---- */

static void check_upper_tile(struct check *check, const struct tile *tile)
{
    struct tally_hash hashes[FULL], *below = check->room->hashes;
    char name[TILE_PATH_MAX];
    tile_path(tile, name);
    if (!folder_hashes(&check->log.folder, tile, hashes)) {
        check_report(check, name, "is missing or truncated");
        return;
    }
    for (unsigned i = 0; i < tile->width; i++) {
        struct tally_hash root;
        struct tile lower = {
            .level = tile->level - 1, .index = tile->index * FULL + i, .width = FULL};
        if (!folder_hashes(&check->log.folder, &lower, below))
            continue; /* Reported where that tile was checked. */
        merkle_fold(below, FULL, &root);
        if (hash_equal(&root, &hashes[i]))
            continue;
        check_report(check, name, "hash %u is not the root of the tile below it", i);
        return;
    }
}

static void check_tree(struct check *check)
{
    struct store_log *log = &check->log;
    for (unsigned level = 1; level <= TILE_LEVEL_MAX; level++) {
        struct tile tile = {.level = level};
        while ((tile.width = tile_width(log->size, level, tile.index)) > 0) {
            check_upper_tile(check, &tile);
            tile.index++;
        }
    }
    struct tally_hash root;
    uint64_t problems = check->fsck->problems;
    if (log->size > 0 && tree_fold(log, log->size, &root) == TALLY_OK &&
        !hash_equal(&root, &log->root))
        check_report(check, "checkpoint", "its root is not that of the %llu receipts%s",
                     (unsigned long long)log->size,
                     problems > 0 ? "" : ", which are whole: it is of another tree");
}

/* ---- Notes ---- */

static bool check_note(struct check *check, const char *name, uint64_t *size,
                       struct tally_hash *root)
{
    uint8_t *note = check->room->more_entries;
    struct tally_bytes bytes =
        bytes_of(note, folder_file(&check->log.folder, name, note, TALLY_NOTE_MAX));
    struct tally_checkpoint checkpoint;
    if (!log_checkpoint(&check->log, bytes, &checkpoint)) {
        check_report(check, name, "is not a checkpoint of this log signed by its key");
        return false;
    }
    *size = checkpoint.size;
    *root = checkpoint.root;
    return true;
}

static void check_signed(struct check *check)
{
    struct store_log *log = &check->log;
    bool there = exists(check, "signed");
    if (!there && log->own && log->size > 0)
        check_report(check, "signed", "is missing: it holds the last signed checkpoint");
    if (!there || !check_note(check, "signed", &log->signed_size, &log->signed_root))
        return;
    if (log->signed_size == log->size && !hash_equal(&log->signed_root, &log->root))
        check_report(check, "signed", "has the size of the checkpoint and another root");
    else if (log->signed_size < log->size)
        check_report(check, "signed", "is behind the checkpoint");
    else if (log->signed_size > log->durable)
        check_report(check, "signed",
                     "names %llu receipts, but there are %llu: the log was set back",
                     (unsigned long long)log->signed_size, (unsigned long long)log->durable);
}

/* ---- One log ---- */

/* What state.db says of the log: how many receipts there are beyond the checkpoint. */
static void look_at_state(struct check *check)
{
    struct store_log *log = &check->log;
    struct state *state = &check->store->state;
    struct state_row row = {0};
    struct state_span span = {0};
    log->durable = log->size;
    if (state->db == NULL || state_find_log(state, &log->origin_hash, &row) != TALLY_OK)
        return;
    log->id = row.id;
    if (!log->own)
        log->durable = row.staged > log->size ? row.staged : log->size;
    else if (state_pending_span(state, row.id, log->size, &span) == TALLY_OK && span.count > 0)
        log->durable = span.most + 1;
}

static void check_frozen(struct check *check)
{
    uint8_t mark[80];
    char path[DISK_PATH_MAX];
    struct tally_hash evidence;
    size_t size = folder_file(&check->log.folder, "frozen", mark, sizeof mark - 1);
    if (size == 0 && !exists(check, "frozen"))
        return;
    mark[size] = '\0';
    if (size > 0 && mark[size - 1] == '\n')
        mark[size - 1] = '\0';
    snprintf(path, sizeof path, "forks/%.64s", (const char *)mark);
    if (!hex_read((const char *)mark, evidence.bytes, sizeof evidence.bytes))
        check_report(check, "frozen", "does not name an evidence file");
    else if (faccessat(check->store->disk.root, path, F_OK, 0) != 0)
        report_path(check, path, "is missing: it proves the fork of %s", check->log.origin);
}

static void check_log(struct check *check, const char *hex)
{
    struct store_log *log = &check->log;
    bool known = log_identify(check->store, hex, log);
    if (!known && log->folder.hex[0] == '\0')
        return; /* Not a log's folder. */
    bool published = exists(check, "checkpoint");
    if (!known) {
        if (published || exists(check, "origin"))
            check_report(check, "origin", "is missing, or does not say whose log this is");
        return;
    }
    if (!prune_load(log))
        check_report(check, "pruned", "does not say how many bodies are not kept any more");
    check->fsck->logs++;
    check->chained = true;
    memset(&check->previous, 0, sizeof check->previous);
    if (published)
        check_note(check, "checkpoint", &log->size, &log->root);
    else if (exists(check, "signed"))
        check_report(check, "checkpoint", "is missing, but the log was signed");
    look_at_state(check);
    check_signed(check);
    check_receipts(check, log->own ? log->size : log->durable);
    check_tree(check);
    if (log->own && log->id != 0)
        check_pending(check);
    check_frozen(check);
}

/* ---- Evidence ---- */

/* What lies in a folder under the hash of its bytes; false if that is no name, or there is nothing
   to look at more closely: then it was reported. */
static bool read_named(struct check *check, const char *folder, const char *hex,
                       char path[DISK_PATH_MAX], struct tally_bytes *kept)
{
    uint8_t *bytes = check->room->more_entries;
    struct tally_hash name, hash;
    size_t size;
    if (!hex_read(hex, name.bytes, sizeof name.bytes))
        return false;
    snprintf(path, DISK_PATH_MAX, "%s/%.64s", folder, hex);
    if (disk_read(check->store->disk.root, path, bytes, sizeof check->room->more_entries, &size) !=
        TALLY_OK) {
        report_path(check, path, "cannot be read");
        return false;
    }
    *kept = bytes_of(bytes, size);
    hash_sha256(*kept, &hash);
    if (hash_equal(&hash, &name))
        return true;
    report_path(check, path, "is damaged: its name is the hash of other bytes");
    return false;
}

static void check_evidence(struct check *check, const char *hex)
{
    struct tally_bytes kept;
    struct tally_fork fork;
    char path[DISK_PATH_MAX];
    if (!read_named(check, "forks", hex, path, &kept))
        return;
    enum tally_drop drop = tally_fork_check(kept, NULL, &log_crypto, &fork);
    if (drop != TALLY_DROP_NONE && drop != TALLY_DROP_KEY)
        report_path(check, path, "does not prove a fork: %s", tally_drop_text(drop));
}

/* What was kept of a discrepancy proves no fork: it must be the bytes that were named. */
static void check_claim(struct check *check, const char *hex)
{
    struct tally_bytes kept;
    char path[DISK_PATH_MAX];
    (void)read_named(check, "discrepancies", hex, path, &kept);
}

static void check_revocation(struct check *check, const char *hex)
{
    struct tally_bytes kept;
    struct revocation revocation;
    char path[DISK_PATH_MAX];
    if (read_named(check, "revoked", hex, path, &kept) &&
        (revocation_read(kept, &revocation) != TALLY_DROP_NONE ||
         revocation_verify(&revocation, &log_crypto) != TALLY_DROP_NONE))
        report_path(check, path, "does not prove that a key is revoked");
}

/* ---- All ---- */

static void each_name(struct check *check, const char *folder,
                      void (*visit)(struct check *check, const char *name))
{
    struct dirent **names;
    int count = scandirat(check->store->disk.root, folder, &names, NULL, alphasort);
    if (count < 0) {
        report_path(check, folder, "is missing");
        return;
    }
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.')
            visit(check, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

enum tally_error store_fsck(struct store *store, struct store_fsck *fsck)
{
    struct check check = {.store = store, .fsck = fsck, .room = malloc(sizeof *check.room)};
    if (check.room == NULL)
        return TALLY_NO_MEMORY;
    fsck->logs = fsck->receipts = fsck->pending = fsck->pruned = fsck->problems = 0;
    for (size_t i = 0; i < store->log_count; i++)
        check.total += store->logs[i]->durable;
    if (store->state.db == NULL)
        report_path(&check, "state.db", "is missing or cannot be used");
    else if (!state_whole(&store->state))
        report_path(&check, "state.db", "is damaged");
    each_name(&check, "logs", check_log);
    each_name(&check, "forks", check_evidence);
    /* Directories of older versions have none until they are opened for writing. */
    if (faccessat(store->disk.root, "discrepancies", F_OK, 0) == 0)
        each_name(&check, "discrepancies", check_claim);
    if (store->revocations.count > 0)
        each_name(&check, "revoked", check_revocation);
    free(check.room);
    return fsck->problems == 0 ? TALLY_OK : TALLY_DAMAGED;
}

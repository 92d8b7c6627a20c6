/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/snapshot.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/inside.h"
#include "host/store/prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FULL = TALLY_TILE_WIDTH,
    PAGES = 4096,           /* Of the database a step. */
    FILE_LARGEST = 1 << 30, /* Of what is copied as it lies there. */
    DEPTH = 8,
};

struct shot {
    struct store *store; /* Read only. */
    struct store_snapshot *public;
    struct disk disk;   /* Of the folder it goes to. */
    struct state state; /* The copy. */
    struct scratch *room;
    uint64_t done, total;
    char path[DISK_PATH_MAX]; /* What could not be copied; "": nothing to name. */
};

/* Remembers what it was about, for the sentence. */
static enum tally_error of(struct shot *shot, const char *path, enum tally_error error)
{
    if (error != TALLY_OK && shot->path[0] == '\0')
        snprintf(shot->path, sizeof shot->path, "%s", path);
    return error;
}

static enum tally_error put(struct shot *shot, const char *path, struct tally_bytes bytes)
{
    return of(shot, path, disk_put(&shot->disk, path, &bytes, 1));
}

/* ---- state.db ---- */

static enum tally_error pour_pages(struct sqlite3 *from, struct sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code = SQLITE_OK;
    if (backup == NULL)
        return TALLY_IO;
    while (code == SQLITE_OK)
        code = sqlite3_backup_step(backup, PAGES);
    code = sqlite3_backup_finish(backup);
    struct state told = {.db = to};
    return code == SQLITE_OK ? TALLY_OK : state_error(&told);
}

/* In one read transaction: the node writes on, and the copy does not begin anew because of it. */
static enum tally_error copy_pages(struct shot *shot, const char *path)
{
    struct state *live = &shot->store->state;
    sqlite3 *to = NULL;
    if (sqlite3_exec(live->db, "BEGIN; SELECT count(*) FROM meta", NULL, NULL, NULL) != SQLITE_OK)
        return state_error(live);
    enum tally_error error = TALLY_NO_MEMORY;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    struct state told = {.db = NULL};
    int code = sqlite3_open_v2(path, &to, flags, NULL);
    told.db = to;
    if (to != NULL)
        error = code == SQLITE_OK ? pour_pages(live->db, to) : state_error(&told);
    (void)sqlite3_close(to);
    (void)sqlite3_exec(live->db, "COMMIT", NULL, NULL, NULL);
    return error;
}

static enum tally_error open_copy(struct shot *shot)
{
    char path[4200], ignored[256];
    if (shot->store->state.db == NULL)
        return of(shot, "state.db", TALLY_DAMAGED);
    if ((size_t)snprintf(path, sizeof path, "%s/state.db", shot->public->into) >= sizeof path)
        return TALLY_BAD_NAME;
    enum tally_error error = copy_pages(shot, path);
    if (error == TALLY_OK)
        error =
            state_open(&shot->state, NULL, shot->public->into, STATE_MAKE, ignored, sizeof ignored);
    return of(shot, "state.db", error);
}

/* As one file that can be read where nothing can be written; and as one that is no longer where it
   signed last, whatever the place it comes to says (store_past). */
static enum tally_error close_copy(struct shot *shot)
{
    static const char last[] = "INSERT OR REPLACE INTO meta VALUES('place', 0);"
                               "PRAGMA journal_mode = DELETE";
    enum tally_error error = TALLY_OK;
    if (sqlite3_exec(shot->state.db, last, NULL, NULL, NULL) != SQLITE_OK)
        error = state_error(&shot->state);
    state_close(&shot->state);
    return of(shot, "state.db", error);
}

/* ---- Files as they lie there ---- */

/* One that is gone meanwhile is no part of the picture. */
static enum tally_error copy_file(struct shot *shot, const char *path)
{
    struct stat about;
    int fd = openat(shot->store->disk.root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? TALLY_OK : of(shot, path, disk_error(errno));
    enum tally_error error = TALLY_OK;
    uint8_t *bytes = NULL;
    size_t got = 0;
    if (fstat(fd, &about) != 0)
        error = TALLY_IO;
    else if (!S_ISREG(about.st_mode))
        goto out;
    else if (about.st_size > FILE_LARGEST)
        error = TALLY_TOO_LARGE;
    else if ((bytes = malloc((size_t)about.st_size + 1)) == NULL)
        error = TALLY_NO_MEMORY;
    else if (!disk_read_at(fd, bytes, (size_t)about.st_size, 0, &got))
        error = TALLY_IO;
    if (error == TALLY_OK)
        error = put(shot, path, bytes_of(bytes, got));
out:
    free(bytes);
    (void)close(fd);
    return of(shot, path, error);
}

/* What a crash left beside, what is of this process or this disk, what is hidden. */
static bool is_passing(const char *name)
{
    size_t size = strlen(name);
    return name[0] == '.' || strcmp(name, "lock") == 0 ||
           (size > 4 && strcmp(name + size - 4, ".new") == 0);
}

static enum tally_error copy_folder(struct shot *shot, const char *folder, unsigned depth)
{
    struct dirent **names;
    int count = scandirat(shot->store->disk.root, folder, &names, NULL, alphasort);
    enum tally_error error = TALLY_OK;
    if (count < 0)
        return errno == ENOENT ? TALLY_OK : of(shot, folder, disk_error(errno));
    for (int i = 0; i < count; i++) {
        char path[DISK_PATH_MAX];
        struct stat about;
        int size = snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (error != TALLY_OK || is_passing(names[i]->d_name))
            (void)size;
        else if ((size_t)size + sizeof ".new" > sizeof path)
            error = of(shot, folder, TALLY_TOO_LARGE);
        else if (fstatat(shot->store->disk.root, path, &about, AT_SYMLINK_NOFOLLOW) != 0)
            error = errno == ENOENT ? TALLY_OK : of(shot, path, disk_error(errno));
        else if (S_ISDIR(about.st_mode))
            error = depth > 0 ? copy_folder(shot, path, depth - 1) : TALLY_OK;
        else
            error = copy_file(shot, path);
        free(names[i]);
    }
    free(names);
    return error;
}

/* ---- One log ---- */

/* The note at which the log is cut: of an own log the larger of the two, for a crash, or we, may
   have come between them. Its receipts are all in the files, for both orders of writing. */
static size_t read_note(struct shot *shot, struct store_log *log, uint8_t *note)
{
    uint8_t *other = shot->room->bodies;
    struct tally_checkpoint one = {.size = 0}, two = {.size = 0};
    size_t size = folder_file(&log->folder, "checkpoint", note, TALLY_NOTE_MAX);
    size_t more = log->own ? folder_file(&log->folder, "signed", other, TALLY_NOTE_MAX) : 0;
    if (size > 0 && !log_checkpoint(log, bytes_of(note, size), &one))
        return 0;
    if (more > 0 && !log_checkpoint(log, bytes_of(other, more), &two))
        return 0;
    if (more > 0 && (two.size > one.size || size == 0)) {
        memcpy(note, other, more);
        size = more;
        one = two;
    }
    log->size = one.size;
    return size;
}

static enum tally_error copy_tile(struct shot *shot, const struct store_log *log,
                                  const struct tile *tile)
{
    struct scratch *room = shot->room;
    char path[DISK_PATH_MAX];
    size_t size = 0;
    uint8_t *bytes = (uint8_t *)room->hashes;
    folder_tile_path(&log->folder, tile, path);
    if (tile->kind == TILE_ENTRIES)
        size = folder_bundle(&log->folder, tile, bytes = room->entries, sizeof room->entries);
    else if (tile->kind == TILE_BODIES)
        size = folder_bundle(&log->folder, tile, bytes = room->bodies, sizeof room->bodies);
    else if (folder_hashes(&log->folder, tile, room->hashes))
        size = tile->width * sizeof *room->hashes;
    if (size == 0)
        return of(shot, path, TALLY_DAMAGED);
    return put(shot, path, bytes_of(bytes, size));
}

static enum tally_error copy_receipts(struct shot *shot, const struct store_log *log)
{
    enum tally_error error = TALLY_OK;
    struct tile tile = {.index = 0};
    for (; error == TALLY_OK && (tile.width = tile_width(log->size, 0, tile.index)) > 0;
         tile.index++) {
        for (unsigned kind = TILE_HASHES; error == TALLY_OK && kind <= TILE_BODIES; kind++) {
            tile.kind = (enum tile_kind)kind;
            error = copy_tile(shot, log, &tile);
        }
        shot->done += tile.width;
        if (shot->public->progress != NULL)
            shot->public->progress(shot->public->context, shot->done,
                                   shot->total > shot->done ? shot->total : shot->done);
    }
    for (unsigned level = 1; error == TALLY_OK && level <= TILE_LEVEL_MAX; level++) {
        tile = (struct tile){.level = level};
        for (; error == TALLY_OK && (tile.width = tile_width(log->size, level, tile.index)) > 0;
             tile.index++)
            error = copy_tile(shot, log, &tile);
    }
    return error;
}

static enum tally_error copy_named(struct shot *shot, const struct store_log *log, const char *name)
{
    char path[DISK_PATH_MAX];
    folder_path(&log->folder, name, path);
    return copy_file(shot, path);
}

/* So far bodies may be gone; what is there of them goes when the copy is opened. */
static enum tally_error copy_pruned(struct shot *shot, struct store_log *log)
{
    char text[48], path[DISK_PATH_MAX];
    uint64_t erased = log->erased;
    if (!prune_load(log))
        return of(shot, "pruned", TALLY_DAMAGED);
    if (log->pruned == 0)
        return TALLY_OK;
    uint64_t to = log->pruned < log->size ? log->pruned : log->size;
    int size =
        snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", to, erased < to ? erased : to);
    folder_path(&log->folder, "pruned", path);
    return put(shot, path, bytes_of(text, (size_t)size));
}

/* What state.db says of receipts that were left out. */
static enum tally_error cut_row(struct shot *shot, const struct store_log *log)
{
    struct state_row row = {0};
    enum tally_error error = state_find_log(&shot->state, &log->origin_hash, &row);
    if (error == TALLY_NOT_FOUND)
        return TALLY_OK;
    if (error == TALLY_OK && row.staged > log->size)
        error = state_set_log(&shot->state, STATE_LOG_STAGED, row.id, log->size);
    return of(shot, "state.db", error);
}

static enum tally_error copy_notes(struct shot *shot, struct store_log *log, uint8_t *note)
{
    char path[DISK_PATH_MAX];
    enum tally_error error = copy_named(shot, log, "origin");
    if (error == TALLY_OK)
        error = copy_named(shot, log, "cosigned"); /* Of no larger tree than the note. */
    size_t size = read_note(shot, log, note);
    folder_path(&log->folder, "checkpoint", path);
    if (size == 0 && faccessat(log->folder.root, path, F_OK, 0) == 0)
        return of(shot, path, TALLY_DAMAGED);
    if (error == TALLY_OK && size > 0)
        error = put(shot, path, bytes_of(note, size));
    folder_path(&log->folder, "signed", path);
    if (error == TALLY_OK && size > 0 && log->own)
        error = put(shot, path, bytes_of(note, size));
    return error;
}

static enum tally_error copy_log(struct shot *shot, const char *hex, uint8_t *note)
{
    struct store_log log;
    char path[DISK_PATH_MAX];
    if (!log_identify(shot->store, hex, &log)) {
        if (log.folder.hex[0] == '\0')
            return TALLY_OK; /* Not a log's folder. */
        folder_path(&log.folder, "checkpoint", path);
        bool published = faccessat(log.folder.root, path, F_OK, 0) == 0;
        return published ? of(shot, path, TALLY_DAMAGED) : TALLY_OK;
    }
    enum tally_error error = copy_notes(shot, &log, note);
    if (error == TALLY_OK)
        error = copy_receipts(shot, &log);
    folder_path(&log.folder, "blob", path);
    if (error == TALLY_OK)
        error = copy_folder(shot, path, 0);
    if (error == TALLY_OK)
        error = copy_pruned(shot, &log);
    if (error == TALLY_OK)
        error = copy_named(shot, &log, "frozen");
    if (error == TALLY_OK)
        error = cut_row(shot, &log);
    shot->public->logs++;
    shot->public->receipts += log.size;
    return error;
}

static enum tally_error copy_logs(struct shot *shot)
{
    struct dirent **names;
    int count = scandirat(shot->store->disk.root, "logs", &names, NULL, alphasort);
    uint8_t *note = malloc(TALLY_NOTE_MAX);
    enum tally_error error = note == NULL ? TALLY_NO_MEMORY : TALLY_OK;
    if (count < 0) {
        free(note);
        return of(shot, "logs", disk_error(errno));
    }
    for (int i = 0; i < count; i++) {
        if (error == TALLY_OK)
            error = copy_log(shot, names[i]->d_name, note);
        free(names[i]);
    }
    free(names);
    free(note);
    return error;
}

/* ---- The whole ---- */

/* What is copied elsewhere, or not at all. */
static bool is_apart(const struct shot *shot, const char *name)
{
    static const char *const apart[] = {"logs", "forks",    "discrepancies", "revoked",
                                        "keys", "incoming", "reserve"};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (strcmp(name, apart[i]) == 0)
            return true;
    return strncmp(name, "state.db", 8) == 0 || strcmp(name, shot->public->unfinished) == 0;
}

static enum tally_error copy_rest(struct shot *shot)
{
    struct dirent **names;
    int count = scandirat(shot->store->disk.root, ".", &names, NULL, alphasort);
    enum tally_error error = TALLY_OK;
    if (count < 0)
        return disk_error(errno);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        struct stat about;
        bool wanted = error == TALLY_OK && !is_passing(name) && !is_apart(shot, name) &&
                      strlen(name) < DISK_PATH_MAX / 2 &&
                      fstatat(shot->store->disk.root, name, &about, AT_SYMLINK_NOFOLLOW) == 0;
        if (wanted && S_ISDIR(about.st_mode))
            error = copy_folder(shot, name, DEPTH);
        else if (wanted && S_ISREG(about.st_mode))
            error = copy_file(shot, name);
        free(names[i]);
    }
    free(names);
    return error;
}

/* Folders every directory has, empty or not, and evidence behind the logs that were frozen by it.
 */
static enum tally_error copy_evidence(struct shot *shot)
{
    static const char *const names[] = {"forks", "discrepancies", "revoked"};
    enum tally_error error = disk_folder(&shot->disk, "logs");
    for (size_t i = 0; error == TALLY_OK && i < sizeof names / sizeof *names; i++) {
        error = disk_folder(&shot->disk, names[i]);
        if (error == TALLY_OK)
            error = copy_folder(shot, names[i], 0);
    }
    return error;
}

static enum tally_error take(struct shot *shot)
{
    enum tally_error error = open_copy(shot);
    if (error == TALLY_OK)
        error = copy_logs(shot);
    if (shot->state.db != NULL && error == TALLY_OK)
        error = close_copy(shot);
    else
        state_close(&shot->state);
    if (error == TALLY_OK)
        error = copy_evidence(shot);
    if (error == TALLY_OK)
        error = copy_rest(shot);
    return error == TALLY_OK ? disk_flush(&shot->disk) : error;
}

enum tally_error store_snapshot(struct store *store, struct store_snapshot *snapshot, char *message,
                                size_t size)
{
    struct shot *shot = calloc(1, sizeof *shot);
    enum tally_error error = TALLY_NO_MEMORY;
    snapshot->logs = snapshot->receipts = 0;
    if (shot == NULL || (shot->room = malloc(sizeof *shot->room)) == NULL)
        goto out;
    shot->store = store;
    shot->public = snapshot;
    for (size_t i = 0; i < store->log_count; i++)
        shot->total += store->logs[i]->size;
    shot->disk.root = open(snapshot->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = shot->disk.root < 0 ? disk_error(errno) : take(shot);
    disk_end(&shot->disk);
out:
    if (error != TALLY_OK)
        snprintf(message, size, "%s%s%s cannot be copied: %s%s", store->dir,
                 shot != NULL && shot->path[0] != '\0' ? "/" : "", shot != NULL ? shot->path : "",
                 tally_error_text(error), error == TALLY_DAMAGED ? "; run tally fsck" : "");
    if (shot != NULL)
        free(shot->room);
    free(shot);
    return error;
}

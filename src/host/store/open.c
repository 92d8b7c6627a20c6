/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: whose it is, who holds it, which layout it has; and its smaller files. */
#include "core/base/bytes.h"
#include "host/store/evidence.h"
#include "host/store/inside.h"
#include "host/store/kept.h"
#include "host/store/prune.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* An opening under way, with room for the sentence that ends it. */
struct opening {
    struct store *store;
    char *message;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static enum tally_error
refuse(const struct opening *opening, enum tally_error error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(opening->message, opening->size, format, values);
    va_end(values);
    return error;
}

static enum tally_error refuse_errno(const struct opening *opening, const char *what)
{
    enum tally_error error = disk_error(errno);
    return refuse(opening, error, "%s%s%s: %s", opening->store->dir, *what != '\0' ? "/" : "", what,
                  strerror(errno));
}

/* ---- The directory ---- */

/* flock and SQLite's shared memory do not hold across machines. */
static bool is_remote(int fd)
{
    struct statfs about;
    if (fstatfs(fd, &about) != 0)
        return false;
    static const unsigned long remote[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                           CIFS_SUPER_MAGIC, AFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
                                           CEPH_SUPER_MAGIC, V9FS_MAGIC};
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (((unsigned long)about.f_type & 0xffffffff) == remote[i])
            return true;
    return false;
}

static bool is_empty(const char *dir)
{
    return rmdir(dir) == 0 && mkdir(dir, 0700) == 0;
}

/* A new directory's name is durable with the folder above it, if we may open that. */
static void keep_name(int root)
{
    int above = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0) {
        fsync(above);
        close(above);
    }
}

static enum tally_error open_root(const struct opening *opening)
{
    struct store *store = opening->store;
    bool made = !store->read_only && mkdir(store->dir, 0700) == 0;
    if (!store->read_only && !made && errno != EEXIST)
        return refuse_errno(opening, "");
    struct stat about;
    if (stat(store->dir, &about) != 0)
        return refuse_errno(opening, "");
    if (!S_ISDIR(about.st_mode))
        return refuse(opening, TALLY_BAD_NAME, "%s is not a directory", store->dir);
    if (about.st_uid != geteuid() && !store->foreign)
        return refuse(opening, TALLY_PERMISSION,
                      "%s belongs to user %u, not to %u: run tally as its owner", store->dir,
                      (unsigned)about.st_uid, (unsigned)geteuid());
    /* One that somebody has just made for us may as well be made anew with the right mode. */
    if ((about.st_mode & 077) != 0 && !store->foreign &&
        (store->read_only || !is_empty(store->dir)))
        return refuse(opening, TALLY_PERMISSION, "%s is %04o, open to others: chmod 700 %s",
                      store->dir, (unsigned)about.st_mode & 07777, store->dir);
    store->disk.root = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->disk.root < 0)
        return refuse_errno(opening, "");
    if (made)
        keep_name(store->disk.root);
    if (is_remote(store->disk.root) && !store->foreign)
        return refuse(opening, TALLY_PERMISSION,
                      "%s is on a network file system, where locks do not hold: use a local disk",
                      store->dir);
    return TALLY_OK;
}

static long read_pid(int root)
{
    uint8_t text[64] = "";
    size_t size;
    if (disk_read(root, "lock", text, sizeof text - 1, &size) != TALLY_OK)
        return 0;
    return strtol((const char *)text, NULL, 10);
}

static enum tally_error take_lock(const struct opening *opening)
{
    struct store *store = opening->store;
    store->lock = openat(store->disk.root, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0)
        return refuse_errno(opening, "lock");
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return refuse_errno(opening, "lock");
        return refuse(opening, TALLY_LOCKED, "%s is held by process %ld: stop it first", store->dir,
                      read_pid(store->disk.root));
    }
    char text[64];
    int size = snprintf(text, sizeof text, "%ld %lld\n", (long)getpid(), (long long)time(NULL));
    /* For the message only: a full disk does not stop a node that wants to be read. */
    if (ftruncate(store->lock, 0) != 0 || pwrite(store->lock, text, (size_t)size, 0) != size)
        return disk_error(errno) == TALLY_IO ? refuse_errno(opening, "lock") : TALLY_OK;
    return TALLY_OK;
}

long store_holder(const char *dir)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/lock", dir) >= sizeof path)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long pid = 0;
    char text[64] = "";
    if (flock(fd, LOCK_SH | LOCK_NB) != 0 && pread(fd, text, sizeof text - 1, 0) > 0)
        pid = strtol(text, NULL, 10);
    close(fd);
    return pid;
}

/* ---- The layout ---- */

static enum tally_error check_version(const struct opening *opening, bool *current)
{
    uint8_t text[128] = "";
    size_t size;
    enum tally_error error =
        disk_read(opening->store->disk.root, "version", text, sizeof text - 1, &size);
    *current = false;
    if (error == TALLY_NOT_FOUND)
        return TALLY_OK;
    int layout = 0, used = 0;
    char by[32] = "";
    if (error != TALLY_OK ||
        sscanf((const char *)text, "layout %d, tally %31[0-9A-Za-z.+-]\n%n", &layout, by, &used) !=
            2 ||
        (size_t)used != size || layout < 1)
        return refuse(opening, TALLY_DAMAGED,
                      "%s/version is damaged; it should read: layout %d, "
                      "tally " TALLY_VERSION,
                      opening->store->dir, STORE_LAYOUT);
    if (layout > STORE_LAYOUT)
        return refuse(opening, TALLY_NEWER,
                      "%s was written by tally %s (layout %d); this is " TALLY_VERSION
                      " (layout %d): install %s or newer",
                      opening->store->dir, by, layout, STORE_LAYOUT, by);
    *current = layout == STORE_LAYOUT && strcmp(by, TALLY_VERSION) == 0;
    return TALLY_OK;
}

static enum tally_error write_version(struct disk *disk)
{
    char text[64];
    int size = snprintf(text, sizeof text, "layout %d, tally %s\n", STORE_LAYOUT, TALLY_VERSION);
    struct tally_bytes part = bytes_of(text, (size_t)size);
    enum tally_error error = disk_put(disk, "version", &part, 1);
    return error == TALLY_OK ? disk_flush(disk) : error;
}

static enum tally_error make_folders(struct disk *disk)
{
    static const char *const names[] = {"logs", "forks", "discrepancies", "revoked", "incoming"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum tally_error error = disk_folder(disk, names[i]);
        if (error != TALLY_OK)
            return error;
    }
    return disk_flush(disk);
}

/* ---- The reserve ---- */

bool reserve_spend(struct store *store)
{
    return unlinkat(store->disk.root, "reserve", 0) == 0;
}

enum tally_error reserve_keep(struct store *store)
{
    if (faccessat(store->disk.root, "reserve", F_OK, 0) == 0)
        return TALLY_OK;
    int fd = openat(store->disk.root, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return disk_error(errno);
    int failed = posix_fallocate(fd, 0, STORE_RESERVE);
    close(fd);
    if (failed == 0)
        return TALLY_OK;
    unlinkat(store->disk.root, "reserve", 0);
    return disk_error(failed);
}

bool store_writable(struct store *store, uint64_t *missing_bytes)
{
    struct statvfs about;
    if (missing_bytes != NULL)
        *missing_bytes = 0;
    if (store->read_only || store->disk.broken)
        return false;
    /* A file system that does not count its blocks is taken at its word: writes will tell. */
    if (store->min_free == 0 || fstatvfs(store->disk.root, &about) != 0 || about.f_blocks == 0)
        return true;
    uint64_t available = (uint64_t)about.f_bavail * about.f_frsize;
    if (available >= store->min_free)
        return true;
    if (missing_bytes != NULL)
        *missing_bytes = store->min_free - available;
    return false;
}

/* ---- Opening and closing ---- */

static enum tally_error prepare(const struct opening *opening)
{
    struct store *store = opening->store;
    bool current;
    if (store->foreign && !store->backup)
        return TALLY_OK; /* A database that somebody else wrote is not opened. */
    if (!store->backup && faccessat(store->disk.root, STORE_RESTORING, F_OK, 0) == 0)
        return refuse(opening, TALLY_DAMAGED,
                      "a backup was being put back into %s and that did not end: repeat tally "
                      "backup restore",
                      store->dir);
    enum tally_error error = check_version(opening, &current);
    if (error != TALLY_OK)
        return error;
    if (store->read_only) {
        /* Without it only files are seen; fsck tells why. */
        if (state_open(&store->state, NULL, store->dir, STATE_SHOW, opening->message,
                       opening->size) == TALLY_OK &&
            state_open(&store->loop_state, NULL, store->dir, STATE_SHOW, opening->message,
                       opening->size) != TALLY_OK)
            state_close(&store->state);
        return TALLY_OK;
    }
    error = make_folders(&store->disk);
    if (error == TALLY_OK && !current)
        error = write_version(&store->disk);
    if (error == TALLY_OK)
        error = state_open(&store->state, &store->disk, store->dir, STATE_MAKE, opening->message,
                           opening->size);
    if (error == TALLY_OK)
        error = state_open(&store->loop_state, NULL, store->dir, STATE_SHOW, opening->message,
                           opening->size);
    if (error != TALLY_OK)
        return error;
    disk_sweep(store->disk.root, "incoming", false);
    /* No room for the reserve is no reason to stay away: it is tried again with each batch. */
    if (reserve_keep(store) != TALLY_OK)
        reserve_spend(store);
    return TALLY_OK;
}

/* The loop begins with what the worker read. */
static void show_all(struct store *store)
{
    for (size_t i = 0; i < store->log_count; i++) {
        struct store_log *log = store->logs[i];
        store->views[store->view_count++] = (struct store_view){.log = log,
                                                                .frozen = log->frozen,
                                                                .size = log->size,
                                                                .durable = log->durable,
                                                                .fetched = log->fetched,
                                                                .pruned = log->pruned,
                                                                .root = log->root,
                                                                .note = log->note,
                                                                .note_size = log->note_size};
        log->note = NULL;
    }
}

static enum tally_error open_all(const struct opening *opening)
{
    struct store *store = opening->store;
    store->work = malloc(sizeof *store->work);
    store->show = malloc(sizeof *store->show);
    if (store->dir == NULL || store->work == NULL || store->show == NULL)
        return TALLY_NO_MEMORY;
    enum tally_error error = open_root(opening);
    if (error == TALLY_OK && !store->read_only)
        error = take_lock(opening);
    if (error == TALLY_OK)
        error = prepare(opening);
    if (error == TALLY_OK)
        error = log_load_all(store, opening->message, opening->size);
    if (error == TALLY_OK && !store->read_only)
        prune_finish_all(store);
    if (error == TALLY_OK)
        error = evidence_list(store);
    if (error == TALLY_OK)
        error = kept_load(store);
    if (error == TALLY_OK)
        show_all(store);
    return error;
}

enum tally_error store_open(const struct store_options *options, struct store **opened,
                            char *message, size_t size)
{
    *opened = NULL;
    if (size > 0)
        message[0] = '\0';
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return TALLY_NO_MEMORY;
    store->dir = strdup(options->dir);
    store->read_only = options->read_only;
    store->foreign = options->foreign && options->read_only;
    store->backup = store->foreign && options->backup;
    store->has_key = options->key != NULL;
    if (store->has_key)
        store->key = *options->key;
    store->min_free = options->min_free_bytes;
    store->lock = store->disk.root = -1;
    const struct opening opening = {.store = store, .message = message, .size = size};
    enum tally_error error = open_all(&opening);
    if (error != TALLY_OK) {
        if (size > 0 && message[0] == '\0')
            snprintf(message, size, "%s: %s", options->dir, tally_error_text(error));
        store_close(store);
        return error;
    }
    *opened = store;
    return TALLY_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < STORE_UPLOADS; i++)
        upload_release(store, store->uploads[i].package);
    state_close(&store->loop_state);
    state_close(&store->state);
    for (size_t i = 0; i < store->view_count; i++)
        free(store->views[i].note);
    for (size_t i = 0; i < store->log_count; i++) {
        free(store->logs[i]->note);
        free(store->logs[i]);
    }
    if (store->lock >= 0)
        close(store->lock);
    disk_end(&store->disk);
    evidence_free(store);
    kept_free(store);
    free(store->work);
    free(store->show);
    free(store->dir);
    free(store);
}

/* A number of state.db; false without one, or on an error, which *error tells. */
static bool meta_read(struct state *state, const char *name, int64_t *value,
                      enum tally_error *error)
{
    sqlite3_stmt *read = state_use(state, STATE_META_READ);
    *error = read == NULL ? state_error(state) : TALLY_OK;
    if (read == NULL)
        return false;
    sqlite3_bind_text(read, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(read);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(read, 0);
    sqlite3_reset(read);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        *error = state_error(state);
    return code == SQLITE_ROW;
}

static enum tally_error meta_write(struct state *state, const char *name, int64_t value)
{
    sqlite3_stmt *write = state_use(state, STATE_META_WRITE);
    if (write == NULL)
        return state_error(state);
    sqlite3_bind_text(write, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(write, 2, value);
    return state_run(state, write);
}

enum tally_error store_epoch(struct store *store, int64_t now_s, uint32_t *epoch)
{
    enum tally_error error;
    int64_t next = 0;
    if (store->read_only)
        return TALLY_READ_ONLY;
    next = meta_read(&store->state, "epoch", &next, &error) ? next + 1 : 1;
    if (error != TALLY_OK)
        return error;
    /* Our own clock may be wrong; 32 bits must not run out because of it. */
    if (now_s > next && now_s <= UINT32_MAX)
        next = now_s;
    if (next > UINT32_MAX)
        return TALLY_TOO_LARGE;
    *epoch = (uint32_t)next;
    return meta_write(&store->state, "epoch", next);
}

/* ---- Where it signed last. ---- */

/* The file `version` is written when the directory is made, and by no release since. Its time of
   change is the kernel's: no copy has it. Never 0. */
static int64_t place_of(const struct store *store)
{
    struct stat status;
    if (fstatat(store->disk.root, "version", &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    uint64_t place = (uint64_t)status.st_ino * UINT64_C(0x9e3779b97f4a7c15);
    place ^=
        (uint64_t)status.st_ctim.tv_sec * UINT64_C(1000000000) + (uint64_t)status.st_ctim.tv_nsec;
    return (int64_t)(place >> 1 | 1);
}

enum tally_past store_past(struct store *store)
{
    enum tally_error error;
    int64_t place = 0;
    if (!meta_read(&store->state, "place", &place, &error))
        return error == TALLY_OK ? TALLY_PAST_UNKNOWN : TALLY_PAST_COPY;
    return place != 0 && place == place_of(store) ? TALLY_PAST_OWN : TALLY_PAST_COPY;
}

enum tally_error store_vouch(struct store *store, bool last)
{
    if (store->read_only)
        return TALLY_READ_ONLY;
    return meta_write(&store->state, "place", last ? place_of(store) : 0);
}

bool store_folder(const struct store *store, const struct tally_hash *origin, char *path,
                  size_t size)
{
    struct folder folder;
    folder_init(&folder, store->disk.root, origin);
    return (size_t)snprintf(path, size, "%s/logs/%s", store->dir, folder.hex) < size;
}

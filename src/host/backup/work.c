/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/work.h"

#include "core/base/bytes.h"
#include "host/backup/archive.h"
#include "host/backup/sealed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum tally_error work_failed(const char *path, struct complaint *complaint)
{
    int code = errno;
    return complain(complaint, complaint_of_errno(code), "%s: %s", path, strerror(code));
}

/* ---- Small files ---- */

enum tally_error work_put(int root, const char *name, struct tally_bytes bytes,
                          struct complaint *complaint)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0;
    for (size_t done = 0; good && done < bytes.size;) {
        ssize_t got = write(fd, bytes.data + done, bytes.size - done);
        good = got > 0;
        done += good ? (size_t)got : 0;
    }
    good = good && fsync(fd) == 0 && fsync(root) == 0;
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = code;
    return good ? TALLY_OK : work_failed(name, complaint);
}

uint8_t *work_get(int root, const char *name, size_t most, size_t *size,
                  struct complaint *complaint)
{
    struct stat about;
    uint8_t *bytes = NULL;
    int fd = openat(root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *size = 0;
    if (fd < 0 || fstat(fd, &about) != 0) {
        (void)work_failed(name, complaint);
    } else if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > most) {
        (void)complain(complaint, TALLY_DAMAGED, "%s is no file of a backup, or too large", name);
    } else if ((bytes = malloc((size_t)about.st_size + 1)) == NULL) {
        (void)complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    } else {
        ssize_t got = 1;
        while (*size < (size_t)about.st_size && got > 0) {
            got = read(fd, bytes + *size, (size_t)about.st_size - *size);
            *size += got > 0 ? (size_t)got : 0;
        }
        if (got < 0) {
            (void)work_failed(name, complaint);
            free(bytes);
            bytes = NULL;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    return bytes;
}

/* ---- A folder that is filled ---- */

static bool has(const struct work *work, const char *name)
{
    return faccessat(work->root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether there is nothing in it that we must not touch. lost+found is of the file system. */
static bool is_free(const struct work *work)
{
    int fd = openat(work->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool free = folder != NULL;
    if (folder == NULL && fd >= 0)
        (void)close(fd);
    for (struct dirent *name; free && (name = readdir(folder)) != NULL;)
        free = strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0 ||
               (work->keep != NULL && strcmp(name->d_name, work->keep) == 0);
    if (folder != NULL)
        (void)closedir(folder);
    return free;
}

static void clear(const struct work *work)
{
    const char *const but[] = {work->mark, work->keep};
    (void)tree_clear(work->root, but, work->keep == NULL ? 1 : 2);
}

/* The mark is a lock as well, and goes last. */
static enum tally_error take_mark(struct work *work, struct complaint *complaint)
{
    bool left = has(work, work->mark);
    if (!left && !is_free(work))
        return complain(complaint, TALLY_IN_USE,
                        "%s is not empty: name a folder that is empty or not there", work->path);
    work->lock = openat(work->root, work->mark, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (work->lock < 0)
        return work_failed(work->path, complaint);
    if (flock(work->lock, LOCK_EX | LOCK_NB) != 0) {
        (void)close(work->lock);
        work->lock = -1;
        return complain(complaint, TALLY_LOCKED, "somebody else is writing into %s", work->path);
    }
    clear(work);
    if (fsync(work->lock) != 0 || fsync(work->root) != 0)
        return work_failed(work->path, complaint);
    return TALLY_OK;
}

static void sync_above(int root)
{
    int above = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0) {
        (void)fsync(above);
        (void)close(above);
    }
}

enum tally_error work_begin(struct work *work, struct complaint *complaint)
{
    work->root = work->lock = -1;
    work->made = mkdir(work->path, 0700) == 0;
    if (!work->made && errno != EEXIST)
        return work_failed(work->path, complaint);
    work->root = open(work->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->root < 0)
        return work_failed(work->path, complaint);
    enum tally_error error = take_mark(work, complaint);
    if (error == TALLY_OK && work->made)
        sync_above(work->root);
    return error;
}

enum tally_error work_finish(struct work *work, struct complaint *complaint)
{
    if (syncfs(work->root) != 0 || unlinkat(work->root, work->mark, 0) != 0 ||
        fsync(work->root) != 0)
        return work_failed(work->path, complaint);
    sync_above(work->root);
    (void)close(work->lock);
    work->lock = -1;
    return TALLY_OK;
}

void work_end(struct work *work)
{
    if (work->lock >= 0) {
        clear(work);
        (void)unlinkat(work->root, work->mark, 0);
        (void)close(work->lock);
        if (work->made || work->ours)
            (void)rmdir(work->path);
    }
    if (work->root >= 0)
        (void)close(work->root);
    work->root = work->lock = -1;
}

/* ---- A backup that is read ---- */

static enum tally_error read_list(struct stock *stock, struct complaint *complaint)
{
    size_t size;
    if (faccessat(stock->fd, BACKUP_UNFINISHED, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return complain(complaint, TALLY_DAMAGED,
                        "%s was not finished when it was made: make it again", stock->path);
    if (faccessat(stock->fd, MANIFEST_FILE, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return complain(complaint, TALLY_DAMAGED,
                        "%s is no backup of Tally: there is no " MANIFEST_FILE " in it",
                        stock->path);
    uint8_t *text = work_get(stock->fd, MANIFEST_FILE, MANIFEST_MAX, &size, complaint);
    if (text == NULL)
        return complaint->error;
    enum tally_error error = manifest_read(bytes_of(text, size), &stock->manifest, complaint);
    free(text);
    return error;
}

enum tally_error stock_open(struct stock *stock, const char *path, struct complaint *complaint)
{
    struct stat about;
    *stock = (struct stock){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (stock->fd < 0 || fstat(stock->fd, &about) != 0)
        return work_failed(path, complaint);
    stock->folder = S_ISDIR(about.st_mode);
    if (stock->folder)
        return read_list(stock, complaint);
    if (!S_ISREG(about.st_mode))
        return complain(complaint, TALLY_DAMAGED, "%s is neither a file nor a folder", path);
    return archive_manifest(stock->fd, &stock->manifest, complaint);
}

enum tally_error stock_read(struct stock *stock, manifest_take *take, void *context,
                            struct complaint *complaint)
{
    if (stock->folder)
        return manifest_compare(&stock->manifest, stock->fd, take, context, complaint);
    manifest_free(&stock->manifest);
    if (lseek(stock->fd, 0, SEEK_SET) != 0)
        return work_failed(stock->path, complaint);
    return archive_read(stock->fd, &stock->manifest, take, context, complaint);
}

void stock_close(struct stock *stock)
{
    manifest_free(&stock->manifest);
    if (stock->fd >= 0)
        (void)close(stock->fd);
    stock->fd = -1;
}

/* ---- Unpacking ---- */

enum tally_error unpack_folders(struct unpack *unpack)
{
    static const char *const names[] = {"logs", "forks", "discrepancies", "revoked", "incoming"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mkdirat(unpack->root, names[i], 0700) != 0 && errno != EEXIST)
            return work_failed(names[i], unpack->complaint);
    return TALLY_OK;
}

static enum tally_error open_file(struct unpack *unpack, const char *path)
{
    char folder[TREE_PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        if (mkdirat(unpack->root, folder, 0700) != 0 && errno != EEXIST)
            return work_failed(path, unpack->complaint);
    }
    unpack->file =
        openat(unpack->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    unpack->path = path;
    return unpack->file < 0 ? work_failed(path, unpack->complaint) : TALLY_OK;
}

static enum tally_error keep_sealed(struct unpack *unpack, struct tally_bytes bytes)
{
    if (unpack->box == NULL)
        unpack->box = malloc(SEALED_TEXT_MAX);
    if (unpack->box == NULL || bytes.size > SEALED_TEXT_MAX - unpack->sealed.size)
        return complain(unpack->complaint, TALLY_DAMAGED, "the keys of the backup are too large");
    if (bytes.size > 0)
        memcpy(unpack->box + unpack->sealed.size, bytes.data, bytes.size);
    unpack->sealed = bytes_of(unpack->box, unpack->sealed.size + bytes.size);
    return TALLY_OK;
}

enum tally_error unpack_take(void *context, const struct manifest_file *file,
                             struct tally_bytes bytes)
{
    struct unpack *unpack = context;
    if (strcmp(file->path, MANIFEST_SEALED) == 0)
        return keep_sealed(unpack, bytes);
    enum tally_error error = TALLY_OK;
    if (unpack->root < 0)
        return TALLY_OK;
    if (unpack->file < 0)
        error = open_file(unpack, file->path);
    while (error == TALLY_OK && bytes.size > 0) {
        ssize_t done = write(unpack->file, bytes.data, bytes.size);
        if (done <= 0)
            return work_failed(file->path, unpack->complaint);
        bytes = bytes_of(bytes.data + done, bytes.size - (size_t)done);
        if (bytes.size == 0)
            return TALLY_OK;
    }
    if (error == TALLY_OK) { /* It was whole. */
        (void)close(unpack->file);
        unpack->file = -1;
    }
    return error;
}

void unpack_end(struct unpack *unpack)
{
    if (unpack->file >= 0)
        (void)close(unpack->file);
    free(unpack->box);
    *unpack = (struct unpack){.root = -1, .file = -1};
}

/* ---- Verifying ---- */

struct verifying {
    const struct backup_options *options;
    struct complaint *complaint;
    bool told;
};

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    const struct verifying *verifying = context;
    if (verifying->options->progress != NULL)
        verifying->options->progress(verifying->options->context, BACKUP_CHECKS, done, total);
}

static void on_problem(void *context, const char *path, const char *sentence)
{
    struct verifying *verifying = context;
    if (!verifying->told)
        (void)complain(verifying->complaint, TALLY_DAMAGED, "%s %s", path, sentence);
    verifying->told = true;
}

enum tally_error work_verify(const char *folder, const struct tally_key *node,
                             const struct backup_options *options, struct backup_about *about,
                             struct complaint *complaint)
{
    struct verifying verifying = {options, complaint, false};
    struct store_fsck fsck = {.context = &verifying, .progress = on_progress, .report = on_problem};
    const struct store_options opening = {
        .dir = folder, .key = node, .read_only = true, .foreign = true, .backup = true};
    char sentence[COMPLAINT_MAX];
    struct store *store;
    enum tally_error error = store_open(&opening, &store, sentence, sizeof sentence);
    if (error != TALLY_OK)
        return complain(complaint, error, "%s", sentence);
    error = store_fsck(store, &fsck);
    store_close(store);
    if (error != TALLY_OK && !verifying.told)
        (void)complain(complaint, error, "%s: %s", folder, tally_error_text(error));
    about->logs = fsck.logs;
    about->receipts = fsck.receipts;
    about->pending = fsck.pending;
    about->pruned = fsck.pruned;
    return error;
}

void work_tell(const struct manifest *manifest, struct backup_about *about)
{
    about->node = manifest->node;
    about->made_s = manifest->made_s;
    about->sealed = manifest->sealed;
    about->files = manifest->count;
    about->bytes = manifest->bytes;
    (void)snprintf(about->version, sizeof about->version, "%s", manifest->version);
}

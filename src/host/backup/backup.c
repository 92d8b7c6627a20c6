/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/backup.h"

#include "core/base/bytes.h"
#include "host/backup/archive.h"
#include "host/backup/sealed.h"
#include "host/backup/work.h"
#include "host/config/keys.h"
#include "host/store/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PACKED "archive" /* In the work folder, before it gets its name. */

struct create {
    const char *path;
    const struct backup_options *options;
    struct backup_about *about;
    struct complaint *complaint;
    struct store *store;
    struct keys *keys;
    struct work work;
    struct manifest manifest;
};

/* ---- Where it goes ---- */

static bool is_folder(const char *path)
{
    struct stat about;
    size_t size = strlen(path);
    return (size > 0 && path[size - 1] == '/') ||
           (stat(path, &about) == 0 && S_ISDIR(about.st_mode));
}

/* A backup in what it is made of would grow with each; and it is lost with the disk. */
static bool is_inside(const char *data, const char *folder)
{
    char one[PATH_MAX], other[PATH_MAX];
    if (realpath(data, one) == NULL || realpath(folder, other) == NULL)
        return false;
    size_t size = strlen(one);
    return strncmp(one, other, size) == 0 && (other[size] == '/' || other[size] == '\0');
}

static enum tally_error begin(struct create *create)
{
    const char *path = create->path;
    struct stat status;
    create->about->folder = is_folder(path);
    create->work.ours = !create->about->folder;
    if ((size_t)snprintf(create->work.path, sizeof create->work.path, "%s%s", path,
                         create->about->folder ? "" : ".partial") >= sizeof create->work.path)
        return complain(create->complaint, TALLY_TOO_LARGE, "the path %.60s... is too long", path);
    enum tally_error error = work_begin(&create->work, create->complaint);
    /* What a killed call left beside a file that it had ended goes all the same. */
    if (error == TALLY_OK && !create->about->folder && lstat(path, &status) == 0)
        error = complain(create->complaint, TALLY_IN_USE,
                         "%s is there already: name a file that is not", path);
    if (error == TALLY_OK && is_inside(create->options->data, create->work.path))
        error = complain(create->complaint, TALLY_BAD_NAME,
                         "%s is in the data directory itself: name a place on another disk", path);
    return error;
}

/* ---- What goes there ---- */

static void on_copied(void *context, uint64_t done, uint64_t total)
{
    const struct backup_options *options = context;
    if (options->progress != NULL)
        options->progress(options->context, BACKUP_COPIES, done, total);
}

static enum tally_error copy(struct create *create)
{
    char sentence[COMPLAINT_MAX];
    struct store_snapshot snapshot = {.into = create->work.path,
                                      .unfinished = BACKUP_UNFINISHED,
                                      .context = (void *)create->options,
                                      .progress = on_copied};
    enum tally_error error = store_snapshot(create->store, &snapshot, sentence, sizeof sentence);
    return error == TALLY_OK ? TALLY_OK : complain(create->complaint, error, "%s", sentence);
}

static enum tally_error seal_keys(struct create *create, const struct passphrase *passphrase)
{
    struct sealed *sealed;
    enum tally_error error = sealed_gather(create->options->data, &sealed, create->complaint);
    if (error != TALLY_OK)
        return error;
    char *text = sealed_write(sealed, passphrase, create->complaint);
    sealed_free(sealed);
    error = text == NULL
                ? create->complaint->error
                : work_put(create->work.root, MANIFEST_SEALED, bytes_text(text), create->complaint);
    free(text);
    return error;
}

/* What was written is read again; then, and only then, the list says that it is whole. */
static enum tally_error verify_and_list(struct create *create)
{
    const struct tally_crypto crypto = keys_crypto(create->keys);
    const struct tally_key *node = keys_identity(create->keys);
    struct manifest *manifest = &create->manifest;
    enum tally_error error =
        work_verify(create->work.path, node, create->options, create->about, create->complaint);
    if (error == TALLY_OK)
        error = manifest_list(manifest, create->work.root, BACKUP_UNFINISHED, create->complaint);
    if (error != TALLY_OK)
        return error;
    manifest->node = *node;
    manifest->made_s = (int64_t)time(NULL);
    (void)snprintf(manifest->version, sizeof manifest->version, "%s", TALLY_VERSION);
    char *text = manifest_write(manifest, &crypto);
    if (text == NULL)
        return complain(create->complaint, TALLY_NO_MEMORY, "%s",
                        tally_error_text(TALLY_NO_MEMORY));
    error = work_put(create->work.root, MANIFEST_FILE, bytes_text(text), create->complaint);
    free(text);
    work_tell(manifest, create->about);
    return error;
}

/* ---- As a file ---- */

static enum tally_error pack(struct create *create)
{
    int root = create->work.root;
    int file = openat(root, PACKED, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct manifest again = {.count = 0};
    if (file < 0)
        return work_failed(create->path, create->complaint);
    enum tally_error error = archive_pack(root, &create->manifest, file, create->complaint);
    (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (error == TALLY_OK && lseek(file, 0, SEEK_SET) == 0)
        error = archive_read(file, &again, NULL, NULL, create->complaint);
    manifest_free(&again);
    (void)close(file);
    /* Without a link it would take the place of what came there meanwhile. */
    if (error == TALLY_OK && linkat(root, PACKED, AT_FDCWD, create->path, 0) != 0)
        error = work_failed(create->path, create->complaint);
    if (error == TALLY_OK) {
        int above = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (above < 0 || fsync(above) != 0)
            error = work_failed(create->path, create->complaint);
        if (above >= 0)
            (void)close(above);
    }
    return error;
}

static enum tally_error fill(struct create *create, const struct passphrase *passphrase)
{
    enum tally_error error = copy(create);
    if (error == TALLY_OK && passphrase != NULL)
        error = seal_keys(create, passphrase);
    if (error == TALLY_OK)
        error = verify_and_list(create);
    if (error == TALLY_OK)
        error =
            create->about->folder ? work_finish(&create->work, create->complaint) : pack(create);
    return error;
}

static enum tally_error open_data(struct create *create)
{
    const char *data = create->options->data;
    char sentence[COMPLAINT_MAX];
    enum tally_error error = keys_open(data, false, &create->keys, create->complaint);
    if (error != TALLY_OK)
        return error;
    const struct store_options opening = {
        .dir = data, .key = keys_identity(create->keys), .read_only = true};
    error = store_open(&opening, &create->store, sentence, sizeof sentence);
    return error == TALLY_OK ? TALLY_OK : complain(create->complaint, error, "%s", sentence);
}

enum tally_error backup_create(const char *path, const struct backup_options *options,
                               struct backup_about *about, struct complaint *complaint)
{
    struct create create = {
        .path = path, .options = options, .about = about, .complaint = complaint};
    struct passphrase *passphrase = NULL;
    *about = (struct backup_about){.made_s = 0};
    create.work = (struct work){.mark = BACKUP_UNFINISHED, .root = -1, .lock = -1};
    enum tally_error error = open_data(&create);
    if (error == TALLY_OK && options->keys) {
        passphrase = sodium_malloc(sizeof *passphrase);
        error = passphrase == NULL
                    ? complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY))
                    : passphrase_get(options->passphrase, "the keys in the backup", true,
                                     passphrase, complaint);
    }
    if (error == TALLY_OK)
        error = begin(&create);
    if (error == TALLY_OK)
        error = fill(&create, passphrase);
    sodium_free(passphrase);
    work_end(&create.work);
    manifest_free(&create.manifest);
    store_close(create.store);
    keys_free(create.keys);
    return error;
}

/* ---- Check ---- */

/* Beside the file, unless another place was named. */
static enum tally_error scratch_begin(struct work *work, const char *path,
                                      const struct backup_options *options,
                                      struct complaint *complaint)
{
    const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    int size =
        options->scratch == NULL
            ? snprintf(work->path, sizeof work->path, "%s.checking", path)
            : snprintf(work->path, sizeof work->path, "%s/%s.checking", options->scratch, name);
    if ((size_t)size >= sizeof work->path)
        return complain(complaint, TALLY_TOO_LARGE, "the path %.60s... is too long", path);
    complaint->text[0] = '\0';
    enum tally_error error = work_begin(work, complaint);
    bool elsewhere = error == TALLY_READ_ONLY || error == TALLY_PERMISSION || error == TALLY_IO;
    char why[COMPLAINT_MAX];
    (void)snprintf(why, sizeof why, "%s", complaint->text);
    if (elsewhere && options->scratch == NULL)
        return complain(complaint, error,
                        "%.600s; a backup that is one file is unpacked to be checked: name a place "
                        "for that with --scratch",
                        why);
    return error;
}

static enum tally_error check_keys(const struct unpack *unpack,
                                   const struct backup_options *options, struct backup_about *about,
                                   struct complaint *complaint)
{
    struct passphrase *passphrase = sodium_malloc(sizeof *passphrase);
    struct sealed *sealed = NULL;
    if (passphrase == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    enum tally_error error =
        passphrase_get(options->passphrase, "the keys in the backup", false, passphrase, complaint);
    if (error == TALLY_OK)
        error = sealed_open(unpack->sealed, passphrase, &about->node, &sealed, complaint);
    sodium_free(passphrase);
    sealed_free(sealed);
    about->opened = error == TALLY_OK;
    return error;
}

enum tally_error backup_check(const char *path, const struct backup_options *options,
                              struct backup_about *about, struct complaint *complaint)
{
    struct stock stock;
    struct work work = {.mark = BACKUP_UNFINISHED, .ours = true, .root = -1, .lock = -1};
    struct unpack unpack = {.root = -1, .file = -1, .complaint = complaint};
    *about = (struct backup_about){.made_s = 0};
    enum tally_error error = stock_open(&stock, path, complaint);
    if (error == TALLY_OK) {
        about->folder = stock.folder;
        work_tell(&stock.manifest, about);
    }
    if (error == TALLY_OK && !stock.folder) {
        error = scratch_begin(&work, path, options, complaint);
        unpack.root = work.root;
        error = error == TALLY_OK ? unpack_folders(&unpack) : error;
    }
    if (error == TALLY_OK)
        error = stock_read(&stock, unpack_take, &unpack, complaint);
    if (error == TALLY_OK && about->sealed && options->keys)
        error = check_keys(&unpack, options, about, complaint);
    if (error == TALLY_OK)
        error =
            work_verify(stock.folder ? path : work.path, &about->node, options, about, complaint);
    unpack_end(&unpack);
    work_end(&work);
    stock_close(&stock);
    return error;
}

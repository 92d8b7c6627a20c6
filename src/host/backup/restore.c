/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup back. */
#include "core/base/bytes.h"
#include "host/backup/sealed.h"
#include "host/backup/work.h"
#include "host/config/keys.h"
#include "tally/log.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct restore {
    const struct backup_options *options;
    struct backup_about *about;
    struct complaint *complaint;
    struct stock stock;
    struct work work;
    struct unpack unpack;
    struct passphrase *passphrase; /* NULL: the keys are not to be put back. */
    struct sealed *sealed;
};

static enum tally_error no_memory(struct complaint *complaint)
{
    return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
}

/* ---- Keys ---- */

/* The keys in the directory are the node's whose backup it is; NOT_FOUND if there are none. */
static enum tally_error compare_keys(const struct restore *restore)
{
    const char *data = restore->options->data;
    char folder[PATHS_MAX + 8], one[TALLY_DID_SIZE + 1], other[TALLY_DID_SIZE + 1];
    struct stat status;
    struct keys *keys;
    (void)snprintf(folder, sizeof folder, "%s/keys", data);
    if (lstat(folder, &status) != 0)
        return TALLY_NOT_FOUND;
    enum tally_error error = keys_open(data, false, &keys, restore->complaint);
    if (error != TALLY_OK)
        return error == TALLY_NOT_FOUND ? TALLY_MALFORMED : error;
    bool same = key_equal(keys_identity(keys), &restore->about->node);
    tally_did_write(keys_identity(keys), one);
    tally_did_write(&restore->about->node, other);
    keys_free(keys);
    if (same)
        return TALLY_OK;
    return complain(restore->complaint, TALLY_MISMATCH,
                    "the keys in %.200s are of %s, and the backup is of %s: nothing was changed",
                    data, one, other);
}

static enum tally_error find_keys(struct restore *restore)
{
    struct backup_about *about = restore->about;
    enum tally_error error = compare_keys(restore);
    about->keys = error == TALLY_OK ? BACKUP_KEYS_THERE : BACKUP_KEYS_WANTED;
    if (error != TALLY_NOT_FOUND || !about->sealed || !restore->options->keys)
        return error == TALLY_NOT_FOUND ? TALLY_OK : error;
    restore->passphrase = sodium_malloc(sizeof *restore->passphrase);
    if (restore->passphrase == NULL)
        return no_memory(restore->complaint);
    return passphrase_get(restore->options->passphrase, "the keys in the backup", false,
                          restore->passphrase, restore->complaint);
}

static enum tally_error put_keys(struct restore *restore)
{
    struct backup_about *about = restore->about;
    char did[TALLY_DID_SIZE + 2];
    if (about->keys == BACKUP_KEYS_THERE)
        return TALLY_OK;
    if (restore->sealed == NULL) {
        tally_did_write(&about->node, did);
        strcat(did, "\n");
        return work_put(restore->work.root, KEYS_WANTED, bytes_text(did), restore->complaint);
    }
    enum tally_error error = sealed_put(restore->sealed, restore->work.root, restore->complaint);
    if (error == TALLY_OK)
        about->keys = BACKUP_KEYS_RESTORED;
    return error;
}

/* A wrong passphrase is told before gigabytes are copied. */
static enum tally_error on_bytes(void *context, const struct manifest_file *file,
                                 struct tally_bytes bytes)
{
    struct restore *restore = context;
    enum tally_error error = unpack_take(&restore->unpack, file, bytes);
    if (error == TALLY_OK && bytes.size == 0 && restore->passphrase != NULL &&
        strcmp(file->path, MANIFEST_SEALED) == 0)
        error = sealed_open(restore->unpack.sealed, restore->passphrase, &restore->about->node,
                            &restore->sealed, restore->complaint);
    return error;
}

/* ---- Files ---- */

static enum tally_error fill(struct restore *restore)
{
    struct complaint *complaint = restore->complaint;
    enum tally_error error = unpack_folders(&restore->unpack);
    if (error == TALLY_OK)
        error = stock_read(&restore->stock, on_bytes, restore, complaint);
    if (error == TALLY_OK && syncfs(restore->work.root) != 0)
        error = work_failed(restore->work.path, complaint);
    if (error == TALLY_OK)
        error = work_verify(restore->work.path, &restore->about->node, restore->options,
                            restore->about, complaint);
    if (error == TALLY_OK)
        error = put_keys(restore);
    return error == TALLY_OK ? work_finish(&restore->work, complaint) : error;
}

/* The directory may already be named, by a configuration or a mount; it may hold its keys. */
static enum tally_error begin(struct restore *restore)
{
    const char *data = restore->options->data;
    struct stat status;
    if ((size_t)snprintf(restore->work.path, sizeof restore->work.path, "%s", data) >=
        sizeof restore->work.path)
        return complain(restore->complaint, TALLY_TOO_LARGE, "the path %.60s... is too long", data);
    enum tally_error error = find_keys(restore);
    if (error == TALLY_OK && stat(data, &status) != 0 && errno == ENOENT) {
        error = paths_make(data, restore->complaint);
        if (error == TALLY_OK && rmdir(data) != 0) /* So that work_begin knows it is ours. */
            error = work_failed(data, restore->complaint);
    }
    return error == TALLY_OK ? work_begin(&restore->work, restore->complaint) : error;
}

enum tally_error backup_restore(const char *path, const struct backup_options *options,
                                struct backup_about *about, struct complaint *complaint)
{
    struct restore restore = {.options = options, .about = about, .complaint = complaint};
    *about = (struct backup_about){.made_s = 0};
    restore.unpack = (struct unpack){.root = -1, .file = -1, .complaint = complaint};
    restore.work = (struct work){.mark = STORE_RESTORING, .keep = "keys", .root = -1, .lock = -1};
    enum tally_error error = stock_open(&restore.stock, path, complaint);
    if (error == TALLY_OK) {
        about->folder = restore.stock.folder;
        work_tell(&restore.stock.manifest, about);
        error = begin(&restore);
    }
    if (error == TALLY_OK) {
        restore.unpack.root = restore.work.root;
        error = fill(&restore);
    }
    unpack_end(&restore.unpack);
    sealed_free(restore.sealed);
    sodium_free(restore.passphrase);
    work_end(&restore.work);
    stock_close(&restore.stock);
    return error;
}

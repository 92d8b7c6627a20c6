/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence: files that prove by themselves that an issuer contradicted itself, or that a key is
   revoked, and what a discrepancy rests on. None is ever removed, and each finds room on a full
   disk. */
#include "host/store/evidence.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tally_error evidence_keep(struct store *store, struct store_log *log,
                               const struct tally_action *action)
{
    char name[2 * sizeof action->evidence.name + 2], path[DISK_PATH_MAX];
    const char *folder = action->evidence.claim        ? "discrepancies"
                         : action->evidence.revocation ? "revoked"
                                                       : "forks";
    hex_write(bytes_of(action->evidence.name.bytes, sizeof action->evidence.name.bytes), name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    enum tally_error error = disk_put(&store->disk, path, &action->evidence.bytes, 1);
    if (error == TALLY_OK && log != NULL && !log->frozen) {
        strcat(name, "\n");
        struct tally_bytes mark = bytes_text(name);
        folder_path(&log->folder, "frozen", path);
        error = disk_put(&store->disk, path, &mark, 1);
    }
    if (error != TALLY_OK) {
        disk_forget(&store->disk);
        return error;
    }
    return disk_flush(&store->disk);
}

static int is_name(const struct dirent *entry)
{
    struct tally_hash hash;
    return hex_read(entry->d_name, hash.bytes, sizeof hash.bytes);
}

static enum tally_error list(struct store *store, const char *folder, struct evidence_names *kept)
{
    struct dirent **names;
    int count = scandirat(store->disk.root, folder, &names, is_name, alphasort);
    if (count < 0)
        return errno == ENOMEM ? TALLY_NO_MEMORY : TALLY_OK;
    kept->list = calloc((size_t)count + 1, sizeof *kept->list);
    for (int i = 0; i < count; i++) {
        if (kept->list != NULL)
            memcpy(kept->list[kept->count++], names[i]->d_name, EVIDENCE_NAME);
        free(names[i]);
    }
    free(names);
    return kept->list != NULL ? TALLY_OK : TALLY_NO_MEMORY;
}

enum tally_error evidence_list(struct store *store)
{
    enum tally_error error = list(store, "revoked", &store->revocations);
    return error == TALLY_OK ? list(store, "forks", &store->forks) : error;
}

void evidence_free(struct store *store)
{
    free(store->revocations.list);
    free(store->forks.list);
}

static size_t show(const struct store *store, const char *folder, const struct evidence_names *kept,
                   size_t index, uint8_t *bytes, size_t capacity)
{
    char path[DISK_PATH_MAX];
    size_t size;
    if (index >= kept->count)
        return 0;
    snprintf(path, sizeof path, "%s/%.64s", folder, kept->list[index]);
    if (disk_read(store->disk.root, path, bytes, capacity, &size) == TALLY_OK && size > 0)
        return size;
    /* Not the end: whoever reads on finds the others. */
    bytes[0] = 0;
    return 1;
}

size_t evidence_show_revocation(void *context, size_t index, uint8_t *bytes, size_t capacity)
{
    const struct store *store = context;
    return show(store, "revoked", &store->revocations, index, bytes, capacity);
}

size_t evidence_show_fork(void *context, size_t index, uint8_t *bytes, size_t capacity)
{
    const struct store *store = context;
    return show(store, "forks", &store->forks, index, bytes, capacity);
}

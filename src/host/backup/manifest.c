/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/manifest.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/sign.h"
#include "tally/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK = 256 << 10,
    LINE_MAX_SIZE = TREE_PATH_MAX + 128, /* Of a file. */
    HEAD_MAX = 256,
};

static const char title[] = SIGN_DOMAIN_BACKUP;

/* The bytes of one file go through the hash, and to who takes them; false with errno or *error. */
struct reader {
    manifest_take *take;
    void *context;
    const struct manifest_file *file;
    enum tally_error error;
    uint64_t size;
    struct tally_hash hash;
};

static bool read_file(int root, const char *path, struct reader *reader)
{
    static _Thread_local uint8_t chunk[CHUNK];
    crypto_hash_sha256_state state;
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = 0;
    if (fd < 0)
        return false;
    /* What the kernel still remembers of it says nothing of what is on the disk. */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)crypto_hash_sha256_init(&state);
    while (reader->error == TALLY_OK && (got = read(fd, chunk, sizeof chunk)) > 0) {
        (void)crypto_hash_sha256_update(&state, chunk, (size_t)got);
        reader->size += (uint64_t)got;
        if (reader->take != NULL)
            reader->error =
                reader->take(reader->context, reader->file, bytes_of(chunk, (size_t)got));
    }
    int code = errno;
    (void)close(fd);
    (void)crypto_hash_sha256_final(&state, reader->hash.bytes);
    errno = code;
    return reader->error != TALLY_OK || got == 0;
}

/* ---- The list ---- */

static bool add(struct manifest *manifest, const char *path, uint64_t size,
                const struct tally_hash *hash)
{
    if (manifest->count == manifest->capacity) {
        size_t capacity = manifest->capacity == 0 ? 64 : 2 * manifest->capacity;
        struct manifest_file *more = realloc(manifest->files, capacity * sizeof *more);
        if (more == NULL)
            return false;
        manifest->files = more;
        manifest->capacity = capacity;
    }
    struct manifest_file *file = &manifest->files[manifest->count++];
    *file = (struct manifest_file){.size = size, .hash = *hash};
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    manifest->bytes += size;
    return true;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct manifest_file *)a)->path, ((const struct manifest_file *)b)->path);
}

struct listing {
    struct manifest *manifest;
    int root;
    const char *but;
    struct complaint *complaint;
};

static enum tally_error on_file(void *context, const char *path, bool file)
{
    const struct listing *listing = context;
    struct reader reader = {.size = 0};
    if (!file || strcmp(path, MANIFEST_FILE) == 0 || strcmp(path, listing->but) == 0)
        return TALLY_OK;
    if (!read_file(listing->root, path, &reader))
        return complain(listing->complaint, complaint_of_errno(errno), "%s cannot be read: %s",
                        path, strerror(errno));
    if (!add(listing->manifest, path, reader.size, &reader.hash))
        return complain(listing->complaint, TALLY_NO_MEMORY, "%s",
                        tally_error_text(TALLY_NO_MEMORY));
    return TALLY_OK;
}

enum tally_error manifest_list(struct manifest *manifest, int root, const char *but,
                               struct complaint *complaint)
{
    struct listing listing = {manifest, root, but, complaint};
    enum tally_error error = tree_walk(root, on_file, &listing, complaint);
    if (error == TALLY_OK && manifest->count > 0)
        qsort(manifest->files, manifest->count, sizeof *manifest->files, by_path);
    manifest->sealed = manifest_find(manifest, MANIFEST_SEALED) != NULL;
    return error;
}

void manifest_free(struct manifest *manifest)
{
    free(manifest->files);
    *manifest = (struct manifest){.count = 0};
}

const struct manifest_file *manifest_find(const struct manifest *manifest, const char *path)
{
    struct manifest_file key;
    if (strlen(path) >= sizeof key.path || manifest->count == 0)
        return NULL;
    (void)snprintf(key.path, sizeof key.path, "%s", path);
    return bsearch(&key, manifest->files, manifest->count, sizeof key, by_path);
}

/* ---- Writing ---- */

static size_t write_head(const struct manifest *manifest, char *text, size_t size)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(&manifest->node, did);
    return (size_t)snprintf(text, size, "%snode %s\nmade %" PRId64 "\nversion %s\nkeys %s\n", title,
                            did, manifest->made_s, manifest->version,
                            manifest->sealed ? "sealed" : "none");
}

static size_t write_line(const struct manifest_file *file, char *text, size_t size)
{
    char hex[2 * sizeof file->hash + 1];
    hex_write(bytes_of(file->hash.bytes, sizeof file->hash.bytes), hex);
    return (size_t)snprintf(text, size, "file %s %" PRIu64 " %s\n", hex, file->size, file->path);
}

char *manifest_write(const struct manifest *manifest, const struct tally_crypto *crypto)
{
    size_t room = HEAD_MAX + manifest->count * LINE_MAX_SIZE + 128, size;
    struct tally_signature signature;
    char *text = malloc(room);
    if (text == NULL)
        return NULL;
    size = write_head(manifest, text, room);
    for (size_t i = 0; i < manifest->count; i++)
        size += write_line(&manifest->files[i], text + size, room - size);
    crypto->sign(crypto->context, bytes_of(text, size), &signature);
    size += (size_t)snprintf(text + size, room - size, "signature ");
    base64_write(bytes_of(signature.bytes, sizeof signature.bytes), text + size);
    size += BASE64_SIZE(sizeof signature.bytes);
    (void)snprintf(text + size, room - size, "\n");
    return text;
}

/* ---- Reading ---- */

/* No way out of the folder, nothing that is not a name, and nothing whose place in a data directory
   is another's. */
static bool is_path(const char *path)
{
    static const char *const taken[] = {"keys", "lock", "incoming", "reserve", MANIFEST_FILE};
    const char *at = path;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strncmp(path, taken[i], strlen(taken[i])) == 0 &&
            (path[strlen(taken[i])] == '/' || path[strlen(taken[i])] == '\0'))
            return false;
    if (*path == '\0' || *path == '/')
        return false;
    for (;;) {
        size_t size = strcspn(at, "/");
        if (size == 0 || (at[0] == '.' && (size == 1 || (at[1] == '.' && size == 2))))
            return false;
        if (at[size] == '\0')
            return true;
        at += size + 1;
    }
}

/* One line of a file; written again it is the same. */
static bool read_line(const char *line, size_t size, struct manifest *manifest)
{
    char copy[LINE_MAX_SIZE], again[LINE_MAX_SIZE], hex[2 * sizeof(struct tally_hash) + 1];
    struct manifest_file file = {.size = 0};
    int at = 0;
    if (size >= sizeof copy)
        return false;
    memcpy(copy, line, size);
    copy[size] = '\0';
    if (sscanf(copy, "file %64s %" SCNu64 " %n", hex, &file.size, &at) != 2 || at == 0 ||
        (size_t)at >= size || !hex_read(hex, file.hash.bytes, sizeof file.hash.bytes) ||
        size - (size_t)at > sizeof file.path || copy[size - 1] != '\n')
        return false;
    memcpy(file.path, copy + at, size - (size_t)at - 1);
    if (!is_path(file.path) || write_line(&file, again, sizeof again) != size ||
        memcmp(again, copy, size) != 0)
        return false;
    /* In order, so each once. */
    if (manifest->count > 0 && strcmp(manifest->files[manifest->count - 1].path, file.path) >= 0)
        return false;
    return add(manifest, file.path, file.size, &file.hash);
}

static size_t read_head(struct tally_bytes text, struct manifest *manifest)
{
    char copy[HEAD_MAX + 1], again[HEAD_MAX + 1], did[80], keys[8];
    size_t size = text.size < HEAD_MAX ? text.size : HEAD_MAX;
    memcpy(copy, text.data, size);
    copy[size] = '\0';
    if (sscanf(copy + sizeof title - 1,
               "node %79s\nmade %" SCNd64 "\nversion %31[0-9A-Za-z.+-]\nkeys %7s\n", did,
               &manifest->made_s, manifest->version, keys) != 4 ||
        !tally_did_read(bytes_text(did), &manifest->node, NULL))
        return 0;
    manifest->sealed = strcmp(keys, "sealed") == 0;
    size_t written = write_head(manifest, again, sizeof again);
    return written <= size && memcmp(again, copy, written) == 0 ? written : 0;
}

static bool read_signature(struct tally_bytes text, size_t at, const struct tally_key *node)
{
    struct tally_signature signature;
    size_t head = strlen("signature "), size = BASE64_SIZE(sizeof signature.bytes), count;
    const char *line = (const char *)text.data + at;
    return text.size - at == head + size + 1 && memcmp(line, "signature ", head) == 0 &&
           line[head + size] == '\n' &&
           base64_read(line + head, size, signature.bytes, sizeof signature.bytes, &count) &&
           count == sizeof signature.bytes &&
           sign_verify(node, bytes_of(text.data, at), &signature);
}

static enum tally_error read_all(struct tally_bytes text, struct manifest *manifest,
                                 struct complaint *complaint)
{
    static const char form[] = "tally backup ";
    bool other = text.size >= sizeof title && memcmp(text.data, form, sizeof form - 1) == 0 &&
                 memcmp(text.data, title, sizeof title - 1) != 0;
    if (other)
        return complain(complaint, TALLY_NEWER,
                        "the backup was made by another version of tally, whose form this one "
                        "(" TALLY_VERSION ") does not know");
    size_t at = text.size < sizeof title || memcmp(text.data, title, sizeof title - 1) != 0
                    ? 0
                    : read_head(text, manifest);
    bool good = at > 0;
    while (good && text.size - at > 5 && memcmp(text.data + at, "file ", 5) == 0) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end == NULL ? 0 : (size_t)(end + 1 - (text.data + at));
        good = size > 0 && read_line((const char *)text.data + at, size, manifest);
        at += size;
    }
    if (!good || !read_signature(text, at, &manifest->node) ||
        manifest->sealed != (manifest_find(manifest, MANIFEST_SEALED) != NULL))
        return complain(complaint, TALLY_DAMAGED,
                        MANIFEST_FILE " is damaged: it is not a list that its node signed");
    return TALLY_OK;
}

enum tally_error manifest_read(struct tally_bytes text, struct manifest *manifest,
                               struct complaint *complaint)
{
    *manifest = (struct manifest){.count = 0};
    enum tally_error error = read_all(text, manifest, complaint);
    if (error != TALLY_OK)
        manifest_free(manifest);
    return error;
}

/* ---- Comparing ---- */

struct comparing {
    const struct manifest *manifest;
    struct complaint *complaint;
};

static enum tally_error on_stranger(void *context, const char *path, bool file)
{
    const struct comparing *comparing = context;
    if (strcmp(path, MANIFEST_FILE) == 0 ||
        (file && manifest_find(comparing->manifest, path) != NULL))
        return TALLY_OK;
    return complain(comparing->complaint, TALLY_DAMAGED, "%s is not in the list of the backup",
                    path);
}

static enum tally_error compare_one(const struct manifest_file *file, int root, manifest_take *take,
                                    void *context, struct complaint *complaint)
{
    struct reader reader = {.take = take, .context = context, .file = file};
    if (!read_file(root, file->path, &reader))
        return complain(complaint, errno == ENOENT ? TALLY_DAMAGED : complaint_of_errno(errno),
                        "%s %s", file->path, errno == ENOENT ? "is missing" : strerror(errno));
    if (reader.error != TALLY_OK)
        return reader.error;
    if (reader.size != file->size)
        return complain(complaint, TALLY_DAMAGED, "%s has %" PRIu64 " bytes, and had %" PRIu64,
                        file->path, reader.size, file->size);
    if (!hash_equal(&reader.hash, &file->hash))
        return complain(complaint, TALLY_DAMAGED, "%s is not what was written: its hash is another",
                        file->path);
    return take == NULL ? TALLY_OK : take(context, file, bytes_of(NULL, 0));
}

enum tally_error manifest_compare(const struct manifest *manifest, int root, manifest_take *take,
                                  void *context, struct complaint *complaint)
{
    struct comparing comparing = {manifest, complaint};
    enum tally_error error = tree_walk(root, on_stranger, &comparing, complaint);
    for (size_t i = 0; error == TALLY_OK && i < manifest->count; i++)
        error = compare_one(&manifest->files[i], root, take, context, complaint);
    return error;
}

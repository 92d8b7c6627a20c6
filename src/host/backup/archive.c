/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/archive.h"

#include "core/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, CHUNK = 512 << 7 };

#define OCTAL_MOST UINT64_C(077777777777) /* What 11 digits hold. */

/* ---- A header (POSIX.1-1988, 10.1.1) ---- */

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

/* A larger one as GNU tar and all since have it: a bit, then binary. */
static void put_size(char field[12], uint64_t size)
{
    char text[13];
    if (size <= OCTAL_MOST) {
        (void)snprintf(text, sizeof text, "%011" PRIo64, size);
        memcpy(field, text, 12);
        return;
    }
    memset(field, 0, 12);
    field[0] = (char)0x80;
    be64_write((uint8_t *)field + 4, size);
}

static bool put_path(struct header *header, const char *path)
{
    size_t size = strlen(path), split = 0;
    if (size <= sizeof header->name) {
        memcpy(header->name, path, size);
        return true;
    }
    for (size_t i = 0; i < size; i++)
        if (path[i] == '/' && size - i - 1 <= sizeof header->name && split == 0)
            split = i;
    if (split == 0 || split > sizeof header->prefix)
        return false;
    memcpy(header->prefix, path, split);
    memcpy(header->name, path + split + 1, size - split - 1);
    return true;
}

static bool header_write(struct header *header, const char *path, uint64_t size, int64_t made_s)
{
    char text[13];
    unsigned sum = 0;
    *header = (struct header){.type = '0'};
    if (!put_path(header, path))
        return false;
    memcpy(header->mode, "0000600", 8);
    memcpy(header->uid, "0000000", 8);
    memcpy(header->gid, "0000000", 8);
    put_size(header->size, size);
    put_size(header->time, made_s > 0 ? (uint64_t)made_s : 0);
    memcpy(header->magic, "ustar", 6);
    memcpy(header->version, "00", 2);
    memset(header->sum, ' ', sizeof header->sum);
    for (size_t i = 0; i < sizeof *header; i++)
        sum += ((const unsigned char *)header)[i];
    (void)snprintf(text, sizeof text, "%06o", sum);
    memcpy(header->sum, text, 7); /* Its NUL, and then the space. */
    return true;
}

/* ---- Packing ---- */

struct packing {
    int root, file;
    const struct manifest *manifest;
    struct complaint *complaint;
    uint8_t *chunk;
};

static enum tally_error not_written(const struct packing *packing)
{
    int code = errno;
    return complain(packing->complaint, complaint_of_errno(code),
                    "the archive cannot be written: %s", strerror(code));
}

static bool write_all(int file, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t done = write(file, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return false;
        }
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static enum tally_error pack_one(const struct packing *packing, const char *path, uint64_t size)
{
    static const uint8_t zeros[BLOCK];
    struct header header;
    uint64_t left = size;
    if (!header_write(&header, path, size, packing->manifest->made_s))
        return complain(packing->complaint, TALLY_TOO_LARGE,
                        "%s has a name that no archive takes: make the backup into a folder", path);
    if (!write_all(packing->file, &header, sizeof header))
        return not_written(packing);
    int fd = openat(packing->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = 0;
    bool good = fd >= 0;
    while (good && left > 0 && (got = read(fd, packing->chunk, CHUNK)) > 0) {
        good = (uint64_t)got <= left && write_all(packing->file, packing->chunk, (size_t)got);
        left -= good ? (uint64_t)got : 0;
    }
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = code;
    if (!good || got < 0)
        return not_written(packing);
    if (left > 0)
        return complain(packing->complaint, TALLY_DAMAGED, "%s became shorter meanwhile", path);
    size_t rest = (size_t)(size % BLOCK);
    return rest == 0 || write_all(packing->file, zeros, BLOCK - rest) ? TALLY_OK
                                                                      : not_written(packing);
}

enum tally_error archive_pack(int root, const struct manifest *manifest, int file,
                              struct complaint *complaint)
{
    static const uint8_t end[2 * BLOCK];
    struct packing packing = {root, file, manifest, complaint, malloc(CHUNK)};
    struct stat about;
    if (packing.chunk == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    enum tally_error error = TALLY_OK;
    if (fstatat(root, MANIFEST_FILE, &about, AT_SYMLINK_NOFOLLOW) != 0)
        error = not_written(&packing);
    if (error == TALLY_OK)
        error = pack_one(&packing, MANIFEST_FILE, (uint64_t)about.st_size);
    for (size_t i = 0; error == TALLY_OK && i < manifest->count; i++)
        error = pack_one(&packing, manifest->files[i].path, manifest->files[i].size);
    if (error == TALLY_OK && (!write_all(file, end, sizeof end) || fsync(file) != 0))
        error = not_written(&packing);
    free(packing.chunk);
    return error;
}

/* ---- Reading ---- */

struct reading {
    int file;
    struct complaint *complaint;
    uint8_t *chunk;
};

static enum tally_error wrong(const struct reading *reading, const char *path, const char *what)
{
    return complain(reading->complaint, TALLY_DAMAGED, "%s %s", path, what);
}

/* Exactly so many bytes; DAMAGED if the file ends before. */
static enum tally_error read_all(const struct reading *reading, void *bytes, size_t size,
                                 const char *path)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(reading->file, (uint8_t *)bytes + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return complain(reading->complaint, complaint_of_errno(errno),
                            "the archive cannot be read: %s", strerror(errno));
        if (got == 0)
            return wrong(reading, path, "is cut off: the archive ends in it");
        done += (size_t)got;
    }
    return TALLY_OK;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* What fills the last block. */
static enum tally_error read_padding(const struct reading *reading, uint64_t size, const char *path)
{
    uint8_t rest[BLOCK];
    size_t count = (size_t)((BLOCK - size % BLOCK) % BLOCK);
    enum tally_error error = read_all(reading, rest, count, path);
    if (error == TALLY_OK && !all_zero(rest, count))
        error = wrong(reading, path, "is followed by bytes that nobody wrote there");
    return error;
}

static bool parse_size(const struct header *header, uint64_t *size)
{
    char text[sizeof header->size + 1];
    int used = 0;
    memcpy(text, header->size, sizeof header->size);
    text[sizeof header->size] = '\0';
    return sscanf(text, "%" SCNo64 "%n", size, &used) == 1 && used == 11;
}

/* The first header says how large the manifest is; all else in it is checked afterwards. */
static enum tally_error read_manifest(const struct reading *reading, struct manifest *manifest)
{
    struct header header, again;
    uint64_t size;
    uint8_t *text;
    enum tally_error error = read_all(reading, &header, sizeof header, MANIFEST_FILE);
    if (error != TALLY_OK)
        return error;
    if (memcmp(header.name, MANIFEST_FILE, sizeof MANIFEST_FILE) != 0 ||
        !parse_size(&header, &size) || size > MANIFEST_MAX)
        return complain(reading->complaint, TALLY_DAMAGED,
                        "it is no backup of Tally: it does not begin with a " MANIFEST_FILE);
    text = malloc((size_t)size + 1);
    if (text == NULL)
        return complain(reading->complaint, TALLY_NO_MEMORY, "%s",
                        tally_error_text(TALLY_NO_MEMORY));
    error = read_all(reading, text, (size_t)size, MANIFEST_FILE);
    if (error == TALLY_OK)
        error = read_padding(reading, size, MANIFEST_FILE);
    if (error == TALLY_OK)
        error = manifest_read(bytes_of(text, (size_t)size), manifest, reading->complaint);
    free(text);
    if (error == TALLY_OK && (!header_write(&again, MANIFEST_FILE, size, manifest->made_s) ||
                              memcmp(&again, &header, sizeof header) != 0))
        error = wrong(reading, MANIFEST_FILE, "has another header than was written");
    return error;
}

static enum tally_error read_one(const struct reading *reading, const struct manifest *manifest,
                                 const struct manifest_file *file, manifest_take *take,
                                 void *context)
{
    struct header header, expected;
    crypto_hash_sha256_state state;
    struct tally_hash hash;
    enum tally_error error = read_all(reading, &header, sizeof header, file->path);
    if (error != TALLY_OK)
        return error;
    if (!header_write(&expected, file->path, file->size, manifest->made_s) ||
        memcmp(&header, &expected, sizeof header) != 0)
        return wrong(reading, file->path, "is not where it should be: its header is another");
    (void)crypto_hash_sha256_init(&state);
    for (uint64_t left = file->size; error == TALLY_OK && left > 0;) {
        size_t size = left < CHUNK ? (size_t)left : CHUNK;
        error = read_all(reading, reading->chunk, size, file->path);
        (void)crypto_hash_sha256_update(&state, reading->chunk, size);
        if (error == TALLY_OK && take != NULL)
            error = take(context, file, bytes_of(reading->chunk, size));
        left -= size;
    }
    (void)crypto_hash_sha256_final(&state, hash.bytes);
    if (error == TALLY_OK && !hash_equal(&hash, &file->hash))
        error = wrong(reading, file->path, "is not what was written: its hash is another");
    if (error == TALLY_OK)
        error = read_padding(reading, file->size, file->path);
    if (error == TALLY_OK && take != NULL)
        error = take(context, file, bytes_of(NULL, 0));
    return error;
}

static enum tally_error read_end(const struct reading *reading)
{
    uint8_t end[2 * BLOCK], more;
    enum tally_error error = read_all(reading, end, sizeof end, "the end");
    if (error == TALLY_OK && !all_zero(end, sizeof end))
        error = wrong(reading, "the end", "is not empty: there is more than the list names");
    if (error == TALLY_OK && read(reading->file, &more, 1) != 0)
        error = wrong(reading, "the end", "is followed by bytes that nobody wrote there");
    return error;
}

enum tally_error archive_manifest(int file, struct manifest *manifest, struct complaint *complaint)
{
    const struct reading reading = {.file = file, .complaint = complaint};
    *manifest = (struct manifest){.count = 0};
    return read_manifest(&reading, manifest);
}

enum tally_error archive_read(int file, struct manifest *manifest, manifest_take *take,
                              void *context, struct complaint *complaint)
{
    struct reading reading = {file, complaint, malloc(CHUNK)};
    *manifest = (struct manifest){.count = 0};
    if (reading.chunk == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    enum tally_error error = read_manifest(&reading, manifest);
    for (size_t i = 0; error == TALLY_OK && i < manifest->count; i++)
        error = read_one(&reading, manifest, &manifest->files[i], take, context);
    if (error == TALLY_OK)
        error = read_end(&reading);
    free(reading.chunk);
    return error;
}

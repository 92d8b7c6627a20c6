/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/folder.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "tally/log.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FULL = TALLY_TILE_WIDTH };

void folder_init(struct folder *folder, int root, const struct tally_hash *origin)
{
    folder->root = root;
    hex_write(bytes_of(origin->bytes, sizeof origin->bytes), folder->hex);
}

void folder_path(const struct folder *folder, const char *name, char path[DISK_PATH_MAX])
{
    int size = snprintf(path, DISK_PATH_MAX, "logs/%s/%s", folder->hex, name);
    assert(size > 0 && size < DISK_PATH_MAX);
    (void)size;
}

void folder_tile_path(const struct folder *folder, const struct tile *tile,
                      char path[DISK_PATH_MAX])
{
    char name[TILE_PATH_MAX];
    tile_path(tile, name);
    folder_path(folder, name, path);
}

void folder_blob_path(const struct folder *folder, const struct tally_hash *body,
                      char path[DISK_PATH_MAX])
{
    char name[80] = "blob/";
    hex_write(bytes_of(body->bytes, sizeof body->bytes), name + strlen(name));
    folder_path(folder, name, path);
}

/* The folder of the partial forms of a tile: its full path and ".p". */
static void partial_folder(const struct folder *folder, const struct tile *tile,
                           char path[DISK_PATH_MAX])
{
    struct tile full = *tile;
    full.width = FULL;
    folder_tile_path(folder, &full, path);
    strcat(path, ".p");
}

/* A width in a file's name: 1..255, digits only, no leading zero. 0 if it is none. */
static unsigned width_of(const char *name)
{
    unsigned width = 0;
    if (name[0] == '0')
        return 0;
    for (; *name >= '0' && *name <= '9' && width < FULL; name++)
        width = width * 10 + (unsigned)(*name - '0');
    return *name == '\0' && width < FULL ? width : 0;
}

/* The narrowest partial form that is at least that wide, 0 without one. */
static unsigned find_partial(const struct folder *folder, const struct tile *tile)
{
    char path[DISK_PATH_MAX];
    partial_folder(folder, tile, path);
    int fd = openat(folder->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (names == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    unsigned best = 0;
    for (struct dirent *name; (name = readdir(names)) != NULL;) {
        unsigned width = width_of(name->d_name);
        if (width >= tile->width && (best == 0 || width < best))
            best = width;
    }
    closedir(names);
    return best;
}

static int open_width(const struct folder *folder, const struct tile *tile, unsigned width)
{
    struct tile form = *tile;
    form.width = width;
    char path[DISK_PATH_MAX];
    folder_tile_path(folder, &form, path);
    return openat(folder->root, path, O_RDONLY | O_CLOEXEC);
}

/* Opens a file that holds at least tile->width items; *width is how many. -1 without one. */
static int open_tile(const struct folder *folder, const struct tile *tile, unsigned *width)
{
    /* A writer may replace a partial form by the full one between our looks: hence again. */
    for (unsigned again = 0; again < 3; again++) {
        int fd = open_width(folder, tile, *width = FULL);
        if (fd < 0 && tile->width < FULL)
            fd = open_width(folder, tile, *width = tile->width);
        if (fd >= 0)
            return fd;
        *width = find_partial(folder, tile);
        if (*width != 0 && (fd = open_width(folder, tile, *width)) >= 0)
            return fd;
    }
    return -1;
}

bool folder_hashes(const struct folder *folder, const struct tile *tile, struct tally_hash *hashes)
{
    unsigned width;
    int fd = open_tile(folder, tile, &width);
    if (fd < 0)
        return false;
    struct stat about;
    size_t want = tile->width * sizeof *hashes, got = 0;
    bool good = fstat(fd, &about) == 0 && (size_t)about.st_size == width * sizeof *hashes &&
                disk_read_at(fd, (uint8_t *)hashes, want, 0, &got) && got == want;
    close(fd);
    return good;
}

bool folder_skip(enum tile_kind kind, struct tally_bytes bundle, unsigned count, size_t *size)
{
    return kind == TILE_ENTRIES ? tally_entries_skip(bundle, count, size)
                                : tally_bodies_skip(bundle, count, size);
}

bool folder_item(enum tile_kind kind, struct tally_bytes bundle, unsigned index,
                 struct tally_bytes *item)
{
    size_t from, to, head = kind == TILE_ENTRIES ? 2 : 4;
    if (!folder_skip(kind, bundle, index, &from) || !folder_skip(kind, bundle, index + 1, &to))
        return false;
    *item = bytes_of(bundle.data + from + head, to - from - head);
    if (kind == TILE_BODIES && be32_read(bundle.data + from) == TALLY_BODY_ABSENT)
        *item = bytes_of(NULL, 0);
    return true;
}

size_t folder_bundle(const struct folder *folder, const struct tile *tile, uint8_t *bytes,
                     size_t capacity)
{
    unsigned width;
    int fd = open_tile(folder, tile, &width);
    if (fd < 0)
        return 0;
    /* Of a wider form, or one that does not fit, the beginning is enough. */
    size_t got = 0, size = 0;
    struct stat about;
    bool good = fstat(fd, &about) == 0 && disk_read_at(fd, bytes, capacity, 0, &got) &&
                folder_skip(tile->kind, bytes_of(bytes, got), tile->width, &size);
    if (good && width == tile->width)
        good = size == (size_t)about.st_size;
    close(fd);
    return good ? size : 0;
}

size_t folder_file(const struct folder *folder, const char *name, uint8_t *bytes, size_t capacity)
{
    char path[DISK_PATH_MAX];
    folder_path(folder, name, path);
    size_t size;
    return disk_read(folder->root, path, bytes, capacity, &size) == TALLY_OK ? size : 0;
}

/* Removes the forms of a tile that are wider than what is held, but for the one to be written. */
static enum tally_error cut(struct disk *disk, const struct folder *folder, const struct tile *tile,
                            unsigned held)
{
    char path[DISK_PATH_MAX];
    struct tile form = *tile;
    enum tally_error error = TALLY_OK;
    form.width = FULL;
    folder_tile_path(folder, &form, path);
    if (tile->width < FULL)
        error = disk_remove(disk, path);
    form.width = held + 1;
    while (error == TALLY_OK && form.width < FULL && (form.width = find_partial(folder, &form))) {
        if (form.width != tile->width) {
            folder_tile_path(folder, &form, path);
            error = disk_remove(disk, path);
        }
        form.width++;
    }
    return error;
}

enum tally_error folder_put(struct disk *disk, const struct folder *folder, const struct tile *tile,
                            unsigned held, const struct tally_bytes *parts, size_t count)
{
    assert(held <= tile->width);
    /* A full form takes the place of a full one, and is looked for before all others. */
    enum tally_error error = tile->width == FULL ? TALLY_OK : cut(disk, folder, tile, held);
    if (error != TALLY_OK)
        return error;
    char path[DISK_PATH_MAX];
    folder_tile_path(folder, tile, path);
    return disk_put(disk, path, parts, count);
}

enum tally_error folder_only(struct disk *disk, const struct folder *folder,
                             const struct tile *tile)
{
    return cut(disk, folder, tile, 0);
}

void folder_tidy(const struct folder *folder, const struct tile *full)
{
    char path[DISK_PATH_MAX];
    partial_folder(folder, full, path);
    disk_sweep(folder->root, path, true);
}

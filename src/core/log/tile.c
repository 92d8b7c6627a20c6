/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/tile.h"

#include "core/base/bytes.h"
#include "core/log/merkle.h"

#include <assert.h>

uint64_t tile_full(uint64_t size, unsigned level)
{
    assert(level <= TILE_LEVEL_MAX);
    return level == TILE_LEVEL_MAX ? 0 : size >> (8 * level) >> 8;
}

unsigned tile_partial(uint64_t size, unsigned level)
{
    assert(level <= TILE_LEVEL_MAX);
    return size >> (8 * level) & 0xff;
}

unsigned tile_width(uint64_t size, unsigned level, uint64_t index)
{
    uint64_t full = tile_full(size, level);
    return index < full ? TALLY_TILE_WIDTH : index == full ? tile_partial(size, level) : 0;
}

static size_t put_text(char *path, size_t at, const char *text)
{
    size_t size = strlen(text);
    memcpy(path + at, text, size);
    return at + size;
}

/* Decimal without leading zeros. */
static size_t put_number(char *path, size_t at, unsigned value)
{
    if (value >= 10)
        at = put_number(path, at, value / 10);
    path[at] = (char)('0' + value % 10);
    return at + 1;
}

/* C2SP tlog-tiles: groups of three digits, all but the last with an x in front. */
static size_t put_index(char *path, size_t at, uint64_t index)
{
    unsigned groups[7], count = 0;
    do {
        groups[count++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index > 0);
    while (count-- > 0) {
        path[at++] = '/';
        if (count > 0)
            path[at++] = 'x';
        path[at++] = (char)('0' + groups[count] / 100);
        path[at++] = (char)('0' + groups[count] / 10 % 10);
        path[at++] = (char)('0' + groups[count] % 10);
    }
    return at;
}

size_t tile_path(const struct tile *tile, char path[TILE_PATH_MAX])
{
    assert(tile->level <= TILE_LEVEL_MAX);
    assert(tile->width >= 1 && tile->width <= TALLY_TILE_WIDTH);
    assert(tile->kind == TILE_HASHES || tile->level == 0);
    size_t at = 0;
    switch (tile->kind) {
    case TILE_HASHES:
        at = put_number(path, put_text(path, 0, "tile/"), tile->level);
        break;
    case TILE_ENTRIES:
        at = put_text(path, 0, "tile/entries");
        break;
    case TILE_BODIES:
        at = put_text(path, 0, "bodies");
        break;
    }
    at = put_index(path, at, tile->index);
    if (tile->width < TALLY_TILE_WIDTH)
        at = put_number(path, put_text(path, at, ".p/"), tile->width);
    assert(at < TILE_PATH_MAX);
    path[at] = 0;
    return at;
}

static bool take_text(struct tally_bytes *path, const char *text)
{
    size_t size = strlen(text);
    if (path->size < size || memcmp(path->data, text, size) != 0)
        return false;
    *path = bytes_of(path->data + size, path->size - size);
    return true;
}

static bool take_digits(struct tally_bytes *path, unsigned least, unsigned most, uint64_t *value)
{
    unsigned count = 0;
    while (count < most && count < path->size && (uint8_t)(path->data[count] - '0') < 10) {
        *value = *value * 10 + (uint64_t)(path->data[count] - '0');
        count++;
    }
    *path = bytes_of(path->data + count, path->size - count);
    return count >= least;
}

bool tile_path_read(struct tally_bytes path, struct tile *tile)
{
    struct tally_bytes rest = path;
    *tile = (struct tile){.width = TALLY_TILE_WIDTH};
    uint64_t level = 0, width = 0;
    if (take_text(&rest, "tile/entries/")) {
        tile->kind = TILE_ENTRIES;
    } else if (take_text(&rest, "bodies/")) {
        tile->kind = TILE_BODIES;
    } else if (take_text(&rest, "tile/") && take_digits(&rest, 1, 1, &level) &&
               level <= TILE_LEVEL_MAX && take_text(&rest, "/")) {
        tile->kind = TILE_HASHES;
        tile->level = (unsigned)level;
    } else {
        return false;
    }
    for (unsigned groups = 0; take_text(&rest, "x"); groups++)
        if (groups == 5 || !take_digits(&rest, 3, 3, &tile->index) || !take_text(&rest, "/"))
            return false;
    if (!take_digits(&rest, 3, 3, &tile->index))
        return false;
    if (take_text(&rest, ".p/")) {
        if (!take_digits(&rest, 1, 3, &width) || width < 1 || width >= TALLY_TILE_WIDTH)
            return false;
        tile->width = (unsigned)width;
    }
    /* One form only: leading zeros and needless groups are read above but not written. */
    char written[TILE_PATH_MAX];
    size_t size = tile_path(tile, written);
    return bytes_equal(path, bytes_of(written, size));
}

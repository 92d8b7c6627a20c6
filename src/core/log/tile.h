/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_TILE_H
#define LOG_TILE_H
/*
 * Where the parts of a log lie: coordinates and paths of C2SP tlog-tiles (log chapter 6), and of
 * our own body bundles beside them.
 */
#include "tally/limits.h"
#include "tally/types.h"

enum tile_kind {
    TILE_HASHES,  /* tile/<level>/<index>: 32 bytes each. */
    TILE_ENTRIES, /* tile/entries/<index>: (u16 length || envelope)* */
    TILE_BODIES,  /* bodies/<index>: (u32 length || body)*; ours, not of C2SP. */
};

enum {
    TILE_LEVEL_MAX = 7, /* 256^8 is above every size. */
    TILE_PATH_MAX = 64, /* With the NUL. */
};

struct tile {
    enum tile_kind kind;
    unsigned level; /* 0 unless TILE_HASHES. */
    uint64_t index;
    unsigned width; /* 1..256; 256 is full. */
};

/* How many full tiles a tree of `size` has at a level, and the width of the partial one (0: none).
 */
uint64_t tile_full(uint64_t size, unsigned level);
unsigned tile_partial(uint64_t size, unsigned level);

/* Width of tile `index` at a level in a tree of `size`: 256, less for the last, 0 past it. */
unsigned tile_width(uint64_t size, unsigned level, uint64_t index);

/* Path relative to the log's folder, without a slash in front: `tile/0/x001/x234/067.p/5`. Its size
   without the NUL. */
size_t tile_path(const struct tile *tile, char path[TILE_PATH_MAX]);

/* Reads exactly what tile_path writes, and nothing else. */
bool tile_path_read(struct tally_bytes path, struct tile *tile);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BLOCKS_H
#define BASE_BLOCKS_H
/*
 * Blocks of one size, for what is needed now and then: whoever takes one gives it back. Memory is
 * allocated by blocks_new. A block that was given back last is taken first, and one that never was
 * taken is never touched, so a pool costs what was needed at the most at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blocks {
    uint8_t *memory;
    size_t size, capacity; /* Of a block; in blocks. */
    size_t fresh;          /* Blocks below this one were taken at some time. */
    size_t taken;
    void *free; /* A list through the blocks that were given back. */
};

/* Blocks of at least that size, for any type. False without memory. */
bool blocks_new(struct blocks *blocks, size_t capacity, size_t size);
void blocks_free(struct blocks *blocks);

/* A block with whatever is in it; NULL if all are taken. */
void *blocks_take(struct blocks *blocks);
/* Gives back one that was taken from here; NULL is none. */
void blocks_give(struct blocks *blocks, void *block);

/* Blocks for so many users, each of which wants up to so many at once: all of that for a few, of
   more users an eighth at a time. */
enum { BLOCKS_FEW = 256 };
size_t blocks_share(size_t users, size_t each);

#endif

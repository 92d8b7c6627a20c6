/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GRAIN = 16,       /* Sizes are multiples of this; */
    LEAST = 128,      /* from here, since small things are many a node and touched together, */
    MOST = 65536,     /* to here. */
    CHUNK = 1 << 20,  /* Of one size. */
    CHUNKS = 1 << 16, /* 64 GB: of addresses, not of memory. */
};

/* A block that was given back. */
struct block {
    struct block *next;
};

static struct {
    uint8_t *memory;         /* NULL: not begun. */
    size_t chunks;           /* In use. */
    uint16_t grains[CHUNKS]; /* The size of a chunk's blocks. */
    struct {
        uint8_t *fresh, *end; /* Never touched. */
        struct block *spare;
    } sizes[MOST / GRAIN + 1];
} slab;

void slab_begin(void)
{
    if (slab.memory != NULL)
        return;
    void *memory = mmap(NULL, (size_t)CHUNK * CHUNKS, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    slab.memory = memory != MAP_FAILED ? memory : NULL;
}

void *slab_new(size_t size)
{
    size_t grains = (size + GRAIN - 1) / GRAIN;
    if (slab.memory == NULL || size < LEAST || size > MOST)
        return NULL;
    struct block *spare = slab.sizes[grains].spare;
    if (spare != NULL) {
        slab.sizes[grains].spare = spare->next;
        return memset(spare, 0, size);
    }
    if ((size_t)(slab.sizes[grains].end - slab.sizes[grains].fresh) < grains * GRAIN) {
        if (slab.chunks == CHUNKS)
            return NULL;
        slab.grains[slab.chunks] = (uint16_t)grains;
        slab.sizes[grains].fresh = slab.memory + slab.chunks++ * CHUNK;
        slab.sizes[grains].end = slab.sizes[grains].fresh + CHUNK;
    }
    void *block = slab.sizes[grains].fresh;
    slab.sizes[grains].fresh += grains * GRAIN;
    return block;
}

bool slab_has(const void *pointer)
{
    const uint8_t *at = pointer;
    return slab.memory != NULL && at >= slab.memory && at < slab.memory + (size_t)CHUNK * CHUNKS;
}

void slab_free(void *pointer)
{
    size_t chunk = (size_t)((uint8_t *)pointer - slab.memory) / CHUNK;
    assert(chunk < slab.chunks);
    struct block *block = pointer;
    block->next = slab.sizes[slab.grains[chunk]].spare;
    slab.sizes[slab.grains[chunk]].spare = block;
}

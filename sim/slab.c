/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GRAIN = 16,         /* Sizes are multiples of this, */
    MOST = 65536,       /* up to this. */
    CHUNK = 2 << 20,    /* Of one kind: a large page where the system has them. */
    CHUNKS = 1 << 15,   /* 64 GB: of addresses, not of memory. */
    KINDS = 1024,       /* A power of two. */
    KINDS_MAX = 700,    /* So many there may be. */
    WHOLE_LEAST = 9216, /* What is so large is written to as a whole: a node, its peers; */
    WHOLE_MOST = 24576, /* what is larger are tables of which most stay untouched. */
};

/* A block that was given back. */
struct block {
    struct block *next;
};

struct kind {
    const void *site; /* NULL: none. */
    size_t size;
    uint8_t *fresh, *end; /* Never touched. */
    struct block *spare;
};

static struct {
    uint8_t *memory; /* NULL: not begun. */
    size_t chunks;   /* In use. */
    uint16_t chunk_kinds[CHUNKS];
    struct kind kinds[KINDS];
    size_t kind_count;
    bool ends;
} slab;

void slab_begin(void)
{
    if (slab.memory != NULL)
        return;
    void *memory = mmap(NULL, (size_t)CHUNK * (CHUNKS + 1), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return;
    slab.memory = (uint8_t *)(((uintptr_t)memory + CHUNK - 1) / CHUNK * CHUNK);
    /* Where large pages are the rule, one that is written to at one place would be real as a whole.
     */
    (void)madvise(slab.memory, (size_t)CHUNK * CHUNKS, MADV_NOHUGEPAGE);
}

void slab_end(void)
{
    slab.ends = true;
}

/* NULL if there are too many. */
static struct kind *kind_of(const void *site, size_t size)
{
    size_t at = ((uintptr_t)site * 31 + size / GRAIN) % KINDS;
    while (slab.kinds[at].site != NULL &&
           (slab.kinds[at].site != site || slab.kinds[at].size != size))
        at = (at + 1) % KINDS;
    if (slab.kinds[at].site == NULL) {
        if (slab.kind_count == KINDS_MAX)
            return NULL;
        slab.kind_count++;
        slab.kinds[at].site = site;
        slab.kinds[at].size = size;
    }
    return &slab.kinds[at];
}

static bool chunk_take(struct kind *kind)
{
    if (slab.chunks == CHUNKS)
        return false;
    slab.chunk_kinds[slab.chunks] = (uint16_t)(kind - slab.kinds);
    kind->fresh = slab.memory + slab.chunks++ * CHUNK;
    kind->end = kind->fresh + CHUNK;
    if (kind->size >= WHOLE_LEAST && kind->size <= WHOLE_MOST)
        (void)madvise(kind->fresh, CHUNK, MADV_HUGEPAGE);
    return true;
}

void *slab_new(size_t size, const void *site)
{
    if (slab.memory == NULL || size == 0 || size > MOST)
        return NULL;
    size = (size + GRAIN - 1) / GRAIN * GRAIN;
    struct kind *kind = kind_of(site, size);
    if (kind == NULL)
        return NULL;
    struct block *block = kind->spare;
    if (block != NULL) {
        kind->spare = block->next;
        return memset(block, 0, size);
    }
    if ((size_t)(kind->end - kind->fresh) < size && !chunk_take(kind))
        return NULL;
    kind->fresh += size;
    return kind->fresh - size;
}

bool slab_has(const void *pointer)
{
    const uint8_t *at = pointer;
    return slab.memory != NULL && at >= slab.memory && at < slab.memory + slab.chunks * CHUNK;
}

void slab_free(void *pointer)
{
    size_t chunk = (size_t)((uint8_t *)pointer - slab.memory) / CHUNK;
    struct kind *kind = &slab.kinds[slab.chunk_kinds[chunk]];
    struct block *block = pointer;
    assert(chunk < slab.chunks);
    if (slab.ends)
        return;
    block->next = kind->spare;
    kind->spare = block;
}

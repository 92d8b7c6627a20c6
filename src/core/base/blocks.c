/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/blocks.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

bool blocks_new(struct blocks *blocks, size_t capacity, size_t size)
{
    enum { ALIGN = alignof(max_align_t) };
    assert(size >= sizeof(void *));
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    *blocks = (struct blocks){.size = size, .capacity = capacity};
    blocks->memory = calloc(capacity > 0 ? capacity : 1, size);
    return blocks->memory != NULL;
}

void blocks_free(struct blocks *blocks)
{
    free(blocks->memory);
    *blocks = (struct blocks){.memory = NULL};
}

void *blocks_take(struct blocks *blocks)
{
    void *block = blocks->free;
    if (block != NULL)
        blocks->free = *(void **)block;
    else if (blocks->fresh < blocks->capacity)
        block = blocks->memory + blocks->fresh++ * blocks->size;
    blocks->taken += block != NULL;
    return block;
}

void blocks_give(struct blocks *blocks, void *block)
{
    if (block == NULL)
        return;
    assert(blocks->taken > 0);
    *(void **)block = blocks->free;
    blocks->free = block;
    blocks->taken--;
}

size_t blocks_share(size_t users, size_t each)
{
    enum { SHARE = 8 };
    return users <= BLOCKS_FEW ? users * each : (BLOCKS_FEW + (users - BLOCKS_FEW) / SHARE) * each;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include "slab.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
    bool on;
    uint64_t allocations;
} watch;

/* The linker gives these names to the calls of every object file, libtally's among them. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void __wrap_free(void *pointer);

void *__wrap_malloc(size_t size)
{
    watch.allocations += watch.on;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    watch.allocations += watch.on;
    void *block =
        count <= SIZE_MAX / (size + 1) ? slab_new(count * size, __builtin_return_address(0)) : NULL;
    return block != NULL ? block : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    watch.allocations += watch.on;
    assert(!slab_has(pointer)); /* What nodes have does not grow. */
    return __real_realloc(pointer, size);
}

void __wrap_free(void *pointer)
{
    if (slab_has(pointer))
        slab_free(pointer);
    else
        __real_free(pointer);
}

void memory_watch_begin(void)
{
    watch.on = true;
    watch.allocations = 0;
}

uint64_t memory_watch_end(void)
{
    watch.on = false;
    return watch.allocations;
}

static void *held(void *pointer)
{
    if (pointer == NULL) {
        fputs("tally-sim: out of memory\n", stderr);
        exit(1);
    }
    return pointer;
}

/* What is this large is found by few large pages instead of very many small ones. */
enum { LARGE = 4 << 20, PAGE = 2 << 20 };

void *memory_new(size_t count, size_t size)
{
    uint8_t *block = held(__real_calloc(count > 0 ? count : 1, size));
    if (size > 0 && count > LARGE / size) {
        uint8_t *first = (uint8_t *)(((uintptr_t)block + PAGE - 1) / PAGE * PAGE);
        (void)madvise(first, (size_t)(block + count * size - first), MADV_HUGEPAGE);
    }
    return block;
}

void *memory_raw(size_t size)
{
    return held(__real_malloc(size > 0 ? size : 1));
}

void *memory_copy(const void *bytes, size_t size)
{
    void *copy = memory_raw(size);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

void memory_free(void *pointer)
{
    free(pointer);
}

void *memory_room(void *array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return array;
    size_t grown = *capacity < 8 ? 8 : *capacity * 2;
    if (grown < count)
        grown = count;
    *capacity = grown;
    return held(__real_realloc(array, grown * size));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include <malloc.h>
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
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

void *__wrap_malloc(size_t size)
{
    watch.allocations += watch.on;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    watch.allocations += watch.on;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    watch.allocations += watch.on;
    return __real_realloc(pointer, size);
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

void memory_expect(size_t size)
{
    enum { PAGE = 2 << 20, BLOCK = 8 << 20 }; /* glibc maps larger ones apart, whatever is asked. */
    size_t count = size / BLOCK;
    uint8_t **blocks = __real_calloc(count + 1, sizeof *blocks);
    mallopt(M_MMAP_THRESHOLD, 2 * BLOCK);
    mallopt(M_TRIM_THRESHOLD, -1); /* Given back, it stays in the heap. */
    for (size_t i = 0; blocks != NULL && i < count; i++)
        blocks[i] = __real_malloc(BLOCK);
    if (blocks != NULL && count > 0 && blocks[0] != NULL && blocks[count - 1] > blocks[0]) {
        uintptr_t first = ((uintptr_t)blocks[0] + PAGE - 1) / PAGE * PAGE;
        (void)madvise((void *)first, (uintptr_t)blocks[count - 1] - first, MADV_HUGEPAGE);
    }
    for (size_t i = 0; blocks != NULL && i < count; i++)
        free(blocks[i]);
    free(blocks);
}

static void *held(void *pointer)
{
    if (pointer == NULL) {
        fputs("tally-sim: out of memory\n", stderr);
        exit(1);
    }
    return pointer;
}

void *memory_new(size_t count, size_t size)
{
    return held(__real_calloc(count > 0 ? count : 1, size));
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H
/*
 * The simulator's heap. It ends the program when memory runs out: a story has no use for half of
 * its world. The program is linked with --wrap for malloc, calloc, realloc and free, so that it
 * learns whether a step of a node allocated; what the windows of a node take from this heap
 * meanwhile is not counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed. Never NULL. */
void *memory_new(size_t count, size_t size);
void *memory_raw(size_t size); /* Not zeroed. */
void *memory_copy(const void *bytes, size_t size);
void memory_free(void *pointer);

/* An array of items of that size with room for at least count; *capacity follows. */
void *memory_room(void *array, size_t *capacity, size_t count, size_t size);

/* Between these two the core's allocations are counted. */
void memory_watch_begin(void);
uint64_t memory_watch_end(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SLAB_H
#define SIM_SLAB_H
/*
 * Zeroed memory for very many of a few kinds, as 100,000 nodes have: what was asked for at one
 * place in the program, with one size, lies side by side. Most tables of a node are empty most of
 * the time, those of all nodes alike; so whole pages of them are never written to, and cost
 * nothing.
 */
#include <stdbool.h>
#include <stddef.h>

/* From now on slab_new has room. */
void slab_begin(void);

/* The process ends soon: what is given back from now on is not kept for others. To keep it would
   write to each block, and so make all those pages real that nobody ever wrote to. */
void slab_end(void);

/* `site` is the address that asks. NULL: there is none, or not of that size; then it is to be had
   elsewhere. */
void *slab_new(size_t size, const void *site);

/* Whether that is memory of slab_new. */
bool slab_has(const void *pointer);
void slab_free(void *pointer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PROBING_H
#define BASE_PROBING_H
/*
 * Indexes that are searched from a key's first slot on to the next free one. Where one leaves, the
 * others close the gap, so that no search ends early (Knuth, The Art of Computer Programming,
 * volume 3, section 6.4, algorithm R).
 */
#include <stdbool.h>
#include <stddef.h>

/* Whether who is at `at`, reached from the hole without a free slot in between, moves up into it:
   its search, from `first` on, passes there. `mask`: the number of slots, a power of two, less
   one. */
static inline bool probing_moves_up(size_t first, size_t at, size_t hole, size_t mask)
{
    return ((at - first) & mask) >= ((at - hole) & mask);
}

#endif

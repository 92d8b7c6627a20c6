/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_REPLAY_H
#define BASE_REPLAY_H
/* The anti-replay window of RFC 6479: which of the last counters were taken. */
#include "tally/limits.h"
#include "tally/types.h"

struct replay {
    uint64_t next;  /* One above the greatest counter taken. */
    uint64_t *bits; /* Lent: as many words as replay_words says. */
    uint32_t words;
};

/* For a window of so many counters: one word more (RFC 6479 section 2). */
static inline size_t replay_words(unsigned window)
{
    return window / 64 + 1;
}

/* Nothing was taken yet. */
void replay_reset(struct replay *replay);

/* Whether the counter is new and not left of the window. Changes nothing: the tag is not checked
   yet when this is asked. */
bool replay_fresh(const struct replay *replay, uint64_t counter);

/* Takes a counter that replay_fresh said yes to. */
void replay_take(struct replay *replay, uint64_t counter);

#endif

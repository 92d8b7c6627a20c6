/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H
/* Doubling waits with jitter and a cap, for whatever is tried again. */
#include "core/base/random.h"
#include "tally/types.h"

struct backoff {
    uint32_t tries;
    uint32_t first_ms, cap_ms;
};

/* A wait that was doubled so often, the cap at most. */
uint64_t backoff_doubled(uint64_t first_ms, uint64_t cap_ms, uint32_t times);

/* The wait before the next try, drawn +- 20 %, and counts it. */
uint64_t backoff_next(struct backoff *backoff, struct random *random);

/* After a success: the next wait is the first again. */
void backoff_reset(struct backoff *backoff);

#endif

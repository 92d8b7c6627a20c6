/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_REPLAY_H
#define BASE_REPLAY_H
/* The anti-replay window of RFC 6479: which of the last counters were taken. */
#include "tally/limits.h"
#include "tally/types.h"

struct replay {
    uint64_t next; /* One above the greatest counter taken. */
    uint64_t bits[TALLY_REPLAY_WINDOW / 64 + 1];
};

/* Whether the counter is new and not left of the window. Changes nothing: the tag is not checked
   yet when this is asked. */
bool replay_fresh(const struct replay *replay, uint64_t counter);

/* Takes a counter that replay_fresh said yes to. */
void replay_take(struct replay *replay, uint64_t counter);

#endif

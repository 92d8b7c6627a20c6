/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TRICKLE_H
#define BASE_TRICKLE_H
/*
 * How long until one speaks again (RFC 6206 section 4.2): twice as long after each interval without
 * news, up to a bound, and the shortest again after news. Nothing is left unsaid because others
 * said the same (its k is infinite): who speaks shows also that it lives.
 */
#include <stdbool.h>
#include <stdint.h>

struct trickle {
    unsigned calm; /* Intervals without news, one after the other: so often it was doubled. */
    bool news;     /* There was some in the interval that runs. */
};

/* An interval begins: how long it is, from `least` to `most`; `least` where that is more. */
static inline uint64_t trickle_next(struct trickle *trickle, uint64_t least, uint64_t most)
{
    uint64_t interval = least;
    trickle->calm = trickle->news ? 0 : trickle->calm + 1;
    trickle->news = false;
    for (unsigned i = 0; i < trickle->calm && interval < most; i++)
        interval *= 2;
    return interval < most || least > most ? interval : most;
}

/* There is news. True if the interval that runs is longer than the shortest: it ends early. */
static inline bool trickle_reset(struct trickle *trickle)
{
    bool stretched = trickle->calm > 0;
    trickle->calm = 0;
    trickle->news = true;
    return stretched;
}

#endif

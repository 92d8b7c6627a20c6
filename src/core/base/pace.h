/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PACE_H
#define BASE_PACE_H
/* «So many at once, then one in so long»: what base/bucket.h is for many a second, this is for few
   a minute. All zero: nothing was taken yet. */
#include "tally/types.h"

struct pace {
    uint64_t until_ms; /* When all that was taken is paid for. */
};

struct pace_rate {
    uint32_t period_ms, burst;
};

/* When the next may be taken, at the earliest. */
static inline uint64_t pace_free_ms(const struct pace *pace, struct pace_rate rate)
{
    uint64_t ahead = (uint64_t)rate.period_ms * (rate.burst - 1);
    return pace->until_ms > ahead ? pace->until_ms - ahead : 0;
}

static inline bool pace_take(struct pace *pace, struct pace_rate rate, struct tally_mono now)
{
    if (now.ms < pace_free_ms(pace, rate))
        return false;
    pace->until_ms = (pace->until_ms > now.ms ? pace->until_ms : now.ms) + rate.period_ms;
    return true;
}

#endif

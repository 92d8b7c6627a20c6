/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/backoff.h"

uint64_t backoff_doubled(uint64_t first_ms, uint64_t cap_ms, uint32_t times)
{
    uint64_t wait = first_ms;
    for (uint32_t i = 0; i < times && wait < cap_ms; i++)
        wait *= 2;
    return wait < cap_ms ? wait : cap_ms;
}

uint64_t backoff_next(struct backoff *backoff, struct random *random)
{
    uint64_t wait = backoff_doubled(backoff->first_ms, backoff->cap_ms, backoff->tries);
    if (backoff->tries < UINT32_MAX)
        backoff->tries++;
    return random_jitter(random, wait, 20);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->tries = 0;
}

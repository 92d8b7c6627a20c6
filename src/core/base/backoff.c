/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/backoff.h"

uint64_t backoff_next(struct backoff *backoff, struct random *random)
{
    uint64_t wait = backoff->first_ms;
    for (uint32_t i = 0; i < backoff->tries && wait < backoff->cap_ms; i++)
        wait *= 2;
    if (wait > backoff->cap_ms)
        wait = backoff->cap_ms;
    if (backoff->tries < UINT32_MAX)
        backoff->tries++;
    return random_jitter(random, wait, 20);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->tries = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
/* Jitter: splitmix64 from a seed. Never for keys or nonces; those come through tally_secret. */
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Evenly below a bound > 0 that is much smaller than 2^32. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

/* value +- percent, evenly. */
static inline uint64_t random_jitter(struct random *random, uint64_t value, uint32_t percent)
{
    uint64_t spread = value * percent / 100;
    if (spread == 0)
        return value;
    return value - spread + random_below(random, (uint32_t)(2 * spread + 1));
}

#endif

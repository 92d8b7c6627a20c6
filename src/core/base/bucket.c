/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bucket.h"

void bucket_init(struct bucket *bucket, uint32_t rate, uint32_t burst, struct tally_mono now)
{
    *bucket =
        (struct bucket){.milli = (uint64_t)burst * 1000, .at = now, .rate = rate, .burst = burst};
}

static uint64_t milli_at(const struct bucket *bucket, struct tally_mono now)
{
    uint64_t full = (uint64_t)bucket->burst * 1000;
    uint64_t elapsed = now.ms > bucket->at.ms ? now.ms - bucket->at.ms : 0;
    if (bucket->rate != 0 && elapsed >= full / bucket->rate + 1)
        return full;
    uint64_t milli = bucket->milli + elapsed * bucket->rate;
    return milli < full ? milli : full;
}

bool bucket_has(const struct bucket *bucket, struct tally_mono now)
{
    return milli_at(bucket, now) >= 1000;
}

bool bucket_take(struct bucket *bucket, struct tally_mono now)
{
    uint64_t milli = milli_at(bucket, now);
    bucket->milli = milli;
    if (now.ms > bucket->at.ms)
        bucket->at = now;
    if (milli < 1000)
        return false;
    bucket->milli -= 1000;
    return true;
}

bool bucket_word_has(const struct bucket_word *word, struct bucket_rate rate, struct tally_mono now)
{
    uint64_t at = now.ms * rate.rate;
    uint64_t missing = word->until > at ? word->until - at : 0;
    return missing + 1000 <= (uint64_t)rate.burst * 1000;
}

bool bucket_word_take(struct bucket_word *word, struct bucket_rate rate, struct tally_mono now)
{
    uint64_t at = now.ms * rate.rate;
    if (!bucket_word_has(word, rate, now))
        return false;
    word->until = (word->until > at ? word->until : at) + 1000;
    return true;
}

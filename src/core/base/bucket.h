/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H
/* A token bucket in integers: rate tokens a second, at most burst at once. */
#include "tally/types.h"

struct bucket {
    uint64_t milli;       /* Thousandths of a token. */
    struct tally_mono at; /* When milli was right. */
    uint32_t rate, burst;
};

/* Full at `now`. */
void bucket_init(struct bucket *bucket, uint32_t rate, uint32_t burst, struct tally_mono now);

/* Takes one token; false if there is none. */
bool bucket_take(struct bucket *bucket, struct tally_mono now);

/* Whether bucket_take would succeed, changing nothing. */
bool bucket_has(const struct bucket *bucket, struct tally_mono now);

/*
 * The same in one word, where many have one rate. All zero is full, so that a table of them needs
 * no beginning, and costs nothing until it is used. The time given must not go back.
 */
struct bucket_word {
    uint64_t until; /* When it is full again, in thousandths of what one token takes. */
};

struct bucket_rate {
    uint32_t rate, burst;
};

bool bucket_word_take(struct bucket_word *word, struct bucket_rate rate, struct tally_mono now);
bool bucket_word_has(const struct bucket_word *word, struct bucket_rate rate,
                     struct tally_mono now);

#endif

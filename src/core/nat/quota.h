/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_QUOTA_H
#define NAT_QUOTA_H
/*
 * A pace for each of many, in bounded memory: who has spent nothing lately needs no place. When all
 * places are taken nobody new gets one, so that a crowd of keys is refused, not remembered.
 */
#include "core/base/pace.h"

enum { QUOTA_PLACES = 16 };

struct quota {
    struct {
        uint64_t who; /* The first bytes of its key: nobody makes a key that begins like another. */
        struct pace pace;
    } places[QUOTA_PLACES];
};

bool quota_take(struct quota *quota, const struct tally_key *who, struct pace_rate rate,
                struct tally_mono now);

#endif

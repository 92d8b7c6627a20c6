/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_SEEDING_H
#define UV_SEEDING_H
/*
 * Configuration becomes statements, and only there: the witnesses of a policy that have an address
 * (tally run --policy) are stated one after the other, once the node may sign. What was ever stated
 * of a witness, also that it is not asked, stays as it is: a statement is later than a file.
 */
#include "tally/action.h"
#include "tally/policy.h"
#include <uv.h>

enum { SEEDING_MS = 500 };

struct host;

struct seeding {
    struct host *host;
    const struct tally_policy *policy; /* NULL: nothing is to be stated. */
    uv_timer_t timer;
    size_t at; /* The witness that is next. */
    bool waits;
};

void seeding_open(struct seeding *seeding, struct host *host, const struct tally_policy *policy);
void seeding_start(struct seeding *seeding);
void seeding_stop(struct seeding *seeding);

#endif

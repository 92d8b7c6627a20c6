/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_SCRATCH_H
#define NODE_SCRATCH_H
/* Memory that a step uses and nothing outlives: see tally_scratch_new in tally/node.h. */
#include "core/base/outbox.h"
#include "core/sync/sync.h"

struct tally_scratch {
    struct tally_action *actions; /* Of the outbox. */
    uint8_t *arena;
    struct sync_scratch *sync;
};

/* An outbox over the scratch. */
void scratch_outbox(struct tally_scratch *scratch, struct outbox *outbox);

#endif

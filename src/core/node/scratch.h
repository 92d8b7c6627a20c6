/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_SCRATCH_H
#define NODE_SCRATCH_H
/* Memory that a step uses and nothing outlives, and what is needed now and then: see
   tally_scratch_new in tally/node.h. */
#include "core/base/outbox.h"
#include "core/dht/loan.h"
#include "core/peers/peers.h"
#include "core/sync/sync.h"

struct tally_scratch {
    struct tally_action *actions; /* Of the outbox. */
    uint8_t *arena;
    struct sync_scratch *sync;
    struct dht_loan dht;
    struct peers_loan peers;
};

/* An outbox over the scratch. */
void scratch_outbox(struct tally_scratch *scratch, struct outbox *outbox);

#endif

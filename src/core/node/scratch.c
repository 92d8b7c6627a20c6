/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/scratch.h"

#include "tally/node.h"

#include <stdlib.h>

enum {
    /* A step of bulk transfer makes a VERIFY a frame and a RELEASE a package at the worst; bytes
       that came in one event are passed on as copies. */
    OUTBOX_ACTIONS = 1024,
    OUTBOX_BYTES = 2 * TALLY_STREAM_BYTES_MAX,
};

struct tally_scratch *tally_scratch_new(unsigned nodes)
{
    struct tally_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    scratch->actions = calloc(OUTBOX_ACTIONS, sizeof *scratch->actions);
    scratch->arena = malloc(OUTBOX_BYTES);
    scratch->sync = malloc(sizeof *scratch->sync);
    bool lent = dht_loan_new(&scratch->dht, nodes);
    size_t waiting = nodes == 1 ? TALLY_PEERS_MAX : blocks_share(nodes, TALLY_LINKS_MAX);
    size_t knocks = blocks_share(nodes, PEERS_KNOCKS);
    lent = peers_loan_new(&scratch->peers, waiting, knocks) && lent;
    if (!lent || scratch->actions == NULL || scratch->arena == NULL || scratch->sync == NULL) {
        tally_scratch_free(scratch);
        return NULL;
    }
    return scratch;
}

void tally_scratch_free(struct tally_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->actions);
    free(scratch->arena);
    free(scratch->sync);
    dht_loan_free(&scratch->dht);
    peers_loan_free(&scratch->peers);
    free(scratch);
}

void scratch_outbox(struct tally_scratch *scratch, struct outbox *outbox)
{
    outbox_init(outbox, scratch->actions, OUTBOX_ACTIONS, scratch->arena, OUTBOX_BYTES);
}

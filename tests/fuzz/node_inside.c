/* SPDX-License-Identifier: Apache-2.0 */
#include "node_inside.h"

#include "core/node/node.h"

void node_ask(struct tally_node *node, struct tally_now now, const struct tally_key *peer)
{
    sync_start(&node->sync, now, peer, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When the node next wants a tick. All modules are asked, which a step that changes none of that
   spares itself: the answer is kept. */
#include "core/node/node.h"

static struct tally_mono least(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

struct tally_mono node_due(const struct tally_node *node)
{
    struct tally_mono next = issuer_deadline(&node->issuer);
    if (node->stopping)
        return next;
    next = least(next, datagrams_deadline(&node->datagrams));
    next = least(next, mdns_deadline(&node->mdns));
    next = least(next, joining_deadline(node));
    next = least(next, guarding_deadline(&node->guarding));
    next = least(next, node->sync.next); /* Kept by sync_settle. */
    next = least(next, federating_deadline(&node->federating));
    next = least(next, witness_deadline(&node->witness));
    next = least(next, disputing_deadline(&node->disputing));
    next = least(next, crossing_deadline(&node->crossing));
    next = least(next, pruning_deadline(node));
    next = least(next, comparing_deadline(&node->comparing));
    next = least(next, mapping_deadline(&node->mapping));
    return least(next, connections_deadline(&node->connections));
}

struct tally_mono tally_node_deadline(const struct tally_node *node)
{
    return node->due;
}

void node_settle(struct tally_node *node)
{
    node->due = node_due(node);
    node->unsettled = node->federating.unsettled;
    node->lacks = node->sync.lacks;
}

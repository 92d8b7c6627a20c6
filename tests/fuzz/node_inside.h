/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_NODE_INSIDE_H
#define FUZZ_NODE_INSIDE_H
/* A way into the node that hosts do not have; in a file of its own, for the simulator and the core
   both have a struct datagram. */
#include "tally/node.h"

/* As if a heartbeat of that peer had said that it is ahead. */
void node_ask(struct tally_node *node, struct tally_now now, const struct tally_key *peer);

#endif

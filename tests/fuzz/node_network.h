/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_NODE_NETWORK_H
#define FUZZ_NODE_NETWORK_H
/*
 * What is round a node besides peers, for its harness: interfaces, neighbours that multicast, a
 * gateway, DNS. All of it says what the input says, and sees what the node asks of it.
 */
#include "tally/node.h"

enum { NETWORK_QUESTIONS = 64, NETWORK_INTERFACES = 3, NETWORK_RESOLVED = 4 };

struct node_network {
    uint64_t maps[NETWORK_QUESTIONS], resolves[NETWORK_QUESTIONS];
    size_t map_count, resolve_count;
    struct tally_interface interfaces[NETWORK_INTERFACES];
    size_t interface_count;
    struct tally_resolved resolved[NETWORK_RESOLVED];
};

void network_begin(struct node_network *network);

/* The event that the bytes make; its views are into both, until the next one. */
void network_event(struct node_network *network, uint8_t how, struct tally_bytes bytes,
                   struct tally_event *event);

/* An action of the node: whether it is one that a network may be asked for. SEND and DIAL to a
   private address are, on an interface that is there. */
bool network_asked(struct node_network *network, const struct tally_action *action);

#endif

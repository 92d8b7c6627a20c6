/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FINDING_H
#define NODE_FINDING_H
/* Searches that an operator or a program asked for: what we know ourselves, then the DHT. */
#include "core/dht/dht.h"
#include "tally/event.h"

enum { FINDINGS = DHT_TASKS + DHT_SEARCHES };

struct finding {
    bool used, any; /* Something was found already. */
    uint64_t ticket;
};

struct tally_node;

void node_find(struct tally_node *node, struct tally_now now, const struct tally_command *command);

/* The node stops: who still waits for a search, or for whether we are reached, hears that. */
void node_find_stop(struct tally_node *node);

/* What may be told of us has changed: own addresses; the namespaces we hold logs of. */
void node_tell_addresses(struct tally_node *node, struct tally_now now);
void node_tell_namespaces(struct tally_node *node, struct tally_now now);

/* What the DHT has learnt. */
void wire_dht(struct tally_node *node, struct tally_now now);

#endif

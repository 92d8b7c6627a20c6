/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FEDERATING_H
#define NODE_FEDERATING_H
/*
 * Trust in the node: its own statements, folded from the ledger at the start and as they become
 * durable, and what follows at once when one counts: links and streams that are not permitted any
 * more end, those that are wanted now begin. What is permitted is asked of core/federation wherever
 * a datagram or a request is handled.
 */
#include "core/federation/admission.h"
#include "tally/event.h"
#include "tally/node.h"

struct tally_node;

struct federating {
    struct fold fold;
    struct tally_hash origin_hash; /* Of our log of statements. */
    uint64_t folded;               /* How many were read; the index of the next. */
    uint64_t awaited;              /* One of ours is under way: `folded` once it counts. 0: none. */
};

/* Takes memory for parties, discrepancies and schemas; false without. federating_free gives it
   back. */
bool federating_new(struct federating *federating, const struct tally_node_options *options);
void federating_free(struct federating *federating);

/* Folds what is durable at the start. */
void federating_start(struct tally_node *node);

/* Something of ours became durable, or failed. */
void federating_durable(struct tally_node *node, struct tally_now now);
void federating_failed(struct tally_node *node);

/* COMMAND STATE: refused at once if it would not count, else appended and answered when durable. */
void federating_command(struct tally_node *node, struct tally_now now,
                        const struct tally_command *command);

#endif

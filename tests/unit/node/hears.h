/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HEARS_H
#define TEST_HEARS_H
/* What another party states, as a node reads it in that party's log: for stories that have no such
   log on their disk. */
#include "tally/node.h"

/* The first statement of the log of that key. */
void node_hears(struct tally_node *node, const struct tally_key *issuer, const char *type,
                struct tally_bytes body);

#endif

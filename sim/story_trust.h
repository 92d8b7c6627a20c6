/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_TRUST_H
#define SIM_STORY_TRUST_H
/* What nodes of a story state of whom they trust, and what comes of it. */
#include "scenario.h"

/* The node makes the statement of the line, about the first of `other`. One that does not run says
   nothing. */
void trust_state(struct world *world, uint32_t slot, const struct line *line);

/* Whether the node's state is what its statements come to when they are replayed: from its own
   disk, and from each honest one that holds all of them. */
bool trust_folded(const struct world *world, uint32_t slot, char *why, size_t size);

/* Whether all statements that there are come to the same for the node on the disks of all honest
   ones that run and are not revoked, and in itself: its parties, its agreements with the stances of
   both sides, its cases with the verdicts of arbiters. */
bool trust_same(const struct world *world, uint32_t slot, char *why, size_t size);

#endif

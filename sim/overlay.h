/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_OVERLAY_H
#define SIM_OVERLAY_H
/* The overlay as nodes see it: who is linked with whom, and whether it is one. */
#include "world.h"

struct overlay {
    uint32_t running;
    uint32_t least, median, most; /* Links of the mesh, a node, to nodes that run. */
    uint64_t stale;               /* Links to nodes that do not run. */
    uint32_t largest;             /* Nodes in the largest part that hangs together. */
    uint32_t alone;               /* Nodes without any link. */
};

/* Union and find over slots: the root of all that a slot hangs together with. At first each is its
   own parent; two are joined where the parent of one's root becomes the other's. */
uint32_t overlay_root(uint32_t *parents, uint32_t slot);

/* Looks at every node; takes a while in a large world. */
void overlay_look(const struct world *world, struct overlay *overlay);

#endif

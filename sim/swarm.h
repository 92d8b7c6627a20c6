/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H
/*
 * Stories nobody wrote. A seed draws one, and it is written down as a scenario before it is run:
 * so a find is replayed from its text, although the drawing has changed since.
 */
#include <stddef.h>
#include <stdint.h>

enum {
    SWARM_TEXT_MAX = 8192,
    SWARM_NODES_LEAST = 3,
    SWARM_NODES_FEW = 7, /* Above it are many. */
    SWARM_NODES_MOST = 32,
};

/* How many nodes the stories are to have, from NODES_LEAST to NODES_MOST; least 0: as they come,
   mostly few. */
struct swarm_sizes {
    uint32_t least, most;
};

/* Writes the story of a seed, NUL-terminated; how many nodes it has. */
uint32_t swarm_draw(uint64_t seed, struct swarm_sizes sizes, char text[SWARM_TEXT_MAX]);

#endif

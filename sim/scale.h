/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H
/*
 * How far it goes: many nodes that have nothing to do, and what they cost. Nodes are born within
 * some seconds, settle, and are measured for some more; what is measured is told on standard
 * output, one line a thing, while a terminal sees how far it is.
 */
#include "world.h"

struct scale_options {
    struct world_options world; /* nodes, seed, crypto, peers_max: configured peers a node. */
    double (*seconds)(void);    /* The real clock, which nothing in a world may look at. */
    uint32_t birth_s;           /* All are born within so many seconds, evenly, */
    uint32_t settle_s;          /* and have so many to find together, */
    uint32_t idle_s;            /* before they are measured for so many. */
};

/* What each node of a large world may take, unless told otherwise. */
void scale_defaults(struct scale_options *options);

/* Runs it and tells; false if an invariant broke. */
bool scale_run(const struct scale_options *options);

#endif

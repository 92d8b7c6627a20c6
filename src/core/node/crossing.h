/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CROSSING_H
#define NODE_CROSSING_H
/*
 * Cross-anchors by themselves: once a day the checkpoint of each log of each party at level attest
 * that has grown since becomes a leaf of our log `federation` (formats 5.4). Bounded: so many a
 * day, one a second, none in the first hour of a life, so that a node that restarts again and again
 * writes no more than one that runs. An operator asks for one at any time (tally anchor cross).
 */
#include "tally/types.h"

struct tally_node;

enum {
    CROSSING_LOGS = 64, /* Of all parties, a day. */
    CROSSING_DAY_MS = 24 * 3600 * 1000,
    CROSSING_FIRST_MS = 3600 * 1000,
    CROSSING_STEP_MS = 1000,
};

/* What was anchored last; forgotten at the end of a life. */
struct crossing_log {
    struct tally_hash origin_hash;
    uint64_t size;
};

struct crossing {
    struct crossing_log *logs; /* CROSSING_LOGS of them; most nodes never write there. */
    unsigned count, turn;
    unsigned spent; /* Statements of this day. */
    size_t at;      /* The next log of the ledger to be looked at. */
    struct tally_mono next;
    uint64_t stated;
};

/* False without memory. */
bool crossing_new(struct crossing *crossing, struct tally_now now);
void crossing_free(struct crossing *crossing);
struct tally_mono crossing_deadline(const struct crossing *crossing);
void crossing_tick(struct tally_node *node, struct tally_now now);

#endif

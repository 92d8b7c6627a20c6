/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SWARM_DRAWING_H
#define SIM_SWARM_DRAWING_H
/* A story while it is drawn: what its text says so far, as far as the next lines must know. */
#include "core/base/random.h"
#include "swarm.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DRAWN_NODES_MAX = SWARM_NODES_MOST,
    DRAWN_FEW = SWARM_NODES_FEW,
    LIVENESS_S = 240,  /* So long after the faults all must be well; */
    STRANGERS_S = 720, /* or so long, where all hangs on two who rest ten minutes if in vain. */
    /* A clock is wrong by so much at most: of two one may be twice as far ahead of the other, and
       whoever is by five minutes is told so, not followed (TALLY_DRIFT_MS). */
    CLOCK_MOST_S = 140,
    /* Who did not name them takes so many of one prefix into its mesh (MESH_PREFIX). */
    BOX_NODES_MAX = 2,
};

/* How nodes come to know each other. */
enum setting {
    SETTING_NAMED,      /* Configured peers, all in the wide network. */
    SETTING_HOMES,      /* Configured peers, most of them behind boxes. */
    SETTING_STRANGERS,  /* They were told of the first two; */
    SETTING_NAMES,      /* of a domain, in which the first two are; */
    SETTING_NEIGHBOURS, /* of nobody, and are on one segment in the end. */
    SETTING_COUNT
};

struct drawing {
    struct random chance;
    char *text;
    size_t size;
    enum setting setting;
    uint32_t nodes, liar;              /* liar 0: none; */
    uint32_t liars;                    /* so many from that one on. */
    uint32_t fixed;                    /* So many, from n1, stay in the wide network and honest. */
    uint32_t homes;                    /* So many boxes. */
    uint8_t home[DRAWN_NODES_MAX + 1]; /* Of each node: its box, from 1; 0: none. */
    uint32_t first[DRAWN_NODES_MAX + 1]; /* Of each box: who never moves out; */
    uint32_t outer[DRAWN_NODES_MAX + 1]; /* the box it is seen as from the wide network. */
    uint64_t down;                       /* Bit per node that is not running, */
    uint64_t sick;                       /* whose disk has faults, */
    uint64_t failing;                    /* and such that it may not run, restarted or not. */
    uint32_t rotated;                    /* Whose key another one takes over from; 0: nobody; */
    uint32_t rotated_at;                 /* in which tenth of a second. */
    uint32_t
        haste; /* Spans of time are divided by it: faults come fast, or as slowly as timeouts. */
    uint32_t calm;                       /* When faults end, in tenths of a second. */
    int32_t offset[DRAWN_NODES_MAX + 1]; /* Of each node's clock, in seconds. */
    bool sealing;                        /* Who appends seals, mostly. */
    bool fork;                           /* The liar has two faces. */
    bool unnamed;                        /* DNS does not answer, or with nothing. */
};

void drawing_line(struct drawing *drawing, const char *form, ...)
    __attribute__((format(printf, 2, 3)));

/* From least to most, both may be. */
uint32_t drawing_number(struct drawing *drawing, uint32_t least, uint32_t most);

/* Once in so many times. */
bool drawing_once_in(struct drawing *drawing, uint32_t times);

/* «at T», and « T», a span between seconds as hasty as the story. */
void drawing_at(struct drawing *drawing, uint32_t tenths);
void drawing_span(struct drawing *drawing, uint32_t least, uint32_t most);

/* Whether one more may be behind the same address as those of a box. */
bool drawing_room(const struct drawing *drawing, uint32_t home);

/* The world before anything happens in it; its liar too. */
void drawing_world(struct drawing *drawing, uint64_t seed, struct swarm_sizes sizes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H
/*
 * How far it goes: many nodes, and what they cost; how fast news gets round, what is left of the
 * overlay when many vanish at once, what a lookup takes. Nodes are born within some seconds,
 * settle, and are measured, one thing after the other; what is measured is told on standard output,
 * one line a thing, while a terminal sees how far it is.
 */
#include "world.h"

struct scale_options {
    struct world_options world; /* nodes, seed, crypto, peers_max: configured peers a node. */
    /* The real clock, which nothing in a world may look at; and what this process had of a core. */
    double (*seconds)(void), (*core_seconds)(void);
    enum tally_profile profile;
    uint32_t bootstraps;  /* The first so many: whom all others are told of; 0: peers_max peers. */
    uint32_t nat;         /* Percent of the others that live behind boxes of their own. */
    uint32_t loss;        /* Percent of datagrams that are lost. */
    uint32_t birth_s;     /* All are born within so many seconds, evenly, */
    uint32_t settle_s;    /* and have so many to find together, */
    uint32_t idle_s;      /* before they are measured for so many. */
    uint32_t announces;   /* Logs that grow, one after the other: how far and fast it is heard. */
    uint32_t revocations; /* Keys that end, one after the other: how far and fast it is heard. */
    uint32_t lookups;     /* Nodes that look for another one. */
    uint32_t colluders;   /* Percent of all but the bootstraps that name only each other. */
    uint32_t vanish;      /* Percent that vanish at once, before the last measures. */
};

/* What each node of a large world may take, unless told otherwise. */
void scale_defaults(struct scale_options *options);

/* Once all is read: nodes that may know as many peers as a real one have the DHT of one too. */
void scale_sizes(struct scale_options *options);

/* Runs it and tells; false if an invariant broke. */
bool scale_run(const struct scale_options *options);

#endif

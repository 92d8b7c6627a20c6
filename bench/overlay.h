/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OVERLAY_H
#define BENCH_OVERLAY_H
/*
 * A DHT of many nodes in one process, to see what a lookup costs: routing tables and lookups are
 * those of the node, the network is a model. Answers take a round trip drawn from a log-normal
 * distribution; some nodes are dead and still in everybody's tables; some collude, and name only
 * their like, the closest to the target that there are. Nothing moves while lookups are made.
 */
#include "core/dht/lookup.h"

struct overlay_options {
    unsigned nodes, lookups;
    unsigned dead, liars; /* Percent of the nodes. */
    unsigned sybils;      /* Liars whose keys were searched for, next to each target. */
    bool cold;            /* Who is not in our table must be greeted: one round trip more. */
    bool value;           /* One node puts a value, another looks for it until it has it; else the
                             closest nodes are looked for. */
    unsigned end;         /* LOOKUP_END_FIND or LOOKUP_END_PUT, without a value. */
    uint64_t seed;
};

/* Times in milliseconds. «The first» is the first honest one of the 8 closest; with a value, the
   first honest one that has it. The put itself is not in the figures. */
struct overlay_figures {
    double messages, hops;       /* Means; hops to the first. */
    double first_p50, first_p95; /* Until the first answered. */
    double end_p50, end_p95;
    double reached;  /* Share of lookups in which it did. */
    double found;    /* Share of the honest ones of the 8 closest that answered. */
    double four;     /* Share of lookups that walked four paths. */
    double contacts; /* A node, in the mean. */
    unsigned cut;    /* Lookups that did not end by themselves. */
};

/* False without memory. */
bool overlay_measure(const struct overlay_options *options, struct overlay_figures *figures);

#endif

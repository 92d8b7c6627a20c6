/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FIGURES_H
#define SIM_FIGURES_H
/*
 * What a run shows of itself, gathered while it runs and without changing it: how soon what was
 * sealed was heard of and held everywhere, how long a partition was felt, when a fork was proved,
 * what each node sent, and how all of it went over time. report.h tells it.
 */
#include "story.h"

enum {
    FIGURES_SAMPLES = 240, /* Then every second one is given up, and they come half as often. */
    FIGURES_ROWS = 48,     /* Nodes of which there is a row; of more, several share one. */
    FIGURES_MARKS = 400,
    FIGURES_SEALS = 4096,
    FIGURES_CELLS = 1 << 22, /* Seals times nodes. */
};

/* What is on the time axis. */
enum figure_mark_kind { MARK_USER, MARK_FAULT, MARK_REPAIR, MARK_LIAR, MARK_PLACE };

struct figure_mark {
    uint64_t us;
    enum figure_mark_kind kind;
    bool divides, heals; /* The network. */
    const char *text;    /* The line of the story; it owns it. */
};

struct figure_sample {
    uint64_t us;
    uint64_t datagram_bytes, stream_bytes, multicast_bytes; /* Sent by all so far. */
    uint64_t drops[TALLY_DROP_COUNT];                       /* So far. */
    uint64_t receipts;                                      /* Distinct ones, of honest users. */
    uint32_t up, links;                                     /* Nodes; ends of links. */
    uint8_t held[FIGURES_ROWS]; /* Percent of the receipts, FIGURES_DOWN: not running. */
};

enum { FIGURES_DOWN = 255 };

/* A checkpoint that an honest node signed, and when (milliseconds + 1 after) each node had heard of
   it, and held it; 0: not yet. */
struct figure_seal {
    uint64_t us, size;
    uint32_t log;
    uint32_t *heard, *held;
    uint32_t held_count, wanted; /* Nodes that counted when it was signed, the issuer not. */
};

struct figure_heal {
    uint64_t us, healed_us; /* healed 0: not yet. */
    struct figure_height {
        struct tally_hash origin_hash;
        uint64_t size;
    } * heights; /* What was known anywhere when it healed. */
    size_t height_count, height_capacity;
    uint32_t slot; /* All before have all of it. */
};

struct figure_fork {
    uint32_t liar;
    uint64_t lied_us, first_us, last_us; /* first 0: nobody found it. */
    uint32_t nodes;                      /* That know. */
};

/* Times in milliseconds. */
struct figure_spread {
    uint64_t count, missing;
    uint32_t p50, p90, p99, most;
};

struct figures {
    const struct world *world; /* While it stands. */
    uint32_t node_count, slot_count;
    uint64_t step_us;
    struct figure_sample *samples;
    size_t sample_count;
    struct figure_mark *marks;
    size_t mark_count, mark_capacity;
    uint64_t marks_left_out;
    struct {
        struct tally_hash origin_hash;
    } * logs;
    size_t log_count, log_capacity;
    struct figure_seal *seals;
    size_t seal_count, seal_capacity;
    uint64_t seals_left_out;
    struct figure_heal *heals;
    size_t heal_count, heal_capacity;
    struct figure_fork *forks;
    size_t fork_count, fork_capacity;
    struct figure_node {
        uint64_t datagram_bytes, stream_bytes, multicast_bytes, datagrams;
        uint64_t syncs, confirms, drops;
        uint32_t shown;
    } * nodes; /* A slot. */
    uint64_t drops[TALLY_DROP_COUNT];
    struct figure_spread heard, held;
    struct story_observer observer;
};

/* The observer is to be given to story_run. *figures must not move. */
void figures_init(struct figures *figures);
void figures_free(struct figures *figures);

/* Rows of the samples, and the node of the first place in one. */
uint32_t figures_rows(const struct figures *figures);
uint32_t figures_row_first(const struct figures *figures, uint32_t row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_LOOKUP_H
#define DHT_LOOKUP_H
/*
 * One lookup: the way to the nodes closest to a target, by asking ever closer ones (protocols 5.1).
 * A value with fixed memory that sends nothing itself: it says whom to ask, and is told what came.
 *
 *     lookup_init, then: while lookup_next: ask that node; lookup_answered or lookup_failed for
 *     each; lookup_tick at lookup_deadline; until lookup_over, and then lookup_result.
 *
 * Paths are disjoint: nobody is asked on two of them, and whom somebody names is known on his path
 * alone. So a liar, who names only his like, leads one path astray and not the others. Two paths
 * are walked. Two more are, with other contacts to begin with, if these do not agree, if they ended
 * where nodes stand so far apart that somebody must have left most of them out (a share f of
 * colluders stands 1/f times as far apart as all nodes), or if something is looked for and nobody
 * had it. These take nobody who is known on the first two: the same lie does not catch them too.
 *
 * Answers are hints. What they name is looked at one by one, and what is of no use is a counted
 * drop: SELF, SCOPE (an address not to be dialled), SEEN (known on this path), CROWDED (a third of
 * one network), FARTHER (no closer than its bringer, nor than those already known).
 */
#include "core/dht/table.h"

enum {
    LOOKUP_ALPHA = 4, /* Questions under way, all paths together. */
    LOOKUP_PATHS = 2, /* At first; LOOKUP_PATHS_MAX when these do not agree. */
    LOOKUP_PATHS_MAX = 4,
    LOOKUP_END_FIND = 8, /* It ends when so many of the closest known have answered, ... */
    LOOKUP_END_PUT = 16, /* ... or so many, if something is to be kept by them. */
    LOOKUP_SEEDS = 8,    /* Contacts of our own with which a path begins. */
    LOOKUP_WIDTH = 32,   /* Nodes that a path remembers, the closest. */
    LOOKUP_LATES = 8,    /* Of these so many may be late: made-up ones would displace all others. */
    LOOKUP_NODES_MAX = 16, /* In an answer. */
    LOOKUP_NETWORK = 2,    /* Of one /24 or /48 on a path; one at a time is asked. */
    LOOKUP_TWINS = 2,      /* Addresses of one key on a path: a liar may have named the first. */
    LOOKUP_ASKS_MAX = 128, /* Questions in all: four times what an honest network takes. */
    LOOKUP_FALSE =
        3, /* Who named so many that are silent and nobody who answered is not believed. */
    LOOKUP_SPARSE =
        3, /* So many times farther than expected is too far: three Poisson deviations at 8. */
    LOOKUP_END_MORE = 3, /* A later path ends with so many, if it brings nobody closer. */
    LOOKUP_KEEPERS = 32, /* Who is asked to keep something: those of ... */
    LOOKUP_REGION = 20,  /* ... the radius in which so many nodes are expected (protocols 5.3). */
    LOOKUP_LIFE_MS = 10000,
    LOOKUP_TIMEOUT_LEAST_MS = 150, /* Then another is asked too; what comes late still counts. */
    LOOKUP_TIMEOUT_MOST_MS = 250,
    LOOKUP_ENTRIES = LOOKUP_PATHS_MAX * LOOKUP_WIDTH + LOOKUP_ALPHA,
};

/* What one node tells of another. */
struct lookup_node {
    struct tally_key key;
    struct tally_address address;
};

struct lookup_options {
    struct tally_hash target;
    struct tally_hash self; /* Our own point. */
    unsigned end;           /* LOOKUP_END_FIND or _PUT. */
    unsigned srtt_ms;       /* The round trip as measured; 0: unknown. */
    uint64_t radius;        /* table_radius(table, end). */
    bool insist;            /* Walk all paths, unless lookup_stop comes: absence is not believed at
                               once, and what is to be kept goes to more than one circle. */
};

enum lookup_state {
    LOOKUP_NAMED, /* Not asked yet. */
    LOOKUP_ASKED, /* In time so far. */
    LOOKUP_LATE,  /* Counted out, but may still answer. */
    LOOKUP_ANSWERED,
};

struct lookup_entry {
    struct tally_hash point;
    struct lookup_node node;
    struct tally_mono asked;
    uint8_t paths;    /* Bits: on which it is known. 0: the entry is free. */
    uint8_t path;     /* On which it was asked. */
    uint8_t state;    /* enum lookup_state. */
    uint8_t depth;    /* 1: a contact of our own; 2: named by one; ... */
    uint8_t question; /* The number of the one it was asked. */
    uint8_t by;       /* That of whom named it first; LOOKUP_ASKS_MAX: ourselves. */
    uint8_t turn;     /* Of the entry's use, so that an old token finds nothing. */
};

struct lookup_path {
    uint8_t list[LOOKUP_WIDTH]; /* Entries, the closest first. */
    unsigned count, asked;      /* Known; under way. */
    bool ended;
};

struct lookup {
    struct lookup_options options;
    struct lookup_path paths[LOOKUP_PATHS_MAX];
    unsigned path_count;
    bool over;
    uint64_t bar; /* How far the closest of the first paths reach, once more are walked. */
    unsigned timeout_ms;
    struct tally_mono started;
    struct tally_mono wake;
    struct {
        uint64_t digest;      /* Of whom was asked. */
        uint8_t good, silent; /* Of those it named: whether one answered, how many did not. */
    } questions[LOOKUP_ASKS_MAX];
    unsigned messages, answers, depth; /* Asked, answered, the greatest depth that answered. */
    struct lookup_entry entries[LOOKUP_ENTRIES];
};

/* A question to be sent. The token is given back with its answer. */
struct lookup_ask {
    uint32_t token;
    struct lookup_node node;
};

/* Begins with the closest contacts of the table. */
void lookup_init(struct lookup *lookup, const struct lookup_options *options,
                 const struct table *table, struct tally_now now);

/* The next question; false if none is to be asked now. */
bool lookup_next(struct lookup *lookup, struct tally_now now, const struct table *table,
                 struct lookup_ask *ask);

/*
 * An answer, late or not, with at most LOOKUP_NODES_MAX nodes: none if it was something else, say
 * what was looked for. Nodes that are of no use are counted in drops. False if the token is of a
 * question that does not matter any more.
 */
bool lookup_answered(struct lookup *lookup, uint32_t token, const struct lookup_node *nodes,
                     size_t count, uint64_t drops[TALLY_DROP_COUNT]);

/* There will be no answer: it could not be asked, or is barred. */
void lookup_failed(struct lookup *lookup, uint32_t token);

struct tally_mono lookup_deadline(const struct lookup *lookup);
void lookup_tick(struct lookup *lookup, struct tally_now now);

/* What was looked for is here. */
void lookup_stop(struct lookup *lookup);

/* Whether it has ended. */
bool lookup_over(const struct lookup *lookup);

/* The closest nodes that answered, on whichever path, the closest first. Returns how many. */
size_t lookup_result(const struct lookup *lookup, struct lookup_node *list, size_t count);

/* Who should keep something: the LOOKUP_END_PUT closest that answered, and whoever else answered
   within that distance of the target, so that keys searched for next to it are not alone with it.
   At most LOOKUP_KEEPERS. */
size_t lookup_keepers(const struct lookup *lookup, uint64_t radius,
                      struct lookup_node list[LOOKUP_KEEPERS]);

bool lookup_holds(const struct lookup *lookup);

#endif

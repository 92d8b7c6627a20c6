/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_SIM_H
#define TALLY_SIM_H
/*
 * Worlds of many nodes for your own tests: the production core under a virtual clock, with a
 * network, disks and liars that a seed decides. The same story is the same run, byte for byte.
 *
 *     struct tally_sim *sim = tally_sim_new("nodes 5\nseed 7\n", message, sizeof message);
 *     tally_sim_append(sim, 1, "audit", 10, 100);
 *     tally_sim_do(sim, "partition 1 1 1 2 2", message, sizeof message);
 *     tally_sim_run(sim, 30 * TALLY_SIM_SECOND);
 *     assert(tally_sim_is(sim, "diverged", message, sizeof message));
 *     tally_sim_do(sim, "heal", message, sizeof message);
 *     tally_sim_run(sim, 60 * TALLY_SIM_SECOND);
 *     assert(tally_sim_verdict(sim, message, sizeof message));
 *
 * The language is that of tally-sim (1); nodes are counted from 1. Messages are one sentence and
 * NUL-terminated. A program that uses it is linked with what `pkg-config tallysim` says, which lets
 * the linker show our malloc to the checker that no step of a node allocates. Not for threads: one
 * world at a time is stepped in a process.
 */
#include "tally/types.h"
#include <stdbool.h>
#include <stddef.h>

#define TALLY_SIM_SECOND UINT64_C(1000000) /* Virtual time is in microseconds from 0. */

struct tally_sim;

/* A world from a story: at least "nodes N". Its timed lines act when their time comes. NULL if it
   is not understood; the message says where. */
struct tally_sim *tally_sim_new(const char *story, char *message, size_t size);
void tally_sim_free(struct tally_sim *sim);

/* Goes on to that time. False if something does not hold: see verdict. */
bool tally_sim_run(struct tally_sim *sim, uint64_t until_us);
uint64_t tally_sim_now(const struct tally_sim *sim);

/* One line of a story without its "at T" acts now: "crash n2", "link loss 20", "expect converged
   within 30". False if it is not understood. */
bool tally_sim_do(struct tally_sim *sim, const char *action, char *message, size_t size);

/* Whether a condition of the language is so now: "converged", "not linked n1 n2", "holds n3 n1 10".
   If not, the message says what is missing. */
bool tally_sim_is(struct tally_sim *sim, const char *condition, char *message, size_t size);

/* A user of a node appends receipts with bodies of that size, now. */
void tally_sim_append(struct tally_sim *sim, unsigned node, const char *name_space, unsigned count,
                      unsigned body_size);

/* What is durable at a node. False if it does not hold that log, or no checkpoint of it. */
struct tally_sim_head {
    uint64_t receipts; /* Held, sealed or not. */
    uint64_t size;     /* Of the checkpoint; */
    struct tally_hash root;
};
bool tally_sim_head(const struct tally_sim *sim, unsigned node, unsigned issuer,
                    const char *name_space, struct tally_sim_head *head);

/* Whether a node runs, and what it sent so far, with the headers below. */
bool tally_sim_runs(const struct tally_sim *sim, unsigned node);
uint64_t tally_sim_sent(const struct tally_sim *sim, unsigned node);

/* Checks everything at rest; true if all that must hold held, and what was expected came, as far as
   its time is over. */
bool tally_sim_verdict(struct tally_sim *sim, char *message, size_t size);

/* The id of the run so far, in hexadecimal. */
void tally_sim_id(const struct tally_sim *sim, char id[33]);

#endif

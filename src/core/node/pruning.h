/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PRUNING_H
#define NODE_PRUNING_H
/*
 * Retention (formats 5.3, operations 3.15): bodies of other parties' receipts go when the time that
 * was agreed for them is over. Envelopes, tiles, checkpoints and proofs stay for ever, and so do
 * our own bodies and all statements.
 *
 * A round walks all logs, a bundle at a time, and counts from the front the receipts that are old
 * enough by what their issuer says of their time: who dates one into the future keeps what comes
 * behind it longer, and harms nobody. What is counted goes in one PRUNE. What cannot be undone is
 * not left to our own clock alone: calendar.h.
 */
#include "core/node/calendar.h"
#include "tally/event.h"

enum {
    PRUNING_FIRST_MS = 10000, /* After the start. */
    PRUNING_STEP_MS = 100,    /* Between bundles, which are read from the disk. */
    PRUNING_EVERY_MS = 3600000,
    PRUNING_WAIT_MS = 60000, /* While the clocks of peers differ from ours. */
};

struct tally_node;

struct pruning {
    struct tally_mono at; /* Not before. */
    size_t log;           /* The one that is looked at. */
    uint64_t reached;     /* So many of its receipts are old enough; 0: not looked yet. */
    uint64_t ticket;      /* Of the PRUNE under way; 0. */
    uint64_t tickets;
    struct calendar calendar;
};

void pruning_start(struct tally_node *node, struct tally_now now);
struct tally_mono pruning_deadline(const struct tally_node *node);
void pruning_tick(struct tally_node *node, struct tally_now now);
void pruning_on_pruned(struct tally_node *node, struct tally_now now,
                       const struct tally_event *event);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_FEDERATING_H
#define NODE_FEDERATING_H
/*
 * Trust in the node: its own statements, folded from the ledger at the start and as they become
 * durable, and what follows at once when one counts: links and streams that are not permitted any
 * more end, those that are wanted now begin. What is permitted is asked of core/federation wherever
 * a datagram or a request is handled.
 *
 * Agreements (agreeing.c): other parties' statements are folded as their logs come, a bundle at a
 * time; what was accepted as we offered it is signed; and the end of a notice is acted on when it
 * comes.
 */
#include "core/federation/admission.h"
#include "tally/event.h"
#include "tally/node.h"

struct tally_node;

struct federating {
    struct revoked revoked; /* Keys that are no more; the fold looks into it. */
    struct fold fold;
    bool unsettled;                /* Something follows from what was read at the start. */
    struct tally_hash origin_hash; /* Of our log of statements. */
    uint64_t folded;               /* How many were read; the index of the next. */
    uint64_t awaited;              /* One of ours is under way: `folded` once it counts. 0: none. */
    uint64_t *heard;               /* Of each log of the ledger: how many were read. */
    size_t logs_max;
    size_t hearing;            /* The log that is next to be looked at, if `due`. */
    bool due;                  /* There may be more to read. */
    struct tally_mono at;      /* When something ends, or is to be tried again. */
    unsigned refusals;         /* Proposals that we may reject by ourselves now, */
    struct tally_mono refused; /* and when that was so. */
};

/* The tag of a signature that the node gives by itself (issuer_statement). */
#define FEDERATING_TAG UINT64_MAX

enum {
    FEDERATING_RETRY_MS = 1000,
    FEDERATING_REFUSALS = 16, /* Proposals that are rejected at once, and */
    FEDERATING_REFUSAL_MS =
        60000, /* one more after each such time: each is a statement for ever. */
};

/* Takes memory for parties, pairs, logs, discrepancies and schemas; false without. federating_free
   gives it back. */
bool federating_new(struct federating *federating, const struct tally_node_options *options);
void federating_free(struct federating *federating);

/* Folds what is durable at the start. */
void federating_start(struct tally_node *node);

/* Before anything else in a step. */
void federating_clock(struct tally_node *node, struct tally_now now);

struct tally_mono federating_deadline(const struct federating *federating);
void federating_tick(struct tally_node *node, struct tally_now now);

/* Another party's log of statements has grown. */
void federating_heard(struct tally_node *node, struct tally_now now);

/* How far the logs of a party are good has changed, or whose key it was. */
void federating_limited(struct tally_node *node, const struct tally_key *party);

/* Acts on what agreements came to: after statements were folded. */
void federating_settle(struct tally_node *node, struct tally_now now);

/* What is under way with a party, or with any (NULL), goes on under its new rights only. */
void federating_enforce(struct tally_node *node, struct tally_now now,
                        const struct tally_key *party);

/* Something of ours became durable, or failed. */
void federating_durable(struct tally_node *node, struct tally_now now);
void federating_failed(struct tally_node *node);

/* COMMAND STATE: refused at once if it would not count, else appended and answered when durable. */
void federating_command(struct tally_node *node, struct tally_now now,
                        const struct tally_command *command);

#endif

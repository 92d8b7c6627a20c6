/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_COMPARING_H
#define NODE_COMPARING_H
/*
 * Schemas of others against ours (formats 5.4): what a party states of the meaning of its receipts
 * is read in its log `federation`, as it comes, and all of it again when we state one ourselves,
 * when an agreement begins, and at the start. One name and version with two hashes is a
 * discrepancy, at both ends, since both read. A version says one thing for ever, so it is over when
 * both have stated a later one of that name that says the same. What we have no schema of is kept
 * as it is.
 *
 * Of parties only whose statements we take; so many statements at a time, one log after the other.
 */
#include "tally/types.h"
#include "tally/windows.h"

struct tally_node;

enum {
    COMPARING_STATEMENTS = 128,
    COMPARING_STEP_MS = 500,
    COMPARING_NAMES = 32, /* Of one log, that are at odds: more are never over by themselves. */
};

/* A name whose last version says something else here. */
struct comparing_name {
    struct tally_hash name;
    uint64_t at; /* The statement that says so. */
};

struct comparing {
    bool under_way; /* All logs are being read. */
    size_t log;
    uint64_t index; /* The next statement of that log. */
    /* Of that log, before it: so many names that are at odds. */
    unsigned odds;
    bool many;
    struct comparing_name *names; /* COMPARING_NAMES; most nodes never write there. */
    bool again;                   /* There was more meanwhile: once more from the first. */
    struct tally_mono next;
};

/* False without memory. */
bool comparing_new(struct comparing *comparing);
void comparing_free(struct comparing *comparing);

/* All of them are to be read, from the first. */
void comparing_start(struct comparing *comparing, struct tally_now now);

struct tally_mono comparing_deadline(const struct comparing *comparing);
void comparing_tick(struct tally_node *node, struct tally_now now);

/* A log grew by so many receipts. */
void comparing_head(struct tally_node *node, struct tally_now now,
                    const struct tally_log_view *view, uint64_t count);

#endif

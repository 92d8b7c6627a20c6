/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_DISCREPANCY_H
#define FEDERATION_DISCREPANCY_H
/*
 * What one node holds against others, and how far each case went (formats 5.4, 12): a pure fold
 * over its own statements in their order, and over the verdicts of the arbiters that it named.
 *
 *     OPEN ─automatic─▶ RESYNC ─manual─▶ MANUAL ─arbitration─▶ ARBITRATION ─suspension─▶ SUSPENDED
 *                          └─────────────────┴──────── final ───────┴────────────────────────┘
 *                                                        ▼
 *                                                    RESOLVED
 *
 * Stages may be left out, and from SUSPENDED a case may go to arbitration, but none goes back to
 * OPEN, and nothing follows RESOLVED. The reporter alone moves a case. What an arbiter states in
 * its own log is noted beside: of all its verdicts on one case the first of its log, so that it
 * comes to the same in whatever order the two logs are read, as long as the arbiter's is read from
 * its beginning once it was named (discrepancy_next). The reporter then adopts the verdict, or not.
 *
 * Bounded: of one kind about one log there is one open case, of one party a few, and when there is
 * no room the oldest that is resolved is forgotten. Its statements stay in the log.
 */
#include "core/federation/verdict.h"
#include "core/federation/words.h"
#include "tally/discrepancy.h"

enum {
    DISCREPANCIES_MAX = 256, /* Cases of one node, open and resolved. */
    DISCREPANCY_PARTY_MAX =
        8, /* Open ones against one party: as many as there are kinds, less one. */
};

struct discrepancy {
    struct tally_key reporter; /* Ours; a key that we had before. */
    uint64_t index;            /* Of its statement in the reporter's log: its name there. */
    uint64_t moved;            /* Of the last statement that moved it, in the mover's log. */
    enum tally_discrepancy type;
    enum tally_discrepancy_state state;
    enum tally_outcome outcome; /* RESOLVED: by what. */
    struct tally_key party;
    bool automatic; /* It may resolve itself. */
    bool has_log, has_claim, has_evidence, has_arbiter;
    struct tally_hash log;
    uint64_t claimed_size;
    struct tally_hash claimed_root; /* If has_claim. */
    struct tally_hash evidence;
    struct tally_key arbiter; /* The last that was named. */
    uint64_t read;            /* Its statements that were looked at, of its log from the first. */
    bool judged, holds;       /* It has spoken, and that the claim holds. */
    uint64_t verdict;         /* Index of that in its log. */
};

struct discrepancies {
    struct tally_key reporter;
    size_t capacity, count;
    size_t last;              /* The place of the case that we stated, or moved, last. */
    struct discrepancy *list; /* Those of keys that we had before, then in their order. */
};

/* NULL without memory. What is folded beyond DISCREPANCIES_MAX differs from what others fold, so
   hosts give that many. */
struct discrepancies *discrepancies_new(const struct tally_key *reporter, size_t capacity);
void discrepancies_free(struct discrepancies *discrepancies);

/* TAKEN, or why not. `index` is where the statement is in its issuer's log, UINT64_MAX: at its end.
   For the three kinds about discrepancies only; those that no arbiter states only of issuers that
   are `own`: the reporter, or a key from which it took over. A case of such a key stays, and stays
   suspended: the key of now moves it by the same index, unless a case of its own has that one and
   the same evidence. */
enum fold_verdict discrepancy_judge(const struct discrepancies *discrepancies,
                                    const struct tally_key *issuer, bool own,
                                    const struct fed_statement *statement, uint64_t index);

/* One that was judged TAKEN. */
void discrepancy_apply(struct discrepancies *discrepancies, const struct tally_key *issuer,
                       const struct fed_statement *statement, uint64_t index);

/* One of the reporter's own, otherwise the last of a key that it had before. NULL: there is none,
   or it was forgotten. */
const struct discrepancy *discrepancy_find(const struct discrepancies *discrepancies,
                                           uint64_t index);

/* The one that is not resolved, of that kind about that log (NULL: about the party itself). */
const struct discrepancy *discrepancy_open(const struct discrepancies *discrepancies,
                                           enum tally_discrepancy type,
                                           const struct tally_key *party,
                                           const struct tally_hash *log);

/* Whether a log is neither to be taken nor shown. discrepancies NULL: none is. */
bool discrepancy_suspends(const struct discrepancies *discrepancies, const struct tally_key *issuer,
                          const struct tally_hash *log);

/* Whether the arbiter's log is to be read on for a case: it has not spoken, or not all before its
   verdict was looked at. `read` is the next of its statements. */
bool discrepancy_waits(const struct discrepancy *one);

/* The next such case, from *at on, which is moved behind it; NULL: no more. */
struct discrepancy *discrepancy_next(struct discrepancies *discrepancies, size_t *at);

/* Whether the reporter stated, ever, that the party signed two histories of that log. */
bool discrepancy_forked(const struct discrepancies *discrepancies, const struct tally_key *party,
                        const struct tally_hash *log);

/* Whether a case says that the party signed two histories of some log, and is not resolved. */
bool discrepancy_accuses(const struct discrepancies *discrepancies, const struct tally_key *party);

/* What that arbiter said does not count any more, until its log is taken again from the beginning.
 */
void discrepancy_unhear(struct discrepancies *discrepancies, const struct tally_key *arbiter);

/* Unresolved ones. */
size_t discrepancy_pending(const struct discrepancies *discrepancies);

/* Adds the cases to a hash of a state; leaves it alone without any. */
void discrepancy_hash(const struct discrepancies *discrepancies, struct tally_hash *hash);

bool discrepancy_holds(const struct discrepancies *discrepancies);

#endif

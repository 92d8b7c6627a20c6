/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_CONDUCT_H
#define FEDERATION_CONDUCT_H
/*
 * How those with whom an agreement is active keep its terms (formats 5.3, 12: `term_violation`,
 * shared less, later or more than agreed), by what they answer, clause by clause:
 *
 *     SHARES    less   its log of a shared scroll, which it told reaches further than we hold, is
 *                      refused, or left out of all it lists
 *     KEEPS     less   it says that bodies of ours are gone, which it was to keep for longer
 *     VERIFIES  later  it owes a cosignature of our log of a shared scroll, FACTOR cycles long
 *     SHOWS     more   it lists logs of its own that are of no scroll that is shared
 *     ASKS      more   it asks for logs that it was not shown
 *
 *     KEPT ──failed──▶ DOUBTED ──failed so often, for so long──▶ BROKEN        held: back to KEPT
 *
 * UNREACHABLE IS NO VIOLATION. Nothing is held against a silent party: each sign is made of an
 * answer of it, and time passes for its doubts only between two answers that are at most
 * CONDUCT_GAP_MS apart. So a partition, however long, adds nothing: it brings no answers. Nor does
 * one answer: terms begin at one end first, and an agreement may be amended while a question is
 * under way, hence `least` and the patience.
 *
 * No table of it outlives the node: after a restart doubts begin anew. Who acts on it asks for the
 * news.
 */
#include "core/federation/terms.h"
#include "tally/windows.h"

enum {
    CONDUCT_PATIENCE_MS = 600 * 1000, /* Of answers, not of time that passes. */
    CONDUCT_GAP_MS = 300 * 1000,      /* Heads are asked for every four minutes at least. */
    CONDUCT_FACTOR = 2,               /* Of the cycle agreed, before it is late. */
};

enum conduct_clause {
    CONDUCT_SHARES,
    CONDUCT_KEEPS,
    CONDUCT_VERIFIES,
    CONDUCT_SHOWS,
    CONDUCT_ASKS,
    CONDUCT_CLAUSES
};

enum conduct_state { CONDUCT_KEPT, CONDUCT_DOUBTED, CONDUCT_BROKEN, CONDUCT_STATES };

/* "shares", ...: stable words; what it is to break it, for people. Never NULL. */
const char *conduct_clause_name(enum conduct_clause clause);
const char *conduct_clause_text(enum conduct_clause clause);

/* What is known of one clause. */
struct conduct_term {
    enum conduct_state state;
    bool seen;                     /* It was seen to be kept, once. */
    bool news;                     /* Who acts on it has not seen this state. */
    unsigned signs;                /* That it failed, since it was kept last. */
    uint64_t there_ms;             /* How long it was there since then, by its answers. */
    uint64_t quiet_ms;             /* The same since the last sign. */
    struct tally_wall first, last; /* Of those signs, by our clock. */
    /* What the last one was about: the log, how far it is said to reach, why it was refused. */
    struct tally_hash log;
    uint64_t size, held;
    enum tally_drop reason;
};

/* A scroll that is shared: one log of the party's, one of ours. */
struct conduct_scroll {
    struct tally_hash theirs, ours;
    uint64_t told;           /* How far its issuer told that it reaches. */
    bool shown;              /* In the list that is under way. */
    enum tally_drop refused; /* NONE: it was not, */
    uint64_t refused_held;   /* while we held so much. */
    uint64_t owed_ms;        /* So long it owes a cosignature of ours, of `good` that it gave. */
    unsigned good;
};

struct conduct {
    struct tally_key party;
    struct tally_hash agreement;
    uint32_t verify_s;
    uint16_t retention_days;
    bool verifies; /* At the level agreed each cosigns for the other. */
    unsigned scroll_count;
    struct conduct_scroll scrolls[TALLY_FED_TERMS_SCROLLS_MAX];
    struct conduct_term terms[CONDUCT_CLAUSES];
    bool any;                   /* It answered once. */
    struct tally_mono answered; /* Last. */
    uint64_t gap_ms;            /* There since it was looked at last. */
    bool looked;                /* Its list came to an end: what it owes is to be looked at. */
    /* In the list that is under way, and what it asked for since the last look. */
    struct tally_hash over, asked;
    uint64_t over_size;
    unsigned overs, asks;
    bool pruned; /* It said so, of that receipt of that log of ours. */
    struct tally_hash pruned_log;
    uint64_t pruned_index;
};

struct conducts {
    struct conduct *list;
    size_t capacity, count;
    uint64_t patience_ms;
    const struct tally_ledger *ledger; /* What we hold; NULL: nothing. */
    bool fresh;                        /* There is something to look at. */
};

/* False without memory; untouched memory costs nothing. */
bool conducts_new(struct conducts *conducts, size_t capacity, uint64_t patience_ms,
                  const struct tally_ledger *ledger);
void conducts_free(struct conducts *conducts);

/* ---- What is agreed. ---- */

/* From now on, by these terms: as before if they are those of before, else anew. False: no room.
   `self` is who watches. */
bool conduct_watch(struct conducts *conducts, const struct tally_key *self,
                   const struct tally_key *party, const struct tally_hash *agreement,
                   enum tally_trust level, const struct tally_fed_terms *terms);
/* Nothing is agreed any more. */
void conduct_end(struct conducts *conducts, const struct tally_key *party);
struct conduct *conduct_find(const struct conducts *conducts, const struct tally_key *party);

/* ---- What it does. All of them may be told of parties that are not watched. ---- */

/* In a datagram it signed: its log of that hint (the front of its origin's hash) reaches so far. */
void conduct_told(struct conducts *conducts, const struct tally_key *party, const uint8_t hint[8],
                  uint64_t size);

/* It answered on a stream. */
void conduct_answered(struct conducts *conducts, const struct tally_key *party,
                      struct tally_now now);

/* Its list of logs begins; one that is in it, and whether we may not take it and why; its end. */
void conduct_lists(struct conducts *conducts, const struct tally_key *party);
void conduct_shows(struct conducts *conducts, const struct tally_key *party,
                   const struct tally_hash *origin_hash, uint64_t size);
void conduct_oversteps(struct conducts *conducts, const struct tally_key *party,
                       const struct tally_hash *origin_hash, uint64_t size, enum tally_drop why);
void conduct_listed(struct conducts *conducts, const struct tally_key *party, struct tally_now now);

/* It refused: a log, or to list any (NULL). */
void conduct_refuses(struct conducts *conducts, const struct tally_key *party,
                     const struct tally_hash *origin_hash, enum tally_drop reason,
                     struct tally_now now);
/* Of that receipt of ours it has no body any more, it says. */
void conduct_pruned(struct conducts *conducts, const struct tally_key *party,
                    const struct tally_hash *origin_hash, uint64_t index);

/* It asked for a log that it may not see, for that reason. */
void conduct_asks(struct conducts *conducts, const struct tally_key *party,
                  const struct tally_hash *origin_hash, enum tally_drop why);

/* ---- Looking, when conducts->fresh. ---- */

/* What it owes of one of our logs of a shared scroll: whether a cosignature, and how many it gave
   so far; `size` is how far the log reaches. After all, conduct_look. */
void conduct_owes(struct conduct *one, unsigned scroll, bool owed, unsigned good, uint64_t size,
                  unsigned status);
void conduct_look(struct conducts *conducts, struct conduct *one, struct tally_now now);

/* The receipt that it said to be pruned was made then. */
void conduct_judge_pruned(struct conducts *conducts, struct conduct *one, struct tally_now now,
                          struct tally_wall made);

bool conducts_holds(const struct conducts *conducts);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_DISPUTING_H
#define NODE_DISPUTING_H
/*
 * Discrepancies in the node: a check that failed becomes a statement with its evidence, and what
 * can be resolved by fetching again is (formats 5.4, 12). What a case may become says
 * core/federation/discrepancy.h; here is when the node itself moves one:
 *
 *     raised ─▶ OPEN ─▶ RESYNC: all others that are linked are asked for their heads
 *                          ├─ what we hold now agrees with the claim ─▶ RESOLVED, automatic
 *                          └─ DISPUTING_WAIT_MS passed ─▶ MANUAL, and back if the check passes
 *     a named arbiter spoke ─▶ RESOLVED if the claim holds, else SUSPENDED
 *
 * No peer can make a node write much: of one kind about one log there is one open case, and one an
 * hour; and in a day there are DISPUTING_PARTY_DAY against one party, DISPUTING_DAY in all; the
 * last half of both is for what is critical. Each leads to three statements at most. Against keys
 * that are neither admitted nor have a log here nothing is stated: they cost nothing.
 */
#include "core/federation/discrepancy.h"
#include "core/sync/sync.h"
#include "tally/windows.h"

struct tally_node;
struct head;
struct tally_command;
struct witness_news;

enum {
    DISPUTING_DAY = 32,
    DISPUTING_PARTY_DAY = 8,
    DISPUTING_CASES = 64, /* That the node itself watches. */
    DISPUTING_AGAIN_MS = 3600 * 1000,
    DISPUTING_DAY_MS = 24 * 3600 * 1000,
    DISPUTING_WAIT_MS = 10 * 60 * 1000,
    DISPUTING_LOOK_MS = 5000,        /* Between two looks at what is under way. */
    DISPUTING_READ = 256,            /* Statements of arbiters that are looked at in one. */
    DISPUTING_FORKS = 4,             /* Of which it is being found out where they begin, */
    DISPUTING_ASKED = 4,             /* of so many peers, one after the other, */
    DISPUTING_LOCATE_MS = 20 * 1000, /* and for so long at most. */
};

/* What failed. */
struct dispute {
    enum tally_discrepancy type;
    const struct tally_key *party; /* Against whom. */
    const struct tally_hash *log;  /* SHA-256 of the origin; NULL: about no log. */
    uint64_t claimed_size;
    const struct tally_hash *claimed_root, *computed_root; /* NULL: none. */
    bool has_divergence;
    uint64_t divergence; /* Sequence of the first receipt that differs, or may. */
    uint32_t checked;    /* Receipts that were looked at. */
    bool automatic;      /* It may resolve itself: see disputing_settle. */
    /* Evidence: what is kept already, by its name; or bytes that are to be kept, of at most
       GROUNDS_MAX (grounds_write). Neither: none. */
    const struct tally_hash *evidence;
    struct tally_bytes grounds;
    const char *note; /* For people, at most FED_NOTE_MAX bytes; NULL: none. */
};

struct disputing_raised {
    enum tally_discrepancy type;
    bool any, has_log;
    struct tally_key party;
    struct tally_hash log;
    struct tally_mono at;
};

/* A case that the node moves by itself. */
struct disputing_case {
    uint64_t index;
    struct tally_mono until; /* OPEN, RESYNC: then it is an operator's. */
    struct tally_mono again; /* A statement was asked for: not again before. */
    bool passes;             /* What failed was seen to be as it should be: disputing_settle. */
};

/* A fork whose evidence is kept, and which is stated once it is known where it begins. */
struct disputing_fork {
    bool any;
    struct tally_mono until;
    struct tally_key party;
    struct tally_hash log, evidence, claimed_root, computed_root;
    uint64_t claimed_size;
    bool has_root;
    /* The other branch, as the evidence proves it: its root at a size that we hold. 0: we do not.
     */
    uint64_t branch_size;
    struct tally_hash branch_root;
    unsigned asked;
    struct tally_key asked_of[DISPUTING_ASKED];
};

struct disputing {
    /* Most nodes never write to these. */
    struct disputing_fork *forks;    /* DISPUTING_FORKS of them. */
    struct disputing_raised *raised; /* DISPUTING_DAY, a ring. */
    unsigned raised_turn;
    struct disputing_case *cases; /* DISPUTING_CASES. */
    unsigned count;
    struct tally_mono next;
    uint64_t passed; /* Raised in vain: known, too many, or against nobody. */
};

/* False without memory. */
bool disputing_new(struct disputing *disputing);
void disputing_free(struct disputing *disputing);

/* Takes up what is open of an earlier life. */
void disputing_start(struct tally_node *node, struct tally_now now);

struct tally_mono disputing_deadline(const struct disputing *disputing);
void disputing_tick(struct tally_node *node, struct tally_now now);

/* The one way in, for whoever has a check that failed: at most one statement, within the bounds
   above. False: none was written. Costs no signature unless true. */
bool discrepancy_raise(struct tally_node *node, struct tally_now now,
                       const struct dispute *dispute);

/* What failed before is as it should be now: an open case of that kind, about that log or party,
   is resolved if it was to resolve itself; also one that has become an operator's meanwhile. */
void disputing_settle(struct tally_node *node, struct tally_now now, enum tally_discrepancy type,
                      const struct tally_key *party, const struct tally_hash *log);

/* Whether the last statement of ours that counts was about discrepancies or schemas; what follows
   from it was done. */
bool disputing_stated(struct tally_node *node, struct tally_now now);

/* What a peer gave of a log did not verify; a fork was proved; a head moved, by so many receipts;
   the issuer of a log we hold told how far it reaches. */
void disputing_failed(struct tally_node *node, struct tally_now now, const struct sync_news *news);
void disputing_forked(struct tally_node *node, struct tally_now now, const struct sync_news *news);
/* Where a fork begins was asked. */
void disputing_located(struct tally_node *node, struct tally_now now, const struct sync_news *news);
/* Those that wait are stated without that, if their time is over. */
void disputing_forks_tick(struct tally_node *node, struct tally_now now);
/* One that was kept in an earlier life, and not stated then: soon after the start it is. */
void disputing_fork_kept(struct tally_node *node, struct tally_now now,
                         const struct tally_log_view *view, const struct tally_hash *evidence,
                         uint64_t size);
void disputing_head(struct tally_node *node, struct tally_now now,
                    const struct tally_log_view *view, uint64_t count);
void disputing_told(struct tally_node *node, struct tally_now now, const struct head *held,
                    uint64_t size);

/* A log that we witness was sampled: what was shown is not in the tree, or nothing was shown by an
   issuer who was there; one that is out of reach owes nothing. */
void disputing_sampled(struct tally_node *node, struct tally_now now,
                       const struct witness_news *news);

/* COMMAND ANCHOR: the host judged an anchor that another published. False: that one did not, or we
   do not hold the log that it anchors. */
bool disputing_anchor(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command);

bool disputing_holds(const struct disputing *disputing);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ANCHOR_H
#define TALLY_ANCHOR_H
/*
 * Anchors: what outsiders (Bitcoin, an EVM chain, a time-stamp authority) evidence of a checkpoint,
 * and the one order in which all nodes choose among them (reliability chapter, section 12). Pure;
 * who asks a chain is the host.
 *
 *     RECEIVED ───▶ VERIFIED ───▶ ACTIVE ◀──▶ SUPERSEDED      verified ones: also REORGED
 *        │  ▲
 *        ▼  └── REORGED
 *     QUARANTINED
 */
#include "tally/anchor_reason.h"
#include "tally/types.h"

/* In the order of their strength (12.2). */
enum tally_anchor_kind {
    TALLY_ANCHOR_BTC,
    TALLY_ANCHOR_EIP155,
    TALLY_ANCHOR_RFC3161,
    TALLY_ANCHOR_OTHER, /* Named, kept, ranked last; nothing here verifies it. */
    TALLY_ANCHOR_KINDS
};

enum tally_anchor_state {
    TALLY_ANCHOR_RECEIVED,    /* Stored, its form is good; nothing is known yet, or too little. */
    TALLY_ANCHOR_VERIFIED,    /* All rules are met. */
    TALLY_ANCHOR_ACTIVE,      /* The same, of a checkpoint we hold, and the strongest of it. */
    TALLY_ANCHOR_QUARANTINED, /* A rule failed for good: never ranked, kept with the reason. */
    TALLY_ANCHOR_REORGED,     /* Was verified; its block is no longer of its chain. */
    TALLY_ANCHOR_SUPERSEDED,  /* Verified; another of the same checkpoint ranks higher. */
    TALLY_ANCHOR_STATES
};

/* Stable words, lower case: "btc", "received". Never NULL. And back; false for others. */
const char *tally_anchor_kind_name(enum tally_anchor_kind kind);
const char *tally_anchor_state_name(enum tally_anchor_state state);
bool tally_anchor_state_read(const char *name, enum tally_anchor_state *state);

enum {
    TALLY_ANCHOR_CHAIN_MAX = 80,       /* "rfc3161:" and 64 digits, with room. */
    TALLY_ANCHOR_TRANSACTION_MAX = 66, /* 0x and 64 digits. */
    TALLY_ANCHOR_PROOF_MAX = 64 << 10, /* Of any kind (12.2, rule 1). */
};

/* What is known of one anchor of one checkpoint. */
struct tally_anchor {
    enum tally_anchor_kind kind;
    char chain[TALLY_ANCHOR_CHAIN_MAX + 1]; /* CAIP-2: "btc:mainnet", "eip155:1", "rfc3161:…". */
    char transaction[TALLY_ANCHOR_TRANSACTION_MAX + 1]; /* Lower-case hex; 0x for EVM only. */
    enum tally_anchor_state state;
    enum tally_anchor_reason reason; /* Of the last verdict. */
    uint64_t height;                 /* 0 for rfc3161. */
    struct tally_hash block;         /* That it was verified in; zeros without. */
    int64_t time_ms;                 /* Evidenced, since 1970; 0 while it is not verified. */
    uint32_t uncertainty_ms;
    const struct tally_anchor *winner; /* SUPERSEDED: by whom. Set by tally_anchors_settle. */
};

/* The kind that a chain's name begins with; false for what is no such name. */
bool tally_anchor_chain_kind(const char *chain, enum tally_anchor_kind *kind);

/* Whether a text is the id of a transaction of that kind, in its one form. */
bool tally_anchor_transaction_good(enum tally_anchor_kind kind, const char *transaction);

/* The order (12.2): below 0 if a ranks before b; 0 only for the same chain and transaction, at the
   same height. Total; independent of who came first. */
int tally_anchor_order(const struct tally_anchor *a, const struct tally_anchor *b);

/* What was found when an anchor was judged. */
struct tally_anchor_finding {
    enum tally_anchor_reason reason;
    uint64_t height; /* These four are of VERIFIED only. */
    struct tally_hash block;
    int64_t time_ms;
    uint32_t uncertainty_ms;
};

/* Moves the anchor as the table of states says. One that is quarantined stays so. */
void tally_anchor_judge(struct tally_anchor *anchor, const struct tally_anchor_finding *finding);

/* Rule 4 (12.2): FUTURE if the time is more than 120 s ahead of now (Bitcoin: 2 h), TIMESTAMP_DRIFT
   if it is more than 300 s before the checkpoint was sealed, else VERIFIED. sealed_ms INT64_MIN:
   nobody knows when. */
enum tally_anchor_reason tally_anchor_time_check(enum tally_anchor_kind kind, int64_t time_ms,
                                                 int64_t sealed_ms, int64_t now_ms);

/* An operator asks for a judgement from the beginning, since the policy may be another now: what is
   quarantined is received again. */
void tally_anchor_again(struct tally_anchor *anchor);

/* When it is to be judged again (12.2), on the wall clock: one of a chain that was verified at
   verified_ms 1, 6 and 24 hours later and then weekly; one that waits for a verdict, or was lost,
   at once (0); a time stamp that is verified, and what is quarantined, never (INT64_MAX). */
int64_t tally_anchor_due_ms(const struct tally_anchor *anchor, int64_t verified_ms,
                            int64_t checked_ms);

/* What the anchors of one checkpoint come to. */
struct tally_anchors {
    const struct tally_anchor *best;     /* NULL: none is verified. */
    const struct tally_anchor *earliest; /* Of least time among all that are verified. */
};

/*
 * Ranks the anchors of one checkpoint, in any order: of the verified ones the best becomes ACTIVE,
 * the others SUPERSEDED by it. With `prefer_earliest` the earliest is the best (12.2). No two may
 * be of the same chain and transaction.
 */
struct tally_anchors tally_anchors_settle(struct tally_anchor *const *anchors, size_t count,
                                          bool prefer_earliest);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_AGREEMENT_H
#define FEDERATION_AGREEMENT_H
/*
 * Agreements between this node and others: offers, answers, signatures and revocations, as the two
 * parties of a pair state them, each in its own log (formats 5.3).
 *
 * A JOIN, NOT A SEQUENCE. Of each party there is a *stance*: what its log comes to about the other,
 * folded in the order of that log alone. What holds between the two is a function of the two
 * stances, computed when it is asked for. So it does not matter which log came first, or how far
 * the other had been read: two nodes that hold the same of both logs see the same.
 *
 * One stance, by statements of its own log (an offer by its receipt's hash):
 *
 *     offer    any ──propose──▶ STANDING ──retract──▶ RETRACTED     a new offer stands in for the
 *                                  └──establish──▶ SIGNED           one before: one a party at most
 *     answer   to another offer than the last: ACCEPTED, REJECTED or COUNTERED (an offer that names
 *              the one it answers); to the same one no second answer
 *     signed   up to three agreements: the one that the others replace, one accepted, one
 *              established; a fourth that replaces one of these two drops the rest
 *     revoke   each of them, once
 *
 * What two stances come to stands in bond.h.
 */
#include "core/federation/terms.h"
#include "tally/limits.h"

/*    name, word, text */
#define AGREEMENT_VERDICTS(X)                                                                      \
    X(TAKEN, "taken", "it counts")                                                                 \
    X(ELSEWHERE, "elsewhere", "about others")                                                      \
    X(MALFORMED, "malformed", "not of the one form that is allowed")                               \
    X(SELF, "self", "about its issuer itself")                                                     \
    X(ROLE, "role", "in a role that is not its issuer's")                                          \
    X(FORBIDDEN, "forbidden", "not permitted after what its issuer stated before")                 \
    X(STALE, "stale", "about an offer or agreement that does not stand")                           \
    X(ALTERED, "altered", "other terms than were offered")                                         \
    X(EXPIRED, "expired", "about an offer whose time has passed")                                  \
    X(FULL, "full", "about one party more than a node negotiates with")

enum agreement_verdict {
#define X(name, word, text) AGREEMENT_##name,
    AGREEMENT_VERDICTS(X)
#undef X
        AGREEMENT_VERDICT_COUNT
};

/* "stale"; a sentence's end. Never NULL. */
const char *agreement_verdict_name(enum agreement_verdict verdict);
const char *agreement_verdict_text(enum agreement_verdict verdict);

/* Where a statement lies. */
struct agreement_place {
    uint64_t index;            /* In its issuer's log. */
    struct tally_hash receipt; /* Its hash. */
    struct tally_wall time;    /* As its issuer claims. */
};

enum offer_state { OFFER_NONE, OFFER_STANDING, OFFER_RETRACTED, OFFER_SIGNED, OFFER_STATES };
enum answer_said { ANSWER_NONE, ANSWER_ACCEPTED, ANSWER_REJECTED, ANSWER_COUNTERED, ANSWER_COUNT };

struct offer {
    enum offer_state state;
    struct agreement_place place;
    struct tally_hash agreement; /* What it comes to if both sign. */
    bool counter, has_replaces;
    struct tally_hash previous, replaces;
    struct tally_wall expires;
    enum tally_trust level;
    uint8_t shares;
};

struct answer {
    enum answer_said said;
    enum tally_refusal refusal; /* REJECTED: by a policy, and why. */
    struct tally_hash offer;
    uint64_t index;
};

struct signature {
    bool given;
    bool proposer; /* Signed as the one who offered. */
    struct tally_hash agreement, replaces;
    bool has_replaces;
    uint64_t index; /* Of the statement, in the signer's log. */
    enum tally_trust level;
    uint32_t verify_s;
    uint16_t retention_days, notice_days;
    struct terms_scrolls scrolls;
    bool revoked;
    uint16_t revoked_days;
    uint64_t revoked_index;
    struct tally_wall effective;
};

enum { SIGNED_BASE, SIGNED_PROPOSER, SIGNED_ACCEPTOR, SIGNATURES };

struct stance {
    bool spoke;               /* There is a statement about the other. */
    bool lost;                /* One could not be read: nothing holds that it might have ended. */
    uint64_t index;           /* Of the last one that counts. */
    struct tally_wall spoken; /* When, as it claims. */
    struct offer offer;
    struct answer answer;
    struct signature signatures[SIGNATURES];
};

struct agreement_pair {
    struct tally_key key; /* The other party. */
    struct stance ours, theirs;
    bool suspended; /* By what we hold against it: see agreements_suspend. */
    /* For whoever acts on it, and no part of the state: what it was when it was last looked at. */
    bool touched;
    /* We speak to it for the first time. Of what it said before not all may have had a place: it is
       to be forgotten, and its log to be heard from the beginning. */
    bool again;
    struct agreement_seen {
        bool any;
        enum tally_agreement_state state;
        enum tally_trust level;
        bool talks;
        struct tally_hash agreement, offer; /* What held; their offer. */
    } seen;
};

struct agreements {
    size_t count;
    struct tally_wall clock;
    struct tally_key self;
    struct agreement_pair *pairs; /* In the order of their keys. */
    size_t capacity;
    size_t suitors;                           /* Pairs in which we never spoke. */
    uint64_t counts[AGREEMENT_VERDICT_COUNT]; /* Of other parties' statements. */
};

/* `pairs` is memory for so many, lent; a quarter of it is for those who spoke first. */
void agreements_init(struct agreements *agreements, const struct tally_key *self,
                     struct agreement_pair *pairs, size_t capacity);

/* What a statement by that issuer would be in its log, now; changes nothing. */
enum agreement_verdict agreements_judge(const struct agreements *agreements,
                                        const struct tally_key *issuer,
                                        const struct fed_statement *statement);

/* The next statement of an issuer's log: ours or another party's. */
enum agreement_verdict agreements_take(struct agreements *agreements,
                                       const struct tally_key *issuer,
                                       const struct fed_statement *statement,
                                       const struct agreement_place *place);

/* One of another party's that the disk did not give back. */
void agreements_lost(struct agreements *agreements, const struct tally_key *issuer);

/* Nothing that party stated counts any more, until its log is taken again from the beginning. */
void agreements_forget(struct agreements *agreements, const struct tally_key *issuer);

/* Whether a proven fork of the party is a case of ours that is not resolved. It follows from what
   we state alone, so it comes to the same in any order of the logs, and is no part of the hash: the
   fold says it of a pair whenever either has changed. */
void agreements_suspend(struct agreements *agreements, const struct tally_key *party,
                        bool suspended);

/* The pair with a party; NULL: neither said anything of the other. */
const struct agreement_pair *agreements_find(const struct agreements *agreements,
                                             const struct tally_key *key);

/* SHA-256 over all pairs in which we spoke: equal wherever the same of both logs was folded. */
void agreements_hash(const struct agreements *agreements, struct tally_hash *hash);

bool agreements_holds(const struct agreements *agreements);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_VOTES_H
#define NAT_VOTES_H
/*
 * Where peers see us (protocols 7.2). Each welcome and echo tells an address; it becomes a
 * candidate when VOTES_NEEDED networks agree within VOTES_FRESH_MS. A network is a /16, or an IPv6
 * /32, and has one voice, the last one: many keys in one place count once. In a mesh of fewer
 * networks nothing is decided.
 */
#include "core/address/hygiene.h"

enum {
    VOTES_MAX = 16, /* Networks that are remembered. */
    VOTES_NEEDED = 3,
    VOTES_FRESH_MS = 600000, /* To make a candidate. */
    VOTES_OLD_MS = 1800000,  /* Then a vote counts for nothing. */
};

struct vote {
    struct tally_address observer; /* Any one of its network. */
    struct tally_address observed;
    bool used;
    struct tally_mono at;
};

struct votes {
    struct vote list[VOTES_MAX];
};

/* A peer at `observer` sees us at `observed`. Only global ones say anything of the wide network. */
enum votes_news {
    VOTES_NONE,    /* It was not taken. */
    VOTES_SAME,    /* Its network said so not long ago: only its age has changed. */
    VOTES_CHANGED, /* Candidates may be others now. */
    VOTES_MOVED,   /* They may, since an observer says otherwise than it did: we are elsewhere. */
};
enum votes_news votes_add(struct votes *votes, const struct tally_address *observer,
                          const struct tally_address *observed, struct tally_now now);

/* The address of that family on which enough networks agree, and how many; false without one. */
bool votes_candidate(const struct votes *votes, bool v4, struct tally_now now,
                     struct tally_address *address, unsigned *count);

/* Networks whose vote for this very address still counts. */
unsigned votes_for(const struct votes *votes, const struct tally_address *address,
                   struct tally_now now);

/* The last address of that family that anybody told, for trying; false without one. */
bool votes_last(const struct votes *votes, bool v4, struct tally_now now,
                struct tally_address *address);

/* What is between us and them: UNKNOWN as long as fewer than VOTES_NEEDED networks agree on our IP.
   `own` says whether an IP address is one of this machine. */
enum tally_nat_kind votes_kind(const struct votes *votes, bool v4,
                               const struct address_policy *policy, struct tally_now now);

/* Whether both are in one network: a /16, or an IPv6 /32. */
bool votes_same_network(const struct tally_address *a, const struct tally_address *b);

#endif

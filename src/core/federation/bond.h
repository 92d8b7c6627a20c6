/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_BOND_H
#define FEDERATION_BOND_H
/*
 * What holds between two parties: computed from their two stances (agreement.h) when it is asked
 * for, and never kept.
 *
 * A proposal, by its proposer's offer (rows) and the other's answer to it (columns); what is OPEN
 * or ACCEPTED is EXPIRED once the clock is past what the offer says:
 *
 *                  none       ACCEPTED   REJECTED   COUNTERED
 *     STANDING     open       accepted   rejected   countered
 *     RETRACTED    withdrawn  withdrawn  withdrawn  withdrawn
 *     SIGNED       signed     agreed     rejected   countered
 *
 * EXPIRY has no place in a stance, for clocks differ: the proposer's own log decides. Its node
 * signs nothing that has expired by its clock; what it signed was in time. So two parties never
 * disagree on it, and nobody holds an option by predating its acceptance.
 *
 * AN AGREEMENT is signed by both, by one as proposer and by the other as acceptor, over the same
 * bytes. Of those that nothing replaces, the one with the smallest hash holds: of two offers that
 * cross and are both accepted too. What holds is ACTIVE, then NOTICE from the first revocation
 * until it takes effect, then ENDED. While we hold a proven fork against the other it is SUSPENDED:
 * nothing passes but what the two state, until the case is resolved. Who signs past an agreement
 * that the other did not sign has left it.
 */
#include "core/federation/agreement.h"
#include "core/federation/revoked.h"

/* The state of the offer that one of the two made last. */
enum tally_proposal_state agreement_proposal(const struct agreement_pair *pair, bool ours,
                                             struct tally_wall clock);

/* What holds between the two. */
struct bond {
    enum tally_agreement_state state;
    const struct signature *signature; /* Ours; NULL if the state is NONE. */
    const struct signature *theirs;
    enum tally_trust level;      /* At most OBSERVE while NOTICE, ISOLATED if nothing holds or it is
                                    suspended. */
    struct tally_wall effective; /* NOTICE, ENDED. */
    bool talks;                  /* We addressed it, so it may read what we state. */
};
void agreement_bond(const struct agreement_pair *pair, struct tally_wall clock, struct bond *bond);

/* The level at which we signed with a party, by our own log alone: ISOLATED without, once we
   revoked it, or put another in its place. It does not wait for the other's log, so whoever folds
   ours finds the same, whatever else was read. */
enum tally_trust agreements_pledged(const struct agreements *agreements,
                                    const struct tally_key *party);

/* How often the parties verify each other's logs, by what holds now; 0: nothing was agreed. */
uint32_t agreements_verify_s(const struct agreements *agreements, const struct tally_key *party);

/* For how many days bodies of a party's log are kept: the longest that was agreed with it, or with
   those to whom level integrate has us pass it on; also when that ended. A key that took over from
   it is the same party. 0: for ever. */
uint32_t agreements_retention_days(const struct agreements *agreements,
                                   const struct revoked *revoked, const struct tally_key *issuer,
                                   struct tally_bytes name_space);

/* Whether an offer of ours was accepted on its own terms and waits for our signature. */
bool agreement_due(const struct agreements *agreements, const struct agreement_pair *pair);

/* What the other's stance claims against ours, none of it with effect: ALTERED, an offer of ours
   signed with other terms; STALE, an acceptance of none that stands. TAKEN: neither. */
enum agreement_verdict agreement_lie(const struct agreement_pair *pair);

/* The next pair that statements touched since it was last given; NULL: none. */
struct agreement_pair *agreements_touched(struct agreements *agreements);

/* What is new of a pair since it was last asked: what the two may of each other, and an offer of
   theirs that waits for an answer. */
void agreement_look(struct agreement_pair *pair, struct tally_wall clock, struct bond *bond,
                    bool *changed, bool *offered);

/* When a notice ends next, after the clock; false: none. */
bool agreements_next_end(const struct agreements *agreements, struct tally_wall *end);

/* What a statement of our own would come to, were it made at that time: as agreements_judge, and
   by what the other party said and the clock too. STALE, ALTERED and EXPIRED, before they are said.
 */
enum agreement_verdict agreements_advise(const struct agreements *agreements,
                                         const struct fed_statement *statement);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/admission.h"

#include "core/base/bytes.h"
#include "tally/receipt.h"

static const struct {
    const char *name;
    enum tally_trust least;
    uint8_t role;
    bool talks; /* Also permitted to whom we addressed; what passes is a matter of the log. */
} acts[ADMISSION_ACTS] = {
    [ADMISSION_LINK] = {"link", TALLY_TRUST_OBSERVE, 0, true},
    [ADMISSION_ANNOUNCE] = {"announce", TALLY_TRUST_OBSERVE, TALLY_ROLE_ANNOUNCE, true},
    [ADMISSION_SERVE] = {"serve", TALLY_TRUST_OBSERVE, TALLY_ROLE_SERVE, true},
    [ADMISSION_REQUEST] = {"request", TALLY_TRUST_OBSERVE, TALLY_ROLE_REQUEST, true},
    [ADMISSION_PROPOSE] = {"propose", TALLY_TRUST_OBSERVE, TALLY_ROLE_ANNOUNCE | TALLY_ROLE_SERVE,
                           true},
    [ADMISSION_STATE] = {"state", TALLY_TRUST_VERIFY, 0, false},
    [ADMISSION_CROSS] = {"cross", TALLY_TRUST_ATTEST, 0, false},
    [ADMISSION_MIRROR] = {"mirror", TALLY_TRUST_INTEGRATE, 0, false},
    [ADMISSION_CARRY] = {"carry", TALLY_TRUST_ISOLATED, TALLY_ROLE_ANNOUNCE, false},
};

const char *admission_act_name(enum admission_act act)
{
    return act < ADMISSION_ACTS ? acts[act].name : "unknown";
}

/* By what we say of it ourselves. */
static enum tally_drop by_list(const struct fold *fold, const struct tally_key *key,
                               enum admission_act act)
{
    if (fold == NULL || key_equal(key, &fold->self))
        return TALLY_DROP_NONE;
    const struct tally_party *party = fold_find(fold, key);
    if (party == NULL)
        return fold_strict(fold) || act == ADMISSION_CROSS ? TALLY_DROP_UNADMITTED
                                                           : TALLY_DROP_NONE;
    if (party->state != TALLY_PARTY_ADMITTED)
        return TALLY_DROP_WITHDRAWN;
    if (party->level < acts[act].least)
        return TALLY_DROP_LEVEL;
    return (party->roles & acts[act].role) == acts[act].role ? TALLY_DROP_NONE : TALLY_DROP_ROLE;
}

/* What holds between us, unless we put it aside: no agreement outlives that. */
static bool bound(const struct fold *fold, const struct tally_key *key, struct bond *bond)
{
    const struct agreement_pair *pair =
        fold != NULL ? agreements_find(&fold->agreements, key) : NULL;
    if (pair == NULL)
        return false;
    const struct tally_party *party = fold_find(fold, key);
    if (party != NULL &&
        (party->state != TALLY_PARTY_ADMITTED || party->level == TALLY_TRUST_ISOLATED))
        return false;
    agreement_bond(pair, fold->agreements.clock, bond);
    return true;
}

enum tally_drop admission(const struct fold *fold, const struct tally_key *key,
                          enum admission_act act)
{
    struct bond bond;
    enum tally_drop drop = by_list(fold, key, act);
    /* Files that an operator brings, and logs of third parties, are no matter of an agreement. */
    if (drop == TALLY_DROP_NONE || act == ADMISSION_CARRY || act == ADMISSION_MIRROR ||
        !bound(fold, key, &bond))
        return drop;
    return bond.level >= acts[act].least || (bond.talks && acts[act].talks) ? TALLY_DROP_NONE
                                                                            : drop;
}

/* Whether a log passes between us by what was agreed, or is being agreed: shared scrolls of the two
   parties, at level integrate also those of strangers; and what the two say of each other. */
static bool passes(const struct fold *fold, const struct tally_key *peer,
                   const struct admission_log *log)
{
    struct bond bond;
    if (!bound(fold, peer, &bond))
        return false;
    bool between = key_equal(log->issuer, peer) || key_equal(log->issuer, &fold->self);
    if (log->statements)
        return between && bond.talks;
    if (bond.level < TALLY_TRUST_OBSERVE || !terms_share(&bond.signature->scrolls, log->name_space))
        return false;
    return between || (bond.level >= TALLY_TRUST_INTEGRATE &&
                       by_list(fold, log->issuer, ADMISSION_ANNOUNCE) == TALLY_DROP_UNADMITTED);
}

/* By the list alone: what the act needs of the peer, and that the issuer may announce. */
static enum tally_drop listed(const struct fold *fold, const struct tally_key *peer,
                              enum admission_act act, const struct admission_log *log)
{
    enum tally_drop drop = by_list(fold, peer, act);
    if (drop == TALLY_DROP_NONE && log->statements)
        drop = by_list(fold, peer, ADMISSION_STATE);
    if (drop != TALLY_DROP_NONE)
        return drop;
    drop = by_list(fold, log->issuer, ADMISSION_ANNOUNCE);
    /* Whom nobody spoke of a mirror may bring; who was put aside nobody brings. */
    if (drop == TALLY_DROP_UNADMITTED && !key_equal(log->issuer, peer) &&
        by_list(fold, peer, ADMISSION_MIRROR) == TALLY_DROP_NONE)
        return TALLY_DROP_NONE;
    return drop;
}

enum tally_drop admission_take(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log)
{
    if (fold != NULL && discrepancy_suspends(fold->discrepancies, log->issuer, log->origin_hash))
        return TALLY_DROP_SUSPENDED;
    enum tally_drop drop = listed(fold, peer, ADMISSION_SERVE, log);
    if (drop == TALLY_DROP_NONE || passes(fold, peer, log))
        return TALLY_DROP_NONE;
    /* What it states itself, if it shows that to us: it may be a proposal. */
    bool addressed = log->statements && key_equal(log->issuer, peer) &&
                     by_list(fold, peer, ADMISSION_PROPOSE) == TALLY_DROP_NONE;
    return addressed ? TALLY_DROP_NONE : drop;
}

enum tally_drop admission_show(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log)
{
    if (fold != NULL && !key_equal(log->issuer, peer) &&
        discrepancy_suspends(fold->discrepancies, log->issuer, log->origin_hash))
        return TALLY_DROP_SUSPENDED;
    if (key_equal(log->issuer, peer))
        return TALLY_DROP_NONE;
    enum tally_drop drop = listed(fold, peer, ADMISSION_REQUEST, log);
    return drop == TALLY_DROP_NONE || passes(fold, peer, log) ? TALLY_DROP_NONE : drop;
}

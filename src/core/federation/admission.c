/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/admission.h"

#include "core/base/bytes.h"
#include "tally/log.h"
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
    [ADMISSION_WITNESS] = {"witness", TALLY_TRUST_VERIFY, 0, false},
    [ADMISSION_CROSS] = {"cross", TALLY_TRUST_ATTEST, 0, false},
    [ADMISSION_MIRROR] = {"mirror", TALLY_TRUST_INTEGRATE, 0, false},
    [ADMISSION_CARRY] = {"carry", TALLY_TRUST_ISOLATED, TALLY_ROLE_ANNOUNCE, false},
};

const char *admission_act_name(enum admission_act act)
{
    return act < ADMISSION_ACTS ? acts[act].name : "unknown";
}

/* By what we say of it ourselves, whether the key is revoked or not: its logs are good as far as
   they were good (reliability 9 rule 3). */
static enum tally_drop by_list(const struct fold *fold, const struct tally_key *key,
                               enum admission_act act)
{
    if (fold == NULL || fold_own(fold, key))
        return TALLY_DROP_NONE;
    const struct tally_party *party = fold_standing(fold, key);
    if (party == NULL && act == ADMISSION_WITNESS)
        return TALLY_DROP_UNADMITTED; /* What is kept for it would have no bound. */
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
    const struct agreement_pair *pair = NULL;
    const struct tally_party *party = fold != NULL ? fold_standing(fold, key) : NULL;
    /* Who took over from a party is bound as that one was. */
    for (unsigned i = 0; fold != NULL && pair == NULL && key != NULL && i < REVOKED_HEIRS; i++) {
        pair = agreements_find(&fold->agreements, key);
        key = revoked_elder(fold->revoked, key);
    }
    if (pair == NULL)
        return false;
    if (party != NULL &&
        (party->state != TALLY_PARTY_ADMITTED || party->level == TALLY_TRUST_ISOLATED))
        return false;
    agreement_bond(pair, fold->agreements.clock, bond);
    return true;
}

/* Nothing was said of anybody, and the mesh is open: so it is with most nodes, for each datagram.
 */
static bool unsaid(const struct fold *fold)
{
    return fold->count == 0 && fold->agreements.count == 0 && !fold_strict(fold) &&
           (fold->revoked == NULL || fold->revoked->count == 0);
}

enum tally_drop admission(const struct fold *fold, const struct tally_key *key,
                          enum admission_act act)
{
    struct bond bond;
    if (fold != NULL && act != ADMISSION_WITNESS && act != ADMISSION_CROSS && unsaid(fold))
        return TALLY_DROP_NONE;
    /* Files are of what was: the limits of their logs hold for them as well. */
    if (fold != NULL && act != ADMISSION_CARRY && !key_equal(key, &fold->self) &&
        revoked_find(fold->revoked, key) != NULL)
        return TALLY_DROP_REVOKED;
    enum tally_drop drop = by_list(fold, key, act);
    /* Files that an operator brings, and logs of third parties, are no matter of an agreement. */
    if (drop == TALLY_DROP_NONE || act == ADMISSION_CARRY || act == ADMISSION_MIRROR ||
        !bound(fold, key, &bond))
        return drop;
    return bond.level >= acts[act].least || (bond.talks && acts[act].talks) ? TALLY_DROP_NONE
                                                                            : drop;
}

/* Whether one side lets the other read its logs. */
static bool shares(const struct signature *signature, bool mine)
{
    bool proposer = signature->proposer == mine;
    return (signature->scrolls.shares & (proposer ? TERMS_PROPOSER : TERMS_ACCEPTOR)) != 0;
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
    /* What is passed on for the other side is shared by that side, as its own logs are. */
    bool mine = key_equal(log->issuer, &fold->self);
    if (between && !shares(bond.signature, mine))
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

/* Whether a case of ours suspends the log, or its issuer. Whoever took over from a key does not get
   rid of that: his log of the same namespace is suspended as the older one is. */
static bool suspended(const struct fold *fold, const struct admission_log *log)
{
    const struct tally_key *key = log->issuer;
    struct tally_hash elders;
    if (fold == NULL)
        return false;
    if (discrepancy_suspends(fold->discrepancies, key, log->origin_hash))
        return true;
    for (unsigned i = 0; i < REVOKED_HEIRS; i++) {
        char origin[TALLY_ORIGIN_MAX + 1];
        if ((key = revoked_elder(fold->revoked, key)) == NULL)
            return false;
        tally_origin_hash(bytes_of(origin, tally_origin_write(key, log->name_space, origin)),
                          &elders);
        if (discrepancy_suspends(fold->discrepancies, key, &elders))
            return true;
    }
    return false;
}

enum tally_drop admission_cosign(const struct fold *fold, const struct admission_log *log)
{
    return suspended(fold, log) ? TALLY_DROP_SUSPENDED
                                : admission(fold, log->issuer, ADMISSION_WITNESS);
}

enum tally_drop admission_take(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log)
{
    if (suspended(fold, log))
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
    if (!key_equal(log->issuer, peer) && suspended(fold, log))
        return TALLY_DROP_SUSPENDED;
    if (key_equal(log->issuer, peer))
        return TALLY_DROP_NONE;
    enum tally_drop drop = listed(fold, peer, ADMISSION_REQUEST, log);
    return drop == TALLY_DROP_NONE || passes(fold, peer, log) ? TALLY_DROP_NONE : drop;
}

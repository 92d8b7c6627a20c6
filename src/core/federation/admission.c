/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/admission.h"

#include "core/base/bytes.h"

static const struct {
    const char *name;
    enum tally_trust least;
    uint8_t role;
} acts[ADMISSION_ACTS] = {
    [ADMISSION_LINK] = {"link", TALLY_TRUST_OBSERVE, 0},
    [ADMISSION_ANNOUNCE] = {"announce", TALLY_TRUST_OBSERVE, TALLY_ROLE_ANNOUNCE},
    [ADMISSION_SERVE] = {"serve", TALLY_TRUST_OBSERVE, TALLY_ROLE_SERVE},
    [ADMISSION_REQUEST] = {"request", TALLY_TRUST_OBSERVE, TALLY_ROLE_REQUEST},
    [ADMISSION_STATE] = {"state", TALLY_TRUST_VERIFY, 0},
    [ADMISSION_CROSS] = {"cross", TALLY_TRUST_ATTEST, 0},
    [ADMISSION_MIRROR] = {"mirror", TALLY_TRUST_INTEGRATE, 0},
    [ADMISSION_CARRY] = {"carry", TALLY_TRUST_ISOLATED, TALLY_ROLE_ANNOUNCE},
};

const char *admission_act_name(enum admission_act act)
{
    return act < ADMISSION_ACTS ? acts[act].name : "unknown";
}

enum tally_drop admission(const struct fold *fold, const struct tally_key *key,
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

enum tally_drop admission_take(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log)
{
    enum tally_drop drop = TALLY_DROP_NONE;
    if (fold != NULL && discrepancy_suspends(fold->discrepancies, log->issuer, log->origin_hash))
        return TALLY_DROP_SUSPENDED;
    if (log->statements)
        drop = admission(fold, peer, ADMISSION_STATE);
    if (drop == TALLY_DROP_NONE)
        drop = admission(fold, log->issuer, ADMISSION_ANNOUNCE);
    /* Whom nobody spoke of a mirror may bring; who was put aside nobody brings. */
    if (drop == TALLY_DROP_UNADMITTED && !key_equal(log->issuer, peer) &&
        admission(fold, peer, ADMISSION_MIRROR) == TALLY_DROP_NONE)
        return TALLY_DROP_NONE;
    return drop;
}

enum tally_drop admission_show(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log)
{
    return key_equal(log->issuer, peer) ? TALLY_DROP_NONE : admission_take(fold, peer, log);
}

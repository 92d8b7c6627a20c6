/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/discrepancy.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"

#include <stdlib.h>

#define UNRESOLVED                                                                                 \
    (TO(TALLY_DISCREPANCY_OPEN) | TO(TALLY_DISCREPANCY_RESYNC) | TO(TALLY_DISCREPANCY_MANUAL) |    \
     TO(TALLY_DISCREPANCY_ARBITRATION) | TO(TALLY_DISCREPANCY_SUSPENDED))

/* From which states the stage of an outcome may begin, and which it is; from which it may end. */
static const struct {
    fsm_moves begins;
    enum tally_discrepancy_state stage;
    fsm_moves ends;
} stages[TALLY_OUTCOMES] = {
    [TALLY_OUTCOME_AUTOMATIC] = {TO(TALLY_DISCREPANCY_OPEN) | TO(TALLY_DISCREPANCY_MANUAL),
                                 TALLY_DISCREPANCY_RESYNC, TO(TALLY_DISCREPANCY_RESYNC)},
    [TALLY_OUTCOME_MANUAL] = {TO(TALLY_DISCREPANCY_OPEN) | TO(TALLY_DISCREPANCY_RESYNC) |
                                  TO(TALLY_DISCREPANCY_ARBITRATION),
                              TALLY_DISCREPANCY_MANUAL, UNRESOLVED},
    [TALLY_OUTCOME_ARBITRATION] = {UNRESOLVED & ~TO(TALLY_DISCREPANCY_ARBITRATION),
                                   TALLY_DISCREPANCY_ARBITRATION,
                                   TO(TALLY_DISCREPANCY_ARBITRATION)},
    [TALLY_OUTCOME_SUSPENSION] = {UNRESOLVED & ~TO(TALLY_DISCREPANCY_SUSPENDED),
                                  TALLY_DISCREPANCY_SUSPENDED, TO(TALLY_DISCREPANCY_SUSPENDED)},
};

struct discrepancies *discrepancies_new(const struct tally_key *reporter, size_t capacity)
{
    struct discrepancies *discrepancies = calloc(1, sizeof *discrepancies);
    if (discrepancies == NULL)
        return NULL;
    discrepancies->reporter = *reporter;
    discrepancies->capacity = capacity;
    discrepancies->list = calloc(capacity, sizeof *discrepancies->list);
    if (discrepancies->list != NULL)
        return discrepancies;
    free(discrepancies);
    return NULL;
}

void discrepancies_free(struct discrepancies *discrepancies)
{
    if (discrepancies != NULL)
        free(discrepancies->list);
    free(discrepancies);
}

/* ---- Looking. ---- */

static bool resolved(const struct discrepancy *one)
{
    return one->state == TALLY_DISCREPANCY_RESOLVED;
}

/* Of a key that the reporter had before. */
static bool inherited(const struct discrepancies *discrepancies, const struct discrepancy *one)
{
    return !key_equal(&one->reporter, &discrepancies->reporter);
}

const struct discrepancy *discrepancy_find(const struct discrepancies *discrepancies,
                                           uint64_t index)
{
    for (size_t i = discrepancies != NULL ? discrepancies->count : 0; i > 0; i--)
        if (discrepancies->list[i - 1].index == index)
            return &discrepancies->list[i - 1]; /* Own ones are behind the others. */
    return NULL;
}

/* Whether a case is about that log, or, where none is named, about that party. */
static bool concerns(const struct discrepancy *one, const struct tally_key *party,
                     const struct tally_hash *log)
{
    if (one->has_log != (log != NULL))
        return false;
    return log != NULL ? hash_equal(&one->log, log) : key_equal(&one->party, party);
}

const struct discrepancy *discrepancy_open(const struct discrepancies *discrepancies,
                                           enum tally_discrepancy type,
                                           const struct tally_key *party,
                                           const struct tally_hash *log)
{
    for (size_t i = 0; discrepancies != NULL && i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        if (!resolved(one) && one->type == type && concerns(one, party, log))
            return one;
    }
    return NULL;
}

bool discrepancy_suspends(const struct discrepancies *discrepancies, const struct tally_key *issuer,
                          const struct tally_hash *log)
{
    for (size_t i = 0; discrepancies != NULL && i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        if (one->state == TALLY_DISCREPANCY_SUSPENDED &&
            (one->has_log ? log != NULL && hash_equal(&one->log, log)
                          : key_equal(&one->party, issuer)))
            return true;
    }
    return false;
}

bool discrepancy_waits(const struct discrepancy *one)
{
    return one->has_arbiter && (!one->judged || one->read < one->verdict);
}

struct discrepancy *discrepancy_next(struct discrepancies *discrepancies, size_t *at)
{
    while (*at < discrepancies->count) {
        struct discrepancy *one = &discrepancies->list[(*at)++];
        if (discrepancy_waits(one))
            return one;
    }
    return NULL;
}

bool discrepancy_forked(const struct discrepancies *discrepancies, const struct tally_key *party,
                        const struct tally_hash *log)
{
    for (size_t i = 0; discrepancies != NULL && i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        if (one->type == TALLY_DISCREPANCY_FORK && one->has_log && hash_equal(&one->log, log) &&
            key_equal(&one->party, party))
            return true;
    }
    return false;
}

bool discrepancy_accuses(const struct discrepancies *discrepancies, const struct tally_key *party)
{
    for (size_t i = 0; discrepancies != NULL && i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        if (one->type == TALLY_DISCREPANCY_FORK && !resolved(one) && key_equal(&one->party, party))
            return true;
    }
    return false;
}

void discrepancy_unhear(struct discrepancies *discrepancies, const struct tally_key *arbiter)
{
    for (size_t i = 0; discrepancies != NULL && i < discrepancies->count; i++) {
        struct discrepancy *one = &discrepancies->list[i];
        if (!one->has_arbiter || !key_equal(&one->arbiter, arbiter))
            continue;
        one->judged = one->holds = false;
        one->verdict = one->read = 0;
    }
}

size_t discrepancy_pending(const struct discrepancies *discrepancies)
{
    size_t count = 0;
    for (size_t i = 0; i < discrepancies->count; i++)
        count += !resolved(&discrepancies->list[i]);
    return count;
}

static bool same_evidence(const struct discrepancy *one, bool has, const struct tally_hash *hash)
{
    return one->has_evidence == has && (!has || hash_equal(&one->evidence, hash));
}

/* The case that a resolution of ours moves: the last that has that index and evidence. */
static const struct discrepancy *subject_of(const struct discrepancies *discrepancies,
                                            const struct tally_fed_resolution *said)
{
    for (size_t i = discrepancies->count; i > 0; i--) {
        const struct discrepancy *one = &discrepancies->list[i - 1];
        if (one->index == said->subject && same_evidence(one, said->has_evidence, &said->evidence))
            return one;
    }
    return NULL;
}

/* The case that an arbiter speaks of, who was asked by one key for one index. */
static const struct discrepancy *disputed_of(const struct discrepancies *discrepancies,
                                             const struct tally_fed_arbitration *said)
{
    for (size_t i = 0; i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        if (one->index == said->subject && key_equal(&one->reporter, &said->reporter))
            return one;
    }
    return NULL;
}

/* ---- Judging. ---- */

static enum fold_verdict judge_claim(const struct discrepancies *discrepancies,
                                     const struct tally_fed_discrepancy *claim)
{
    size_t theirs = 0, done = 0;
    if (key_equal(&claim->party, &discrepancies->reporter))
        return FOLD_SELF;
    if (discrepancy_open(discrepancies, (enum tally_discrepancy)claim->type, &claim->party,
                         claim->has_log ? &claim->log : NULL) != NULL)
        return FOLD_FORBIDDEN;
    for (size_t i = 0; i < discrepancies->count; i++) {
        done += resolved(&discrepancies->list[i]);
        theirs += !resolved(&discrepancies->list[i]) &&
                  key_equal(&discrepancies->list[i].party, &claim->party);
    }
    if (theirs >= DISCREPANCY_PARTY_MAX)
        return FOLD_FULL;
    return discrepancies->count < discrepancies->capacity || done > 0 ? FOLD_TAKEN : FOLD_FULL;
}

static bool arbiter_fits(const struct discrepancies *discrepancies, const struct discrepancy *one,
                         const struct tally_fed_resolution *said)
{
    if (said->has_arbiter != (said->outcome == TALLY_OUTCOME_ARBITRATION))
        return false;
    if (!said->has_arbiter)
        return true;
    /* A third party is neither of the two; a verdict is adopted of whom was asked. */
    if (key_equal(&said->arbiter, &one->party) ||
        key_equal(&said->arbiter, &discrepancies->reporter))
        return false;
    return !said->final || key_equal(&said->arbiter, &one->arbiter);
}

static enum fold_verdict judge_move(const struct discrepancies *discrepancies,
                                    const struct tally_fed_resolution *said)
{
    const struct discrepancy *one = subject_of(discrepancies, said);
    if (one == NULL || !arbiter_fits(discrepancies, one, said))
        return FOLD_FORBIDDEN;
    fsm_moves from = said->final ? stages[said->outcome].ends : stages[said->outcome].begins;
    return (from & TO(one->state)) != 0 ? FOLD_TAKEN : FOLD_FORBIDDEN;
}

/* Another's verdict counts if it was asked for, on that evidence, and is its first. Our own on the
   case of another is for that one. */
static enum fold_verdict judge_verdict(const struct discrepancies *discrepancies,
                                       const struct tally_key *issuer, bool own,
                                       const struct tally_fed_arbitration *said, uint64_t index)
{
    if (own)
        return key_equal(&said->reporter, issuer) ? FOLD_SELF : FOLD_NOTED;
    const struct discrepancy *one = disputed_of(discrepancies, said);
    if (one == NULL || !one->has_arbiter || !key_equal(&one->arbiter, issuer) ||
        !same_evidence(one, said->has_evidence, &said->evidence))
        return FOLD_FOREIGN;
    return one->judged && one->verdict <= index ? FOLD_FORBIDDEN : FOLD_TAKEN;
}

enum fold_verdict discrepancy_judge(const struct discrepancies *discrepancies,
                                    const struct tally_key *issuer, bool own,
                                    const struct fed_statement *statement, uint64_t index)
{
    if (statement->kind == FED_ARBITRATION)
        return judge_verdict(discrepancies, issuer, own, &statement->arbitration, index);
    if (!own)
        return FOLD_FOREIGN;
    return statement->kind == FED_DISCREPANCY ? judge_claim(discrepancies, &statement->discrepancy)
                                              : judge_move(discrepancies, &statement->resolution);
}

/* ---- Taking. ---- */

/* A place at the end; if there is none, the oldest that is resolved makes way. */
static struct discrepancy *place_take(struct discrepancies *discrepancies)
{
    struct discrepancy *list = discrepancies->list;
    size_t oldest = 0;
    if (discrepancies->count < discrepancies->capacity)
        return &list[discrepancies->count++];
    while (!resolved(&list[oldest]))
        oldest++;
    memmove(list + oldest, list + oldest + 1, (discrepancies->count - oldest - 1) * sizeof *list);
    return &list[discrepancies->count - 1];
}

static void take_claim(struct discrepancies *discrepancies, const struct tally_key *issuer,
                       const struct tally_fed_discrepancy *claim, uint64_t index)
{
    struct discrepancy *one = place_take(discrepancies);
    discrepancies->last = (size_t)(one - discrepancies->list);
    *one = (struct discrepancy){
        .reporter = *issuer,
        .index = index,
        .moved = index,
        .type = (enum tally_discrepancy)claim->type,
        .state = TALLY_DISCREPANCY_OPEN,
        .party = claim->party,
        .automatic = claim->automatic,
        .has_log = claim->has_log,
        .has_claim = claim->has_claimed_root,
        .has_evidence = claim->has_evidence,
        .log = claim->log,
        .claimed_size = claim->claimed_size,
        .claimed_root = claim->claimed_root,
        .evidence = claim->evidence,
    };
}

static void take_move(struct discrepancies *discrepancies, const struct tally_fed_resolution *said,
                      uint64_t index)
{
    struct discrepancy *one = (struct discrepancy *)subject_of(discrepancies, said);
    discrepancies->last = (size_t)(one - discrepancies->list);
    one->moved = index;
    if (said->final) {
        one->state = TALLY_DISCREPANCY_RESOLVED;
        one->outcome = (enum tally_outcome)said->outcome;
        return;
    }
    one->state = stages[said->outcome].stage;
    if (!said->has_arbiter || (one->has_arbiter && key_equal(&one->arbiter, &said->arbiter)))
        return;
    one->has_arbiter = true;
    one->arbiter = said->arbiter;
    one->judged = false;
    one->read = 0;
}

void discrepancy_apply(struct discrepancies *discrepancies, const struct tally_key *issuer,
                       const struct fed_statement *statement, uint64_t index)
{
    if (statement->kind == FED_DISCREPANCY) {
        take_claim(discrepancies, issuer, &statement->discrepancy, index);
        return;
    }
    if (statement->kind == FED_RESOLUTION) {
        take_move(discrepancies, &statement->resolution, index);
        return;
    }
    struct discrepancy *one =
        (struct discrepancy *)disputed_of(discrepancies, &statement->arbitration);
    one->judged = true;
    one->holds = statement->arbitration.holds;
    one->verdict = index;
}

/* ---- The whole. ---- */

void discrepancy_hash(const struct discrepancies *discrepancies, struct tally_hash *hash)
{
    for (size_t i = 0; i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        uint8_t bytes[8 + 8 + 8 + 6 + 32 + 32];
        struct tally_hash before = *hash;
        be64_write(bytes, one->index);
        be64_write(bytes + 8, one->moved);
        be64_write(bytes + 16, one->judged ? one->verdict : 0);
        bytes[24] = (uint8_t)one->type;
        bytes[25] = (uint8_t)one->state;
        bytes[26] = (uint8_t)one->outcome;
        bytes[27] = one->has_arbiter;
        bytes[28] = one->judged;
        bytes[29] = one->judged && one->holds;
        memcpy(bytes + 30, one->party.bytes, 32);
        memcpy(bytes + 62, one->arbiter.bytes, 32);
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(bytes, sizeof bytes),
                        hash);
        if (inherited(discrepancies, one)) {
            before = *hash;
            hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes),
                            bytes_of(one->reporter.bytes, sizeof one->reporter.bytes), hash);
        }
    }
}

bool discrepancy_holds(const struct discrepancies *discrepancies)
{
    for (size_t i = 0; i < discrepancies->count; i++) {
        const struct discrepancy *one = &discrepancies->list[i];
        bool ours = !inherited(discrepancies, one);
        if ((ours && one->moved < one->index) || key_equal(&one->party, &discrepancies->reporter) ||
            (one->judged && !one->has_arbiter) ||
            (one->state == TALLY_DISCREPANCY_ARBITRATION && !one->has_arbiter))
            return false;
        if (i > 0 && key_equal(&discrepancies->list[i - 1].reporter, &one->reporter) &&
            discrepancies->list[i - 1].index >= one->index)
            return false;
    }
    return discrepancies->count <= discrepancies->capacity;
}

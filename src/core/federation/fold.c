/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/fold.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"

/* Which statement moves a party from where to where. */
struct rule {
    fsm_moves from;
    enum tally_party_state to;
};

static const struct rule rules[FED_KINDS] = {
    [FED_ADMIT] = {TO(TALLY_PARTY_STRANGER) | TO(TALLY_PARTY_WITHDRAWN), TALLY_PARTY_ADMITTED},
    [FED_LEVEL] = {TO(TALLY_PARTY_ADMITTED), TALLY_PARTY_ADMITTED},
    [FED_WITHDRAW] = {TO(TALLY_PARTY_ADMITTED), TALLY_PARTY_WITHDRAWN},
};

static const fsm_moves modes[TALLY_MODES] = {
    [TALLY_MODE_UNSAID] = TO(TALLY_MODE_STRICT) | TO(TALLY_MODE_OPEN),
    [TALLY_MODE_STRICT] = TO(TALLY_MODE_OPEN),
    [TALLY_MODE_OPEN] = TO(TALLY_MODE_STRICT),
};

void fold_init(struct fold *fold, const struct tally_key *self, struct tally_party *parties,
               size_t capacity)
{
    *fold = (struct fold){.self = *self, .parties = parties, .capacity = capacity};
    agreements_init(&fold->agreements, self, NULL, 0);
}

void fold_lend(struct fold *fold, struct agreement_pair *pairs, size_t capacity)
{
    agreements_init(&fold->agreements, &fold->self, pairs, capacity);
}

/* The place of a key: where it is, or where it would be. */
static size_t place_of(const struct fold *fold, const struct tally_key *key)
{
    size_t low = 0, high = fold->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(fold->parties[middle].key.bytes, key->bytes, sizeof key->bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct tally_party *fold_find(const struct fold *fold, const struct tally_key *key)
{
    size_t place = place_of(fold, key);
    return place < fold->count && key_equal(&fold->parties[place].key, key) ? &fold->parties[place]
                                                                            : NULL;
}

void fold_lost(struct fold *fold)
{
    fold->lost++;
}

bool fold_strict(const struct fold *fold)
{
    if (fold->lost > 0)
        return true;
    switch (fold->mode) {
    case TALLY_MODE_UNSAID:
    case TALLY_MODES:
        break;
    case TALLY_MODE_STRICT:
        return true;
    case TALLY_MODE_OPEN:
        return false;
    }
    return fold->listed;
}

static enum fold_verdict judge_party(const struct fold *fold, const struct fed_statement *statement)
{
    const struct tally_party *party = fold_find(fold, &statement->party);
    enum tally_party_state state = party != NULL ? party->state : TALLY_PARTY_STRANGER;
    if (key_equal(&statement->party, &fold->self))
        return FOLD_SELF;
    if ((rules[statement->kind].from & TO(state)) == 0)
        return FOLD_FORBIDDEN;
    return party == NULL && fold->count == fold->capacity ? FOLD_FULL : FOLD_TAKEN;
}

/* What an agreement's verdict is to those who know of none. */
static enum fold_verdict verdict_of(enum agreement_verdict verdict)
{
    switch (verdict) {
    case AGREEMENT_TAKEN:
        return FOLD_TAKEN;
    case AGREEMENT_ELSEWHERE:
        return FOLD_FOREIGN;
    case AGREEMENT_MALFORMED:
        return FOLD_MALFORMED;
    case AGREEMENT_SELF:
        return FOLD_SELF;
    case AGREEMENT_ROLE:
    case AGREEMENT_FORBIDDEN:
    case AGREEMENT_STALE:
    case AGREEMENT_ALTERED:
    case AGREEMENT_EXPIRED:
        return FOLD_FORBIDDEN;
    case AGREEMENT_FULL:
        return FOLD_FULL;
    case AGREEMENT_VERDICT_COUNT:
        break;
    }
    return FOLD_UNKNOWN;
}

bool fold_trusts(const struct fold *fold, const struct tally_key *key, enum tally_trust level)
{
    const struct tally_party *party = fold_find(fold, key);
    return key_equal(key, &fold->self) ||
           (party != NULL && party->state == TALLY_PARTY_ADMITTED && party->level >= level);
}

/* An arbiter is one that we admitted so far that its word may count. */
static enum fold_verdict judge_dispute(const struct fold *fold, const struct tally_key *issuer,
                                       const struct fed_statement *statement, uint64_t index)
{
    if (fold->discrepancies == NULL)
        return FOLD_OTHER;
    if (statement->kind == FED_RESOLUTION && statement->resolution.has_arbiter &&
        !fold_trusts(fold, &statement->resolution.arbiter, TALLY_TRUST_ATTEST))
        return FOLD_FORBIDDEN;
    return discrepancy_judge(fold->discrepancies, issuer, statement, index);
}

/* Of what does not change the state it is only said whether it is ours to say. */
static enum fold_verdict judge_note(const struct fold *fold, const struct tally_key *issuer,
                                    const struct tally_key *party, enum tally_trust level)
{
    if (!key_equal(issuer, &fold->self))
        return FOLD_FOREIGN;
    if (key_equal(party, &fold->self))
        return FOLD_SELF;
    return fold_trusts(fold, party, level) ? FOLD_NOTED : FOLD_FORBIDDEN;
}

static enum fold_verdict judge(const struct fold *fold, const struct tally_key *issuer,
                               const struct fed_statement *statement, uint64_t index)
{
    bool ours = key_equal(issuer, &fold->self);
    switch (statement->kind) {
    case FED_UNKNOWN:
    case FED_KINDS:
        return FOLD_UNKNOWN;
    case FED_SYNC:
    case FED_CONFIRM:
        return FOLD_OTHER;
    case FED_ADMIT:
    case FED_LEVEL:
    case FED_WITHDRAW:
        return ours ? judge_party(fold, statement) : FOLD_FOREIGN;
    case FED_MODE:
        if (!ours)
            return FOLD_FOREIGN;
        return (modes[fold->mode] & TO(statement->mode)) != 0 ? FOLD_TAKEN : FOLD_FORBIDDEN;
    case FED_DISCREPANCY:
    case FED_RESOLUTION:
    case FED_ARBITRATION:
        return judge_dispute(fold, issuer, statement, index);
    case FED_SCHEMA:
        if (!ours || fold->schemas == NULL)
            return ours ? FOLD_OTHER : FOLD_FOREIGN;
        return schema_judge(fold->schemas, &statement->schema);
    case FED_SCHEMA_SYNC:
        return judge_note(fold, issuer, &statement->schema_sync.party, TALLY_TRUST_VERIFY);
    case FED_CROSS_ANCHOR:
        return judge_note(fold, issuer, &statement->cross_anchor.party, TALLY_TRUST_ATTEST);
    case FED_PROPOSE:
    case FED_ACCEPT:
    case FED_ESTABLISH:
    case FED_REJECT:
    case FED_RETRACT:
    case FED_REVOKE:
        if (!ours)
            return FOLD_FOREIGN;
        return verdict_of(agreements_judge(&fold->agreements, issuer, statement));
    }
    return FOLD_UNKNOWN;
}

enum fold_verdict fold_judge(const struct fold *fold, const struct tally_key *issuer,
                             const struct fed_statement *statement)
{
    return judge(fold, issuer, statement, UINT64_MAX);
}

/* The party of a statement, made if nothing was said of it before. */
static struct tally_party *party_take(struct fold *fold, const struct tally_key *key)
{
    size_t place = place_of(fold, key);
    struct tally_party *party = &fold->parties[place];
    if (place < fold->count && key_equal(&party->key, key))
        return party;
    memmove(party + 1, party, (fold->count - place) * sizeof *party);
    *party = (struct tally_party){.key = *key, .state = TALLY_PARTY_STRANGER};
    fold->count++;
    return party;
}

static void apply(struct fold *fold, const struct fed_statement *statement, uint64_t index)
{
    if (statement->kind == FED_MODE) {
        FSM_MOVE(modes, &fold->mode, statement->mode);
        return;
    }
    if (statement->kind == FED_SCHEMA) {
        schema_apply(fold->schemas, &statement->schema, index);
        return;
    }
    if (statement->kind == FED_DISCREPANCY || statement->kind == FED_RESOLUTION ||
        statement->kind == FED_ARBITRATION) {
        discrepancy_apply(fold->discrepancies, statement, index);
        return;
    }
    struct tally_party *party = party_take(fold, &statement->party);
    bool withdrawn = statement->kind == FED_WITHDRAW;
    party->state = rules[statement->kind].to;
    party->level = withdrawn ? TALLY_TRUST_ISOLATED : statement->level;
    if (withdrawn)
        party->roles = 0;
    else if (statement->has_roles)
        party->roles = statement->roles;
    party->index = index;
    fold->listed = fold->listed || party->level > TALLY_TRUST_ISOLATED;
}

enum fold_verdict fold_take_at(struct fold *fold, const struct tally_key *issuer,
                               struct tally_bytes type, struct tally_bytes body,
                               const struct agreement_place *place)
{
    struct fed_statement statement;
    enum fold_verdict verdict = fed_read(type, body, &statement) == TALLY_DROP_NONE
                                    ? judge(fold, issuer, &statement, place->index)
                                    : FOLD_MALFORMED;
    fold->counts[verdict]++;
    if (verdict != FOLD_TAKEN)
        return verdict;
    if (fed_agrees(statement.kind))
        (void)agreements_take(&fold->agreements, issuer, &statement, place);
    else
        apply(fold, &statement, place->index);
    return verdict;
}

enum fold_verdict fold_take(struct fold *fold, const struct tally_key *issuer,
                            struct tally_bytes type, struct tally_bytes body, uint64_t index)
{
    const struct agreement_place place = {.index = index};
    return fold_take_at(fold, issuer, type, body, &place);
}

void fold_hear(struct fold *fold, const struct tally_key *issuer, struct tally_bytes type,
               struct tally_bytes body, const struct agreement_place *place)
{
    struct fed_statement statement;
    if (!fed_agrees(fed_kind_of(type)))
        return;
    if (fed_read(type, body, &statement) == TALLY_DROP_NONE)
        (void)agreements_take(&fold->agreements, issuer, &statement, place);
    else
        fold->agreements.counts[AGREEMENT_MALFORMED]++;
}

void fold_hash(const struct fold *fold, struct tally_hash *hash)
{
    static const char domain[] = "tally federation 1\n";
    uint8_t head[sizeof domain - 1 + 32 + 2];
    memcpy(head, domain, sizeof domain - 1);
    memcpy(head + sizeof domain - 1, fold->self.bytes, 32);
    head[sizeof head - 2] = (uint8_t)fold->mode;
    head[sizeof head - 1] = fold->listed;
    hash_sha256(bytes_of(head, sizeof head), hash);
    for (size_t i = 0; i < fold->count; i++) {
        const struct tally_party *party = &fold->parties[i];
        uint8_t one[32 + 3 + 8];
        struct tally_hash before = *hash;
        memcpy(one, party->key.bytes, 32);
        one[32] = (uint8_t)party->state;
        one[33] = (uint8_t)party->level;
        one[34] = party->roles;
        be64_write(one + 35, party->index);
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(one, sizeof one),
                        hash);
    }
    if (fold->discrepancies != NULL)
        discrepancy_hash(fold->discrepancies, hash);
    if (fold->schemas != NULL)
        schema_hash(fold->schemas, hash);
}

void fold_status(const struct fold *fold, struct tally_trust_status *status)
{
    const uint64_t *counts = fold->counts;
    *status = (struct tally_trust_status){.mode = fold->mode,
                                          .strict = fold_strict(fold),
                                          .unknown = counts[FOLD_UNKNOWN],
                                          .refused = counts[FOLD_MALFORMED] + counts[FOLD_FOREIGN] +
                                                     counts[FOLD_SELF] + counts[FOLD_FORBIDDEN] +
                                                     counts[FOLD_FULL],
                                          .lost = fold->lost};
    for (size_t i = 0; i < fold->count; i++)
        status->parties += fold->parties[i].state == TALLY_PARTY_ADMITTED;
    for (size_t i = 0; i < FOLD_VERDICT_COUNT; i++)
        status->statements += counts[i];
    fold_hash(fold, &status->hash);
}

const char *fold_verdict_text(enum fold_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, text) [FOLD_##name] = text,
        FOLD_VERDICTS(X)
#undef X
    };
    return verdict < FOLD_VERDICT_COUNT ? texts[verdict] : "unknown";
}

bool fold_holds(const struct fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        const struct tally_party *party = &fold->parties[i];
        if (party->state == TALLY_PARTY_STRANGER || key_equal(&party->key, &fold->self) ||
            (party->state == TALLY_PARTY_WITHDRAWN && party->roles != 0))
            return false;
        if (i > 0 && memcmp(party[-1].key.bytes, party->key.bytes, 32) >= 0)
            return false;
    }
    if (fold->discrepancies != NULL && !discrepancy_holds(fold->discrepancies))
        return false;
    return fold->count <= fold->capacity && agreements_holds(&fold->agreements);
}

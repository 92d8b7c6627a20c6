/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/fold.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"
#include "core/federation/replay.h"

/* Which statement moves a party from where to where. */
struct rule {
    fsm_moves from;
    enum tally_party_state to;
};

static const struct rule rules[FED_KINDS] = {
    [FED_ADMIT] = {TO(TALLY_PARTY_STRANGER) | TO(TALLY_PARTY_WITHDRAWN), TALLY_PARTY_ADMITTED},
    [FED_LEVEL] = {TO(TALLY_PARTY_ADMITTED), TALLY_PARTY_ADMITTED},
    [FED_WITHDRAW] = {TO(TALLY_PARTY_ADMITTED), TALLY_PARTY_WITHDRAWN},
    [FED_WITNESS] = {TO(TALLY_PARTY_ADMITTED), TALLY_PARTY_ADMITTED},
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
    fold->reception = reception_unsaid();
    agreements_init(&fold->agreements, self, NULL, 0);
}

void fold_lend(struct fold *fold, struct agreement_pair *pairs, size_t capacity)
{
    agreements_init(&fold->agreements, &fold->self, pairs, capacity);
}

void fold_reset(struct fold *fold)
{
    struct fold before = *fold;
    fold_init(fold, &before.self, before.parties, before.capacity);
    fold_lend(fold, before.agreements.pairs, before.agreements.capacity);
    fold->agreements.clock = before.agreements.clock;
    fold->revoked = before.revoked;
    fold->discrepancies = before.discrepancies;
    fold->schemas = before.schemas;
    fold->outsides = before.outsides;
    fold->receptions = before.receptions;
    if (fold->discrepancies != NULL)
        fold->discrepancies->count = fold->discrepancies->last = 0;
    if (fold->schemas != NULL)
        fold->schemas->count = 0;
    if (fold->outsides != NULL)
        fold->outsides->count = 0;
    if (fold->receptions != NULL)
        fold->receptions->count = 0;
}

void fold_forget(struct fold *fold, const struct tally_key *issuer)
{
    agreements_forget(&fold->agreements, issuer);
    discrepancy_unhear(fold->discrepancies, issuer);
    receptions_forget(fold->receptions, issuer);
}

bool fold_void(const struct fold *fold, const struct tally_key *issuer)
{
    struct tally_hash origin_hash;
    if (fold->discrepancies == NULL || fold->discrepancies->count == 0)
        return false;
    replay_origin(issuer, &origin_hash);
    return discrepancy_forked(fold->discrepancies, issuer, &origin_hash);
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

const struct tally_party *fold_standing(const struct fold *fold, const struct tally_key *key)
{
    const struct tally_party *party = fold_find(fold, key);
    for (unsigned i = 0; party == NULL && key != NULL && i < REVOKED_HEIRS; i++) {
        key = revoked_elder(fold->revoked, key);
        party = key != NULL ? fold_find(fold, key) : NULL;
    }
    return party;
}

bool fold_own(const struct fold *fold, const struct tally_key *key)
{
    return key_equal(key, &fold->self) || revoked_precedes(fold->revoked, key, &fold->self);
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

/* Which keys act beside it, and whether it goes on, a key says of itself alone. */
static enum fold_verdict judge_keys(const struct fold *fold, const struct fed_statement *statement)
{
    const struct tally_key *recovery = &statement->keys[FED_KEY_RECOVERY];
    if (statement->kind == FED_REVOKE_KEY)
        return key_equal(&statement->party, &fold->self) ? FOLD_TAKEN : FOLD_FORBIDDEN;
    for (size_t i = 0; i < FED_KEYS_COUNT; i++) {
        if (!statement->has_key[i])
            continue;
        if (key_equal(&statement->keys[i], &fold->self))
            return FOLD_SELF;
        /* A promise of one kind must never pass for another: no key is there for two. */
        for (size_t j = 0; j < i; j++)
            if (statement->has_key[j] && key_equal(&statement->keys[i], &statement->keys[j]))
                return FOLD_FORBIDDEN;
    }
    /* Whoever steals the identity key names no other recovery key, nor none. */
    if (fold->has_key[FED_KEY_RECOVERY] && !(statement->has_key[FED_KEY_RECOVERY] &&
                                             key_equal(recovery, &fold->keys[FED_KEY_RECOVERY])))
        return FOLD_FORBIDDEN;
    return FOLD_TAKEN;
}

static bool of_keys(enum fed_kind kind)
{
    return kind == FED_KEYS || kind == FED_REVOKE_KEY || kind == FED_SUCCEED_KEY;
}

bool fold_trusts(const struct fold *fold, const struct tally_key *key, enum tally_trust level)
{
    const struct tally_party *party = fold_find(fold, key);
    if (key_equal(key, &fold->self))
        return true;
    if (party != NULL && party->state != TALLY_PARTY_ADMITTED)
        return false; /* No agreement outlives that. */
    return (party != NULL && party->level >= level) ||
           (party == NULL || party->level > TALLY_TRUST_ISOLATED
                ? agreements_pledged(&fold->agreements, key) >= level
                : false);
}

/* An arbiter is one that we admitted, or signed with, so far that its word may count. */
static enum fold_verdict judge_dispute(const struct fold *fold, const struct tally_key *issuer,
                                       const struct fed_statement *statement, uint64_t index)
{
    bool own = fold_own(fold, issuer);
    if (fold->discrepancies == NULL)
        return FOLD_OTHER;
    if (own && statement->kind == FED_RESOLUTION && statement->resolution.has_arbiter &&
        !fold_trusts(fold, &statement->resolution.arbiter, TALLY_TRUST_ATTEST))
        return FOLD_FORBIDDEN;
    if (!own && (statement->kind != FED_ARBITRATION || fold_void(fold, issuer)))
        return FOLD_FOREIGN;
    return discrepancy_judge(fold->discrepancies, issuer, own, statement, index);
}

/* Of what does not change the state it is only said whether it is ours to say. */
static enum fold_verdict judge_note(const struct fold *fold, const struct tally_key *issuer,
                                    const struct tally_key *party, enum tally_trust level)
{
    const struct tally_party *standing = fold_standing(fold, party);
    if (!fold_own(fold, issuer))
        return FOLD_FOREIGN;
    if (key_equal(party, &fold->self))
        return FOLD_SELF;
    bool listed =
        standing != NULL && standing->state == TALLY_PARTY_ADMITTED && standing->level >= level;
    return listed || fold_trusts(fold, party, level) ? FOLD_NOTED : FOLD_FORBIDDEN;
}

/* Nobody is his own witness. */
static enum fold_verdict judge_outside(const struct fold *fold,
                                       const struct tally_fed_witness_url *said)
{
    bool ours =
        fold->has_key[FED_KEY_WITNESS] && key_equal(&said->key, &fold->keys[FED_KEY_WITNESS]);
    return ours || key_equal(&said->key, &fold->self) ? FOLD_SELF
                                                      : outside_judge(fold->outsides, said);
}

static enum fold_verdict judge(const struct fold *fold, const struct tally_key *issuer,
                               const struct fed_statement *statement, uint64_t index)
{
    bool self = key_equal(issuer, &fold->self), own = self || fold_own(fold, issuer);
    /* What a key that this node had before said of itself is not about the key of now. */
    if (own && !self && of_keys(statement->kind))
        return FOLD_OTHER;
    if (self && fold->ended && statement->kind >= FED_ADMIT)
        return FOLD_ENDED;
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
    case FED_WITNESS:
        return own ? judge_party(fold, statement) : FOLD_FOREIGN;
    case FED_KEYS:
    case FED_REVOKE_KEY:
        return self ? judge_keys(fold, statement) : FOLD_FOREIGN;
    case FED_SUCCEED_KEY:
        /* It says where to read on; that it is so the old key says. */
        return self ? FOLD_OTHER : FOLD_FOREIGN;
    case FED_MODE:
        if (!own)
            return FOLD_FOREIGN;
        return (modes[fold->mode] & TO(statement->mode)) != 0 ? FOLD_TAKEN : FOLD_FORBIDDEN;
    case FED_DISCREPANCY:
    case FED_RESOLUTION:
    case FED_ARBITRATION:
        return judge_dispute(fold, issuer, statement, index);
    case FED_SCHEMA:
        if (!own || fold->schemas == NULL)
            return own ? FOLD_OTHER : FOLD_FOREIGN;
        return schema_judge(fold->schemas, &statement->schema);
    case FED_POLICY:
        if (!own)
            return FOLD_FOREIGN;
        return reception_says(&fold->reception, &statement->policy) ? FOLD_FORBIDDEN : FOLD_TAKEN;
    case FED_WITNESS_URL:
        if (!own || fold->outsides == NULL)
            return own ? FOLD_OTHER : FOLD_FOREIGN;
        return judge_outside(fold, &statement->witness_url);
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
        if (!self)
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

/* Whether what was agreed with a party rests, by what we hold against it. */
static void suspend(struct fold *fold, const struct tally_key *party)
{
    agreements_suspend(&fold->agreements, party, discrepancy_accuses(fold->discrepancies, party));
}

static void apply(struct fold *fold, const struct tally_key *issuer,
                  const struct fed_statement *statement, uint64_t index)
{
    if (statement->kind == FED_MODE)
        FSM_MOVE(modes, &fold->mode, statement->mode);
    if (statement->kind == FED_KEYS) {
        memcpy(fold->has_key, statement->has_key, sizeof fold->has_key);
        memcpy(fold->keys, statement->keys, sizeof fold->keys);
        fold->keys_at = index;
    }
    if (statement->kind == FED_REVOKE_KEY) {
        fold->ended = true;
        fold->ended_at = index;
    }
    if (statement->kind == FED_SCHEMA) {
        schema_apply(fold->schemas, &statement->schema, index);
        return;
    }
    if (statement->kind == FED_POLICY) {
        fold->reception = reception_of(&statement->policy, index);
        return;
    }
    if (statement->kind == FED_WITNESS_URL) {
        outside_apply(fold->outsides, &statement->witness_url, index);
        return;
    }
    if (statement->kind == FED_DISCREPANCY || statement->kind == FED_RESOLUTION ||
        statement->kind == FED_ARBITRATION) {
        discrepancy_apply(fold->discrepancies, issuer, statement, index);
        if (statement->kind != FED_ARBITRATION)
            suspend(fold, &fold->discrepancies->list[fold->discrepancies->last].party);
        if (statement->kind == FED_DISCREPANCY && fold_void(fold, &statement->discrepancy.party))
            fold_forget(fold, &statement->discrepancy.party);
        return;
    }
    if (rules[statement->kind].from == 0)
        return; /* About no party. */
    struct tally_party *party = party_take(fold, &statement->party);
    party->index = index;
    if (statement->kind == FED_WITNESS) {
        party->excused = !statement->asked;
        return;
    }
    bool withdrawn = statement->kind == FED_WITHDRAW;
    party->state = rules[statement->kind].to;
    party->level = withdrawn ? TALLY_TRUST_ISOLATED : statement->level;
    party->excused = party->excused && !withdrawn;
    if (withdrawn)
        party->roles = 0;
    else if (statement->has_roles)
        party->roles = statement->roles;
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
    fold->last_kind = statement.kind;
    fold->last = statement.party;
    if (statement.kind == FED_REJECT)
        fold->refusals[statement.refusal]++;
    if (fed_agrees(statement.kind))
        (void)agreements_take(&fold->agreements, issuer, &statement, place);
    else
        apply(fold, issuer, &statement, place->index);
    if (fed_agrees(statement.kind))
        suspend(fold, &statement.party);
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
    enum fed_kind kind = fed_kind_of(type);
    if (!fed_hears(kind))
        return;
    bool read = fed_read(type, body, &statement) == TALLY_DROP_NONE,
         forked = fold_void(fold, issuer);
    if (kind == FED_POLICY) {
        if (read && !forked)
            receptions_take(fold->receptions, issuer, &statement.policy, place->index);
        return;
    }
    if (forked)
        fold->agreements.counts[AGREEMENT_FORBIDDEN]++;
    else if (read)
        (void)agreements_take(&fold->agreements, issuer, &statement, place);
    else
        fold->agreements.counts[AGREEMENT_MALFORMED]++;
    suspend(fold, issuer);
}

/* Beside the roles in the hash. */
enum { EXCUSED = 0x80 };

/* The keys beside its own are in the hash once there are any. */
static void hash_keys(const struct fold *fold, struct tally_hash *hash)
{
    for (size_t i = 0; i < FED_KEYS_COUNT; i++) {
        uint8_t bytes[1 + sizeof fold->keys[i].bytes];
        struct tally_hash before = *hash;
        if (!fold->has_key[i])
            continue;
        bytes[0] = (uint8_t)i;
        memcpy(bytes + 1, fold->keys[i].bytes, sizeof fold->keys[i].bytes);
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(bytes, sizeof bytes),
                        hash);
    }
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
    hash_keys(fold, hash);
    for (size_t i = 0; i < fold->count; i++) {
        const struct tally_party *party = &fold->parties[i];
        uint8_t one[32 + 3 + 8];
        struct tally_hash before = *hash;
        memcpy(one, party->key.bytes, 32);
        one[32] = (uint8_t)party->state;
        one[33] = (uint8_t)party->level;
        one[34] = (uint8_t)(party->roles | (party->excused ? EXCUSED : 0));
        be64_write(one + 35, party->index);
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(one, sizeof one),
                        hash);
    }
    if (fold->discrepancies != NULL)
        discrepancy_hash(fold->discrepancies, hash);
    if (fold->schemas != NULL)
        schema_hash(fold->schemas, hash);
    if (fold->outsides != NULL)
        outside_hash(fold->outsides, hash);
    reception_hash(&fold->reception, hash);
}

void fold_status(const struct fold *fold, struct tally_trust_status *status)
{
    const uint64_t *counts = fold->counts;
    *status = (struct tally_trust_status){.mode = fold->mode,
                                          .strict = fold_strict(fold),
                                          .unknown = counts[FOLD_UNKNOWN],
                                          .refused = counts[FOLD_MALFORMED] + counts[FOLD_FOREIGN] +
                                                     counts[FOLD_SELF] + counts[FOLD_FORBIDDEN] +
                                                     counts[FOLD_FULL] + counts[FOLD_ENDED],
                                          .lost = fold->lost};
    for (size_t i = 0; i < fold->count; i++)
        status->parties += fold->parties[i].state == TALLY_PARTY_ADMITTED;
    for (size_t i = 0; i < FOLD_VERDICT_COUNT; i++)
        status->statements += counts[i];
    memcpy(status->refusals, fold->refusals, sizeof status->refusals);
    fold_hash(fold, &status->hash);
    agreements_hash(&fold->agreements, &status->agreed);
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

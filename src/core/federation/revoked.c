/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/revoked.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/federation/replay.h"

#include <stdlib.h>

bool revoked_new(struct revoked *revoked, size_t capacity)
{
    *revoked = (struct revoked){.capacity = capacity};
    revoked->keys = calloc(capacity, sizeof *revoked->keys);
    revoked->evidence = calloc(capacity, sizeof *revoked->evidence);
    revoked->bindings = calloc(capacity, sizeof *revoked->bindings);
    revoked->order = calloc(capacity, sizeof *revoked->order);
    revoked->heirs = calloc(capacity, sizeof *revoked->heirs);
    bool whole = revoked->keys != NULL && revoked->evidence != NULL && revoked->bindings != NULL &&
                 revoked->order != NULL && revoked->heirs != NULL;
    if (!whole)
        revoked_free(revoked);
    return whole;
}

void revoked_free(struct revoked *revoked)
{
    free(revoked->keys);
    free(revoked->evidence);
    free(revoked->bindings);
    free(revoked->order);
    free(revoked->heirs);
    *revoked = (struct revoked){.capacity = 0};
}

/* ---- Finding. ---- */

static int key_compare(const struct tally_key *a, const struct tally_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* The place of a key in `order`: where it is, or where it would be. */
static size_t place_of(const struct revoked *revoked, const struct tally_key *key)
{
    size_t low = 0, high = revoked->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_compare(&revoked->keys[revoked->order[middle]].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct revoked_key *revoked_find(const struct revoked *revoked, const struct tally_key *key)
{
    if (revoked == NULL || revoked->count == 0)
        return NULL;
    size_t place = place_of(revoked, key);
    if (place == revoked->count)
        return NULL;
    const struct revoked_key *entry = &revoked->keys[revoked->order[place]];
    return key_equal(&entry->key, key) ? entry : NULL;
}

static struct revoked_binding *binding_find(const struct revoked *revoked,
                                            const struct tally_key *key)
{
    for (size_t i = 0; revoked != NULL && i < revoked->binding_count; i++)
        if (key_equal(&revoked->bindings[i].key, key))
            return &revoked->bindings[i];
    return NULL;
}

const struct tally_key *revoked_recovery(const struct revoked *revoked, const struct tally_key *key)
{
    const struct revoked_binding *binding = binding_find(revoked, key);
    return binding != NULL ? &binding->recovery : NULL;
}

/* ---- Whose word counts. ---- */

/* 2: of a recovery key that may be the one; 1: of the key itself, or of another recovery key than
   the one it named, which only shows that somebody with the key wanted it revoked. */
static unsigned rank_of(const struct tally_key *recovery, const struct revoked_word *word)
{
    return word->recovery && (recovery == NULL || key_equal(recovery, &word->signer)) ? 2 : 1;
}

static unsigned rank_most(const struct tally_key *recovery, const struct revoked_key *entry)
{
    unsigned most = 0;
    for (unsigned i = 0; i < entry->word_count; i++) {
        unsigned rank = rank_of(recovery, &entry->words[i]);
        most = rank > most ? rank : most;
    }
    return most;
}

static uint64_t word_limit(const struct revoked_key *entry, const struct revoked_word *word,
                           const uint8_t origin[8])
{
    for (size_t i = 0; i < word->limit_count; i++)
        if (memcmp(word->limits[i].origin, origin, 8) == 0)
            return word->limits[i].size;
    return memcmp(entry->statements, origin, 8) == 0 && !word->recovery ? word->statements : 0;
}

uint64_t revoked_limit(const struct revoked *revoked, const struct tally_key *key,
                       const struct tally_hash *origin)
{
    const struct revoked_key *entry = revoked_find(revoked, key);
    uint64_t limit = UINT64_MAX;
    if (entry == NULL)
        return limit;
    const struct tally_key *recovery = revoked_recovery(revoked, key);
    unsigned most = rank_most(recovery, entry);
    for (unsigned i = 0; i < entry->word_count; i++) {
        uint64_t one = word_limit(entry, &entry->words[i], origin->bytes);
        if (rank_of(recovery, &entry->words[i]) == most && one < limit)
            limit = one;
    }
    return limit;
}

const struct revoked_word *revoked_said(const struct revoked *revoked,
                                        const struct revoked_key *entry)
{
    const struct tally_key *recovery = revoked_recovery(revoked, &entry->key);
    const struct revoked_word *said = NULL;
    unsigned most = rank_most(recovery, entry);
    for (unsigned i = 0; i < entry->word_count; i++) {
        const struct revoked_word *word = &entry->words[i];
        if (rank_of(recovery, word) == most &&
            (said == NULL || key_compare(&word->signer, &said->signer) < 0))
            said = word;
    }
    return said;
}

static const struct tally_key *successor_of(const struct revoked *revoked,
                                            const struct revoked_key *entry)
{
    const struct tally_key *recovery = revoked_recovery(revoked, &entry->key);
    const struct tally_key *successor = NULL;
    unsigned most = rank_most(recovery, entry);
    if (recovery != NULL && most < 2)
        return NULL; /* Whoever stole the key would hand it on to himself. */
    for (unsigned i = 0; i < entry->word_count; i++) {
        const struct revoked_word *word = &entry->words[i];
        if (rank_of(recovery, word) < most || !word->has_successor)
            continue;
        if (word->contested || (successor != NULL && !key_equal(successor, &word->successor)))
            return NULL;
        successor = &word->successor;
    }
    return successor;
}

const struct tally_key *revoked_successor(const struct revoked *revoked,
                                          const struct tally_key *key)
{
    const struct revoked_key *entry = revoked_find(revoked, key);
    return entry != NULL ? successor_of(revoked, entry) : NULL;
}

const struct tally_key *revoked_elder(const struct revoked *revoked, const struct tally_key *key)
{
    size_t low = 0, high = revoked != NULL ? revoked->heir_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_compare(&revoked->heirs[middle].successor, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return revoked != NULL && low < revoked->heir_count &&
                   key_equal(&revoked->heirs[low].successor, key)
               ? &revoked->heirs[low].key
               : NULL;
}

bool revoked_precedes(const struct revoked *revoked, const struct tally_key *key,
                      const struct tally_key *heir)
{
    for (unsigned i = 0; i < REVOKED_HEIRS && key != NULL; i++) {
        if (key_equal(key, heir))
            return true;
        key = revoked_successor(revoked, key);
    }
    return false;
}

/* ---- Joining. ---- */

/* Of both lists what both name, with the lesser size: what one does not name it gives nothing. */
static bool limits_join(struct revoked_word *word, const struct fed_revoke *said)
{
    size_t kept = 0, at = 0;
    bool changed = false;
    for (size_t i = 0; i < word->limit_count; i++) {
        struct fed_limit one = word->limits[i];
        while (at < said->limit_count && memcmp(said->limits[at].origin, one.origin, 8) < 0)
            at++;
        bool both = at < said->limit_count && memcmp(said->limits[at].origin, one.origin, 8) == 0;
        if (!both || said->limits[at].size < one.size)
            changed = true;
        if (!both)
            continue;
        one.size = said->limits[at].size < one.size ? said->limits[at].size : one.size;
        word->limits[kept++] = one;
    }
    word->limit_count = kept;
    return changed;
}

static bool successor_join(struct revoked_word *word, const struct fed_revoke *said)
{
    if (!said->has_successor || word->contested)
        return false;
    if (word->has_successor && key_equal(&word->successor, &said->successor))
        return false;
    word->contested = word->has_successor;
    word->has_successor = true;
    if (word->contested)
        word->successor = (struct tally_key){{0}}; /* The same, whoever came first. */
    else
        word->successor = said->successor;
    return true;
}

static bool word_join(struct revoked_word *word, const struct revocation *revocation)
{
    const struct fed_revoke *said = &revocation->said;
    bool changed = limits_join(word, said);
    changed |= successor_join(word, said);
    if (revocation->index + 1 < word->statements) {
        word->statements = revocation->index + 1;
        changed = true;
    }
    if (revocation->index > word->index ||
        (revocation->index == word->index && said->reason > word->reason)) {
        word->index = revocation->index;
        word->reason = said->reason;
        changed = true;
    }
    return changed;
}

static void word_init(struct revoked_word *word, const struct revocation *revocation)
{
    const struct fed_revoke *said = &revocation->said;
    *word = (struct revoked_word){.signer = revocation->signer,
                                  .recovery = revocation->recovery,
                                  .reason = said->reason,
                                  .index = revocation->index,
                                  .statements = revocation->index + 1,
                                  .has_successor = said->has_successor,
                                  .successor = said->successor,
                                  .limit_count = said->limit_count};
    memcpy(word->limits, said->limits, said->limit_count * sizeof *said->limits);
}

static struct revoked_word *word_find(struct revoked_key *entry, const struct tally_key *signer)
{
    for (unsigned i = 0; i < entry->word_count; i++)
        if (key_equal(&entry->words[i].signer, signer))
            return &entry->words[i];
    return NULL;
}

/* A place for one more signer. Whoever has the key makes recovery keys by the dozen: the one that a
   statement named has its place all the same. NULL: there is none. */
static struct revoked_word *word_place(struct revoked_key *entry, const struct tally_key *recovery,
                                       const struct tally_key *signer)
{
    if (entry->word_count < REVOKED_WORDS)
        return &entry->words[entry->word_count++];
    if (recovery == NULL || !key_equal(recovery, signer))
        return NULL;
    struct revoked_word *last = &entry->words[REVOKED_WORDS - 1];
    return last->recovery ? last : last - 1;
}

/* Whether there is anything in it that the entry does not say, and room for it; changes the entry
   by it. NONE, SEEN, BUSY. */
static enum tally_drop entry_join(struct revoked_key *entry, const struct tally_key *recovery,
                                  const struct revocation *revocation)
{
    struct revoked_word *word = word_find(entry, &revocation->signer);
    if (word == NULL) {
        word = word_place(entry, recovery, &revocation->signer);
        if (word == NULL)
            return TALLY_DROP_BUSY;
        word_init(word, revocation);
    } else if (!word_join(word, revocation)) {
        return TALLY_DROP_SEEN;
    }
    return word->evidence++ < REVOKED_EACH ? TALLY_DROP_NONE : TALLY_DROP_BUSY;
}

enum tally_drop revoked_judge(const struct revoked *revoked, const struct revocation *revocation,
                              bool known)
{
    const struct revoked_key *entry = revoked_find(revoked, &revocation->party);
    if (entry != NULL) {
        struct revoked_key copy = *entry;
        enum tally_drop drop =
            entry_join(&copy, revoked_recovery(revoked, &entry->key), revocation);
        if (drop != TALLY_DROP_NONE)
            return drop;
    }
    if (revoked->evidence_count == revoked->capacity ||
        (!known && revoked->unknown >= revoked->capacity / 2))
        return TALLY_DROP_BUSY;
    return TALLY_DROP_NONE;
}

/* ---- What follows. ---- */

static void word_mark(const struct revoked_key *entry, const struct revoked_word *word,
                      uint8_t mark[16])
{
    uint8_t bytes[4 * 32 + 4 + 16 + FED_LIMITS_MAX * 16];
    struct tally_hash hash;
    size_t at = 0;
    memcpy(bytes + at, entry->key.bytes, 32);
    memcpy(bytes + at + 32, word->signer.bytes, 32);
    memcpy(bytes + at + 64, word->successor.bytes, 32);
    at += 96;
    bytes[at++] = (uint8_t)word->reason;
    bytes[at++] = word->has_successor;
    bytes[at++] = word->contested;
    be64_write(bytes + at, word->index);
    be64_write(bytes + at + 8, word->statements);
    at += 16;
    for (size_t i = 0; i < word->limit_count; i++) {
        memcpy(bytes + at, word->limits[i].origin, 8);
        be64_write(bytes + at + 8, word->limits[i].size);
        at += 16;
    }
    hash_sha256(bytes_of(bytes, at), &hash);
    for (size_t i = 0; i < 16; i++)
        mark[i] ^= hash.bytes[i];
}

static void entry_mark(const struct revoked_key *entry, uint8_t mark[16])
{
    for (unsigned i = 0; i < entry->word_count; i++)
        word_mark(entry, &entry->words[i], mark);
}

/* Who took over from whom, by the successor's key and then by the elder's. Changes are rare. */
static void heirs_settle(struct revoked *revoked)
{
    revoked->heir_count = 0;
    for (size_t i = 0; i < revoked->count; i++) {
        const struct tally_key *key = &revoked->keys[revoked->order[i]].key;
        const struct tally_key *successor =
            successor_of(revoked, &revoked->keys[revoked->order[i]]);
        if (successor == NULL)
            continue;
        size_t at = revoked->heir_count++;
        while (at > 0 && key_compare(&revoked->heirs[at - 1].successor, successor) > 0) {
            revoked->heirs[at] = revoked->heirs[at - 1];
            at--;
        }
        revoked->heirs[at] = (struct revoked_heir){*successor, *key};
    }
}

static struct revoked_key *entry_new(struct revoked *revoked, const struct tally_key *key)
{
    size_t place = place_of(revoked, key);
    struct tally_hash origin;
    struct revoked_key *entry = &revoked->keys[revoked->count];
    memmove(&revoked->order[place + 1], &revoked->order[place],
            (revoked->count - place) * sizeof *revoked->order);
    revoked->order[place] = (uint16_t)revoked->count++;
    *entry = (struct revoked_key){.key = *key};
    replay_origin(key, &origin);
    memcpy(entry->statements, origin.bytes, sizeof entry->statements);
    return entry;
}

void revoked_take(struct revoked *revoked, const struct revocation *revocation,
                  struct tally_bytes bytes, bool known)
{
    struct revoked_key *entry = (struct revoked_key *)revoked_find(revoked, &revocation->party);
    if (entry == NULL)
        entry = entry_new(revoked, &revocation->party);
    entry_mark(entry, revoked->fingerprint);
    (void)entry_join(entry, revoked_recovery(revoked, &entry->key), revocation);
    entry_mark(entry, revoked->fingerprint);
    entry->evidence++;
    revoked->unknown += !known;
    struct revoked_evidence *evidence = &revoked->evidence[revoked->evidence_count++];
    evidence->size = (uint16_t)bytes.size;
    memcpy(evidence->bytes, bytes.data, bytes.size);
    heirs_settle(revoked);
}

bool revoked_bind(struct revoked *revoked, const struct tally_key *key,
                  const struct tally_key *recovery, uint64_t index)
{
    struct revoked_binding *binding = binding_find(revoked, key);
    if (binding == NULL) {
        if (revoked->binding_count == revoked->capacity)
            return false;
        binding = &revoked->bindings[revoked->binding_count++];
        binding->index = UINT64_MAX;
    }
    if (index >= binding->index)
        return false;
    *binding = (struct revoked_binding){*key, *recovery, index};
    heirs_settle(revoked);
    return true;
}

bool revoked_holds(const struct revoked *revoked)
{
    size_t evidence = 0;
    for (size_t i = 0; i < revoked->count; i++) {
        const struct revoked_key *entry = &revoked->keys[i];
        evidence += entry->evidence;
        if (entry->word_count == 0 || entry->word_count > REVOKED_WORDS ||
            entry->evidence < entry->word_count)
            return false;
        if (i > 0 && key_compare(&revoked->keys[revoked->order[i - 1]].key,
                                 &revoked->keys[revoked->order[i]].key) >= 0)
            return false;
    }
    return evidence == revoked->evidence_count && revoked->evidence_count <= revoked->capacity &&
           revoked->heir_count <= revoked->count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_REVOKED_H
#define FEDERATION_REVOKED_H
/*
 * Which keys are revoked, how far their logs are good, and who took over: what revocations come to,
 * the same whatever the order in which they arrive. A key never comes back.
 *
 * Of one key several may come, by itself and by a recovery key. What one signer said is joined: a
 * log is good as far as the least size that was named, so that whoever has a stolen key cannot make
 * a revoked log longer by revoking once more; two successors that contradict each other are none.
 * Then the recovery key's word replaces the key's own. Once a key has named its recovery key by a
 * statement, only that one's word does, and only that one names a successor.
 *
 * Revocations are kept as they came, to be told to others. A key of which nobody here knows
 * anything may have been made for the purpose: of such keys no more than half of the room is taken.
 */
#include "core/federation/revocation.h"

enum {
    REVOKED_WORDS = 3, /* Signers that count for one key: itself, and two recovery keys. */
    REVOKED_EACH = 4,  /* Revocations of one key by one signer; each changed something. */
    REVOKED_HEIRS = 8, /* Successions that are followed one after the other. */
};

/* What one signer said of a key, joined. */
struct revoked_word {
    struct tally_key signer;
    bool recovery;
    unsigned evidence;
    enum tally_revoked_reason reason; /* Of the statement with the highest index. */
    uint64_t index;
    uint64_t statements; /* Its own log of statements ends here: behind the first of them. */
    bool has_successor, contested;
    struct tally_key successor;
    size_t limit_count;
    struct fed_limit limits[FED_LIMITS_MAX];
};

struct revoked_key {
    struct tally_key key;
    unsigned evidence;
    unsigned word_count;
    struct revoked_word words[REVOKED_WORDS];
    uint8_t statements[8]; /* The first bytes of the hash of its log of statements' origin. */
};

struct revoked_evidence {
    uint16_t size;
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
};

/* A recovery key that a statement named. */
struct revoked_binding {
    struct tally_key key, recovery;
    uint64_t index; /* Of the statement; the first one counts. */
};

struct revoked_heir {
    struct tally_key successor, key;
};

struct revoked {
    size_t capacity;
    struct revoked_key *keys;          /* In the order they came. */
    struct revoked_evidence *evidence; /* In the order they came. */
    size_t evidence_count, unknown;    /* unknown: of keys that were not known. */
    struct revoked_binding *bindings;
    size_t binding_count;
    uint16_t *order; /* Of keys, by their bytes. */
    struct revoked_heir *heirs;
    size_t heir_count;
    uint8_t fingerprint[16]; /* Equal on two nodes that know the same. */
    size_t count;            /* Of keys. */
};

/* Allocates for so many revocations, and as many recovery keys; false without memory. Untouched
   memory costs nothing. */
bool revoked_new(struct revoked *revoked, size_t capacity);
void revoked_free(struct revoked *revoked);

/* What a revocation would be: NONE, it is news; SEEN, it changes nothing; BUSY, there is no room
   for it. Costs no signature. `known`: the key is one that this node deals with. */
enum tally_drop revoked_judge(const struct revoked *revoked, const struct revocation *revocation,
                              bool known);

/* Takes one that is news and was verified, with the bytes it came in. */
void revoked_take(struct revoked *revoked, const struct revocation *revocation,
                  struct tally_bytes bytes, bool known);

/* A statement of the key, at that index of its log, names its recovery key. True: that is news. */
bool revoked_bind(struct revoked *revoked, const struct tally_key *key,
                  const struct tally_key *recovery, uint64_t index);

/* revoked may be NULL below: then no key is. */

const struct revoked_key *revoked_find(const struct revoked *revoked, const struct tally_key *key);

/* How many receipts of that log of the key are good; UINT64_MAX if the key is not revoked. */
uint64_t revoked_limit(const struct revoked *revoked, const struct tally_key *key,
                       const struct tally_hash *origin);

/* The word that counts for reason and index. */
const struct revoked_word *revoked_said(const struct revoked *revoked,
                                        const struct revoked_key *entry);

/* Who took over from the key; NULL: nobody. */
const struct tally_key *revoked_successor(const struct revoked *revoked,
                                          const struct tally_key *key);

/* From whom the key took over; NULL: from nobody. Of several the least. */
const struct tally_key *revoked_elder(const struct revoked *revoked, const struct tally_key *key);

/* Whether `key` is `heir`, or one from which it took over, itself or by others in between. */
bool revoked_precedes(const struct revoked *revoked, const struct tally_key *key,
                      const struct tally_key *heir);

/* The recovery key it named; NULL: none that we know of. */
const struct tally_key *revoked_recovery(const struct revoked *revoked,
                                         const struct tally_key *key);

bool revoked_holds(const struct revoked *revoked);

#endif

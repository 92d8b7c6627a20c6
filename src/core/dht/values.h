/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_VALUES_H
#define DHT_VALUES_H
/*
 * Log values (protocols 5.3): under SHA-256(origin) the largest checkpoint that was announced of a
 * log, as the signed announce itself. Values order themselves, with no sequence number and no race
 * of last writers, since only a consistency proof makes a larger one of a smaller one:
 *
 *     put_log                                 answer
 *     nothing kept, both signatures good      stored
 *     the same size and root                  stored: kept for 24 h from now
 *     larger                                  prove: the kept size m, and a ticket; then
 *        extend with a proof m -> n           stored
 *     the same size, another root             the kept record; both are kept: a fork, in the news
 *     smaller                                 the kept record: how a restored node learns how far
 *                                             it had got
 *
 * A larger record and its proof do not fit one datagram, so the record waits for the proof in a
 * small table (pending.h). Whoever brings the proof after somebody else extended the value gets a
 * new ticket and the new size.
 *
 * Only default origins, since they name the identity that must have signed. Nothing here proves
 * that a log is admitted: values are hints, whoever finds one fetches and verifies the log.
 */
#include "core/dht/pending.h"
#include "core/dht/places.h"
#include "tally/windows.h"

enum {
    VALUES_MAX = 4096,
    VALUES_PER_NETWORK = 64,
    VALUES_TTL_MS = 24 * 60 * 60 * 1000,
    VALUES_FORKS = 16,      /* Second records that are kept; no more than values. */
    VALUES_REST_MS = 60000, /* A value of one size changes once in this time. */
    VALUES_PROOF_MAX = 32,  /* Hashes; larger proofs go over streams. */
};
#define VALUES_SIZE_MAX (UINT64_C(1) << 31) /* Above, a proof may need more hashes than that. */

/* The numbers of log_state. */
enum values_verdict { VALUES_STORED, VALUES_PROVE, VALUES_NO, VALUES_FULL };

/* What to answer: the kept record, or a state. */
struct values_answer {
    bool has_record;
    struct tally_bytes record; /* Until the next put or extend. */
    enum values_verdict verdict;
    uint64_t size; /* Kept; 0: nothing. */
    bool has_ticket;
    uint8_t ticket[PENDING_TICKET];
};

/* What a put taught. Views are into the values, until the next put or extend. */
struct values_news {
    bool stored; /* A value is new, or larger. */
    bool fork;   /* Two roots of one size, both signed; told once. */
    struct tally_hash origin;
    struct tally_bytes first, second; /* Of a fork: the two signed checkpoints, verified. */
};

struct value {
    uint64_t size;
    struct tally_hash root;
    uint32_t epoch;
    uint64_t counter;
    struct tally_mono changed;
    bool forked;
    uint16_t record_size;
};

struct values_fork {
    struct tally_hash origin;
    struct tally_mono since;
    uint16_t record_size; /* 0: free. */
    uint8_t record[TALLY_RECORD_MAX];
};

struct values_options {
    struct tally_key key;                           /* Our own. */
    uint8_t network[8];                             /* The network tag. */
    unsigned capacity, per_network, pending, forks; /* 0: as above. The simulator has few. */
    struct tally_secret secret;
};

struct values {
    struct values_options options;
    struct places places;
    struct value *list;                   /* By the index of the place; */
    uint8_t (*records)[TALLY_RECORD_MAX]; /* so too. */
    struct pending_table pending;
    struct values_fork *forks;
};

/* Who asks, and from where: a peer with a link. */
struct values_asker {
    const struct tally_key *key;
    const struct tally_address *address;
};

/* False without memory. */
bool values_new(struct values *values, const struct values_options *options);
void values_free(struct values *values);

/*
 * NONE (stored, prove, or a fork); without fault SEEN (kept already, and kept on), STALE (smaller);
 * MALFORMED, VERSION, UNKNOWN, KEY, DRIFTED; FROZEN (a fork of it is kept); REFUSED (too large for
 * a proof in a datagram); CROWDED, BUSY (no place, no signature can be checked now, or the
 * asker put another one just now); FORGED. *answer is to be sent unless the record itself is bad
 * (MALFORMED to DRIFTED, FORGED), where nothing is answered: values_answers says so.
 */
enum tally_drop values_put(struct values *values, struct tally_now now, struct verifier *verifier,
                           const struct values_asker *asker, struct tally_bytes record,
                           struct values_answer *answer, struct values_news *news);

/* NONE (stored, or a new ticket since the value moved on); EXPIRED (no such ticket any more);
   REFUSED (somebody else's); PROOF. Always answered. */
enum tally_drop values_extend(struct values *values, struct tally_now now,
                              const struct values_asker *asker, const struct tally_extend *extend,
                              struct values_answer *answer, struct values_news *news);

/* Whether an answer goes out after that verdict. */
bool values_answers(enum tally_drop drop);

/* The answer as a message; not for one with a record. */
void values_state(const struct values_answer *answer, const uint8_t request[8],
                  struct tally_log_state *state);

/* The record kept for an origin; empty if there is none. `other`, if not NULL, is the second one of
   a fork. Until the next put or extend. */
struct tally_bytes values_find(const struct values *values, struct tally_now now,
                               const struct tally_hash *origin, struct tally_bytes *other);

/* ---- The other side: who puts. ---- */

/* The proof that extend wants, from tiles of the ledger: hashes written, at most VALUES_PROOF_MAX;
   0 if the ledger lacks some, or the proof is too long. 0 < from < to. */
size_t values_prove(const struct tally_ledger *ledger, const struct tally_hash *origin,
                    uint64_t from, uint64_t to, struct tally_hash hashes[VALUES_PROOF_MAX]);

/* A record that came as an answer to find_log or put_log: NONE, UNASKED (not of that origin), or
   what claim_read, verifier_time and claim_verify say. */
enum tally_drop values_open(struct tally_bytes record, struct tally_now now,
                            const uint8_t network[8], const struct tally_hash *origin,
                            struct verifier *verifier, struct claim *claim);

bool values_holds(const struct values *values, struct tally_now now);

#endif

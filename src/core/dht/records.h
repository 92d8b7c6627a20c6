/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_RECORDS_H
#define DHT_RECORDS_H
/*
 * What a node says of itself, signed, for anyone to keep and pass on (protocols 5.2): its peer
 * record, and the ads of the namespaces it follows. They name only addresses that are global and
 * that somebody else proved reachable, and never a private namespace.
 *
 * What others say is judged in this order: size, form, expiry, drift, hygiene of each endpoint,
 * whose it is, and last the signature, from the one budget. Keeping peer records for others is the
 * second half: one a key, the newer (epoch, counter) wins.
 */
#include "core/dht/places.h"
#include "core/peers/verify.h"
#include "tally/network.h"

enum {
    RECORD_PEER_MAX = TALLY_PUT_RECORD_RECORD_MAX, /* Bytes; ours have at most 276, ... */
    RECORD_AD_MAX = TALLY_REGISTER_AD_MAX,         /* ... and 212. */
    RECORD_PEER_TTL_S = 86400,
    RECORD_AD_TTL_S = 900,   /* protocols 5.4. */
    RECORD_NAMESPACES = 6,   /* Told in a peer record. */
    RECORDS_MAX = 1024,      /* Of others; 16 nodes keep each record, so some 20 are usual. */
    RECORDS_REST_MS = 10000, /* One changes once in this time: each costs a signature. */
    RECORDS_PER_NETWORK = 8, /* As in the routing table: a node puts only its own. */
};

/* ---- Our own. ---- */

/* Who signs, and the node's counter, of which each record takes one. */
struct record_author {
    struct tally_key key;
    uint32_t epoch;
    uint64_t *counter;
    const struct tally_crypto *crypto;
};

struct record_namespace {
    uint8_t tag[8];
    bool hidden; /* Private: never named. */
};

/* What there is to tell; what may not be told is left out. */
struct record_self {
    const struct tally_own_address *addresses; /* The best first. */
    size_t address_count;
    uint8_t caps;
    const struct record_namespace *namespaces;
    size_t namespace_count;
};

/* The endpoints that may be told: reachable, global, each once, those for datagrams first. */
size_t record_endpoints(const struct record_self *self, struct tally_endpoint *list, size_t most);

/* Bytes written. A record without endpoints says that we are not reachable any more. */
size_t record_write_peer(const struct record_author *author, struct tally_now now,
                         const struct record_self *self, uint8_t bytes[RECORD_PEER_MAX]);

/* Bytes written; 0 if there is no endpoint for datagrams to tell. */
size_t record_write_ad(const struct record_author *author, struct tally_now now,
                       const struct record_self *self, const struct tally_hash *topic,
                       uint8_t bytes[RECORD_AD_MAX]);

/* ---- Those of others. Views are into the record. ---- */

struct record_peer {
    struct datagram datagram;
    struct tally_peer_record body;
};

struct record_ad {
    struct datagram datagram;
    struct tally_topic_ad body;
};

/* All that can be told without a key: NONE, MALFORMED, VERSION, UNKNOWN, EXPIRED, DRIFTED, SCOPE.
   A clock that is TALLY_DRIFT_MS behind still makes good records. */
enum tally_drop record_read_peer(struct tally_bytes bytes, struct tally_now now,
                                 struct record_peer *record);
enum tally_drop record_read_ad(struct tally_bytes bytes, struct tally_now now,
                               struct record_ad *ad);

/* One that came as an answer: the same, then UNASKED if it is not of that key, or for that topic;
   then the signature: BUSY, FORGED. */
enum tally_drop record_open_peer(struct tally_bytes bytes, struct tally_now now,
                                 const struct tally_key *of, struct verifier *verifier,
                                 struct record_peer *record);
enum tally_drop record_open_ad(struct tally_bytes bytes, struct tally_now now,
                               const struct tally_hash *topic, struct verifier *verifier,
                               struct record_ad *ad);

/* ---- Kept for others. ---- */

struct records_options {
    struct tally_key key;           /* Our own. */
    unsigned capacity, per_network; /* 0: RECORDS_MAX, RECORDS_PER_NETWORK. */
    uint8_t hash_key[16];
};

struct record_kept {
    struct tally_mono changed;
    uint32_t epoch;
    uint64_t counter;
    uint16_t size;
    uint8_t bytes[RECORD_PEER_MAX];
};

struct records {
    struct places places;
    struct record_kept *list; /* By the index of the place. */
};

/* False without memory. */
bool records_new(struct records *records, const struct records_options *options);
void records_free(struct records *records);

/*
 * A peer, at that address, asks us to keep its record. NONE; SEEN or STALE (this one, or a newer
 * one is kept); what record_read_peer says; REFUSED (not its own); CROWDED, BUSY (no place, no
 * signature can be checked now, or it changed just now); FORGED.
 */
enum tally_drop records_put(struct records *records, struct tally_now now,
                            struct verifier *verifier, const struct tally_key *from,
                            const struct tally_address *address, struct tally_bytes bytes);

/* The record of a key as it stands, until the next put; empty if there is none. */
struct tally_bytes records_find(const struct records *records, struct tally_now now,
                                const struct tally_key *key);

bool records_holds(const struct records *records, struct tally_now now);

#endif

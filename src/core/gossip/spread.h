/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_SPREAD_H
#define GOSSIP_SPREAD_H
/*
 * How a signed record gets to everybody (protocols 4.3): thick Plumtree. Each node keeps at least
 * two *eager* links, to which it passes records on at once; the others are *lazy* and get only the
 * ids. What is missed is asked for (graft), and what comes twice makes a link lazy (prune). Urgent
 * records go to all links of the mesh.
 *
 * Which records are taken, and whether they are true, others decide before spread_put.
 */
#include "core/base/bucket.h"
#include "core/gossip/seen.h"
#include "core/peers/links.h"

enum {
    SPREAD_RECORDS = 128,   /* Kept for those who graft; 1.1 kB each. */
    SPREAD_EAGER_LEAST = 2, /* Plumtree's one suits one source; a second mends the tail. */
    SPREAD_FLUSH_MS = 50,   /* ihave waits for company, */
    SPREAD_SLOW_MS = 5000,  /* that of beacons for more. */
    SPREAD_IDS_MAX = 128,   /* In an ihave. */
    SPREAD_GRAFTS_MAX = 16, /* In a graft. */
    SPREAD_GRAFT_MS = 200,  /* A missing record is asked for after this time, */
    SPREAD_AGAIN_MS = 400,  /* and of another link after this. */
    SPREAD_REST_MS = 60000, /* A pruned link stays lazy for so long, unless both want it. */
    SPREAD_HOPS_MAX = 63,   /* The largest seen among 1e6 nodes was 47. */
    SPREAD_TRIES = 2,
    SPREAD_MISSING = 128,         /* Ids heard of, and not yet come; no more than seen_max; */
    SPREAD_MISSING_PER_LINK = 32, /* so many by one link. */
    SPREAD_GRAFT_RATE = 100,      /* Records sent for grafts a second, in all. */
};

/* What the wire calls class. */
enum spread_class { SPREAD_NORMAL = 0, SPREAD_URGENT = 1 };

struct spread_record {
    uint8_t id[SEEN_ID];
    uint16_t size;
    uint8_t hops; /* It made to get here; 0: our own. */
    bool urgent, slow;
    uint16_t from; /* Index of the peer + 1 that brought it; 0: ourselves. */
    struct tally_mono at;
    uint8_t bytes[TALLY_RECORD_MAX];
};

/* Of a peer in the mesh, by its index. */
struct spread_link {
    uint64_t since_ms; /* Of the link this is about; another one begins anew. */
    bool lazy;
    struct tally_mono pruned;
    uint64_t told; /* Records below this number it was sent or told of. */
};

struct spread_missing {
    bool used;
    uint8_t tries;
    uint8_t hint[8];
    uint16_t sources[2]; /* Indexes of peers + 1, 0: none. */
    uint16_t ask;        /* The one to be asked in this tick, 0: none. */
    struct tally_mono due;
};

struct spread {
    struct seen seen;
    struct spread_record *records; /* A ring: number % capacity. */
    size_t capacity;
    uint64_t next; /* Number of the next record. */
    struct spread_link *links;
    size_t link_count;
    struct spread_missing *missing;
    size_t missing_count, missing_max;
    struct tally_mono flush, wake;
    struct bucket grafts;
    struct random random;
    uint64_t relayed, duplicates, grafted; /* For figures. */
};

struct spread_options {
    size_t records_max; /* 0: SPREAD_RECORDS. */
    size_t seen_max;    /* Ids a generation. */
    size_t peers_max;   /* As in struct peers: an index is a peer. */
    uint8_t hash_key[16];
    uint64_t seed;
};

/* False without memory. */
bool spread_new(struct spread *spread, const struct spread_options *options, struct tally_now now);
void spread_free(struct spread *spread);

/* Whether a record of that id came before. */
bool spread_seen(const struct spread *spread, struct tally_now now, const uint8_t id[SEEN_ID]);

/*
 * A record that was taken and is news to everybody: remembered, kept, passed on. `from` brought it
 * after `hops`; NULL: it is our own. Slow ones (beacons) may wait.
 */
void spread_put(struct spread *spread, struct peers *peers, const struct peer *from,
                struct tally_now now, struct tally_bytes record, unsigned hops,
                enum spread_class class, bool slow, struct outbox *out);

/* A record we know came by this peer: one link too many, if there are more than two. */
void spread_duplicate(struct spread *spread, struct peers *peers, struct peer *from,
                      struct tally_now now, struct outbox *out);

/* Handlers. MALFORMED, BUSY. A prune is for spread if its reason is 0. */
enum tally_drop spread_on_ihave(struct spread *spread, struct peers *peers, struct peer *from,
                                struct tally_now now, const struct datagram *datagram);
enum tally_drop spread_on_graft(struct spread *spread, struct peers *peers, struct peer *from,
                                struct tally_now now, const struct datagram *datagram,
                                struct outbox *out);
void spread_pruned(struct spread *spread, const struct peers *peers, const struct peer *from,
                   struct tally_now now);

struct tally_mono spread_deadline(const struct spread *spread);
/* Links that end, because what they offered never came, are added to `ended`. */
void spread_tick(struct spread *spread, struct peers *peers, struct tally_now now,
                 struct peers_ended *ended, struct outbox *out);

/* Links of the mesh that are eager. */
unsigned spread_eager(const struct spread *spread, const struct peers *peers);

bool spread_holds(const struct spread *spread);

#endif

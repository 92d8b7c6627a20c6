/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_PENDING_H
#define DHT_PENDING_H
/*
 * Larger records of logs that wait for their proof (protocols 5.3, rule 2). Each was verified when
 * it came, has a place for PENDING_MS, and is named by a ticket: a keyed hash of asker, record and
 * both sizes and roots, so that it is of no use to anybody else, for anything else, or once the
 * kept value has moved on.
 *
 * The memory is fixed. A network has few places at a time, and keeps them for their time even when
 * the proof has come, since each cost us two signatures; when all are taken the oldest makes way,
 * which leaves an honest extend the round trip it needs.
 */
#include "core/dht/places.h"
#include "core/peers/claim.h"

enum {
    PENDING_MS = 60000,
    PENDING_TICKET = 16,
    PENDING_MAX = 64,
    PENDING_PER_NETWORK = 8,  /* From a /24 or /48 in PENDING_MS. */
    PENDING_AGAIN_MS = 10000, /* One asker, one log: another record after this time. */
};

/* A record with what it claims. */
struct proposed {
    struct datagram datagram;
    struct claim claim;
    struct tally_bytes record;
};

struct pending {
    struct tally_key asker;
    uint8_t network[PLACES_NETWORK];
    uint8_t ticket[PENDING_TICKET];
    struct tally_hash origin, root;
    uint64_t size;
    uint32_t epoch;
    uint64_t counter;
    struct tally_mono until; /* Free from then on. */
    bool done;               /* The proof has come; the place still counts for its network. */
    uint16_t record_size;
    uint8_t record[TALLY_RECORD_MAX];
};

struct pending_table {
    struct pending *list;
    size_t capacity;
    uint8_t key[16];
};

/* False without memory. The key is secret. */
bool pending_new(struct pending_table *table, size_t capacity, const uint8_t key[16]);
void pending_free(struct pending_table *table);

/* The one this asker has for that log, done or not; NULL. */
struct pending *pending_of(const struct pending_table *table, struct tally_now now,
                           const struct tally_key *asker, const struct tally_hash *origin);

/* Whether it is this very record, and still waits. */
bool pending_same(const struct pending *pending, struct tally_bytes record);

/* Where a record from that asker may wait. NONE with *place, BUSY (it put another one of that log
   just now), CROWDED (its network had enough). Changes nothing: signatures are checked after. */
enum tally_drop pending_choose(const struct pending_table *table, struct tally_now now,
                               const struct tally_key *asker, const struct tally_address *address,
                               const struct tally_hash *origin, struct pending **place);

/* Takes the place for a verified record; it has no ticket yet. */
void pending_write(struct pending *place, struct tally_now now, const struct tally_key *asker,
                   const struct tally_address *address, const struct proposed *candidate);

/* Its ticket for a kept size and root. False if that is another one than it had. */
bool pending_ticket(const struct pending_table *table, struct pending *pending, uint64_t from,
                    const struct tally_hash *from_root);

/* The one of that ticket; NULL if there is none any more. */
struct pending *pending_find(const struct pending_table *table, struct tally_now now,
                             const uint8_t ticket[PENDING_TICKET]);

bool pending_holds(const struct pending_table *table, struct tally_now now);

#endif

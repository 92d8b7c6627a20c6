/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_HELD_H
#define DHT_HELD_H
/*
 * Logs of others that we hold, and the last announce of each: with it we put the value again when
 * the issuer does not (protocols 5.3: «by any holder»). Only its issuer can sign an announce, so
 * it is kept as it came, by gossip or from the DHT.
 *
 * A node may hold more logs than there are places here. Those of the least keyed hash are taken, so
 * that each node has another part of them, and all are put by somebody. Memory is fixed.
 */
#include "tally/limits.h"
#include "tally/types.h"

enum { HELD_MAX = 64 };

struct held_log {
    bool used;
    struct tally_hash origin;
    uint64_t rank;        /* Its keyed hash. */
    uint64_t size;        /* Of the record's checkpoint. */
    uint16_t record_size; /* 0: none came yet. */
    uint8_t record[TALLY_RECORD_MAX];
};

struct held {
    struct held_log *list;
    size_t capacity;
    uint8_t key[16];
};

/* False without memory. The key is secret. */
bool held_new(struct held *held, size_t capacity, const uint8_t key[16]);
void held_free(struct held *held);

/* A place for that log: the one it has, a free one, or that of a log that has to go, which is
   written to *gone (else all zero). NULL: there is none for it. */
struct held_log *held_take(struct held *held, const struct tally_hash *origin,
                           struct tally_hash *gone);

struct held_log *held_find(const struct held *held, const struct tally_hash *origin);

/* A verified announce of that log, at that size; ignored if a larger one, or this, is kept. */
void held_record(struct held_log *log, uint64_t size, struct tally_bytes record);

#endif

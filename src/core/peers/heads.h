/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_HEADS_H
#define PEERS_HEADS_H
/*
 * What this node holds: one head a log, and for each namespace the fingerprint of its set of heads
 * (protocols 1 and 8.1), kept up to date with two additions a change. Gossip and synchronisation
 * read it; the node writes it when a checkpoint has become durable.
 *
 * Memory is allocated by heads_new for a fixed number of logs; nothing else allocates.
 */
#include "tally/limits.h"
#include "tally/types.h"

enum { HEADS_TAG = 8, HEADS_HINT = 8, HEADS_FINGERPRINT = 16, HEADS_PAST = 4 };

/* The largest signed checkpoint of a log all of whose receipts are durable here. */
struct head {
    struct tally_hash origin; /* SHA-256 of the origin; its first 8 bytes are the hint. */
    struct tally_key issuer;
    uint8_t name_space[HEADS_TAG]; /* The namespace tag. */
    uint64_t size;                 /* 0: the log has no checkpoint and is in no set. */
    struct tally_hash root;
    struct tally_hash id;      /* As it counts in its set: heads_id. */
    bool own;                  /* The issuer is this node. */
    struct tally_mono changed; /* When size last grew. */
    uint64_t claimed;          /* The largest size its issuer told us, held or not. */
    uint64_t announced;        /* The size we told last; of our own logs. */
    struct tally_mono announced_at;
};

/* The heads of one namespace. */
struct head_set {
    uint8_t name_space[HEADS_TAG];
    uint64_t count;                              /* Heads with size > 0. */
    uint8_t sum[32];                             /* Of their ids mod 2^256, little endian. */
    uint8_t past[HEADS_PAST][HEADS_FINGERPRINT]; /* What its fingerprint was before, a ring. */
    unsigned past_turn;
};

struct heads {
    struct head *list; /* In the order of first mention: an index is stable for the run. */
    size_t count, capacity;
    struct head_set *sets;
    size_t set_count, set_max; /* TALLY_NAMESPACES_MAX, or one a log. */
    uint16_t *slots;           /* Open addressing by origin: index + 1, 0 is free. */
    size_t slot_mask;
    uint8_t hash_key[16];
};

/* Room for so many logs; false without memory. hash_key is secret: peers choose origins. */
bool heads_new(struct heads *heads, size_t capacity, const uint8_t hash_key[16]);
void heads_free(struct heads *heads);

/*
 * Takes a new head, or the first mention of a log. Of the argument origin, issuer,
 * name_space, size, root and own count. The size of a known log never goes down (an assertion).
 * False if there is no room for the log or its namespace.
 */
bool heads_set(struct heads *heads, struct tally_now now, const struct head *head);

/* NULL if the log is not known. */
const struct head *heads_find(const struct heads *heads, const struct tally_hash *origin);

/* The log of that issuer whose origin begins so; NULL if there is none. A hint only saves a
   question, it never decides. */
const struct head *heads_find_hint(const struct heads *heads, const struct tally_key *issuer,
                                   const uint8_t hint[HEADS_HINT]);

/* Its issuer told that it has signed so much; keeps the largest. */
void heads_claim(struct heads *heads, const struct head *head, uint64_t size);

/* We told our peers how far this log of our own reaches now. */
void heads_announced(struct heads *heads, const struct head *head, struct tally_now now);

/* NULL if no log of that namespace is known. */
const struct head_set *heads_set_find(const struct heads *heads, const uint8_t tag[HEADS_TAG]);

/* First 16 bytes of SHA-256(sum, count as negentropy's varint). */
void heads_fingerprint(const struct head_set *set, uint8_t fingerprint[HEADS_FINGERPRINT]);

/* Whether that was our fingerprint not long ago: who has it has nothing that we lack. */
bool heads_was(const struct head_set *set, const uint8_t fingerprint[HEADS_FINGERPRINT]);

/* SHA-256("tally head 1\n", origin hash, size, root). */
void heads_id(const struct head *head, struct tally_hash *id);

/* Whether sums, counts and the index agree with the list; costs a pass over all. */
bool heads_holds(const struct heads *heads);

#endif

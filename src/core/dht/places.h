/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_PLACES_H
#define DHT_PLACES_H
/*
 * Who may occupy our memory with what we keep for others: a fixed number of places, each under a
 * key of the DHT for a time. A /24 or /48 holds only so many of them, by the address of whoever
 * asked first, and a /16 or /32, which has many of those, a quarter of all. When all are taken, the
 * key that is farthest from our own point makes way for a nearer one, since nobody looks for far
 * keys here. What is kept in a place is its owner's array beside it, by index.
 *
 * Memory is allocated by places_new; nothing else allocates. Nothing has to be swept: a place whose
 * time is over is a free one.
 */
#include "tally/error.h"
#include "tally/types.h"

enum {
    PLACES_NETWORK = 16,
    PLACES_WIDE = 4, /* The part of all that a /16 or /32 may have: one in so many. */
};

#define PLACES_NONE SIZE_MAX

struct place {
    struct tally_hash key;
    uint8_t network[PLACES_NETWORK]; /* The /24 or /48 of who asked for it, the rest 0. */
    struct tally_mono until;         /* Free from then on. */
    bool listed;                     /* The index knows it, free or not. */
};

struct places_options {
    size_t capacity;
    unsigned per_network;
    struct tally_hash point; /* Our own. */
    uint8_t hash_key[16];    /* Secret: others choose the keys. */
};

struct places {
    struct places_options options;
    struct place *list;
    uint32_t *slots; /* Open addressing by key: index + 1, 0 is free. */
    size_t slot_mask;
};

bool places_new(struct places *places, const struct places_options *options);
void places_free(struct places *places);

/* The network of an address, as places compare it. */
void places_network(const struct tally_address *address, uint8_t network[PLACES_NETWORK]);

/* Whether two networks lie in one /16, or /32 of IPv6. */
bool places_wide(const uint8_t one[PLACES_NETWORK], const uint8_t other[PLACES_NETWORK]);

/* The place of that key, or PLACES_NONE. */
size_t places_find(const struct places *places, struct tally_now now, const struct tally_hash *key);

/* Which place a new key from that address would get. NONE with *index, CROWDED (its network, or
   the wider one, has as many as it may), or BUSY (all are taken by nearer keys). Changes nothing:
   signatures are checked after this. */
enum tally_drop places_choose(const struct places *places, struct tally_now now,
                              const struct tally_hash *key, const struct tally_address *address,
                              size_t *index);

/* Gives a chosen place to a key that has none. Who was there is gone. */
void places_set(struct places *places, size_t index, const struct tally_hash *key,
                const struct tally_address *address, struct tally_mono until);

/* Prolongs a place, or ends it. It still counts for the network of whoever asked first. */
void places_keep(struct places *places, size_t index, struct tally_mono until);

/* Places that are taken. */
size_t places_count(const struct places *places, struct tally_now now);

bool places_holds(const struct places *places, struct tally_now now);

#endif

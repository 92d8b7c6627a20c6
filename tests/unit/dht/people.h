/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_PEOPLE_H
#define DHT_PEOPLE_H
/*
 * Those who ask a DHT node to keep something: each with a key and an address. Few sign with
 * libsodium; crowds have a stand-in for signatures that costs a hash, and cannot be told apart.
 */
#include "core/dht/records.h"

struct person {
    uint8_t seed[32];
    struct tally_key key;
    struct tally_address address;
    struct tally_own_address own; /* The same, reachable. */
    uint32_t epoch;
    uint64_t counter;
    struct tally_crypto crypto; /* Real, or of a crowd. */
};

/* 2025-11-21, 05:06:40 UTC; mono starts at 1,000 s. */
struct tally_now people_now(uint64_t after_ms);

struct tally_address people_ip4(unsigned a, unsigned b, unsigned c, unsigned d);
struct tally_address people_ip6(uint16_t one, uint16_t two, uint16_t three, uint16_t four);

/* Person `number` at that address; signs with libsodium. Must not be moved afterwards. */
void person_init(struct person *person, uint32_t number, struct tally_address address);
/* The same as one of a crowd. */
void person_crowd(struct person *person, uint32_t number, struct tally_address address);

/* A verifier for real signatures, or for those of crowds. */
struct verifier people_verifier(struct tally_now now);
struct verifier people_crowd_verifier(struct tally_now now);

struct record_author person_author(struct person *person);
struct record_self person_self(const struct person *person);

/* Bytes in `bytes`. */
struct tally_bytes person_record(struct person *person, struct tally_now now,
                                 uint8_t bytes[RECORD_PEER_MAX]);
struct tally_bytes person_ad(struct person *person, struct tally_now now,
                             const struct tally_hash *topic, uint8_t bytes[RECORD_AD_MAX]);

/* Any signed datagram of that person without a tag: what liars write. */
struct tally_bytes person_write(struct person *person, enum tally_kind kind,
                                struct tally_bytes body, uint8_t bytes[TALLY_RECORD_MAX]);

/* Draws bytes from a fixed seed; the context is a struct random. */
struct tally_secret people_secret(void *random);

#endif

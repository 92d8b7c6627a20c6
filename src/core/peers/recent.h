/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_RECENT_H
#define PEERS_RECENT_H
/*
 * To which addresses something went lately. A NAT lets in who was written to, so whoever gets in
 * without that proves that others do too (protocols 7.2). Two Bloom filters of IP addresses, the
 * ports left out, each RECENT_MS long: what was added is remembered for 10 to 20 minutes; of others
 * one in 300 is taken for one that was, at 300 addresses in that time.
 */
#include "tally/types.h"

enum { RECENT_MS = 600000, RECENT_BITS = 4096, RECENT_HASHES = 4, RECENT_TURNS = 2 };

struct recent {
    uint64_t (*bits)[RECENT_BITS / 64]; /* RECENT_TURNS of them, the newest first. */
    struct tally_mono turned;
    uint32_t turn; /* Counts generations; never 0. */
    uint8_t key[16];
};

/* `bits` is lent for its life, RECENT_TURNS of them, all zero. `key` is unpredictable, or others
   could choose addresses that look like any. */
void recent_init(struct recent *recent, uint64_t (*bits)[RECENT_BITS / 64], const uint8_t key[16],
                 struct tally_now now);

/* Forgets what is old. To be called before each use: no timer is needed. */
void recent_turn(struct recent *recent, struct tally_now now);

void recent_add(struct recent *recent, const struct tally_address *address);
bool recent_has(const struct recent *recent, const struct tally_address *address);

#endif

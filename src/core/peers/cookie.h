/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_COOKIE_H
#define PEERS_COOKIE_H
/*
 * What a stranger must pass before we spend a key exchange on it (protocols 2.3): a cookie that
 * proves its address and costs us no memory, then budgets for hellos per prefix and in all.
 */
#include "core/base/bucket.h"
#include "tally/limits.h"
#include "tally/windows.h"

enum {
    COOKIE_SIZE = 16,
    COOKIE_NONCE = 16,
    COOKIE_PREFIXES = 64, /* Buckets; prefixes share one when their keyed hashes meet. */
};

struct cookie_jar {
    uint8_t keys[2][16]; /* The newest first; the one before stays valid. */
    struct tally_mono drawn;
    uint8_t prefix_key[16];
    struct bucket all;
    struct bucket_word prefixes[COOKIE_PREFIXES];
};

void cookie_init(struct cookie_jar *jar, const struct tally_secret *secret, struct tally_now now);

/* Draws a new key each TALLY_COOKIE_MS. To be called before each use: no timer is needed. */
void cookie_turn(struct cookie_jar *jar, const struct tally_secret *secret, struct tally_now now);

/* The cookie for that address, sender and nonce under the newest key. */
void cookie_make(const struct cookie_jar *jar, const struct tally_address *from,
                 const struct tally_key *sender, const uint8_t nonce[COOKIE_NONCE],
                 uint8_t cookie[COOKIE_SIZE]);

/* Whether we made this cookie in the last 60 to 120 s. */
bool cookie_good(const struct cookie_jar *jar, const struct tally_address *from,
                 const struct tally_key *sender, const uint8_t nonce[COOKIE_NONCE],
                 const uint8_t cookie[COOKIE_SIZE]);

/* Pays for one key exchange: false if the prefix (/24, or /48 of IPv6) or all have spent theirs. */
bool cookie_pay(struct cookie_jar *jar, const struct tally_address *from, struct tally_now now);

#endif

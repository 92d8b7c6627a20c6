/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_DH_H
#define CRYPTO_DH_H
/* X25519 (RFC 7748). */
#include "tally/types.h"

/* The public key of a secret scalar. */
void dh_public(const uint8_t secret[32], uint8_t public[32]);

/* The shared secret; false if it is all zero (a small-order point), and then it is not to be
   used. */
bool dh_shared(const uint8_t secret[32], const uint8_t public[32], uint8_t shared[32]);

/* The X25519 forms of an Ed25519 seed and public key (birational map of RFC 7748 section 4.1). */
void dh_secret_of_seed(const uint8_t seed[32], uint8_t secret[32]);
bool dh_public_of_key(const struct tally_key *key, uint8_t public[32]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/crypto/dh.h"

#include <sodium.h>

void dh_public(const uint8_t secret[32], uint8_t public[32])
{
    (void)crypto_scalarmult_base(public, secret);
}

bool dh_shared(const uint8_t secret[32], const uint8_t public[32], uint8_t shared[32])
{
    return crypto_scalarmult(shared, secret, public) == 0;
}

void dh_secret_of_seed(const uint8_t seed[32], uint8_t secret[32])
{
    uint8_t key[crypto_sign_PUBLICKEYBYTES], pair[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(key, pair, seed);
    (void)crypto_sign_ed25519_sk_to_curve25519(secret, pair);
    sodium_memzero(pair, sizeof pair);
}

bool dh_public_of_key(const struct tally_key *key, uint8_t public[32])
{
    return crypto_sign_ed25519_pk_to_curve25519(public, key->bytes) == 0;
}

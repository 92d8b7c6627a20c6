/* SPDX-License-Identifier: Apache-2.0 */
#include "core/crypto/sign.h"

#include <sodium.h>

bool sign_verify(const struct tally_key *key, struct tally_bytes message,
                 const struct tally_signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, message.data, message.size, key->bytes) ==
           0;
}

void sign_with_seed(const uint8_t seed[32], struct tally_bytes message,
                    struct tally_signature *signature)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public, secret, seed);
    crypto_sign_detached(signature->bytes, NULL, message.data, message.size, secret);
    sodium_memzero(secret, sizeof secret);
}

void sign_key(const uint8_t seed[32], struct tally_key *key)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(key->bytes, secret, seed);
    sodium_memzero(secret, sizeof secret);
}

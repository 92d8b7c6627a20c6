/* SPDX-License-Identifier: Apache-2.0 */
#include "core/crypto/aead.h"

#include <sodium.h>
#include <string.h>

static void nonce_write(uint64_t counter, uint8_t nonce[12])
{
    memset(nonce, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        nonce[4 + i] = (uint8_t)(counter >> 8 * i);
}

void aead_seal(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
               struct tally_bytes plain, uint8_t *out)
{
    uint8_t bytes[12];
    nonce_write(nonce, bytes);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, data.data,
                                              data.size, NULL, bytes, key);
}

bool aead_open(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
               struct tally_bytes sealed, uint8_t *out)
{
    uint8_t bytes[12];
    if (sealed.size < AEAD_TAG)
        return false;
    nonce_write(nonce, bytes);
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
                                                     data.data, data.size, bytes, key) == 0;
}

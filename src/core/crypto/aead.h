/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H
/* ChaCha20-Poly1305 (RFC 8439) with the nonce of Noise: four zero bytes, then the counter little
   endian (Noise section 12.3). In place is allowed. */
#include "tally/types.h"

enum { AEAD_TAG = 16 };

/* Writes plain.size + AEAD_TAG bytes to out. */
void aead_seal(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
               struct tally_bytes plain, uint8_t *out);

/* Writes sealed.size - AEAD_TAG bytes to out; false, and nothing written, if it was altered or
   is too short. */
bool aead_open(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
               struct tally_bytes sealed, uint8_t *out);

#endif

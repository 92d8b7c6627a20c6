/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H
/*
 * SHA-256 (FIPS 180-4), HMAC and HKDF over it (RFC 2104, RFC 5869), keyed BLAKE2b (RFC 7693) and
 * SipHash-2-4. None can fail.
 */
#include "tally/types.h"

void hash_sha256(struct tally_bytes bytes, struct tally_hash *hash);

/* SHA-256 of a then b, without joining them. */
void hash_sha256_two(struct tally_bytes a, struct tally_bytes b, struct tally_hash *hash);

/* The same of parts in order. */
void hash_sha256_parts(const struct tally_bytes *parts, size_t count, struct tally_hash *hash);

void hash_hmac_sha256(struct tally_bytes key, struct tally_bytes message, uint8_t mac[32]);

/* HKDF (RFC 5869): at most 255 * 32 bytes into out. salt and info may be empty. */
void hash_hkdf_sha256(struct tally_bytes salt, struct tally_bytes key, struct tally_bytes info,
                      uint8_t *out, size_t size);

/* BLAKE2b of size 1..64 bytes over the parts in order. key may be empty, else 16..64 bytes. */
void hash_blake2b(struct tally_bytes key, const struct tally_bytes *parts, size_t count,
                  uint8_t *out, size_t size);

/* SipHash-2-4 with 64 and 128 bits of output. */
uint64_t hash_siphash(const uint8_t key[16], struct tally_bytes bytes);
void hash_siphash128(const uint8_t key[16], struct tally_bytes bytes, uint8_t out[16]);

/* Constant-time comparison of two secrets or tags of one size. */
bool hash_same(const uint8_t *a, const uint8_t *b, size_t size);

/* Overwrites a secret in a way the compiler keeps. */
void hash_wipe(void *secret, size_t size);

#endif

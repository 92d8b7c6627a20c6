/* SPDX-License-Identifier: Apache-2.0 */
#include "core/crypto/hash.h"

/* SHA-256 is the one hash that bulk work waits for: three to five a receipt. libcrypto's uses the
   processor's SHA extensions and takes a fifth of the time of libsodium's. Its plain functions
   are deprecated in favour of contexts from the heap, which a step may not have. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

void hash_sha256(struct tally_bytes bytes, struct tally_hash *hash)
{
    hash_sha256_two(bytes, (struct tally_bytes){NULL, 0}, hash);
}

void hash_sha256_two(struct tally_bytes a, struct tally_bytes b, struct tally_hash *hash)
{
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, a.data, a.size);
    SHA256_Update(&state, b.data, b.size);
    SHA256_Final(hash->bytes, &state);
}

void hash_sha256_parts(const struct tally_bytes *parts, size_t count, struct tally_hash *hash)
{
    SHA256_CTX state;
    SHA256_Init(&state);
    for (size_t i = 0; i < count; i++)
        SHA256_Update(&state, parts[i].data, parts[i].size);
    SHA256_Final(hash->bytes, &state);
}

/* HMAC (RFC 2104 section 2), in two halves: what is within, then what is around it. */
struct hmac {
    SHA256_CTX inner, outer;
};

static void hmac_init(struct hmac *hmac, struct tally_bytes key)
{
    uint8_t block[SHA256_CBLOCK] = {0};
    struct tally_hash hashed;
    if (key.size > sizeof block) {
        hash_sha256(key, &hashed);
        key = (struct tally_bytes){hashed.bytes, sizeof hashed.bytes};
    }
    if (key.size > 0)
        memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    SHA256_Init(&hmac->inner);
    SHA256_Update(&hmac->inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&hmac->outer);
    SHA256_Update(&hmac->outer, block, sizeof block);
    sodium_memzero(block, sizeof block);
    sodium_memzero(&hashed, sizeof hashed);
}

static void hmac_add(struct hmac *hmac, struct tally_bytes bytes)
{
    SHA256_Update(&hmac->inner, bytes.data, bytes.size);
}

static void hmac_end(struct hmac *hmac, uint8_t mac[32])
{
    uint8_t hash[32];
    SHA256_Final(hash, &hmac->inner);
    SHA256_Update(&hmac->outer, hash, sizeof hash);
    SHA256_Final(mac, &hmac->outer);
    sodium_memzero(hash, sizeof hash);
    sodium_memzero(hmac, sizeof *hmac);
}

void hash_hmac_sha256(struct tally_bytes key, struct tally_bytes message, uint8_t mac[32])
{
    struct hmac hmac;
    hmac_init(&hmac, key);
    hmac_add(&hmac, message);
    hmac_end(&hmac, mac);
}

void hash_hkdf_sha256(struct tally_bytes salt, struct tally_bytes key, struct tally_bytes info,
                      uint8_t *out, size_t size)
{
    static const uint8_t zeros[32];
    uint8_t prk[32], block[32];
    struct hmac keyed;
    assert(size <= 255 * sizeof block);
    /* RFC 5869 section 2.2: no salt means a string of zeros. */
    if (salt.size == 0)
        salt = (struct tally_bytes){zeros, sizeof zeros};
    hash_hmac_sha256(salt, key, prk);
    hmac_init(&keyed, (struct tally_bytes){prk, sizeof prk});
    /* Section 2.3: T(i) = HMAC(PRK, T(i-1) || info || i). */
    for (uint8_t i = 1; size > 0; i++) {
        struct hmac hmac = keyed;
        if (i > 1)
            hmac_add(&hmac, (struct tally_bytes){block, sizeof block});
        hmac_add(&hmac, info);
        hmac_add(&hmac, (struct tally_bytes){&i, 1});
        hmac_end(&hmac, block);
        size_t take = size < sizeof block ? size : sizeof block;
        memcpy(out, block, take);
        out += take;
        size -= take;
    }
    sodium_memzero(&keyed, sizeof keyed);
    sodium_memzero(prk, sizeof prk);
    sodium_memzero(block, sizeof block);
}

void hash_blake2b(struct tally_bytes key, const struct tally_bytes *parts, size_t count,
                  uint8_t *out, size_t size)
{
    crypto_generichash_state state;
    int refused = crypto_generichash_init(&state, key.data, key.size, size);
    assert(refused == 0);
    (void)refused;
    for (size_t i = 0; i < count; i++)
        crypto_generichash_update(&state, parts[i].data, parts[i].size);
    crypto_generichash_final(&state, out, size);
    sodium_memzero(&state, sizeof state);
}

uint64_t hash_siphash(const uint8_t key[16], struct tally_bytes bytes)
{
    uint8_t out[8];
    uint64_t value = 0;
    crypto_shorthash(out, bytes.data, bytes.size, key);
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)out[i] << 8 * i;
    return value;
}

void hash_siphash128(const uint8_t key[16], struct tally_bytes bytes, uint8_t out[16])
{
    crypto_shorthash_siphashx24(out, bytes.data, bytes.size, key);
}

bool hash_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

void hash_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

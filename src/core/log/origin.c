/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/base58.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "tally/log.h"

#include <assert.h>

#define DID_PREFIX "did:key:z"

/* multicodec ed25519-pub, 0xed as a varint. */
static const uint8_t ed25519_pub[2] = {0xed, 0x01};

/* How the base58 text of each key type begins (did:key, section «Signature Method Creation
   Algorithm»): the type can be named without decoding what we do not use. */
static const struct {
    const char *begin, *kind;
} did_kinds[] = {
    {"6Mk", "Ed25519"},
    {"6LS", "X25519"},
    {"Q3s", "secp256k1"},
    {"Dn", "P-256"},
    {"82", "P-384"},
    {"2J9", "P-521"},
    {"4MX", "RSA"},
    {"gg", "RSA"},
    {"3tE", "BLS12-381 G1"},
    {"UC7", "BLS12-381 G2"},
    {"5Tc", "BLS12-381 G1 and G2"},
};

void tally_did_write(const struct tally_key *key, char did[TALLY_DID_SIZE + 1])
{
    uint8_t bytes[sizeof ed25519_pub + sizeof key->bytes];
    memcpy(bytes, ed25519_pub, sizeof ed25519_pub);
    memcpy(bytes + sizeof ed25519_pub, key->bytes, sizeof key->bytes);
    size_t prefix = strlen(DID_PREFIX);
    memcpy(did, DID_PREFIX, prefix);
    size_t size =
        base58_write(bytes_of(bytes, sizeof bytes), did + prefix, TALLY_DID_SIZE + 1 - prefix);
    assert(prefix + size == TALLY_DID_SIZE);
}

static const char *did_kind(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof did_kinds / sizeof *did_kinds; i++) {
        size_t begin = strlen(did_kinds[i].begin);
        if (size >= begin && memcmp(text, did_kinds[i].begin, begin) == 0)
            return did_kinds[i].kind;
    }
    return "unknown";
}

bool tally_did_read(struct tally_bytes did, struct tally_key *key, const char **kind)
{
    size_t prefix = strlen(DID_PREFIX);
    bool is_did = did.size > prefix && memcmp(did.data, DID_PREFIX, prefix) == 0;
    const char *text = is_did ? (const char *)did.data + prefix : NULL;
    if (kind)
        *kind = is_did ? did_kind(text, did.size - prefix) : NULL;
    /* Every Ed25519 did:key has this size, since base58 of ed 01 ... never begins with zeros. */
    if (!is_did || did.size != TALLY_DID_SIZE)
        return false;
    uint8_t bytes[sizeof ed25519_pub + sizeof key->bytes];
    size_t count;
    if (!base58_read(text, did.size - prefix, bytes, sizeof bytes, &count) ||
        count != sizeof bytes || memcmp(bytes, ed25519_pub, sizeof ed25519_pub) != 0)
        return false;
    memcpy(key->bytes, bytes + sizeof ed25519_pub, sizeof key->bytes);
    return true;
}

size_t tally_origin_write(const struct tally_key *issuer, struct tally_bytes name_space,
                          char origin[TALLY_ORIGIN_MAX + 1])
{
    assert(tally_namespace_valid(name_space));
    tally_did_write(issuer, origin);
    origin[TALLY_DID_SIZE] = '/';
    memcpy(origin + TALLY_DID_SIZE + 1, name_space.data, name_space.size);
    size_t size = TALLY_DID_SIZE + 1 + name_space.size;
    origin[size] = 0;
    return size;
}

bool tally_origin_read(struct tally_bytes origin, struct tally_key *issuer,
                       struct tally_bytes *name_space)
{
    if (origin.size <= TALLY_DID_SIZE + 1 || origin.data[TALLY_DID_SIZE] != '/')
        return false;
    *name_space = bytes_of(origin.data + TALLY_DID_SIZE + 1, origin.size - TALLY_DID_SIZE - 1);
    return tally_did_read(bytes_of(origin.data, TALLY_DID_SIZE), issuer, NULL) &&
           tally_namespace_valid(*name_space);
}

void tally_origin_hash(struct tally_bytes origin, struct tally_hash *hash)
{
    hash_sha256(origin, hash);
}

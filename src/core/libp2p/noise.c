/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/noise.h"

#include "core/base/bytes.h"
#include "core/crypto/aead.h"
#include "core/crypto/dh.h"
#include "core/crypto/hash.h"

#include <assert.h>

static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
_Static_assert(sizeof name - 1 == 32, "as long as a hash, so used unhashed (Noise section 5.2)");

static const struct tally_sealing sodium = {dh_public, dh_shared, aead_seal, aead_open};

static void mix_hash(struct noise_handshake *hs, struct tally_bytes data)
{
    struct tally_hash hash;
    hash_sha256_two(bytes_of(hs->hash, sizeof hs->hash), data, &hash);
    memcpy(hs->hash, hash.bytes, sizeof hs->hash);
}

/* Noise section 4.3, two outputs: RFC 5869's HKDF with an empty info. */
static void hkdf_two(const uint8_t chaining[32], struct tally_bytes input, uint8_t a[32],
                     uint8_t b[32])
{
    uint8_t out[64];
    hash_hkdf_sha256(bytes_of(chaining, 32), input, bytes_of(NULL, 0), out, sizeof out);
    memcpy(a, out, 32);
    memcpy(b, out + 32, 32);
    hash_wipe(out, sizeof out);
}

/* MixKey(DH(secret, public)); false if the result was all zero. */
static bool mix_dh(struct noise_handshake *hs, const uint8_t secret[32], const uint8_t public[32])
{
    uint8_t shared[32];
    bool good = hs->cipher.with->shared(secret, public, shared);
    if (good) {
        hkdf_two(hs->chaining, bytes_of(shared, sizeof shared), hs->chaining, hs->cipher.key);
        hs->cipher.nonce = 0;
        hs->keyed = true;
    }
    hash_wipe(shared, sizeof shared);
    return good;
}

/* EncryptAndHash (Noise section 5.2); bytes written. */
static size_t encrypt_and_hash(struct noise_handshake *hs, struct tally_bytes plain, uint8_t *out)
{
    size_t size = plain.size;
    if (hs->keyed) {
        hs->cipher.with->seal(hs->cipher.key, hs->cipher.nonce++, bytes_of(hs->hash, 32), plain,
                              out);
        size += NOISE_TAG;
    } else if (size > 0) {
        memcpy(out, plain.data, size);
    }
    mix_hash(hs, bytes_of(out, size));
    return size;
}

static bool decrypt_and_hash(struct noise_handshake *hs, struct tally_bytes sealed, uint8_t *out)
{
    if (hs->keyed) {
        if (!hs->cipher.with->unseal(hs->cipher.key, hs->cipher.nonce++, bytes_of(hs->hash, 32),
                                     sealed, out))
            return false;
    } else if (sealed.size > 0) {
        memcpy(out, sealed.data, sealed.size);
    }
    mix_hash(hs, sealed);
    return true;
}

void noise_init(struct noise_handshake *hs, bool dialler, const uint8_t s[NOISE_KEY],
                const uint8_t e[NOISE_KEY], struct tally_bytes prologue,
                const struct tally_sealing *with)
{
    memset(hs, 0, sizeof *hs);
    hs->cipher.with = with != NULL ? with : &sodium;
    hs->dialler = dialler;
    memcpy(hs->s, s, NOISE_KEY);
    memcpy(hs->e, e, NOISE_KEY);
    hs->cipher.with->public_of(hs->s, hs->s_public);
    hs->cipher.with->public_of(hs->e, hs->e_public);
    memcpy(hs->hash, name, sizeof hs->hash);
    memcpy(hs->chaining, name, sizeof hs->chaining);
    mix_hash(hs, prologue);
}

bool noise_writes_next(const struct noise_handshake *hs)
{
    return hs->step < NOISE_MESSAGES && (hs->step % 2 == 0) == hs->dialler;
}

/* The tokens that come after the keys of a message are the same DHs at both ends, named from the
   dialler's side (Noise section 7.5): 2 has ee and, once the listener's s is known, es; 3 has se.
 */
static bool mix_es(struct noise_handshake *hs)
{
    return hs->dialler ? mix_dh(hs, hs->e, hs->rs) : mix_dh(hs, hs->s, hs->re);
}

static bool mix_se(struct noise_handshake *hs)
{
    return hs->dialler ? mix_dh(hs, hs->s, hs->re) : mix_dh(hs, hs->e, hs->rs);
}

size_t noise_write(struct noise_handshake *hs, struct tally_bytes payload, uint8_t *out)
{
    assert(noise_writes_next(hs));
    size_t size = 0;
    if (hs->step < 2) {
        memcpy(out, hs->e_public, NOISE_KEY);
        mix_hash(hs, bytes_of(out, NOISE_KEY));
        size += NOISE_KEY;
    }
    if (hs->step == 1 && !mix_dh(hs, hs->e, hs->re))
        return 0;
    if (hs->step > 0) {
        size += encrypt_and_hash(hs, bytes_of(hs->s_public, NOISE_KEY), out + size);
        if (!(hs->step == 1 ? mix_es(hs) : mix_se(hs)))
            return 0;
    }
    size += encrypt_and_hash(hs, payload, out + size);
    hs->step++;
    return size;
}

bool noise_read(struct noise_handshake *hs, struct tally_bytes message, uint8_t *out, size_t *size)
{
    static const size_t least[NOISE_MESSAGES] = {NOISE_KEY, NOISE_KEY + NOISE_KEY + 2 * NOISE_TAG,
                                                 NOISE_KEY + 2 * NOISE_TAG};
    assert(hs->step < NOISE_MESSAGES && !noise_writes_next(hs));
    if (message.size < least[hs->step])
        return false;
    const uint8_t *at = message.data, *end = message.data + message.size;
    if (hs->step < 2) {
        memcpy(hs->re, at, NOISE_KEY);
        mix_hash(hs, bytes_of(at, NOISE_KEY));
        at += NOISE_KEY;
    }
    if (hs->step == 1 && !mix_dh(hs, hs->e, hs->re))
        return false;
    if (hs->step > 0) {
        if (!decrypt_and_hash(hs, bytes_of(at, NOISE_KEY + NOISE_TAG), hs->rs) ||
            !(hs->step == 1 ? mix_es(hs) : mix_se(hs)))
            return false;
        at += NOISE_KEY + NOISE_TAG;
    }
    *size = (size_t)(end - at) - (hs->keyed ? NOISE_TAG : 0);
    if (!decrypt_and_hash(hs, bytes_of(at, (size_t)(end - at)), out))
        return false;
    hs->step++;
    return true;
}

void noise_split(struct noise_handshake *hs, struct noise_cipher *send,
                 struct noise_cipher *receive)
{
    assert(hs->step == NOISE_MESSAGES);
    struct noise_cipher *first = hs->dialler ? send : receive;
    struct noise_cipher *second = hs->dialler ? receive : send;
    hkdf_two(hs->chaining, bytes_of(NULL, 0), first->key, second->key);
    first->nonce = second->nonce = 0;
    first->with = second->with = hs->cipher.with;
    uint8_t hash[sizeof hs->hash];
    memcpy(hash, hs->hash, sizeof hash);
    noise_wipe(hs);
    memcpy(hs->hash, hash, sizeof hash);
}

void noise_wipe(struct noise_handshake *hs)
{
    hash_wipe(hs, sizeof *hs);
}

bool noise_spent(const struct noise_cipher *cipher)
{
    return cipher->nonce >= NOISE_NONCE_MAX;
}

void noise_seal(struct noise_cipher *cipher, struct tally_bytes plain, uint8_t *out)
{
    assert(!noise_spent(cipher) && plain.size <= NOISE_PLAIN_MAX);
    cipher->with->seal(cipher->key, cipher->nonce++, bytes_of(NULL, 0), plain, out);
}

bool noise_open(struct noise_cipher *cipher, struct tally_bytes sealed, uint8_t *out)
{
    return !noise_spent(cipher) &&
           cipher->with->unseal(cipher->key, cipher->nonce++, bytes_of(NULL, 0), sealed, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "provider.h"
#include "core/base/bytes.h"
#include "core/crypto/dh.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "memory.h"
#include <sodium/crypto_sign_ed25519.h>

/* A table stays below this share of full, in eighths. */
enum { FULL_EIGHTHS = 5, TABLE_LEAST = 1024 };

bool provider_word(const char *word, enum provider_kind *kind)
{
    static const char *const words[] = {
        [PROVIDER_REAL] = "real", [PROVIDER_MEMO] = "memo", [PROVIDER_FAST] = "fast"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            *kind = (enum provider_kind)i;
            return true;
        }
    return false;
}

void provider_init(struct provider *provider, enum provider_kind kind)
{
    memset(provider, 0, sizeof *provider);
    provider->kind = kind;
    /* Any secret will do: the windows are all that a node sees. */
    const struct tally_bytes word = bytes_text("tally-sim fast");
    hash_blake2b(bytes_of(NULL, 0), &word, 1, provider->fast_secret, sizeof provider->fast_secret);
}

void provider_free(struct provider *provider)
{
    memory_free(provider->verdicts.marks);
    memory_free(provider->secrets.items);
    memset(provider, 0, sizeof *provider);
}

void signer_init(struct signer *signer, struct provider *provider, const uint8_t seed[32])
{
    signer->provider = provider;
    memcpy(signer->seed, seed, 32);
    crypto_sign_ed25519_seed_keypair(signer->key.bytes, signer->expanded, seed);
}

/* Never 0 and with the low bit clear, which is kept for the verdict. */
static uint64_t mark_of(const struct tally_bytes *parts, size_t count)
{
    uint8_t out[16];
    hash_blake2b(bytes_of(NULL, 0), parts, count, out, sizeof out);
    return (be64_read(out) | 2) & ~(uint64_t)1;
}

/* The place of a mark, or the empty one where it belongs. */
static size_t verdict_place(const uint64_t *marks, size_t capacity, uint64_t mark)
{
    size_t at = (size_t)(mark >> 1) & (capacity - 1);
    while (marks[at] != 0 && (marks[at] & ~(uint64_t)1) != mark)
        at = (at + 1) & (capacity - 1);
    return at;
}

static void verdict_put(struct provider *provider, uint64_t mark, bool good)
{
    if (provider->verdicts.count * 8 >= provider->verdicts.capacity * FULL_EIGHTHS) {
        size_t capacity =
            provider->verdicts.capacity > 0 ? provider->verdicts.capacity * 2 : TABLE_LEAST;
        uint64_t *marks = memory_new(capacity, sizeof *marks);
        for (size_t i = 0; i < provider->verdicts.capacity; i++) {
            uint64_t old = provider->verdicts.marks[i];
            if (old != 0)
                marks[verdict_place(marks, capacity, old & ~(uint64_t)1)] = old;
        }
        memory_free(provider->verdicts.marks);
        provider->verdicts.marks = marks;
        provider->verdicts.capacity = capacity;
    }
    size_t at = verdict_place(provider->verdicts.marks, provider->verdicts.capacity, mark);
    provider->verdicts.count += provider->verdicts.marks[at] == 0;
    provider->verdicts.marks[at] = mark | good;
}

static uint64_t verdict_mark(const struct tally_key *key, struct tally_bytes message,
                             const struct tally_signature *signature)
{
    const struct tally_bytes parts[] = {bytes_of(key->bytes, sizeof key->bytes),
                                        bytes_of(signature->bytes, sizeof signature->bytes),
                                        message};
    return mark_of(parts, 3);
}

/* ---- FAST. ---- */

/* A keyed hash in the manner of wyhash: some ten nanoseconds a hundred bytes, against chance and
   not against malice, of which the simulator's liars have none: they sign with their own keys only.
 */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_read(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, bytes, size < sizeof word ? size : sizeof word);
    return word;
}

static uint64_t fast_add(uint64_t state, struct tally_bytes bytes)
{
    size_t at = 0;
    for (; at + 16 <= bytes.size; at += 16)
        state = fold(word_read(bytes.data + at, 8) ^ UINT64_C(0xa0761d6478bd642f),
                     word_read(bytes.data + at + 8, 8) ^ state);
    size_t left = bytes.size - at;
    uint64_t low = left > 0 ? word_read(bytes.data + at, left) : 0;
    uint64_t high = left > 8 ? word_read(bytes.data + at + 8, left - 8) : 0;
    return fold(low ^ UINT64_C(0xe7037ed1a0b428db) ^ (uint64_t)bytes.size << 48, high ^ state);
}

static void fast_end(uint64_t state, uint8_t out[16])
{
    be64_write(out, fold(state ^ UINT64_C(0x8ebc6af09c88c6e3), UINT64_C(0x589965cc75374cc3)));
    be64_write(out + 8, fold(state ^ UINT64_C(0x1d8e4e27c47d124f), UINT64_C(0xeb44accab455d165)));
}

/* What stands for a key's secret half. */
static uint64_t fast_key(const struct provider *provider, const struct tally_key *key)
{
    return fast_add(word_read(provider->fast_secret, 8), bytes_of(key->bytes, sizeof key->bytes));
}

static void fast_sign(const struct provider *provider, const struct tally_key *key,
                      struct tally_bytes message, struct tally_signature *signature)
{
    uint8_t mac[16];
    fast_end(fast_add(fast_key(provider, key), message), mac);
    /* As long as a signature, and no byte of it may be another. */
    for (size_t i = 0; i < sizeof signature->bytes; i += 8)
        be64_write(signature->bytes + i, be64_read(mac + i % sizeof mac) + i);
}

static bool fast_verify(const struct provider *provider, const struct tally_key *key,
                        struct tally_bytes message, const struct tally_signature *signature)
{
    struct tally_signature right;
    fast_sign(provider, key, message, &right);
    return memcmp(right.bytes, signature->bytes, sizeof right.bytes) == 0;
}

/* Both ends come to the same secret: that of the lower key with the higher one. */
static void fast_exchange(const struct provider *provider, const struct tally_key *a,
                          const struct tally_key *b, uint8_t shared[32])
{
    bool first = memcmp(a->bytes, b->bytes, sizeof a->bytes) < 0;
    uint64_t state =
        fast_add(fast_key(provider, first ? a : b), bytes_of((first ? b : a)->bytes, 32));
    fast_end(state, shared);
    fast_end(~state, shared + 16);
}

static void fast_tag(void *context, const uint8_t key[32], struct tally_bytes head,
                     struct tally_bytes tail, uint8_t tag[16])
{
    const struct signer *signer = context;
    uint64_t state = fast_add(word_read(signer->provider->fast_secret, 8), bytes_of(key, 32));
    fast_end(fast_add(fast_add(state, head), tail), tag);
}

/* Streams: whoever is there can read them, and nobody can change them. A secret is a public key as
   well, so that both ends come to the same. */
static const uint64_t stream_secret = UINT64_C(0x7461706e73747265);

static void fast_public(const uint8_t secret[32], uint8_t public_key[32])
{
    for (size_t i = 0; i < 32; i++)
        public_key[i] = (uint8_t)(secret[i] ^ 0x5a);
}

static bool fast_shared(const uint8_t secret[32], const uint8_t public_key[32], uint8_t shared[32])
{
    uint8_t own[32];
    fast_public(secret, own);
    bool first = memcmp(own, public_key, sizeof own) < 0;
    uint64_t state = fast_add(stream_secret, bytes_of(first ? own : public_key, sizeof own));
    state = fast_add(state, bytes_of(first ? public_key : own, sizeof own));
    fast_end(state, shared);
    fast_end(~state, shared + 16);
    return true;
}

static void fast_mac(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
                     struct tally_bytes bytes, uint8_t mac[16])
{
    uint64_t state =
        fast_add(stream_secret ^ nonce * UINT64_C(0x9e3779b97f4a7c15), bytes_of(key, 32));
    fast_end(fast_add(fast_add(state, data), bytes), mac);
}

static void fast_seal(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
                      struct tally_bytes plain, uint8_t *out)
{
    uint8_t mac[16];
    fast_mac(key, nonce, data, plain, mac);
    if (plain.size > 0 && out != plain.data)
        memmove(out, plain.data, plain.size);
    memcpy(out + plain.size, mac, sizeof mac);
}

static bool fast_open(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
                      struct tally_bytes sealed, uint8_t *out)
{
    uint8_t mac[16];
    if (sealed.size < sizeof mac)
        return false;
    const struct tally_bytes bytes = bytes_of(sealed.data, sealed.size - sizeof mac);
    fast_mac(key, nonce, data, bytes, mac);
    if (memcmp(mac, sealed.data + bytes.size, sizeof mac) != 0)
        return false;
    if (bytes.size > 0 && out != bytes.data)
        memmove(out, bytes.data, bytes.size);
    return true;
}

static const struct tally_sealing fast_sealing = {fast_public, fast_shared, fast_seal, fast_open};

/* ---- Questions. ---- */

bool provider_verify(struct provider *provider, const struct tally_key *key,
                     struct tally_bytes message, const struct tally_signature *signature)
{
    if (provider->kind != PROVIDER_MEMO)
        provider->verified_count++;
    if (provider->kind == PROVIDER_REAL)
        return sign_verify(key, message, signature);
    if (provider->kind == PROVIDER_FAST)
        return fast_verify(provider, key, message, signature);
    uint64_t mark = verdict_mark(key, message, signature);
    if (provider->verdicts.capacity > 0) {
        size_t at = verdict_place(provider->verdicts.marks, provider->verdicts.capacity, mark);
        if (provider->verdicts.marks[at] != 0) {
            provider->remembered_count++;
            return (provider->verdicts.marks[at] & 1) != 0;
        }
    }
    provider->verified_count++;
    bool good = sign_verify(key, message, signature);
    verdict_put(provider, mark, good);
    return good;
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    struct signer *signer = context;
    signer->provider->signed_count++;
    if (signer->provider->kind == PROVIDER_FAST) {
        fast_sign(signer->provider, &signer->key, message, signature);
        return;
    }
    crypto_sign_ed25519_detached(signature->bytes, NULL, message.data, message.size,
                                 signer->expanded);
    /* What an honest key signed verifies; that libsodium says so too is libsodium's own test. */
    if (signer->provider->kind == PROVIDER_MEMO)
        verdict_put(signer->provider, verdict_mark(&signer->key, message, signature), true);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return provider_verify(((struct signer *)context)->provider, key, message, signature);
}

static bool exchange_for_real(const struct signer *signer, const struct tally_key *peer,
                              uint8_t shared[32])
{
    uint8_t secret[32], public[32];
    dh_secret_of_seed(signer->seed, secret);
    return dh_public_of_key(peer, public) && dh_shared(secret, public, shared);
}

static struct provider_secret *secret_place(struct provider_secret *items, size_t capacity,
                                            uint64_t mark)
{
    size_t at = (size_t)(mark >> 1) & (capacity - 1);
    while (items[at].mark != 0 && items[at].mark != mark)
        at = (at + 1) & (capacity - 1);
    return &items[at];
}

static void secrets_grow(struct provider *provider)
{
    size_t capacity = provider->secrets.capacity > 0 ? provider->secrets.capacity * 2 : TABLE_LEAST;
    struct provider_secret *items = memory_new(capacity, sizeof *items);
    for (size_t i = 0; i < provider->secrets.capacity; i++) {
        const struct provider_secret *old = &provider->secrets.items[i];
        if (old->mark != 0)
            *secret_place(items, capacity, old->mark) = *old;
    }
    memory_free(provider->secrets.items);
    provider->secrets.items = items;
    provider->secrets.capacity = capacity;
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    struct signer *signer = context;
    struct provider *provider = signer->provider;
    if (provider->kind == PROVIDER_REAL)
        return exchange_for_real(signer, peer, shared);
    if (provider->kind == PROVIDER_FAST) {
        fast_exchange(provider, &signer->key, peer, shared);
        return true;
    }
    if (provider->secrets.count * 8 >= provider->secrets.capacity * FULL_EIGHTHS)
        secrets_grow(provider);
    /* Both ends come to the same secret, so the pair is remembered without its order. */
    struct tally_bytes ours = bytes_of(signer->key.bytes, 32), theirs = bytes_of(peer->bytes, 32);
    bool first = memcmp(ours.data, theirs.data, 32) < 0;
    const struct tally_bytes pair[] = {first ? ours : theirs, first ? theirs : ours};
    uint64_t mark = mark_of(pair, 2);
    struct provider_secret *secret =
        secret_place(provider->secrets.items, provider->secrets.capacity, mark);
    if (secret->mark == 0) {
        secret->mark = mark;
        secret->good = exchange_for_real(signer, peer, secret->shared);
        provider->secrets.count++;
    }
    memcpy(shared, secret->shared, 32);
    return secret->good;
}

struct tally_crypto signer_window(struct signer *signer)
{
    bool fast = signer->provider->kind == PROVIDER_FAST;
    return (struct tally_crypto){.context = signer,
                                 .sign = sign,
                                 .verify = verify,
                                 .exchange = exchange,
                                 .tag = fast ? fast_tag : NULL};
}

const struct tally_sealing *provider_sealing(const struct provider *provider)
{
    return provider->kind == PROVIDER_FAST ? &fast_sealing : NULL;
}

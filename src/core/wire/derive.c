/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/derive.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "tally/limits.h"

#include <assert.h>

void derive_network_tag(struct tally_bytes name, uint8_t tag[DERIVE_TAG])
{
    struct tally_hash hash;
    hash_sha256_two(bytes_text("tally network 1\n"), name, &hash);
    memcpy(tag, hash.bytes, DERIVE_TAG);
}

void derive_namespace_tag(const uint8_t network[DERIVE_TAG], struct tally_bytes name_space,
                          uint8_t tag[DERIVE_TAG])
{
    static const char domain[] = "tally namespace 1\n";
    uint8_t front[sizeof domain - 1 + DERIVE_TAG];
    memcpy(front, domain, sizeof domain - 1);
    memcpy(front + sizeof domain - 1, network, DERIVE_TAG);
    struct tally_hash hash;
    hash_sha256_two(bytes_of(front, sizeof front), name_space, &hash);
    memcpy(tag, hash.bytes, DERIVE_TAG);
}

void derive_topic(const uint8_t network[DERIVE_TAG], struct tally_bytes name_space, uint32_t day,
                  struct tally_hash *topic)
{
    static const char domain[] = "tally topic 1\n";
    uint8_t front[sizeof domain - 1 + DERIVE_TAG], back[TALLY_NAMESPACE_MAX + 1 + 4];
    assert(name_space.size <= TALLY_NAMESPACE_MAX);
    memcpy(front, domain, sizeof domain - 1);
    memcpy(front + sizeof domain - 1, network, DERIVE_TAG);
    if (name_space.size > 0)
        memcpy(back, name_space.data, name_space.size);
    back[name_space.size] = '\n';
    be32_write(back + name_space.size + 1, day);
    hash_sha256_two(bytes_of(front, sizeof front), bytes_of(back, name_space.size + 5), topic);
}

void derive_head_id(const struct tally_hash *origin, uint64_t size, const struct tally_hash *root,
                    struct tally_hash *id)
{
    uint8_t bytes[32 + 8 + 32];
    memcpy(bytes, origin->bytes, 32);
    be64_write(bytes + 32, size);
    memcpy(bytes + 40, root->bytes, 32);
    hash_sha256_two(bytes_text("tally head 1\n"), bytes_of(bytes, sizeof bytes), id);
}

void derive_cookie(const uint8_t key[16], const struct tally_address *address,
                   const struct tally_key *sender, const uint8_t nonce[DERIVE_NONCE],
                   uint8_t cookie[16])
{
    uint8_t bytes[18 + 32 + DERIVE_NONCE];
    memcpy(bytes, address->ip, 16);
    be16_write(bytes + 16, address->port);
    memcpy(bytes + 18, sender->bytes, 32);
    memcpy(bytes + 50, nonce, DERIVE_NONCE);
    hash_siphash128(key, bytes_of(bytes, sizeof bytes), cookie);
}

static void derive_key(const char *domain, const uint8_t shared[DERIVE_KEY],
                       const uint8_t network[DERIVE_TAG], const struct tally_key *a,
                       const struct tally_key *b, const uint8_t one[16], const uint8_t two[16],
                       uint8_t key[DERIVE_KEY])
{
    const struct tally_bytes parts[] = {
        bytes_text(domain),     bytes_of(network, DERIVE_TAG),
        bytes_of(a->bytes, 32), bytes_of(b->bytes, 32),
        bytes_of(one, 16),      bytes_of(two, 16),
    };
    hash_blake2b(bytes_of(shared, DERIVE_KEY), parts, sizeof parts / sizeof *parts, key,
                 DERIVE_KEY);
}

void derive_hello_key(const uint8_t shared[DERIVE_KEY], const uint8_t network[DERIVE_TAG],
                      const struct tally_key *initiator, const struct tally_key *responder,
                      const uint8_t nonce_i[DERIVE_NONCE], const uint8_t cookie[16],
                      uint8_t key[DERIVE_KEY])
{
    derive_key("tally hello 1\n", shared, network, initiator, responder, nonce_i, cookie, key);
}

void derive_link_key(const uint8_t shared[DERIVE_KEY], const uint8_t network[DERIVE_TAG],
                     const struct tally_key *from, const struct tally_key *to,
                     const uint8_t nonce_i[DERIVE_NONCE], const uint8_t nonce_r[DERIVE_NONCE],
                     uint8_t key[DERIVE_KEY])
{
    derive_key("tally link 1\n", shared, network, from, to, nonce_i, nonce_r, key);
}

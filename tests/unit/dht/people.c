/* SPDX-License-Identifier: Apache-2.0 */
#include "people.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"

#include "support/cmocka.h"

struct tally_now people_now(uint64_t after_ms)
{
    return (struct tally_now){{1000000 + after_ms},
                              {INT64_C(1763701600000000) + (int64_t)after_ms * 1000}};
}

struct tally_address people_ip4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct tally_address){{[10] = 0xff,
                                   [11] = 0xff,
                                   [12] = (uint8_t)a,
                                   [13] = (uint8_t)b,
                                   [14] = (uint8_t)c,
                                   [15] = (uint8_t)d},
                                  4001};
}

struct tally_address people_ip6(uint16_t one, uint16_t two, uint16_t three, uint16_t four)
{
    struct tally_address address = {.ip = {[15] = 1}, .port = 4001};
    be16_write(address.ip, one);
    be16_write(address.ip + 2, two);
    be16_write(address.ip + 4, three);
    be16_write(address.ip + 6, four);
    return address;
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct person *person = context;
    sign_with_seed(person->seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static void crowd_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct person *person = context;
    const struct tally_bytes parts[] = {bytes_of(person->key.bytes, 32), message};
    hash_blake2b((struct tally_bytes){0}, parts, 2, signature->bytes, sizeof signature->bytes);
}

static bool crowd_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                         const struct tally_signature *signature)
{
    struct tally_signature expected;
    const struct tally_bytes parts[] = {bytes_of(key->bytes, 32), message};
    hash_blake2b((struct tally_bytes){0}, parts, 2, expected.bytes, sizeof expected.bytes);
    return memcmp(&expected, signature, sizeof expected) == 0;
}

static void settle(struct person *person, struct tally_address address)
{
    person->address = address;
    person->own = (struct tally_own_address){
        .address = address, .transport = TALLY_TRANSPORT_UDP, .state = TALLY_REACH_REACHABLE};
    person->epoch = 1763700000;
}

void person_init(struct person *person, uint32_t number, struct tally_address address)
{
    *person = (struct person){.counter = 1};
    be32_write(person->seed, number);
    sign_key(person->seed, &person->key);
    person->crypto = (struct tally_crypto){person, sign, verify, NULL, NULL};
    settle(person, address);
}

void person_crowd(struct person *person, uint32_t number, struct tally_address address)
{
    struct tally_hash hash;
    *person = (struct person){.counter = 1};
    be32_write(person->seed, number);
    hash_sha256(bytes_of(person->seed, 32), &hash);
    memcpy(person->key.bytes, hash.bytes, 32);
    person->crypto = (struct tally_crypto){person, crowd_sign, crowd_verify, NULL, NULL};
    settle(person, address);
}

struct verifier people_verifier(struct tally_now now)
{
    struct verifier verifier;
    const struct tally_crypto crypto = {NULL, NULL, verify, NULL, NULL};
    verifier_init(&verifier, &crypto, now);
    return verifier;
}

struct verifier people_crowd_verifier(struct tally_now now)
{
    struct verifier verifier;
    const struct tally_crypto crypto = {NULL, NULL, crowd_verify, NULL, NULL};
    verifier_init(&verifier, &crypto, now);
    return verifier;
}

struct record_author person_author(struct person *person)
{
    return (struct record_author){person->key, person->epoch, &person->counter, &person->crypto};
}

struct record_self person_self(const struct person *person)
{
    return (struct record_self){.addresses = &person->own, .address_count = 1, .caps = 1};
}

struct tally_bytes person_record(struct person *person, struct tally_now now,
                                 uint8_t bytes[RECORD_PEER_MAX])
{
    const struct record_author author = person_author(person);
    const struct record_self self = person_self(person);
    return bytes_of(bytes, record_write_peer(&author, now, &self, bytes));
}

struct tally_bytes person_ad(struct person *person, struct tally_now now,
                             const struct tally_hash *topic, uint8_t bytes[RECORD_AD_MAX])
{
    const struct record_author author = person_author(person);
    const struct record_self self = person_self(person);
    return bytes_of(bytes, record_write_ad(&author, now, &self, topic, bytes));
}

struct tally_bytes person_write(struct person *person, enum tally_kind kind,
                                struct tally_bytes body, uint8_t bytes[TALLY_RECORD_MAX])
{
    size_t tag_at;
    const struct datagram_draft draft = {
        .kind = kind,
        .sender = person->key,
        .epoch = person->epoch,
        .counter = person->counter++,
        .body = body,
    };
    size_t size = datagram_write(&draft, &person->crypto, bytes, TALLY_RECORD_MAX, &tag_at);
    assert_true(size > 0);
    return bytes_of(bytes, size);
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(context);
}

struct tally_secret people_secret(void *random)
{
    return (struct tally_secret){random, draw};
}

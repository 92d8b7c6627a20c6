/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/noise_payload.h"

#include "core/address/proto.h"
#include "core/base/bytes.h"

#include <assert.h>

static const char domain[] = "noise-libp2p-static-key:";
enum { SIGNED_SIZE = sizeof domain - 1 + NOISE_KEY };

static void signed_bytes(const uint8_t s_public[NOISE_KEY], uint8_t out[SIGNED_SIZE])
{
    memcpy(out, domain, sizeof domain - 1);
    memcpy(out + sizeof domain - 1, s_public, NOISE_KEY);
}

void noise_payload_write(const struct tally_key *key, const struct tally_crypto *crypto,
                         const uint8_t s_public[NOISE_KEY], uint8_t out[NOISE_PAYLOAD_SIZE])
{
    struct proto_writer writer = {.out = out, .capacity = NOISE_PAYLOAD_SIZE};
    struct tally_signature signature;
    uint8_t public[PUBLIC_KEY_ED25519], message[SIGNED_SIZE], muxers[2 + sizeof YAMUX_ID - 1];
    struct proto_writer inner = {.out = muxers, .capacity = sizeof muxers};
    public_key_write(key, public);
    signed_bytes(s_public, message);
    crypto->sign(crypto->context, bytes_of(message, sizeof message), &signature);
    proto_put_bytes(&inner, 2, bytes_text(YAMUX_ID));
    proto_put_bytes(&writer, 1, bytes_of(public, sizeof public));
    proto_put_bytes(&writer, 2, bytes_of(signature.bytes, sizeof signature.bytes));
    proto_put_bytes(&writer, 4, bytes_of(muxers, sizeof muxers));
    assert(!writer.full && writer.size == NOISE_PAYLOAD_SIZE);
}

struct fields {
    struct tally_bytes key, signature;
    unsigned names;
    bool yamux;
};

static bool extensions_read(struct tally_bytes message, struct fields *fields)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    while (proto_next(&reader, &field))
        if (field.number == 2 && field.wire == PROTO_BYTES) {
            fields->names++;
            fields->yamux |= bytes_equal(field.bytes, bytes_text(YAMUX_ID));
        }
    return proto_done(&reader);
}

static bool fields_read(struct tally_bytes payload, struct fields *fields)
{
    struct proto_reader reader = proto_reader_of(payload);
    struct proto_field field;
    while (proto_next(&reader, &field)) {
        if (field.wire != PROTO_BYTES)
            continue;
        if (field.number == 1)
            fields->key = field.bytes;
        else if (field.number == 2)
            fields->signature = field.bytes;
        else if (field.number == 4 && !extensions_read(field.bytes, fields))
            return false;
    }
    return proto_done(&reader);
}

static const char *refused_type(uint64_t type)
{
    static const char *const texts[] = {
        [PUBLIC_KEY_RSA] = "RSA keys are not supported",
        [PUBLIC_KEY_ED25519_TYPE] = "an Ed25519 key that has not 32 bytes",
        [PUBLIC_KEY_SECP256K1] = "secp256k1 keys are not supported",
        [PUBLIC_KEY_ECDSA] = "ECDSA keys are not supported",
    };
    return type < sizeof texts / sizeof *texts ? texts[type] : "an unknown type of key";
}

static enum noise_muxer muxer_of(const struct fields *fields)
{
    if (fields->names == 0 || fields->names > NOISE_MUXERS_MAX)
        return NOISE_MUXER_ABSENT;
    return fields->yamux ? NOISE_MUXER_YAMUX : NOISE_MUXER_NONE;
}

enum tally_drop noise_payload_read(struct tally_bytes payload, const uint8_t s_public[NOISE_KEY],
                                   const struct tally_key *expected,
                                   const struct tally_crypto *crypto, struct noise_peer *peer,
                                   const char **why)
{
    struct fields fields = {0};
    struct tally_bytes data;
    struct tally_signature signature;
    uint8_t message[SIGNED_SIZE];
    uint64_t type;
    *why = "the handshake payload is malformed";
    if (!fields_read(payload, &fields) || !public_key_read(fields.key, &type, &data))
        return TALLY_DROP_MALFORMED;
    *why = refused_type(type);
    if (type != PUBLIC_KEY_ED25519_TYPE || data.size != sizeof peer->key.bytes)
        return TALLY_DROP_REFUSED;
    memcpy(peer->key.bytes, data.data, sizeof peer->key.bytes);
    *why = "another peer than the one that was dialled";
    if (expected != NULL && !key_equal(expected, &peer->key))
        return TALLY_DROP_IDENTITY;
    *why = "the identity's signature of the Noise key is wrong";
    if (fields.signature.size != sizeof signature.bytes)
        return TALLY_DROP_FORGED;
    memcpy(signature.bytes, fields.signature.data, sizeof signature.bytes);
    signed_bytes(s_public, message);
    if (!crypto->verify(crypto->context, &peer->key, bytes_of(message, sizeof message), &signature))
        return TALLY_DROP_FORGED;
    peer->muxer = muxer_of(&fields);
    *why = NULL;
    return TALLY_DROP_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/record.h"

#include "core/address/peer_id.h"
#include "core/address/proto.h"
#include "core/address/varint.h"
#include "core/base/bytes.h"

#define DOMAIN "libp2p-peer-record"

enum { RECORD_MAX = 8192 }; /* It came inside of one identify message. */

/* Two literal bytes, not a number. */
static const uint8_t record_type[] = {0x03, 0x01};

static uint8_t *put(uint8_t *at, struct tally_bytes bytes)
{
    at += varint_write(bytes.size, at);
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

size_t record_signed_bytes(struct tally_bytes type, struct tally_bytes payload, uint8_t *out,
                           size_t capacity)
{
    const struct tally_bytes domain = bytes_text(DOMAIN);
    uint8_t *at = out;
    if (3 * VARINT_MAX + domain.size > capacity ||
        type.size + payload.size > capacity - 3 * VARINT_MAX - domain.size)
        return 0;
    at = put(at, domain);
    at = put(at, type);
    at = put(at, payload);
    return (size_t)(at - out);
}

struct envelope {
    struct tally_bytes key, type, payload, signature;
};

static bool envelope_read(struct tally_bytes message, struct envelope *envelope)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    *envelope = (struct envelope){0};
    while (proto_next(&reader, &field)) {
        if (field.wire != PROTO_BYTES)
            continue;
        if (field.number == 1)
            envelope->key = field.bytes;
        else if (field.number == 2)
            envelope->type = field.bytes;
        else if (field.number == 3)
            envelope->payload = field.bytes;
        else if (field.number == 5)
            envelope->signature = field.bytes;
    }
    return proto_done(&reader);
}

static bool payload_read(struct tally_bytes payload, struct peer_id *id, uint64_t *seq)
{
    struct proto_reader reader = proto_reader_of(payload);
    struct proto_field field;
    *seq = 0;
    id->size = 0;
    while (proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PROTO_BYTES && !peer_id_read(field.bytes, id))
            return false;
        if (field.number == 2 && field.wire == PROTO_VARINT)
            *seq = field.value;
    }
    return proto_done(&reader);
}

enum tally_drop record_open(struct tally_bytes message, const struct tally_key *peer,
                            const struct tally_crypto *crypto, struct record *record)
{
    uint8_t expected[PUBLIC_KEY_ED25519], bytes[RECORD_MAX + 64];
    struct tally_signature signature;
    struct envelope envelope;
    struct peer_id id, own;
    if (message.size > RECORD_MAX || !envelope_read(message, &envelope) ||
        !bytes_equal(envelope.type, bytes_of(record_type, sizeof record_type)) ||
        envelope.signature.size != sizeof signature.bytes ||
        !payload_read(envelope.payload, &id, &record->seq))
        return TALLY_DROP_MALFORMED;
    public_key_write(peer, expected);
    peer_id_of_key(peer, &own);
    if (!bytes_equal(envelope.key, bytes_of(expected, sizeof expected)) ||
        !peer_id_equal(&id, &own))
        return TALLY_DROP_IDENTITY;
    size_t size = record_signed_bytes(envelope.type, envelope.payload, bytes, sizeof bytes);
    memcpy(signature.bytes, envelope.signature.data, sizeof signature.bytes);
    if (size == 0 || !crypto->verify(crypto->context, peer, bytes_of(bytes, size), &signature))
        return TALLY_DROP_FORGED;
    record->payload = envelope.payload;
    return TALLY_DROP_NONE;
}

bool record_address(const struct record *record, size_t *at, struct tally_bytes *multiaddr)
{
    struct proto_reader reader =
        proto_reader_of(bytes_of(record->payload.data + *at, record->payload.size - *at));
    struct proto_field field, inner;
    while (proto_next(&reader, &field)) {
        *at = (size_t)(reader.at - record->payload.data);
        if (field.number != 3 || field.wire != PROTO_BYTES)
            continue;
        struct proto_reader info = proto_reader_of(field.bytes);
        *multiaddr = bytes_of(NULL, 0);
        while (proto_next(&info, &inner))
            if (inner.number == 1 && inner.wire == PROTO_BYTES)
                *multiaddr = inner.bytes;
        return true;
    }
    return false;
}

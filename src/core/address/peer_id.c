/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/peer_id.h"

#include "core/address/multibase.h"
#include "core/address/proto.h"
#include "core/base/base58.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"

enum {
    HASH_IDENTITY = 0x00, /* Multihash codes. */
    HASH_SHA256 = 0x12,
    CID_VERSION = 1,
    CID_LIBP2P_KEY = 0x72,
    INLINE_MAX = 42,     /* A PublicKey of up to so many bytes is its own hash. */
    TEXT_READ_MAX = 128, /* Base32 of the longest id has 77 characters. */
};

/* Type 1 (Ed25519), 32 bytes. */
static const uint8_t ed25519_head[] = {0x08, 0x01, 0x12, 0x20};

void public_key_write(const struct tally_key *key, uint8_t message[PUBLIC_KEY_ED25519])
{
    memcpy(message, ed25519_head, sizeof ed25519_head);
    memcpy(message + sizeof ed25519_head, key->bytes, sizeof key->bytes);
}

bool public_key_read(struct tally_bytes message, uint64_t *type, struct tally_bytes *data)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    bool has_type = false, has_data = false;
    while (proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PROTO_VARINT) {
            *type = field.value;
            has_type = true;
        } else if (field.number == 2 && field.wire == PROTO_BYTES) {
            *data = field.bytes;
            has_data = true;
        }
    }
    return proto_done(&reader) && has_type && has_data;
}

const char *public_key_type_name(uint64_t type)
{
    static const char *const names[] = {
        [PUBLIC_KEY_RSA] = "RSA",
        [PUBLIC_KEY_ED25519_TYPE] = "Ed25519",
        [PUBLIC_KEY_SECP256K1] = "secp256k1",
        [PUBLIC_KEY_ECDSA] = "ECDSA",
    };
    return type < sizeof names / sizeof *names ? names[type] : "unknown";
}

void peer_id_of_public_key(struct tally_bytes message, struct peer_id *id)
{
    if (message.size <= INLINE_MAX) {
        id->bytes[0] = HASH_IDENTITY;
        id->bytes[1] = (uint8_t)message.size;
        memcpy(id->bytes + 2, message.data, message.size);
        id->size = (uint8_t)(2 + message.size);
        return;
    }
    struct tally_hash hash;
    hash_sha256(message, &hash);
    id->bytes[0] = HASH_SHA256;
    id->bytes[1] = sizeof hash.bytes;
    memcpy(id->bytes + 2, hash.bytes, sizeof hash.bytes);
    id->size = 2 + sizeof hash.bytes;
}

void peer_id_of_key(const struct tally_key *key, struct peer_id *id)
{
    uint8_t message[PUBLIC_KEY_ED25519];
    public_key_write(key, message);
    peer_id_of_public_key(bytes_of(message, sizeof message), id);
}

bool peer_id_key(const struct peer_id *id, struct tally_key *key)
{
    if (id->size != PEER_ID_ED25519 || id->bytes[0] != HASH_IDENTITY ||
        memcmp(id->bytes + 2, ed25519_head, sizeof ed25519_head) != 0)
        return false;
    memcpy(key->bytes, id->bytes + 2 + sizeof ed25519_head, sizeof key->bytes);
    return true;
}

bool peer_id_read(struct tally_bytes bytes, struct peer_id *id)
{
    if (bytes.size < 3 || bytes.data[1] != bytes.size - 2)
        return false;
    if (bytes.data[0] == HASH_IDENTITY ? bytes.size > PEER_ID_BYTES_MAX
                                       : bytes.data[0] != HASH_SHA256 || bytes.data[1] != 32)
        return false;
    id->size = (uint8_t)bytes.size;
    memcpy(id->bytes, bytes.data, bytes.size);
    return true;
}

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b)
{
    return bytes_equal(bytes_of(a->bytes, a->size), bytes_of(b->bytes, b->size));
}

bool peer_id_parse(struct tally_bytes text, struct peer_id *id)
{
    uint8_t bytes[2 + PEER_ID_BYTES_MAX];
    size_t count;
    if (text.size < 2 || text.size > TEXT_READ_MAX)
        return false;
    if (text.data[0] == '1' || memcmp(text.data, "Qm", 2) == 0)
        return base58_read((const char *)text.data, text.size, bytes, sizeof bytes, &count) &&
               peer_id_read(bytes_of(bytes, count), id);
    return multibase_read(text, bytes, sizeof bytes, &count) && count > 2 &&
           bytes[0] == CID_VERSION && bytes[1] == CID_LIBP2P_KEY &&
           peer_id_read(bytes_of(bytes + 2, count - 2), id);
}

size_t peer_id_print(const struct peer_id *id, char text[PEER_ID_TEXT_MAX])
{
    return base58_write(bytes_of(id->bytes, id->size), text, PEER_ID_TEXT_MAX);
}

bool peer_id_parse_key(const char *text, struct tally_key *key)
{
    struct peer_id id;
    return peer_id_parse(bytes_text(text), &id) && peer_id_key(&id, key);
}

size_t peer_id_print_key(const struct tally_key *key, char text[PEER_ID_TEXT_MAX])
{
    struct peer_id id;
    peer_id_of_key(key, &id);
    return peer_id_print(&id, text);
}

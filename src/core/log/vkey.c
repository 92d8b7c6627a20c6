/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/vkey.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/base/utf8.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/lines.h"
#include "tally/log.h"

#include <assert.h>

#define SKEY_PREFIX "PRIVATE+KEY+"

enum { KEY_DATA = 1 + 32 }; /* Type and public key, or type and seed. */

/* Unicode's White_Space, as log chapter 2 lists it. */
static bool unicode_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool vkey_name_valid(struct tally_bytes name)
{
    for (size_t at = 0; at < name.size;) {
        uint32_t code = name.data[at];
        size_t size = code < 0x80 ? 1 : utf8_read(bytes_of(name.data + at, name.size - at), &code);
        if (size == 0 || code <= 0x20 || code == '+' || (code >= 0x80 && unicode_space(code)))
            return false;
        at += size;
    }
    return name.size > 0;
}

/* First 4 bytes of SHA256(name || 0x0A || type || public key). */
static void vkey_id(struct tally_vkey *vkey)
{
    uint8_t bytes[TALLY_VKEY_NAME_MAX + 1 + KEY_DATA];
    size_t size = strlen(vkey->name);
    memcpy(bytes, vkey->name, size);
    bytes[size++] = '\n';
    bytes[size++] = (uint8_t)vkey->type;
    memcpy(bytes + size, vkey->key.bytes, sizeof vkey->key.bytes);
    size += sizeof vkey->key.bytes;
    struct tally_hash hash;
    hash_sha256(bytes_of(bytes, size), &hash);
    memcpy(vkey->id, hash.bytes, sizeof vkey->id);
}

bool tally_vkey_init(struct tally_vkey *vkey, struct tally_bytes name, enum tally_vkey_type type,
                     const struct tally_key *key)
{
    if (name.size > TALLY_VKEY_NAME_MAX || !vkey_name_valid(name))
        return false;
    memcpy(vkey->name, name.data, name.size);
    vkey->name[name.size] = 0;
    vkey->type = type;
    vkey->key = *key;
    vkey_id(vkey);
    return true;
}

bool tally_vkey_of_origin(struct tally_vkey *vkey, struct tally_bytes origin)
{
    struct tally_key issuer;
    struct tally_bytes name_space;
    return tally_origin_read(origin, &issuer, &name_space) &&
           tally_vkey_init(vkey, origin, TALLY_VKEY_LOG, &issuer);
}

static void put_key(struct lines *lines, const struct tally_vkey *vkey, const uint8_t data[32])
{
    char id[2 * sizeof vkey->id + 1];
    hex_write(bytes_of(vkey->id, sizeof vkey->id), id);
    lines_text(lines, vkey->name);
    lines_text(lines, "+");
    lines_text(lines, id);
    lines_text(lines, "+");
    uint8_t bytes[KEY_DATA] = {(uint8_t)vkey->type};
    memcpy(bytes + 1, data, 32);
    lines_base64(lines, bytes_of(bytes, sizeof bytes));
    hash_wipe(bytes, sizeof bytes);
}

size_t tally_vkey_write(const struct tally_vkey *vkey, char text[TALLY_VKEY_MAX])
{
    struct lines lines;
    lines_init(&lines, (uint8_t *)text, TALLY_VKEY_MAX - 1);
    put_key(&lines, vkey, vkey->key.bytes);
    assert(!lines.failed);
    text[lines.size] = 0;
    return lines.size;
}

size_t tally_skey_write(const struct tally_vkey *vkey, const uint8_t seed[32],
                        char text[TALLY_SKEY_MAX])
{
    struct lines lines;
    lines_init(&lines, (uint8_t *)text, TALLY_SKEY_MAX - 1);
    lines_text(&lines, SKEY_PREFIX);
    put_key(&lines, vkey, seed);
    assert(!lines.failed);
    text[lines.size] = 0;
    return lines.size;
}

/* name+id+base64(type || data). Base64 has a + too, so only the first two separate. */
static bool take_key(struct tally_bytes text, struct tally_bytes *name, struct tally_bytes *id,
                     enum tally_vkey_type *type, uint8_t data[32])
{
    uint8_t bytes[KEY_DATA];
    size_t count;
    bool good = lines_take_until(&text, '+', name) && lines_take_until(&text, '+', id) &&
                name->size <= TALLY_VKEY_NAME_MAX && text.size == BASE64_SIZE(KEY_DATA) &&
                base64_read((const char *)text.data, text.size, bytes, sizeof bytes, &count) &&
                count == sizeof bytes &&
                (bytes[0] == TALLY_VKEY_LOG || bytes[0] == TALLY_VKEY_COSIGNER);
    if (good) {
        *type = bytes[0];
        memcpy(data, bytes + 1, 32);
    }
    hash_wipe(bytes, sizeof bytes);
    return good;
}

static bool id_matches(const struct tally_vkey *vkey, struct tally_bytes id)
{
    char text[2 * sizeof vkey->id + 1];
    hex_write(bytes_of(vkey->id, sizeof vkey->id), text);
    return bytes_equal(id, bytes_text(text));
}

bool tally_vkey_read(struct tally_bytes text, struct tally_vkey *vkey)
{
    struct tally_bytes name, id;
    enum tally_vkey_type type;
    struct tally_key key;
    return take_key(text, &name, &id, &type, key.bytes) &&
           tally_vkey_init(vkey, name, type, &key) && id_matches(vkey, id);
}

bool tally_skey_read(struct tally_bytes text, struct tally_vkey *vkey, uint8_t seed[32])
{
    struct tally_bytes name, id;
    enum tally_vkey_type type;
    struct tally_key key;
    if (!lines_take_text(&text, SKEY_PREFIX) || !take_key(text, &name, &id, &type, seed))
        return false;
    sign_key(seed, &key);
    if (tally_vkey_init(vkey, name, type, &key) && id_matches(vkey, id))
        return true;
    hash_wipe(seed, 32);
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/ip.h"
#include "core/address/multiaddr_part.h"
#include "core/address/multibase.h"
#include "core/base/bytes.h"

static const char hex[] = "0123456789ABCDEF";

static int hex_digit(uint8_t c)
{
    if (c >= 'a' && c <= 'f')
        c = (uint8_t)(c - 32);
    const char *found = c != '\0' ? strchr(hex, c) : NULL;
    return found != NULL ? (int)(found - hex) : -1;
}

/* %2F and its like; out has room for text.size bytes. */
static bool unescape(struct tally_bytes text, uint8_t *out, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        out[(*size)++] = byte;
    }
    return true;
}

/* What stands between slashes; *rest begins at the next slash or is empty. */
static struct tally_bytes take_segment(struct tally_bytes *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '/')
        size++;
    struct tally_bytes segment = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + size, rest->size - size);
    return segment;
}

/* go takes all the rest for the path, with its first slash; js escapes the slashes within. */
static struct tally_bytes take_path(struct tally_bytes *rest, bool *escaped)
{
    struct tally_bytes after = *rest, segment = take_segment(&after);
    *escaped = segment.size > 0 && memchr(segment.data, '%', segment.size) != NULL;
    if (*escaped) {
        *rest = after;
        return segment;
    }
    struct tally_bytes path = bytes_of(rest->data - 1, rest->size + 1);
    *rest = bytes_of(rest->data + rest->size, 0);
    return path;
}

struct scratch {
    uint8_t bytes[MULTIADDR_TEXT_MAX];
    struct peer_id id;
};

static bool value_read(struct multiaddr_part *part, struct tally_bytes *rest,
                       struct scratch *scratch)
{
    uint8_t *bytes = scratch->bytes;
    size_t size = 0;
    uint32_t number;
    bool escaped = true, good = true;
    struct tally_bytes text =
        part->kind->form == MULTIADDR_PATH ? take_path(rest, &escaped) : take_segment(rest);
    switch (part->kind->form) {
    case MULTIADDR_EMPTY:
        return false;
    case MULTIADDR_IP4:
        size = 4;
        good = ip4_parse(text, bytes);
        break;
    case MULTIADDR_IP6:
        size = 16;
        good = ip6_parse(text, bytes);
        break;
    case MULTIADDR_PORT:
        size = 2;
        good = decimal_parse(text, UINT16_MAX, &number);
        if (good)
            be16_write(bytes, (uint16_t)number);
        break;
    case MULTIADDR_BYTE:
        size = 1;
        good = decimal_parse(text, UINT8_MAX, &number);
        if (good)
            bytes[0] = (uint8_t)number;
        break;
    case MULTIADDR_TEXT:
        part->value = text;
        return multiaddr_value_valid(part->kind->form, part->value);
    case MULTIADDR_PATH:
        if (!escaped) {
            part->value = text;
            return text.size > 1;
        }
        good = unescape(text, bytes, &size);
        break;
    case MULTIADDR_ESCAPED:
        good = unescape(text, bytes, &size);
        break;
    case MULTIADDR_PEER:
        part->value = bytes_of(scratch->id.bytes, 0);
        good = peer_id_parse(text, &scratch->id);
        part->value.size = scratch->id.size;
        return good;
    case MULTIADDR_MULTIHASH:
        good = multibase_read(text, bytes, MULTIADDR_BYTES_MAX, &size);
        break;
    }
    part->value = bytes_of(bytes, size);
    return good && multiaddr_value_valid(part->kind->form, part->value);
}

bool multiaddr_parse(struct tally_bytes text, struct multiaddr *address)
{
    struct scratch scratch;
    struct tally_bytes rest = text;
    address->size = 0;
    if (text.size == 0 || text.size >= MULTIADDR_TEXT_MAX)
        return false;
    while (rest.size > 0) {
        struct multiaddr_part part = {0};
        if (rest.data[0] != '/')
            return false;
        /* One slash at the end says nothing, a lone one is no address. */
        if (rest.size == 1)
            return rest.data != text.data &&
                   multiaddr_valid(bytes_of(address->bytes, address->size));
        rest = bytes_of(rest.data + 1, rest.size - 1);
        part.kind = multiaddr_kind_named(take_segment(&rest));
        if (part.kind == NULL)
            return false;
        if (part.kind->form != MULTIADDR_EMPTY) {
            if (rest.size < 2)
                return false;
            rest = bytes_of(rest.data + 1, rest.size - 1);
            if (!value_read(&part, &rest, &scratch))
                return false;
        }
        if (!multiaddr_part_write(address, &part))
            return false;
    }
    return multiaddr_valid(bytes_of(address->bytes, address->size));
}

struct text {
    char *out;
    size_t size, capacity;
    bool full;
};

static void put(struct text *text, struct tally_bytes bytes)
{
    if (bytes.size >= text->capacity - text->size) {
        text->full = true;
        return;
    }
    if (bytes.size > 0)
        memcpy(text->out + text->size, bytes.data, bytes.size);
    text->size += bytes.size;
}

static void put_escaped(struct text *text, struct tally_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        /* RFC 3986 section 2.3: unreserved. */
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        const char escaped[] = {'%', hex[c >> 4], hex[c & 15]};
        put(text, plain ? bytes_of(&c, 1) : bytes_of(escaped, sizeof escaped));
    }
}

static void put_value(struct text *text, const struct multiaddr_part *part)
{
    char digits[MULTIADDR_TEXT_MAX];
    struct peer_id id;
    size_t size = 0;
    switch (part->kind->form) {
    case MULTIADDR_EMPTY:
        return;
    case MULTIADDR_IP4:
        size = ip4_print(part->value.data, digits);
        break;
    case MULTIADDR_IP6:
        size = ip6_print(part->value.data, digits);
        break;
    case MULTIADDR_PORT:
        size = decimal_print(be16_read(part->value.data), digits);
        break;
    case MULTIADDR_BYTE:
        size = decimal_print(part->value.data[0], digits);
        break;
    case MULTIADDR_TEXT:
        put(text, part->value);
        return;
    case MULTIADDR_PATH:
    case MULTIADDR_ESCAPED:
        put_escaped(text, part->value);
        return;
    case MULTIADDR_PEER:
        if (peer_id_read(part->value, &id))
            size = peer_id_print(&id, digits);
        break;
    case MULTIADDR_MULTIHASH:
        size = multibase_write_base64url(part->value, digits, sizeof digits);
        break;
    }
    put(text, bytes_of(digits, size));
}

size_t multiaddr_print(struct tally_bytes binary, char *out, size_t capacity)
{
    struct text text = {.out = out, .capacity = capacity};
    struct multiaddr_part part;
    if (capacity == 0 || !multiaddr_valid(binary))
        return 0;
    while (binary.size > 0 && multiaddr_part_read(&binary, &part)) {
        put(&text, bytes_text("/"));
        put(&text, bytes_text(part.kind->name));
        /* A path from its root at the very end is written as go does, others as js does. */
        if (part.kind->form == MULTIADDR_PATH && part.value.data[0] == '/' && binary.size == 0) {
            put(&text, part.value);
            continue;
        }
        if (part.kind->form != MULTIADDR_EMPTY)
            put(&text, bytes_text("/"));
        put_value(&text, &part);
    }
    if (text.full)
        return 0;
    out[text.size] = '\0';
    return text.size;
}

size_t multiaddr_write_text(const struct tally_address *address, enum multiaddr_transport transport,
                            const struct tally_key *peer, char *text, size_t capacity)
{
    struct multiaddr binary;
    multiaddr_write(address, transport, peer, &binary);
    return multiaddr_print(bytes_of(binary.bytes, binary.size), text, capacity);
}

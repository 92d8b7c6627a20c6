/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/multiaddr.h"

#include "core/address/ip.h"
#include "core/address/multiaddr_part.h"
#include "core/address/varint.h"
#include "core/base/bytes.h"

static const struct multiaddr_kind kinds[] = {
    {"ip4", 4, MULTIADDR_IP4},
    {"tcp", 6, MULTIADDR_PORT},
    {"ip6", 41, MULTIADDR_IP6},
    {"ip6zone", 42, MULTIADDR_TEXT},
    {"ipcidr", 43, MULTIADDR_BYTE},
    {"dns", 53, MULTIADDR_TEXT},
    {"dns4", 54, MULTIADDR_TEXT},
    {"dns6", 55, MULTIADDR_TEXT},
    {"dnsaddr", 56, MULTIADDR_TEXT},
    {"udp", 273, MULTIADDR_PORT},
    {"webrtc-direct", 280, MULTIADDR_EMPTY},
    {"webrtc", 281, MULTIADDR_EMPTY},
    {"p2p-circuit", 290, MULTIADDR_EMPTY},
    {"unix", 400, MULTIADDR_PATH},
    {"p2p", 421, MULTIADDR_PEER},
    {"ipfs", 421, MULTIADDR_PEER}, /* The old name, read only: the first of a code is printed. */
    {"tls", 448, MULTIADDR_EMPTY},
    {"sni", 449, MULTIADDR_TEXT},
    {"noise", 454, MULTIADDR_EMPTY},
    {"quic", 460, MULTIADDR_EMPTY},
    {"quic-v1", 461, MULTIADDR_EMPTY},
    {"webtransport", 465, MULTIADDR_EMPTY},
    {"certhash", 466, MULTIADDR_MULTIHASH},
    {"ws", 477, MULTIADDR_EMPTY},
    {"wss", 478, MULTIADDR_EMPTY},
    {"http", 480, MULTIADDR_EMPTY},
    {"http-path", 481, MULTIADDR_ESCAPED},
    {"memory", 777, MULTIADDR_ESCAPED},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const struct multiaddr_kind *multiaddr_kind_named(struct tally_bytes name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (bytes_equal(name, bytes_text(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

static const struct multiaddr_kind *kind_coded(uint64_t code)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].code == code)
            return &kinds[i];
    return NULL;
}

/* Names, zones: something a person could have typed, and no second form of the separator. */
static bool is_text(struct tally_bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] <= ' ' || value.data[i] == '/' || value.data[i] == 0x7f)
            return false;
    return value.size > 0;
}

/* Paths: not empty, UTF-8 (RFC 3629) in shape, without NUL. */
static bool is_utf8(struct tally_bytes value)
{
    for (size_t i = 0; i < value.size;) {
        uint8_t lead = value.data[i++];
        unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (lead == 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more > value.size - i)
            return false;
        for (; more > 0; more--)
            if ((value.data[i++] & 0xc0) != 0x80)
                return false;
    }
    return value.size > 0;
}

static bool is_multihash(struct tally_bytes value)
{
    uint64_t code, size;
    size_t used, more;
    return varint_read(value, &code, &used) == VARINT_DONE &&
           varint_read(bytes_of(value.data + used, value.size - used), &size, &more) ==
               VARINT_DONE &&
           size > 0 && size == value.size - used - more;
}

bool multiaddr_value_valid(enum multiaddr_form form, struct tally_bytes value)
{
    struct peer_id id;
    switch (form) {
    case MULTIADDR_EMPTY:
        return value.size == 0;
    case MULTIADDR_IP4:
        return value.size == 4;
    case MULTIADDR_IP6:
        return value.size == 16;
    case MULTIADDR_PORT:
        return value.size == 2;
    case MULTIADDR_BYTE:
        return value.size == 1;
    case MULTIADDR_TEXT:
        return is_text(value);
    case MULTIADDR_PATH:
    case MULTIADDR_ESCAPED:
        return is_utf8(value);
    case MULTIADDR_PEER:
        return peer_id_read(value, &id);
    case MULTIADDR_MULTIHASH:
        return is_multihash(value);
    }
    return false;
}

/* Bytes of a value of that form; -1 for those that say it themselves. */
static int fixed_size(enum multiaddr_form form)
{
    static const int8_t sizes[] = {
        [MULTIADDR_EMPTY] = 0,      [MULTIADDR_IP4] = 4,      [MULTIADDR_IP6] = 16,
        [MULTIADDR_PORT] = 2,       [MULTIADDR_BYTE] = 1,     [MULTIADDR_TEXT] = -1,
        [MULTIADDR_PATH] = -1,      [MULTIADDR_ESCAPED] = -1, [MULTIADDR_PEER] = -1,
        [MULTIADDR_MULTIHASH] = -1,
    };
    return sizes[form];
}

bool multiaddr_part_read(struct tally_bytes *rest, struct multiaddr_part *part)
{
    uint64_t code, size;
    size_t used;
    if (varint_read(*rest, &code, &used) != VARINT_DONE)
        return false;
    *rest = bytes_of(rest->data + used, rest->size - used);
    part->kind = kind_coded(code);
    if (part->kind == NULL)
        return false;
    int fixed = fixed_size(part->kind->form);
    if (fixed >= 0) {
        size = (uint64_t)fixed;
    } else {
        if (varint_read(*rest, &size, &used) != VARINT_DONE)
            return false;
        *rest = bytes_of(rest->data + used, rest->size - used);
    }
    if (size > rest->size)
        return false;
    part->value = bytes_of(rest->data, (size_t)size);
    *rest = bytes_of(rest->data + size, rest->size - (size_t)size);
    return multiaddr_value_valid(part->kind->form, part->value);
}

bool multiaddr_part_write(struct multiaddr *address, const struct multiaddr_part *part)
{
    uint8_t head[2 * VARINT_MAX];
    size_t size = varint_write(part->kind->code, head);
    if (fixed_size(part->kind->form) < 0)
        size += varint_write(part->value.size, head + size);
    if (size + part->value.size > sizeof address->bytes - address->size)
        return false;
    memcpy(address->bytes + address->size, head, size);
    address->size += size;
    if (part->value.size > 0)
        memcpy(address->bytes + address->size, part->value.data, part->value.size);
    address->size += part->value.size;
    return true;
}

bool multiaddr_valid(struct tally_bytes binary)
{
    struct multiaddr_part part;
    bool named = false; /* A /p2p/ that no /p2p-circuit followed. */
    if (binary.size == 0 || binary.size > MULTIADDR_BYTES_MAX)
        return false;
    while (binary.size > 0) {
        if (!multiaddr_part_read(&binary, &part))
            return false;
        if (part.kind->code == MULTIADDR_CODE_P2P) {
            if (named)
                return false;
            named = true;
        } else if (part.kind->code == MULTIADDR_CODE_CIRCUIT) {
            named = false;
        }
    }
    return true;
}

static void mapped_write(const uint8_t ip4[4], uint8_t ip[16])
{
    memset(ip, 0, 10);
    ip[10] = ip[11] = 0xff;
    memcpy(ip + 12, ip4, 4);
}

/* Where the parts stand: each may come once, in this order. */
enum stage { AT_BEGIN, AT_ZONE, AT_HOST, AT_PORT, AT_PEER };

static bool target_part(struct multiaddr_target *target, const struct multiaddr_part *part,
                        enum stage *stage)
{
    switch (part->kind->code) {
    case MULTIADDR_CODE_ZONE:
        target->zone = part->value;
        return *stage == AT_BEGIN && (*stage = AT_ZONE, true);
    case MULTIADDR_CODE_IP4:
        mapped_write(part->value.data, target->address.ip);
        return *stage == AT_BEGIN && (*stage = AT_HOST, true);
    case MULTIADDR_CODE_IP6:
        memcpy(target->address.ip, part->value.data, 16);
        return *stage <= AT_ZONE && (*stage = AT_HOST, true);
    case MULTIADDR_CODE_DNS:
    case MULTIADDR_CODE_DNS4:
    case MULTIADDR_CODE_DNS6:
        target->name = part->value;
        return *stage == AT_BEGIN && (*stage = AT_HOST, true);
    case MULTIADDR_CODE_TCP:
    case MULTIADDR_CODE_UDP:
        target->transport = part->kind->code == MULTIADDR_CODE_TCP ? MULTIADDR_TCP : MULTIADDR_UDP;
        target->address.port = be16_read(part->value.data);
        return *stage == AT_HOST && (*stage = AT_PORT, true);
    case MULTIADDR_CODE_P2P:
        target->has_peer = true;
        return *stage >= AT_HOST && *stage < AT_PEER && (*stage = AT_PEER, true) &&
               peer_id_read(part->value, &target->peer);
    default:
        return false;
    }
}

bool multiaddr_target(struct tally_bytes binary, struct multiaddr_target *target)
{
    struct multiaddr_part part;
    enum stage stage = AT_BEGIN;
    *target = (struct multiaddr_target){.transport = MULTIADDR_NONE};
    if (!multiaddr_valid(binary))
        return false;
    while (binary.size > 0)
        if (!multiaddr_part_read(&binary, &part) || !target_part(target, &part, &stage))
            return false;
    return stage >= AT_HOST;
}

bool address_is_ip4(const struct tally_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, mapped, sizeof mapped) == 0;
}

bool address_is_link_local(const struct tally_address *address)
{
    return address_is_ip4(address) ? address->ip[12] == 169 && address->ip[13] == 254
                                   : address->ip[0] == 0xfe && (address->ip[1] & 0xc0) == 0x80;
}

void multiaddr_write(const struct tally_address *address, enum multiaddr_transport transport,
                     const struct tally_key *peer, struct multiaddr *out)
{
    uint8_t *at = out->bytes;
    if (address_is_ip4(address)) {
        *at++ = MULTIADDR_CODE_IP4;
        memcpy(at, address->ip + 12, 4);
        at += 4;
    } else {
        *at++ = MULTIADDR_CODE_IP6;
        memcpy(at, address->ip, 16);
        at += 16;
    }
    if (transport != MULTIADDR_NONE) {
        at +=
            varint_write(transport == MULTIADDR_TCP ? MULTIADDR_CODE_TCP : MULTIADDR_CODE_UDP, at);
        be16_write(at, address->port);
        at += 2;
    }
    if (peer != NULL) {
        struct peer_id id;
        peer_id_of_key(peer, &id);
        at += varint_write(MULTIADDR_CODE_P2P, at);
        at += varint_write(id.size, at);
        memcpy(at, id.bytes, id.size);
        at += id.size;
    }
    out->size = (size_t)(at - out->bytes);
}

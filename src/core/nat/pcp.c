/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/pcp.h"

#include "core/base/bytes.h"

enum {
    VERSION = 2,
    OPCODE_ANNOUNCE = 0,
    OPCODE_MAP = 1,
    RESPONSE = 0x80,  /* The R bit in front of the opcode. */
    PROTOCOL_TCP = 6, /* IANA's numbers of transports. */
    PROTOCOL_UDP = 17,
    /* Offsets in the header, RFC 6887 figures 2 and 3, and in MAP behind it, figures 9 and 10. */
    AT_OPCODE = 1,
    AT_RESULT = 3,
    AT_LIFETIME = 4,
    AT_EPOCH = 8,
    AT_CLIENT = 8,
    AT_NONCE = 24,
    AT_PROTOCOL = 36,
    AT_INNER = 40,
    AT_OUTER = 42,
    AT_ADDRESS = 44,
    OPTION_HEADER = 4,
    RESULT_VERSION = 1, /* Unsupported version, NAT-PMP's alike. */
    NATPMP_VERSION = 0,
    NATPMP_ADDRESS_SIZE = 12, /* RFC 6886 section 3.2. */
    NATPMP_MAP_SIZE = 16,     /* RFC 6886 section 3.3. */
    NATPMP_ERROR_SIZE = 8,    /* RFC 6886 section 3.5: an answer ends with the epoch at least. */
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2 */

/* RFC 6887 section 7.4. */
static const enum tally_error results[] = {
    [0] = TALLY_OK,          [1] = TALLY_NEWER, /* UNSUPP_VERSION */
    [2] = TALLY_REFUSED,                        /* NOT_AUTHORIZED */
    [3] = TALLY_MALFORMED,                      /* MALFORMED_REQUEST */
    [4] = TALLY_NEWER,                          /* UNSUPP_OPCODE */
    [5] = TALLY_NEWER,                          /* UNSUPP_OPTION */
    [6] = TALLY_MALFORMED,                      /* MALFORMED_OPTION */
    [7] = TALLY_UNREACHABLE, /* NETWORK_FAILURE: it has no outer network itself. */
    [8] = TALLY_TOO_LARGE,   /* NO_RESOURCES */
    [9] = TALLY_REFUSED,     /* UNSUPP_PROTOCOL: this transport is not mapped. */
    [10] = TALLY_TOO_LARGE,  /* USER_EX_QUOTA */
    [11] = TALLY_IN_USE,     /* CANNOT_PROVIDE_EXTERNAL */
    [12] = TALLY_MISMATCH,   /* ADDRESS_MISMATCH: a NAT lies between us and it. */
    [13] = TALLY_TOO_LARGE,  /* EXCESSIVE_REMOTE_PEERS */
};

static enum tally_error error_of(uint8_t result)
{
    return result < sizeof results / sizeof *results ? results[result] : TALLY_REFUSED;
}

static uint8_t protocol_of(enum tally_transport transport)
{
    return transport == TALLY_TRANSPORT_TCP ? PROTOCOL_TCP : PROTOCOL_UDP;
}

/* ---- MAP. ---- */

static void opcode_data_write(const struct pcp_map *map, const struct tally_address *outer,
                              uint8_t bytes[PCP_MAP_SIZE])
{
    memcpy(bytes + AT_NONCE, map->nonce, PCP_NONCE_SIZE);
    bytes[AT_PROTOCOL] = protocol_of(map->transport);
    be16_write(bytes + AT_INNER, map->client.port);
    be16_write(bytes + AT_OUTER, outer->port);
    memcpy(bytes + AT_ADDRESS, outer->ip, sizeof outer->ip);
}

void pcp_map_write(const struct pcp_map *map, uint8_t bytes[PCP_MAP_SIZE])
{
    static const struct tally_address none;
    struct tally_address wish = map->outer;
    memset(bytes, 0, PCP_MAP_SIZE);
    bytes[0] = VERSION;
    bytes[AT_OPCODE] = OPCODE_MAP;
    be32_write(bytes + AT_LIFETIME, map->lifetime_s);
    memcpy(bytes + AT_CLIENT, map->client.ip, sizeof map->client.ip);
    /* «Any address» is of the family that is wanted (RFC 6887 section 11.1). */
    if (memcmp(wish.ip, none.ip, sizeof wish.ip) == 0 &&
        memcmp(map->client.ip, mapped, sizeof mapped) == 0)
        memcpy(wish.ip, mapped, sizeof mapped);
    opcode_data_write(map, &wish, bytes);
}

/* Options are passed over, but they must be there as they say (RFC 6887 section 7.3). */
static bool options_hold(struct tally_bytes bytes, size_t at)
{
    while (at < bytes.size) {
        if (bytes.size - at < OPTION_HEADER)
            return false;
        size_t size = OPTION_HEADER + (((size_t)be16_read(bytes.data + at + 2) + 3) & ~(size_t)3);
        if (bytes.size - at < size)
            return false;
        at += size;
    }
    return true;
}

/* Size and version of any PCP packet (RFC 6887 section 8.3). */
static bool is_pcp(struct tally_bytes bytes)
{
    return bytes.size >= PCP_HEADER_SIZE && bytes.size <= PCP_SIZE_MAX && bytes.size % 4 == 0 &&
           bytes.data[0] == VERSION;
}

enum tally_drop pcp_map_read(struct tally_bytes bytes, struct pcp_map *map)
{
    *map = (struct pcp_map){0};
    if (!is_pcp(bytes))
        return TALLY_DROP_MALFORMED;
    if (bytes.data[AT_OPCODE] != OPCODE_MAP)
        return TALLY_DROP_UNKNOWN;
    if (bytes.size < PCP_MAP_SIZE || !options_hold(bytes, PCP_MAP_SIZE))
        return TALLY_DROP_MALFORMED;
    uint8_t protocol = bytes.data[AT_PROTOCOL];
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
        return TALLY_DROP_UNKNOWN;
    map->transport = protocol == PROTOCOL_TCP ? TALLY_TRANSPORT_TCP : TALLY_TRANSPORT_UDP;
    map->lifetime_s = be32_read(bytes.data + AT_LIFETIME);
    memcpy(map->client.ip, bytes.data + AT_CLIENT, sizeof map->client.ip);
    memcpy(map->nonce, bytes.data + AT_NONCE, sizeof map->nonce);
    map->client.port = be16_read(bytes.data + AT_INNER);
    map->outer.port = be16_read(bytes.data + AT_OUTER);
    memcpy(map->outer.ip, bytes.data + AT_ADDRESS, sizeof map->outer.ip);
    return TALLY_DROP_NONE;
}

void pcp_answer_write(const struct pcp_map *map, uint8_t result, const struct pcp_answer *answer,
                      uint8_t bytes[PCP_MAP_SIZE])
{
    memset(bytes, 0, PCP_MAP_SIZE);
    bytes[0] = VERSION;
    bytes[AT_OPCODE] = RESPONSE | OPCODE_MAP;
    bytes[AT_RESULT] = result;
    be32_write(bytes + AT_LIFETIME, answer->lifetime_s);
    be32_write(bytes + AT_EPOCH, answer->epoch_s);
    opcode_data_write(map, &answer->outer, bytes);
}

/* Of a gateway to whom a request of PCP 2 is of a version it does not have: one that knows another
   PCP (RFC 6887 section 9), or NAT-PMP alone, whose result is of two bytes, the second where PCP
   has its own (RFC 6886 section 3.5, RFC 6887 appendix A). */
static bool is_other_version(struct tally_bytes bytes)
{
    return bytes.size >= NATPMP_ERROR_SIZE && bytes.size <= PCP_SIZE_MAX &&
           bytes.data[0] != VERSION && bytes.data[AT_OPCODE] >= RESPONSE &&
           bytes.data[AT_RESULT] == RESULT_VERSION;
}

static bool is_asked(const uint8_t *bytes, const struct pcp_map *map)
{
    return memcmp(bytes + AT_NONCE, map->nonce, PCP_NONCE_SIZE) == 0 &&
           bytes[AT_PROTOCOL] == protocol_of(map->transport) &&
           be16_read(bytes + AT_INNER) == map->client.port;
}

enum tally_drop pcp_answer_read(struct tally_bytes bytes, const struct pcp_map *map,
                                struct pcp_answer *answer)
{
    *answer = (struct pcp_answer){0};
    if (is_other_version(bytes)) {
        answer->error = TALLY_NEWER;
        return TALLY_DROP_NONE;
    }
    if (!is_pcp(bytes))
        return TALLY_DROP_MALFORMED;
    answer->error = error_of(bytes.data[AT_RESULT]);
    bool bare = answer->error == TALLY_NEWER || answer->error == TALLY_MALFORMED;
    /* What could not be read cannot be told apart: such answers may name no opcode, no nonce. */
    if (bytes.data[AT_OPCODE] != (RESPONSE | OPCODE_MAP) &&
        !(bare && bytes.data[AT_OPCODE] >= RESPONSE))
        return TALLY_DROP_UNASKED;
    if (bytes.size < PCP_MAP_SIZE ? !bare : !options_hold(bytes, PCP_MAP_SIZE))
        return TALLY_DROP_MALFORMED;
    if (bytes.size >= PCP_MAP_SIZE && !is_asked(bytes.data, map))
        return TALLY_DROP_UNASKED;
    answer->lifetime_s = be32_read(bytes.data + AT_LIFETIME);
    answer->epoch_s = be32_read(bytes.data + AT_EPOCH);
    if (answer->error != TALLY_OK)
        return TALLY_DROP_NONE;
    memcpy(answer->outer.ip, bytes.data + AT_ADDRESS, sizeof answer->outer.ip);
    answer->outer.port = be16_read(bytes.data + AT_OUTER);
    return TALLY_DROP_NONE;
}

/* ---- What a gateway says unasked. ---- */

enum tally_drop pcp_announcement_read(struct tally_bytes bytes,
                                      struct pcp_announcement *announcement)
{
    *announcement = (struct pcp_announcement){0};
    if (natpmp_is_answer(bytes, NATPMP_OUTER_ADDRESS, 0) && bytes.size == NATPMP_ADDRESS_SIZE &&
        bytes.data[0] == NATPMP_VERSION && be16_read(bytes.data + 2) == 0) {
        announcement->protocol = TALLY_MAPPING_NATPMP;
        announcement->epoch_s = be32_read(bytes.data + 4);
        memcpy(announcement->outer.ip, mapped, sizeof mapped);
        memcpy(announcement->outer.ip + sizeof mapped, bytes.data + 8, 4);
        return TALLY_DROP_NONE;
    }
    if (!is_pcp(bytes))
        return TALLY_DROP_MALFORMED;
    if (bytes.data[AT_OPCODE] != (RESPONSE | OPCODE_ANNOUNCE) || bytes.data[AT_RESULT] != 0)
        return TALLY_DROP_UNKNOWN;
    if (!options_hold(bytes, PCP_HEADER_SIZE))
        return TALLY_DROP_MALFORMED;
    announcement->protocol = TALLY_MAPPING_PCP;
    announcement->epoch_s = be32_read(bytes.data + AT_EPOCH);
    return TALLY_DROP_NONE;
}

/* ---- NAT-PMP. ---- */

bool natpmp_is_answer(struct tally_bytes bytes, enum natpmp_operation operation,
                      uint16_t inner_port)
{
    size_t whole = operation == NATPMP_OUTER_ADDRESS ? NATPMP_ADDRESS_SIZE : NATPMP_MAP_SIZE;
    if (bytes.size < NATPMP_ERROR_SIZE)
        return false;
    if (bytes.data[0] != NATPMP_VERSION)
        return bytes.data[AT_OPCODE] >= RESPONSE; /* «I do not speak this», in PCP's words. */
    if (bytes.data[AT_OPCODE] != (RESPONSE | (uint8_t)operation))
        return false;
    if (be16_read(bytes.data + 2) != 0)
        return true;
    return bytes.size >= whole &&
           (operation == NATPMP_OUTER_ADDRESS || be16_read(bytes.data + 8) == inner_port);
}

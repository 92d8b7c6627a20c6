/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/scope.h"

#include <string.h>

struct range {
    uint8_t first[16];
    uint8_t bits;
    enum address_scope scope;
};

/* In the order of their first bytes. */
static const struct range v4_ranges[] = {
    {{0}, 8, ADDRESS_NOWHERE},
    {{10}, 8, ADDRESS_PRIVATE},
    {{100, 64}, 10, ADDRESS_SHARED},
    {{127}, 8, ADDRESS_LOOPBACK},
    {{169, 254}, 16, ADDRESS_LINK_LOCAL},
    {{172, 16}, 12, ADDRESS_PRIVATE},
    {{192, 0, 0}, 24, ADDRESS_SPECIAL},
    {{192, 0, 2}, 24, ADDRESS_SPECIAL},
    {{192, 88, 99}, 24, ADDRESS_SPECIAL},
    {{192, 168}, 16, ADDRESS_PRIVATE},
    {{198, 18}, 15, ADDRESS_SPECIAL},
    {{198, 51, 100}, 24, ADDRESS_SPECIAL},
    {{203, 0, 113}, 24, ADDRESS_SPECIAL},
    {{224}, 3, ADDRESS_NOWHERE}, /* Multicast, reserved, broadcast. */
};

/* The more special first: the first match counts. */
static const struct range v6_ranges[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, ADDRESS_LOOPBACK},
    {{0}, 128, ADDRESS_NOWHERE},
    {{0xfe, 0x80}, 10, ADDRESS_LINK_LOCAL},
    {{0xfc}, 7, ADDRESS_PRIVATE},
    {{0xff}, 8, ADDRESS_NOWHERE},
    {{0x20, 0x01}, 23, ADDRESS_SPECIAL},             /* IETF protocols, Teredo among them. */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_SPECIAL}, /* Documentation. */
    {{0x20, 0x02}, 16, ADDRESS_SPECIAL},             /* 6to4. */
    {{0x3f, 0xff}, 20, ADDRESS_SPECIAL},             /* Documentation (RFC 9637). */
    {{0x20}, 3, ADDRESS_GLOBAL},                     /* All global unicast there is. */
    {{0}, 0, ADDRESS_SPECIAL},
};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    /* Most differ in their first byte: not worth a call of memcmp. */
    for (; bits >= 8; bits -= 8)
        if (*a++ != *b++)
            return false;
    return bits == 0 || (*a ^ *b) >> (8 - bits) == 0;
}

static bool is_v4(const struct tally_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, mapped, sizeof mapped) == 0;
}

enum address_scope address_scope_of(const struct tally_address *address)
{
    const uint8_t *ip = address->ip;
    if (is_v4(address)) {
        for (size_t i = 0; i < sizeof v4_ranges / sizeof *v4_ranges; i++)
            if (v4_ranges[i].first[0] > ip[12])
                break;
            else if (same_bits(ip + 12, v4_ranges[i].first, v4_ranges[i].bits))
                return v4_ranges[i].scope;
        return ADDRESS_GLOBAL;
    }
    for (size_t i = 0; i < sizeof v6_ranges / sizeof *v6_ranges; i++)
        if (same_bits(ip, v6_ranges[i].first, v6_ranges[i].bits))
            return v6_ranges[i].scope;
    return ADDRESS_SPECIAL;
}

bool address_same_prefix(const struct tally_address *a, const struct tally_address *b,
                         unsigned bits)
{
    return same_bits(a->ip, b->ip, bits < 128 ? bits : 128);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
/* Byte views and fixed-width integers, big endian as everywhere on Tally's wire. */
#include "tally/types.h"
#include <string.h>

static inline struct tally_bytes bytes_of(const void *data, size_t size)
{
    return (struct tally_bytes){data, size};
}

/* A string's bytes without its NUL. */
static inline struct tally_bytes bytes_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct tally_bytes a, struct tally_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Of keys and hashes, which nearly each step compares: four words instead of a call. So it is with
   addresses. */
static inline bool bytes_equal_32(const uint8_t a[32], const uint8_t b[32])
{
    uint64_t x[4], y[4];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

static inline bool key_equal(const struct tally_key *a, const struct tally_key *b)
{
    return bytes_equal_32(a->bytes, b->bytes);
}

static inline bool hash_equal(const struct tally_hash *a, const struct tally_hash *b)
{
    return bytes_equal_32(a->bytes, b->bytes);
}

static inline bool address_equal(const struct tally_address *a, const struct tally_address *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a->ip, sizeof x);
    memcpy(y, b->ip, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0 && a->port == b->port;
}

/* Bytes of an address that name its network: /24 of an IPv4-mapped one, /48 of another. */
static inline size_t address_prefix(const struct tally_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, mapped, sizeof mapped) == 0 ? 15 : 6;
}

/* Whether both are of one network, in that sense. */
static inline bool address_same_network(const struct tally_address *a,
                                        const struct tally_address *b)
{
    size_t prefix = address_prefix(a);
    return prefix == address_prefix(b) && memcmp(a->ip, b->ip, prefix) == 0;
}

static inline uint16_t be16_read(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32_read(const uint8_t *p)
{
    return (uint32_t)be16_read(p) << 16 | be16_read(p + 2);
}

static inline uint64_t be64_read(const uint8_t *p)
{
    return (uint64_t)be32_read(p) << 32 | be32_read(p + 4);
}

static inline void be16_write(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void be32_write(uint8_t *p, uint32_t value)
{
    be16_write(p, (uint16_t)(value >> 16));
    be16_write(p + 2, (uint16_t)value);
}

static inline void be64_write(uint8_t *p, uint64_t value)
{
    be32_write(p, (uint32_t)(value >> 32));
    be32_write(p + 4, (uint32_t)value);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/keccak.h"

#include "core/base/bytes.h"

enum { RATE = 136, ROUNDS = 24 };

/* FIPS 202 section 3.2.5: RC. */
static const uint64_t constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static uint64_t turn(uint64_t word, unsigned by)
{
    return by == 0 ? word : word << by | word >> (64 - by);
}

static void theta(uint64_t a[25])
{
    uint64_t column[5];
    for (size_t x = 0; x < 5; x++)
        column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (size_t i = 0; i < 25; i++)
        a[i] ^= column[(i + 4) % 5] ^ turn(column[(i + 1) % 5], 1);
}

/* rho and pi in one: each lane is turned and goes to its new place. */
static void rho_pi(uint64_t a[25])
{
    size_t x = 1, y = 0;
    uint64_t lane = a[1];
    for (unsigned t = 0; t < 24; t++) {
        size_t next = (2 * x + 3 * y) % 5;
        x = y;
        y = next;
        uint64_t old = a[x + 5 * y];
        a[x + 5 * y] = turn(lane, (t + 1) * (t + 2) / 2 % 64);
        lane = old;
    }
}

static void chi(uint64_t a[25])
{
    for (size_t y = 0; y < 25; y += 5) {
        uint64_t row[5];
        memcpy(row, a + y, sizeof row);
        for (size_t x = 0; x < 5; x++)
            a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

static void absorb(uint64_t a[25], const uint8_t block[RATE])
{
    for (size_t i = 0; i < RATE; i++) /* Little endian, whatever the machine. */
        a[i / 8] ^= (uint64_t)block[i] << 8 * (i % 8);
    for (size_t round = 0; round < ROUNDS; round++) {
        theta(a);
        rho_pi(a);
        chi(a);
        a[0] ^= constants[round];
    }
}

void keccak256(struct tally_bytes bytes, struct tally_hash *hash)
{
    uint64_t a[25] = {0};
    uint8_t last[RATE] = {0};
    for (; bytes.size >= RATE; bytes = bytes_of(bytes.data + RATE, bytes.size - RATE))
        absorb(a, bytes.data);
    if (bytes.size > 0)
        memcpy(last, bytes.data, bytes.size);
    last[bytes.size] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(a, last);
    for (size_t i = 0; i < sizeof hash->bytes; i++)
        hash->bytes[i] = (uint8_t)(a[i / 8] >> 8 * (i % 8));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/recent.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

void recent_init(struct recent *recent, uint64_t (*bits)[RECENT_BITS / 64], const uint8_t key[16],
                 struct tally_now now)
{
    *recent = (struct recent){.bits = bits, .turned = now.mono, .turn = 1};
    memcpy(recent->key, key, sizeof recent->key);
}

void recent_turn(struct recent *recent, struct tally_now now)
{
    uint64_t age = now.mono.ms - recent->turned.ms;
    if (age < RECENT_MS)
        return;
    /* After a long silence the newest is as old as the one before: both go. */
    if (age < 2 * (uint64_t)RECENT_MS)
        memcpy(recent->bits[1], recent->bits[0], sizeof recent->bits[1]);
    else
        memset(recent->bits[1], 0, sizeof recent->bits[1]);
    memset(recent->bits[0], 0, sizeof recent->bits[0]);
    recent->turned = now.mono;
    recent->turn += recent->turn == UINT32_MAX ? 2 : 1;
}

/* Twelve bits of the hash for each place. */
static unsigned place(uint64_t hash, unsigned index)
{
    return (unsigned)(hash >> (12 * index)) % RECENT_BITS;
}

static uint64_t hash_of(const struct recent *recent, const struct tally_address *address)
{
    return hash_siphash(recent->key, bytes_of(address->ip, sizeof address->ip));
}

void recent_add(struct recent *recent, const struct tally_address *address)
{
    uint64_t hash = hash_of(recent, address);
    for (unsigned i = 0; i < RECENT_HASHES; i++)
        recent->bits[0][place(hash, i) / 64] |= UINT64_C(1) << place(hash, i) % 64;
}

bool recent_has(const struct recent *recent, const struct tally_address *address)
{
    uint64_t hash = hash_of(recent, address);
    for (unsigned generation = 0; generation < RECENT_TURNS; generation++) {
        unsigned found = 0;
        for (unsigned i = 0; i < RECENT_HASHES; i++) {
            uint64_t word = recent->bits[generation][place(hash, i) / 64];
            found += (word >> place(hash, i) % 64 & 1) != 0;
        }
        if (found == RECENT_HASHES)
            return true;
    }
    return false;
}

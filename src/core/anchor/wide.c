/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/wide.h"

#include <string.h>

enum { LIMBS = 8, BITS = 256 };

void wide_of_hash(const struct tally_hash *hash, struct wide *number)
{
    for (size_t i = 0; i < LIMBS; i++) {
        const uint8_t *p = hash->bytes + 4 * i;
        number->limbs[i] = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
}

static uint8_t byte_at(const struct wide *number, size_t at)
{
    return (uint8_t)(number->limbs[at / 4] >> 8 * (at % 4));
}

/* Three bytes and how many bytes the number has; the highest bit would be a sign. */
bool wide_of_compact(uint32_t compact, struct wide *number)
{
    size_t size = compact >> 24;
    uint32_t digits = compact & 0x7fffff;
    *number = (struct wide){{0}};
    if ((compact & 0x800000) != 0)
        return false;
    for (size_t i = 0; i < 3; i++) {
        uint32_t digit = digits >> 8 * i & 0xff;
        if (digit == 0 || size + i < 3) /* Below the point: cut off. */
            continue;
        size_t at = size + i - 3;
        if (at >= BITS / 8)
            return false;
        number->limbs[at / 4] |= digit << 8 * (at % 4);
    }
    return wide_compare(number, &(struct wide){{0}}) > 0;
}

uint32_t wide_compact(const struct wide *number)
{
    size_t size = BITS / 8;
    while (size > 0 && byte_at(number, size - 1) == 0)
        size--;
    uint32_t digits = 0;
    for (size_t i = 0; i < 3; i++)
        digits = digits << 8 | (i < size ? byte_at(number, size - 1 - i) : 0U);
    if ((digits & 0x800000) != 0) {
        digits >>= 8;
        size++;
    }
    return (uint32_t)size << 24 | digits;
}

int wide_compare(const struct wide *a, const struct wide *b)
{
    for (size_t i = LIMBS; i > 0; i--)
        if (a->limbs[i - 1] != b->limbs[i - 1])
            return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
    return 0;
}

void wide_add(struct wide *sum, const struct wide *more)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)sum->limbs[i] + more->limbs[i];
        sum->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

void wide_scale(struct wide *number, uint32_t by, uint32_t through)
{
    uint32_t product[LIMBS + 1];
    uint64_t carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)number->limbs[i] * by;
        product[i] = (uint32_t)carry;
        carry >>= 32;
    }
    product[LIMBS] = (uint32_t)carry;
    uint64_t rest = 0;
    for (size_t i = LIMBS + 1; i > 0; i--) {
        rest = rest << 32 | product[i - 1];
        product[i - 1] = (uint32_t)(rest / through);
        rest %= through;
    }
    if (product[LIMBS] != 0)
        memset(product, 0xff, sizeof product);
    memcpy(number->limbs, product, sizeof number->limbs);
}

static void shift_in(struct wide *number, uint32_t bit)
{
    for (size_t i = 0; i < LIMBS; i++) {
        uint32_t out = number->limbs[i] >> 31;
        number->limbs[i] = number->limbs[i] << 1 | bit;
        bit = out;
    }
}

static void negate(struct wide *number)
{
    for (size_t i = 0; i < LIMBS; i++)
        number->limbs[i] = ~number->limbs[i];
    wide_add(number, &(struct wide){{1}});
}

void wide_work(const struct wide *target, struct wide *work)
{
    struct wide divisor = *target, dividend = *target, rest = {{0}}, minus;
    wide_add(&divisor, &(struct wide){{1}});
    /* (2^256 - (t + 1)) / (t + 1) + 1 fits where 2^256 does not. A target is below 2^255, so the
       rest never leaves 256 bits when a bit is shifted in. */
    for (size_t i = 0; i < LIMBS; i++)
        dividend.limbs[i] = ~dividend.limbs[i];
    minus = divisor;
    negate(&minus);
    *work = (struct wide){{0}};
    for (size_t bit = BITS; bit > 0; bit--) {
        shift_in(&rest, dividend.limbs[(bit - 1) / 32] >> (bit - 1) % 32 & 1);
        bool fits = wide_compare(&rest, &divisor) >= 0;
        if (fits)
            wide_add(&rest, &minus);
        shift_in(work, fits);
    }
    wide_add(work, &(struct wide){{1}});
}

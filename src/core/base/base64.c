/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct tally_bytes bytes, char *text)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t rest = bytes.size - i;
        unsigned group = (unsigned)bytes.data[i] << 16;
        if (rest > 1)
            group |= (unsigned)bytes.data[i + 1] << 8;
        if (rest > 2)
            group |= bytes.data[i + 2];
        *text++ = alphabet[group >> 18];
        *text++ = alphabet[group >> 12 & 63];
        *text++ = rest > 1 ? alphabet[group >> 6 & 63] : '=';
        *text++ = rest > 2 ? alphabet[group & 63] : '=';
    }
}

/* One more than the value of each digit; 0: it is none. */
static const uint8_t digits[256] = {
    ['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
    14,         15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
    40,         41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

static bool group_read(const char *text, size_t count, uint32_t *group)
{
    *group = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t digit = digits[(uint8_t)text[i]];
        if (digit == 0)
            return false;
        *group = *group << 6 | (digit - 1);
    }
    *group <<= 6 * (4 - count);
    return true;
}

bool base64_read(const char *text, size_t size, uint8_t *bytes, size_t capacity, size_t *count)
{
    size_t padding = 0;
    if (size % 4 != 0)
        return false;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    if (size / 4 * 3 - padding > capacity)
        return false;
    *count = size / 4 * 3 - padding;
    for (size_t i = 0; i < size; i += 4) {
        uint32_t group;
        size_t keep = i + 4 == size ? 3 - padding : 3;
        /* Bits that no byte takes must be zero, or two texts would mean the same bytes. */
        if (!group_read(text + i, keep + 1, &group) || (group & 0xffffff >> 8 * keep) != 0)
            return false;
        for (size_t j = 0; j < keep; j++)
            *bytes++ = (uint8_t)(group >> (16 - 8 * j));
    }
    return true;
}

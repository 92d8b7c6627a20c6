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

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
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
        unsigned group = 0;
        size_t digits = i + 4 == size ? 4 - padding : 4;
        for (size_t j = 0; j < 4; j++) {
            int value = j < digits ? digit(text[i + j]) : 0;
            if (value < 0)
                return false;
            group = group << 6 | (unsigned)value;
        }
        size_t keep = digits - 1;
        /* Bits that no byte takes must be zero, or two texts would mean the same bytes. */
        if ((group & (0xffffffU >> 8 * keep) & 0xffffff) != 0)
            return false;
        for (size_t j = 0; j < keep; j++)
            *bytes++ = (uint8_t)(group >> (16 - 8 * j));
    }
    return true;
}

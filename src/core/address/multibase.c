/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/multibase.h"

#include "core/base/base58.h"

#include <string.h>

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool digit_of(const char *alphabet, bool fold, uint8_t letter, unsigned *digit)
{
    char wanted = (char)(fold && letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    const char *found = wanted != '\0' ? strchr(alphabet, wanted) : NULL;
    if (found == NULL)
        return false;
    *digit = (unsigned)(found - alphabet);
    return true;
}

/* Bases whose digits are whole bits, RFC 4648 without padding; leftover bits must be zero. */
static bool read_bits(const char *alphabet, unsigned bits, struct tally_bytes text, uint8_t *bytes,
                      size_t capacity, size_t *count)
{
    unsigned held = 0, have = 0, digit;
    *count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!digit_of(alphabet, bits == 5, text.data[i], &digit))
            return false;
        held = (held << bits | digit) & 0xffff;
        have += bits;
        if (have < 8)
            continue;
        if (*count == capacity)
            return false;
        have -= 8;
        bytes[(*count)++] = (uint8_t)(held >> have);
    }
    /* A whole digit left over carries nothing and would be a second form of the same bytes. */
    return have < bits && (held & ((1U << have) - 1)) == 0;
}

/* Digits in either case, as base58 reads a number. */
static bool read_base36(struct tally_bytes text, uint8_t *bytes, size_t capacity, size_t *count)
{
    char lower[2 * BASE58_BYTES_MAX];
    if (text.size > sizeof lower)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return base_number_read(base36, lower, text.size, bytes, capacity, count);
}

bool multibase_read(struct tally_bytes text, uint8_t *bytes, size_t capacity, size_t *count)
{
    if (text.size == 0)
        return false;
    const struct tally_bytes digits = {text.data + 1, text.size - 1};
    switch (text.data[0]) {
    case 'b':
        return read_bits(base32, 5, digits, bytes, capacity, count);
    case 'k':
        return read_base36(digits, bytes, capacity, count);
    case 'u':
        return read_bits(base64url, 6, digits, bytes, capacity, count);
    case 'z':
        return base58_read((const char *)digits.data, digits.size, bytes, capacity, count);
    default:
        return false;
    }
}

size_t multibase_write_base64url(struct tally_bytes bytes, char *text, size_t capacity)
{
    size_t size = 1 + (bytes.size * 8 + 5) / 6, at = 0;
    unsigned held = 0, have = 0;
    if (size > capacity)
        return 0;
    text[at++] = 'u';
    for (size_t i = 0; i < bytes.size; i++) {
        held = (held << 8 | bytes.data[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6)
            text[at++] = base64url[held >> (have - 6) & 63];
    }
    if (have > 0)
        text[at++] = base64url[held << (6 - have) & 63];
    return at;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/base58.h"

#include <string.h>

enum {
    NUMBER_WORDS = (BASE58_BYTES_MAX + 3) / 4,
    TOGETHER = 5, /* Digits: less than 2^32, as long as there are 84 at most. */
};

static const char base58btc[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

size_t base58_write(struct tally_bytes bytes, char *text, size_t capacity)
{
    uint8_t digits[BASE58_BYTES_MAX * 138 / 100 + 1];
    size_t count = 0, zeros = 0;
    if (bytes.size > BASE58_BYTES_MAX)
        return 0;
    while (zeros < bytes.size && bytes.data[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < bytes.size; i++) {
        unsigned carry = bytes.data[i];
        for (size_t j = 0; j < count; j++) {
            carry += (unsigned)digits[j] << 8;
            digits[j] = (uint8_t)(carry % 58);
            carry /= 58;
        }
        for (; carry > 0; carry /= 58)
            digits[count++] = (uint8_t)(carry % 58);
    }
    if (zeros + count + 1 > capacity)
        return 0;
    memset(text, '1', zeros);
    for (size_t i = 0; i < count; i++)
        text[zeros + i] = base58btc[digits[count - 1 - i]];
    text[zeros + count] = '\0';
    return zeros + count;
}

bool base58_read(const char *text, size_t size, uint8_t *bytes, size_t capacity, size_t *count)
{
    return base_number_read(base58btc, text, size, bytes, capacity, count);
}

/* Multiplies the number by `factor` and adds to it; false if it gets too large. */
static bool number_grow(uint32_t *words, size_t *count, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (size_t i = 0; i < *count; i++) {
        carry += (uint64_t)words[i] * factor;
        words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0 && *count == NUMBER_WORDS)
        return false;
    if (carry > 0)
        words[(*count)++] = (uint32_t)carry;
    return true;
}

bool base_number_read(const char *alphabet, const char *text, size_t size, uint8_t *bytes,
                      size_t capacity, size_t *count)
{
    const uint32_t radix = (uint32_t)strlen(alphabet);
    uint32_t words[NUMBER_WORDS]; /* Little endian. */
    size_t used = 0, zeros = 0;
    while (zeros < size && text[zeros] == alphabet[0])
        zeros++;
    for (size_t i = zeros; i < size;) {
        uint32_t factor = 1, more = 0;
        for (size_t end = size - i < TOGETHER ? size : i + TOGETHER; i < end; i++) {
            const char *digit = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
            if (digit == NULL)
                return false;
            factor *= radix;
            more = more * radix + (uint32_t)(digit - alphabet);
        }
        if (!number_grow(words, &used, factor, more))
            return false;
    }
    size_t length = used * sizeof *words;
    while (length > 0 && words[(length - 1) / 4] >> (length - 1) % 4 * 8 == 0)
        length--;
    if (length > BASE58_BYTES_MAX || zeros + length > capacity)
        return false;
    memset(bytes, 0, zeros);
    for (size_t i = 0; i < length; i++)
        bytes[zeros + length - 1 - i] = (uint8_t)(words[i / 4] >> i % 4 * 8);
    *count = zeros + length;
    return true;
}

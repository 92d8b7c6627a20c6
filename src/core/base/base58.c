/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/base58.h"

#include <string.h>

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

bool base_number_read(const char *alphabet, const char *text, size_t size, uint8_t *bytes,
                      size_t capacity, size_t *count)
{
    const unsigned radix = (unsigned)strlen(alphabet);
    uint8_t number[BASE58_BYTES_MAX]; /* Little endian. */
    size_t length = 0, zeros = 0;
    while (zeros < size && text[zeros] == alphabet[0])
        zeros++;
    for (size_t i = zeros; i < size; i++) {
        const char *digit = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
        if (digit == NULL)
            return false;
        unsigned carry = (unsigned)(digit - alphabet);
        for (size_t j = 0; j < length; j++) {
            carry += number[j] * radix;
            number[j] = (uint8_t)carry;
            carry >>= 8;
        }
        for (; carry > 0; carry >>= 8) {
            if (length == sizeof number)
                return false;
            number[length++] = (uint8_t)carry;
        }
    }
    if (zeros + length > capacity)
        return false;
    memset(bytes, 0, zeros);
    for (size_t i = 0; i < length; i++)
        bytes[zeros + i] = number[length - 1 - i];
    *count = zeros + length;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/varint.h"

#include <assert.h>

enum varint_verdict varint_read(struct tally_bytes bytes, uint64_t *value, size_t *used)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        if (i == VARINT_MAX)
            return VARINT_BAD;
        uint8_t byte = bytes.data[i];
        sum |= (uint64_t)(byte & 0x7f) << 7 * i;
        if ((byte & 0x80) != 0)
            continue;
        /* A last byte of zero adds nothing: the number has a shorter form. */
        if (byte == 0 && i > 0)
            return VARINT_BAD;
        *value = sum;
        *used = i + 1;
        return VARINT_DONE;
    }
    return bytes.size >= VARINT_MAX ? VARINT_BAD : VARINT_SHORT;
}

size_t varint_write(uint64_t value, uint8_t *out)
{
    assert(value >> 63 == 0);
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (uint8_t)(value | 0x80);
    out[size++] = (uint8_t)value;
    return size;
}

size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/frame.h"

#include "core/base/bytes.h"

#include <assert.h>

size_t wire_prefix_write(size_t size, uint8_t prefix[WIRE_PREFIX_MAX])
{
    assert(size <= UINT32_MAX);
    size_t count = 0;
    while (size > 0x7f) {
        prefix[count++] = (uint8_t)(size | 0x80);
        size >>= 7;
    }
    prefix[count++] = (uint8_t)size;
    return count;
}

enum wire_found wire_frame_find(struct tally_bytes bytes, size_t limit, struct tally_bytes *frame,
                                size_t *used)
{
    uint64_t size = 0;
    *used = bytes.size + 1;
    for (size_t i = 0; i < WIRE_PREFIX_MAX; i++) {
        if (i == bytes.size)
            return WIRE_MORE;
        size |= (uint64_t)(bytes.data[i] & 0x7f) << (7 * i);
        if (bytes.data[i] & 0x80)
            continue;
        /* A last byte of zero adds nothing: a shorter form, or an empty frame. */
        if (bytes.data[i] == 0 || size > limit)
            return WIRE_BAD;
        *used = i + 1 + (size_t)size;
        if (*used > bytes.size)
            return WIRE_MORE;
        *frame = bytes_of(bytes.data + i + 1, (size_t)size);
        return WIRE_WHOLE;
    }
    return WIRE_BAD;
}

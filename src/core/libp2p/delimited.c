/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/delimited.h"

#include "core/base/bytes.h"

static enum delimited_verdict take_head(struct delimited *delimited, size_t capacity,
                                        struct tally_bytes *bytes)
{
    uint64_t size;
    size_t used;
    while (bytes->size > 0) {
        delimited->head[delimited->head_size++] = *bytes->data;
        *bytes = bytes_of(bytes->data + 1, bytes->size - 1);
        switch (varint_read(bytes_of(delimited->head, delimited->head_size), &size, &used)) {
        case VARINT_SHORT:
            continue;
        case VARINT_BAD:
            return DELIMITED_BAD;
        case VARINT_DONE:
            break;
        }
        delimited->size = (size_t)size;
        delimited->have = 0;
        delimited->sized = true;
        return size <= capacity ? DELIMITED_DONE : DELIMITED_BAD;
    }
    return DELIMITED_MORE;
}

enum delimited_verdict delimited_take(struct delimited *delimited, uint8_t *buffer, size_t capacity,
                                      struct tally_bytes *bytes, struct tally_bytes *message)
{
    if (!delimited->sized) {
        enum delimited_verdict verdict = take_head(delimited, capacity, bytes);
        if (verdict != DELIMITED_DONE)
            return verdict;
    }
    size_t size = delimited->size - delimited->have;
    if (size > bytes->size)
        size = bytes->size;
    if (size > 0)
        memcpy(buffer + delimited->have, bytes->data, size);
    delimited->have += size;
    *bytes = bytes_of(bytes->data + size, bytes->size - size);
    if (delimited->have < delimited->size)
        return DELIMITED_MORE;
    *message = bytes_of(buffer, delimited->size);
    *delimited = (struct delimited){.sized = false};
    return DELIMITED_DONE;
}

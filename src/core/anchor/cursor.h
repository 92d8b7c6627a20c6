/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_CURSOR_H
#define ANCHOR_CURSOR_H
/* Reads Bitcoin's encodings: little endian, compact sizes. A failure sticks, as in core/wire. */
#include "core/base/bytes.h"

struct cursor {
    struct tally_bytes bytes;
    size_t at;
    bool failed;
};

/* The next size bytes; NULL if there are not so many. */
static inline const uint8_t *cursor_take(struct cursor *cursor, uint64_t size)
{
    if (cursor->failed || size > cursor->bytes.size - cursor->at) {
        cursor->failed = true;
        return NULL;
    }
    cursor->at += (size_t)size;
    return cursor->bytes.data + cursor->at - size;
}

static inline uint64_t cursor_little(struct cursor *cursor, size_t width)
{
    const uint8_t *bytes = cursor_take(cursor, width);
    uint64_t number = 0;
    for (size_t i = width; bytes != NULL && i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

/* A compact size, the shortest form only. */
static inline uint64_t cursor_compact(struct cursor *cursor)
{
    uint64_t first = cursor_little(cursor, 1), number;
    if (first < 0xfd)
        return first;
    size_t width = (size_t)2 << (first - 0xfd);
    number = cursor_little(cursor, width);
    if (number < (width == 2 ? 0xfd : UINT64_C(1) << 4 * width))
        cursor->failed = true;
    return number;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H
/* Frames on streams and on the unix socket: an unsigned varint (seven bits a byte, the low ones
   first, shortest form) with the size of what follows. */
#include "tally/types.h"

enum { WIRE_PREFIX_MAX = 5 };

/* The length in front of a frame of that size, at most 2^32 - 1; returns its bytes. */
size_t wire_prefix_write(size_t size, uint8_t prefix[WIRE_PREFIX_MAX]);

enum wire_found {
    WIRE_WHOLE, /* *frame is a view of it, *used the bytes up to its end. */
    WIRE_MORE,  /* More bytes are needed, *used in all at least. */
    WIRE_BAD,   /* An empty frame, one above the limit, or a length not in its shortest form. */
};

/* The frame at the front of what has come so far. */
enum wire_found wire_frame_find(struct tally_bytes bytes, size_t limit, struct tally_bytes *frame,
                                size_t *used);

#endif

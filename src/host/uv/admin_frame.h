/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ADMIN_FRAME_H
#define UV_ADMIN_FRAME_H
/*
 * What passes through the admin socket (proto/admin.cddl): a length (unsigned varint), then one
 * frame of the schema. Views in a frame point into the bytes it was read from.
 */
#include "core/wire/messages.h"

/* All of a frame but its body or text, at most: length, header, names. */
enum { ADMIN_OVERHEAD = 2048 };

enum admin_read { ADMIN_READ, ADMIN_SHORT, ADMIN_BAD };

/* Reads the frame at the beginning of bytes and tells its size. SHORT: more bytes are needed; *size
   is then how many there must be at least. */
enum admin_read admin_frame_read(struct tally_bytes bytes, struct tally_admin_frame *frame,
                                 size_t *size);

/* Bytes written; 0 if they do not fit. */
size_t admin_frame_write(const struct tally_admin_frame *frame, uint8_t *bytes, size_t capacity);

#endif

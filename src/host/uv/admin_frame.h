/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ADMIN_FRAME_H
#define UV_ADMIN_FRAME_H
/*
 * What passes through the admin socket (proto/admin.cddl): a frame is a length (unsigned varint)
 * and one MessagePack array. Views in a frame point into the bytes it was read from.
 */
#include "tally/error.h"
#include "tally/limits.h"
#include "tally/types.h"

enum {
    ADMIN_FRAME_MAX = 17825792, /* A body of 16 MiB, and room. */
    ADMIN_TEXT_MAX = 60000,     /* Of one piece of an answer. */
    ADMIN_OVERHEAD = 2048,      /* All of a frame but its body or text, at most. */
};

enum admin_kind {
    ADMIN_APPEND = 1, /* To the node: one receipt. Answered by APPENDED. */
    ADMIN_APPENDED,
    ADMIN_QUERY, /* To the node: a question. Answered by one or more ANSWERs. */
    ADMIN_ANSWER,
};

struct admin_frame {
    enum admin_kind kind;
    uint32_t request; /* The asker's number, given back. */
    union {
        struct {
            struct tally_bytes name_space, type, profile, body;
        } append;
        struct {
            enum tally_error error;
            struct tally_bytes origin; /* Empty if it failed. */
            uint64_t index;
            struct tally_hash receipt;
        } appended;
        struct {
            struct tally_bytes verb, argument;
        } query;
        struct {
            enum tally_error error;
            bool more; /* Further pieces follow. */
            struct tally_bytes text;
        } answer;
    };
};

enum admin_read { ADMIN_READ, ADMIN_SHORT, ADMIN_BAD };

/* Reads the frame at the beginning of bytes and tells its size. SHORT: more bytes are needed; *size
   is then how many there must be at least. */
enum admin_read admin_frame_read(struct tally_bytes bytes, struct admin_frame *frame, size_t *size);

/* Bytes written; 0 if they do not fit. */
size_t admin_frame_write(const struct admin_frame *frame, uint8_t *bytes, size_t capacity);

#endif

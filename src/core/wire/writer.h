/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H
/*
 * Writes MessagePack into a buffer of the caller's, in the one form that wire/reader.h reads.
 * msgpack-c's packer does the encoding: it always chooses the shortest.
 *
 * Too little room sticks, like the reader's failures: write a whole message in a row, then ask
 * wire_writer_bytes once. An array's header says how many items the caller will write; nobody
 * counts them here, the reader of the other side does.
 */
#include "tally/types.h"

struct wire_writer {
    uint8_t *data;
    size_t capacity, size;
    bool failed;
};

void wire_writer_init(struct wire_writer *w, uint8_t *data, size_t capacity);

/* What was written; {NULL, 0} if it did not fit. */
struct tally_bytes wire_writer_bytes(const struct wire_writer *w);

/* The caller has a value that no field may have. */
void wire_writer_fail(struct wire_writer *w);

void wire_write_array(struct wire_writer *w, uint32_t count);
void wire_write_uint(struct wire_writer *w, uint64_t value);
void wire_write_int(struct wire_writer *w, int64_t value);
void wire_write_bool(struct wire_writer *w, bool value);
void wire_write_nil(struct wire_writer *w);

/* Byte strings of at most 2^32 - 1 bytes; the second form for arrays of fixed size. */
void wire_write_bin(struct wire_writer *w, struct tally_bytes bytes);
void wire_write_fixed(struct wire_writer *w, const uint8_t *bytes, size_t size);

/* The text is UTF-8 already. */
void wire_write_str(struct wire_writer *w, struct tally_bytes text);

/* Bytes that are MessagePack already, as they stand. */
void wire_write_raw(struct wire_writer *w, struct tally_bytes bytes);

#endif

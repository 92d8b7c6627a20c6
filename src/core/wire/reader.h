/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_READER_H
#define WIRE_READER_H
/*
 * Reads MessagePack that strangers wrote: strict, bounded, without memory of its own.
 *
 * ONE FORM ONLY. Integers and headers are the shortest there are, so a value has one encoding and
 * what was read is written again as the same bytes. Every size and count is bounded by the caller,
 * and by the bytes that are left; nesting by WIRE_DEPTH_MAX. There is no generic value, no map,
 * no float, no extension: nothing recurses and nothing allocates.
 *
 * A failure sticks: from then on every function does nothing and returns zero, false or an empty
 * view. So a caller reads a whole message in a row and asks one question at the end:
 *
 *     tally_probe_read(&r, &probe);
 *     if (!wire_reader_done(&r))
 *         return TALLY_DROP_MALFORMED;
 *
 * Views that are returned point into the bytes given to wire_reader_init and live as long as they.
 */
#include "tally/types.h"

enum { WIRE_DEPTH_MAX = 8 };

struct wire_reader {
    const uint8_t *data;
    size_t size, at;
    uint32_t left[WIRE_DEPTH_MAX]; /* Items still to come in each open array. */
    uint8_t depth;
    bool failed;
};

void wire_reader_init(struct wire_reader *r, struct tally_bytes bytes);

/* Nothing failed, nothing is left, and every array got as many items as its header said. */
bool wire_reader_done(const struct wire_reader *r);

/* The same question in the middle: is what was read so far of the right form? */
bool wire_reader_good(const struct wire_reader *r);

/* The caller found a value that no field may have. */
void wire_reader_fail(struct wire_reader *r);

/* Where the reader stands, and the exact bytes read since then: what a signature or hash is over.
   Empty after a failure. */
size_t wire_reader_mark(const struct wire_reader *r);
struct tally_bytes wire_reader_since(const struct wire_reader *r, size_t mark);

/* The header of an array of least..most items; returns how many follow. */
uint32_t wire_read_array(struct wire_reader *r, uint32_t least, uint32_t most);

/* An integer of least..most. The signed form reads non-negative values as the unsigned one does. */
uint64_t wire_read_uint(struct wire_reader *r, uint64_t least, uint64_t most);
int64_t wire_read_int(struct wire_reader *r, int64_t least, int64_t most);

bool wire_read_bool(struct wire_reader *r);
void wire_read_nil(struct wire_reader *r);

/* True, and consumed, if the next item is nil: the way to read «x or nil». */
bool wire_read_if_nil(struct wire_reader *r);

/* A byte string of least..most bytes. */
struct tally_bytes wire_read_bin(struct wire_reader *r, size_t least, size_t most);

/* A byte string of exactly size bytes, copied; zeroes after a failure. */
void wire_read_fixed(struct wire_reader *r, uint8_t *out, size_t size);

/* A text of least..most bytes, well-formed UTF-8 (RFC 3629). Which characters a field allows is
   the field's own business. */
struct tally_bytes wire_read_str(struct wire_reader *r, size_t least, size_t most);

#endif

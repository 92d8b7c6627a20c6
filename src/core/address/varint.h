/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_VARINT_H
#define ADDRESS_VARINT_H
/*
 * The unsigned varint of multiformats: 7 bits a byte, least group first, minimal, at most 9 bytes
 * (63 bits). In front of every multistream, identify and fetch message, and inside multiaddrs.
 */
#include "tally/types.h"

enum { VARINT_MAX = 9 };

enum varint_verdict { VARINT_DONE, VARINT_SHORT, VARINT_BAD };

/* Reads one at the front of bytes. DONE: *value and the bytes *used. SHORT: more bytes may make it
   one. BAD: not minimal, or above 63 bits. */
enum varint_verdict varint_read(struct tally_bytes bytes, uint64_t *value, size_t *used);

/* Writes the one form of value, below 2^63; bytes written, at most VARINT_MAX. */
size_t varint_write(uint64_t value, uint8_t *out);
size_t varint_size(uint64_t value);

#endif

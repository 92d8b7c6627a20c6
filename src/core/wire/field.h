/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H
/* What generated messages need beside the plain items: bounds on writing, packed items, addresses,
   texts of few characters. */
#include "core/wire/reader.h"
#include "core/wire/writer.h"

/* Writes a value in its bounds; one outside makes the writer fail. */
void wire_write_uint_in(struct wire_writer *w, uint64_t value, uint64_t least, uint64_t most);
void wire_write_int_in(struct wire_writer *w, int64_t value, int64_t least, int64_t most);
void wire_write_array_in(struct wire_writer *w, size_t count, uint32_t least, uint32_t most);
void wire_write_bin_in(struct wire_writer *w, struct tally_bytes bytes, size_t least, size_t most);
void wire_write_str_in(struct wire_writer *w, struct tally_bytes text, size_t least, size_t most);

/* At most `most` items of size bytes each, one after the other in one byte string. */
struct tally_bytes wire_read_packed(struct wire_reader *r, size_t size, size_t most);
void wire_write_packed(struct wire_writer *w, struct tally_bytes items, size_t size, size_t most);

/* 16 bytes of IP address and the port, big endian. */
struct tally_address wire_read_address(struct wire_reader *r);
void wire_write_address(struct wire_writer *w, const struct tally_address *address);

/* True if a character may stand in a text, at its front or behind. */
typedef bool wire_allows(uint8_t character, bool first);

bool wire_text_allowed(struct tally_bytes text, wire_allows *allows);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/field.h"

#include "core/base/bytes.h"

void wire_write_uint_in(struct wire_writer *w, uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least || value > most)
        wire_writer_fail(w);
    wire_write_uint(w, value);
}

void wire_write_int_in(struct wire_writer *w, int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most)
        wire_writer_fail(w);
    wire_write_int(w, value);
}

void wire_write_array_in(struct wire_writer *w, size_t count, uint32_t least, uint32_t most)
{
    if (count < least || count > most)
        wire_writer_fail(w);
    wire_write_array(w, (uint32_t)count);
}

void wire_write_bin_in(struct wire_writer *w, struct tally_bytes bytes, size_t least, size_t most)
{
    if (bytes.size < least || bytes.size > most)
        wire_writer_fail(w);
    wire_write_bin(w, bytes);
}

void wire_write_str_in(struct wire_writer *w, struct tally_bytes text, size_t least, size_t most)
{
    if (text.size < least || text.size > most)
        wire_writer_fail(w);
    wire_write_str(w, text);
}

struct tally_bytes wire_read_packed(struct wire_reader *r, size_t size, size_t most)
{
    struct tally_bytes items = wire_read_bin(r, 0, size * most);
    if (items.size % size != 0) {
        wire_reader_fail(r);
        return (struct tally_bytes){0};
    }
    return items;
}

void wire_write_packed(struct wire_writer *w, struct tally_bytes items, size_t size, size_t most)
{
    if (items.size % size != 0)
        wire_writer_fail(w);
    wire_write_bin_in(w, items, 0, size * most);
}

struct tally_address wire_read_address(struct wire_reader *r)
{
    uint8_t bytes[18];
    wire_read_fixed(r, bytes, sizeof bytes);
    struct tally_address address = {.port = be16_read(bytes + 16)};
    memcpy(address.ip, bytes, sizeof address.ip);
    return address;
}

void wire_write_address(struct wire_writer *w, const struct tally_address *address)
{
    uint8_t bytes[18];
    memcpy(bytes, address->ip, sizeof address->ip);
    be16_write(bytes + 16, address->port);
    wire_write_fixed(w, bytes, sizeof bytes);
}

bool wire_text_allowed(struct tally_bytes text, wire_allows *allows)
{
    for (size_t i = 0; i < text.size; i++)
        if (!allows(text.data[i], i == 0))
            return false;
    return true;
}

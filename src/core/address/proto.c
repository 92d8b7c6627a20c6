/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/proto.h"

#include "core/address/varint.h"

#include <string.h>

struct proto_reader proto_reader_of(struct tally_bytes message)
{
    if (message.size == 0)
        return (struct proto_reader){0};
    return (struct proto_reader){message.data, message.data + message.size, false};
}

/* Protobuf's own varint: up to ten bytes, longer forms than needed are allowed. */
static bool read_varint(struct proto_reader *reader, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        if (shift < 64)
            *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool read_fixed(struct proto_reader *reader, unsigned size, uint64_t *value)
{
    if ((size_t)(reader->end - reader->at) < size)
        return false;
    *value = 0;
    for (unsigned i = 0; i < size; i++)
        *value |= (uint64_t)*reader->at++ << 8 * i;
    return true;
}

static bool read_bytes(struct proto_reader *reader, struct tally_bytes *bytes)
{
    uint64_t size;
    if (!read_varint(reader, &size) || size > (size_t)(reader->end - reader->at))
        return false;
    *bytes = (struct tally_bytes){reader->at, (size_t)size};
    reader->at += size;
    return true;
}

static bool read_field(struct proto_reader *reader, struct proto_field *field)
{
    uint64_t tag;
    /* Field numbers have 29 bits, and 0 is none. */
    if (!read_varint(reader, &tag) || tag >> 3 == 0 || tag >> 32 != 0)
        return false;
    *field = (struct proto_field){.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
    case PROTO_VARINT:
        field->wire = PROTO_VARINT;
        return read_varint(reader, &field->value);
    case PROTO_FIXED64:
        field->wire = PROTO_FIXED64;
        return read_fixed(reader, 8, &field->value);
    case PROTO_BYTES:
        field->wire = PROTO_BYTES;
        return read_bytes(reader, &field->bytes);
    case PROTO_FIXED32:
        field->wire = PROTO_FIXED32;
        return read_fixed(reader, 4, &field->value);
    default: /* Groups, and two numbers that mean nothing. */
        return false;
    }
}

bool proto_next(struct proto_reader *reader, struct proto_field *field)
{
    if (reader->bad || reader->at == reader->end)
        return false;
    reader->bad = !read_field(reader, field);
    return !reader->bad;
}

bool proto_done(const struct proto_reader *reader)
{
    return !reader->bad && reader->at == reader->end;
}

static void put(struct proto_writer *writer, struct tally_bytes bytes)
{
    if (bytes.size > writer->capacity - writer->size) {
        writer->full = true;
        return;
    }
    if (bytes.size > 0)
        memcpy(writer->out + writer->size, bytes.data, bytes.size);
    writer->size += bytes.size;
}

static void put_number(struct proto_writer *writer, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    put(writer, (struct tally_bytes){bytes, size});
}

void proto_put_varint(struct proto_writer *writer, uint32_t number, uint64_t value)
{
    put_number(writer, (uint64_t)number << 3 | PROTO_VARINT);
    put_number(writer, value);
}

void proto_put_bytes(struct proto_writer *writer, uint32_t number, struct tally_bytes bytes)
{
    put_number(writer, (uint64_t)number << 3 | PROTO_BYTES);
    put_number(writer, bytes.size);
    put(writer, bytes);
}

size_t proto_bytes_size(uint32_t number, size_t size)
{
    return varint_size((uint64_t)number << 3) + varint_size(size) + size;
}

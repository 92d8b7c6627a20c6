/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_PROTO_H
#define ADDRESS_PROTO_H
/*
 * As much of protobuf's wire format as libp2p needs (libp2p chapter, section 2): fields in any
 * order, unknown ones skipped by the caller, groups and lengths past the end refused. Writing uses
 * the one form: minimal varints, no defaults, fields in the order of the calls.
 */
#include "tally/types.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_field {
    uint32_t number;
    enum proto_wire wire;
    uint64_t value;           /* VARINT, and the fixed ones. */
    struct tally_bytes bytes; /* BYTES: a view into the message. */
};

struct proto_reader {
    const uint8_t *at, *end;
    bool bad;
};

struct proto_reader proto_reader_of(struct tally_bytes message);

/* The next field; false at the end or at an error. */
bool proto_next(struct proto_reader *reader, struct proto_field *field);

/* The message was read to its end without an error: asked once, after proto_next said false. */
bool proto_done(const struct proto_reader *reader);

struct proto_writer {
    uint8_t *out;
    size_t size, capacity;
    bool full; /* Something did not fit; out is not to be used. */
};

void proto_put_varint(struct proto_writer *writer, uint32_t number, uint64_t value);
void proto_put_bytes(struct proto_writer *writer, uint32_t number, struct tally_bytes bytes);

/* Bytes that proto_put_bytes takes. */
size_t proto_bytes_size(uint32_t number, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/fetch.h"

#include "core/address/proto.h"
#include "core/address/varint.h"
#include "core/base/bytes.h"

#include <assert.h>

bool fetch_request_read(struct tally_bytes message, struct tally_bytes *identifier)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    bool found = false;
    while (proto_next(&reader, &field))
        if (field.number == 1 && field.wire == PROTO_BYTES) {
            *identifier = field.bytes;
            found = true;
        }
    return proto_done(&reader) && found;
}

size_t fetch_head_write(unsigned status, size_t size, uint8_t out[FETCH_HEAD_MAX])
{
    uint8_t head[FETCH_HEAD_MAX];
    struct proto_writer writer = {.out = head, .capacity = sizeof head};
    assert(size <= FETCH_DATA_MAX);
    if (status != 0)
        proto_put_varint(&writer, 1, status);
    if (size > 0) {
        head[writer.size++] = 2 << 3 | PROTO_BYTES;
        writer.size += varint_write(size, head + writer.size);
    }
    size_t length = varint_write(writer.size + size, out);
    memcpy(out + length, head, writer.size);
    return length + writer.size;
}

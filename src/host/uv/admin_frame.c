/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/admin_frame.h"

#include "core/wire/reader.h"
#include "core/wire/writer.h"

#include <string.h>

enum { PREFIX = 5 }; /* Of a length below 2^35. */

/* The length in front: least significant group first. False if it is not whole or too large. */
static enum admin_read read_length(struct tally_bytes bytes, size_t *length, size_t *used)
{
    *length = 0;
    for (*used = 0; *used < PREFIX; ++*used) {
        if (*used == bytes.size)
            return ADMIN_SHORT;
        uint8_t group = bytes.data[*used];
        *length |= (size_t)(group & 0x7f) << (7 * *used);
        if (group < 0x80) {
            ++*used;
            return *length > 0 && *length <= ADMIN_FRAME_MAX ? ADMIN_READ : ADMIN_BAD;
        }
    }
    return ADMIN_BAD;
}

static void read_append(struct wire_reader *r, struct admin_frame *frame)
{
    frame->append.name_space = wire_read_str(r, 0, 255);
    frame->append.type = wire_read_str(r, 0, 255);
    frame->append.profile = wire_read_str(r, 0, 255);
    frame->append.body = wire_read_bin(r, 0, TALLY_BODY_MAX);
}

static void read_appended(struct wire_reader *r, struct admin_frame *frame)
{
    frame->appended.error = (enum tally_error)wire_read_uint(r, 0, 255);
    frame->appended.origin = wire_read_str(r, 0, 255);
    frame->appended.index = wire_read_uint(r, 0, INT64_MAX);
    wire_read_fixed(r, frame->appended.receipt.bytes, sizeof frame->appended.receipt.bytes);
}

static void read_query(struct wire_reader *r, struct admin_frame *frame)
{
    frame->query.verb = wire_read_str(r, 1, 64);
    frame->query.argument = wire_read_str(r, 0, 1024);
}

static void read_answer(struct wire_reader *r, struct admin_frame *frame)
{
    frame->answer.error = (enum tally_error)wire_read_uint(r, 0, 255);
    frame->answer.more = wire_read_bool(r);
    frame->answer.text = wire_read_bin(r, 0, ADMIN_TEXT_MAX);
}

static const struct {
    uint32_t items; /* Beside number and request. */
    void (*read)(struct wire_reader *r, struct admin_frame *frame);
} kinds[] = {
    [ADMIN_APPEND] = {4, read_append},
    [ADMIN_APPENDED] = {4, read_appended},
    [ADMIN_QUERY] = {2, read_query},
    [ADMIN_ANSWER] = {3, read_answer},
};

enum admin_read admin_frame_read(struct tally_bytes bytes, struct admin_frame *frame, size_t *size)
{
    size_t length, used;
    enum admin_read state = read_length(bytes, &length, &used);
    *size = state == ADMIN_SHORT ? bytes.size + 1 : used + length;
    if (state != ADMIN_READ)
        return state;
    if (bytes.size < *size)
        return ADMIN_SHORT;
    struct wire_reader r;
    wire_reader_init(&r, (struct tally_bytes){bytes.data + used, length});
    uint32_t items = wire_read_array(&r, 4, 6);
    uint64_t kind = wire_read_uint(&r, 1, sizeof kinds / sizeof *kinds - 1);
    frame->request = (uint32_t)wire_read_uint(&r, 0, UINT32_MAX);
    if (!wire_reader_good(&r) || kinds[kind].items + 2 != items)
        return ADMIN_BAD;
    frame->kind = (enum admin_kind)kind;
    kinds[kind].read(&r, frame);
    return wire_reader_done(&r) ? ADMIN_READ : ADMIN_BAD;
}

static void write_message(struct wire_writer *w, const struct admin_frame *frame)
{
    wire_write_array(w, kinds[frame->kind].items + 2);
    wire_write_uint(w, (uint64_t)frame->kind);
    wire_write_uint(w, frame->request);
    switch (frame->kind) {
    case ADMIN_APPEND:
        wire_write_str(w, frame->append.name_space);
        wire_write_str(w, frame->append.type);
        wire_write_str(w, frame->append.profile);
        wire_write_bin(w, frame->append.body);
        break;
    case ADMIN_APPENDED:
        wire_write_uint(w, (uint64_t)frame->appended.error);
        wire_write_str(w, frame->appended.origin);
        wire_write_uint(w, frame->appended.index);
        wire_write_fixed(w, frame->appended.receipt.bytes, sizeof frame->appended.receipt.bytes);
        break;
    case ADMIN_QUERY:
        wire_write_str(w, frame->query.verb);
        wire_write_str(w, frame->query.argument);
        break;
    case ADMIN_ANSWER:
        wire_write_uint(w, (uint64_t)frame->answer.error);
        wire_write_bool(w, frame->answer.more);
        wire_write_bin(w, frame->answer.text);
        break;
    }
}

size_t admin_frame_write(const struct admin_frame *frame, uint8_t *bytes, size_t capacity)
{
    struct wire_writer w;
    size_t used = 0;
    if (capacity <= PREFIX)
        return 0;
    wire_writer_init(&w, bytes + PREFIX, capacity - PREFIX);
    write_message(&w, frame);
    struct tally_bytes message = wire_writer_bytes(&w);
    if (message.size == 0)
        return 0;
    for (size_t left = message.size; left > 0 || used == 0; left >>= 7)
        bytes[used++] = (uint8_t)((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
    memmove(bytes + used, message.data, message.size);
    return used + message.size;
}

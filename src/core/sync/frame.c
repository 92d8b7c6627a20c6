/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sync/frame.h"

#include "core/base/bytes.h"
#include "core/wire/frame.h"
#include "core/wire/writer.h"
#include "tally/error.h"

#include <assert.h>

void sync_inbox_init(struct sync_inbox *inbox, uint8_t bytes[TALLY_FRAME_MAX])
{
    *inbox = (struct sync_inbox){.bytes = bytes};
}

void sync_inbox_clear(struct sync_inbox *inbox)
{
    inbox->length = inbox->got = 0;
    inbox->shift = 0;
    inbox->known = false;
}

static struct tally_bytes take(struct tally_bytes *rest, size_t size)
{
    struct tally_bytes taken = bytes_of(rest->data, size);
    rest->data += size;
    rest->size -= size;
    return taken;
}

/* uvarint (multiformats): minimal, and here below 2^16. */
static enum tally_drop length_read(struct sync_inbox *inbox, struct tally_bytes *rest)
{
    while (!inbox->known && rest->size > 0) {
        uint8_t byte = *take(rest, 1).data;
        inbox->length |= (uint32_t)(byte & 0x7f) << inbox->shift;
        inbox->shift = (uint8_t)(inbox->shift + 7);
        inbox->known = byte < 0x80;
        if ((inbox->known && byte == 0) || (!inbox->known && inbox->shift == 21) ||
            inbox->length > TALLY_FRAME_MAX)
            return TALLY_DROP_MALFORMED;
    }
    return TALLY_DROP_NONE;
}

enum tally_drop sync_inbox_next(struct sync_inbox *inbox, struct tally_bytes *rest,
                                struct tally_bytes *frame)
{
    *frame = (struct tally_bytes){NULL, 0};
    enum tally_drop drop = length_read(inbox, rest);
    if (drop != TALLY_DROP_NONE || !inbox->known)
        return drop;
    if (inbox->got == 0 && rest->size >= inbox->length) {
        *frame = take(rest, inbox->length);
    } else {
        size_t part = inbox->length - inbox->got;
        if (part > rest->size)
            part = rest->size;
        memcpy(inbox->bytes + inbox->got, take(rest, part).data, part);
        inbox->got += (uint32_t)part;
        if (inbox->got < inbox->length)
            return TALLY_DROP_NONE;
        *frame = bytes_of(inbox->bytes, inbox->length);
    }
    sync_inbox_clear(inbox);
    return TALLY_DROP_NONE;
}

size_t sync_frame_put(const struct tally_sync_frame *message, uint8_t *frame, size_t capacity)
{
    struct wire_writer writer;
    assert(capacity > SYNC_LENGTH_MAX);
    wire_writer_init(&writer, frame + SYNC_LENGTH_MAX, capacity - SYNC_LENGTH_MAX);
    tally_sync_frame_write(message, &writer);
    size_t size = wire_writer_bytes(&writer).size;
    assert(size > 0 && size <= TALLY_FRAME_MAX);
    uint8_t prefix[WIRE_PREFIX_MAX];
    size_t length = wire_prefix_write(size, prefix);
    if (length < SYNC_LENGTH_MAX)
        memmove(frame + length, frame + SYNC_LENGTH_MAX, size);
    memcpy(frame, prefix, length);
    return length + size;
}

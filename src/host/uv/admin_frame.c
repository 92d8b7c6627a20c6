/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/admin_frame.h"

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
            return *length > 0 && *length <= TALLY_ADMIN_FRAME_SIZE_MAX ? ADMIN_READ : ADMIN_BAD;
        }
    }
    return ADMIN_BAD;
}

enum admin_read admin_frame_read(struct tally_bytes bytes, struct tally_admin_frame *frame,
                                 size_t *size)
{
    size_t length, used;
    enum admin_read state = read_length(bytes, &length, &used);
    *size = state == ADMIN_SHORT ? bytes.size + 1 : used + length;
    if (state != ADMIN_READ)
        return state;
    if (bytes.size < *size)
        return ADMIN_SHORT;
    enum tally_drop drop =
        tally_admin_frame_read((struct tally_bytes){bytes.data + used, length}, frame);
    return drop == TALLY_DROP_NONE ? ADMIN_READ : ADMIN_BAD;
}

size_t admin_frame_write(const struct tally_admin_frame *frame, uint8_t *bytes, size_t capacity)
{
    struct wire_writer w;
    size_t used = 0;
    if (capacity <= PREFIX)
        return 0;
    wire_writer_init(&w, bytes + PREFIX, capacity - PREFIX);
    tally_admin_frame_write(frame, &w);
    struct tally_bytes message = wire_writer_bytes(&w);
    if (message.size == 0)
        return 0;
    for (size_t left = message.size; left > 0 || used == 0; left >>= 7)
        bytes[used++] = (uint8_t)((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
    memmove(bytes + used, message.data, message.size);
    return used + message.size;
}

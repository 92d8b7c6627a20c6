/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/admin_frame.h"

#include "core/base/bytes.h"
#include "core/wire/frame.h"
#include "core/wire/writer.h"

enum admin_read admin_frame_read(struct tally_bytes bytes, struct tally_admin_frame *frame,
                                 size_t *size)
{
    struct tally_bytes message;
    enum wire_found found = wire_frame_find(bytes, TALLY_ADMIN_FRAME_SIZE_MAX, &message, size);
    if (found == WIRE_MORE)
        return ADMIN_SHORT;
    bool good = found == WIRE_WHOLE && tally_admin_frame_read(message, frame) == TALLY_DROP_NONE;
    return good ? ADMIN_READ : ADMIN_BAD;
}

size_t admin_frame_write(const struct tally_admin_frame *frame, uint8_t *bytes, size_t capacity)
{
    struct wire_writer w;
    uint8_t prefix[WIRE_PREFIX_MAX];
    if (capacity <= sizeof prefix)
        return 0;
    wire_writer_init(&w, bytes + sizeof prefix, capacity - sizeof prefix);
    tally_admin_frame_write(frame, &w);
    struct tally_bytes message = wire_writer_bytes(&w);
    if (message.size == 0)
        return 0;
    size_t used = wire_prefix_write(message.size, prefix);
    memcpy(bytes, prefix, used);
    memmove(bytes + used, message.data, message.size);
    return used + message.size;
}

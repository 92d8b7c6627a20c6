/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/bundle.h"

#include "core/base/bytes.h"

static bool take(struct tally_bytes *rest, size_t head, size_t size, struct tally_bytes *item)
{
    if (size > rest->size - head)
        return false;
    *item = bytes_of(rest->data + head, size);
    *rest = bytes_of(rest->data + head + size, rest->size - head - size);
    return true;
}

bool bundle_take_entry(struct tally_bytes *rest, struct tally_bytes *envelope)
{
    return rest->size >= 2 && take(rest, 2, be16_read(rest->data), envelope);
}

bool bundle_take_body(struct tally_bytes *rest, struct tally_bytes *body)
{
    if (rest->size < 4)
        return false;
    uint32_t size = be32_read(rest->data);
    bool absent = size == TALLY_BODY_ABSENT;
    if (!take(rest, 4, absent ? 0 : size, body))
        return false;
    if (absent)
        *body = (struct tally_bytes){0};
    return true;
}

bool tally_entries_skip(struct tally_bytes entries, unsigned count, size_t *size)
{
    struct tally_bytes rest = entries, item;
    for (unsigned i = 0; i < count; i++)
        if (!bundle_take_entry(&rest, &item))
            return false;
    *size = entries.size - rest.size;
    return true;
}

bool tally_bodies_skip(struct tally_bytes bodies, unsigned count, size_t *size)
{
    struct tally_bytes rest = bodies, item;
    for (unsigned i = 0; i < count; i++)
        if (!bundle_take_body(&rest, &item))
            return false;
    *size = bodies.size - rest.size;
    return true;
}

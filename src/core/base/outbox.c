/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/outbox.h"

#include "core/base/bytes.h"

#include <assert.h>

void outbox_init(struct outbox *outbox, struct tally_action *actions, size_t capacity,
                 uint8_t *arena, size_t size)
{
    *outbox =
        (struct outbox){.actions = actions, .capacity = capacity, .arena = arena, .size = size};
}

void outbox_clear(struct outbox *outbox)
{
    outbox->count = outbox->taken = outbox->used = 0;
}

bool outbox_next(struct outbox *outbox, struct tally_action *action)
{
    if (outbox->taken == outbox->count)
        return false;
    *action = outbox->actions[outbox->taken++];
    return true;
}

bool outbox_room(const struct outbox *outbox, size_t actions, size_t bytes)
{
    return outbox->capacity - outbox->count >= actions && outbox->size - outbox->used >= bytes;
}

struct tally_action *outbox_add(struct outbox *outbox, enum tally_action_kind kind)
{
    assert(outbox->count < outbox->capacity);
    struct tally_action *action = &outbox->actions[outbox->count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

uint8_t *outbox_take(struct outbox *outbox, size_t size)
{
    assert(size <= outbox->size - outbox->used);
    uint8_t *bytes = outbox->arena + outbox->used;
    outbox->used += size;
    return bytes;
}

struct tally_bytes outbox_copy(struct outbox *outbox, struct tally_bytes bytes)
{
    uint8_t *copy = outbox_take(outbox, bytes.size);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

void outbox_send(struct outbox *outbox, const struct tally_address *to, struct tally_bytes bytes)
{
    assert(bytes.size <= TALLY_DATAGRAM_MAX);
    if (!outbox_room(outbox, 1, bytes.size)) {
        outbox->lost++;
        return;
    }
    struct tally_action *action = outbox_add(outbox, TALLY_ACTION_SEND);
    action->send.to = *to;
    action->send.bytes = outbox_copy(outbox, bytes);
}

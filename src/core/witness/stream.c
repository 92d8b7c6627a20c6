/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: bytes in, frames out, and whose they are. */
#include "core/witness/stream.h"

#include "core/base/bytes.h"
#include "core/wire/frame.h"
#include "core/wire/writer.h"
#include "core/witness/inside.h"

#include <assert.h>

size_t stream_frame_put(const struct tally_federation_frame *message, uint8_t *bytes,
                        size_t capacity)
{
    struct wire_writer writer;
    uint8_t prefix[WIRE_PREFIX_MAX];
    if (capacity <= WIRE_PREFIX_MAX)
        return 0;
    wire_writer_init(&writer, bytes + WIRE_PREFIX_MAX, capacity - WIRE_PREFIX_MAX);
    tally_federation_frame_write(message, &writer);
    size_t size = wire_writer_bytes(&writer).size;
    if (size == 0)
        return 0;
    size_t length = wire_prefix_write(size, prefix);
    memmove(bytes + length, bytes + WIRE_PREFIX_MAX, size);
    memcpy(bytes, prefix, length);
    return length + size;
}

bool witness_waiting(const struct witness *witness, const struct tally_key *peer)
{
    const struct witness_peer *found = witness_peer_find(witness, peer);
    return found != NULL && found->state == PEER_WAITING;
}

bool witness_accepted(struct witness *witness, const struct tally_key *peer, uint32_t stream)
{
    for (unsigned i = 0; i < witness->options.servers; i++) {
        struct witness_server *server = &witness->servers[i];
        if (server->used)
            continue;
        server->used = true;
        server->peer = *peer;
        server->stream = stream;
        server->pending = server->count = 0;
        server->inbox.size = 0;
        return true;
    }
    return false;
}

void witness_closed(struct witness *witness, struct tally_now now, const struct tally_key *peer,
                    uint32_t stream)
{
    struct witness_server *server = stream != 0 ? witness_server_on(witness, stream) : NULL;
    struct witness_peer *asked =
        stream != 0 ? witness_peer_on(witness, stream) : witness_peer_find(witness, peer);
    if (server != NULL)
        server->used = false;
    if (asked != NULL && (stream != 0 || asked->state == PEER_WAITING))
        witness_peer_lost(witness, now, asked);
}

/* ---- Bytes in. ---- */

static enum tally_drop frame_receive(struct witness *witness, struct tally_now now, uint32_t stream,
                                     struct tally_bytes bytes, struct outbox *out)
{
    struct witness_peer *peer = witness_peer_on(witness, stream);
    struct witness_server *server = witness_server_on(witness, stream);
    struct tally_federation_frame frame;
    enum tally_drop drop = tally_federation_frame_read(bytes, &frame);
    if (drop == TALLY_DROP_UNKNOWN && server != NULL) {
        /* Of a later version: it is told so. */
        if (server->count + server->pending >= WITNESS_ANSWERS)
            return TALLY_DROP_BUSY;
        server->answers[server->count++] = (struct witness_answer){.kind = TALLY_FEDERATION_REFUSE,
                                                                   .request = frame.request,
                                                                   .status = TALLY_DROP_UNKNOWN};
        return TALLY_DROP_NONE;
    }
    if (drop != TALLY_DROP_NONE)
        return drop;
    return server != NULL ? witness_server_receive(witness, now, server, &frame, out)
                          : witness_peer_receive(witness, now, peer, &frame, out);
}

static struct witness_inbox *inbox_on(const struct witness *witness, uint32_t stream)
{
    struct witness_peer *peer = witness_peer_on(witness, stream);
    struct witness_server *server = witness_server_on(witness, stream);
    if (peer != NULL)
        return &peer->inbox;
    return server != NULL ? &server->inbox : NULL;
}

/* Takes all whole frames out of an inbox. */
static enum tally_drop inbox_read(struct witness *witness, struct tally_now now, uint32_t stream,
                                  struct witness_inbox *inbox, struct outbox *out)
{
    enum tally_drop drop = TALLY_DROP_NONE;
    size_t at = 0;
    while (drop == TALLY_DROP_NONE && at < inbox->size) {
        struct tally_bytes frame;
        size_t used;
        enum wire_found found = wire_frame_find(bytes_of(inbox->bytes + at, inbox->size - at),
                                                WITNESS_FRAME_MAX, &frame, &used);
        if (found == WIRE_BAD)
            return TALLY_DROP_MALFORMED;
        if (found == WIRE_MORE)
            break;
        drop = frame_receive(witness, now, stream, frame, out);
        if (inbox_on(witness, stream) != inbox)
            return drop; /* The stream was given up while it was read. */
        at += used;
    }
    inbox->size -= at;
    memmove(inbox->bytes, inbox->bytes + at, inbox->size);
    return drop;
}

enum tally_drop witness_receive(struct witness *witness, struct tally_now now, uint32_t stream,
                                struct tally_bytes bytes, struct outbox *out)
{
    enum tally_drop drop = TALLY_DROP_NONE;
    while (drop == TALLY_DROP_NONE && bytes.size > 0) {
        struct witness_inbox *inbox = inbox_on(witness, stream);
        if (inbox == NULL)
            return TALLY_DROP_NONE;
        size_t part = sizeof inbox->bytes - inbox->size;
        part = part < bytes.size ? part : bytes.size;
        assert(part > 0); /* A whole frame always fits, and was taken out. */
        memcpy(inbox->bytes + inbox->size, bytes.data, part);
        inbox->size += part;
        bytes = bytes_of(bytes.data + part, bytes.size - part);
        drop = inbox_read(witness, now, stream, inbox, out);
    }
    return drop;
}

/* ---- Frames out. ---- */

size_t witness_wants(const struct witness *witness, uint32_t stream)
{
    const struct witness_peer *peer = witness_peer_on(witness, stream);
    const struct witness_server *server = witness_server_on(witness, stream);
    bool due = peer != NULL     ? witness_peer_due(witness, peer)
               : server != NULL ? server->count > 0
                                : false;
    return due ? WITNESS_ROOM : 0;
}

size_t witness_compose(struct witness *witness, struct tally_now now, uint32_t stream,
                       uint8_t *frame, size_t capacity)
{
    struct witness_peer *peer = witness_peer_on(witness, stream);
    struct witness_server *server = witness_server_on(witness, stream);
    if (peer != NULL)
        return witness_peer_compose(witness, now, peer, frame, capacity);
    return server != NULL && server->count > 0
               ? witness_server_compose(witness, server, frame, capacity)
               : 0;
}

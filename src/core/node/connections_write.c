/* SPDX-License-Identifier: Apache-2.0 */
/* What connections have to say, written once at the end of each step. */
#include "core/node/connections.h"

#include "core/node/node.h"

static size_t wants(const struct tally_node *node, const struct connection_stream *stream)
{
    return stream->protocol == PROTOCOL_SYNC ? sync_wants(&node->sync, stream->handle)
                                             : witness_wants(&node->witness, stream->handle);
}

static size_t write_frame(struct tally_node *node, struct tally_now now,
                          const struct connection_stream *stream, uint8_t *frame, size_t size)
{
    return stream->protocol == PROTOCOL_SYNC
               ? sync_compose(&node->sync, now, stream->handle, frame, size)
               : witness_compose(&node->witness, now, stream->handle, frame, size);
}

/* Frames of streams, in turn, as long as the channel has room. */
static void compose(struct connections *connections, struct tally_now now,
                    struct connection *connection)
{
    struct tally_node *node = connections->node;
    unsigned idle = 0;
    while (idle < CONNECTION_STREAMS_MAX) {
        const struct connection_stream *stream =
            &connection->streams[connection->turn++ % CONNECTION_STREAMS_MAX];
        size_t size = stream->handle != 0 ? wants(node, stream) : 0;
        uint8_t *frame = size > 0 ? channel_reserve(connection->channel, stream->id, size) : NULL;
        size_t used = frame != NULL ? write_frame(node, now, stream, frame, size) : 0;
        if (used > 0)
            channel_commit(connection->channel, stream->id, used, false);
        idle = used > 0 ? 0 : idle + 1;
    }
}

/* Whether there is more to write than one action of a step took. */
static bool has_more(const struct tally_node *node, const struct connection *connection)
{
    if (channel_wants_output(connection->channel))
        return true;
    for (unsigned i = 0; !connection->closing && i < CONNECTION_STREAMS_MAX; i++) {
        const struct connection_stream *stream = &connection->streams[i];
        size_t size = stream->handle != 0 ? wants(node, stream) : 0;
        if (size > 0 && size <= channel_writable(connection->channel, stream->id))
            return true;
    }
    return false;
}

/* The bytes lie in the channel until the next step, so there is one write a step; who has more asks
   for that step. */
static void write_out(struct connections *connections, struct connection *connection)
{
    struct outbox *out = &connections->node->outbox;
    struct tally_bytes bytes = channel_output(connection->channel, connection->room);
    if (bytes.size == 0)
        return;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_WRITE);
    action->write.stream = connection->stream;
    action->write.bytes = bytes;
    connection->room -= bytes.size;
    connection->more = connection->room > 0 && has_more(connections->node, connection);
    connections->bytes_out += bytes.size;
}

static void flush(struct connections *connections, struct tally_now now,
                  struct connection *connection)
{
    struct outbox *out = &connections->node->outbox;
    connection->more = false;
    if (!connection->closing && connection->secured && connection->room > 0)
        compose(connections, now, connection);
    if (connection->channel != NULL && connection->room > 0 && outbox_room(out, 2, 0))
        write_out(connections, connection);
    else
        connection->more = connection->channel != NULL && connection->room > 0;
    if (connection->closing && !connection->ended && outbox_room(out, 1, 0)) {
        connection->ended = true;
        connection->more = false;
        outbox_add(out, TALLY_ACTION_CLOSE)->close.stream = connection->stream;
    }
}

/* Whether there may be something to write: nothing happened to most of them in a step. What came on
   one of them leaves the others as they are. */
static bool may_say(const struct tally_node *node, const struct connection *connection)
{
    if (connection->stirred)
        return true;
    for (unsigned i = 0; i < CONNECTION_STREAMS_MAX; i++) {
        const struct connection_stream *stream = &connection->streams[i];
        if (stream->handle != 0 && (stream->protocol != PROTOCOL_SYNC || node->sync.roused) &&
            wants(node, stream) > 0)
            return true;
    }
    return false;
}

void connections_flush(struct connections *connections, struct tally_now now)
{
    for (unsigned i = 0; connections->count > 0 && i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        bool anything = connection->channel != NULL || connection->closing;
        if (connection->stream == 0 || !anything || connection->ended ||
            !may_say(connections->node, connection))
            continue;
        flush(connections, now, connection);
        connection->stirred = true;
    }
    connections->node->sync.roused = false;
    connections_settle(connections);
}

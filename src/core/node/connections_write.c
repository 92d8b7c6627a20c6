/* SPDX-License-Identifier: Apache-2.0 */
/* What connections have to say, written once at the end of each step. */
#include "core/node/connections.h"

#include "core/node/node.h"

/* Frames of synchronisation, its streams in turn, as long as the channel has room. */
static void compose(struct connections *connections, struct tally_now now,
                    struct connection *connection)
{
    struct sync *sync = &connections->node->sync;
    unsigned idle = 0;
    while (idle < CONNECTION_SYNC_MAX) {
        struct sync_stream *stream = &connection->streams[connection->turn++ % CONNECTION_SYNC_MAX];
        size_t size = stream->handle != 0 ? sync_wants(sync, stream->handle) : 0;
        uint8_t *frame = size > 0 ? channel_reserve(connection->channel, stream->id, size) : NULL;
        size_t used = frame != NULL ? sync_compose(sync, now, stream->handle, frame, size) : 0;
        if (used > 0)
            channel_commit(connection->channel, stream->id, used, false);
        idle = used > 0 ? 0 : idle + 1;
    }
}

static void flush(struct connections *connections, struct tally_now now,
                  struct connection *connection)
{
    struct outbox *out = &connections->node->outbox;
    if (!connection->closing && connection->secured && connection->room > 0)
        compose(connections, now, connection);
    if (connection->channel != NULL && connection->room > 0 && outbox_room(out, 2, 0)) {
        struct tally_bytes bytes = channel_output(connection->channel, connection->room);
        if (bytes.size > 0) {
            struct tally_action *action = outbox_add(out, TALLY_ACTION_WRITE);
            action->write.stream = connection->stream;
            action->write.bytes = bytes;
            connection->room = 0; /* Until the host tells it anew. */
            connections->bytes_out += bytes.size;
        }
    }
    if (connection->closing && !connection->ended && outbox_room(out, 1, 0)) {
        connection->ended = true;
        outbox_add(out, TALLY_ACTION_CLOSE)->close.stream = connection->stream;
    }
}

void connections_flush(struct connections *connections, struct tally_now now)
{
    for (unsigned i = 0; connections->count > 0 && i < connections->capacity; i++) {
        struct connection *connection = &connections->list[i];
        bool anything = connection->channel != NULL || connection->closing;
        if (connection->stream != 0 && anything && !connection->ended)
            flush(connections, now, connection);
    }
}

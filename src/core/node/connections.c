/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/connections.h"

#include "core/base/bytes.h"
#include "core/node/node.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* A dial for a check: Linux sends three SYNs in this time, and whoever named the address may lie
   (reliability 3.1, row 5). */
enum { CHECK_MS = 5000 };

static const char *const protocols[PROTOCOLS] = {
    [PROTOCOL_SYNC] = "/tally/sync/1.0.0", [PROTOCOL_FEDERATION] = "/tally/federation/1.0.0"};

/* Of each channel, so that what is in it lies well. */
static size_t channel_room(void)
{
    size_t well = _Alignof(max_align_t);
    return (channel_size() + well - 1) / well * well;
}

bool connections_new(struct connections *connections, struct tally_node *node, unsigned capacity)
{
    *connections = (struct connections){.node = node, .capacity = capacity, .next = TALLY_NEVER};
    connections->list = calloc(capacity, sizeof *connections->list);
    /* A page that no connection has touched is not resident. */
    connections->memory = calloc(capacity, channel_room());
    if (connections->list == NULL || connections->memory == NULL) {
        connections_free(connections);
        return capacity == 0;
    }
    return true;
}

void connections_free(struct connections *connections)
{
    for (unsigned i = 0; i < connections->end; i++)
        if (connections->list[i].channel != NULL)
            channel_end(connections->list[i].channel);
    free(connections->list);
    free(connections->memory);
    connections->list = NULL;
    connections->memory = NULL;
}

/* ---- Who is who. ---- */

struct connection *connections_place(struct connections *connections)
{
    unsigned i = 0;
    while (i < connections->end && connections->list[i].stream != 0)
        i++;
    if (i == connections->capacity)
        return NULL;
    connections->end += i == connections->end;
    connections->list[i].memory = connections->memory + i * channel_room();
    return &connections->list[i];
}

static struct connection *connection_on(struct connections *connections, uint32_t stream)
{
    uint16_t *place = &connections->places[stream % CONNECTION_PLACES];
    if (*place < connections->end && connections->list[*place].stream == stream)
        return &connections->list[*place];
    for (unsigned i = 0; i < connections->end; i++)
        if (connections->list[i].stream == stream) {
            *place = (uint16_t)i;
            return &connections->list[i];
        }
    return NULL;
}

const struct connection *connections_find(const struct connections *connections,
                                          const struct tally_key *peer)
{
    for (unsigned i = 0; i < connections->end; i++) {
        const struct connection *connection = &connections->list[i];
        if (connection->stream != 0 && connection->secured && !connection->closing &&
            key_equal(&connection->peer, peer))
            return connection;
    }
    return NULL;
}

static struct connection_stream *stream_of(struct connection *connection, uint32_t id)
{
    for (unsigned i = 0; i < CONNECTION_STREAMS_MAX; i++)
        if (connection->streams[i].handle != 0 && connection->streams[i].id == id)
            return &connection->streams[i];
    return NULL;
}

static struct connection_stream *stream_new(struct connections *connections,
                                            struct connection *connection, uint32_t id,
                                            enum connection_protocol protocol)
{
    for (unsigned i = 0; i < CONNECTION_STREAMS_MAX; i++) {
        struct connection_stream *stream = &connection->streams[i];
        if (stream->handle != 0)
            continue;
        *stream = (struct connection_stream){
            .handle = ++connections->last_handle, .id = id, .protocol = protocol};
        return stream;
    }
    return NULL;
}

/* ---- The life of a connection. ---- */

/* Limits on half-open connections: each costs us three key exchanges and a signature. And a quarter
   of all is left for those we dial, or strangers could keep us from whom we want to reach. */
static bool may_accept(const struct connections *connections, const struct tally_address *remote)
{
    unsigned accepted = 0, half_open = 0, near = 0;
    for (unsigned i = 0; i < connections->end; i++) {
        const struct connection *connection = &connections->list[i];
        if (connection->stream == 0 || connection->dialled)
            continue;
        accepted++;
        if (connection->secured)
            continue;
        size_t prefix = address_prefix(&connection->remote);
        half_open++;
        near += prefix == address_prefix(remote) &&
                memcmp(connection->remote.ip, remote->ip, prefix) == 0;
    }
    return half_open < TALLY_HALF_OPEN_MAX && near < TALLY_HALF_OPEN_PER_PREFIX &&
           accepted < connections->capacity - connections->capacity / 4;
}

static void connection_open(struct connections *connections, struct tally_now now,
                            struct connection *connection)
{
    struct tally_node *node = connections->node;
    struct tally_address listen[CHANNEL_ADDRESSES_MAX];
    const struct reaching *reaching = &node->datagrams.reaching;
    const struct channel_options options = {
        .dialler = connection->initiator,
        .key = &node->options.key,
        .crypto = &node->options.crypto,
        .sealing = node->options.sealing,
        .secret = &node->options.secret,
        .expected = connection->expected ? &connection->peer : NULL,
        .protocols = protocols,
        .protocol_count = sizeof protocols / sizeof *protocols,
        .remote = connection->remote,
        .listen = listen,
        .listen_count = own_tell(&reaching->reach.own, reaching->policy, &connection->remote,
                                 TALLY_TRANSPORT_TCP, listen, CHANNEL_ADDRESSES_MAX),
        .agent = "tally/" TALLY_VERSION,
    };
    connection->open = connection->stirred = true;
    connection->since = now.mono;
    connection->channel = channel_init(connection->memory, &options, now);
}

static void on_open(struct connections *connections, struct tally_now now,
                    const struct tally_event *event)
{
    struct connection *connection = NULL;
    uint32_t stream = event->stream_open.stream;
    if (event->stream_open.dialled) {
        connection = connection_on(connections, stream);
        if (connection != NULL && connection->closing)
            return; /* Too late: CLOSE is on its way. */
    } else if (may_accept(connections, &event->stream_open.remote)) {
        connection = connections_place(connections);
        if (connection != NULL) {
            *connection = (struct connection){.memory = connection->memory,
                                              .stream = stream,
                                              .remote = event->stream_open.remote};
            connections->count++;
            node_awaited(connections->node, connection);
        }
    }
    if (connection == NULL) {
        node_drop(connections->node, now, TALLY_DROP_BUSY, NULL);
        outbox_add(&connections->node->outbox, TALLY_ACTION_CLOSE)->close.stream = stream;
        return;
    }
    connection_open(connections, now, connection);
}

/* The channel is over: what it still has to say is written by the flush, then the stream closes. */
static void connection_close(struct connections *connections, struct tally_now now,
                             struct connection *connection, enum tally_drop drop)
{
    if (connection->closing)
        return;
    connection->closing = connection->stirred = true;
    node_trace(connections->node, now,
               &(struct tally_trace){
                   .kind = TALLY_TRACE_DISCONNECTED,
                   .drop = drop,
                   .peer = connection->secured || connection->expected ? &connection->peer : NULL,
                   .a = connection->stream});
    if (drop != TALLY_DROP_NONE)
        node_drop(connections->node, now, drop, NULL);
}

/* Its user learns that a stream is gone; the place is free before, for what follows. */
static void stream_closed(struct tally_node *node, struct tally_now now,
                          const struct connection *connection, struct connection_stream *stream)
{
    uint32_t handle = stream->handle;
    stream->handle = 0;
    if (stream->protocol == PROTOCOL_SYNC)
        sync_closed(&node->sync, now, &connection->peer, handle, &node->outbox);
    else
        witness_closed(&node->witness, now, &connection->peer, handle);
}

static void on_closed(struct connections *connections, struct tally_now now,
                      const struct tally_event *event)
{
    struct connection *connection = connection_on(connections, event->stream_closed.stream);
    struct tally_node *node = connections->node;
    if (connection == NULL)
        return;
    for (unsigned i = 0; i < CONNECTION_STREAMS_MAX; i++)
        if (connection->streams[i].handle != 0)
            stream_closed(node, now, connection, &connection->streams[i]);
    if (!connection->closing && connection->open)
        connection_close(connections, now, connection, TALLY_DROP_NONE);
    struct tally_key peer = connection->peer;
    const struct tally_address remote = connection->remote;
    bool failed = connection->dialled && !connection->secured && !connection->check;
    /* One that never opened was given up by us. */
    enum tally_error error = connection->closing && connection->channel == NULL
                                 ? TALLY_TIMED_OUT
                                 : event->stream_closed.error;
    if (connection->channel != NULL)
        channel_end(connection->channel);
    *connection = (struct connection){.memory = connection->memory};
    connections->count--;
    if (!failed)
        return;
    /* Another connection may have come up meanwhile: both ends dialled at once. */
    if (connections_find(connections, &peer) != NULL)
        connections_want(connections, now, &peer);
    else if (!node_dial_failed(node, now, &peer, &remote, error))
        connections_unreached(connections, now, &peer);
}

/* ---- What a channel tells. ---- */

static bool waits(const struct tally_node *node, const struct tally_key *peer,
                  enum connection_protocol protocol)
{
    return protocol == PROTOCOL_SYNC ? sync_waiting(&node->sync, peer)
                                     : witness_waiting(&node->witness, peer);
}

static bool opened(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                   const struct connection_stream *stream)
{
    return stream->protocol == PROTOCOL_SYNC
               ? sync_opened(&node->sync, now, peer, stream->handle)
               : witness_opened(&node->witness, now, peer, stream->handle);
}

static void offer(struct connections *connections, struct tally_now now,
                  struct connection *connection, enum connection_protocol protocol)
{
    struct tally_node *node = connections->node;
    if (!waits(node, &connection->peer, protocol))
        return;
    connection->stirred = true;
    uint32_t id = channel_open(connection->channel, protocol);
    struct connection_stream *stream =
        id != 0 ? stream_new(connections, connection, id, protocol) : NULL;
    if (stream != NULL && opened(node, now, &connection->peer, stream))
        return;
    if (stream != NULL)
        stream->handle = 0;
    if (id != 0)
        channel_reset(connection->channel, id);
}

void connections_offer(struct connections *connections, struct tally_now now,
                       struct connection *connection)
{
    for (enum connection_protocol protocol = 0; protocol < PROTOCOLS; protocol++)
        offer(connections, now, connection, protocol);
}

static enum tally_drop may(const struct connections *connections, const struct tally_key *peer,
                           enum admission_act act)
{
    return admission(&connections->node->federating.fold, peer, act);
}

static void on_secured(struct connections *connections, struct tally_now now,
                       struct connection *connection, const struct tally_key *peer)
{
    unsigned same = 0;
    if (key_equal(peer, &connections->node->options.key)) {
        channel_close(connection->channel, TALLY_DROP_SELF);
        connection_close(connections, now, connection, TALLY_DROP_SELF);
        return;
    }
    enum tally_drop refused = may(connections, peer, ADMISSION_LINK);
    if (refused != TALLY_DROP_NONE) {
        channel_close(connection->channel, refused);
        connection_close(connections, now, connection, refused);
        return;
    }
    for (unsigned i = 0; i < connections->end; i++)
        same += connections->list[i].secured && key_equal(&connections->list[i].peer, peer);
    if (same >= TALLY_CONNECTIONS_PER_PEER) {
        channel_close(connection->channel, TALLY_DROP_BUSY);
        connection_close(connections, now, connection, TALLY_DROP_BUSY);
        return;
    }
    connection->secured = true;
    connection->peer = *peer;
    node_secured(connections->node, now, connection);
    node_trace(connections->node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_CONNECTED,
                                     .peer = &connection->peer,
                                     .a = connection->stream});
    if (connection->check) {
        channel_close(connection->channel, TALLY_DROP_NONE);
        connection_close(connections, now, connection, TALLY_DROP_NONE);
        return;
    }
    connections_offer(connections, now, connection);
}

/* Streams of the peer's: of who began those have odd numbers (yamux). */
static unsigned served(const struct connection *connection, enum connection_protocol protocol)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CONNECTION_STREAMS_MAX; i++)
        count += connection->streams[i].handle != 0 &&
                 connection->streams[i].protocol == protocol &&
                 (connection->streams[i].id % 2 == 1) != connection->initiator;
    return count;
}

static void on_opened(struct connections *connections, struct connection *connection,
                      const struct channel_news *news)
{
    if (news->opened.ours)
        return; /* The stream was in use from the first byte. */
    struct tally_node *node = connections->node;
    enum connection_protocol protocol = (enum connection_protocol)news->opened.protocol;
    struct connection_stream *stream =
        served(connection, protocol) < CONNECTION_SERVED_MAX
            ? stream_new(connections, connection, news->stream, protocol)
            : NULL;
    bool taken = stream != NULL &&
                 (protocol == PROTOCOL_SYNC
                      ? sync_accepted(&node->sync, &connection->peer, stream->handle)
                      : witness_accepted(&node->witness, &connection->peer, stream->handle));
    if (taken)
        return;
    if (stream != NULL)
        stream->handle = 0;
    channel_reset(connection->channel, news->stream);
}

static void on_data(struct connections *connections, struct tally_now now,
                    struct connection *connection, const struct channel_news *news)
{
    struct tally_node *node = connections->node;
    struct connection_stream *stream = stream_of(connection, news->stream);
    if (stream == NULL)
        return;
    size_t size = news->data.size;
    enum tally_drop drop =
        stream->protocol == PROTOCOL_SYNC
            ? sync_receive(&node->sync, now, stream->handle, news->data, &node->outbox)
            : witness_receive(&node->witness, now, stream->handle, news->data, &node->outbox);
    channel_consumed(connection->channel, news->stream, size);
    if (drop == TALLY_DROP_NONE)
        return;
    node_blame(node, now, drop, &connection->peer);
    channel_reset(connection->channel, news->stream);
    stream_closed(node, now, connection, stream);
}

static void on_end(struct connections *connections, struct tally_now now,
                   struct connection *connection, const struct channel_news *news)
{
    struct connection_stream *stream = stream_of(connection, news->stream);
    if (stream == NULL)
        return;
    if (news->kind == CHANNEL_FINISHED)
        channel_reset(connection->channel, news->stream);
    stream_closed(connections->node, now, connection, stream);
}

/* /libp2p/fetch: «/tally/checkpoint/ORIGIN» gives any libp2p program a log's checkpoint. */
static void on_fetch(struct connections *connections, struct tally_now now,
                     struct connection *connection, const struct channel_news *news)
{
    static const char prefix[] = "/tally/checkpoint/";
    const struct tally_ledger *ledger = &connections->node->options.ledger;
    uint8_t note[TALLY_CHECKPOINT_MAX * 4];
    struct tally_hash origin;
    size_t skip = sizeof prefix - 1, size = 0;
    enum tally_drop refused = may(connections, &connection->peer, ADMISSION_REQUEST);
    if (refused != TALLY_DROP_NONE) {
        node_drop(connections->node, now, refused, &connection->peer);
    } else if (news->key.size > skip && memcmp(news->key.data, prefix, skip) == 0) {
        tally_origin_hash(bytes_of(news->key.data + skip, news->key.size - skip), &origin);
        size = ledger->checkpoint(ledger->context, &origin, note, sizeof note);
    }
    if (!channel_fetch_answer(connection->channel, news->stream,
                              size > 0 ? CHANNEL_FETCH_OK : CHANNEL_FETCH_NOT_FOUND,
                              bytes_of(note, size)))
        channel_reset(connection->channel, news->stream);
}

static void on_news(struct connections *connections, struct tally_now now,
                    struct connection *connection, const struct channel_news *news)
{
    switch (news->kind) {
    case CHANNEL_SECURED:
        on_secured(connections, now, connection, &news->secured.peer);
        return;
    case CHANNEL_OPENED:
        on_opened(connections, connection, news);
        return;
    case CHANNEL_DATA:
        on_data(connections, now, connection, news);
        return;
    case CHANNEL_FINISHED:
    case CHANNEL_RESET:
        on_end(connections, now, connection, news);
        return;
    case CHANNEL_IDENTIFIED:
        memcpy(connection->agent, news->identity.agent,
               strnlen(news->identity.agent, CHANNEL_AGENT_MAX));
        if (news->identity.has_observed)
            node_stream_observed(connections->node, now, connection, &news->identity.observed);
        return;
    case CHANNEL_FETCH:
        on_fetch(connections, now, connection, news);
        return;
    case CHANNEL_REFUSED:
        node_drop(connections->node, now, news->end.drop, NULL);
        return;
    case CHANNEL_CLOSED:
        connection_close(connections, now, connection, news->end.drop);
        return;
    case CHANNEL_PONG:
        return;
    }
}

static void news_take(struct connections *connections, struct tally_now now,
                      struct connection *connection)
{
    struct channel_news news;
    while (channel_next(connection->channel, &news))
        if (!connection->closing)
            on_news(connections, now, connection, &news);
}

void connections_on_event(struct connections *connections, struct tally_now now,
                          const struct tally_event *event)
{
    struct connection *connection;
    if (event->kind == TALLY_EVENT_STREAM_OPEN) {
        on_open(connections, now, event);
    } else if (event->kind == TALLY_EVENT_STREAM_CLOSED) {
        on_closed(connections, now, event);
    } else if (event->kind == TALLY_EVENT_STREAM_ROOM) {
        connection = connection_on(connections, event->stream_room.stream);
        if (connection == NULL)
            return;
        connection->room = event->stream_room.room;
        connection->stirred = true;
    } else {
        connection = connection_on(connections, event->stream_bytes.stream);
        assert(event->stream_bytes.bytes.size <= TALLY_STREAM_BYTES_MAX);
        if (connection == NULL || connection->channel == NULL || connection->closing)
            return;
        connections->bytes_in += event->stream_bytes.bytes.size;
        connection->stirred = true;
        channel_feed(connection->channel, now, event->stream_bytes.bytes);
        news_take(connections, now, connection);
    }
}

void connections_close(struct connections *connections, uint32_t handle)
{
    for (unsigned i = 0; i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        for (unsigned j = 0; connection->stream != 0 && j < CONNECTION_STREAMS_MAX; j++) {
            if (connection->streams[j].handle != handle)
                continue;
            connection->streams[j].handle = 0;
            connection->stirred = true;
            channel_reset(connection->channel, connection->streams[j].id);
        }
    }
}

/* ---- Time. ---- */

/* Systems try to connect for two minutes; who answers no sooner than an upgrade may take is gone.
 */
static struct tally_mono deadline(const struct connection *connection)
{
    if (connection->stream == 0 || connection->closing)
        return TALLY_NEVER;
    if (connection->channel == NULL)
        return (struct tally_mono){connection->since.ms +
                                   (connection->check ? CHECK_MS : TALLY_UPGRADE_MS)};
    return channel_deadline(connection->channel);
}

struct tally_mono connections_deadline(const struct connections *connections)
{
    return connections->next;
}

/* As it was computed when it was last stirred. */
static struct tally_mono due(const struct connection *connection)
{
    return connection->stirred ? deadline(connection) : connection->deadline;
}

void connections_settle(struct connections *connections)
{
    connections->next = TALLY_NEVER;
    for (unsigned i = 0; connections->count > 0 && i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        if (connection->stream == 0)
            continue;
        connection->deadline = due(connection);
        /* Who has more to write, and room for it, is stirred until that is done. */
        connection->stirred = connection->more;
        struct tally_mono one =
            connection->more ? connections->node->stepped.mono : connection->deadline;
        if (one.ms < connections->next.ms)
            connections->next = one;
    }
}

void connections_tick(struct connections *connections, struct tally_now now)
{
    for (unsigned i = 0; connections->count > 0 && i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        if (connection->stream == 0 || due(connection).ms > now.mono.ms)
            continue;
        /* What a lost stream leaves behind is released; without room it stays due. */
        if (!outbox_room(&connections->node->outbox, 2 * SYNC_PACKAGES, 0))
            return;
        connection->stirred = true;
        if (connection->channel == NULL) {
            connection_close(connections, now, connection, TALLY_DROP_SILENT);
            continue;
        }
        channel_tick(connection->channel, now);
        news_take(connections, now, connection);
    }
}

static void part(struct connections *connections, struct tally_now now,
                 struct connection *connection, enum tally_drop drop)
{
    if (connection->channel == NULL || connection->closing)
        return;
    channel_close(connection->channel, drop);
    connection_close(connections, now, connection, drop);
}

void connections_part(struct connections *connections, struct tally_now now,
                      const struct tally_key *peer)
{
    for (unsigned i = 0; i < connections->end; i++)
        if (connections->list[i].stream != 0 && key_equal(&connections->list[i].peer, peer))
            part(connections, now, &connections->list[i], TALLY_DROP_NONE);
}

void connections_admit(struct connections *connections, struct tally_now now)
{
    for (unsigned i = 0; i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        if (connection->stream != 0 && connection->secured &&
            may(connections, &connection->peer, ADMISSION_LINK) != TALLY_DROP_NONE)
            part(connections, now, connection, TALLY_DROP_NONE);
    }
}

void connections_stop(struct connections *connections)
{
    for (unsigned i = 0; i < connections->end; i++) {
        struct connection *connection = &connections->list[i];
        if (connection->channel == NULL || connection->closing)
            continue;
        channel_close(connection->channel, TALLY_DROP_NONE);
        connection->closing = connection->stirred = true;
    }
}

bool connections_holds(const struct connections *connections)
{
    unsigned count = 0;
    for (unsigned i = 0; i < connections->end; i++) {
        const struct connection *connection = &connections->list[i];
        count += connection->stream != 0;
        if (connection->channel != NULL && !channel_holds(connection->channel))
            return false;
        if (connection->stream != 0 && !connection->stirred &&
            connection->deadline.ms != deadline(connection).ms)
            return false;
    }
    return count == connections->count;
}

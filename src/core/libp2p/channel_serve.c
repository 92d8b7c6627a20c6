/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/channel_private.h"

#include "core/base/bytes.h"

static void wait_at_most(struct channel *channel, struct side *side, uint64_t ms)
{
    side->deadline = (struct tally_mono){channel->now.mono.ms + ms};
}

static const char *begin_ping(struct channel *channel, struct side *side)
{
    for (unsigned i = 0; i < CHANNEL_PINGS_MAX; i++)
        if (!channel->pings[i].used) {
            channel->pings[i] = (struct ping_reader){.used = true};
            side->reader = (uint8_t)i;
            side->role = SIDE_PING;
            side->deadline = TALLY_NEVER;
            return NULL;
        }
    return "more than 2 ping streams";
}

static const char *begin_fetch(struct channel *channel, struct side *side)
{
    for (unsigned i = 0; i < CHANNEL_FETCHES_MAX; i++)
        if (!channel->fetch_used[i]) {
            channel->fetch_used[i] = true;
            channel->fetches[i].delimited = (struct delimited){.sized = false};
            side->reader = (uint8_t)i;
            side->role = SIDE_FETCH;
            return NULL;
        }
    return "more than 16 fetch requests";
}

static const char *begin_reading(struct channel *channel, struct side *side, unsigned which)
{
    struct identify_reader *reader = &channel->readers[which];
    if (channel->reader_used[which])
        return "an identify push during another";
    channel->reader_used[which] = true;
    reader->messages = 0;
    reader->delimited = (struct delimited){.sized = false};
    identify_begin(&channel->identify);
    side->reader = (uint8_t)which;
    side->role = SIDE_READING;
    return NULL;
}

static const char *begin_identify(struct channel *channel, struct side *side)
{
    for (unsigned i = 0; i < channel->yamux.slot_end; i++)
        if (channel->sides[i].role == SIDE_IDENTIFY && channel->sides[i].identify_due)
            return "more than 1 identify request";
    side->role = SIDE_IDENTIFY;
    side->identify_due = true;
    return NULL;
}

const char *serve_begin(struct channel *channel, unsigned slot, unsigned service)
{
    struct side *side = &channel->sides[slot];
    side->service = service;
    wait_at_most(channel, side, TALLY_NEGOTIATE_MS);
    switch (service) {
    case SERVICE_IDENTIFY:
        if (!side->ours)
            return begin_identify(channel, side);
        wait_at_most(channel, side, CHANNEL_IDENTIFY_MS);
        return begin_reading(channel, side, 0);
    case SERVICE_PUSH:
        return begin_reading(channel, side, 1);
    case SERVICE_PING:
        return begin_ping(channel, side);
    case SERVICE_FETCH:
        return begin_fetch(channel, side);
    default:
        side->role = SIDE_APP;
        side->deadline = TALLY_NEVER;
        return NULL;
    }
}

void serve_end(struct channel *channel, unsigned slot)
{
    struct side *side = &channel->sides[slot];
    if (side->role == SIDE_PING)
        channel->pings[side->reader].used = false;
    if (side->role == SIDE_FETCH)
        channel->fetch_used[side->reader] = false;
    if (side->role == SIDE_READING)
        channel->reader_used[side->reader] = false;
    side->role = SIDE_NONE;
}

bool refuse_stream(struct channel *channel, unsigned slot, enum tally_drop drop, const char *why,
                   struct channel_news *news)
{
    const struct side *side = &channel->sides[slot];
    bool known = side->service >= SERVICE_OURS && (side->ours || side->role == SIDE_APP);
    *news = (struct channel_news){.kind = known ? CHANNEL_RESET : CHANNEL_REFUSED,
                                  .stream = channel->yamux.streams[slot].id,
                                  .end = {drop, why}};
    stream_reset(channel, slot);
    return true;
}

static bool write_small(struct channel *channel, unsigned slot, struct tally_bytes bytes,
                        bool finish)
{
    uint8_t *out = yamux_reserve(&channel->yamux, &channel->tx, slot, bytes.size, 0);
    if (out == NULL)
        return false;
    memcpy(out, bytes.data, bytes.size);
    yamux_commit(&channel->yamux, &channel->tx, slot, bytes.size, finish);
    return true;
}

bool serve_identify(struct channel *channel, unsigned slot)
{
    uint8_t message[2 + IDENTIFY_OUT_MAX];
    const struct identify_own own = {
        .key = channel->options.key,
        .listen = channel->listen,
        .listen_count = channel->options.listen_count,
        .protocol = channel_service_id,
        .context = channel,
        .observed = channel->options.remote,
        .agent = channel->options.agent,
    };
    return write_small(channel, slot, bytes_of(message, identify_write(&own, message)), true);
}

/* Echoes each whole block; a peer that does not read its echoes is cut off. */
static bool on_ping(struct channel *channel, unsigned slot, struct tally_bytes *data,
                    struct channel_news *news)
{
    struct ping_reader *ping = &channel->pings[channel->sides[slot].reader];
    while (data->size > 0) {
        size_t size = sizeof ping->block - ping->have;
        if (size > data->size)
            size = data->size;
        memcpy(ping->block + ping->have, data->data, size);
        ping->have += size;
        *data = bytes_of(data->data + size, data->size - size);
        if (ping->have < sizeof ping->block)
            break;
        ping->have = 0;
        if (!stream_flush(channel, slot) ||
            !write_small(channel, slot, bytes_of(ping->block, sizeof ping->block), false))
            return refuse_stream(channel, slot, TALLY_DROP_BUSY, "pings without reading the echo",
                                 news);
    }
    return false;
}

static bool on_fetch(struct channel *channel, unsigned slot, struct tally_bytes *data,
                     struct channel_news *news)
{
    struct side *side = &channel->sides[slot];
    struct fetch_reader *reader = &channel->fetches[side->reader];
    struct tally_bytes message, key;
    switch (
        delimited_take(&reader->delimited, reader->bytes, sizeof reader->bytes, data, &message)) {
    case DELIMITED_MORE:
        return false;
    case DELIMITED_BAD:
        return refuse_stream(channel, slot, TALLY_DROP_PROTOCOL, "a fetch request above 1024 bytes",
                             news);
    case DELIMITED_DONE:
        break;
    }
    if (!fetch_request_read(message, &key))
        return refuse_stream(channel, slot, TALLY_DROP_MALFORMED, "a malformed fetch request",
                             news);
    /* One request a stream: what follows is not listened to, and the node has the word. */
    serve_end(channel, slot);
    side->role = SIDE_APP;
    side->deadline = TALLY_NEVER;
    *data = bytes_of(NULL, 0);
    *news = (struct channel_news){
        .kind = CHANNEL_FETCH, .stream = channel->yamux.streams[slot].id, .key = key};
    return true;
}

static bool on_identify(struct channel *channel, unsigned slot, struct tally_bytes *data,
                        struct channel_news *news)
{
    struct identify_reader *reader = &channel->readers[channel->sides[slot].reader];
    struct tally_bytes message;
    while (data->size > 0) {
        switch (delimited_take(&reader->delimited, reader->bytes, sizeof reader->bytes, data,
                               &message)) {
        case DELIMITED_MORE:
            continue;
        case DELIMITED_BAD:
            return refuse_stream(channel, slot, TALLY_DROP_PROTOCOL,
                                 "an identify message above 8192 bytes", news);
        case DELIMITED_DONE:
            break;
        }
        if (++reader->messages > IDENTIFY_MESSAGES_MAX)
            return refuse_stream(channel, slot, TALLY_DROP_PROTOCOL,
                                 "more than 10 identify messages", news);
        enum tally_drop drop = identify_read(message, &channel->peer.key, channel->options.crypto,
                                             channel->options.protocols,
                                             channel->options.protocol_count, &channel->identify);
        if (drop != TALLY_DROP_NONE)
            return refuse_stream(channel, slot, drop, "identify is malformed or names another key",
                                 news);
    }
    return false;
}

bool serve_data(struct channel *channel, unsigned slot, struct tally_bytes *data,
                struct channel_news *news)
{
    switch (channel->sides[slot].role) {
    case SIDE_PING:
        return on_ping(channel, slot, data, news);
    case SIDE_FETCH:
        return on_fetch(channel, slot, data, news);
    case SIDE_READING:
        return on_identify(channel, slot, data, news);
    case SIDE_IDENTIFY: /* The asker has nothing to say; if it does, nobody listens. */
    case SIDE_NONE:
    case SIDE_ASKED:
    case SIDE_ASKING:
    case SIDE_APP:
        break;
    }
    *data = bytes_of(NULL, 0);
    return false;
}

static bool identified(struct channel *channel, unsigned slot, struct channel_news *news)
{
    const struct identify *identify = &channel->identify;
    unsigned messages = channel->readers[channel->sides[slot].reader].messages;
    serve_end(channel, slot);
    if (messages == 0)
        return false;
    *news = (struct channel_news){.kind = CHANNEL_IDENTIFIED,
                                  .identity = {.agent = identify->agent,
                                               .has_observed = identify->has_observed,
                                               .observed = identify->observed,
                                               .addresses = identify->addresses,
                                               .address_count = identify->address_count,
                                               .protocols = identify->protocols}};
    return true;
}

bool serve_finished(struct channel *channel, unsigned slot, struct channel_news *news)
{
    struct side *side = &channel->sides[slot];
    bool finish = !channel->yamux.streams[slot].fin_out;
    switch (side->role) {
    case SIDE_PING:
    case SIDE_READING:
        if (finish)
            yamux_commit(&channel->yamux, &channel->tx, slot, 0, true);
        if (side->role == SIDE_READING)
            return identified(channel, slot, news);
        serve_end(channel, slot);
        return false;
    case SIDE_ASKED:
    case SIDE_ASKING:
    case SIDE_FETCH:
        return refuse_stream(channel, slot, TALLY_DROP_PROTOCOL,
                             "a stream that ended before its request", news);
    case SIDE_APP:
        *news = (struct channel_news){.kind = CHANNEL_FINISHED,
                                      .stream = channel->yamux.streams[slot].id};
        return side->service >= SERVICE_OURS;
    case SIDE_IDENTIFY:
        if (!side->identify_due)
            serve_end(channel, slot);
        return false;
    case SIDE_NONE:
        return false;
    }
    return false;
}

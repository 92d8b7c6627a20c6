/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/channel_private.h"

#include "core/base/bytes.h"

void stream_reset(struct channel *channel, unsigned slot)
{
    serve_end(channel, slot);
    if (channel->data_slot == slot)
        channel->data = bytes_of(NULL, 0);
    if (!yamux_reset(&channel->yamux, slot))
        channel_fail(channel, TALLY_DROP_BUSY, "more than 128 streams wait for their reset");
}

/* What goes with a slot that was never used before has no past. */
static void sides_begin(struct channel *channel)
{
    while (channel->side_end < channel->yamux.slot_end)
        channel->sides[channel->side_end++] = (struct side){.role = SIDE_NONE};
}

uint32_t stream_open(struct channel *channel, unsigned service)
{
    const char *id = channel_service_id(channel, service);
    size_t size = MULTISTREAM_HEADER_SIZE + MULTISTREAM_SIZE(strlen(id));
    if (tx_room(&channel->tx, 0) < YAMUX_HEADER + size)
        return 0;
    int slot = yamux_open(&channel->yamux);
    if (slot < 0)
        return 0;
    struct side *side = &channel->sides[slot];
    sides_begin(channel);
    serve_end(channel, (unsigned)slot);
    *side = (struct side){
        .role = SIDE_ASKING,
        .service = service,
        .ours = true,
        .deadline = {channel->now.mono.ms + TALLY_NEGOTIATE_MS},
    };
    multistream_init(&side->ms, true);
    /* SYN, header and proposal in one frame; the caller's data may follow in the same packet. */
    uint8_t *out = yamux_reserve(&channel->yamux, &channel->tx, (unsigned)slot, size, 0);
    size = multistream_write(MULTISTREAM_HEADER, out);
    size += multistream_write(id, out + size);
    yamux_commit(&channel->yamux, &channel->tx, (unsigned)slot, size, false);
    return channel->yamux.streams[slot].id;
}

/* All answers that are owed in one frame. */
static bool flush_answers(struct channel *channel, unsigned slot)
{
    struct side *side = &channel->sides[slot];
    uint8_t bytes[MULTISTREAM_PROPOSALS_MAX * MULTISTREAM_HEADER_SIZE + MULTISTREAM_HEADER_SIZE +
                  MULTISTREAM_SIZE(MULTISTREAM_KEPT_MAX)];
    const char *id = channel_service_id(channel, side->service);
    struct multistream ms = side->ms;
    size_t size = 0, more;
    if (ms.answers == 0 || channel->yamux.streams[slot].fin_out)
        return true;
    while ((more = multistream_answer(&ms, id, bytes + size)) > 0)
        size += more;
    uint8_t *out = yamux_reserve(&channel->yamux, &channel->tx, slot, size, 0);
    if (out == NULL)
        return false;
    memcpy(out, bytes, size);
    yamux_commit(&channel->yamux, &channel->tx, slot, size, false);
    side->ms = ms;
    return true;
}

bool stream_flush(struct channel *channel, unsigned slot)
{
    struct side *side = &channel->sides[slot];
    if (channel->yamux.streams[slot].id == 0)
        return true;
    if (!flush_answers(channel, slot))
        return false;
    if (side->identify_due) {
        if (!serve_identify(channel, slot))
            return false;
        side->identify_due = false;
    }
    return true;
}

void streams_flush(struct channel *channel)
{
    if (channel->stage != STAGE_OPEN)
        return;
    for (unsigned i = 0; i < channel->yamux.slot_end; i++)
        if (channel->sides[i].role != SIDE_NONE)
            (void)stream_flush(channel, i);
    yamux_flush(&channel->yamux, &channel->tx);
}

struct own_menu {
    const struct channel *channel;
    unsigned service;
};

/* A dialler's menu is the one id it proposed. */
static const char *own_id(const void *context, unsigned i)
{
    const struct own_menu *own = context;
    return i == 0 ? channel_service_id(own->channel, own->service) : NULL;
}

static bool agreed(struct channel *channel, unsigned slot, unsigned service,
                   struct channel_news *news)
{
    struct side *side = &channel->sides[slot];
    const char *why = serve_begin(channel, slot, service);
    if (why != NULL)
        return refuse_stream(channel, slot, TALLY_DROP_BUSY, why, news);
    *news =
        (struct channel_news){.kind = CHANNEL_OPENED,
                              .stream = channel->yamux.streams[slot].id,
                              .opened = {.protocol = service - SERVICE_OURS, .ours = side->ours}};
    return service >= SERVICE_OURS;
}

static bool negotiate(struct channel *channel, unsigned slot, struct tally_bytes *data,
                      struct channel_news *news)
{
    struct side *side = &channel->sides[slot];
    const struct own_menu own = {channel, side->service};
    const struct multistream_menu menu =
        side->ours ? (struct multistream_menu){own_id, &own}
                   : (struct multistream_menu){channel_service_id, channel};
    unsigned choice = 0;
    switch (multistream_read(&side->ms, data, &menu, &choice)) {
    case MULTISTREAM_WAITING:
        return false;
    case MULTISTREAM_AGREED:
        return agreed(channel, slot, side->ours ? side->service : choice, news);
    case MULTISTREAM_REFUSED:
        return refuse_stream(channel, slot, TALLY_DROP_UNKNOWN,
                             "the peer does not serve the protocol", news);
    case MULTISTREAM_BROKEN:
        break;
    }
    return refuse_stream(channel, slot, TALLY_DROP_PROTOCOL,
                         "not multistream-select on a stream, or more than 16 proposals", news);
}

/* What is left of the data of one stream, for whoever has the stream. */
static bool on_data(struct channel *channel, struct channel_news *news)
{
    unsigned slot = channel->data_slot;
    struct side *side = &channel->sides[slot];
    struct tally_bytes *data = &channel->data;
    size_t before = data->size;
    bool told;
    if (side->role == SIDE_APP && side->service >= SERVICE_OURS) {
        *news = (struct channel_news){
            .kind = CHANNEL_DATA, .stream = channel->data_stream, .data = *data};
        *data = bytes_of(NULL, 0);
        return true;
    }
    if (side->role == SIDE_ASKED || side->role == SIDE_ASKING)
        told = negotiate(channel, slot, data, news);
    else
        told = serve_data(channel, slot, data, news);
    /* Our own services are done with bytes at once. */
    if (channel->yamux.streams[slot].id == channel->data_stream)
        yamux_consumed(&channel->yamux, slot, before - data->size);
    else
        *data = bytes_of(NULL, 0);
    return told;
}

static void on_opened(struct channel *channel, unsigned slot)
{
    struct side *side = &channel->sides[slot];
    serve_end(channel, slot);
    *side = (struct side){
        .role = SIDE_ASKED,
        .deadline = {channel->now.mono.ms + TALLY_NEGOTIATE_MS},
    };
    multistream_init(&side->ms, false);
}

static bool on_reset(struct channel *channel, const struct yamux_news *from,
                     struct channel_news *news)
{
    struct side *side = &channel->sides[from->slot];
    /* Known to the application: streams of its protocols, and a fetch it has to answer. */
    bool known = side->role == SIDE_APP || (side->ours && side->service >= SERVICE_OURS);
    serve_end(channel, from->slot);
    *news = (struct channel_news){.kind = known ? CHANNEL_RESET : CHANNEL_REFUSED,
                                  .stream = from->stream,
                                  .end = {from->drop, from->why}};
    return known || from->drop != TALLY_DROP_NONE;
}

static bool on_yamux(struct channel *channel, const struct yamux_news *from,
                     struct channel_news *news)
{
    switch (from->kind) {
    case YAMUX_NEWS_OPENED:
        on_opened(channel, from->slot);
        return false;
    case YAMUX_NEWS_DATA:
        channel->data = from->data;
        channel->data_slot = from->slot;
        channel->data_stream = from->stream;
        return false;
    case YAMUX_NEWS_FINISHED:
        /* What it asked for with its last bytes is answered before its end is. */
        (void)stream_flush(channel, from->slot);
        return serve_finished(channel, from->slot, news);
    case YAMUX_NEWS_RESET:
        return on_reset(channel, from, news);
    case YAMUX_NEWS_REFUSED:
        *news = (struct channel_news){.kind = CHANNEL_REFUSED, .end = {from->drop, from->why}};
        return true;
    case YAMUX_NEWS_PONG:
        *news =
            (struct channel_news){.kind = CHANNEL_PONG, .pong = {.rtt_us = channel->yamux.rtt_us}};
        return true;
    case YAMUX_NEWS_GOAWAY:
    case YAMUX_NEWS_BROKEN:
        channel_fail(channel, from->drop, from->why);
        return false;
    }
    return false;
}

bool streams_next(struct channel *channel, struct channel_news *news)
{
    struct yamux_news from;
    while (channel->stage == STAGE_OPEN) {
        if (channel->data.size > 0) {
            if (on_data(channel, news))
                return true;
            continue;
        }
        bool more = yamux_read(&channel->yamux, channel->now, &channel->plain, &from);
        sides_begin(channel);
        if (!more)
            return false;
        if (on_yamux(channel, &from, news))
            return true;
    }
    return false;
}

bool streams_expire(struct channel *channel, struct channel_news *news)
{
    for (unsigned i = 0; i < channel->yamux.slot_end; i++) {
        struct side *side = &channel->sides[i];
        if (side->role == SIDE_NONE || channel->now.mono.ms < side->deadline.ms)
            continue;
        if (yamux_find(&channel->yamux, channel->yamux.streams[i].id) < 0) {
            serve_end(channel, i);
            continue;
        }
        /* An identify answered, and read, whose stream the other side just leaves open. */
        if (side->role == SIDE_IDENTIFY && !side->identify_due) {
            stream_reset(channel, i);
            continue;
        }
        return refuse_stream(channel, i, TALLY_DROP_SILENT, "a stream that says nothing for long",
                             news);
    }
    return false;
}

struct tally_mono streams_deadline(const struct channel *channel)
{
    struct tally_mono first = yamux_deadline(&channel->yamux);
    for (unsigned i = 0; i < channel->yamux.slot_end; i++) {
        const struct side *side = &channel->sides[i];
        if (side->role != SIDE_NONE && side->deadline.ms < first.ms)
            first = side->deadline;
    }
    return first;
}

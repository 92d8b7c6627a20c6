/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/yamux.h"

#include "core/base/bytes.h"

#include <assert.h>

void yamux_header_read(const uint8_t bytes[YAMUX_HEADER], struct yamux_header *header)
{
    *header = (struct yamux_header){.version = bytes[0],
                                    .type = bytes[1],
                                    .flags = be16_read(bytes + 2),
                                    .stream = be32_read(bytes + 4),
                                    .length = be32_read(bytes + 8)};
}

void yamux_header_write(const struct yamux_header *header, uint8_t bytes[YAMUX_HEADER])
{
    bytes[0] = header->version;
    bytes[1] = header->type;
    be16_write(bytes + 2, header->flags);
    be32_write(bytes + 4, header->stream);
    be32_write(bytes + 8, header->length);
}

void yamux_init(struct yamux *yamux, bool dialler, struct tally_now now)
{
    memset(yamux, 0, offsetof(struct yamux, streams));
    yamux->dialler = dialler;
    yamux->next_id = dialler ? 1 : 2;
    yamux->now = now;
    yamux->heard = yamux->asked = now.mono;
    yamux->body_slot = -1;
    bucket_init(&yamux->idle, YAMUX_IDLE_RATE, YAMUX_IDLE_BURST, now.mono);
    /* The first ping measures the round trip that windows grow by. */
    yamux->ping_due = yamux->due = true;
}

static bool is_over(const struct yamux_stream *stream)
{
    return stream->fin_in && stream->fin_out;
}

int yamux_find(const struct yamux *yamux, uint32_t id)
{
    for (unsigned i = 0; i < yamux->slot_end; i++)
        if (yamux->streams[i].id == id && id != 0)
            return is_over(&yamux->streams[i]) ? -1 : (int)i;
    return -1;
}

static int take_slot(struct yamux *yamux, uint32_t id, bool ours)
{
    unsigned slot = 0;
    while (slot < yamux->slot_end && yamux->streams[slot].id != 0)
        slot++;
    if (slot == YAMUX_SLOTS)
        return -1;
    if (slot >= yamux->slot_end)
        yamux->slot_end = slot + 1;
    yamux->streams[slot] = (struct yamux_stream){.id = id,
                                                 .ours = ours,
                                                 .syn_due = ours,
                                                 .ack_due = !ours,
                                                 .send_window = YAMUX_WINDOW,
                                                 .window = YAMUX_WINDOW,
                                                 .left = YAMUX_WINDOW,
                                                 .epoch_us = (uint64_t)yamux->now.wall.us};
    *(ours ? &yamux->out_count : &yamux->in_count) += 1;
    yamux->due = true;
    return (int)slot;
}

static void free_slot(struct yamux *yamux, unsigned slot)
{
    struct yamux_stream *stream = &yamux->streams[slot];
    *(stream->ours ? &yamux->out_count : &yamux->in_count) -= 1;
    yamux->extra_windows -= stream->window - YAMUX_WINDOW;
    if (yamux->body_slot == (int)slot) {
        yamux->body_slot = -1;
        yamux->body_fin = false;
    }
    *stream = (struct yamux_stream){.id = 0};
}

int yamux_open(struct yamux *yamux)
{
    if (yamux->goodbye || yamux->out_count == TALLY_STREAMS_OUT_MAX || yamux->next_id > INT32_MAX)
        return -1;
    int slot = take_slot(yamux, yamux->next_id, true);
    if (slot >= 0)
        yamux->next_id += 2;
    return slot;
}

bool yamux_reset(struct yamux *yamux, unsigned slot)
{
    uint32_t id = yamux->streams[slot].id;
    bool untold = yamux->streams[slot].syn_due;
    free_slot(yamux, slot);
    if (untold)
        return true;
    if (yamux->reset_count == YAMUX_RESETS_MAX)
        return false;
    yamux->resets[yamux->reset_count++] = id;
    yamux->due = true;
    return true;
}

/* ---- Reading: every rule of section 8.2, in its order. */

static bool broken(struct yamux_news *news, enum tally_drop drop, const char *why)
{
    *news = (struct yamux_news){.kind = YAMUX_NEWS_BROKEN, .drop = drop, .why = why};
    return true;
}

static bool refused(struct yamux_news *news, const char *why)
{
    *news = (struct yamux_news){.kind = YAMUX_NEWS_REFUSED, .drop = TALLY_DROP_BUSY, .why = why};
    return true;
}

/* A legal frame that changes nothing: many are normal, a flood is not. */
static bool no_effect(struct yamux *yamux, struct yamux_news *news)
{
    if (bucket_take(&yamux->idle, yamux->now.mono))
        return false;
    return broken(news, TALLY_DROP_BUSY, "a flood of yamux frames without effect");
}

static uint64_t elapsed_us(const struct yamux *yamux, uint64_t since_us, struct tally_mono since)
{
    /* The wall clock is finer but may jump; the other one tells when it did. */
    uint64_t coarse = (yamux->now.mono.ms - since.ms) * 1000;
    uint64_t fine = (uint64_t)yamux->now.wall.us - since_us;
    return fine < coarse + 2000 && fine + 2000 > coarse ? fine : coarse;
}

static bool on_ping(struct yamux *yamux, const struct yamux_header *header, struct yamux_news *news)
{
    if (header->stream != 0)
        return broken(news, TALLY_DROP_PROTOCOL, "a yamux ping on a stream");
    if (header->flags == YAMUX_SYN) {
        if (yamux->pong_count == YAMUX_PONGS_MAX)
            return refused(news, "more than 32 pings wait for an answer");
        yamux->pongs[yamux->pong_count++] = header->length;
        yamux->due = true;
        return false;
    }
    if (header->flags != YAMUX_ACK)
        return broken(news, TALLY_DROP_PROTOCOL, "a yamux ping that neither asks nor answers");
    if (!yamux->ping_out || header->length != yamux->ping_id)
        return no_effect(yamux, news);
    yamux->ping_out = false;
    yamux->ping_id++;
    yamux->rtt_us = elapsed_us(yamux, yamux->ping_us, yamux->asked) + 1;
    *news = (struct yamux_news){.kind = YAMUX_NEWS_PONG};
    return true;
}

static bool on_goaway(struct yamux *yamux, const struct yamux_header *header,
                      struct yamux_news *news)
{
    static const char *const texts[] = {
        [YAMUX_NORMAL] = "the peer said goodbye",
        [YAMUX_PROTOCOL_ERROR] = "the peer says that we broke yamux",
        [YAMUX_INTERNAL_ERROR] = "the peer had an internal error",
    };
    if (header->stream != 0)
        return broken(news, TALLY_DROP_PROTOCOL, "a yamux GoAway on a stream");
    yamux->goodbye = true;
    *news = (struct yamux_news){.kind = YAMUX_NEWS_GOAWAY,
                                .drop = TALLY_DROP_NONE,
                                .why = header->length <= YAMUX_INTERNAL_ERROR
                                           ? texts[header->length]
                                           : "the peer closed for a reason unknown"};
    return true;
}

/* A stream of the peer's, or why not. -1: there is none, and *done says whether news was made. */
static int on_syn(struct yamux *yamux, const struct yamux_header *header, struct yamux_news *news,
                  bool *done)
{
    bool odd = header->stream % 2 == 1;
    *done = true;
    if (odd == yamux->dialler) {
        broken(news, TALLY_DROP_PROTOCOL, "a yamux stream number of the wrong side");
        return -1;
    }
    for (unsigned i = 0; i < yamux->slot_end; i++)
        if (yamux->streams[i].id == header->stream) {
            broken(news, TALLY_DROP_PROTOCOL, "a yamux stream that is open was opened again");
            return -1;
        }
    if (yamux->in_count < TALLY_STREAMS_IN_MAX && !yamux->goodbye)
        return take_slot(yamux, header->stream, false);
    if (yamux->reset_count == YAMUX_RESETS_MAX) {
        broken(news, TALLY_DROP_BUSY, "more than 128 streams wait for their reset");
        return -1;
    }
    yamux->resets[yamux->reset_count++] = header->stream;
    yamux->due = true;
    refused(news, "more than 64 streams of the peer are open");
    return -1;
}

static bool on_reset(struct yamux *yamux, int slot, struct yamux_news *news)
{
    if (slot < 0)
        return no_effect(yamux, news);
    *news = (struct yamux_news){.kind = YAMUX_NEWS_RESET,
                                .slot = (unsigned)slot,
                                .stream = yamux->streams[slot].id,
                                .why = "the peer reset the stream"};
    free_slot(yamux, (unsigned)slot);
    return true;
}

/* Data's body is read after this; WindowUpdate has none. */
static bool on_body(struct yamux *yamux, const struct yamux_header *header, unsigned slot,
                    struct yamux_news *news)
{
    struct yamux_stream *stream = &yamux->streams[slot];
    if (header->type == YAMUX_WINDOW_UPDATE) {
        if (stream->send_window + header->length > UINT32_MAX)
            return broken(news, TALLY_DROP_PROTOCOL, "yamux credit above 2^32 - 1");
        stream->send_window += header->length;
    } else if (stream->fin_in && header->length > 0) {
        *news = (struct yamux_news){.kind = YAMUX_NEWS_RESET,
                                    .slot = slot,
                                    .stream = stream->id,
                                    .drop = TALLY_DROP_PROTOCOL,
                                    .why = "data after the end of a stream"};
        if (!yamux_reset(yamux, slot))
            return broken(news, TALLY_DROP_BUSY, "more than 128 streams wait for their reset");
        return true;
    } else if (header->length > stream->left) {
        return broken(news, TALLY_DROP_PROTOCOL, "data beyond the yamux window");
    } else {
        stream->left -= header->length;
        yamux->body_slot = (int)slot;
    }
    return false;
}

static bool on_stream(struct yamux *yamux, const struct yamux_header *header,
                      struct yamux_news *news)
{
    enum { KNOWN = YAMUX_SYN | YAMUX_ACK | YAMUX_FIN | YAMUX_RST };
    bool made = false, opened = false;
    if (header->stream == 0)
        return broken(news, TALLY_DROP_PROTOCOL, "a yamux frame of a stream on stream 0");
    if (header->type == YAMUX_DATA)
        yamux->body = header->length;
    yamux->body_slot = -1;
    yamux->body_fin = false;
    int slot = yamux_find(yamux, header->stream);
    if ((header->flags & YAMUX_RST) != 0)
        return on_reset(yamux, slot, news);
    if ((header->flags & YAMUX_SYN) != 0) {
        slot = on_syn(yamux, header, news, &made);
        if (slot < 0)
            return made;
        opened = true;
    }
    if (slot < 0)
        return no_effect(yamux, news);
    if (on_body(yamux, header, (unsigned)slot, news))
        return true;
    if ((header->flags & YAMUX_FIN) != 0 && !yamux->streams[slot].fin_in) {
        yamux->body_slot = slot;
        yamux->body_fin = true;
    }
    if (((header->flags & KNOWN) == 0 && header->length == 0) || (header->flags & ~KNOWN) != 0)
        made = no_effect(yamux, news);
    else
        made = false;
    if (opened && !made) {
        *news = (struct yamux_news){
            .kind = YAMUX_NEWS_OPENED, .slot = (unsigned)slot, .stream = header->stream};
        made = true;
    }
    return made;
}

static bool on_header(struct yamux *yamux, struct yamux_news *news)
{
    struct yamux_header header;
    yamux_header_read(yamux->head, &header);
    yamux->have = 0;
    yamux->heard = yamux->now.mono;
    if (header.version != 0)
        return broken(news, TALLY_DROP_PROTOCOL, "a yamux frame of another version");
    if (header.type <= YAMUX_WINDOW_UPDATE)
        return on_stream(yamux, &header, news);
    if (header.type == YAMUX_PING)
        return on_ping(yamux, &header, news);
    if (header.type == YAMUX_GOAWAY)
        return on_goaway(yamux, &header, news);
    return broken(news, TALLY_DROP_PROTOCOL, "a yamux frame of an unknown type");
}

/* The next piece of a body, or its end. */
static bool take_body(struct yamux *yamux, struct tally_bytes *bytes, struct yamux_news *news)
{
    size_t size = bytes->size < yamux->body ? bytes->size : yamux->body;
    struct tally_bytes piece = bytes_of(bytes->data, size);
    int slot = yamux->body_slot;
    if (size > 0) {
        *bytes = bytes_of(bytes->data + size, bytes->size - size);
        yamux->body -= (uint32_t)size;
        if (slot >= 0)
            *news = (struct yamux_news){.kind = YAMUX_NEWS_DATA,
                                        .slot = (unsigned)slot,
                                        .stream = yamux->streams[slot].id,
                                        .data = piece};
        return slot >= 0;
    }
    yamux->body_fin = false;
    yamux->body_slot = -1;
    yamux->streams[slot].fin_in = true;
    *news = (struct yamux_news){
        .kind = YAMUX_NEWS_FINISHED, .slot = (unsigned)slot, .stream = yamux->streams[slot].id};
    return true;
}

/* Streams that ended both ways lived on for the news of it. */
static void reap(struct yamux *yamux)
{
    for (unsigned i = 0; i < yamux->slot_end; i++)
        if (yamux->streams[i].id != 0 && is_over(&yamux->streams[i]) && !yamux->streams[i].fin_due)
            free_slot(yamux, i);
}

bool yamux_read(struct yamux *yamux, struct tally_now now, struct tally_bytes *bytes,
                struct yamux_news *news)
{
    yamux->now = now;
    reap(yamux);
    for (;;) {
        if (yamux->body > 0 || yamux->body_fin) {
            if (yamux->body > 0 && bytes->size == 0)
                return false;
            if (take_body(yamux, bytes, news))
                return true;
            continue;
        }
        if (bytes->size == 0)
            return false;
        size_t size = (size_t)(YAMUX_HEADER - yamux->have);
        if (size > bytes->size)
            size = bytes->size;
        memcpy(yamux->head + yamux->have, bytes->data, size);
        yamux->have = (uint8_t)(yamux->have + size);
        *bytes = bytes_of(bytes->data + size, bytes->size - size);
        if (yamux->have == YAMUX_HEADER && on_header(yamux, news))
            return true;
    }
}

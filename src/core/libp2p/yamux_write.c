/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/libp2p/yamux.h"

#include <assert.h>

static bool write_frame(struct tx *tx, enum yamux_type type, unsigned flags, uint32_t stream,
                        uint32_t length)
{
    uint8_t bytes[YAMUX_HEADER];
    yamux_header_write(
        &(struct yamux_header){
            .type = (uint8_t)type, .flags = (uint16_t)flags, .stream = stream, .length = length},
        bytes);
    return tx_write(tx, bytes_of(bytes, sizeof bytes));
}

/* The flags that the next frame of a stream must carry. */
static unsigned flags_due(const struct yamux_stream *stream)
{
    return (stream->syn_due ? YAMUX_SYN : 0U) | (stream->ack_due ? YAMUX_ACK : 0U);
}

static void flags_told(struct yamux_stream *stream)
{
    stream->syn_due = stream->ack_due = false;
}

static void credit_told(struct yamux_stream *stream)
{
    stream->left += stream->credit_due;
    stream->credit_due = 0;
}

size_t yamux_writable(const struct yamux *yamux, const struct tx *tx, unsigned slot, size_t keep)
{
    const struct yamux_stream *stream = &yamux->streams[slot];
    size_t room = tx_room(tx, keep);
    if (yamux->goodbye || stream->fin_out || room <= YAMUX_HEADER)
        return 0;
    room -= YAMUX_HEADER;
    return room < stream->send_window ? room : (size_t)stream->send_window;
}

uint8_t *yamux_reserve(struct yamux *yamux, struct tx *tx, unsigned slot, size_t size, size_t keep)
{
    assert(size > 0);
    if (size > yamux_writable(yamux, tx, slot, keep))
        return NULL;
    uint8_t *frame = tx_reserve(tx, YAMUX_HEADER + size, keep);
    return frame != NULL ? frame + YAMUX_HEADER : NULL;
}

/* "I send no more": written at once, or when there is room. */
static void finish_stream(struct yamux *yamux, struct tx *tx, struct yamux_stream *stream)
{
    stream->fin_out = true;
    stream->fin_due = !write_frame(tx, YAMUX_WINDOW_UPDATE, flags_due(stream) | YAMUX_FIN,
                                   stream->id, stream->credit_due);
    yamux->due |= stream->fin_due;
    if (stream->fin_due)
        return;
    flags_told(stream);
    credit_told(stream);
}

void yamux_commit(struct yamux *yamux, struct tx *tx, unsigned slot, size_t size, bool finish)
{
    struct yamux_stream *stream = &yamux->streams[slot];
    assert(!stream->fin_out && size <= stream->send_window);
    if (size > 0) {
        const struct yamux_header header = {.type = YAMUX_DATA,
                                            .flags = (uint16_t)flags_due(stream),
                                            .stream = stream->id,
                                            .length = (uint32_t)size};
        yamux_header_write(&header, tx->bytes + tx->end);
        tx_commit(tx, YAMUX_HEADER + size);
        stream->send_window -= size;
        flags_told(stream);
    }
    if (finish)
        finish_stream(yamux, tx, stream);
}

/* A window that is used up within four round trips is what limits the peer: double it. */
static uint32_t grow(struct yamux *yamux, struct yamux_stream *stream)
{
    uint64_t elapsed = (uint64_t)yamux->now.wall.us - stream->epoch_us;
    uint32_t more = stream->window;
    if (stream->epoch_bytes < stream->window)
        return 0;
    stream->epoch_bytes = 0;
    stream->epoch_us = (uint64_t)yamux->now.wall.us;
    if (yamux->rtt_us == 0 || elapsed > 4 * yamux->rtt_us || 2 * more > YAMUX_WINDOW_MAX ||
        yamux->extra_windows + more > YAMUX_WINDOWS_MAX)
        return 0;
    stream->window += more;
    yamux->extra_windows += more;
    return more;
}

void yamux_consumed(struct yamux *yamux, unsigned slot, size_t size)
{
    struct yamux_stream *stream = &yamux->streams[slot];
    size_t held = stream->window - stream->left - stream->consumed - stream->credit_due;
    assert(size <= held);
    stream->consumed += (uint32_t)size;
    stream->epoch_bytes += (uint32_t)size;
    if (stream->consumed < stream->window / 2 || stream->fin_in)
        return;
    stream->credit_due += stream->consumed + grow(yamux, stream);
    stream->consumed = 0;
    yamux->due = true;
}

static bool flush_stream(struct yamux_stream *stream, struct tx *tx)
{
    unsigned flags = flags_due(stream) | (stream->fin_due ? YAMUX_FIN : 0U);
    if (stream->id == 0 || (flags == 0 && stream->credit_due == 0))
        return true;
    if (!write_frame(tx, YAMUX_WINDOW_UPDATE, flags, stream->id, stream->credit_due))
        return false;
    flags_told(stream);
    stream->fin_due = false;
    credit_told(stream);
    return true;
}

static bool flush_ping(struct yamux *yamux, struct tx *tx)
{
    if (!write_frame(tx, YAMUX_PING, YAMUX_SYN, 0, yamux->ping_id))
        return false;
    yamux->ping_due = false;
    yamux->ping_out = true;
    yamux->asked = yamux->now.mono;
    yamux->ping_us = (uint64_t)yamux->now.wall.us;
    return true;
}

void yamux_flush(struct yamux *yamux, struct tx *tx)
{
    unsigned done = 0;
    bool room = true;
    if (!yamux->due || yamux->goodbye)
        return;
    while (done < yamux->pong_count && room) {
        room = write_frame(tx, YAMUX_PING, YAMUX_ACK, 0, yamux->pongs[done]);
        done += room;
    }
    memmove(yamux->pongs, yamux->pongs + done, (yamux->pong_count - done) * sizeof *yamux->pongs);
    yamux->pong_count -= done;
    for (done = 0; done < yamux->reset_count && room; done += room)
        room = write_frame(tx, YAMUX_WINDOW_UPDATE, YAMUX_RST, yamux->resets[done], 0);
    memmove(yamux->resets, yamux->resets + done,
            (yamux->reset_count - done) * sizeof *yamux->resets);
    yamux->reset_count -= done;
    if (room && yamux->ping_due)
        room = flush_ping(yamux, tx);
    for (unsigned i = 0; i < yamux->slot_end && room; i++)
        room = flush_stream(&yamux->streams[i], tx);
    yamux->due = !room;
}

void yamux_goodbye(struct yamux *yamux, struct tx *tx, enum yamux_code code)
{
    yamux->goodbye = true;
    /* Without room the close itself must do. */
    (void)write_frame(tx, YAMUX_GOAWAY, 0, 0, code);
}

struct tally_mono yamux_deadline(const struct yamux *yamux)
{
    if (yamux->goodbye)
        return TALLY_NEVER;
    if (!yamux->ping_out && !yamux->ping_due)
        return (struct tally_mono){yamux->heard.ms + YAMUX_KEEPALIVE_MS};
    /* Also a ping that finds no room counts: a peer that does not read is not there. */
    uint64_t since = yamux->asked.ms > yamux->heard.ms ? yamux->asked.ms : yamux->heard.ms;
    return (struct tally_mono){since + YAMUX_ANSWER_MS};
}

enum tally_drop yamux_tick(struct yamux *yamux, struct tally_now now)
{
    yamux->now = now;
    if (now.mono.ms < yamux_deadline(yamux).ms)
        return TALLY_DROP_NONE;
    if (yamux->ping_out || yamux->ping_due)
        return TALLY_DROP_SILENT;
    yamux->ping_due = yamux->due = true;
    yamux->asked = now.mono;
    return TALLY_DROP_NONE;
}

bool yamux_holds(const struct yamux *yamux)
{
    unsigned in = 0, out = 0;
    uint64_t extra = 0;
    for (unsigned i = 0; i < yamux->slot_end; i++) {
        const struct yamux_stream *stream = &yamux->streams[i];
        if (stream->id == 0)
            continue;
        *(stream->ours ? &out : &in) += 1;
        extra += stream->window - YAMUX_WINDOW;
        if ((uint64_t)stream->left + stream->consumed + stream->credit_due > stream->window ||
            stream->send_window > UINT32_MAX ||
            (stream->id % 2 == 1) != (stream->ours == yamux->dialler))
            return false;
        for (unsigned j = 0; j < i; j++)
            if (yamux->streams[j].id == stream->id)
                return false;
    }
    return in == yamux->in_count && out == yamux->out_count && in <= TALLY_STREAMS_IN_MAX &&
           out <= TALLY_STREAMS_OUT_MAX && extra == yamux->extra_windows &&
           extra <= YAMUX_WINDOWS_MAX && yamux->pong_count <= YAMUX_PONGS_MAX &&
           yamux->reset_count <= YAMUX_RESETS_MAX;
}

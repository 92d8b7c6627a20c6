/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/channel_private.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>

_Static_assert((int)CHANNEL_FRAME_MAX == (int)YAMUX_BODY_MAX, "one reserve, one Noise frame");
_Static_assert((int)CHANNEL_FETCH_KEY_MAX == (int)FETCH_REQUEST_MAX, "one limit, two names");
_Static_assert((int)CHANNEL_AGENT_MAX == (int)IDENTIFY_AGENT_MAX, "one limit, two names");
_Static_assert((int)CHANNEL_ADDRESSES_MAX == (int)IDENTIFY_ADDRESSES_MAX, "one limit, two names");

size_t channel_size(void)
{
    return sizeof(struct channel);
}

const char *channel_service_id(const void *context, unsigned service)
{
    static const char *const services[] = {
        [SERVICE_IDENTIFY] = "/ipfs/id/1.0.0",
        [SERVICE_PUSH] = "/ipfs/id/push/1.0.0",
        [SERVICE_PING] = "/ipfs/ping/1.0.0",
        [SERVICE_FETCH] = "/libp2p/fetch/0.0.1",
    };
    const struct channel *channel = context;
    if (service < SERVICE_OURS)
        return services[service];
    service -= SERVICE_OURS;
    return service < channel->options.protocol_count ? channel->options.protocols[service] : NULL;
}

struct channel *channel_init(void *memory, const struct channel_options *options,
                             struct tally_now now)
{
    struct channel *channel = memory;
    assert(options->protocol_count <= CHANNEL_PROTOCOLS_MAX);
    assert(options->listen_count <= CHANNEL_ADDRESSES_MAX);
    /* The big buffers stay as they are: pages that nobody used cost nothing. */
    memset(channel, 0, offsetof(struct channel, yamux.streams));
    channel->options = *options;
    if (options->expected != NULL)
        channel->expected = *options->expected;
    if (options->listen_count > 0)
        memcpy(channel->listen, options->listen, options->listen_count * sizeof *options->listen);
    channel->now = now;
    channel->deadline = (struct tally_mono){now.mono.ms + TALLY_UPGRADE_MS};
    tx_init(&channel->tx, channel->tx_bytes);
    upgrade_begin(channel);
    return channel;
}

static void wipe(struct channel *channel)
{
    noise_wipe(&channel->handshake);
    hash_wipe(&channel->send, sizeof channel->send);
    hash_wipe(&channel->receive, sizeof channel->receive);
}

void channel_end(struct channel *channel)
{
    channel->stage = STAGE_OVER;
    channel->close_told = true;
    tx_discard(&channel->tx);
    wipe(channel);
}

void channel_fail(struct channel *channel, enum tally_drop drop, const char *why)
{
    if (channel->stage == STAGE_OVER)
        return;
    if (channel->stage == STAGE_OPEN) {
        yamux_goodbye(&channel->yamux, &channel->tx,
                      drop == TALLY_DROP_NONE ? YAMUX_NORMAL : YAMUX_PROTOCOL_ERROR);
        tx_seal(&channel->tx);
    } else {
        /* A peer that is not what it should be hears nothing. */
        tx_discard(&channel->tx);
    }
    wipe(channel);
    channel->stage = STAGE_OVER;
    channel->drop = drop;
    channel->why = why;
    channel->secured_due = false;
    channel->in = channel->plain = channel->data = bytes_of(NULL, 0);
}

void channel_feed(struct channel *channel, struct tally_now now, struct tally_bytes bytes)
{
    assert(channel->in.size == 0);
    channel->now = now;
    channel->yamux.now = now;
    channel->reserved_stream = 0;
    if (channel->stage != STAGE_OVER)
        channel->in = bytes;
}

static bool tell_closed(struct channel *channel, struct channel_news *news)
{
    if (channel->close_told)
        return false;
    channel->close_told = true;
    *news = (struct channel_news){.kind = CHANNEL_CLOSED, .end = {channel->drop, channel->why}};
    return true;
}

static bool tell_secured(struct channel *channel, struct channel_news *news)
{
    channel->secured_due = false;
    *news = (struct channel_news){.kind = CHANNEL_SECURED, .secured = {channel->peer.key}};
    return true;
}

static bool nonces_end(const struct channel *channel)
{
    const uint64_t last = NOISE_NONCE_MAX - CHANNEL_NONCES_KEPT;
    return channel->send.nonce > last || channel->receive.nonce > last;
}

bool channel_next(struct channel *channel, struct channel_news *news)
{
    channel->reserved_stream = 0;
    for (;;) {
        if (channel->stage == STAGE_OVER)
            return tell_closed(channel, news);
        if (channel->secured_due)
            return tell_secured(channel, news);
        if (channel->stage != STAGE_OPEN) {
            if (!upgrade_step(channel))
                return false;
            continue;
        }
        if (streams_next(channel, news))
            return true;
        if (channel->stage == STAGE_OVER)
            continue;
        if (channel->expiring && streams_expire(channel, news))
            return true;
        channel->expiring = false;
        if (nonces_end(channel)) {
            channel_fail(channel, TALLY_DROP_NONE, "the Noise nonces are used up");
            continue;
        }
        if (!upgrade_decrypt(channel)) {
            streams_flush(channel);
            return false;
        }
    }
}

uint32_t channel_open(struct channel *channel, unsigned protocol)
{
    assert(protocol < channel->options.protocol_count);
    if (channel->stage != STAGE_OPEN || channel->secured_due)
        return 0;
    channel->reserved_stream = 0;
    return stream_open(channel, SERVICE_OURS + protocol);
}

/* The slot of a stream that the application has to do with, or -1. */
static int app_slot(const struct channel *channel, uint32_t stream)
{
    int slot = channel->stage == STAGE_OPEN ? yamux_find(&channel->yamux, stream) : -1;
    if (slot < 0)
        return -1;
    const struct side *side = &channel->sides[slot];
    bool asking = side->role == SIDE_ASKING && side->service >= SERVICE_OURS;
    return side->role == SIDE_APP || asking ? slot : -1;
}

uint8_t *channel_reserve(struct channel *channel, uint32_t stream, size_t size)
{
    int slot = app_slot(channel, stream);
    channel->reserved_stream = 0;
    /* What it owes in negotiation goes first. */
    if (slot < 0 || size == 0 || !stream_flush(channel, (unsigned)slot))
        return NULL;
    uint8_t *out = yamux_reserve(&channel->yamux, &channel->tx, (unsigned)slot, size, TX_CONTROL);
    channel->reserved_stream = out != NULL ? stream : 0;
    channel->reserved = size;
    return out;
}

void channel_commit(struct channel *channel, uint32_t stream, size_t size, bool finish)
{
    int slot = app_slot(channel, stream);
    assert(size == 0 || slot < 0 ||
           (channel->reserved_stream == stream && size <= channel->reserved));
    if (slot < 0 || channel->yamux.streams[slot].fin_out)
        return;
    if (size == 0 && !stream_flush(channel, (unsigned)slot))
        return;
    channel->reserved_stream = 0;
    yamux_commit(&channel->yamux, &channel->tx, (unsigned)slot, size, finish);
}

size_t channel_writable(const struct channel *channel, uint32_t stream)
{
    int slot = app_slot(channel, stream);
    return slot < 0 ? 0 : yamux_writable(&channel->yamux, &channel->tx, (unsigned)slot, TX_CONTROL);
}

void channel_consumed(struct channel *channel, uint32_t stream, size_t bytes)
{
    int slot = app_slot(channel, stream);
    if (slot >= 0)
        yamux_consumed(&channel->yamux, (unsigned)slot, bytes);
}

void channel_reset(struct channel *channel, uint32_t stream)
{
    int slot = app_slot(channel, stream);
    if (slot >= 0)
        stream_reset(channel, (unsigned)slot);
}

/* Head and data in one frame, or the head alone with data to follow. */
static bool answer(struct channel *channel, uint32_t stream, enum channel_fetch_status status,
                   size_t size, struct tally_bytes data)
{
    uint8_t head[FETCH_HEAD_MAX];
    size_t head_size = fetch_head_write(status, size, head);
    int slot = app_slot(channel, stream);
    if (slot < 0 || channel->sides[slot].service != SERVICE_FETCH)
        return true; /* Gone meanwhile: there is nothing to try again. */
    uint8_t *out = channel_reserve(channel, stream, head_size + data.size);
    if (out == NULL)
        return false;
    memcpy(out, head, head_size);
    if (data.size > 0)
        memcpy(out + head_size, data.data, data.size);
    channel_commit(channel, stream, head_size + data.size, data.size == size);
    return true;
}

bool channel_fetch_answer(struct channel *channel, uint32_t stream,
                          enum channel_fetch_status status, struct tally_bytes data)
{
    assert(data.size <= TALLY_FRAME_MAX);
    return answer(channel, stream, status, data.size, data);
}

bool channel_fetch_head(struct channel *channel, uint32_t stream, enum channel_fetch_status status,
                        size_t size)
{
    return answer(channel, stream, status, size, bytes_of(NULL, 0));
}

void channel_close(struct channel *channel, enum tally_drop drop)
{
    channel_fail(channel, drop, "closed by us");
    channel->close_told = true;
}

struct tally_bytes channel_output(struct channel *channel, size_t room)
{
    channel->reserved_stream = 0;
    streams_flush(channel);
    return tx_output(&channel->tx, room);
}

bool channel_wants_output(const struct channel *channel)
{
    return !tx_empty(&channel->tx) || (channel->stage == STAGE_OPEN && channel->yamux.due);
}

struct tally_mono channel_deadline(const struct channel *channel)
{
    switch (channel->stage) {
    case STAGE_SECURITY:
    case STAGE_HANDSHAKE:
    case STAGE_MUXER:
        return channel->deadline;
    case STAGE_OPEN:
        return streams_deadline(channel);
    case STAGE_OVER:
        break;
    }
    return TALLY_NEVER;
}

void channel_tick(struct channel *channel, struct tally_now now)
{
    channel->now = now;
    channel->reserved_stream = 0;
    if (channel->stage == STAGE_OVER)
        return;
    if (channel->stage != STAGE_OPEN) {
        if (now.mono.ms >= channel->deadline.ms)
            channel_fail(channel, TALLY_DROP_SILENT, "the upgrade took more than 10 s");
        return;
    }
    channel->expiring = true;
    if (yamux_tick(&channel->yamux, now) != TALLY_DROP_NONE)
        channel_fail(channel, TALLY_DROP_SILENT, "no sign of life 10 s after a yamux ping");
}

const struct tally_key *channel_peer(const struct channel *channel)
{
    return channel->secured ? &channel->peer.key : NULL;
}

bool channel_holds(const struct channel *channel)
{
    const struct tx *tx = &channel->tx;
    if (tx->head > tx->sealed || tx->sealed > tx->end || tx->end > TX_CAPACITY)
        return false;
    if (channel->partial >= CHANNEL_RX || channel->plain.size > NOISE_PLAIN_MAX)
        return false;
    if (channel->stage != STAGE_OPEN)
        return true;
    /* Whoever has a role but no stream is over, and nothing waits for it. */
    for (unsigned i = 0; i < channel->yamux.slot_end; i++)
        if (channel->yamux.streams[i].id != 0 && channel->sides[i].role == SIDE_NONE &&
            yamux_find(&channel->yamux, channel->yamux.streams[i].id) >= 0 &&
            !channel->yamux.streams[i].fin_in)
            return false;
    return channel->secured && yamux_holds(&channel->yamux);
}

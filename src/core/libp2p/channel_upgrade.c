/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/channel_private.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#define NOISE_ID "/noise"

static const char *security_id(const void *context, unsigned i)
{
    return i == 0 ? NOISE_ID : NULL;
}

static const char *muxer_id(const void *context, unsigned i)
{
    return i == 0 ? YAMUX_ID : NULL;
}

static bool wants_security(const struct channel *channel)
{
    return channel->stage == STAGE_SECURITY;
}

/* Header and proposal, or what a listener owes, in one write. */
static void talk(struct channel *channel)
{
    uint8_t bytes[MULTISTREAM_HEADER_SIZE + MULTISTREAM_SIZE(sizeof YAMUX_ID)];
    const char *id = wants_security(channel) ? NOISE_ID : YAMUX_ID;
    size_t size;
    while ((size = multistream_answer(&channel->ms, id, bytes)) > 0)
        (void)tx_write(&channel->tx, bytes_of(bytes, size));
}

static void propose(struct channel *channel)
{
    uint8_t bytes[MULTISTREAM_HEADER_SIZE + MULTISTREAM_SIZE(sizeof YAMUX_ID)];
    size_t size = multistream_write(MULTISTREAM_HEADER, bytes);
    size += multistream_write(wants_security(channel) ? NOISE_ID : YAMUX_ID, bytes + size);
    (void)tx_write(&channel->tx, bytes_of(bytes, size));
}

static void begin_talk(struct channel *channel)
{
    multistream_init(&channel->ms, channel->options.dialler);
    if (channel->options.dialler)
        propose(channel);
    else
        talk(channel);
}

void upgrade_begin(struct channel *channel)
{
    channel->stage = STAGE_SECURITY;
    begin_talk(channel);
}

static void begin_muxer(struct channel *channel)
{
    channel->stage = STAGE_OPEN;
    channel->secured_due = true;
    yamux_init(&channel->yamux, channel->options.dialler, channel->now);
    /* Asked at once: a dialler's question leaves with its third Noise message. */
    (void)stream_open(channel, SERVICE_IDENTIFY);
}

static void send_handshake(struct channel *channel)
{
    struct noise_handshake *handshake = &channel->handshake;
    uint8_t payload[NOISE_PAYLOAD_SIZE];
    uint8_t frame[2 + NOISE_PAYLOAD_SIZE + NOISE_OVERHEAD_MAX];
    size_t size = 0;
    if (handshake->step > 0) {
        noise_payload_write(channel->options.key, channel->options.crypto, handshake->s_public,
                            payload);
        size = sizeof payload;
    }
    size = noise_write(handshake, bytes_of(payload, size), frame + 2);
    if (size == 0) {
        channel_fail(channel, TALLY_DROP_FORGED, "a Noise key of small order");
        return;
    }
    be16_write(frame, (uint16_t)size);
    (void)tx_write(&channel->tx, bytes_of(frame, 2 + size));
}

/* Both ends know each other: from here on everything is encrypted. */
static void finish_handshake(struct channel *channel)
{
    noise_split(&channel->handshake, &channel->send, &channel->receive);
    channel->tx.cipher = &channel->send;
    channel->secured = true;
    switch (channel->peer.muxer) {
    case NOISE_MUXER_YAMUX:
        begin_muxer(channel);
        break;
    case NOISE_MUXER_ABSENT:
        channel->stage = STAGE_MUXER;
        begin_talk(channel);
        break;
    case NOISE_MUXER_NONE:
        channel_fail(channel, TALLY_DROP_UNKNOWN, "the peer's muxers do not include yamux");
        break;
    }
}

static void on_handshake(struct channel *channel, struct tally_bytes frame)
{
    struct noise_handshake *handshake = &channel->handshake;
    uint8_t payload[CHANNEL_HANDSHAKE_MAX];
    const char *why;
    size_t size;
    if (!noise_read(handshake, frame, payload, &size)) {
        channel_fail(channel, TALLY_DROP_FORGED, "a Noise handshake message does not verify");
        return;
    }
    /* A payload of message 1 is nobody's word. */
    if (handshake->step > 1) {
        const struct tally_key *expected =
            channel->options.expected != NULL ? &channel->expected : NULL;
        enum tally_drop drop = noise_payload_read(bytes_of(payload, size), handshake->rs, expected,
                                                  channel->options.crypto, &channel->peer, &why);
        if (drop == TALLY_DROP_NONE && key_equal(&channel->peer.key, channel->options.key)) {
            drop = TALLY_DROP_SELF;
            why = "a connection to ourselves";
        }
        if (drop != TALLY_DROP_NONE) {
            channel_fail(channel, drop, why);
            return;
        }
    }
    if (noise_writes_next(handshake))
        send_handshake(channel);
    if (channel->stage == STAGE_HANDSHAKE && handshake->step == NOISE_MESSAGES)
        finish_handshake(channel);
}

/* Gathers a frame whose bytes were fed in pieces, in rx, where it will also be decrypted. */
static bool gather(struct channel *channel, struct tally_bytes *frame)
{
    while (channel->in.size > 0) {
        size_t whole = 2;
        if (channel->partial >= 2)
            whole += be16_read(channel->rx);
        size_t size = whole - channel->partial;
        if (size > channel->in.size)
            size = channel->in.size;
        memcpy(channel->rx + channel->partial, channel->in.data, size);
        channel->partial += size;
        channel->in = bytes_of(channel->in.data + size, channel->in.size - size);
        if (channel->partial >= 2 && channel->partial == 2U + be16_read(channel->rx)) {
            *frame = bytes_of(channel->rx + 2, channel->partial - 2);
            channel->partial = 0;
            return true;
        }
    }
    return false;
}

/* The next whole Noise frame, where it was fed if it is there in one piece. */
static bool take_frame(struct channel *channel, struct tally_bytes *frame)
{
    struct tally_bytes in = channel->in;
    if (channel->partial > 0 || in.size < 2 || in.size - 2 < be16_read(in.data))
        return gather(channel, frame);
    *frame = bytes_of(in.data + 2, be16_read(in.data));
    channel->in = bytes_of(in.data + 2 + frame->size, in.size - 2 - frame->size);
    return true;
}

bool upgrade_decrypt(struct channel *channel)
{
    struct tally_bytes frame;
    if (!take_frame(channel, &frame))
        return false;
    bool gathered = frame.data == channel->rx + 2;
    uint8_t *out = gathered ? channel->rx + 2 : channel->rx;
    if (!noise_open(&channel->receive, frame, out)) {
        channel_fail(channel, TALLY_DROP_FORGED, "a Noise frame does not verify");
        return true;
    }
    channel->plain = bytes_of(out, frame.size - NOISE_TAG);
    return true;
}

static void agreed(struct channel *channel)
{
    uint8_t s[NOISE_KEY], e[NOISE_KEY];
    const struct tally_secret *secret = channel->options.secret;
    if (channel->stage == STAGE_MUXER) {
        begin_muxer(channel);
        return;
    }
    channel->stage = STAGE_HANDSHAKE;
    secret->draw(secret->context, s, sizeof s);
    secret->draw(secret->context, e, sizeof e);
    noise_init(&channel->handshake, channel->options.dialler, s, e, bytes_of(NULL, 0),
               channel->options.sealing);
    hash_wipe(s, sizeof s);
    hash_wipe(e, sizeof e);
    if (noise_writes_next(&channel->handshake))
        send_handshake(channel);
}

static void select_protocol(struct channel *channel, struct tally_bytes *bytes)
{
    const struct multistream_menu menu = {.id = wants_security(channel) ? security_id : muxer_id};
    unsigned choice;
    enum multistream_verdict verdict = multistream_read(&channel->ms, bytes, &menu, &choice);
    if (!channel->options.dialler)
        talk(channel);
    switch (verdict) {
    case MULTISTREAM_WAITING:
        break;
    case MULTISTREAM_AGREED:
        agreed(channel);
        break;
    case MULTISTREAM_REFUSED:
        channel_fail(channel, TALLY_DROP_UNKNOWN,
                     wants_security(channel) ? "the peer does not speak Noise"
                                             : "the peer does not speak yamux");
        break;
    case MULTISTREAM_BROKEN:
        channel_fail(channel, TALLY_DROP_PROTOCOL,
                     "not multistream-select, or more than 16 proposals");
        break;
    }
}

static bool step_handshake(struct channel *channel)
{
    struct tally_bytes frame;
    uint8_t head[2];
    /* Refused by its length, before its bytes are waited for. */
    if (channel->partial + channel->in.size >= 2) {
        for (size_t i = 0; i < 2; i++)
            head[i] =
                i < channel->partial ? channel->rx[i] : channel->in.data[i - channel->partial];
        if (be16_read(head) > CHANNEL_HANDSHAKE_MAX) {
            channel_fail(channel, TALLY_DROP_PROTOCOL, "a handshake frame above 4096 bytes");
            return true;
        }
    }
    if (!take_frame(channel, &frame))
        return false;
    on_handshake(channel, frame);
    return true;
}

bool upgrade_step(struct channel *channel)
{
    switch (channel->stage) {
    case STAGE_SECURITY:
        if (channel->in.size == 0)
            return false;
        select_protocol(channel, &channel->in);
        return true;
    case STAGE_HANDSHAKE:
        return step_handshake(channel);
    case STAGE_MUXER:
        if (channel->plain.size == 0)
            return upgrade_decrypt(channel);
        select_protocol(channel, &channel->plain);
        return true;
    case STAGE_OPEN:
    case STAGE_OVER:
        return false;
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_CHANNEL_PRIVATE_H
#define LIBP2P_CHANNEL_PRIVATE_H
/*
 * The inside of a channel, for its four files alone: channel.c (life and calls), channel_upgrade.c
 * (from TCP to yamux), channel_streams.c (what comes on streams), channel_serve.c (ping, identify
 * and fetch).
 */
#include "core/libp2p/channel.h"
#include "core/libp2p/delimited.h"
#include "core/libp2p/fetch.h"
#include "core/libp2p/identify.h"
#include "core/libp2p/multistream.h"
#include "core/libp2p/noise.h"
#include "core/libp2p/noise_payload.h"
#include "core/libp2p/tx.h"
#include "core/libp2p/yamux.h"

enum {
    CHANNEL_HANDSHAKE_MAX = 4096, /* RSA payloads exceed 700: the refusal must name the key type. */
    CHANNEL_RX = 2 + NOISE_FRAME_MAX,
    CHANNEL_PINGS_MAX = 2, /* Streams of ping that the peer may have open. */
    CHANNEL_PING_BLOCK = 32,
    CHANNEL_FETCHES_MAX = 16,
    CHANNEL_IDENTIFY_MS = 5000,
    CHANNEL_NONCES_KEPT = 1024, /* Frames that a turn may need after we notice they run out. */
};

/* What we serve in every connection, then the options' own. */
enum channel_service {
    SERVICE_IDENTIFY,
    SERVICE_PUSH,
    SERVICE_PING,
    SERVICE_FETCH,
    SERVICE_OURS, /* And above: protocols[n - SERVICE_OURS]. */
};

enum channel_stage {
    STAGE_SECURITY, /* multistream-select for /noise. */
    STAGE_HANDSHAKE,
    STAGE_MUXER, /* multistream-select for yamux, inside Noise. */
    STAGE_OPEN,
    STAGE_OVER,
};

enum side_role {
    SIDE_NONE,
    SIDE_ASKED,  /* The peer proposes protocols. */
    SIDE_ASKING, /* We proposed one, and may have sent data already. */
    SIDE_APP,
    SIDE_IDENTIFY, /* Theirs: to be answered. */
    SIDE_PING,
    SIDE_FETCH,   /* The request is being read. */
    SIDE_READING, /* Their identify, on a stream of ours, or their push. */
};

/* What goes with a yamux stream, by slot. */
struct side {
    enum side_role role;
    unsigned service;
    bool ours;
    bool identify_due;
    struct multistream ms;
    struct tally_mono deadline;
    uint8_t reader; /* SIDE_READING: 0 their identify, 1 a push. SIDE_FETCH, SIDE_PING: which. */
};

struct identify_reader {
    unsigned messages;
    struct delimited delimited;
    uint8_t bytes[IDENTIFY_IN_MAX];
};

struct fetch_reader {
    struct delimited delimited;
    uint8_t bytes[CHANNEL_FETCH_KEY_MAX];
};

struct ping_reader {
    bool used;
    size_t have;
    uint8_t block[CHANNEL_PING_BLOCK];
};

struct channel {
    struct channel_options options;
    struct tally_key expected;
    struct tally_address listen[CHANNEL_ADDRESSES_MAX];
    struct tally_now now;
    enum channel_stage stage;
    struct tally_mono deadline; /* Of the upgrade. */
    bool close_told;
    bool expiring;        /* A tick found time to look for streams that took too long. */
    enum tally_drop drop; /* Why it is over. */
    const char *why;
    struct multistream ms; /* Of the connection. */
    struct noise_handshake handshake;
    struct noise_cipher send, receive;
    struct noise_peer peer;
    bool secured;     /* peer is proved. */
    bool secured_due; /* News to be told. */
    struct tx tx;
    struct tally_bytes in;    /* Fed and not used. */
    struct tally_bytes plain; /* Decrypted and not used: a view into rx. */
    size_t partial;           /* Bytes in rx of a frame that was fed in pieces. */
    struct tally_bytes data;  /* Of a stream, not yet used up: a view into plain's past. */
    unsigned data_slot;
    uint32_t data_stream;
    uint32_t reserved_stream; /* channel_reserve without its commit: 0, or whose. */
    size_t reserved;
    struct ping_reader pings[CHANNEL_PINGS_MAX];
    struct identify identify;
    bool reader_used[2], fetch_used[CHANNEL_FETCHES_MAX];
    unsigned side_end; /* As yamux.slot_end: so many sides have begun. */
    struct yamux yamux;
    /* Not touched before they are used, nor cleared by init, as the streams of yamux. */
    struct side sides[YAMUX_SLOTS];
    struct identify_reader readers[2];
    struct fetch_reader fetches[CHANNEL_FETCHES_MAX];
    uint8_t rx[CHANNEL_RX];
    uint8_t tx_bytes[TX_CAPACITY];
};

/* channel.c */

/* Ends the channel: CLOSED is told next. Before yamux runs nothing is said to the peer. */
void channel_fail(struct channel *channel, enum tally_drop drop, const char *why);
/* An id of what we serve, NULL past the last; context is the channel. */
const char *channel_service_id(const void *context, unsigned service);

/* channel_upgrade.c */

void upgrade_begin(struct channel *channel);
/* Takes bytes fed; false when there are none left for this stage. */
bool upgrade_step(struct channel *channel);
/* The next decrypted bytes into plain; false when no whole frame is there. */
bool upgrade_decrypt(struct channel *channel);

/* channel_streams.c */

/* The next news of yamux and its streams; false: plain is used up. */
bool streams_next(struct channel *channel, struct channel_news *news);
/* Writes what streams owe: answers of multistream-select, identify, then yamux's own. */
void streams_flush(struct channel *channel);
/* The same for one stream; false if there was no room. */
bool stream_flush(struct channel *channel, unsigned slot);
uint32_t stream_open(struct channel *channel, unsigned service);
void stream_reset(struct channel *channel, unsigned slot);
/* Streams that took too long; news of at most one. */
bool streams_expire(struct channel *channel, struct channel_news *news);
struct tally_mono streams_deadline(const struct channel *channel);

/* channel_serve.c */

/* A proposal of the peer's was agreed on: sets the role, or why not. */
const char *serve_begin(struct channel *channel, unsigned slot, unsigned service);
/* Bytes for one of the services, all of *data or up to news; false without news. */
bool serve_data(struct channel *channel, unsigned slot, struct tally_bytes *data,
                struct channel_news *news);
/* The peer sends no more on it. */
bool serve_finished(struct channel *channel, unsigned slot, struct channel_news *news);
/* Writes our identify message; false if there was no room. */
bool serve_identify(struct channel *channel, unsigned slot);
/* The slot's stream is gone: gives its reader back. */
void serve_end(struct channel *channel, unsigned slot);
/* News that a stream was ended for the peer's fault: RESET if the application knows it. */
bool refuse_stream(struct channel *channel, unsigned slot, enum tally_drop drop, const char *why,
                   struct channel_news *news);

#endif

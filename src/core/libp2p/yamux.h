/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_YAMUX_H
#define LIBP2P_YAMUX_H
/*
 * yamux: many streams in one connection (libp2p chapter, section 8). Frames are read as they come,
 * bodies are handed up without waiting for their end; what we owe is kept as flags, not as bytes,
 * and written when the connection has room: a peer that does not read cannot make us remember.
 */
#include "core/base/bucket.h"
#include "core/libp2p/tx.h"
#include "tally/error.h"
#include "tally/limits.h"

enum {
    YAMUX_HEADER = 12,
    YAMUX_BODY_MAX = NOISE_PLAIN_MAX - YAMUX_HEADER, /* With its header it fills a Noise frame. */
    YAMUX_SLOTS = TALLY_STREAMS_IN_MAX + TALLY_STREAMS_OUT_MAX,
    YAMUX_WINDOW = 256 << 10, /* Both ways, at the start, by the specification. */
    YAMUX_WINDOW_MAX = 4 << 20,
    YAMUX_WINDOWS_MAX = 16 << 20, /* Of all streams beyond their first 256 KiB. */
    YAMUX_PONGS_MAX = 32,         /* Answers that wait; more pings are not answered. */
    YAMUX_RESETS_MAX = 128,       /* The same for resets; more end the connection. */
    YAMUX_IDLE_RATE = 1000,       /* Frames without effect a second, and at once: js sends one */
    YAMUX_IDLE_BURST = 10000,     /*   or two for each stream that is over. */
    YAMUX_KEEPALIVE_MS = 30000,   /* Silence before we ask. */
    YAMUX_ANSWER_MS = 10000,      /* Silence after we asked. */
};

enum yamux_type { YAMUX_DATA = 0, YAMUX_WINDOW_UPDATE = 1, YAMUX_PING = 2, YAMUX_GOAWAY = 3 };
enum yamux_flag { YAMUX_SYN = 1, YAMUX_ACK = 2, YAMUX_FIN = 4, YAMUX_RST = 8 };
enum yamux_code { YAMUX_NORMAL = 0, YAMUX_PROTOCOL_ERROR = 1, YAMUX_INTERNAL_ERROR = 2 };

struct yamux_header {
    uint8_t version, type;
    uint16_t flags;
    uint32_t stream, length;
};

void yamux_header_read(const uint8_t bytes[YAMUX_HEADER], struct yamux_header *header);
void yamux_header_write(const struct yamux_header *header, uint8_t bytes[YAMUX_HEADER]);

struct yamux_stream {
    uint32_t id; /* 0: the slot is free. */
    bool ours;
    bool fin_in, fin_out; /* Both: over, the slot is freed with the next read. */
    bool syn_due, ack_due, fin_due;
    uint32_t credit_due; /* Window to give with the next frame of this stream. */
    uint64_t send_window;
    uint32_t window;      /* Receive window: what the peer may send ... */
    uint32_t left;        /* ... and has not sent of it. */
    uint32_t consumed;    /* Given up by the application, not yet given back as credit. */
    uint32_t epoch_bytes; /* Consumed since epoch_us: does the window limit the peer? */
    uint64_t epoch_us;
};

struct yamux {
    bool dialler;
    bool due;     /* Something is to be written: yamux_flush. */
    bool goodbye; /* GoAway was heard or is said: no new streams. */
    unsigned
        slot_end; /* One past the last slot that was ever used: the lowest free one is taken. */
    unsigned in_count, out_count;
    uint32_t next_id;
    uint32_t extra_windows; /* Sum of windows beyond YAMUX_WINDOW. */
    uint32_t pongs[YAMUX_PONGS_MAX], resets[YAMUX_RESETS_MAX];
    unsigned pong_count, reset_count;
    bool ping_due, ping_out; /* To be sent; sent and not answered. */
    uint32_t ping_id;
    uint64_t ping_us, rtt_us; /* 0: never measured. */
    struct tally_mono asked, heard;
    struct tally_now now;
    struct bucket idle;
    /* The frame being read. */
    uint8_t head[YAMUX_HEADER];
    uint8_t have;
    uint32_t body; /* Bytes of it that are still to come. */
    int body_slot; /* -1: to be skipped. */
    bool body_fin;
    struct yamux_stream streams[YAMUX_SLOTS]; /* From slot_end on they are nothing yet. */
};

enum yamux_news_kind {
    YAMUX_NEWS_OPENED, /* A stream of the peer's, in `slot`. */
    YAMUX_NEWS_DATA,
    YAMUX_NEWS_FINISHED,
    YAMUX_NEWS_RESET,   /* By the peer (drop NONE) or for its fault. The slot is free already. */
    YAMUX_NEWS_REFUSED, /* Dropped; the connection goes on. */
    YAMUX_NEWS_PONG,
    YAMUX_NEWS_GOAWAY, /* The peer ends the connection. */
    YAMUX_NEWS_BROKEN, /* The peer broke a rule: GoAway 1 and close. */
};

struct yamux_news {
    enum yamux_news_kind kind;
    unsigned slot;
    uint32_t stream;
    struct tally_bytes data;
    enum tally_drop drop;
    const char *why;
};

void yamux_init(struct yamux *yamux, bool dialler, struct tally_now now);

/* Reads from the front of *bytes until there is news; false at their end. After BROKEN or GOAWAY
   it is not called again. */
bool yamux_read(struct yamux *yamux, struct tally_now now, struct tally_bytes *bytes,
                struct yamux_news *news);

/* The slot of a stream that is not over, or -1. */
int yamux_find(const struct yamux *yamux, uint32_t stream);

/* A new stream of ours: its slot, or -1. Its first frame carries the SYN. */
int yamux_open(struct yamux *yamux);

/* Most bytes of body that yamux_reserve would give. */
size_t yamux_writable(const struct yamux *yamux, const struct tx *tx, unsigned slot, size_t keep);

/* Room for a Data body in place, or NULL; commit writes its header and, with finish, what ends our
   direction. Commit of 0 bytes needs no reserve. */
uint8_t *yamux_reserve(struct yamux *yamux, struct tx *tx, unsigned slot, size_t size, size_t keep);
void yamux_commit(struct yamux *yamux, struct tx *tx, unsigned slot, size_t size, bool finish);

/* Bytes the application is done with: credit for the peer, in steps of half a window. */
void yamux_consumed(struct yamux *yamux, unsigned slot, size_t size);

/* Both directions at once; the slot is free. False: too many wait to be told, end the connection.
 */
bool yamux_reset(struct yamux *yamux, unsigned slot);

/* Writes what is due, as far as there is room: pongs first, then resets, acknowledgements, credit.
 */
void yamux_flush(struct yamux *yamux, struct tx *tx);

/* GoAway, once; nothing follows it. */
void yamux_goodbye(struct yamux *yamux, struct tx *tx, enum yamux_code code);

/* Keepalive: when to call yamux_tick, which says SILENT when the peer is to be given up. */
struct tally_mono yamux_deadline(const struct yamux *yamux);
enum tally_drop yamux_tick(struct yamux *yamux, struct tally_now now);

bool yamux_holds(const struct yamux *yamux);

#endif

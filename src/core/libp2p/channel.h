/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_CHANNEL_H
#define LIBP2P_CHANNEL_H
/*
 * One secured connection that any libp2p program can be at the other end of: multistream-select,
 * Noise XX, yamux, identify, ping and fetch over a byte stream (libp2p chapter, sections 5 to 15).
 *
 *     UPGRADING --SECURED--> OPEN --CLOSED--> over          (UPGRADING --CLOSED--> over)
 *
 * Pull-style: feed bytes, take news until there is none, write to streams, take the output.
 *
 *     channel_feed(c, now, bytes);
 *     while (channel_next(c, &news)) …          may open, write, consume, reset streams here
 *     out = channel_output(c, room)                            once, at the end of a turn
 *
 * Streams have the number yamux gave them, used once in a connection's life. A number that is gone
 * (reset, or finished both ways) is harmless in every call: nothing happens, NULL or 0 is returned.
 * Nothing is allocated; the four windows aside there are no callbacks.
 *
 * Data of a stream is not kept here: DATA hands it up as it comes, and who has no room for it later
 * simply does not say channel_consumed: the peer may send at most 256 KiB (growing to 4 MiB with a
 * reader that keeps up) beyond what was consumed.
 */
#include "tally/error.h"
#include "tally/limits.h"
#include "tally/types.h"
#include "tally/windows.h"

enum {
    CHANNEL_PROTOCOLS_MAX = 8,    /* Ours, besides identify, push, ping and fetch. */
    CHANNEL_ADDRESSES_MAX = 8,    /* In identify, ours and theirs. */
    CHANNEL_FRAME_MAX = 65507,    /* Most bytes of one reserve: fills one Noise frame. */
    CHANNEL_FETCH_KEY_MAX = 1024, /* Bytes of a fetch request. */
    CHANNEL_AGENT_MAX = 64,       /* Of a peer's agent text; the rest is cut off. */
};

struct channel;

struct channel_options {
    bool dialler;
    const struct tally_key *key;         /* Our identity; lives as long as the channel. */
    const struct tally_crypto *crypto;   /* Signs with it; lives as long as the channel. */
    const struct tally_sealing *sealing; /* NULL: what others understand. */
    const struct tally_secret *secret;   /* Draws the Noise keys. Used during init only. */
    const struct tally_key *expected;    /* Dialler: who must answer; NULL: anybody. Copied. */
    const char *const *protocols;        /* Ours ("/tally/sync/1.0.0"); live as long as the channel.
                                            Exactly these are accepted and named in identify. */
    size_t protocol_count;               /* At most CHANNEL_PROTOCOLS_MAX. */
    struct tally_address remote;         /* Whom we speak to, told back to it as observed. */
    const struct tally_address *listen;  /* Our TCP addresses for identify: all are told, so only
                                            what this peer may hear of. Copied. */
    size_t listen_count;                 /* At most CHANNEL_ADDRESSES_MAX. */
    const char *agent;                   /* "tally/0.1.0"; lives as long as the channel. */
};

enum channel_news_kind {
    CHANNEL_SECURED,    /* The peer proved its key and the muxer runs: streams may be opened. */
    CHANNEL_OPENED,     /* A stream of theirs, or one of ours that the peer agreed to serve. */
    CHANNEL_DATA,       /* Bytes of a stream, at least one. */
    CHANNEL_FINISHED,   /* The peer sends no more on this stream; we still may. */
    CHANNEL_RESET,      /* The stream is gone both ways: by the peer, or for its fault. */
    CHANNEL_IDENTIFIED, /* The peer's identify, or a push that changed it. Hints, not facts. */
    CHANNEL_FETCH,      /* The peer asks for a key: answer with channel_fetch_answer or _head. */
    CHANNEL_PONG,       /* A yamux ping came back. */
    CHANNEL_REFUSED,    /* Something was dropped and the connection goes on: count it. */
    CHANNEL_CLOSED,     /* The last news. Send the output that is left, then close the stream. */
};

/* What the peer said of itself. Views are valid until the next call. */
struct channel_identity {
    const char *agent; /* NUL-terminated; printable ASCII, others are '?'. */
    bool has_observed;
    struct tally_address observed;         /* How it sees us: our address, its view of the port. */
    const struct tally_address *addresses; /* Its TCP listen addresses, at most
                                              CHANNEL_ADDRESSES_MAX. */
    size_t address_count;
    uint32_t protocols; /* Bit i: it serves protocols[i] of the options. */
};

struct channel_news {
    enum channel_news_kind kind;
    uint32_t stream; /* OPENED, DATA, FINISHED, RESET, FETCH. */
    union {
        struct {
            struct tally_key peer;
        } secured;
        struct {
            unsigned protocol; /* Index in the options. */
            bool ours;         /* We opened it. */
        } opened;
        struct tally_bytes data;          /* DATA: borrowed until the next call. */
        struct tally_bytes key;           /* FETCH: borrowed until the next call. */
        struct channel_identity identity; /* IDENTIFIED. */
        struct {
            uint64_t rtt_us;
        } pong;
        struct {
            enum tally_drop drop; /* NONE: in order, or the peer's wish. */
            const char *why;      /* What exactly, with the limit or the key type; static. */
        } end;                    /* RESET, REFUSED, CLOSED. */
    };
};

/* Bytes of memory a channel needs, all of it (about 250 KiB). Untouched until used: take it from
   calloc or mmap, aligned for any type; init clears what it must and no more. */
size_t channel_size(void);

/* Begins the upgrade: the dialler has output at once. The memory outlives the channel. */
struct channel *channel_init(void *memory, const struct channel_options *options,
                             struct tally_now now);

/* Wipes all secrets; the memory may then be used again. Harmless when repeated. */
void channel_end(struct channel *channel);

/* Bytes from the wire, in any chunking; borrowed until channel_next returned false, and only then
   more may be fed. */
void channel_feed(struct channel *channel, struct tally_now now, struct tally_bytes bytes);

/* The next news; false when there is none. Until it returns false it must be called again. */
bool channel_next(struct channel *channel, struct channel_news *news);

/* Opens a stream for protocols[protocol]; data may follow at once, before the peer agreed (OPENED)
   or refused (RESET with drop UNKNOWN). 0: not secured, over, or TALLY_STREAMS_OUT_MAX are open. */
uint32_t channel_open(struct channel *channel, unsigned protocol);

/* Room for a frame of size bytes, 1..CHANNEL_FRAME_MAX, composed in place; NULL if the peer's
   window or our buffer have no room for all of it now. Commit it, all or a part, with the next
   call; any other call forgets it. */
uint8_t *channel_reserve(struct channel *channel, uint32_t stream, size_t size);
/* finish: we send no more on this stream. To finish without data: commit 0 bytes, no reserve. */
void channel_commit(struct channel *channel, uint32_t stream, size_t size, bool finish);

/* The greatest size that channel_reserve would give now. */
size_t channel_writable(const struct channel *channel, uint32_t stream);

/* The application is done with so many bytes of DATA: lets the peer send as many more. */
void channel_consumed(struct channel *channel, uint32_t stream, size_t bytes);

/* Ends a stream both ways at once. */
void channel_reset(struct channel *channel, uint32_t stream);

enum channel_fetch_status {
    CHANNEL_FETCH_OK = 0,
    CHANNEL_FETCH_NOT_FOUND = 1,
    CHANNEL_FETCH_ERROR = 2
};

/* Answers FETCH whole and finishes the stream; data at most 60 KiB. False: no room now, try again
   in a later turn. data may be empty; with ERROR it is a text. */
bool channel_fetch_answer(struct channel *channel, uint32_t stream,
                          enum channel_fetch_status status, struct tally_bytes data);
/* The same for long data, at most 4 MiB: the head now, then the size bytes of data with
   channel_reserve and channel_commit, the last with finish. */
bool channel_fetch_head(struct channel *channel, uint32_t stream, enum channel_fetch_status status,
                        size_t size);

/* Says goodbye: GoAway 0 if drop is NONE, else 1. No news follow; the output is to be sent. */
void channel_close(struct channel *channel, enum tally_drop drop);

/* Encrypted bytes for the wire, at most room of them, empty if there are none. They count as
   sent, and are valid until the next call that changes the channel: send them, or copy them.
   Call it once at the end of a turn: all that is due then leaves together. */
struct tally_bytes channel_output(struct channel *channel, size_t room);

/* There is output: bytes left for lack of room, or due. */
bool channel_wants_output(const struct channel *channel);

/* When it next wants a tick; news may follow a tick. */
struct tally_mono channel_deadline(const struct channel *channel);
void channel_tick(struct channel *channel, struct tally_now now);

/* The peer proved its key: NULL before SECURED. */
const struct tally_key *channel_peer(const struct channel *channel);

/* Its invariants. */
bool channel_holds(const struct channel *channel);

#endif

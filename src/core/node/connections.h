/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CONNECTIONS_H
#define NODE_CONNECTIONS_H
/*
 * Connections and who uses them: joins the host's streams (TCP) to channels (libp2p), and the
 * channels' streams to synchronisation and to witnessing. Holds no protocol state of its own.
 */
#include "core/base/outbox.h"
#include "core/libp2p/channel.h"
#include "core/sync/sync.h"
#include "tally/node.h"

enum {
    CONNECTION_SERVED_MAX = 2,  /* Streams of a protocol: theirs, one may be on its way out; */
    CONNECTION_STREAMS_MAX = 8, /* and ours, the same. */
    CONNECTION_PLACES = 64, /* Of streams: where the last one of that number, modulo, was found. */
};

enum connection_protocol { PROTOCOL_SYNC, PROTOCOL_FEDERATION, PROTOCOLS };

/* A stream of a channel, and who uses it. */
struct connection_stream {
    uint32_t handle; /* Ours, unique in the node; 0 is free. */
    uint32_t id;     /* The channel's. */
    enum connection_protocol protocol;
};

struct connection {
    uint32_t stream; /* The host's number; 0 is free. */
    bool dialled, open, secured;
    bool initiator;      /* Noise is ours to begin: of those we dial, and some that come in. */
    bool expected;       /* `peer` is who it must be. */
    bool check;          /* Dialled to see whether it can be: closed when the peer is proved. */
    bool closing, ended; /* Over; and CLOSE has gone out. */
    bool more;    /* Something is left to be written, and there is room: the next step does. */
    bool stirred; /* Something happened to it since what it has to say was written, */
    struct tally_mono deadline; /* and its deadline computed. */
    size_t room;                /* As the host told it, less what was written since. */
    struct channel *channel;    /* NULL until open. */
    void *memory;
    unsigned turn;
    struct connection_stream streams[CONNECTION_STREAMS_MAX];
    struct tally_address remote;
    struct tally_key peer; /* Expected until secured, then proved. */
    char agent[CHANNEL_AGENT_MAX + 1];
    struct tally_mono since;
};

struct connections {
    struct tally_node *node;
    struct connection *list;
    uint8_t *memory; /* Of all channels. */
    unsigned capacity, count;
    unsigned end; /* Of the places that were ever taken. */
    uint16_t places[CONNECTION_PLACES];
    uint32_t last_dialled, last_handle;
    uint64_t bytes_in, bytes_out;
    struct tally_mono next; /* The least deadline, after a step. */
};

/* Allocates memory for so many connections; untouched until used. False without memory. */
bool connections_new(struct connections *connections, struct tally_node *node, unsigned capacity);
/* Ends all channels and wipes their secrets. */
void connections_free(struct connections *connections);

/* The first place that is free; NULL: none is. */
struct connection *connections_place(struct connections *connections);

/* STREAM_OPEN, STREAM_BYTES, STREAM_ROOM, STREAM_CLOSED. */
void connections_on_event(struct connections *connections, struct tally_now now,
                          const struct tally_event *event);

struct tally_mono connections_deadline(const struct connections *connections);
void connections_tick(struct connections *connections, struct tally_now now);
/* At the end of a step: deadlines of what happened in it. */
void connections_settle(struct connections *connections);

/* Synchronisation wants a stream to the peer: on a connection there is, or on a new one. */
void connections_want(struct connections *connections, struct tally_now now,
                      const struct tally_key *peer);

/* The same for whoever waits for a stream to it, whether or not we may pull from it. */
void connections_reach(struct connections *connections, struct tally_now now,
                       const struct tally_key *peer);

/* A secured connection may be used by those who wait for one. */
void connections_offer(struct connections *connections, struct tally_now now,
                       struct connection *connection);

/* Opens a connection, to the peer at that address. False without room. */
struct connection_dial {
    struct tally_key peer;
    struct tally_address address;
    bool punch;     /* From the port we listen on. */
    bool initiator; /* Noise is ours to begin. */
    bool check;     /* It is closed as soon as the peer is proved. */
};
bool connections_dial(struct connections *connections, struct tally_now now,
                      const struct connection_dial *dial);

/* No stream to the peer can be had now: whoever waits for one learns it. */
void connections_unreached(struct connections *connections, struct tally_now now,
                           const struct tally_key *peer);

/* A stream that was awaited, rather than dialled, does not come. */
void connections_missed(struct connections *connections, struct tally_now now,
                        const struct tally_key *peer);

/* Its user is done with a stream, or the peer broke its rules. */
void connections_close(struct connections *connections, uint32_t handle);

/* Writes what is due: once at the end of each step. */
void connections_flush(struct connections *connections, struct tally_now now);

/* Whether a secured connection with the peer is open, and what it calls itself. */
const struct connection *connections_find(const struct connections *connections,
                                          const struct tally_key *peer);

/* Trust has changed: ends those with a peer, which begin anew under its new rights; and all with
   peers that may have none. */
void connections_part(struct connections *connections, struct tally_now now,
                      const struct tally_key *peer);
void connections_admit(struct connections *connections, struct tally_now now);

void connections_stop(struct connections *connections);
bool connections_holds(const struct connections *connections);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H
/*
 * What lies between nodes. Datagrams are delayed, lost, doubled, overtaken, damaged, cut off.
 * Streams are reliable ordered pipes of bytes with delay and bounded room; loss only slows them,
 * a partition holds their bytes back and breaks them when it lasts (as TCP's user timeout does).
 *
 * All chance is drawn from the sending slot, so one node's traffic never changes another's luck.
 */
#include "tally/action.h"
#include "tally/event.h"

struct world;

/* A range of numbers, both ends included; of slots, milliseconds, bytes. */
struct range {
    uint32_t from, to;
};

/* One way from one node to another. Percentages are in thousandths of a percent. */
struct link_options {
    struct range delay_ms;
    uint32_t loss, duplicate, reorder, corrupt;
    uint32_t replay; /* Comes once more, 1 to 30 s later: somebody on the path kept it. */
    uint32_t rate;   /* Bytes a second of streams; 0: no limit. */
    uint32_t mtu;    /* Larger datagrams vanish; 0: no limit. */
};

enum {
    PERCENT = 1000,                /* One percent in the options above. */
    NETWORK_PORT = 4001,           /* Of every node. */
    STREAM_ROOM_BYTES = 256 << 10, /* In flight, one direction of a stream. */
    STREAM_RETRY_MS = 200,         /* TCP's least retransmission time on Linux. */
    STREAM_TIMEOUT_MS = 20000,     /* Bytes held back for so long break a stream. */
    DIAL_TIMEOUT_MS = 5000,        /* A dial that nobody answers. */
    DIAL_RETRY_MS = 1000,          /* It is tried again (RFC 6298 section 2.1). */
    MULTICAST_PORT = 5353,
    NETWORK_LIES_FROM = 1 << 30, /* Streams from this one on no core dialled. */
    NETWORK_SPARES = 20,         /* Sizes of datagrams: up to 1,216 bytes, each 64 more. */
};

struct network {
    struct link_options link;  /* Everywhere but where an exception says otherwise, */
    struct link_options local; /* and within a LAN. */
    struct link_exception {
        struct range from, to;
        struct link_options link;
    } * exceptions;
    size_t exception_count, exception_capacity;
    struct link_cut { /* One way: to hears nothing of from. */
        struct range from, to;
    } * cuts;
    size_t cut_count, cut_capacity;
    struct link_flap { /* Both ways, open and closed in turn. */
        struct range a, b;
        uint64_t since_us, open_us, closed_us;
    } * flaps;
    size_t flap_count, flap_capacity;
    uint32_t *islands;                      /* One a node, NULL: all in one. */
    uint64_t sent, lost, delivered;         /* Datagrams. */
    struct datagram *spare[NETWORK_SPARES]; /* Given back, by size. */
    uint64_t refused;                       /* Lost because a box let nothing in. */
    uint64_t pipe_count;                    /* Streams ever dialled. */
};

void network_init(struct network *network);
void network_free(struct network *network);

/* The address of a slot in the wide network, each in a /24 of its own; and back. False if it is
   nobody's. */
struct tally_address network_address(uint32_t slot);
bool network_slot(const struct tally_address *address, uint32_t *slot);

/* The slot that an address of the wide network is near, for a look ahead; 0 if it is none. */
uint32_t network_near(const struct world *world, const struct tally_address *address);

/* local: the way stays in a LAN. */
const struct link_options *network_link(const struct network *network, uint32_t from, uint32_t to,
                                        bool local);

/* Whether packets from one get to the other at that time. */
bool network_open(const struct network *network, uint64_t now_us, uint32_t from, uint32_t to);

/* Ends partitions, cuts and flapping. */
void network_heal(struct network *network);

/* A datagram on its way; the receiver of the happening gives it back. */
struct datagram {
    struct tally_address from, to;
    uint32_t sender;    /* Slot, as it is shown. */
    uint32_t box;       /* LAN + 1 of the box it comes to; 0: it comes to the slot. */
    uint32_t interface; /* Of a multicast packet, or one from that socket; else 0. */
    bool group;
    size_t size;
    struct datagram *next; /* Of those given back. */
    uint8_t bytes[];
};

/* Memory for one of so many bytes, which are not set; and back. So many are made that a heap would
   be the most expensive part of their way. */
struct datagram *network_take(struct network *network, size_t size);
void network_give(struct network *network, struct datagram *datagram);

/* Draws the fate of a datagram and puts its arrivals. */
void network_send(struct world *world, uint32_t from, const struct tally_address *to,
                  struct tally_bytes bytes);

/* It is at the last box: the slot it goes to now, false if it is let in nowhere. */
bool network_enter(struct world *world, struct datagram *datagram, uint32_t *slot);

/* A packet from the mDNS socket: to all others of the segment, or to one of them. */
void network_multicast(struct world *world, uint32_t from, uint32_t interface,
                       const struct tally_address *to, struct tally_bytes bytes);

/* ---- Streams. ---- */

struct pipe; /* One connection of two ends, alive as long as something will happen to it. */

/* A stream of a node, by its number of it. */
struct slot_pipe {
    uint32_t stream;
    struct pipe *pipe;
};

/* punch: from the port we listen on, so that two that dial each other have one stream, dialled by
   both (RFC 9293 section 3.5: simultaneous open). */
void network_dial(struct world *world, uint32_t from, uint32_t stream,
                  const struct tally_address *to, bool punch);
void network_write(struct world *world, uint32_t from, uint32_t stream, struct tally_bytes bytes);
void network_close(struct world *world, uint32_t from, uint32_t stream);

/* A crashed node's streams: the other ends learn it a delay later. */
void network_crash(struct world *world, uint32_t slot);

/* Things that were put: bytes arrive; room is known. Frees the pipe after its last. */
void network_on_stream(struct world *world, uint32_t slot, struct pipe *pipe);
void network_on_room(struct world *world, uint32_t slot, struct pipe *pipe);

/* A happening of a pipe that is not to be, at the end of a world; both ends have crashed. */
void network_forget(struct pipe *pipe);

#endif

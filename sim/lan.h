/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_LAN_H
#define SIM_LAN_H
/*
 * Where nodes are. A node is in the wide network, at 11.x.y.1, or in a LAN at a private address.
 * A LAN may have a box that translates, whose other side is in the wide network, at 11.x.y.2 and
 * up, or in another LAN: then one is behind two. LANs have the same few subnets, as homes do, so
 * an address that is somebody here is somebody else there.
 *
 * A way through boxes is found in two parts, because boxes change while a packet travels: out of
 * the LANs of the sender when it leaves, into those of the receiver when it comes.
 */
#include "nat.h"
#include "network.h"

struct world;

/* Who has an address of a LAN: a node, or the outside of another LAN's box. */
struct lan_host {
    enum { LAN_FREE, LAN_NODE, LAN_BOX } kind;
    uint32_t index; /* A slot, or a LAN. */
};

struct lan {
    uint32_t base; /* The subnet, IPv4. */
    unsigned bits;
    struct lan_host *hosts; /* By host number less LAN_HOST_FIRST. */
    size_t host_count, host_capacity;
    bool has_box; /* Else nothing gets out. */
    struct nat nat;
    uint32_t outside;           /* LAN + 1 of the box's other side; 0: the wide network. */
    uint32_t front;             /* The slot that gave the box its place there. */
    struct tally_address outer; /* Of the box; port 0. */
};

enum { LAN_HOST_FIRST = 10, LAN_SMALL_MAX = 200 };

/* How a box is to be. */
struct lan_box {
    struct nat_options nat;
    bool carrier; /* Its inner addresses are those of RFC 6598. */
    bool behind;  /* Its outside is in the LAN of the slot `outside`. */
    uint32_t outside;
};

void lan_free(struct lan *lan);

/* Each of these changes places; false with a sentence why not. A running node is told by LINKS. */

/* A box in front of these nodes: of the LAN they are in if it has none, else of a new one. Type
   NONE: they are in the wide network. */
bool lan_nat(struct world *world, struct range who, const struct lan_box *box, char *why,
             size_t size);
/* One segment, in which they hear each other's multicast: within the LAN they are in, or in a new
   one that nothing leads out of. */
bool lan_segment(struct world *world, struct range who, char *why, size_t size);
/* To the LAN and segment of another node, or to where that one is in the wide network. */
bool lan_move(struct world *world, struct range who, uint32_t to, char *why, size_t size);

/* The box in front of a node begins anew; its gateway says so unless it is silent. False without a
   box. With `renumber` the other side of the box has another address from now on. */
bool lan_restart(struct world *world, uint32_t slot, bool silent, bool renumber);

/* ---- Questions. ---- */

/* The box in front of a node; NULL if there is none. */
struct lan *lan_of(const struct world *world, uint32_t slot);

/* Whether both are in one LAN, or both in none. */
bool lan_same(const struct world *world, uint32_t a, uint32_t b);

/* Where an operator at `from` would say that `to` is. */
struct tally_address lan_address(const struct world *world, uint32_t from, uint32_t to);

/* Where the wide network finds it, if it finds it. */
struct tally_address lan_outer_address(const struct world *world, uint32_t slot);

/* The one interface of a node. */
void lan_interface(const struct world *world, uint32_t slot, struct tally_interface *interface);

/* Whether an address is on the subnet of that interface. */
bool lan_attached(const struct world *world, uint32_t slot, const struct tally_address *address);

/* Changes when streams of a node that lead out of its LAN cannot go on. */
uint32_t lan_mark(const struct world *world, uint32_t slot);

/* ---- Ways. ---- */

struct route {
    struct tally_address from; /* Of the sender, as it is seen there. */
    uint32_t slot;             /* Who gets it; of a box, whoever stands for it for now. */
    uint32_t box;              /* LAN + 1 of the box it comes to; 0: it comes to the slot. */
    bool local;                /* It stays in the LAN. */
};

/* From a node's port to an address, out through the boxes on the way, which remember it: not if it
   is a stream from another port than the one we listen on. False if it leads nowhere. */
bool lan_route(struct world *world, uint32_t slot, enum tally_transport transport, uint16_t port,
               const struct tally_address *to, struct route *route);

/* In through the box and those behind it. False if one of them lets nothing in. */
bool lan_enter(const struct world *world, uint32_t box, enum tally_transport transport,
               const struct tally_address *from, const struct tally_address *to, uint32_t *slot,
               bool *asked);

#endif

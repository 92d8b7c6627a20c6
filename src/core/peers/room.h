/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_ROOM_H
#define PEERS_ROOM_H
/*
 * Who may be one of the mesh (protocols 4.1). Configured peers always may, as long as there are
 * links at all. Of the others who ask, so many that there are ten; then some places are left for
 * those in need. Three we choose ourselves, and two are of one network prefix: whoever has many
 * keys in few networks, or only ever comes to us, never is our whole view.
 *
 * Many who live behind one address (an office, a carrier's NAT) may know nobody but us. Beyond the
 * two of their network some are taken as *guests*: we tell them and hear them, but nothing is
 * concluded from them. A guest has no place, so it takes none from others; we look for links as if
 * it were not there, tell nobody of it, ask it for nobody and do not doubt ourselves for its sake.
 */
#include "core/peers/peers.h"

enum {
    MESH_WANTED = 8,      /* We look for others below; */
    MESH_LEAST = 5,       /* urgently below; */
    MESH_TAKEN = 10,      /* take whoever asks up to this, configured peers apart, */
    MESH_MOST = 12,       /* and those in need up to this; or a little above, for a while. */
    MESH_CHOSEN = 3,      /* So many we chose ourselves: the rest is for those who come to us. */
    MESH_PREFIX = 2,      /* Of one /24 or /48, unless it is a subnet of ours. */
    MESH_GUESTS_NEAR = 6, /* And so many more of it as guests, */
    MESH_GUESTS = 16,     /* of all networks, */
    MESH_GUEST_SHARE = 4, /* and no more than this part of all links. */
};

/* Why a peer should be one of the mesh. */
enum mesh_claim {
    MESH_ASKED,  /* It wants to. */
    MESH_URGENT, /* It wants to, and says that it has next to nobody. */
    MESH_EXTRA,  /* The same, though all places are taken. */
    MESH_OURS,   /* We want it. */
};

struct mesh_count {
    unsigned links, pinned; /* In all, guests apart; configured peers among them. */
    unsigned chosen;        /* Not pinned, and chosen by us. */
};

/* Who is of the mesh now. */
void mesh_count(const struct peers *peers, struct mesh_count *count);

/* Whether this peer may be one more of the links. Strangers (NULL: one not yet known) leave room
   for every configured peer, or whoever has many keys could keep those out. Places that were
   promised in a greeting count as taken. */
bool link_room(const struct peers *peers, const struct peer *peer);

/* Whether a peer at that address may become one of the mesh: NONE, BUSY, CROWDED, or REFUSED if it
   was one and said nothing. */
enum tally_drop mesh_room(const struct peers *peers, const struct peer *peer,
                          const struct tally_address *address, enum mesh_claim claim,
                          struct tally_now now);

/* A linked peer becomes one of the mesh (there is room: an assertion), because we chose it or not;
   or its link a light one. */
void link_mesh(struct peers *peers, struct peer *peer, bool mesh, bool chosen,
               struct tally_now now);

/* Whether a linked peer may become a guest: NONE, BUSY, CROWDED, or REFUSED as above. */
enum tally_drop guest_room(const struct peers *peers, const struct peer *peer,
                           struct tally_now now);

/* The guest whose time (overlay.needy) is up for longest, and whose going helps this peer; or
   NULL. */
struct peer *guest_over(const struct peers *peers, const struct peer *peer, struct tally_now now);

/* A linked peer becomes one of the mesh, as a guest. */
void link_guest(struct peers *peers, struct peer *peer, struct tally_now now);

/* Guests for whom there is a place by now are guests no longer. */
void guests_settle(struct peers *peers);

/* Keeps the counts of struct peers; every change of a link's kind goes through here, before the
   link's state changes. */
void link_count(struct peers *peers, struct peer *peer, bool linked, bool mesh);

/* A place for a session of a link that waits, unless there is one; false if there is none. And its
   end, in which it is wiped. */
bool link_wait(struct peers *peers, struct link *link);
void link_wait_end(struct peers *peers, struct link *link);

#endif

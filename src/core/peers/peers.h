/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_PEERS_H
#define PEERS_PEERS_H
/*
 * Whom we know: by key, with addresses, standing, and the link if there is one. Memory is
 * allocated by peers_new for a fixed number; nothing else allocates. A struct peer stays where it
 * is as long as it is known; one that is neither configured, linked nor barred may make way for a
 * newcomer when the table is full.
 */
#include "core/address/hygiene.h"
#include "core/base/backoff.h"
#include "core/base/random.h"
#include "core/federation/admission.h"
#include "core/peers/caps.h"
#include "core/peers/cookie.h"
#include "core/peers/knock.h"
#include "core/peers/loan.h"
#include "core/peers/news.h"
#include "core/peers/rare.h"
#include "core/peers/recent.h"
#include "tally/node.h"

enum {
    PEERS_GREET_FIRST_MS = 250,
    PEERS_GREET_CAP_MS = 60000,    /* Configured peers: they are why the node runs. 20 B/s each. */
    PEERS_STANDING_MS = 10000,     /* Standing fades by a tenth in this time. */
    PEERS_STANDING_END = -50,      /* Below: the link ends, the key is barred. */
    PEERS_BAR_MS = 30 * 60 * 1000, /* Doubling each time, to a day. */
    PEERS_BAR_CAP_MS = 24 * 60 * 60 * 1000,
    PEERS_HELLO_MS = 10000, /* Found addresses: one hello in this time each, ... */
    PEERS_HELLO_TRIES = 3, /* ... so many in all; then rests, see greet.c (protocols 7.4 rule 7). */
    PEERS_BLIND_MAX = 16,  /* Addresses greeted before their key is known. */
    PEERS_BLIND_REST_MS = 600000, /* After three hellos nobody answered (protocols 5.5). */
    PEERS_CROWDED_MS = 600000,    /* A link given up for a newcomer: so long we are crowded. */
};

/* Why a peer is greeted: for heartbeats and announces, or to ask it something (a light link). */
enum { PEER_WANTS_MESH = 1, PEER_WANTS_LINK = 2 };

struct peer_address {
    struct tally_address address;
    uint16_t tcp_port; /* It takes streams at another port than of the address; 0: the same. */
    uint8_t source;    /* enum tally_source. */
    bool no_udp;       /* It takes no datagrams there. */
    bool answered;     /* Once, at least: it is nobody's victim. */
    uint8_t hellos;    /* Sent in vain, one after the other. */
    struct tally_mono learnt, greeted;
};

/* Orders what one node says of itself, over its restarts too. */
struct peer_order {
    uint64_t counter;
    uint32_t epoch;
    bool any;
};

/* What each datagram of a peer touches comes first. */
struct peer {
    struct tally_key key;
    bool used, configured;
    bool bootstrap; /* Kept, and greeted again when others are wanted; but it may be let go. */
    bool mesh;      /* LINKED, and one of the mesh: both ends send heartbeats and announces. */
    bool chosen;    /* ... because we wanted it; else it came to us. */
    bool guest;     /* ... beyond the places of its network (room.h): it stands for nothing. */
    uint8_t wants;  /* PEER_WANTS_*: 0, and nobody greets it. */
    uint8_t wanted; /* What it was greeted for in vain. */
    uint8_t caps;   /* As it told last. */
    uint8_t health; /* 0..8: how far it doubts itself, as its last heartbeat told. */
    bool has_offset, has_shared;
    uint32_t rtt_us;             /* Smoothed; 0 unknown. */
    struct peer_order heartbeat; /* The last that was taken. */
    int64_t offset_us;           /* Its clock less ours; 0 unknown. */
    struct link link;
    struct peer_overlay overlay;
    uint8_t addresses_max, address_count, address_turn;
    uint8_t address_greeted;        /* The one being greeted. */
    struct peer_address *addresses; /* addresses_max; the one that answered last is first. */
    struct backoff backoff;
    struct peer_order hello; /* As of heartbeats. */

    struct tally_mono punch_after; /* Not to be punched before (protocols 7.3). */
    struct peer_rare *rare;
    enum tally_drop last_error; /* Why the last try or link ended. */
    enum tally_path_reason why; /* There is no link, or no better one. */
    bool judged;                /* Once, at least. */
    bool bare;                  /* When it greeted last it held no logs. */
    bool evasive;               /* Its cookie came, and no welcome: no time, or none for us. */
    uint8_t first_size;         /* Of what rides along with our next hello. */
    uint8_t shared[32];         /* X25519 of both identities: once per peer. */
};

struct peers_options {
    struct tally_key key;
    const struct fold *fold; /* Whom we admit; outlives the peers. NULL: everybody. */
    struct tally_crypto crypto;
    struct tally_trace_window trace;
    uint32_t epoch;
    uint8_t caps;       /* Of the node; see peers_caps. */
    uint8_t network[8]; /* The network tag. */
    uint64_t seed;
    unsigned peers_max, links_max;  /* 0: TALLY_PEERS_MAX, TALLY_LINKS_MAX. */
    unsigned addresses_max, window; /* 0: TALLY_ADDRESSES_MAX, TALLY_REPLAY_WINDOW. */
    struct peers_loan *loan;        /* Outlives the peers; NULL: their own. */
    /* Outlives the peers; NULL: every address may be dialled. */
    const struct address_policy *policy;
    struct tally_secret secret;
};

/* What each datagram touches comes first. */
struct peers {
    struct peer *list;
    uint16_t *slots; /* Open addressing by key: index + 1, 0 is free. */
    size_t slot_mask;
    uint8_t hash_key[16];
    size_t capacity, end; /* Places; those ever taken, behind which nothing was touched. */
    uint64_t *meshed;     /* A bit for each: which are of the mesh. */
    struct peers_options options;
    struct tally_mono *wakes;     /* Of each: when peers_tick has something to do for it; */
    struct tally_mono wake;       /* the least of all, or earlier. */
    uint64_t counter;             /* Of our next datagram. */
    unsigned count, links, light; /* Known; linked in the mesh; other links. */
    unsigned guests;              /* Of links: beyond the places of their networks. */
    uint32_t beat_ms;             /* Between the heartbeats of now; 0 until the first. */
    bool stopping;
    uint32_t *noted; /* Of each: the generation of `written` that has its link's address. */
    struct random random;
    uint64_t datagrams_out, bytes_out;
    struct recent written; /* To where; answers to greetings are not counted. */
    struct peer_address *addresses;
    struct peer_rare *rares; /* Of each. */
    uint64_t *windows;
    struct peers_loan *loan, *own_loan;       /* The latter NULL: it is lent. */
    struct peers_blind *blind;                /* PEERS_BLIND_MAX of them; */
    size_t blind_end;                         /* those ever used. */
    struct peers_knock *knocks[PEERS_KNOCKS]; /* Of the loan; NULL: none. */
    struct cookie_jar jar;
    struct tally_mono crowded; /* We are, till then. */
    uint8_t (*follows)[8];     /* TALLY_NAMESPACES_MAX tags, told in greetings. */
    size_t follow_count;
};

bool peers_new(struct peers *peers, const struct peers_options *options, struct tally_now now);
/* Wipes the secrets. */
void peers_free(struct peers *peers);

struct peer *peers_find(const struct peers *peers, const struct tally_key *key);

/* Perhaps the same: where it would be first, without a look at it. NULL: it is not known. */
const struct peer *peers_expected(const struct peers *peers, const struct tally_key *key);

/* The peer of that key, made if it is new; NULL if there is no room. */
struct peer *peers_take(struct peers *peers, const struct tally_key *key, struct tally_now now);

/* What we say of ourselves from the next greeting on: PEERS_CAPS_* without MESH and CROWDED. */
void peers_caps(struct peers *peers, uint8_t caps);

/* Whether a link to a peer that lives was given up lately because we know too many. */
bool peers_crowded(const struct peers *peers, struct tally_now now);

/* Namespaces to be told in greetings; at most TALLY_NAMESPACES_MAX. */
void peers_follow(struct peers *peers, const uint8_t (*tags)[8], size_t count);

/* Remembers an address of a peer; one that answered goes first. */
void peer_address_add(struct peer *peer, const struct tally_address *address,
                      enum tally_source source, bool answered, struct tally_now now);

/* Wants a tick for this peer at that time; when it wants it. */
void peers_wake(struct peers *peers, struct peer *peer, struct tally_mono at);
struct tally_mono peers_wakes(const struct peers *peers, const struct peer *peer);

/* The first of the mesh from that index on; `end`: there is none. Whoever is of no mesh is not
   even looked at: among many nodes, looking is what costs. */
size_t peers_mesh(const struct peers *peers, size_t from);

/* Adds to its standing (protocols 4.4). True: it fell below the end and is barred; end the link. */
bool peer_judge(struct peer *peer, int change, struct tally_now now);
bool peer_barred(const struct peer *peer, struct tally_now now);
int peer_standing(const struct peer *peer);

/* X25519 with the peer, computed at most once; false if its key is no good point. */
bool peers_shared(struct peers *peers, struct peer *peer);

/* Whether (epoch, counter) is above the last one taken; peer_order_take remembers it. */
bool peer_order_above(const struct peer_order *order, uint32_t epoch, uint64_t counter);
void peer_order_take(struct peer_order *order, uint32_t epoch, uint64_t counter);

/* For the node's status: the peer of that index, without `connected` and `agent`; false past it. */
bool peers_view(const struct peers *peers, size_t index, struct tally_peer_view *view);

/* Median of linked peers' clocks less ours; 0 if none is known. */
int64_t peers_clock_offset(const struct peers *peers);
/* Of how many linked peers the clock is known, and how many differ by so much at most. */
size_t peers_clocks(const struct peers *peers, int64_t most_us, size_t *agreeing);

bool peers_holds(const struct peers *peers);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_LINK_H
#define PEERS_LINK_H
/*
 * A link: two nodes that share a tag key for datagrams (protocols 2.3). The state diagram, whose
 * table is in link.c:
 *
 *            +--------------- silence, goodbye, bad signature ---------------+
 *            v                                                               |
 *     IDLE --hello--> GREETING --cookie, hello again--> PROVING --welcome--> LINKED
 *       \________________\______________\_____ their hello ____> ACCEPTED --first datagram--^
 *
 * GREETING, PROVING and ACCEPTED fall back to IDLE when the answer does not come in time. While
 * LINKED, a newer session waits in `next` until a first datagram comes under its key; so replaying
 * a hello never breaks a link that works.
 */
#include "core/base/bucket.h"
#include "core/base/replay.h"
#include "tally/limits.h"
#include "tally/types.h"

enum link_state { LINK_IDLE, LINK_GREETING, LINK_PROVING, LINK_ACCEPTED, LINK_LINKED };

enum {
    LINK_ANSWER_MS = 2000,      /* A step of the greeting that takes longer has failed. */
    LINK_ACCEPT_MS = 5000,      /* A session without a first datagram is forgotten. */
    LINK_PROBE_MS = 30000,      /* Probe and echo measure the round trip; after an echo the */
    LINK_PROBE_MAX_MS = 300000, /* next comes twice as late, to this, while all is well, ... */
    LINK_PROBE_EARLY_MS = 8000, /* ... with a heartbeat by half of this sooner or later. */
    LINK_LIGHT_MS = 1800000,    /* A link outside the mesh may be silent for so long. */
    LINK_ECHO_MS = 5000,        /* A later echo measures nothing: one of both slept. */
    LINK_PATH_MS = 1000,        /* A new address is probed once a second, ... */
    LINK_PATH_TRIES = 3,        /* ... three times at the most. */
    LINK_PATH_REST_MS = 60000,  /* Then that address may try again. */
    LINK_REQUESTS = 1,          /* What a peer may ask of us besides, each second ... */
    LINK_REQUESTS_BURST = 10,   /* ... and at once (overlay, probe_for). */
    LINK_NONCE = 16,
    LINK_PROBE_NONCE = 8,
};

#define LINK_RATE         ((struct bucket_rate){TALLY_LINK_RATE, 2 * TALLY_LINK_RATE})
#define LINK_REQUEST_RATE ((struct bucket_rate){LINK_REQUESTS, LINK_REQUESTS_BURST})

/* The two directions of one handshake. */
struct session {
    uint8_t receive_key[32], send_key[32];
    uint32_t epoch; /* The peer's boot epoch when the link was set up. */
};

/* A session that waits for its first datagram. */
struct link_next {
    struct session session;
    struct tally_mono since;
    struct tally_address address;
    uint8_t theirs[LINK_NONCE], ours[LINK_NONCE]; /* Of a greeting that we accepted. */
    bool mesh;                                    /* It is for the mesh: both ends said so. */
};

/* An address from which a good tag came, before a probe sent there was echoed (2.3 rule 5). */
struct link_path {
    struct tally_address address;
    uint8_t tries;   /* 0: nobody is at a new address. */
    uint64_t credit; /* Bytes that came from there, less those that went. */
    uint8_t nonce[LINK_PROBE_NONCE];
    struct tally_mono probed;
};

/* What silence in the mesh makes us think of a link; suspect.h says how it goes on. Of a suspect
   more is known: peer_rare. */
enum suspicion_state {
    SUSPICION_NONE,
    SUSPICION_MISSED,  /* Two intervals without a sign of life: probed, and waited for an echo. */
    SUSPICION_SUSPECT, /* No echo either: others are asked whether it answers them. */
};
struct suspicion {
    struct tally_mono since; /* Of the state. */
    enum suspicion_state state;
    bool vouched; /* One of them has heard it. */
    bool woken;   /* We slept: what comes now may have waited for us, only an echo is a sign. */
    bool slept;   /* So long that it may have given us up, however lately we heard it. */
};

/* In the order of use: a heartbeat that comes touches three lines of a cache, one that goes two. */
struct link {
    enum link_state state;
    uint32_t interval_ms;        /* Of its heartbeats, as it told. */
    struct tally_mono heard;     /* Last authentic datagram. */
    struct tally_mono heartbeat; /* The last that was taken; 0: none since it is of the mesh. */
    struct bucket_word bucket;   /* Of the peer's datagrams, paid after the tag. */
    struct replay window;        /* Of current; a session that waits has taken nothing yet. */

    struct session current;       /* In LINKED. */
    struct tally_address address; /* Where the peer is greeted, or was proved to be. */
    bool probing;                 /* probe_nonce awaits its echo. */
    bool initiated;               /* We greeted; else the peer did. */
    bool uninvited; /* The peer greeted, and nothing had been written to where it came from. */
    bool together;  /* Both greet at once, as a common peer told them. */
    bool punched;   /* And so the link came up. */
    bool roams;     /* The peer may be elsewhere: peer_rare has the path. */
    uint8_t echoes; /* To probes, one after the other, while all was well. */
    struct suspicion suspicion; /* In the mesh. */

    struct tally_mono probe_at; /* The next probe. */
    struct tally_now probe_sent;
    uint8_t probe_nonce[LINK_PROBE_NONCE];
    struct link_next *next;      /* In ACCEPTED, or waiting in LINKED; lent. */
    struct tally_mono meshed;    /* When it became one of the mesh, or a light one. */
    struct bucket_word requests; /* Of what it asks of us that costs more than an answer. */

    struct tally_mono since;   /* Of the state. */
    uint8_t nonce[LINK_NONCE]; /* Of our hello. */
    uint8_t cookie[16];        /* Of theirs, in PROVING. */
};

/* What the overlay remembers of a peer; times are 0 for never (core/gossip/overlay.h). */
struct peer_overlay {
    struct tally_mono asked;   /* When we last wanted it for the mesh, and have no answer. */
    struct tally_mono rest;    /* Before that we do not want it again. */
    struct tally_mono pruned;  /* When we last told it that it is not of our mesh. */
    struct tally_mono refused; /* When it last told us that. */
    struct tally_mono needy;   /* Before that it is not pruned to shrink: it has next to nobody. */
    bool came; /* Those who came to us told of it, or it wandered: it is none of our choice. */
    uint8_t refusals; /* One after the other. */
    uint8_t vain;     /* Hellos in this round to a bootstrap that once answered. */
    uint8_t needs;    /* How often it got a place because of that. */
    bool shuffling;   /* It owes us contacts. */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_OVERLAY_H
#define GOSSIP_OVERLAY_H
/*
 * Whom we link with, so that all hang together whoever leaves (protocols 4.1, after HyParView). The
 * active view are the links of the mesh: eight are wanted, room.h says who may be one. The passive
 * view is in passive.h, and refills the active one at once. One overlay is for all namespaces: a
 * node follows what its peers hold; per namespace there would be one of these each.
 *
 *     activate   on a light link: let it be one of the mesh. Answered by activate, or prune.
 *     prune      this link is, or stays, a light one; here are others.
 *     join       a newcomer wanders over the links, and who meets it at the end greets it.
 *     shuffle    contacts for contacts, every half minute; in a calm mesh every other minute.
 *
 * Third parties are nobody's target through us: what is passed on we got through to ourselves, but
 * for a newcomer on its way; what is told is greeted once a second at most, in all.
 */
#include "core/base/backoff.h"
#include "core/base/pace.h"
#include "core/gossip/passive.h"
#include "core/peers/greet.h"
#include "core/peers/links.h"

enum {
    OVERLAY_CONTACTS = 8,       /* In one message. */
    OVERLAY_ACTIVE = 3,         /* Contacts of a shuffle from the active view, ... */
    OVERLAY_PASSIVE = 4,        /* ... and from the passive one. */
    OVERLAY_CAME = 3,           /* ... and so many of a prune came to us lately. */
    OVERLAY_SHUFFLE_MS = 30000, /* +- 20 %, or ... */
    OVERLAY_SHUFFLE_BEATS = 6,  /* ... each sixth heartbeat where that is more. */
    OVERLAY_TEND_MS = 120000,   /* One candidate is greeted so often, to see if it lives. */
    OVERLAY_EARLY_MS = 8000,    /* With a heartbeat, by half of this, or of the time between two
                                   if that is more, sooner or later. */
    OVERLAY_LOOK_MS = 10000,    /* Looks after what no message brings about. */
    OVERLAY_TTL = 6,            /* Steps of a join, at most. */
    OVERLAY_TTL_PASSIVE = 3,    /* Who is met with so many left remembers the newcomer. */
    OVERLAY_WALKS = 4,          /* Ways a newcomer is sent on. */
    OVERLAY_JOIN_MS = 10000,    /* The same newcomer wanders once in this time. */
    OVERLAY_GREET_RATE = 1,     /* Greetings a second, ... */
    OVERLAY_GREET_BURST = 8,    /* ... and at once. */
    OVERLAY_ASK_MS = 3000,      /* After that another is asked as well. */
    OVERLAY_ANSWER_MS = 10000,  /* An answer to activate counts so long. */
    OVERLAY_AGAIN_MS = 30000,   /* Before the same candidate is asked again. */
    OVERLAY_PATIENCE_MS = 8000, /* Only after so long with next to nobody it is urgent. */
    OVERLAY_REST_MS = 10000, /* Who pruned us is left alone, at first so long; doubling, to ... */
    OVERLAY_REST_CAP_MS = 1800000,
    OVERLAY_GONE_MS = 5000,    /* Who left the mesh is not greeted at once. */
    OVERLAY_PRUNE_MS = 5000,   /* Between two prunes to one peer. */
    OVERLAY_NEEDY_MS = 300000, /* Who has next to nobody is not pruned for so long; doubling, ... */
    OVERLAY_NEEDY_CAP_MS = 86400000,
    OVERLAY_CROWDED_MS = 120000,   /* Who was told of others and still is in need is our guest. */
    OVERLAY_WANDERERS = 2,         /* Who wanders here is greeted with so many more than places. */
    OVERLAY_MUTE_MS = 60000,       /* A peer of the mesh without heartbeats is none, ... */
    OVERLAY_MUTE_REST_MS = 600000, /* ... for so long. */
    OVERLAY_BOOTSTRAPS = 64,       /* Kept by key; */
    OVERLAY_BOOTSTRAPS_ASKED = 2,  /* asked at a time, ... */
    OVERLAY_CROWD_MS = 4000,       /* ... and others not before, doubling, while they have no */
    OVERLAY_CROWD_CAP_MS = 120000, /* time for us: with us many came at once. */
};

/* Those who get a place although all are taken; guests; greetings of those who wander:
   milliseconds, burst. */
#define OVERLAY_EXTRA_RATE ((struct pace_rate){3000, 8})
#define OVERLAY_GUEST_RATE ((struct pace_rate){5000, 6})
#define OVERLAY_MET_RATE   ((struct pace_rate){5000, 4})

enum { OVERLAY_PRUNE_LAZY, OVERLAY_PRUNE_FULL, OVERLAY_PRUNE_SHRINKING }; /* gossip.cddl */

/* Standing (protocols 4.4). */
enum { OVERLAY_BAD_CONTACT = -20, OVERLAY_UNASKED = -5 };

struct overlay {
    struct passive passive;
    bool named_only; /* Nobody is looked for but whom one names, whatever the profile. */
    struct random random;
    struct bucket greetings;
    uint64_t beat_ms; /* Between heartbeats; 0 until the first. */
    struct tally_mono begun;
    struct tally_mono poor; /* Since when there are too few links; NEVER: there are not. */
    struct tally_mono refill, shuffle, tend, look; /* When each is due. */
    struct backoff asks;                           /* While nobody has a place for us, ... */
    struct tally_mono patience;                    /* ... nobody is asked before; but in need. */
    struct backoff crowds;    /* While bootstraps have no time for us, no more of them ... */
    struct tally_mono crowd;  /* ... are asked before. */
    struct tally_mono wander; /* Not again before. */
    struct pace met;          /* Greetings of those who wander. */
    struct pace extra;        /* Places beyond those there are. */
    struct pace guests;       /* Those of a network that has its places. */
    struct backoff joins;
};

/* What a step taught. */
struct overlay_news {
    struct peer *meshed; /* Its link became one of the mesh. */
    bool waits;          /* A peer of the mesh waits for a heartbeat of ours. */
};

struct overlay_options {
    bool named_only;
    unsigned passive_max; /* 0: PASSIVE_MAX. */
    uint64_t seed;
};

/* False without memory. */
bool overlay_new(struct overlay *overlay, const struct overlay_options *options,
                 struct tally_now now);
void overlay_free(struct overlay *overlay);

/* The active view is refilled in this step. */
void overlay_hurry(struct overlay *overlay, struct tally_now now);

struct tally_mono overlay_deadline(const struct overlay *overlay);
/* Heartbeats go out in this tick, and the next ones after `interval`: what is due before that is
   done with these. Before overlay_tick. */
void overlay_beat(struct overlay *overlay, struct tally_now now, uint64_t interval);
void overlay_tick(struct overlay *overlay, struct tally_now now, struct peers *peers,
                  struct outbox *out);

/* The peers' news: a link came up; one ended, or a greeting was in vain. */
void overlay_linked(struct overlay *overlay, struct tally_now now, struct peers *peers,
                    struct peer *peer, struct outbox *out);
void overlay_ended(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct peer *peer, bool failed);

/* A peer was found by mDNS, in the DHT or by a domain; it is linked if others are wanted. NONE, or
   why not: SCOPE, BUSY. */
enum tally_drop overlay_found(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              const struct tally_key *key, const struct tally_address *address,
                              enum tally_source source);

/* Someone to find others by: kept, and greeted whenever there are next to none. False without
   room, or if it is ourselves. */
bool overlay_bootstrap(struct overlay *overlay, struct tally_now now, struct peers *peers,
                       const struct tally_key *key, const struct tally_address *address,
                       enum tally_source source);

/* Fewer links than a node needs, and so a reason to ask further sources. */
bool overlay_poor(const struct peers *peers);

/*
 * JOIN, ACTIVATE, SHUFFLE, SHUFFLED or PRUNE of a linked peer: NONE, MALFORMED, UNKNOWN (a prune
 * that is not of the overlay), BUSY, REFUSED, UNASKED, SCOPE, CROWDED, SELF. Standing suffers for
 * UNASKED and SCOPE; links->unlinked tells if that ended the link.
 */
enum tally_drop overlay_receive(struct overlay *overlay, struct tally_now now, struct peers *peers,
                                struct peer *from, const struct datagram *datagram,
                                struct overlay_news *news, struct peers_news *links,
                                struct outbox *out);

/* A heartbeat came on a link that is a light one here: NONE if it is one of the mesh from now on
   (and in the news), REFUSED if its sender is told that it is not. */
enum tally_drop overlay_stray(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              struct peer *from, struct overlay_news *news, struct outbox *out);

bool overlay_holds(const struct overlay *overlay);

#endif

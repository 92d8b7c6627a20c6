/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_NEWS_H
#define PEERS_NEWS_H
/* What peers and links tell whoever stepped them; a value, valid until the next call. */
#include "tally/types.h"

struct peer;

/* What a step taught about links. Pointers are into struct peers. */
struct peers_news {
    struct peer *linked;   /* A link is up, for the first time or anew. */
    struct peer *unlinked; /* last_error says why. */
    struct peer *failed;   /* Was greeted in vain, and is not greeted again by itself. */
    struct peer *vain;     /* The same of a configured one, which is greeted again later. */
    struct peer *observer; /* Told where it sees us. */
    struct tally_address observed;
    uint32_t round_trip_us; /* An echo came so long after its probe; 0: none. */
    struct peer *asked;     /* Proved itself with a request that rode along: kind, then body. */
    struct tally_bytes request;
    bool uninvited; /* It greets us, though nothing was written to its address lately. */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_RARE_H
#define PEERS_RARE_H
/*
 * What most peers never have, all zero. It lies apart from struct peer, so that there is no memory
 * behind it as long as nobody writes to it, which is the whole life of most nodes of a mesh that is
 * well; so nothing here is set to what it is already. What is looked at often has a mark in struct
 * peer or its link that says whether to look: `judged`, `roams`, `first_size`, the suspicion.
 */
#include "core/peers/link.h"
#include "tally/error.h"

enum { PEERS_FIRST_MAX = 64 }; /* A request that rides along with hello: kind and body. */

struct peer_rare {
    /* Its standing, if `judged`. */
    struct tally_mono standing_at; /* When it last faded. */
    struct tally_mono rewarded;    /* A first delivery counts once a second. */
    struct tally_mono barred_until;
    int standing; /* -100..100. */
    unsigned bars;

    struct link_path path;                   /* If link.roams. */
    struct tally_mono suspect_until;         /* SUSPECT: so long it may still prove alive. */
    uint8_t suspect_nonce[LINK_PROBE_NONCE]; /* SUSPECT: of what others were asked. */
    struct tally_mono helped; /* When it was last asked to probe another for us; 0 never. */

    struct tally_mono left;    /* When its link became a light one. */
    struct tally_mono joined;  /* When we last let it wander. */
    struct tally_mono crowded; /* Since when it is in need, and its network has its places. */
    struct tally_mono mute;    /* Before that it is not taken: it sent no heartbeats. */

    struct tally_mono stream_after; /* It is not dialled before: it is asked to dial. */
    struct tally_mono kept; /* Till then others' links are given up first: we ask it regularly. */
    enum tally_error stream_error;  /* Of the last dial in vain; OK. */
    uint8_t first[PEERS_FIRST_MAX]; /* What rides along with our next hello: first_size of it. */
};

#endif

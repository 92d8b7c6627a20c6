/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_PASSIVE_H
#define GOSSIP_PASSIVE_H
/*
 * The passive view (protocols 4.1): whom we might link with, from wherever we heard of them. What
 * others told us is worth little: one peer fills a sixth of the view, those who came to us half of
 * it, one network prefix two places; and it never pushes out somebody we got through to ourselves.
 */
#include "core/address/hygiene.h"
#include "core/base/random.h"

enum {
    PASSIVE_MAX = 48,
    PASSIVE_PER_PEER = 8,          /* Told by one peer. */
    PASSIVE_CAME = 24,             /* Told by peers that came to us, or such peers themselves. */
    PASSIVE_PREFIX = 2,            /* Of one /24 or /48, of what strangers told. */
    PASSIVE_COLD = 32,             /* Addresses remembered where nobody answered. */
    PASSIVE_COLD_MS = 600000,      /* Three hellos there in this time (protocols 5.5). */
    PASSIVE_REST_MS = 600000,      /* So long nobody is asked again in vain, doubling ... */
    PASSIVE_LOST_MS = 30000,       /* (sooner whom we lost), */
    PASSIVE_REST_CAP_MS = 1800000, /* ... to this. */
    PASSIVE_OLD_MS = 86400000,     /* Nobody is taken who was not heard for a day. */
};

struct candidate {
    bool used;
    bool local;       /* On a subnet of ours: prefixes do not count. */
    bool came;        /* Told by a peer we did not choose, or one itself. */
    bool lost;        /* It was of the mesh and fell silent: its answer may end a partition. */
    uint8_t source;   /* enum tally_source. */
    uint8_t failures; /* Asked in vain so often, one after the other. */
    struct tally_address address;
    struct tally_key key;
    struct tally_key by;       /* Who told, of EXCHANGE. */
    struct tally_mono heard;   /* When it lived, as far as we know. */
    struct tally_mono dialled; /* When we last got through to that address; 0 never. */
    struct tally_mono rest;    /* Not asked before. */
};

struct passive {
    struct candidate *list;
    size_t count, capacity;
    struct passive_cold {
        struct tally_address address;
        struct tally_mono until;
    } * cold;
    size_t cold_turn, cold_count;
};

/* Places for so many (0: PASSIVE_MAX); the other bounds above are in proportion. False without
   memory. */
bool passive_new(struct passive *passive, unsigned capacity);
void passive_free(struct passive *passive);

/* NULL if it is not in the view. */
struct candidate *passive_find(struct passive *passive, const struct tally_key *key);

/*
 * Takes a candidate, of whom key, address, source, local, came, by, heard and dialled count; or
 * what is new of one that is known. NULL if there is no place for it; else the one in the view.
 */
struct candidate *passive_put(struct passive *passive, const struct candidate *candidate,
                              struct random *random, struct tally_now now);

void passive_remove(struct passive *passive, struct candidate *candidate);

/* We got through to it, at the address it has. */
void passive_dialled(struct candidate *candidate, struct tally_now now);

/* It was asked in vain. Whom only others told of is forgotten, and the address left in peace. */
void passive_failed(struct passive *passive, struct candidate *candidate, struct random *random,
                    struct tally_now now);

bool passive_holds(const struct passive *passive);

#endif

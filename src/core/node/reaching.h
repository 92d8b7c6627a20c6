/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_REACHING_H
#define NODE_REACHING_H
/*
 * How we are reached and how we get through (protocols 7): joins the modules of core/nat to links.
 * Messages of the kinds dial_back, dialled, punch and dial_me come here; links tell it what they
 * learn of us, and whom they could not reach.
 */
#include "core/nat/dialback.h"
#include "core/nat/meet.h"
#include "core/nat/punch.h"
#include "core/peers/links.h"

struct reaching_options {
    const struct address_policy *policy; /* Outlives it; NULL: no interfaces, profile STATIC. */
    struct tally_address listen;
    unsigned own_max; /* Own addresses; 0: OWN_MAX. */
    bool by_itself;   /* Finds out by itself whether others get through. */
    bool serves;      /* Helps others to find out, and introduces them (PEERS_CAPS_INTRODUCES). */
};

struct reaching {
    const struct address_policy *policy;
    uint16_t port; /* We listen on. */
    struct reach reach;
    struct dialback dialback;
    struct punch punch;
    struct meet meet;
    struct tally_mono wake;    /* As of reaching_settle; of no use once something */
    bool stirred;              /* may have changed since. */
    struct dialback_dial dial; /* A stream that the node is to open for somebody else's check. */
};

/* One message, as it came. */
struct reaching_word {
    const struct datagram *datagram;
    const struct tally_address *from;
    struct peer *peer;
    bool rides;     /* Along with a hello, ... */
    bool uninvited; /* ... from where we had not written to. */
};

/* False without memory. */
bool reaching_new(struct reaching *reaching, const struct reaching_options *options,
                  const struct peers *peers, struct tally_now now);
void reaching_free(struct reaching *reaching);

/* MALFORMED, or as the modules say. A lie about addresses costs standing (protocols 4.4). */
enum tally_drop reaching_receive(struct reaching *reaching, struct tally_now now,
                                 struct peers *peers, const struct reaching_word *word,
                                 struct peers_news *news, struct outbox *out);

/* What links learnt, in a step and in a tick; whether anything follows from it. Who was greeted in
   vain, and is wanted for the mesh, is punched. */
bool reaching_learn(struct reaching *reaching, struct tally_now now, struct peers *peers,
                    const struct peers_news *news);
void reaching_ended(struct reaching *reaching, struct tally_now now, struct peers *peers,
                    const struct peers_ended *ended, struct outbox *out);

/* A stream to a linked peer that was dialled in vain, or need not be. False: there is no way. */
bool reaching_stream(struct reaching *reaching, struct tally_now now, struct peers *peers,
                     const struct peer *peer, struct outbox *out);

/* How we have the link, and why not better. */
void reaching_path(const struct reaching *reaching, const struct peer *peer,
                   struct tally_peer_view *view);

struct tally_mono reaching_deadline(const struct reaching *reaching);
/* Something else than the functions here was called: of the modules inside, or of the policy. */
void reaching_stir(struct reaching *reaching);
/* The step is over. Most change nothing here, and find the deadline as it was. */
void reaching_settle(struct reaching *reaching);
void reaching_tick(struct reaching *reaching, struct tally_now now, struct peers *peers,
                   struct outbox *out);
bool reaching_holds(const struct reaching *reaching);

#endif

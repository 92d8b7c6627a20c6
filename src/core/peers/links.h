/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_LINKS_H
#define PEERS_LINKS_H
/*
 * What happens on links (protocols 2.3): sending and opening datagrams, probe and echo, moving to a
 * new address, goodbye. The greeting that sets a link up is in hello.h, silence in suspect.h.
 */
#include "core/peers/parcel.h"
#include "core/peers/room.h"

/* Links and greetings that ended in a tick, at most so many; the rest ends in the next one. */
enum { PEERS_ENDED_MAX = 16 };
struct peers_ended {
    struct {
        struct peer *peer;
        bool failed; /* It was greeted in vain; else a link ended. */
    } list[PEERS_ENDED_MAX];
    size_t count;
    struct peer *vain[PEERS_ENDED_MAX]; /* Configured ones that did not answer: again later. */
    size_t vain_count;
};

/*
 * Checks 3, 5 and 6 of protocols 2.4 for a tagged datagram of `size` bytes: NONE, STRANGER,
 * REPLAYED, STALE, FORGED or BUSY. Nothing is written before the tag is good. The first datagram
 * of a newer session makes it the link's.
 */
enum tally_drop link_open(struct peers *peers, struct peer *peer, struct tally_now now,
                          const struct tally_address *from, const struct datagram *datagram,
                          size_t size, struct peers_news *news, struct outbox *out);

/* Makes `next` the session of the link, which is LINKED from now on. */
void link_up(struct peers *peers, struct peer *peer, struct tally_now now, struct peers_news *news);

/* Back to IDLE, for that reason. Keys are wiped; a configured peer is greeted again later. */
void link_end(struct peers *peers, struct peer *peer, enum tally_drop why, struct tally_now now,
              struct peers_news *news);

/* The same with a goodbye, if there is room for one. */
void link_leave(struct peers *peers, struct peer *peer, enum tally_drop why, struct tally_now now,
                struct peers_news *news, struct outbox *out);

/* Asks for an echo. What is not answered in time is asked again by whoever waits for it. */
void link_probe(struct peers *peers, struct peer *peer, struct tally_now now, struct outbox *out);

/* Moves the state, which the table in links.c must permit. */
void link_move(struct link *link, enum link_state state, struct tally_now now);

/* Handlers, after link_open. */
enum tally_drop link_on_probe(struct peers *peers, struct peer *peer,
                              const struct tally_address *from, const struct datagram *datagram,
                              struct outbox *out);
enum tally_drop link_on_echo(struct peers *peers, struct peer *peer, struct tally_now now,
                             const struct tally_address *from, const struct datagram *datagram,
                             struct peers_news *news);
enum tally_drop link_on_goodbye(struct peers *peers, struct peer *peer, struct tally_now now,
                                const struct datagram *datagram, struct peers_news *news);

/* Standing and its consequence in one: a link below the bound ends with REFUSED. */
void peers_judge(struct peers *peers, struct peer *peer, int change, struct tally_now now,
                 struct peers_news *news);

/* Something is not as it was, with us or with the network: links of the mesh are probed as often as
   new ones again, and those that were not of late with the next tick. */
void peers_doubt(struct peers *peers);

struct tally_mono peers_deadline(const struct peers *peers);
/* Heartbeats go out in this tick, and the next ones after `interval`: probes that are due before
   that go with these, so that nobody is woken for a probe alone. Before peers_tick. */
void peers_beat(struct peers *peers, struct tally_now now, uint64_t interval);
void peers_tick(struct peers *peers, struct tally_now now, struct peers_ended *ended,
                struct outbox *out);

/* Goodbye to all; nobody is greeted from now on. */
void peers_stop(struct peers *peers, struct tally_now now, struct outbox *out);

#endif

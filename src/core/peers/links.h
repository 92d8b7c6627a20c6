/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_LINKS_H
#define PEERS_LINKS_H
/*
 * What happens on links (protocols 2.3, 4.2): sending and opening datagrams, probe and echo, moving
 * to a new address, silence and goodbye. The greeting that sets a link up is in hello.h.
 */
#include "core/base/outbox.h"
#include "core/peers/peers.h"
#include "core/wire/datagram.h"

/* A datagram that is made, counted and (if its kind is) signed once, then tagged for each link. */
struct parcel {
    uint8_t bytes[TALLY_DATAGRAM_MAX];
    size_t size;
    size_t tag_at; /* Offset of the tag's 16 bytes; 0: made without a tag. */
};

/* Links that ended in a tick, at most so many; the rest ends in the next one. */
enum { PEERS_ENDED_MAX = 16 };
struct peers_ended {
    struct peer *list[PEERS_ENDED_MAX];
    size_t count;
};

/* Makes a datagram of ours with the next counter. The body fits (an assertion): it was written by
   the generated code, whose bounds are those of the wire. */
void parcel_make(struct peers *peers, enum tally_kind kind, struct tally_bytes body, bool tagged,
                 struct parcel *parcel);

/* Tags it with that key and sends it to an address. The caller knows that the address may have
   it. */
void parcel_send(struct peers *peers, struct parcel *parcel, const uint8_t key[32],
                 const struct tally_address *to, struct outbox *out);

/* To the peer, if it is linked; to all linked ones but `except`, which may be NULL. */
void peers_send(struct peers *peers, const struct peer *peer, struct parcel *parcel,
                struct outbox *out);
void peers_send_all(struct peers *peers, const struct peer *except, struct parcel *parcel,
                    struct outbox *out);

/*
 * Checks 3, 5 and 6 of protocols 2.4 for a tagged datagram of `size` bytes: NONE, STRANGER,
 * REPLAYED, STALE, FORGED or BUSY. Nothing is written before the tag is good. The first datagram
 * of a newer session makes it the link's.
 */
enum tally_drop link_open(struct peers *peers, struct peer *peer, struct tally_now now,
                          const struct tally_address *from, const struct datagram *datagram,
                          size_t size, struct peers_news *news, struct outbox *out);

/* Whether one more link with this peer is within the limit. Strangers (NULL: one not yet known)
   leave room for every configured peer, or whoever has many keys could keep those out. */
bool link_room(const struct peers *peers, const struct peer *peer);

/* Makes `next` the session of the link, which is LINKED from now on. */
void link_up(struct peers *peers, struct peer *peer, struct tally_now now, struct peers_news *news);

/* Back to IDLE, for that reason. Keys are wiped; a configured peer is greeted again later. */
void link_end(struct peers *peers, struct peer *peer, enum tally_drop why, struct tally_now now,
              struct peers_news *news);

/* Moves the state, which the table in links.c must permit. */
void link_move(struct link *link, enum link_state state, struct tally_now now);

/* Handlers, after link_open. */
enum tally_drop link_on_probe(struct peers *peers, struct peer *peer,
                              const struct tally_address *from, const struct datagram *datagram,
                              struct outbox *out);
enum tally_drop link_on_echo(struct peer *peer, struct tally_now now,
                             const struct tally_address *from, const struct datagram *datagram);
enum tally_drop link_on_goodbye(struct peers *peers, struct peer *peer, struct tally_now now,
                                const struct datagram *datagram, struct peers_news *news);

/* Standing and its consequence in one: a link below the bound ends with REFUSED. */
void peers_judge(struct peers *peers, struct peer *peer, int change, struct tally_now now,
                 struct peers_news *news);

struct tally_mono peers_deadline(const struct peers *peers);
void peers_tick(struct peers *peers, struct tally_now now, struct peers_ended *ended,
                struct outbox *out);

/* Goodbye to all; nobody is greeted from now on. */
void peers_stop(struct peers *peers, struct tally_now now, struct outbox *out);

#endif

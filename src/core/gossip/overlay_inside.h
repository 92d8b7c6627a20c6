/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_OVERLAY_INSIDE_H
#define GOSSIP_OVERLAY_INSIDE_H
/* What the overlay's files share; for them only. */
#include "core/gossip/overlay.h"

/* Whether this profile looks for others than those one names. */
bool overlay_active(const struct overlay *overlay, const struct peers *peers);

/* Whether that has been so for a while: then others may make room for us, beyond theirs. */
bool overlay_urgent(struct overlay *overlay, const struct peers *peers, struct tally_now now);

/* How many links are wanted beyond those there are. */
unsigned overlay_lacking(const struct peers *peers);

/* Why a candidate is wanted: it is our choice; there is no better one, and so it does not count as
   one; it wanders here, and is greeted once. */
enum overlay_why { OVERLAY_CHOSEN, OVERLAY_FILLS, OVERLAY_MET };

/* A bootstrap that was there once: it may be back at any time, and its hellos are spread. */
bool overlay_returns(const struct peer *peer);

/* Wants it for the mesh now: it is greeted, or asked over the light link there is. */
void overlay_ask(struct overlay *overlay, struct tally_now now, struct peers *peers,
                 struct candidate *candidate, enum overlay_why why, struct outbox *out);

/* One of the mesh but `except` and `other`, evenly; NULL if there is none. */
struct peer *overlay_any(struct overlay *overlay, struct peers *peers, const struct peer *except,
                         const struct peer *other);

/* A peer became one of the mesh: it is in one of the views. */
void overlay_meshed(struct overlay *overlay, struct peer *peer);

/* A peer is, or stays, none of the mesh: known for later, and not asked for a while. */
void overlay_leave(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct peer *peer);

/* ---- overlay_look.c ---- */

/* Does what is due of looking after, shuffling and tending. */
void overlay_attend(struct overlay *overlay, struct tally_now now, struct peers *peers,
                    struct outbox *out);

/* ---- overlay_contacts.c ---- */

/* Whether an address may be told to others as that of a contact, and be believed. */
bool contact_may_be_told(const struct tally_address *address);

/* How many of the active view, and of the passive one; of the latter, those who came to us lately.
 */
struct contacts_wanted {
    size_t active, passive, came;
};

/* Up to so many contacts of each view, whom we got through to first; not `to` itself. */
size_t contacts_offer(struct overlay *overlay, struct tally_now now, const struct peers *peers,
                      const struct peer *to, const struct contacts_wanted *wanted,
                      struct tally_contact contacts[OVERLAY_CONTACTS]);

/* Takes contacts that a peer of good standing told: NONE, REFUSED (it is not), SCOPE (one may not
   be told: the rest is not read, and its standing suffers). */
enum tally_drop contacts_take(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              struct peer *from, const struct tally_contact *contacts, size_t count,
                              struct peers_news *links);

/* One contact that `from` told, its address already checked: where it is in the passive view, or
   NULL. */
struct candidate *contact_put(struct overlay *overlay, struct tally_now now,
                              const struct peers *peers, const struct peer *from,
                              const struct tally_contact *contact);

/* ---- overlay_receive.c ---- */

void activate_send(struct overlay *overlay, struct peers *peers, struct peer *peer,
                   struct tally_now now, struct outbox *out);
void prune_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
                struct peer *peer, unsigned reason, struct outbox *out);
void shuffle_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
                  struct peer *peer, struct outbox *out);
/* Our own: who takes it knows our address better than we do. */
void join_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
               const struct peer *peer, struct outbox *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_PARCEL_H
#define PEERS_PARCEL_H
/* Sending: a datagram is made once and tagged for each link it goes to (protocols 2.1). */
#include "core/base/outbox.h"
#include "core/peers/peers.h"
#include "core/wire/datagram.h"

/* A datagram that is made, counted and (if its kind is) signed once, then tagged for each link. */
struct parcel {
    enum tally_kind kind;
    uint8_t bytes[TALLY_DATAGRAM_MAX];
    size_t size;
    size_t tag_at; /* Offset of the tag's 16 bytes; 0: made without a tag. */
};

/* Makes a datagram of ours with the next counter. The body fits (an assertion): it was written by
   the generated code, whose bounds are those of the wire. */
void parcel_make(struct peers *peers, enum tally_kind kind, struct tally_bytes body, bool tagged,
                 struct parcel *parcel);

/* Tags it with that key and sends it to an address. The caller knows that the address may have
   it. */
void parcel_send(struct peers *peers, struct parcel *parcel, const uint8_t key[32],
                 const struct tally_address *to, struct outbox *out);

/*
 * A request that is answered by the peer: at once if it is linked (SENT), riding along with a
 * greeting that is begun or under way (RIDES), else not now: WAITS for `linked` or `failed`, and
 * the caller asks again. NEVER if the peer cannot be greeted. A body that does not fit
 * PEERS_FIRST_MAX never rides.
 */
enum peers_ask { PEERS_SENT, PEERS_RIDES, PEERS_WAITS, PEERS_NEVER };
enum peers_ask peers_ask(struct peers *peers, struct peer *peer, enum tally_kind kind,
                         struct tally_bytes body, struct tally_now now, struct outbox *out);

/* To the peer, if it is linked, or has just proved itself. */
void peers_send(struct peers *peers, const struct peer *peer, struct parcel *parcel,
                struct outbox *out);
/* An answer. If the question rode along with a hello, it goes out under the session that this
   begins: the peer may not know an older one any more. */
void peers_answer(struct peers *peers, const struct peer *peer, bool rode, struct parcel *parcel,
                  struct outbox *out);
/* A message of one link, made and sent. */
void peers_tell(struct peers *peers, const struct peer *peer, enum tally_kind kind,
                struct tally_bytes body, struct outbox *out);

/* To all of the mesh but `except`, which may be NULL. */
void peers_send_all(struct peers *peers, const struct peer *except, struct parcel *parcel,
                    struct outbox *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_HELLO_H
#define PEERS_HELLO_H
/*
 * The greeting in four messages (protocols 2.3): hello, cookie, hello with the cookie, welcome.
 * The responder keeps nothing before the third, whose tag proves identity and address; and the
 * third of a sender counts only if its (epoch, counter) is above the last, so a replay does
 * nothing.
 */
#include "core/peers/greet.h"
#include "core/peers/links.h"

enum {
    HELLO_SIZE = TALLY_DATAGRAM_MAX,          /* Of the first: no answer to it is larger. */
    HELLO_PROVED_MAX = 507 + PEERS_FIRST_MAX, /* Of the third. */
};

/* Greets a peer in IDLE: the first message, to the address of that index. */
void hello_start(struct peers *peers, struct peer *peer, size_t index, struct tally_now now,
                 struct outbox *out);

/*
 * Both greet at once, as a common peer told them (protocols 7.3): a peer that is IDLE, or GREETING
 * by itself, is GREETING at that address until the time given. Nothing is sent by this.
 */
void hello_together(struct peers *peers, struct peer *peer, const struct tally_address *address,
                    struct tally_mono until, struct tally_now now);

/* The message that is due, once more: the first while GREETING, the third while PROVING. */
void hello_again(struct peers *peers, struct peer *peer, struct tally_now now, struct outbox *out);

/* The first message, which is answered by a cookie. */
void hello_first(struct peers *peers, const struct tally_address *to,
                 const uint8_t nonce[LINK_NONCE], struct outbox *out);

/* The third, under the key that the shared secret, nonce and cookie make. */
struct hello_proof {
    const struct tally_key *responder;
    const uint8_t *shared, *nonce, *cookie; /* 32, LINK_NONCE, 16 bytes. */
    bool mesh, crowded;
    struct tally_bytes first; /* May be empty. */
};
void hello_third(struct peers *peers, const struct tally_address *to,
                 const struct hello_proof *proof, struct outbox *out);

/* The first message to an address without a key. */
void hello_blind(struct peers *peers, struct peers_blind *blind, struct outbox *out);

/*
 * The three kinds that come without a link. All cost at most a few hashes before the cookie is
 * good; `hello_receive` takes both hellos. Drops: MALFORMED, FOREIGN, STRANGER, BUSY, REFUSED,
 * STALE, REPLAYED, FORGED, SEEN (our own hello counts), UNASKED, IDENTITY (a peer's address
 * answered under another key; its last_error says so too).
 */
enum tally_drop hello_receive(struct peers *peers, struct tally_now now,
                              const struct tally_address *from, const struct datagram *datagram,
                              size_t size, struct peers_news *news, struct outbox *out);
enum tally_drop hello_on_cookie(struct peers *peers, struct tally_now now,
                                const struct tally_address *from, const struct datagram *datagram,
                                struct outbox *out);
enum tally_drop hello_on_welcome(struct peers *peers, struct tally_now now,
                                 const struct tally_address *from, const struct datagram *datagram,
                                 struct peers_news *news);

#endif

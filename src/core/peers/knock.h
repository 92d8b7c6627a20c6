/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_KNOCK_H
#define PEERS_KNOCK_H
/*
 * A knock: a greeting that leaves one request at an address and wants no link. It shows a node that
 * others get through to it (protocols 7.2). Hello, cookie, hello with the request; the welcome only
 * says that it arrived. At most KNOCK_TRIES of each hello, and nothing is kept of the node.
 */
#include "core/base/outbox.h"
#include "core/peers/link.h"
#include "core/wire/datagram.h"

struct peers;

enum {
    PEERS_KNOCKS = 8, /* At a time. */
    KNOCK_TRIES = 3,
    KNOCK_WORD_MAX = 64,   /* The request: its kind and its body. */
    KNOCK_AGAIN_MS = 1000, /* After the first try, twice that after the second. */
};

struct peers_knock {
    struct tally_key key;
    struct tally_address address;
    uint8_t nonce[LINK_NONCE], cookie[16];
    uint8_t size, word[KNOCK_WORD_MAX];
    bool proved;    /* The cookie has come. */
    unsigned tries; /* Of the message that is due. */
    struct tally_mono next;
};

/* An address whose key nobody told us: whoever answers is pinned. */
struct peers_blind {
    struct tally_address address;
    enum tally_source source;
    uint8_t nonce[LINK_NONCE];
    unsigned tries;
    bool answered;
    struct tally_key key;   /* Of whom answered. */
    struct tally_mono next; /* The next hello; TALLY_NEVER once answered. */
};

/* False if as many as can be are under way. The caller knows that the address may be dialled, and
   keeps to its own rates. The body fits KNOCK_WORD_MAX (an assertion). */
bool peers_knock(struct peers *peers, const struct tally_key *key,
                 const struct tally_address *address, enum tally_kind kind, struct tally_bytes body,
                 struct tally_now now);

/* Does what is due; when the next is. */
struct tally_mono knocks_tick(struct peers *peers, struct tally_now now, struct outbox *out);

/* The one of that index, if there is one, is over. */
void knock_end(struct peers *peers, size_t index);

/* Whether a cookie or a welcome is the answer to a knock; then it was taken. */
bool knock_answered(struct peers *peers, struct tally_now now, const struct tally_address *from,
                    const struct tally_key *sender, const struct tally_cookie *cookie,
                    struct outbox *out);
bool knock_welcomed(struct peers *peers, const struct tally_address *from,
                    const struct datagram *datagram);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_MEET_H
#define NAT_MEET_H
/*
 * How a stream comes about with a linked peer that cannot simply be dialled (protocols 7.3).
 *
 *   we can be reached     we --dial_me 0, our addresses--> peer      the peer dials us
 *   neither can           we --dial_me 1--> peer --dial_me 2--> we   both dial at once, from the
 *                                                                    ports they listen on
 *
 * Both SYNs open a way and meet (RFC 9293 section 3.5, simultaneous open), or one arrives at the
 * other's listener. Either way who asked begins Noise. Where only the port is a guess, the one we
 * listen on is tried, then the one our datagrams have outside.
 *
 * An address that a peer names must have the peer's own IP, so that nobody is aimed at others.
 */
#include "core/base/outbox.h"
#include "core/nat/quota.h"
#include "core/peers/parcel.h"

enum {
    MEET_MAX = 8,
    MEET_TOKEN = 8,
    MEET_ENDPOINTS = 4,
    MEET_CALL_MS = 12000, /* For a peer that dials us. */
    MEET_ANSWER_MS = 700, /* Then the question goes once more, ... */
    MEET_ASKED = 3,       /* ... so often in all. */
    MEET_DIAL_MS = 6000,  /* For both to meet. */
    MEET_AGAIN_MS = 250,  /* After a dial that was refused: the other was not there yet. */
    MEET_NEWS = 8,
};

/* What one peer may ask for. */
#define MEET_RATE ((struct pace_rate){10000, 3})

enum meet_mode { MEET_CALL, MEET_TOGETHER, MEET_AGREED };

struct meeting {
    bool used;
    bool ours;     /* We asked: Noise is ours to begin. */
    bool together; /* Both dial. */
    bool dialling; /* Agreed; and a dial is under way. */
    bool agreed;
    struct tally_key key;
    uint8_t token[MEET_TOKEN];
    unsigned asked;
    struct tally_address to[MEET_ENDPOINTS];
    size_t to_count, turn;
    struct tally_mono next, until;
};

enum meet_news_kind { MEET_NEWS_DIAL, MEET_NEWS_FAILED };

struct meet_news {
    enum meet_news_kind kind;
    struct tally_key key;
    struct tally_address address;
    bool punch;    /* From the port we listen on. */
    bool initiate; /* Noise is ours to begin. */
};

struct meet_options {
    const struct address_policy *policy; /* Outlives it. */
    struct tally_secret secret;
};

/* All zero until somebody is met, which most nodes never do. */
struct meet_tables {
    struct meeting list[MEET_MAX];
    struct quota askers;
    struct meet_news news[MEET_NEWS];
};

struct meet {
    struct meet_options options;
    struct meet_tables *tables;
    size_t news_first, news_count;
};

/* False without memory. */
bool meet_new(struct meet *meet, const struct meet_options *options);
void meet_free(struct meet *meet);

/* Asks a linked peer for a stream: to be dialled at these addresses, or to dial at once, where
   they are guesses. False without room, or if it is asked already. */
bool meet_ask(struct meet *meet, struct tally_now now, struct peers *peers, const struct peer *peer,
              bool together, const struct tally_address *own, size_t count, struct outbox *out);

/* From a linked peer; `own` are our guesses. NONE, UNASKED, SEEN (under way, or ours counts), SCOPE
   (an address that is not its own, or may not be dialled), BUSY. */
enum tally_drop meet_receive(struct meet *meet, struct tally_now now, struct peers *peers,
                             const struct peer *from, const struct tally_dial_me *message,
                             const struct tally_address *own, size_t count, struct outbox *out);

/* There is a stream with it; one that was dialled for it failed. */
void meet_connected(struct meet *meet, const struct tally_key *key);
void meet_dial_failed(struct meet *meet, struct tally_now now, const struct tally_key *key);

/* Whether a stream with that peer is on its way here. */
bool meet_busy(const struct meet *meet, const struct tally_key *key);

/* The peer, at this IP address, with which a stream that comes in is ours to begin; NULL. */
const struct tally_key *meet_initiates(const struct meet *meet, const struct peers *peers,
                                       const struct tally_address *from);

struct tally_mono meet_deadline(const struct meet *meet);
void meet_tick(struct meet *meet, struct tally_now now, struct peers *peers, struct outbox *out);
bool meet_next_news(struct meet *meet, struct meet_news *news);
bool meet_holds(const struct meet *meet);

#endif

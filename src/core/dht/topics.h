/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_TOPICS_H
#define DHT_TOPICS_H
/*
 * The registrar of topics (protocols 5.4, after TopDisc): whoever follows a namespace places an ad
 * for itself under the topic of the day, and whoever looks for followers asks for ads. Topics are
 * hashes: a registrar knows neither namespace nor day, and needs no clock but its own.
 *
 * Places are few, identities cost nothing, addresses cost something. So an ad has to wait
 *
 *     w = 900 s * (1 - c/C)^-10 * (c_s/C_s + ip + 1e-7)
 *
 * with c of C ads held in all, c_s of the C_s that a topic may have, and ip the likeness of the
 * asker's address to those held (topics_likeness). The time is kept by the asker, in a ticket with
 * our MAC: what it has waited so far, and when it may come back, within 10 s. Each time w is taken
 * anew; a ticket that comes too late, or is not ours, or not the asker's, is no ticket, and the
 * waiting begins again. Nothing is remembered for those who wait.
 *
 * Waiting alone shares places by identity, though, and identities of one network are as many as
 * somebody likes. So a /24 or /48 holds at most 2 ads of a topic (one while the topic is half full
 * or more) and 8 in all, as in the routing table, and while it does its others get no ticket, so
 * they do not even wait: scarce places go about evenly to networks. A /16 or /32, which has many of
 * those, gets a quarter of a topic and of all. Only who asks may be advertised, at the address
 * where it is linked.
 */
#include "core/base/random.h"
#include "core/dht/places.h"
#include "core/dht/records.h"
#include "tally/windows.h"

enum {
    TOPICS_MAX = 4096,        /* Ads: C. */
    TOPICS_PER_TOPIC = 64,    /* C_s. */
    TOPICS_NETWORK_TOPIC = 2, /* Ads of a /24 or /48 under one topic with room, ... */
    TOPICS_NETWORK_ALL = 8,   /* ... and in all. */
    TOPICS_LIFE_MS = 900000,  /* Of an ad; renewed by its owner at 600 s. */
    TOPICS_WAIT_MAX_S = 900,  /* A ticket; whoever has to wait longer gets another one. */
    TOPICS_WINDOW_MS = 10000, /* To come back in. */
    TOPICS_REST_MS = 60000,   /* An ad is renewed no sooner: each costs a signature. */
    TOPICS_HERD_S = 300,      /* Those who wait for a place to fall free come back spread out. */
    TOPICS_TICKET = 32,
    TOPICS_ANSWER_MAX = 10, /* Ads, in two datagrams. */
    TOPICS_LIKENESS_ONE = 1 << 20,
};

struct topics_ad {
    struct tally_hash topic;
    struct tally_key owner;
    struct tally_address address; /* Where it was linked. */
    uint8_t network[PLACES_NETWORK];
    struct tally_mono placed, until; /* Free from `until` on. */
    uint16_t size;
    uint8_t bytes[RECORD_AD_MAX];
};

struct topics_options {
    unsigned capacity, per_topic, network_topic, network_all; /* 0: as above. */
    uint64_t seed;
    struct tally_secret secret;
};

struct topics {
    struct topics_options options;
    struct topics_ad *list;
    uint8_t ticket_key[16];
    struct random random;
    uint64_t admitted, tickets, tickets_refused; /* For status: the last late, foreign or forged. */
};

/* False without memory. Needs no tick: an ad whose time is over is a free place. */
bool topics_new(struct topics *topics, const struct topics_options *options);
void topics_free(struct topics *topics);

/*
 * A peer that is linked at `address` wants its ad placed. NONE: *answer says until when it is, or
 * how long to wait, with a ticket. SEEN: it is placed, and fresh. CROWDED: its network has enough
 * (the answer is 900 s without a ticket). These three are answered. MALFORMED, VERSION, UNKNOWN,
 * EXPIRED, DRIFTED, SCOPE (an endpoint that may not be told, or none at the address it is linked
 * from), UNASKED (of another topic), REFUSED (not its own), BUSY (no signature can be checked now;
 * the ticket stays good), FORGED.
 */
enum tally_drop topics_register(struct topics *topics, struct tally_now now,
                                struct verifier *verifier, const struct tally_key *from,
                                const struct tally_address *address,
                                const struct tally_register *request,
                                struct tally_registered *answer);

/*
 * Ads of a topic, drawn evenly, as one or two messages that fit a datagram each; at most as many as
 * wanted, TOPICS_ANSWER_MAX, and what fits into `room` bytes of datagrams: those of the request, if
 * it came from somebody without a link. Returns the messages, 1 or 2; 0 if not even an empty one
 * has room. Views are into the topics, until the next change.
 */
size_t topics_query(struct topics *topics, struct tally_now now,
                    const struct tally_topic_query *query, size_t room,
                    struct tally_ads answers[2]);

/* ---- Of what the waiting time is made. ---- */

/*
 * How much an address resembles those of others' ads, 0..TOPICS_LIKENESS_ONE: the share of the
 * prefix lengths /8 to /32 (of IPv6 /32 to /64) at which more of them share its prefix than would
 * if they were spread evenly. Ads of `own` do not count: the limits per network bound those.
 */
uint32_t topics_likeness(const struct topics *topics, struct tally_now now,
                         const struct tally_key *own, const struct tally_address *address);

/* (1 - c/C)^-10 in 256ths, by a table of 64 steps; at c = C as at the last step. */
uint64_t topics_pressure(uint32_t held, uint32_t capacity);

/* w in milliseconds. */
uint64_t topics_wait_ms(uint32_t held, uint32_t capacity, uint32_t of_topic, uint32_t per_topic,
                        uint32_t likeness);

/* Ads that are held; of one topic, or of all if it is NULL. */
size_t topics_count(const struct topics *topics, struct tally_now now,
                    const struct tally_hash *topic);

bool topics_holds(const struct topics *topics, struct tally_now now);

#endif

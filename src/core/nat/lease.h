/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_LEASE_H
#define NAT_LEASE_H
/*
 * A port held at the gateway, so that strangers can dial us (protocols 7.1): for UDP and TCP, of
 * one address family. For IPv4 it is the NAT's mapping, for IPv6 a way in through its firewall.
 *
 *     NONE -> ASKING -> HELD <-> RENEWING
 *      ^        |         \        /
 *      +--------+          -> LOST -> ASKING | NONE
 *
 * PCP is tried first, NAT-PMP if the gateway is silent to it or says that it does not know it.
 * UDP is asked for first, TCP then at the outer port that UDP got. One request is on its way at a
 * time; whatever the gateway answers, requests stay few: see LEASE_ROUND_MS.
 *
 * What a gateway says unasked is a hint to ask again, never more: who can forge its address cannot
 * forge the answer, which the host takes from one socket for one request.
 */
#include "core/base/outbox.h"
#include "core/base/random.h"
#include "core/nat/pcp.h"
#include "tally/event.h"

enum {
    LEASE_TRANSPORTS = 2,
    /* Between the first requests of two rounds, whatever links, hints or tiny lifetimes ask for. */
    LEASE_ROUND_MS = 1000,
    /* Hosts that heard one announcement do not answer it all at once. RFC 6886 section 3.7 has 5 s,
       for networks of any size; with 2 s the mapping is back within 5 s. */
    LEASE_HERD_MS = 2000,
    LEASE_REFUSED_MS = 30000, /* A refusal counts as long as it says: this to the usual pause. */
    LEASE_LEAST_S = 2,        /* A shorter one would be no lease but a stream of requests. */
    LEASE_UNANSWERED_MAX = 4, /* Requests of an earlier network among them. */
};

struct lease_options {
    uint16_t port; /* Inner, of UDP and TCP alike. */
    bool ipv6;
    uint64_t seed; /* For jitter. */
    /* PCP's, by transport. Unpredictable, and the same after a restart: a gateway refuses to change
       a mapping under another one until it has run out (RFC 6887 section 11.3). */
    uint8_t nonces[LEASE_TRANSPORTS][PCP_NONCE_SIZE];
};

struct lease_mapping {
    enum tally_lease_state state;
    /* As last granted; all zero: never. */
    enum tally_mapping protocol;
    struct tally_address outer, gateway;
    uint32_t lifetime_s;
    struct tally_mono granted, expires;
    struct tally_mono since; /* Of this outer address. */
    struct tally_mono next;  /* When it is asked for again. */
    unsigned tries;          /* Silent ones in a row. */
    unsigned stage;          /* Of renewal: at 1/2, 3/4, 7/8. */
};

struct lease {
    struct lease_options options;
    struct lease_mapping mappings[LEASE_TRANSPORTS]; /* By enum tally_transport. */
    struct random random;
    enum tally_mapping protocol;  /* Which is tried, or spoken. */
    bool answered;                /* The gateway speaks it. */
    bool usable, stopped;         /* There is an address to map; nothing is asked any more. */
    enum tally_error error;       /* Of the last try. */
    enum tally_error told;        /* Why there is none, as news said last; OK: not said. */
    struct tally_address gateway; /* All zero: unknown. */
    struct tally_address behind;  /* The outer address that news said to be behind another NAT. */
    struct tally_mono round;      /* No new round before. */

    uint64_t ticket, tickets;  /* Of the request on its way, 0: none; drawn so far. */
    enum tally_transport turn; /* Whom it is for. */
    unsigned unanswered;

    /* The gateway's clock, as its last answer told it. */
    struct lease_epoch {
        bool any;
        uint32_t epoch_s;
        struct tally_mono at;
    } epoch;
};

/* A mapping as others should know it. */
struct lease_view {
    enum tally_transport transport;
    enum tally_mapping protocol;
    struct tally_address outer;
    struct tally_address gateway;
    uint32_t lifetime_s;
    bool global;             /* May be announced: not behind another NAT. */
    struct tally_mono since; /* Of this outer address. */
};

/* What a step taught. Zeroed by who asks. */
struct lease_news {
    bool has_mapped;
    struct lease_view mapped; /* New, or at another outer address than before. */
    struct {
        struct lease_view view;
        enum tally_error error; /* Why; OK: another outer address is in its place. */
    } lost[LEASE_TRANSPORTS];
    size_t lost_count;
    enum tally_error none; /* Nothing is held and why, once; OK: no such news. */
    bool behind;           /* The outer address is not global; once for each. */
};

/* Asks for nothing before lease_links. */
void lease_init(struct lease *lease, const struct lease_options *options);

/* Own addresses have changed: it starts over. What is held counts until the gateway answers, or
   does not. `usable`: there is an address of this family worth mapping. */
void lease_links(struct lease *lease, struct tally_now now, bool usable, struct lease_news *news);

/* MAPPED; one that answers none of this lease's requests changes nothing. */
void lease_on_mapped(struct lease *lease, struct tally_now now, const struct tally_event *event,
                     struct lease_news *news);

/* GATEWAY, of either family. */
void lease_on_gateway(struct lease *lease, struct tally_now now, const struct tally_event *event);

struct tally_mono lease_deadline(const struct lease *lease);
void lease_tick(struct lease *lease, struct tally_now now, struct lease_news *news,
                struct outbox *out);

/* Gives back what is held, or may be. */
void lease_stop(struct lease *lease, struct outbox *out);

/* ---- Questions. ---- */

/* The mapping of a transport; false if none is held. */
bool lease_view(const struct lease *lease, enum tally_transport transport, struct lease_view *view);

/* Of the transport that got furthest. */
enum tally_lease_state lease_state(const struct lease *lease);

bool lease_holds(const struct lease *lease);

#endif

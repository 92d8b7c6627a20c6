/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MDNS_MDNS_H
#define MDNS_MDNS_H
/*
 * Finding each other on a LAN without any configuration (protocols 6): announce and browse, an
 * interface at a time, as libp2p does (its chapter, section 12). What is learnt is a hint: a key
 * and addresses on that interface, which the greeting or Noise must prove. Liveness is the link's
 * business: nobody is forgotten because a time to live ran out.
 *
 * Interfaces come and go with the event LINKS. Each has its own instance name, drawn anew when its
 * addresses change, and its own budgets, so that no neighbour costs more than they allow.
 */
#include "core/address/hygiene.h"
#include "core/base/bucket.h"
#include "core/base/outbox.h"
#include "core/base/random.h"
#include "core/mdns/card.h"
#include "tally/event.h"

enum {
    MDNS_PORT = 5353,
    MDNS_INTERFACES = 16,    /* More than any machine has that is not a switch. */
    MDNS_FAMILIES = 2,       /* IPv4, IPv6: to each its group. */
    MDNS_KNOWN_TTL_S = 3600, /* Who says to be there for ever is asked again all the same. */
    MDNS_KNOWN = 32,         /* Instances an interface; 25 fit as known answers. */

    MDNS_DELAY_LEAST_MS = 20,              /* RFC 6762 section 6: shared answers wait, so that */
    MDNS_DELAY_MOST_MS = 120,              /* not all speak at once; first questions likewise. */
    MDNS_QUESTION_MS = 1000,               /* Then doubling ... */
    MDNS_QUESTION_CAP_MS = 60 * 60 * 1000, /* ... to an hour (RFC 6762 section 5.2). */
    MDNS_ANNOUNCES = 2,
    MDNS_ANNOUNCE_MS = 1000,   /* Between the two (RFC 6762 section 8.3). */
    MDNS_REANNOUNCE_MS = 5000, /* Addresses that change all the time are not all told. */
    MDNS_AGAIN_MS = 1000,      /* What was said on an interface is not repeated before. */

    MDNS_PARSE_RATE = 50,  /* Packets a second, the rest is counted. */
    MDNS_ANSWER_RATE = 1,  /* Answers a second, */
    MDNS_ANSWER_BURST = 3, /* at once, */
    MDNS_ANSWER_MIN = 6,   /* and a minute: a js peer asks every 10 s. */
    MDNS_FIND_RATE = 10,   /* New instances a second: who makes up names costs little. */
    MDNS_FIND_BURST = TALLY_LINKS_MAX,
};

/* Answers: by multicast, and apart from these by unicast. */
struct mdns_budget {
    struct bucket second;
    struct tally_mono free_at[MDNS_ANSWER_MIN]; /* When each of a minute's may be given again. */
    unsigned turn;
};

/* An instance heard of. */
struct mdns_known {
    uint8_t label[DNS_LABEL_MAX];
    uint8_t label_size; /* 0: a free place. */
    bool bare;
    struct tally_key key;
    uint32_t ttl_s;
    struct tally_mono heard;
};

struct mdns_interface {
    bool used;                    /* False: gone, or never there. */
    uint32_t index;               /* The system's; kept after it went, with what was said. */
    bool families[MDNS_FAMILIES]; /* It has an address of. */
    struct card card;             /* At least one address. */

    unsigned announces; /* Still to be made under this name. */
    bool announced;     /* At least one was: there is something to take back. */
    struct tally_mono announce_at, announced_at;

    uint64_t question_wait_ms; /* After the next question. */
    struct tally_mono question_at, questioned_at;

    unsigned asked; /* CARD_ASKED_ bits to be answered then, and on which families. */
    bool asked_families[MDNS_FAMILIES];
    struct tally_mono answer_at;

    unsigned said; /* The bits that were multicast last, and when. */
    struct tally_mono said_at;
    unsigned said_family; /* Who asks on both is answered on each in turn. */

    struct mdns_budget multicast, unicast;
    struct bucket parse, finds;
    struct mdns_known known[MDNS_KNOWN];
};

struct mdns_options {
    struct tally_key key;
    struct tally_address listen; /* UDP and TCP; `any` stands for all of its family, :: for all. */
    uint64_t seed;
};

struct mdns {
    struct mdns_options options;
    struct random random;
    struct mdns_interface *list; /* Lent. */
    size_t capacity;
    struct tally_mono next; /* The least of all interfaces: asked for in every step. */
    uint64_t packets_in, packets_out, refused;
};

/* A neighbour spoke of itself. */
struct mdns_news {
    bool any;
    bool fresh; /* Under a name not heard before: it has just started, or moved. */
    struct tally_key key;
    uint32_t interface;
    uint16_t udp_port; /* Of its datagrams, at the addresses below; 0: not a Tally node. */
    struct tally_address addresses[CARD_HEARD_MAX]; /* TCP; all on a subnet of the interface. */
    size_t count;
};

/* Silent until there are interfaces, of which it speaks on `capacity` at the most: their memory is
   lent for its life, 4 kB each, all zero. */
void mdns_init(struct mdns *mdns, const struct mdns_options *options, struct mdns_interface *list,
               size_t capacity);

/* The interfaces as they are now. Names of addresses that are gone are taken back, where the
   interface is still there. */
void mdns_links(struct mdns *mdns, struct tally_now now, const struct tally_interface *list,
                size_t count, struct outbox *out);

struct tally_mono mdns_deadline(const struct mdns *mdns);
void mdns_tick(struct mdns *mdns, struct tally_now now, struct outbox *out);

/*
 * A packet, of an event MULTICAST. `policy` knows the subnets of the interfaces. NONE also for what
 * concerns others; SCOPE: an interface we do not speak on, or a source or addresses off its
 * subnets; BUSY: over a budget; SEEN: just said, or known to who asks (no fault); MALFORMED;
 * UNKNOWN: another kind of DNS message; UNASKED: an answer to us alone, which we never ask for;
 * SELF: somebody else's packet names us.
 */
enum tally_drop mdns_receive(struct mdns *mdns, struct tally_now now,
                             const struct tally_event *event, const struct address_policy *policy,
                             struct mdns_news *news, struct outbox *out);

/* Goodbye on all interfaces; silent from now on. */
void mdns_stop(struct mdns *mdns, struct outbox *out);

bool mdns_holds(const struct mdns *mdns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_TOWN_H
#define NAT_TOWN_H
/*
 * A few nodes in virtual time, some of them behind NATs, for stories of reaching and punching. The
 * network between them has delay, jitter and loss; a NAT translates as its kind says and forgets
 * what is not used. Every datagram to somewhere where nobody lives is counted, because that is a
 * victim. Signatures are stand-ins, tags and hellos are real.
 */
#include "core/node/datagrams.h"

enum {
    TOWN_NODES = 12,
    TOWN_NATS = 6,
    TOWN_MAPPINGS = 64,
    TOWN_WAYS = 16, /* Of one mapping: whom it lets in. */
    TOWN_QUEUE = 4096,
    TOWN_ACTIONS = 512,
    TOWN_VICTIMS = 1 << 14,
    TOWN_PORT = 4001,
    TOWN_NONE = -1,
};

/* Which mappings, and whom they let in (RFC 4787 section 4 and 5, in the old words). */
enum nat_kind {
    NAT_FULL,      /* One port for all, everybody is let in. */
    NAT_ADDRESS,   /* Whoever's address was written to. */
    NAT_PORT,      /* Whoever's address and port were written to. */
    NAT_SYMMETRIC, /* The same, and each peer sees another port. */
};

struct nat_way {
    struct tally_address to;
    uint64_t until;
};

struct nat_mapping {
    bool used, fixed;               /* fixed: a port that somebody opened by hand. */
    struct tally_address inner, to; /* to: of symmetric ones. */
    uint16_t port;
    uint64_t until;
    struct nat_way ways[TOWN_WAYS];
    size_t way_turn;
};

struct nat {
    enum nat_kind kind;
    struct tally_address outer; /* Port 0. */
    uint64_t timeout_ms;        /* Of a mapping, after the last datagram that went out. */
    bool hairpin;
    /* What comes in uninvited is answered by the gateway itself, which spoils that port for the
       peer it came from: Linux does so where nothing drops it first. */
    bool spoils;
    uint16_t next;
    struct nat_mapping mappings[TOWN_MAPPINGS];
};

struct town_node {
    struct datagrams datagrams;
    struct address_policy policy;
    struct tally_interface interface;
    struct tally_key key;
    struct tally_address address; /* Inside. */
    int nat;                      /* TOWN_NONE: it is on the wide network itself. */
    bool up;
    uint64_t random, seed;
    struct outbox outbox;
    struct tally_action actions[TOWN_ACTIONS];
    uint8_t arena[TOWN_ACTIONS * TALLY_DATAGRAM_MAX];
    struct reach_news reached[16]; /* What it learnt of itself. */
    size_t reached_count;
    unsigned linked, streams; /* Links that came up; streams dialled for checks. */
};

struct town_packet {
    uint64_t at; /* Delivery, ms; 0: free. */
    struct tally_address from, to;
    int inside; /* Of that NAT, or TOWN_NONE: on the wide network. */
    uint8_t bytes[TALLY_DATAGRAM_MAX];
    size_t size;
};

struct town;

/* True: let it pass. Sees datagrams as their senders make them. */
typedef bool town_hook(struct town *town, size_t from, struct town_packet *packet);

struct town {
    struct town_node *nodes;
    size_t count;
    struct nat nats[TOWN_NATS];
    struct tally_now now;
    struct random random;
    uint32_t delay_ms, jitter_ms, loss; /* loss: of 1,000. */
    struct town_packet *queue;
    town_hook *hook;
    void *context;
    enum { TOWN_LAST_CHECKS, TOWN_ALL_CHECK, TOWN_NOBODY_CHECKS } check; /* By itself. */
    uint64_t sent[TOWN_NODES];
    uint16_t *victims; /* Datagrams to 60.0.x.y, by x * 256 + y. */
    uint64_t strays;   /* To anywhere else where nobody lives. */
    uint64_t private;  /* To private addresses from where none is. */
};

/* So many nodes on the wide network: node i is at (11 + i).i.0.1, each its own /16. */
struct town *town_new(size_t count, uint64_t seed);
void town_free(struct town *town);

/* Puts a node behind a NAT; its own address is 10.NAT.0.(2 + node), the outer one
   (31 + NAT).NAT.0.1. Before the node has said anything. */
void town_behind(struct town *town, size_t node, int nat, enum nat_kind kind);

/* Opens a port of its NAT for it, by hand. */
void town_open(struct town *town, size_t node, uint16_t port);

/* Another address for a node on the wide network; before it has said anything. */
void town_move(struct town *town, size_t node, struct tally_address address);

/* The address where others see the node's NAT, or the node; with its port. */
struct tally_address town_outer(const struct town *town, size_t node);
struct tally_address town_victim(size_t index);

/* a gets b as a configured peer: at its outer address. */
void town_introduce(struct town *town, size_t a, size_t b);
/* Everyone but the last `apart` nodes, which know them but not each other. */
void town_settle(struct town *town, size_t apart);

void town_run(struct town *town, uint64_t ms);

bool town_linked(const struct town *town, size_t a, size_t b);
struct peer *town_peer(const struct town *town, size_t a, size_t b);

/* A message from a to b over their link, as a says it: it has good keys. Delivered at once. */
enum tally_drop town_say(struct town *town, size_t a, size_t b, enum tally_kind kind,
                         struct tally_bytes body);

/* What a node put into its outbox goes its way. */
void town_flush(struct town *town, size_t node);

uint64_t town_drops(const struct town *town, size_t node, enum tally_drop drop);

/* The state of the node's address of that transport and source; UNKNOWN if it has none. */
bool town_own(const struct town *town, size_t node, enum tally_transport transport,
              enum tally_own_source source, struct tally_own_address *view);

#endif

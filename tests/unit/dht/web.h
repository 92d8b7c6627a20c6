/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_WEB_H
#define DHT_WEB_H
/*
 * Some dozens of whole nodes, as far as datagrams go, in virtual time: real links, real messages,
 * stand-ins for signatures and key exchange. For stories of the DHT as one.
 */
#include "people.h"

#include "core/node/datagrams.h"

enum {
    WEB_ACTIONS = 1024,
    WEB_NEWS = 64,
    WEB_DELAY_MS = 40, /* One way, +- 20 %. */
};

struct web;

struct web_packet {
    uint64_t at, number; /* Delivery; in the order of sending. */
    struct tally_address from, to;
    uint16_t size;
    uint8_t bytes[TALLY_DATAGRAM_MAX];
};

struct web_node {
    struct person person;
    struct datagrams datagrams;
    struct address_policy policy;
    bool up, is_new;
    unsigned peers_max;         /* It remembers so many; 0: 256. */
    struct tally_mono deadline; /* As of its last step. */
    struct random random;
    struct outbox outbox;
    struct tally_action *actions;
    uint8_t *arena;
    struct dht_news news[WEB_NEWS]; /* What it was told, the last ones; notes are below. */
    unsigned news_count;
    struct tally_bytes first, second; /* Of the last fork, or the last note that was told. */
    uint8_t notes[2][TALLY_CHECKPOINT_MAX];
    unsigned forks, told;
    uint64_t sent, received; /* Bytes, the 28 of IP and UDP with each. */
};

/* Whether a packet may pass; may change it. */
typedef bool web_hook(struct web *web, struct web_packet *packet);

struct web {
    struct web_node *nodes;
    unsigned count;
    struct tally_now now;
    struct random random;
    struct web_packet *queue; /* A heap. */
    size_t queued, capacity;
    uint64_t number;
    web_hook *hook;
    void *context;
    bool told_unproved; /* An address got more bytes than came from it, before it was proved. */
};

/* So many nodes in networks of their own, that do not know each other. The first `servers` of them
   serve the DHT from the start, the others are clients until they are reachable. */
struct web *web_new(unsigned count, unsigned servers);
void web_free(struct web *web);

/* The node begins anew, without memory, with these options of its DHT; keys, windows and policy are
   filled in. */
void web_boot(struct web *web, unsigned node, const struct dht_options *options);

/* a is told of b by the operator. */
void web_introduce(struct web *web, unsigned a, unsigned b);

/* Strangers get through to the node from now on, or not any more. */
void web_reach(struct web *web, unsigned node, bool reachable);

/* Lets time pass; invariants are checked now and then. */
void web_run(struct web *web, uint64_t ms);

/* A message over a link that is there, from one node to another, whatever it says. */
void web_say(struct web *web, unsigned from, unsigned to, enum tally_kind kind,
             struct wire_writer *w);

struct dht *web_dht(struct web *web, unsigned node);
struct dht_step web_step(struct web *web, unsigned node);

/* Asks for a peer, or for the followers of a namespace, as a node does on its operator's behalf. */
bool web_find_peer(struct web *web, unsigned node, const struct tally_key *key, uint64_t ticket);
bool web_find_namespace(struct web *web, unsigned node, const char *name_space, uint64_t ticket);

struct peer *web_peer(struct web *web, unsigned a, unsigned b);

/* What it was told under that ticket: FOUND so often, ENDED, which says how many were found. */
unsigned web_found(const struct web *web, unsigned node, uint64_t ticket);
bool web_ended(const struct web *web, unsigned node, uint64_t ticket, unsigned *found);

#endif

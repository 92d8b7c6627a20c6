/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_CROWD_H
#define GOSSIP_CROWD_H
/*
 * Many nodes that exchange datagrams in virtual time: mesh.h for hundreds and thousands. Addresses
 * are global, each in a /24 of its own unless a story says otherwise; signatures are hashes that
 * anybody could make, since liars here have good keys and no need to forge.
 */
#include "core/node/datagrams.h"

enum { CROWD_NOTES = 8, CROWD_DROPS = 64, CROWD_KINDS = 64, CROWD_DELAY_MS = 40, UDP_HEADERS = 28 };

struct crowd;

struct crowd_note {
    struct tally_hash origin;
    size_t size;
    uint8_t bytes[TALLY_CHECKPOINT_MAX];
};

struct crowd_node {
    struct crowd *crowd;
    struct datagrams datagrams;
    struct address_policy policy;
    struct tally_key key;
    struct tally_address address;
    struct random secret;
    bool up;
    uint64_t asleep_until; /* Nothing happens to it before; what arrives waits. */
    uint64_t tick_at;      /* The next tick that was put; 0: none. */
    uint64_t sent[CROWD_KINDS], sent_bytes[CROWD_KINDS]; /* By kind, headers of UDP included. */
    uint64_t received_bytes;
    /* What it thought of others, by whether they were there and awake: then it was wrong. */
    unsigned suspected_right, suspected_wrong, dropped_right, dropped_wrong;
    uint64_t dropped_at[CROWD_DROPS]; /* When links ended in silence, as long as there is room. */
    unsigned linked, failed;
    struct crowd_note *notes; /* Checkpoints it holds, CROWD_NOTES of them; NULL: none. */
    size_t note_count;
};

/* False: the datagram is lost. `kind` is its third byte. */
typedef bool crowd_hook(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind);

struct crowd_options {
    uint32_t count;
    unsigned peers_max; /* 0: 64; the first node, whom all know, has a full table. */
    uint64_t seed;
    enum tally_profile profile;
};

struct crowd_event;

struct crowd {
    struct crowd_options options;
    struct crowd_node *nodes;
    struct tally_now now;
    struct random chance;
    uint32_t loss; /* Of 1,000. */
    crowd_hook *hook;
    void *context;
    struct outbox outbox;
    struct crowd_event *heap;
    size_t heap_count, heap_capacity;
    uint64_t sequence, nobody; /* Datagrams to addresses where nobody is. */
    bool checked;              /* X_holds after each event: not for thousands. */
};

struct crowd *crowd_new(const struct crowd_options *options);
void crowd_free(struct crowd *crowd);

/* Where a node is; before it boots. */
void crowd_place(struct crowd *crowd, uint32_t node, const uint8_t ip4[4], uint16_t port);

/* A first life of nodes, or a next one after they were down. */
void crowd_boot(struct crowd *crowd, uint32_t from, uint32_t to);
void crowd_vanish(struct crowd *crowd, uint32_t node);
void crowd_sleep(struct crowd *crowd, uint32_t node, uint64_t ms);

/* A gets b as someone to find others by, or as a configured peer. */
void crowd_bootstrap(struct crowd *crowd, uint32_t a, uint32_t b);
void crowd_configure(struct crowd *crowd, uint32_t a, uint32_t b);

/* Nodes from..to come one after the other, and know node `first` alone. */
void crowd_come(struct crowd *crowd, uint32_t from, uint32_t to, uint32_t first);

/* After a node was told something past this harness: it may want a tick. */
void crowd_wake(struct crowd *crowd, uint32_t node);

void crowd_run(struct crowd *crowd, uint64_t ms);

/* The node holds a log of that issuer, with so many receipts. */
void crowd_hold(struct crowd *crowd, uint32_t node, uint32_t issuer, const char *name_space,
                uint64_t size);

/* What a liar says to a peer it has a link with, as it stands. */
void crowd_say(struct crowd *crowd, uint32_t from, uint32_t to, enum tally_kind kind,
               struct tally_bytes body);

struct peers *crowd_peers(const struct crowd *crowd, uint32_t node);
uint64_t crowd_drops(const struct crowd *crowd, uint32_t node, enum tally_drop drop);
/* Links of the mesh that a node has with nodes from..to. */
unsigned crowd_links_with(const struct crowd *crowd, uint32_t node, uint32_t from, uint32_t to);
struct peer *crowd_peer(const struct crowd *crowd, uint32_t a, uint32_t b);
/* Both see the other in the mesh. */
bool crowd_meshed(const struct crowd *crowd, uint32_t a, uint32_t b);
/* Whose address it is; UINT32_MAX: nobody's. */
uint32_t crowd_at(const struct crowd *crowd, const struct tally_address *address);

/* What the mesh of all that are up looks like. */
struct crowd_shape {
    uint32_t up, component;      /* Nodes; in the largest part that hangs together. */
    unsigned least, most;        /* Links of a node, */
    double mean, came_deviation; /* on average; standard deviation of those it did not choose. */
    unsigned came_most;
    unsigned degrees[65];
    uint32_t one_sided; /* Links that only one end believes in. */
};
void crowd_shape(const struct crowd *crowd, struct crowd_shape *shape);

/* Bytes sent by all that are up, or by one kind; and none of it from now on. */
uint64_t crowd_sent(const struct crowd *crowd, unsigned kind);
void crowd_forget(struct crowd *crowd);

#endif

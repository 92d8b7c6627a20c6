/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_MESH_H
#define GOSSIP_MESH_H
/*
 * A few nodes that exchange datagrams in virtual time, for stories. Real signatures and key
 * exchanges, counted; every datagram passes through a hook that may lose, copy or change it.
 */
#include "core/node/datagrams.h"

enum { MESH_NODES = 12, MESH_QUEUE = 4096, MESH_NOTES = 8, MESH_ACTIONS = 512, MESH_TOLD = 256 };

struct mesh;

struct mesh_packet {
    uint64_t at; /* Delivery, ms; 0: free. */
    struct tally_address from, to;
    uint8_t bytes[TALLY_DATAGRAM_MAX];
    size_t size;
};

struct mesh_note {
    struct tally_hash origin;
    uint8_t bytes[TALLY_CHECKPOINT_MAX];
    size_t size;
};

struct mesh_node {
    struct datagrams datagrams;
    bool up;
    uint8_t seed[32];
    struct tally_key key;
    struct tally_address address;
    uint32_t epoch;
    int64_t clock_us; /* Added to the mesh's wall clock. */
    uint64_t random;
    struct outbox outbox;
    struct tally_action actions[MESH_ACTIONS];
    uint8_t arena[MESH_ACTIONS * TALLY_DATAGRAM_MAX];
    struct mesh_note notes[MESH_NOTES];
    size_t note_count;
    unsigned signs, verifies, exchanges;

    /* What the node learned. */
    unsigned linked, unlinked, failed, heartbeats, announces;
    struct datagrams_news last;      /* Of the last datagram that was taken. */
    struct heartbeat_news heartbeat; /* The last of each. */
    struct announce_news announce;
    struct yours_news yours;
    enum tally_drop told[MESH_TOLD]; /* Verdicts in order, as long as there is room. */
    size_t told_count;
};

/* True: let it pass. May change the packet, or send others with mesh_inject. */
typedef bool mesh_hook(struct mesh *mesh, struct mesh_packet *packet);

struct mesh {
    struct mesh_node *nodes;
    size_t count;
    struct tally_now now;
    uint64_t delay_ms;
    mesh_hook *hook;
    void *context;
    struct mesh_packet *queue;
    bool cut[MESH_NODES][MESH_NODES];      /* From, to. */
    uint64_t sent[MESH_NODES][MESH_NODES]; /* Bytes. */
};

/* So many nodes that do not know each other, at time 1,000 s. */
struct mesh *mesh_new(size_t count);
void mesh_free(struct mesh *mesh);

/* The node forgets everything but its key, and comes back in the next epoch. */
void mesh_restart(struct mesh *mesh, size_t node);

/* a gets b as a configured peer. */
void mesh_introduce(struct mesh *mesh, size_t a, size_t b);

/* Lets the time pass: delivers, ticks, and checks the invariants after every event. */
void mesh_run(struct mesh *mesh, uint64_t ms);

/* Puts a packet on the wire as it stands, to arrive after the delay. */
void mesh_inject(struct mesh *mesh, const struct mesh_packet *packet);

/* Delivers at once and returns the verdict. */
enum tally_drop mesh_deliver(struct mesh *mesh, size_t node, const struct mesh_packet *packet);

/* The node seals its log of that namespace at a size, whose root is made from `branch`; other nodes
   may hold the head too. Returns the head. */
struct head mesh_seal(struct mesh *mesh, size_t node, const char *name_space, uint64_t size,
                      uint8_t branch);
void mesh_hold(struct mesh *mesh, size_t node, size_t issuer, const char *name_space, uint64_t size,
               uint8_t branch);

bool mesh_linked(const struct mesh *mesh, size_t a, size_t b);
struct peer *mesh_peer(const struct mesh *mesh, size_t a, size_t b);
struct mesh_node *mesh_at(const struct mesh *mesh, const struct tally_address *address);

#endif

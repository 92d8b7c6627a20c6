/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
/*
 * The other host: many nodes under one virtual clock. Each node is driven by the same ten lines as
 * in the daemon; network, disks and all chance come from a seed: one seed is one run, byte for
 * byte.
 *
 *     world_new -> network and slots set up -> world_start -> world_next until it is enough
 */
#include "checker.h"
#include "core/base/random.h"
#include "disk.h"
#include "lan.h"
#include "lie.h"
#include "network.h"
#include "provider.h"
#include "queue.h"
#include "service.h"
#include "tally/node.h"
#include "transcript.h"

/* What each happening touches comes first. */
struct slot {
    struct tally_node *node; /* NULL: not running. */
    uint32_t life;           /* Counts starts and crashes. */
    enum lie lie;
    uint64_t suspended_us;
    uint64_t tick_us;    /* The next TICK that was put; UINT64_MAX: none. */
    uint64_t sequence;   /* Of its happenings. */
    uint32_t lan, front; /* LAN + 1, see lan.h; the one whose box has its place; 0: none. */
    uint32_t shown;      /* Whose address and name it has: itself, or the first face. */
    uint32_t second;     /* Slot of the second face; UINT32_MAX: none. */
    int32_t drift_ppm;   /* Its wall clock is wrong by so much each million, */
    uint32_t index;      /* Its own; of a second face its own too. */
    struct world *world;
    struct signer signer;
    struct tally_address own; /* Where it listens. */
    int64_t offset_us;        /* Its wall clock is wrong by so much besides. */
    struct random chance;     /* Network and disk. */
    uint64_t sent_bytes;      /* All it sent, with the headers below it; */
    struct slot_mark {        /* and what that was some time ago. */
        uint64_t us, sent_bytes;
    } marks[2];
    struct slot_keys *keys; /* world_keys.h; NULL: it needed none but its own. */
    struct disk disk;
    struct random secret;
    struct slot_pipe *pipes;
    size_t pipe_count, pipe_capacity;
    uint32_t next_stream, lie_count; /* The latter: how much of its lie; */
    uint32_t lies;                   /* streams that it dialled besides its core. */
    struct adversary_memory *kept;
    enum tally_profile profile;
    bool told_full, late; /* Its disk is; it is not born at the start: a story has it join. */
    bool again;           /* This is not its first life. */
    bool restored;        /* It came back from its backup, a copy of its disk or NULL: */
    struct disk *backup;
    uint32_t segment, moves; /* Of multicast, 0: none; how often it moved. */
    struct tally_key *met; /* Whom it was linked with in any life; the first were so at the copy. */
    size_t met_count, met_capacity, met_backup;
    bool reached; /* Something came through its box that it had not asked for. */
};

/* An append that was asked of a node. */
struct world_append {
    uint32_t slot, body_size;
    const char *name_space; /* One of names. */
};

struct world_options {
    uint64_t seed;
    uint32_t nodes;
    enum provider_kind crypto;
    uint32_t peers_max; /* Configured peers a node; all others if they are fewer. */
    /* Of each node, see tally/node.h; 0: as the daemon has it. */
    unsigned known_max, passive_max, addresses_max, replay_window, links_max, connections_max;
    unsigned logs_max, own_logs_max, namespaces_max, dht_values_max, dht_records_max, pending_max;
    unsigned dht_placements_max, dht_contacts_max, dht_requests_max, dht_pending_max, seal_quiet_ms;
    unsigned own_addresses_max, seen_max, records_max, senders_max, seal_receipts, seal_ms;
    bool datagrams_only;
    enum tally_verify verify;
};
/* Who listens to what nodes say and ask, besides the transcript. */
struct world_ear {
    void *context;
    void (*trace)(void *context, uint32_t slot, const struct tally_trace *trace);
    void (*action)(void *context, uint32_t slot, const struct tally_action *action);
};

struct world {
    struct world_options options;
    struct world_ear ear; /* Functions may be NULL. */
    struct queue queue;
    uint64_t now_us;
    struct slot *slots; /* nodes of them, then the second faces. */
    uint32_t count, capacity;
    struct network network;
    struct lan *lans;
    size_t lan_count, lan_capacity;
    uint32_t segment_count;
    uint32_t *bootstraps; /* Whom the others are told of, instead of configured peers. */
    size_t bootstrap_count;
    struct world_domain *domains;
    size_t domain_count, domain_capacity;
    struct provider provider;
    struct transcript transcript;
    struct checker checker;
    struct tally_scratch *scratch; /* Lent to all nodes. */
    bool stepping;
    struct world_append *appends; /* By ticket - 1. */
    size_t append_count, append_capacity;
    char **names;
    size_t name_count, name_capacity;
    uint32_t *keys; /* Slots by key: slot + 1. */
    size_t key_count;
    uint8_t *confirmed;             /* [a * nodes + b]: a confirmed to b; NULL in large worlds. */
    uint64_t events;                /* Steps of nodes. */
    uint64_t acknowledged, refused; /* Appends. */
};

/* Virtual time 0 on every right clock: 2026-01-01 00:00:00 UTC, in microseconds since 1970. */
#define WORLD_EPOCH_US INT64_C(1767225600000000)

enum {
    WORLD_FACES_MAX = 16,  /* Second faces of liars. */
    WORLD_LIGHT_MIN = 257, /* From so many nodes on the checkers look at samples. */
    UDP_HEADERS = 28,      /* IPv4 and UDP. */
    TCP_HEADERS = 40,
};

void world_init(struct world *world, const struct world_options *options);
void world_free(struct world *world);

/* A slot with a key and an empty disk, shown as another one or as itself. */
void world_slot_init(struct world *world, uint32_t slot, uint32_t shown);

/* All nodes are born and told their peers. */
void world_start(struct world *world);

/* Takes the next happening up to that time; false if there is none (time is then until_us), or
   when an invariant broke. */
bool world_next(struct world *world, uint64_t until_us);

/* Gives an event to a node that runs, and performs what it asks. */
void world_step(struct world *world, uint32_t slot, const struct tally_event *event);

/* Puts a TICK for that deadline, if none comes sooner. */
void world_wake_at(struct world *world, uint32_t slot, struct tally_mono deadline);

/* Puts a happening for a slot. */
void world_put(struct world *world, uint32_t source, uint32_t slot, uint64_t us,
               enum happening_kind kind, void *data);

/* Which slot packets from one node to another's address reach: a liar's second face, perhaps. */
uint32_t world_face(const struct world *world, uint32_t from, uint32_t to);

/* ---- What a story does. Slots are of nodes, below options.nodes. ---- */

void world_append(struct world *world, uint32_t slot, const char *name_space, uint32_t body_size);
/* Whether a was told of b by its operator: as configured peer, bootstrap or in a domain. */
bool world_told(const struct world *world, uint32_t a, uint32_t b);
/* The same, of the peers that were drawn for this life of a. */
bool world_named(const struct world *world, uint32_t a, uint32_t b);
/* True if a at some time told that its transfer from or to b is confirmed. */
bool world_confirmed(const struct world *world, uint32_t a, uint32_t b);

void world_seal(struct world *world, uint32_t slot);

/* Says goodbye; what is on its way to its disk arrives; then it is gone. */
void world_leave(struct world *world, uint32_t slot);

/* One of names, which lives as long as the world. */
const char *world_name(struct world *world, const char *name);

/* Whether a takes b for linked. */
bool world_linked(const struct world *world, uint32_t a, uint32_t b);

/* Bytes a second that a node sent in the last half to whole minute. */
uint64_t world_traffic(const struct world *world, uint32_t slot);

void world_crash(struct world *world, uint32_t slot);
void world_restart(struct world *world, uint32_t slot);
void world_suspend(struct world *world, uint32_t slot, uint64_t us);

/* A new life over what its disk holds, with a greater epoch and its peers. It must not run. */
void world_wake(struct world *world, uint32_t slot);

/* After its disk did something: the node is told of room, or ends where a write failed. */
void world_look_at_disk(struct world *world, uint32_t slot);

/* The slot of a key; false if it is nobody's. */
bool world_find(const struct world *world, const struct tally_key *key, uint32_t *slot);

/* Whether a node is honest and runs. */
bool world_counts(const struct world *world, uint32_t slot);

struct tally_now world_clock(const struct world *world, uint32_t slot);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_NODE_H
#define TALLY_NODE_H
/*
 * The protocol core: one opaque node with no sockets, clock, disk, threads or randomness of its
 * own. A host drives it:
 *
 *     tally_node_step(node, now, &event);
 *     while (tally_node_next(node, &action))
 *         perform(&action);
 *     wake_at(tally_node_deadline(node));
 *
 * A step cannot fail and does not allocate. A node is used by one thread at a time. Call
 * sodium_init() before anything else: it chooses libsodium's code for this processor.
 */
#include "tally/action.h"
#include "tally/event.h"
#include "tally/federation.h"
#include "tally/network.h"
#include "tally/options.h"
#include "tally/windows.h"

struct tally_node;

/*
 * What a step uses and nothing outlives, the actions it makes among them; and what a node needs now
 * and then, lookups say. A host with many nodes lends one to all, if it performs each step's
 * actions before it steps another node: they take memory for one, and for the lookups there are at
 * a time. `nodes`: so many at the most. NULL without memory. Free it after the nodes.
 */
struct tally_scratch *tally_scratch_new(unsigned nodes);
void tally_scratch_free(struct tally_scratch *scratch);

/* A node over what the ledger holds; NULL without memory. Free with tally_node_free, which wipes
   its secrets. The options are copied; the windows' contexts must outlive the node. */
struct tally_node *tally_node_new(const struct tally_node_options *options, struct tally_now now);
void tally_node_free(struct tally_node *node);

void tally_node_step(struct tally_node *node, struct tally_now now,
                     const struct tally_event *event);

/* A hint for a host of so many nodes that their memory is not at hand: this one will be stepped
   soon, with the bytes of a DATAGRAM or, without data, something else. It is to be given three
   times, each closer to the step, since each looks where the one before has pointed. Changes
   nothing. */
enum tally_expect { TALLY_EXPECT_FAR, TALLY_EXPECT_NEAR, TALLY_EXPECT_CLOSE };
void tally_node_expect(const struct tally_node *node, struct tally_bytes datagram,
                       enum tally_expect when);

/* The next action of the last step, in order; false when there is none. */
bool tally_node_next(struct tally_node *node, struct tally_action *action);

/* When the node next wants a TICK; TALLY_NEVER if it waits for nothing. */
struct tally_mono tally_node_deadline(const struct tally_node *node);

/* Whether all invariants hold: for tests and the simulator, after any step. */
bool tally_node_holds(const struct tally_node *node);

/* ---- Questions: they change nothing and may be asked between steps. ---- */

/* All `drops` of the status together, for who asks after each step. */
uint64_t tally_node_dropped(const struct tally_node *node);

struct tally_node_status {
    unsigned links, connections, logs, peers;
    unsigned contacts; /* In the DHT's table. */
    unsigned health;   /* 0..8: how far it doubts itself (protocols 4.2). */
    bool writable;     /* False: the disk is full. */
    enum tally_guard guard;
    unsigned guard_silent;   /* Peers whose answer it awaits; see tally_node_awaited. */
    uint64_t guard_missing;  /* RECOVERING: receipts of our own that are still to be fetched. */
    unsigned frozen;         /* Logs frozen at a fork. */
    int64_t clock_offset_us; /* Median over linked peers, theirs less ours. */
    uint64_t drops[TALLY_DROP_COUNT];
    uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out; /* Datagrams only. */
    uint64_t stream_bytes_in, stream_bytes_out;
    uint64_t syncs, confirms, forks;
    enum tally_profile profile;
    bool dht_on, dht_server; /* Takes part in the DHT; answers others. */
    uint64_t lookups, lookups_failed;
    uint64_t refused[TALLY_HYGIENE_COUNT];    /* Addresses not dialled. */
    uint64_t mdns_in, mdns_out, mdns_refused; /* Packets. */
    enum tally_nat_kind nat;
    enum tally_lease_state lease;
    enum tally_error lease_error; /* Of the last try; OK. */
    enum tally_mapping mapping;
    struct tally_address gateway, outer; /* All zero: unknown. */
};
void tally_node_status(const struct tally_node *node, struct tally_node_status *status);

enum tally_guard tally_node_guard(const struct tally_node *node);

/* The peer of that index that knew us and has not answered yet; false past the last. */
bool tally_node_awaited(const struct tally_node *node, size_t index, struct tally_key *key);

/* What its statements come to. Costs a hash a party. */
void tally_node_trust(const struct tally_node *node, struct tally_trust_status *trust);

enum tally_peer_state { TALLY_PEER_IDLE, TALLY_PEER_GREETING, TALLY_PEER_LINKED };

struct tally_peer_view {
    struct tally_key key;
    struct tally_address address; /* The one that answered, or the next to be tried. */
    enum tally_peer_state state;
    bool configured;
    bool connected;             /* A secured stream is open. */
    struct tally_mono since;    /* Of the state. */
    uint32_t rtt_us;            /* Smoothed; 0 unknown. */
    int64_t offset_us;          /* Their clock less ours; 0 unknown. */
    enum tally_drop last_error; /* Why the last try failed; NONE. */
    bool mesh;                  /* In the active view: heartbeats and announces go both ways. */
    enum tally_source source;   /* Of that address. */
    enum tally_path path;
    enum tally_path_reason why;    /* Not a better one. */
    enum tally_error stream_error; /* Why no stream could be had; OK. */
    char agent[64];                /* From identify; NUL-terminated; untrusted, escaped by users. */
};
/* The own address of that index; false past the last. */
bool tally_node_own_address(const struct tally_node *node, size_t index,
                            struct tally_own_address *address);

/* The peer of that index; false past the last. */
bool tally_node_peer(const struct tally_node *node, size_t index, struct tally_peer_view *view);

#endif

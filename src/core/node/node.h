/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_NODE_H
#define NODE_NODE_H
/* The composition: one member a module and nothing else. For this folder only; what hosts see is
   tally/node.h. */
#include "core/log/issuer.h"
#include "core/mdns/mdns.h"
#include "core/node/carrying.h"
#include "core/node/comparing.h"
#include "core/node/connections.h"
#include "core/node/crossing.h"
#include "core/node/datagrams.h"
#include "core/node/disputing.h"
#include "core/node/federating.h"
#include "core/node/finding.h"
#include "core/node/guarding.h"
#include "core/node/joining.h"
#include "core/node/mapping.h"
#include "core/node/pruning.h"
#include "core/node/scratch.h"
#include "core/node/upholding.h"
#include "core/sync/sync.h"
#include "core/witness/witness.h"

struct tally_node {
    /* As of the last step that could change it: most datagrams cannot, and ask no module. */
    struct tally_mono due;
    bool unsettled;           /* The next step begins with what is left to settle. */
    bool lacks;               /* As sync has it. */
    struct tally_now stepped; /* The time of the last step, for questions. */
    struct outbox outbox;
    struct federating federating;
    struct datagrams datagrams;
    struct tally_node_options options;
    struct tally_scratch *scratch; /* Ours unless the options lend one. */
    struct issuer issuer;
    struct disputing disputing;
    struct conducts conducts; /* upholding.h */
    struct crossing crossing;
    struct comparing comparing;
    struct guarding guarding;
    struct pruning pruning;
    struct carrying carrying;
    struct sync sync;
    struct witness witness;
    struct connections connections;
    struct joining joining;
    struct mapping mapping;
    struct mdns mdns;
    struct address_policy policy;
    struct tally_interface *interfaces; /* Of the policy; interfaces_max of the options. */
    struct finding findings[FINDINGS];
    bool stopping;
    uint64_t *drops;                       /* TALLY_DROP_COUNT. */
    uint64_t refused[TALLY_HYGIENE_COUNT]; /* Addresses not dialled. */
    uint64_t syncs, confirms, forks;
};

/* Says what happened, if anybody listens. */
void node_trace(struct tally_node *node, struct tally_now now, const struct tally_trace *trace);

/* Counts a peer's mistake and traces it. peer may be NULL. */
void node_drop(struct tally_node *node, struct tally_now now, enum tally_drop drop,
               const struct tally_key *peer);

/* A peer's mistake on a stream: counted, and if it was a lie its standing suffers. */
void node_blame(struct tally_node *node, struct tally_now now, enum tally_drop drop,
                const struct tally_key *peer);

/* Answers a command. */
void node_answer(struct tally_node *node, uint64_t ticket, enum tally_error error);

/* Where streams to a peer go: false if it has no address, or is barred. */
bool node_address(const struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                  struct tally_address *address);

/* due.c: what all modules say now; and that, kept for tally_node_deadline, at the end of a step. */
struct tally_mono node_due(const struct tally_node *node);
void node_settle(struct tally_node *node);

/* discovery.c: peers that were found, and the network they are found in. False without memory. */
bool node_discovery_new(struct tally_node *node);

/* Own addresses, as the event LINKS tells them; a packet of mDNS, as MULTICAST does. */
void node_links(struct tally_node *node, struct tally_now now, const struct tally_event *event);
void node_multicast(struct tally_node *node, struct tally_now now, const struct tally_event *event);

/* A peer may be at an address: if it may be dialled, and others are wanted, it is greeted there. */
void node_found(struct tally_node *node, struct tally_now now, const struct tally_key *key,
                const struct tally_address *address, enum tally_source source);

/* streams.c: how we come to streams, and what those tell of how we are reached. */

/* One that came in, before its channel begins: whether it is ours to begin. */
void node_awaited(struct tally_node *node, struct connection *connection);
/* A peer has proved its key on it; it says that it sees us there. */
void node_secured(struct tally_node *node, struct tally_now now,
                  const struct connection *connection);
void node_stream_observed(struct tally_node *node, struct tally_now now,
                          const struct connection *connection,
                          const struct tally_address *observed);

/* Whether a stream with the peer is to come by another way than dialling it now. */
bool node_awaits(struct tally_node *node, struct tally_now now, const struct tally_key *peer);
/* It was dialled in vain at that address. True: a stream is awaited in another way. */
bool node_dial_failed(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                      const struct tally_address *address, enum tally_error error);

/* wiring.c: who else should know what a module learnt. Each takes the news that are there. */
void wire_datagrams(struct tally_node *node, struct tally_now now,
                    const struct datagrams_news *news);
void wire_issuer(struct tally_node *node, struct tally_now now, const struct issuer_news *news);
void wire_sync(struct tally_node *node, struct tally_now now);
void wire_witness(struct tally_node *node, struct tally_now now);
/* COMMAND WITNESS, SAMPLE, COSIGN. */
void node_witness(struct tally_node *node, struct tally_now now,
                  const struct tally_command *command);
void wire_mapping(struct tally_node *node, struct tally_now now, const struct lease_news *news);
void wire_reaching(struct tally_node *node, struct tally_now now);

/* At the start: forks that were known before are told to who links. */
void wire_forks_kept(struct tally_node *node, struct tally_now now);
/* Evidence of a fork was written: everybody is told, if the notes are there. */
void wire_fork(struct tally_node *node, struct tally_now now, const struct sync_news *news);

/* A signed checkpoint that came by gossip or from the DHT: a contradiction shows at once. */
enum sync_verdict wire_note(struct tally_node *node, const struct tally_key *peer,
                            struct tally_bytes note);

/* Takes over what the ledger says of a log: after its head moved, and at the start. `sealed`: one
   of our own has grown, which peers are told. */
void wire_head(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
               bool sealed);

#endif

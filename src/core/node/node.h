/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_NODE_H
#define NODE_NODE_H
/* The composition: one member a module and nothing else. For this folder only; what hosts see is
   tally/node.h. */
#include "core/log/issuer.h"
#include "core/mdns/mdns.h"
#include "core/node/connections.h"
#include "core/node/datagrams.h"
#include "core/node/mapping.h"
#include "core/node/scratch.h"
#include "core/sync/sync.h"

struct tally_node {
    struct tally_node_options options;
    struct tally_scratch *scratch; /* Ours unless the options lend one. */
    struct outbox outbox;
    struct datagrams datagrams;
    struct issuer issuer;
    struct sync sync;
    struct connections connections;
    struct mapping mapping;
    struct mdns mdns;
    struct address_policy policy;
    bool stopping;
    uint64_t drops[TALLY_DROP_COUNT];
    uint64_t refused[TALLY_HYGIENE_COUNT]; /* Addresses not dialled. */
    uint64_t syncs, confirms, forks;
    bool guarded;
};

/* Says what happened, if anybody listens. */
void node_trace(struct tally_node *node, struct tally_now now, const struct tally_trace *trace);

/* Counts a peer's mistake and traces it. peer may be NULL. */
void node_drop(struct tally_node *node, struct tally_now now, enum tally_drop drop,
               const struct tally_key *peer);

/* A peer's mistake on a stream: counted, and if it was a lie its standing suffers. */
void node_blame(struct tally_node *node, struct tally_now now, enum tally_drop drop,
                const struct tally_key *peer);

/* Where streams to a peer go: false if it has no address, or is barred. */
bool node_address(const struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                  struct tally_address *address);

/* discovery.c: peers that were found, and the network they are found in. */
void node_discovery_init(struct tally_node *node);

/* Own addresses, as the event LINKS tells them; a packet of mDNS, as MULTICAST does. */
void node_links(struct tally_node *node, struct tally_now now, const struct tally_event *event);
void node_multicast(struct tally_node *node, struct tally_now now, const struct tally_event *event);

/* A peer may be at an address: if it may be dialled, it is greeted there, unless we know better. */
void node_found(struct tally_node *node, struct tally_now now, const struct tally_key *key,
                const struct tally_address *address, enum tally_source source);

/* wiring.c: who else should know what a module learnt. Each takes the news that are there. */
void wire_datagrams(struct tally_node *node, struct tally_now now,
                    const struct datagrams_news *news);
void wire_issuer(struct tally_node *node, struct tally_now now, const struct issuer_news *news);
void wire_sync(struct tally_node *node, struct tally_now now);
void wire_mapping(struct tally_node *node, struct tally_now now, const struct lease_news *news);

/* Takes over what the ledger says of a log: after its head moved, and at the start. `sealed`: one
   of our own has grown, which peers are told. */
void wire_head(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
               bool sealed);

#endif

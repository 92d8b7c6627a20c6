/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SERVICE_H
#define SIM_SERVICE_H
/*
 * What answers a node beside other nodes: the gateway of its LAN, DNS, and its own machine, which
 * tells it its interfaces. Each answer is a letter: an event on its way, for one life of a node.
 */
#include "tally/action.h"
#include "tally/event.h"

struct world;

enum {
    DNS_LEAST_MS = 5,
    DNS_MOST_MS = 60,
    DNS_TIMEOUT_MS = 5000, /* As resolv.conf(5) has it. */
    DNS_NODES_MAX = 32,    /* Told of one domain. */
    GATEWAY_LEAST_MS = 1,
    GATEWAY_MOST_MS = 4,
};

/* A domain that DNS knows, and the nodes it names. */
struct world_domain {
    const char *name; /* One of names. */
    uint32_t *slots;
    size_t count;
    bool silent;  /* DNS does not answer. */
    bool keyless; /* Addresses without keys, as SRV records have them. */
};

/* MAP and RESOLVE. */
void service_map(struct world *world, uint32_t slot, const struct tally_action *action);
void service_resolve(struct world *world, uint32_t slot, const struct tally_action *action);

/* Tells a running node its interface; later, that its gateway speaks of itself. */
void service_tell_links(struct world *world, uint32_t slot);
void service_tell_gateway(struct world *world, uint32_t slot);

/* DNS names these nodes from now on. */
void service_domain(struct world *world, const char *name, const uint32_t *slots, size_t count,
                    bool silent, bool keyless);

/* An event that waits for its time; the list of RESOLVED is behind it. */
struct letter {
    struct tally_event event;
    struct tally_resolved list[];
};

#endif

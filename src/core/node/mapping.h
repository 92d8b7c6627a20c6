/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_MAPPING_H
#define NODE_MAPPING_H
/*
 * The ports we hold at gateways: one lease for IPv4, one for IPv6, in profile AUTO only and only if
 * we listen where a gateway's traffic can come in.
 */
#include "core/nat/lease.h"
#include "tally/node.h"

enum { MAPPING_IPV4, MAPPING_IPV6, MAPPING_FAMILIES };

struct mapping {
    struct tally_address listen;
    bool on;
    struct lease leases[MAPPING_FAMILIES];
};

/* Draws the PCP nonces through the options' crypto window. */
void mapping_init(struct mapping *mapping, const struct tally_node_options *options);

/* LINKS, MAPPED or GATEWAY. News are of one lease each; `news` has room for MAPPING_FAMILIES. */
void mapping_on_event(struct mapping *mapping, struct tally_now now,
                      const struct tally_event *event, struct lease_news *news);

struct tally_mono mapping_deadline(const struct mapping *mapping);
void mapping_tick(struct mapping *mapping, struct tally_now now, struct lease_news *news,
                  struct outbox *out);

/* Gives all back. */
void mapping_stop(struct mapping *mapping, struct outbox *out);

/* The mapping of that index; false past the last that is held. */
bool mapping_find(const struct mapping *mapping, size_t index, struct lease_view *view);

/* Fills in lease, lease_error, mapping, gateway and outer. */
void mapping_status(const struct mapping *mapping, struct tally_node_status *status);

bool mapping_holds(const struct mapping *mapping);

#endif

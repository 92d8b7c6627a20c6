/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MDNS_MDNS_PART_H
#define MDNS_MDNS_PART_H
/* What mdns.c, which speaks when it is time, and hear.c, which receives, share. */
#include "core/mdns/mdns.h"

enum { V4, V6 }; /* Families, as indices. */

/* One answer out of a budget; false if there is none left. */
bool mdns_budget_take(struct mdns_budget *budget, struct tally_now now);

/* A packet to a group or a host on that interface; without room it is lost, as the network might
   have done. */
void mdns_send(struct mdns *mdns, const struct mdns_interface *interface,
               const struct tally_address *to, struct tally_bytes packet, struct outbox *out);

/* Finds out anew when something is due. */
void mdns_wake(struct mdns *mdns);

/* How long what all will hear waits, drawn. */
uint64_t mdns_delay(struct mdns *mdns);

#endif

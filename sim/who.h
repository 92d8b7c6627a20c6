/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WHO_H
#define SIM_WHO_H
/* What the one that sends most sends: bytes of each kind of datagram, headers of UDP included. */
#include "world.h"

struct who {
    uint32_t nodes;
    uint32_t *bytes; /* WHO_KINDS a node. */
};

enum { WHO_KINDS = 64 };

void who_begin(struct who *who, uint32_t nodes);
void who_action(struct who *who, uint32_t slot, const struct tally_action *action);

/* One line, the kinds that cost most first; and the end. */
void who_tell(struct who *who, uint32_t seconds);

#endif

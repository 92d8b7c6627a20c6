/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WHO_H
#define SIM_WHO_H
/* What nodes with nothing to do send: datagrams of each kind, all of them together; bytes of each
   kind, headers of UDP included, the one that sends most. */
#include "world.h"

enum { WHO_KINDS = 64, WHO_WATCHED = 32 };

struct who {
    uint32_t nodes, watched;
    uint8_t *row_of; /* Of each node: its row and one; 0: it has none. */
    struct who_row {
        uint32_t slot;
        uint64_t before, bytes[WHO_KINDS];
    } rows[WHO_WATCHED];
    uint64_t datagrams[WHO_KINDS];
};

void who_begin(struct who *who, const struct world *world);
void who_action(struct who *who, uint32_t slot, const struct tally_action *action);

/* Two lines, the kinds of which there is most first; and the end. So many steps were taken. */
void who_tell(struct who *who, uint64_t steps, uint32_t seconds);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_SIM_STAND_IN_H
#define UNIT_SIM_STAND_IN_H
/*
 * A node that does what a test says: the border functions of tally/node.h, without a core behind
 * them. So worlds can be tested alone, and a "core" that breaks the rules is a few lines.
 */
#include "world.h"

enum { STAND_IN_SLOTS = 8 };

struct stand_in {
    /* Called for each event; it may add actions. NULL: nothing happens. */
    void (*react)(uint32_t slot, const struct tally_event *event);
    bool holds;                     /* What tally_node_holds says. */
    enum tally_guard guard;         /* What tally_node_guard says. */
    bool allocates;                 /* Whether a step allocates. */
    uint64_t drops[STAND_IN_SLOTS]; /* Told by tally_node_status. */
    uint64_t deadline_ms[STAND_IN_SLOTS];
    unsigned ticks;
    enum tally_profile profiles[STAND_IN_SLOTS]; /* As nodes were born. */
    /* Told by tally_node_peer, if there is a world to know keys of. */
    const struct world *world;
    bool linked[STAND_IN_SLOTS][STAND_IN_SLOTS];
};

extern struct stand_in stand_in;

void stand_in_reset(void);

/* An action of the step that is going on; its bytes must live until it is performed. */
void stand_in_add(uint32_t slot, const struct tally_action *action);
void stand_in_send(uint32_t slot, uint32_t to, struct tally_bytes bytes);

/* A world of stand-ins, started. */
void stand_in_world(struct world *world, uint32_t nodes);

/* Lets the world run for so long. False if a check broke. */
bool stand_in_run(struct world *world, uint64_t ms);

/* Makes a node take a TICK now, so that react can act. */
void stand_in_poke(struct world *world, uint32_t slot);

#endif

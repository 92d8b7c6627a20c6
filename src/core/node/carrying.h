/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CARRYING_H
#define NODE_CARRYING_H
/*
 * A bundle that an operator brings to a running node: files from a party that no network leads to.
 * The host lays it before the node as a stream whose other end serves the bundle's logs, and the
 * node's own synchronisation asks it, with each of its checks. Two things differ. The logs that are
 * taken are those of parties that are admitted at all, at level isolated too (ADMISSION_CARRY). And
 * nobody is at the other end: nobody is told what came, and what does not verify is held against
 * nobody, for anybody may have changed a file on its way.
 *
 *     host   COMMAND CARRY ───────▶ node     one at a time
 *     host   ◀─ ACTION CARRY ─────── node     what is asked of the bundle
 *     host   EVENT CARRY ─────────▶ node     what it says; empty: it is gone
 *     host   ◀─ ACTION CARRY, empty ── node   it is over: nothing in it is new any more, or why not
 */
#include "core/sync/sync.h"
#include "tally/event.h"

enum {
    CARRYING_ROUNDS = 128, /* Of 16 logs each: as many as a node holds, twice. */
    CARRYING_FORKS = 8,    /* That are told from those which were just found. */
};

struct tally_node;

struct carrying {
    enum { CARRYING_OFF, CARRYING_ON, CARRYING_OVER } state;
    unsigned rounds, forks;
    struct tally_hash *forked; /* The logs of the first CARRYING_FORKS of them. */
    uint64_t logs;             /* That moved to a larger checkpoint. */
    uint64_t moved;            /* The same of this round. */
    bool guarded;              /* It has more of our own log than we do. */
    enum tally_drop drop;      /* OVER: why it ended early. */
};

/* False without memory. */
bool carrying_new(struct carrying *carrying);
void carrying_free(struct carrying *carrying);

void carrying_command(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command);
void carrying_receive(struct tally_node *node, struct tally_now now,
                      const struct tally_event *event);

/* News of synchronisation; true if nobody else need know of it. */
bool carrying_news(struct tally_node *node, struct tally_now now, const struct sync_news *news);

/* At the end of each step: what is to be asked of the bundle. */
void carrying_flush(struct tally_node *node, struct tally_now now);

#endif

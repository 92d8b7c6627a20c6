/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_REVOKING_H
#define NODE_REVOKING_H
/*
 * Revoked keys in the node (reliability 9): read from the host at the start, heard of by datagrams,
 * stated by ourselves, or given by the operator. From the moment one is taken no link or stream of
 * the key goes on, its logs grow no further than it says, and everybody is told; the host keeps it
 * for ever.
 */
#include "core/gossip/notice.h"
#include "tally/event.h"

struct tally_node;

/* What the host kept; and, once it is known whom this node deals with, how many of them are of keys
   that it does not know. */
void revoking_start(struct tally_node *node);
void revoking_count(struct tally_node *node);

/* A log of somebody's statements has grown, from that size on: it may name a recovery key. */
void revoking_named(struct tally_node *node, const struct tally_log_view *view, uint64_t from);

/* What follows from the start, in the first step: a successor's first words; and our own is in our
   log, but not among what was kept: a crash came in between. */
void revoking_settle(struct tally_node *node, struct tally_now now);

/* One by a datagram, verified. */
void revoking_heard(struct tally_node *node, struct tally_now now, const struct peer *from,
                    const struct notice_news *news);

/* Our own statement at that index is durable: we are the first to know. */
void revoking_stated(struct tally_node *node, struct tally_now now, uint64_t index);

/* COMMAND REVOKE. */
void revoking_command(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command);

#endif

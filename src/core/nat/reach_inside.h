/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_REACH_INSIDE_H
#define NAT_REACH_INSIDE_H
/* Between reach.c and reach_check.c. */
#include "core/nat/reach.h"

void reach_say(struct reach *reach, const struct reach_news *news);

void reach_trace(const struct reach *reach, enum tally_trace_kind kind,
                 const struct own_entry *entry, const struct tally_key *by, struct tally_now now);

/* A REACHABLE address is not, or is not ours any more: news and trace. */
void reach_lost(struct reach *reach, const struct own_entry *entry, struct tally_now now);

/* Asks about it when things have settled, if that is done without an operator. */
void reach_soon(struct reach *reach, struct own_entry *entry, struct tally_now now);

/* Takes the votes as they are now for our addresses. */
void reach_review(struct reach *reach, struct tally_now now);

/* Somebody got through to it. */
void reach_proved(struct reach *reach, struct own_entry *entry, const struct tally_key *by,
                  bool weak, struct tally_now now);

/* The check under way is about nothing any more. */
void reach_check_drop(struct reach *reach, struct tally_now now);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_UPHOLDING_H
#define NODE_UPHOLDING_H
/*
 * Terms of agreements in the node: those with whom one is active are watched by what they answer
 * (core/federation/conduct.h), and what they break is a discrepancy, `term_violation`, with what
 * they signed and what came instead. One case a clause and party:
 *
 *     SHARES, SHOWS    about the log that is not shared, or was not to be
 *     VERIFIES         about its log of statements, where it would say that it verified
 *     KEEPS, ASKS      about the party
 *
 * It resolves itself when the term is seen to be kept again, KEEPS never. When the agreement ends
 * nothing is watched any more, and what was broken while it held is for people.
 */
#include "core/federation/bond.h"
#include "tally/types.h"

struct tally_node;
struct heartbeat_news;

/* What holds with a party has changed. */
void upholding_agreed(struct tally_node *node, struct tally_now now, const struct tally_key *party,
                      const struct bond *bond);

/* What a linked peer told of its own logs. */
void upholding_told(struct tally_node *node, const struct tally_key *peer,
                    const struct heartbeat_news *news);

/* After each step: acts on what came out. */
void upholding_settle(struct tally_node *node, struct tally_now now);

#endif

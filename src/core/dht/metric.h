/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_METRIC_H
#define DHT_METRIC_H
/*
 * Kademlia's metric: the distance of two points is their XOR, read as a number of 256 bits. A node
 * stands at the SHA-256 of its peer id, as libp2p has it, so that distances agree with foreign
 * tools (protocols 1).
 */
#include "tally/types.h"

enum { METRIC_BITS = 256 };

/* Where a node stands: SHA-256 of the 38 bytes of its peer id. */
void metric_point(const struct tally_key *key, struct tally_hash *point);

/* Leading bits that two points share, 0..METRIC_BITS. */
unsigned metric_shared(const struct tally_hash *a, const struct tally_hash *b);

/* Below 0 if a is closer to the target than b, above 0 if it is farther, 0 if they are one. */
int metric_compare(const struct tally_hash *target, const struct tally_hash *a,
                   const struct tally_hash *b);

/* The first 64 bits of the distance: enough to tell how densely nodes stand. */
uint64_t metric_near(const struct tally_hash *a, const struct tally_hash *b);

#endif

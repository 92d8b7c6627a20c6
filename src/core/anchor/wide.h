/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_WIDE_H
#define ANCHOR_WIDE_H
/* Numbers of 256 bits, as far as Bitcoin's targets and work want them. */
#include "core/anchor/headers.h"

/* A hash as a number: its bytes are little endian. */
void wide_of_hash(const struct tally_hash *hash, struct wide *number);

/* The compact form of targets. False for what is negative, zero or too large. */
bool wide_of_compact(uint32_t compact, struct wide *number);
uint32_t wide_compact(const struct wide *number);

int wide_compare(const struct wide *a, const struct wide *b);
void wide_add(struct wide *sum, const struct wide *more);

/* number * by / through; what goes beyond 256 bits makes it the greatest there is. */
void wide_scale(struct wide *number, uint32_t by, uint32_t through);

/* 2^256 / (target + 1): how many hashes a block took, on average. */
void wide_work(const struct wide *target, struct wide *work);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_MERKLE_H
#define LOG_MERKLE_H
/*
 * Hashing of Merkle trees (RFC 6962 section 2.1) and the *range*: the roots of the complete
 * subtrees that a tree of some size consists of, which is all one needs to grow it.
 */
#include "tally/limits.h"
#include "tally/merkle.h"
#include "tally/types.h"

#define MERKLE_SIZE_MAX ((uint64_t)INT64_MAX) /* Go's tlog uses int64, so must we. */

/* SHA-256(""), the root of the empty tree. */
extern const struct tally_hash merkle_empty;

void merkle_leaf(struct tally_bytes entry, struct tally_hash *leaf);
void merkle_node(const struct tally_hash *left, const struct tally_hash *right,
                 struct tally_hash *node);

/* The root of `count` leaves (or of roots of complete subtrees of one size), count >= 1. They are
   overwritten. */
void merkle_fold(struct tally_hash *hashes, size_t count, struct tally_hash *root);

/* A tree of `size`, as the roots of its complete subtrees from left to right: as many as size has
   bits set. {0} is the empty tree. */
struct merkle_range {
    uint64_t size;
    struct tally_hash hashes[TALLY_PROOF_MAX];
};

unsigned merkle_range_count(const struct merkle_range *range);
void merkle_range_append(struct merkle_range *range, const struct tally_hash *leaf);

/* Appends a complete subtree of 2^height leaves; size must be a multiple of that. */
void merkle_range_append_subtree(struct merkle_range *range, unsigned height,
                                 const struct tally_hash *root);
void merkle_range_root(const struct merkle_range *range, struct tally_hash *root);

#endif

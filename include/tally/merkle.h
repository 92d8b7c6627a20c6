/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_MERKLE_H
#define TALLY_MERKLE_H
/*
 * Merkle trees over SHA-256 (RFC 6962 section 2.1): verifying proofs. Sizes and indices are below
 * 2^63; everything larger, every proof of another length than the one right one, and more than
 * TALLY_PROOF_MAX hashes are refused (log chapter 1.3). Cost: two hashes a proof hash at most.
 */
#include "tally/types.h"

/* Whether the leaf is entry `index` of the tree of `size` with this root (RFC 9162 2.1.3.2). */
bool tally_inclusion_holds(uint64_t index, uint64_t size, const struct tally_hash *leaf,
                           const struct tally_hash *proof, size_t count,
                           const struct tally_hash *root);

/* Whether the tree of size `to` begins with the tree of size `from` (RFC 9162 2.1.4.2). From 0 it
   always does. */
bool tally_consistency_holds(uint64_t from, uint64_t to, const struct tally_hash *proof,
                             size_t count, const struct tally_hash *from_root,
                             const struct tally_hash *to_root);

/* Whether [start, end) is a subtree: not empty, start a multiple of the smallest power of two that
   is not below end - start (draft-ietf-plants-merkle-tree-certs section 4). */
bool tally_subtree_valid(uint64_t start, uint64_t end);

/* Whether the leaf is entry `index` of the subtree [start, end) with this root. */
bool tally_subtree_inclusion_holds(uint64_t index, uint64_t start, uint64_t end,
                                   const struct tally_hash *leaf, const struct tally_hash *proof,
                                   size_t count, const struct tally_hash *subtree);

/* Whether the tree of `size` has the subtree [start, end) with root `subtree`. */
bool tally_subtree_holds(uint64_t start, uint64_t end, uint64_t size,
                         const struct tally_hash *proof, size_t count,
                         const struct tally_hash *subtree, const struct tally_hash *root);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_TREE_H
#define LOG_TREE_H
/*
 * Roots and proofs made from tiles, through the ledger window. Each tile is read once or twice a
 * proof, as wide as the tree of that size has it. All return false if a tile is not held, and true
 * with the result otherwise. Sizes must be at most what the ledger holds tiles for.
 */
#include "tally/limits.h"
#include "tally/types.h"
#include "tally/windows.h"

struct tree {
    const struct tally_ledger *ledger;
    const struct tally_hash *origin;
};

struct tree_proof {
    size_t count;
    struct tally_hash hashes[TALLY_PROOF_MAX];
};

/* Root of the first `size` entries. */
bool tree_root(const struct tree *tree, uint64_t size, struct tally_hash *root);

/* Root of the entries [start, end) of a tree of `size`; [start, end) must be a subtree
   (tally_subtree_valid), end <= size. */
bool tree_subtree_root(const struct tree *tree, uint64_t start, uint64_t end, uint64_t size,
                       struct tally_hash *root);

/* Of entry `index` in the tree of `size`, index < size. */
bool tree_inclusion(const struct tree *tree, uint64_t index, uint64_t size,
                    struct tree_proof *proof);

/* From size `from` to size `to`, from <= to. Empty from 0. */
bool tree_consistency(const struct tree *tree, uint64_t from, uint64_t to,
                      struct tree_proof *proof);

/* Of subtree [start, end) in the tree of `size` (tally_subtree_holds). */
bool tree_subtree(const struct tree *tree, uint64_t start, uint64_t end, uint64_t size,
                  struct tree_proof *proof);

#endif

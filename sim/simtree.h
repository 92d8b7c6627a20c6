/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SIMTREE_H
#define SIM_SIMTREE_H
/*
 * A Merkle tree (RFC 6962 section 2.1) that keeps every complete subtree, so that the root of any
 * earlier size costs a logarithm of hashes. Written apart from the core's: the checkers and disks
 * of the simulator are its second opinion.
 */
#include "tally/types.h"

enum { TREE_LEVELS = 40 };

struct simtree {
    struct {
        struct tally_hash *hashes;
        size_t count, capacity;
    } levels[TREE_LEVELS]; /* Level l: roots of complete subtrees of 2^l leaves. */
};

void simtree_free(struct simtree *tree);
uint64_t simtree_size(const struct simtree *tree);

/* The leaf hash of an entry: SHA-256(0x00 || entry). */
struct tally_hash simtree_leaf(struct tally_bytes entry);

void simtree_append(struct simtree *tree, const struct tally_hash *leaf);

/* The root of the first `size` leaves, size <= simtree_size; SHA-256("") for 0. */
struct tally_hash simtree_root(const struct simtree *tree, uint64_t size);

/* A copy that owns its memory. */
struct simtree simtree_copy(const struct simtree *tree);

#endif

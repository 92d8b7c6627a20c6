/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_LOGS_H
#define SUPPORT_LOGS_H
/* Logs in memory for tests: an issuer with a fixed seed, a tree of leaves behind a ledger window.
 */
#include "core/log/tree.h"
#include "tally/log.h"

/* The crypto window of a seed, which must outlive it. */
struct tally_crypto logs_crypto(const uint8_t seed[32]);

/* 32 bytes of the same value: the seeds of the shared vectors. */
struct logs_seed {
    uint8_t bytes[32];
};
struct logs_seed logs_seed(uint8_t value);

enum { LOGS_LEVELS = 4 };

/* A Merkle tree that grows; its ledger window serves tiles only and counts how many were read. */
struct logs_tree {
    struct tally_hash *levels[LOGS_LEVELS];
    uint64_t counts[LOGS_LEVELS], capacity;
    unsigned tiles_read;
    bool broken; /* The window says that it holds nothing. */
};
struct logs_tree *logs_tree_new(uint64_t capacity);
void logs_tree_free(struct logs_tree *tree);
void logs_tree_add(struct logs_tree *tree, const struct tally_hash *leaf);
struct tally_ledger logs_tree_ledger(struct logs_tree *tree);

/* Leaf hash of the text `leaf-<index>`, as in the shared vectors. */
void logs_leaf(uint64_t index, struct tally_hash *leaf);

/* Bundles of `count` receipts in namespace `audit` from sequence `first` on, with bodies of
   body_size bytes; `previous` is updated. Types and profiles vary with `names`. */
struct logs_bundles {
    uint8_t *entries, *bodies;
    size_t entries_size, bodies_size;
    struct tally_hash previous;
};
void logs_bundles_init(struct logs_bundles *bundles);
void logs_bundles_free(struct logs_bundles *bundles);
void logs_bundles_fill(struct logs_bundles *bundles, const struct logs_seed *seed, uint64_t first,
                       unsigned count, size_t body_size, unsigned names);

#endif

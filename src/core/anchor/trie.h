/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_TRIE_H
#define ANCHOR_TRIE_H
/* Proofs out of a Merkle-Patricia trie (yellow paper, appendix D), as Ethereum builds it over the
   transactions and the receipts of a block. */
#include "tally/types.h"

enum { TRIE_NODES_MAX = 16 };

struct trie_proof {
    size_t count;
    struct tally_bytes nodes[TRIE_NODES_MAX]; /* From the root down, each as its RLP. */
};

/* The value that the trie with this root holds at an index, as a view into the nodes. False unless
   the nodes prove it, each of them used. */
bool trie_prove(const struct tally_hash *root, uint64_t index, const struct trie_proof *proof,
                struct tally_bytes *value);

#endif

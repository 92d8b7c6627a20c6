/* SPDX-License-Identifier: Apache-2.0 */
#include "simtree.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "memory.h"
#include <assert.h>

static struct tally_hash node_of(const struct tally_hash *left, const struct tally_hash *right)
{
    uint8_t joined[65] = {1};
    memcpy(joined + 1, left->bytes, 32);
    memcpy(joined + 33, right->bytes, 32);
    struct tally_hash hash;
    hash_sha256(bytes_of(joined, sizeof joined), &hash);
    return hash;
}

struct tally_hash simtree_leaf(struct tally_bytes entry)
{
    static const uint8_t leaf = 0;
    struct tally_hash hash;
    hash_sha256_two(bytes_of(&leaf, 1), entry, &hash);
    return hash;
}

void simtree_free(struct simtree *tree)
{
    for (unsigned level = 0; level < TREE_LEVELS; level++)
        memory_free(tree->levels[level].hashes);
    memset(tree, 0, sizeof *tree);
}

uint64_t simtree_size(const struct simtree *tree)
{
    return tree->levels[0].count;
}

void simtree_append(struct simtree *tree, const struct tally_hash *leaf)
{
    struct tally_hash hash = *leaf;
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        size_t count = tree->levels[level].count;
        tree->levels[level].hashes =
            memory_room(tree->levels[level].hashes, &tree->levels[level].capacity, count + 1,
                        sizeof *tree->levels[level].hashes);
        tree->levels[level].hashes[count] = hash;
        tree->levels[level].count++;
        if (count % 2 == 0)
            return;
        hash = node_of(&tree->levels[level].hashes[count - 1], &hash);
    }
}

struct tally_hash simtree_root(const struct simtree *tree, uint64_t size)
{
    assert(size <= simtree_size(tree));
    struct tally_hash root;
    if (size == 0) {
        hash_sha256(bytes_of(NULL, 0), &root);
        return root;
    }
    bool begun = false;
    for (unsigned level = 0; level < TREE_LEVELS && size >> level > 0; level++) {
        if (((size >> level) & 1) == 0)
            continue;
        const struct tally_hash *left = &tree->levels[level].hashes[(size >> level) - 1];
        root = begun ? node_of(left, &root) : *left;
        begun = true;
    }
    return root;
}

struct simtree simtree_copy(const struct simtree *tree)
{
    struct simtree copy = *tree;
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        size_t count = tree->levels[level].count;
        copy.levels[level].capacity = count;
        copy.levels[level].hashes = count == 0
                                        ? NULL
                                        : memory_copy(tree->levels[level].hashes,
                                                      count * sizeof *tree->levels[level].hashes);
    }
    return copy;
}

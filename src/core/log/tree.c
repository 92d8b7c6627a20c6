/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/tree.h"

#include "core/log/merkle.h"
#include "core/log/tile.h"

#include <assert.h>

/*
 * Two tiles are remembered: the last one at the right edge of the tree, and the last other one.
 * Proofs go up along the path of an entry and, once, along the right edge; so each tile is read
 * once for each of the two.
 */
struct slot {
    bool held;
    unsigned level;
    uint64_t index;
    struct tally_hash hashes[TALLY_TILE_WIDTH];
};

struct reader {
    const struct tree *tree;
    uint64_t size;
    struct slot slots[2];
};

static void reader_init(struct reader *reader, const struct tree *tree, uint64_t size)
{
    assert(size <= MERKLE_SIZE_MAX);
    reader->tree = tree;
    reader->size = size;
    reader->slots[0].held = reader->slots[1].held = false;
}

static const struct tally_hash *reader_tile(struct reader *reader, unsigned level, uint64_t index)
{
    unsigned width = tile_width(reader->size, level, index);
    struct slot *slot = &reader->slots[width < TALLY_TILE_WIDTH];
    if (slot->held && slot->level == level && slot->index == index)
        return slot->hashes;
    const struct tally_ledger *ledger = reader->tree->ledger;
    slot->held =
        ledger->tile(ledger->context, reader->tree->origin, level, index, width, slot->hashes);
    slot->level = level;
    slot->index = index;
    return slot->held ? slot->hashes : NULL;
}

/* Root of the 2^height leaves from start on. */
static bool complete_root(struct reader *reader, uint64_t start, unsigned height,
                          struct tally_hash *root)
{
    unsigned level = height / 8, count = 1u << height % 8;
    uint64_t first = start >> (8 * level);
    const struct tally_hash *tile = reader_tile(reader, level, first / TALLY_TILE_WIDTH);
    if (!tile)
        return false;
    struct tally_hash hashes[TALLY_TILE_WIDTH / 2];
    for (unsigned i = 0; i < count; i++)
        hashes[i] = tile[first % TALLY_TILE_WIDTH + i];
    merkle_fold(hashes, count, root);
    return true;
}

/* Root of [start, end): of the complete subtrees it consists of, from the right. */
static bool range_root(struct reader *reader, uint64_t start, uint64_t end, struct tally_hash *root)
{
    uint64_t left = end - start;
    bool some = false;
    while (left > 0) {
        unsigned height = (unsigned)__builtin_ctzll(left);
        left &= left - 1;
        struct tally_hash part;
        if (!complete_root(reader, start + left, height, &part))
            return false;
        if (some)
            merkle_node(&part, root, root);
        else
            *root = part;
        some = true;
    }
    return true;
}

bool tree_root(const struct tree *tree, uint64_t size, struct tally_hash *root)
{
    struct reader reader;
    reader_init(&reader, tree, size);
    *root = merkle_empty;
    return range_root(&reader, 0, size, root);
}

bool tree_subtree_root(const struct tree *tree, uint64_t start, uint64_t end, uint64_t size,
                       struct tally_hash *root)
{
    assert(tally_subtree_valid(start, end));
    assert(end <= size);
    struct reader reader;
    reader_init(&reader, tree, size);
    return range_root(&reader, start, end, root);
}

bool tree_subtree(const struct tree *tree, uint64_t start, uint64_t end, uint64_t size,
                  struct tree_proof *proof)
{
    assert(tally_subtree_valid(start, end));
    assert(end <= size);
    struct {
        uint64_t start, end;
    } ranges[TALLY_PROOF_MAX + 1];
    size_t count = 0;
    uint64_t low = 0, high = size;
    bool whole = true; /* The verifier knows the root of what is left of the subtree. */
    /* SUBTREE_SUBPROOF of the draft, section 4.4, from the root down. */
    while (start != low || end != high) {
        uint64_t middle = low + ((uint64_t)1 << (63 - __builtin_clzll(high - low - 1)));
        assert(count < TALLY_PROOF_MAX);
        if (end <= middle) {
            ranges[count].start = middle;
            ranges[count++].end = high;
            high = middle;
            continue;
        }
        ranges[count].start = low;
        ranges[count++].end = middle;
        if (start < middle) {
            start = middle;
            whole = false;
        }
        low = middle;
    }
    if (!whole) {
        ranges[count].start = low;
        ranges[count++].end = high;
    }
    assert(count <= TALLY_PROOF_MAX);
    struct reader reader;
    reader_init(&reader, tree, size);
    proof->count = count;
    for (size_t i = 0; i < count; i++)
        if (!range_root(&reader, ranges[count - 1 - i].start, ranges[count - 1 - i].end,
                        &proof->hashes[i]))
            return false;
    return true;
}

bool tree_inclusion(const struct tree *tree, uint64_t index, uint64_t size,
                    struct tree_proof *proof)
{
    return tree_subtree(tree, index, index + 1, size, proof);
}

bool tree_consistency(const struct tree *tree, uint64_t from, uint64_t to, struct tree_proof *proof)
{
    assert(from <= to);
    proof->count = 0;
    return from == 0 || tree_subtree(tree, 0, from, to, proof);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/merkle.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>

const struct tally_hash merkle_empty = {{
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}};

void merkle_leaf(struct tally_bytes entry, struct tally_hash *leaf)
{
    static const uint8_t prefix = 0x00;
    hash_sha256_two(bytes_of(&prefix, 1), entry, leaf);
}

void merkle_node(const struct tally_hash *left, const struct tally_hash *right,
                 struct tally_hash *node)
{
    uint8_t joined[1 + 2 * sizeof left->bytes];
    joined[0] = 0x01;
    memcpy(joined + 1, left->bytes, sizeof left->bytes);
    memcpy(joined + 1 + sizeof left->bytes, right->bytes, sizeof right->bytes);
    hash_sha256(bytes_of(joined, sizeof joined), node);
}

void merkle_fold(struct tally_hash *hashes, size_t count, struct tally_hash *root)
{
    assert(count > 0);
    /* A level at a time; the odd one out moves up as it is, which is what RFC 6962's split at the
       largest power of two comes to. */
    while (count > 1) {
        for (size_t i = 0; i < count / 2; i++)
            merkle_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
        if (count % 2 == 1)
            hashes[count / 2] = hashes[count - 1];
        count = (count + 1) / 2;
    }
    *root = hashes[0];
}

unsigned merkle_range_count(const struct merkle_range *range)
{
    return (unsigned)__builtin_popcountll(range->size);
}

void merkle_range_append_subtree(struct merkle_range *range, unsigned height,
                                 const struct tally_hash *root)
{
    assert(height < 63);
    assert((range->size & (((uint64_t)1 << height) - 1)) == 0);
    assert(range->size <= MERKLE_SIZE_MAX - ((uint64_t)1 << height));
    unsigned count = merkle_range_count(range);
    struct tally_hash hash = *root;
    /* Each set bit from `height` up is a complete subtree of the same size on our left. */
    for (uint64_t size = range->size >> height; size & 1; size >>= 1)
        merkle_node(&range->hashes[--count], &hash, &hash);
    range->hashes[count] = hash;
    range->size += (uint64_t)1 << height;
}

void merkle_range_append(struct merkle_range *range, const struct tally_hash *leaf)
{
    merkle_range_append_subtree(range, 0, leaf);
}

void merkle_range_root(const struct merkle_range *range, struct tally_hash *root)
{
    unsigned i = merkle_range_count(range);
    *root = i == 0 ? merkle_empty : range->hashes[--i];
    while (i > 0)
        merkle_node(&range->hashes[--i], root, root);
}

bool tally_inclusion_holds(uint64_t index, uint64_t size, const struct tally_hash *leaf,
                           const struct tally_hash *proof, size_t count,
                           const struct tally_hash *root)
{
    if (size > MERKLE_SIZE_MAX || index >= size || count > TALLY_PROOF_MAX)
        return false;
    uint64_t fn = index, sn = size - 1; /* Names of RFC 9162 section 2.1.3.2. */
    struct tally_hash r = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            merkle_node(&proof[i], &r, &r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            merkle_node(&r, &proof[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && hash_equal(&r, root);
}

bool tally_consistency_holds(uint64_t from, uint64_t to, const struct tally_hash *proof,
                             size_t count, const struct tally_hash *from_root,
                             const struct tally_hash *to_root)
{
    if (from > to || to > MERKLE_SIZE_MAX)
        return false;
    /* Log chapter 1.3: the empty tree has one root, and begins every tree. */
    if (from == 0)
        return count == 0 && hash_equal(from_root, &merkle_empty) &&
               (to > 0 || hash_equal(to_root, &merkle_empty));
    return tally_subtree_holds(0, from, to, proof, count, from_root, to_root);
}

bool tally_subtree_valid(uint64_t start, uint64_t end)
{
    if (start >= end || end > MERKLE_SIZE_MAX)
        return false;
    uint64_t power = 1;
    while (power < end - start)
        power <<= 1;
    return (start & (power - 1)) == 0;
}

bool tally_subtree_inclusion_holds(uint64_t index, uint64_t start, uint64_t end,
                                   const struct tally_hash *leaf, const struct tally_hash *proof,
                                   size_t count, const struct tally_hash *subtree)
{
    return tally_subtree_valid(start, end) && index >= start &&
           tally_inclusion_holds(index - start, end - start, leaf, proof, count, subtree);
}

/* The walk of tally_subtree_holds: positions of the subtree's first and last leaf and of the tree's
   last, in the draft's names. */
struct walk {
    uint64_t fn, sn, tn;
};

static void walk_up(struct walk *at)
{
    at->fn >>= 1;
    at->sn >>= 1;
    at->tn >>= 1;
}

bool tally_subtree_holds(uint64_t start, uint64_t end, uint64_t size,
                         const struct tally_hash *proof, size_t count,
                         const struct tally_hash *subtree, const struct tally_hash *root)
{
    if (end > size || size > MERKLE_SIZE_MAX || count > TALLY_PROOF_MAX)
        return false;
    if (start == end)
        return count == 0 && hash_equal(subtree, &merkle_empty);
    if (!tally_subtree_valid(start, end))
        return false;
    struct walk at = {start, end - 1, size - 1};
    bool last = at.sn == at.tn;
    while (at.fn != at.sn && (last || (at.sn & 1)))
        walk_up(&at);
    size_t i = 0;
    if (at.fn != at.sn && count == 0)
        return false;
    struct tally_hash fr = at.fn == at.sn ? *subtree : proof[i++], sr = fr;
    for (; i < count; i++) {
        if (at.tn == 0)
            return false;
        if ((at.sn & 1) || at.sn == at.tn) {
            if (at.fn < at.sn)
                merkle_node(&proof[i], &fr, &fr);
            merkle_node(&proof[i], &sr, &sr);
            while (!(at.sn & 1) && at.sn != 0)
                walk_up(&at);
        } else {
            merkle_node(&sr, &proof[i], &sr);
        }
        walk_up(&at);
    }
    return at.tn == 0 && hash_equal(&fr, subtree) && hash_equal(&sr, root);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/trie.h"

#include "core/anchor/keccak.h"
#include "core/anchor/rlp.h"
#include "core/base/bytes.h"

enum {
    BRANCH = 17, /* Sixteen children and a value. */
    PAIR = 2,    /* A path and what is at its end. */
    HASH = 32,
};

/* Where a walk is: the nodes it has left, and what is left of the key. */
struct walk {
    const struct trie_proof *proof;
    size_t used;
    uint8_t key[18]; /* Nibbles of an index, 9 bytes at most. */
    size_t size, at;
};

/* The node that a hash names must be the next of the proof. */
static bool open_hashed(struct walk *walk, const uint8_t hash[HASH], struct tally_bytes *node)
{
    struct tally_hash found;
    if (walk->used == walk->proof->count)
        return false;
    *node = walk->proof->nodes[walk->used++];
    keccak256(*node, &found);
    return memcmp(found.bytes, hash, HASH) == 0 && rlp_good(*node);
}

/* A child is named by its hash, or stands there itself if it is shorter than one. */
static bool open_child(struct walk *walk, const struct rlp_item *child, struct tally_bytes *node)
{
    if (child->list) {
        *node = child->whole;
        return child->whole.size < HASH;
    }
    return child->body.size == HASH && open_hashed(walk, child->body.data, node) &&
           node->size >= HASH;
}

static uint8_t nibble(struct tally_bytes bytes, size_t at)
{
    return at % 2 == 0 ? bytes.data[at / 2] >> 4 : bytes.data[at / 2] & 15;
}

/* The path of a pair (appendix C): its first nibble says odd or even, leaf or not; the second is
   zero where it fills up. True if the key goes on with it. */
static bool follow(struct walk *walk, const struct rlp_item *path, bool *leaf)
{
    if (path->list || path->body.size == 0 || nibble(path->body, 0) > 3)
        return false;
    bool odd = (nibble(path->body, 0) & 1) != 0;
    *leaf = nibble(path->body, 0) >= 2;
    if (!odd && nibble(path->body, 1) != 0)
        return false;
    for (size_t at = odd ? 1 : 2; at < 2 * path->body.size; at++)
        if (walk->at == walk->size || walk->key[walk->at++] != nibble(path->body, at))
            return false;
    return true;
}

/* One node. False: there is no way on. *done: the item is the value. */
static bool step(struct walk *walk, struct tally_bytes node, struct rlp_item *next, bool *done)
{
    struct rlp_item items[BRANCH];
    size_t count = rlp_list(node, items, BRANCH);
    if (count == BRANCH) {
        *done = walk->at == walk->size;
        *next = items[*done ? 16 : walk->key[walk->at++]];
        return true;
    }
    if (count != PAIR || !follow(walk, &items[0], done))
        return false;
    *next = items[1];
    return !*done || walk->at == walk->size;
}

bool trie_prove(const struct tally_hash *root, uint64_t index, const struct trie_proof *proof,
                struct tally_bytes *value)
{
    struct walk walk = {.proof = proof};
    uint8_t key[9];
    size_t size = rlp_write_number(index, key);
    for (size_t i = 0; i < 2 * size; i++)
        walk.key[walk.size++] = nibble(bytes_of(key, size), i);
    struct tally_bytes node;
    struct rlp_item next;
    bool done = false;
    if (!open_hashed(&walk, root->bytes, &node))
        return false;
    /* Each node takes a nibble or ends the walk; an empty path may take none, hence the bound. */
    for (size_t steps = 0; steps < TRIE_NODES_MAX + sizeof walk.key; steps++) {
        if (!step(&walk, node, &next, &done))
            return false;
        if (done) {
            *value = next.body;
            return !next.list && next.body.size > 0 && walk.used == proof->count;
        }
        if (!open_child(&walk, &next, &node))
            return false;
    }
    return false;
}

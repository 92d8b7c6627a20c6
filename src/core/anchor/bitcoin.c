/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/bitcoin.h"

#include "core/anchor/cursor.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"

enum {
    OUTPOINT = 36,
    SEQUENCE = 4,
    VALUE = 8,
    HASH = 32,
    LEAST_TRANSACTION = 60, /* Of a block, in bytes: bounds how many it can hold. */
    LEVELS_MAX = 17,        /* Of a block's tree with so many. */
};

void bitcoin_hash_write(const struct tally_hash *hash, char text[65])
{
    uint8_t turned[HASH];
    for (size_t i = 0; i < HASH; i++)
        turned[i] = hash->bytes[HASH - 1 - i];
    hex_write(bytes_of(turned, HASH), text);
}

bool bitcoin_hash_read(const char *text, struct tally_hash *hash)
{
    uint8_t turned[HASH];
    if (!tally_anchor_transaction_good(TALLY_ANCHOR_BTC, text) || !hex_read(text, turned, HASH))
        return false;
    for (size_t i = 0; i < HASH; i++)
        hash->bytes[i] = turned[HASH - 1 - i];
    return true;
}

static void hash_parts(const struct tally_bytes *parts, size_t count, struct tally_hash *hash)
{
    struct tally_hash once;
    hash_sha256_parts(parts, count, &once);
    hash_sha256(bytes_of(once.bytes, HASH), hash);
}

void bitcoin_hash(struct tally_bytes bytes, struct tally_hash *hash)
{
    hash_parts(&bytes, 1, hash);
}

/* ---- The transaction ---- */

static void skip_inputs(struct cursor *cursor, uint64_t count)
{
    for (uint64_t i = 0; i < count && !cursor->failed; i++) {
        (void)cursor_take(cursor, OUTPOINT);
        (void)cursor_take(cursor, cursor_compact(cursor));
        (void)cursor_take(cursor, SEQUENCE);
    }
}

/* The outputs; whether a script among them is that of the root, whole (12.1, rule 3). */
static bool read_outputs(struct cursor *cursor, const struct tally_hash *root)
{
    static const uint8_t head[] = {0x6a, 34, 'R', 'V'}; /* OP_RETURN, a push of 34. */
    uint64_t count = cursor_compact(cursor);
    bool found = root == NULL;
    if (count == 0)
        cursor->failed = true;
    for (uint64_t i = 0; i < count && !cursor->failed; i++) {
        (void)cursor_take(cursor, VALUE);
        uint64_t size = cursor_compact(cursor);
        const uint8_t *script = cursor_take(cursor, size);
        if (script != NULL && root != NULL && size == BITCOIN_SCRIPT &&
            memcmp(script, head, sizeof head) == 0 &&
            memcmp(script + sizeof head, root->bytes, HASH) == 0)
            found = true;
    }
    return found;
}

/* The witness of each input. One with nothing in any of them may not be there (BIP 144). */
static void skip_witness(struct cursor *cursor, uint64_t inputs)
{
    uint64_t items = 0;
    for (uint64_t i = 0; i < inputs && !cursor->failed; i++) {
        uint64_t count = cursor_compact(cursor);
        items += count;
        for (uint64_t k = 0; k < count && !cursor->failed; k++)
            (void)cursor_take(cursor, cursor_compact(cursor));
    }
    if (items == 0)
        cursor->failed = true;
}

enum tally_anchor_reason bitcoin_transaction_check(struct tally_bytes raw,
                                                   const struct tally_hash *root,
                                                   struct tally_hash *txid)
{
    struct cursor cursor = {.bytes = raw};
    if (raw.size > BITCOIN_TRANSACTION_MAX)
        return TALLY_ANCHOR_IS_SIZE;
    struct tally_bytes parts[3] = {bytes_of(cursor_take(&cursor, 4), 4)}; /* Version. */
    /* No inputs, and a flag where outputs would be: with witness (BIP 144). */
    bool witness = raw.size >= 6 && raw.data[4] == 0 && raw.data[5] == 1;
    if (witness)
        (void)cursor_take(&cursor, 2);
    size_t start = cursor.at;
    uint64_t inputs = cursor_compact(&cursor);
    skip_inputs(&cursor, inputs);
    bool found = read_outputs(&cursor, root);
    if (cursor.failed)
        return TALLY_ANCHOR_IS_FORM;
    parts[1] = bytes_of(raw.data + start, cursor.at - start);
    if (witness)
        skip_witness(&cursor, inputs);
    parts[2] = bytes_of(cursor_take(&cursor, 4), 4); /* Lock time. */
    if (cursor.failed || inputs == 0 || cursor.at != raw.size)
        return TALLY_ANCHOR_IS_FORM;
    hash_parts(parts, 3, txid);
    if (parts[1].size + 8 == 2 * HASH)
        return TALLY_ANCHOR_IS_SIXTY_FOUR;
    return found ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_ROOT;
}

/* ---- Its place in the block ---- */

static void join(const struct tally_hash *left, const struct tally_hash *right,
                 struct tally_hash *hash)
{
    const struct tally_bytes parts[] = {bytes_of(left->bytes, HASH), bytes_of(right->bytes, HASH)};
    hash_parts(parts, 2, hash);
}

bool bitcoin_path_fold(const struct tally_hash *txid, const struct bitcoin_path *path,
                       struct tally_hash *root)
{
    uint64_t index = path->index;
    if (path->count > BITCOIN_PATH_MAX || index >> path->count != 0)
        return false;
    *root = *txid;
    for (size_t i = 0; i < path->count; i++, index >>= 1) {
        const struct tally_hash own = *root, *side = &path->sides[i];
        bool right = (index & 1) != 0;
        /* A right node equal to its left is the copy that fills a level up (CVE-2012-2459). */
        if (right && hash_equal(side, &own))
            return false;
        join(right ? side : &own, right ? &own : side, root);
    }
    return true;
}

/* A partial tree on its way (BIP 37): bits say whether one goes down, hashes are taken in order. */
struct partial {
    struct cursor hashes;
    struct tally_bytes flags;
    size_t bit;
    uint64_t total;
    struct bitcoin_path *path;
};

static uint64_t width_at(uint64_t total, size_t level)
{
    return (total + (UINT64_C(1) << level) - 1) >> level;
}

static bool next_bit(struct partial *tree)
{
    size_t bit = tree->bit++;
    if (bit / 8 >= tree->flags.size) {
        tree->hashes.failed = true;
        return false;
    }
    return (tree->flags.data[bit / 8] >> bit % 8 & 1) != 0;
}

static void next_hash(struct partial *tree, struct tally_hash *hash)
{
    const uint8_t *bytes = cursor_take(&tree->hashes, HASH);
    *hash = (struct tally_hash){{0}};
    if (bytes != NULL)
        memcpy(hash->bytes, bytes, HASH);
}

/* One level of the way down; the side that is not ours is one hash, since one leaf is wanted. */
struct turn {
    bool right;
    struct tally_hash side;
};

/* The leaf that bits lead to. A left side is taken on the way down, a right one on the way up. */
static void go_down(struct partial *tree, size_t levels, struct turn *turns)
{
    uint64_t place = 0;
    if (!next_bit(tree))
        tree->hashes.failed = true;
    for (size_t level = levels; level > 0 && !tree->hashes.failed; level--) {
        struct turn *turn = &turns[level - 1];
        bool left = next_bit(tree);
        turn->right = !left;
        place = 2 * place + !left;
        if (left)
            continue;
        next_hash(tree, &turn->side);
        if (place >= width_at(tree->total, level - 1) || !next_bit(tree))
            tree->hashes.failed = true;
    }
    tree->path->index = (uint32_t)place;
}

static void come_up(struct partial *tree, size_t levels, const struct turn *turns,
                    struct tally_hash *hash)
{
    uint64_t place = tree->path->index;
    for (size_t level = 0; level < levels && !tree->hashes.failed; level++, place >>= 1) {
        struct tally_hash *side = &tree->path->sides[level];
        const struct tally_hash own = *hash;
        if (turns[level].right) {
            *side = turns[level].side;
        } else if (place + 1 < width_at(tree->total, level)) {
            if (next_bit(tree))
                tree->hashes.failed = true; /* A second leaf: not asked for. */
            next_hash(tree, side);
        } else {
            *side = own; /* The last of an odd level is its own right side. */
        }
        bool filled = !turns[level].right && place + 1 >= width_at(tree->total, level);
        if (!filled && hash_equal(side, &own))
            tree->hashes.failed = true;
        join(turns[level].right ? side : &own, turns[level].right ? &own : side, hash);
    }
    tree->path->count = levels;
}

bool bitcoin_merkleblock_read(struct tally_bytes bytes, const struct tally_hash *txid,
                              uint8_t header[BITCOIN_HEADER], struct bitcoin_path *path)
{
    struct cursor cursor = {.bytes = bytes};
    struct partial tree = {.path = path};
    struct turn turns[LEVELS_MAX];
    struct tally_hash hash;
    size_t levels = 0;
    const uint8_t *head = cursor_take(&cursor, BITCOIN_HEADER);
    tree.total = cursor_little(&cursor, 4);
    uint64_t count = cursor_compact(&cursor);
    if (cursor.failed || tree.total == 0 || tree.total > BITCOIN_BLOCK_MAX / LEAST_TRANSACTION ||
        count > LEVELS_MAX + 1)
        return false;
    const uint8_t *hashes = cursor_take(&cursor, count * HASH);
    uint64_t flags = cursor_compact(&cursor);
    const uint8_t *bits = cursor_take(&cursor, flags);
    if (cursor.failed || cursor.at != bytes.size)
        return false;
    tree.hashes.bytes = bytes_of(hashes, (size_t)count * HASH);
    tree.flags = bytes_of(bits, (size_t)flags);
    while (width_at(tree.total, levels) > 1)
        levels++;
    go_down(&tree, levels, turns);
    next_hash(&tree, &hash);
    if (tree.hashes.failed || !hash_equal(&hash, txid))
        return false;
    come_up(&tree, levels, turns, &hash);
    memcpy(header, head, BITCOIN_HEADER);
    return !tree.hashes.failed && tree.hashes.at == tree.hashes.bytes.size &&
           (tree.bit + 7) / 8 == tree.flags.size && memcmp(hash.bytes, head + 36, HASH) == 0;
}

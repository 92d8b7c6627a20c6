/* SPDX-License-Identifier: Apache-2.0 */
#include "support/logs.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/merkle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void seed_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(context, message, signature);
}

static bool real_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                        const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

struct tally_crypto logs_crypto(const uint8_t seed[32])
{
    return (struct tally_crypto){
        .context = (void *)(uintptr_t)seed, .sign = seed_sign, .verify = real_verify};
}

struct logs_seed logs_seed(uint8_t value)
{
    struct logs_seed seed;
    memset(seed.bytes, value, sizeof seed.bytes);
    return seed;
}

struct logs_tree *logs_tree_new(uint64_t capacity)
{
    struct logs_tree *tree = calloc(1, sizeof *tree);
    tree->capacity = capacity;
    for (unsigned i = 0; i < LOGS_LEVELS; i++)
        tree->levels[i] = calloc((capacity >> (8 * i)) + 1, sizeof(struct tally_hash));
    return tree;
}

void logs_tree_free(struct logs_tree *tree)
{
    for (unsigned i = 0; i < LOGS_LEVELS; i++)
        free(tree->levels[i]);
    free(tree);
}

void logs_tree_add(struct logs_tree *tree, const struct tally_hash *leaf)
{
    assert(tree->counts[0] < tree->capacity);
    struct tally_hash hash = *leaf, full[TALLY_TILE_WIDTH];
    for (unsigned level = 0; level < LOGS_LEVELS; level++) {
        tree->levels[level][tree->counts[level]++] = hash;
        if (tree->counts[level] % TALLY_TILE_WIDTH != 0)
            return;
        memcpy(full, tree->levels[level] + tree->counts[level] - TALLY_TILE_WIDTH, sizeof full);
        merkle_fold(full, TALLY_TILE_WIDTH, &hash);
    }
}

static bool serve_tile(void *context, const struct tally_hash *origin, unsigned level,
                       uint64_t index, unsigned width, struct tally_hash *hashes)
{
    struct logs_tree *tree = context;
    tree->tiles_read++;
    assert(width >= 1 && width <= TALLY_TILE_WIDTH);
    if (tree->broken || level >= LOGS_LEVELS ||
        index * TALLY_TILE_WIDTH + width > tree->counts[level])
        return false;
    memcpy(hashes, tree->levels[level] + index * TALLY_TILE_WIDTH, width * sizeof *hashes);
    return true;
}

struct tally_ledger logs_tree_ledger(struct logs_tree *tree)
{
    return (struct tally_ledger){.context = tree, .tile = serve_tile};
}

void logs_leaf(uint64_t index, struct tally_hash *leaf)
{
    char text[32];
    int size = snprintf(text, sizeof text, "leaf-%llu", (unsigned long long)index);
    merkle_leaf(bytes_of(text, (size_t)size), leaf);
}

void logs_bundles_init(struct logs_bundles *bundles)
{
    *bundles = (struct logs_bundles){
        .entries = malloc(TALLY_ENTRIES_MAX),
        .bodies = malloc(TALLY_BODIES_MAX),
    };
}

void logs_bundles_free(struct logs_bundles *bundles)
{
    free(bundles->entries);
    free(bundles->bodies);
}

static void fill_one(struct logs_bundles *bundles, struct tally_receipt *receipt,
                     const struct tally_crypto *crypto, struct tally_bytes body)
{
    uint8_t *entry = bundles->entries + bundles->entries_size;
    uint8_t *place = bundles->bodies + bundles->bodies_size;
    bool large = body.size > TALLY_BODY_INLINE_MAX;
    receipt->previous = bundles->previous;
    receipt->body_size = (uint32_t)body.size;
    hash_sha256(body, &receipt->body_hash);
    size_t size = tally_receipt_write(receipt, crypto, entry + 2);
    be16_write(entry, (uint16_t)size);
    bundles->entries_size += 2 + size;
    tally_receipt_hash(bytes_of(entry + 2, size), &bundles->previous);
    be32_write(place, large ? TALLY_BODY_ABSENT : (uint32_t)body.size);
    memcpy(place + 4, body.data, large ? 0 : body.size);
    bundles->bodies_size += 4 + (large ? 0 : body.size);
}

void logs_bundles_fill(struct logs_bundles *bundles, const struct logs_seed *seed, uint64_t first,
                       unsigned count, size_t body_size, unsigned names)
{
    struct tally_crypto crypto = logs_crypto(seed->bytes);
    uint8_t *body = malloc(body_size + 1);
    for (unsigned i = 0; i < count; i++) {
        char type[32];
        int size = snprintf(type, sizeof type, "type-%u", i % names);
        memset(body, (int)(first + i), body_size);
        struct tally_receipt receipt = {
            .name_space = bytes_text("audit"),
            .type = bytes_of(type, (size_t)size),
            .profile = i % 3 == 0 ? bytes_text("json") : bytes_text(""),
            .sequence = first + i,
            .time = {1763700000000000 + (int64_t)i * 1000 - (i % 5 == 0 ? 5000 : 0)},
            .reference_count = i % 4 == 1 ? 2 : 0,
            .references = {{1, {{0x11}}}, {200, {{0x22}}}},
        };
        sign_key(seed->bytes, &receipt.issuer);
        fill_one(bundles, &receipt, &crypto, bytes_of(body, body_size));
    }
    free(body);
}

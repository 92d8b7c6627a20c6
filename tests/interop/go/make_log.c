/* SPDX-License-Identifier: Apache-2.0 */
/* make_log DIR COUNT: writes a log of COUNT receipts in the tlog-tiles layout, a proof of the
   middle one (DIR/proof) and the checkpoint of half its size (DIR/older); prints its vkey. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/merkle.h"
#include "core/log/tile.h"
#include "support/logs.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static uint8_t secret[crypto_sign_SECRETKEYBYTES];

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    crypto_sign_detached(signature->bytes, NULL, message.data, message.size, secret);
}

static const struct tally_crypto crypto = {.sign = sign};

/* Writes a file below dir, and the folders it needs. */
static void put(const char *dir, const char *path, const void *bytes, size_t size)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", dir, path);
    for (char *slash = name + strlen(dir); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(name, 0755);
        *slash = '/';
    }
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(name);
        exit(1);
    }
}

static void put_tile(const char *dir, enum tile_kind kind, unsigned level, uint64_t index,
                     unsigned width, const void *bytes, size_t size)
{
    char path[TILE_PATH_MAX];
    struct tile tile = {kind, level, index, width};
    tile_path(&tile, path);
    put(dir, path, bytes, size);
}

/* The receipts, into entry bundles and the tree. */
static void write_entries(const char *dir, uint64_t count, const struct tally_key *issuer,
                          struct logs_tree *leaves)
{
    static uint8_t bundle[TALLY_ENTRIES_MAX];
    size_t size = 0;
    struct tally_receipt receipt = {.issuer = *issuer,
                                    .name_space = bytes_text("audit"),
                                    .type = bytes_text("sample"),
                                    .body_size = 8};
    for (uint64_t i = 0; i < count; i++) {
        uint8_t body[8], *envelope = bundle + size + 2;
        struct tally_hash leaf;
        be64_write(body, i);
        hash_sha256(bytes_of(body, sizeof body), &receipt.body_hash);
        receipt.sequence = i;
        receipt.time.us = 1763700000000000 + (int64_t)i;
        size_t length = tally_receipt_write(&receipt, &crypto, envelope);
        be16_write(envelope - 2, (uint16_t)length);
        size += 2 + length;
        tally_receipt_hash(bytes_of(envelope, length), &receipt.previous);
        tally_receipt_leaf(bytes_of(envelope, length), &leaf);
        logs_tree_add(leaves, &leaf);
        unsigned width = (unsigned)(i % TALLY_TILE_WIDTH) + 1;
        if (width == TALLY_TILE_WIDTH || i + 1 == count) {
            put_tile(dir, TILE_ENTRIES, 0, i / TALLY_TILE_WIDTH, width, bundle, size);
            size = 0;
        }
    }
}

static void write_tiles(const char *dir, uint64_t count, const struct logs_tree *leaves)
{
    for (unsigned level = 0; level < LOGS_LEVELS; level++) {
        unsigned width;
        for (uint64_t i = 0; (width = tile_width(count, level, i)) > 0; i++)
            put_tile(dir, TILE_HASHES, level, i, width,
                     leaves->levels[level] + i * TALLY_TILE_WIDTH,
                     width * sizeof(struct tally_hash));
    }
}

static size_t sign_size(const struct tree *tree, const struct tally_vkey *vkey, uint64_t size,
                        uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_checkpoint checkpoint = {.origin = bytes_text(vkey->name), .size = size};
    if (!tree_root(tree, size, &checkpoint.root))
        abort();
    return tally_checkpoint_sign(&checkpoint, vkey, &crypto, note);
}

static void write_proof(const char *dir, const struct tree *tree, uint64_t index, uint64_t size,
                        struct tally_bytes note)
{
    struct tree_proof path;
    uint8_t file[TALLY_PROOF_HEAD_MAX + TALLY_CHECKPOINT_MAX];
    if (!tree_inclusion(tree, index, size, &path))
        abort();
    struct tally_proof proof = {.index = index, .count = path.count, .note = note};
    memcpy(proof.hashes, path.hashes, path.count * sizeof *path.hashes);
    put(dir, "proof", file, tally_proof_write(&proof, file, sizeof file));
}

int main(int argc, char **argv)
{
    uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (count == 0 || sodium_init() < 0)
        return 2;
    struct logs_seed seed = logs_seed(1);
    struct tally_key issuer;
    struct tally_vkey vkey;
    char origin[TALLY_ORIGIN_MAX + 1], text[TALLY_VKEY_MAX];
    crypto_sign_seed_keypair(issuer.bytes, secret, seed.bytes);
    size_t size = tally_origin_write(&issuer, bytes_text("audit"), origin);
    if (!tally_vkey_of_origin(&vkey, bytes_of(origin, size)))
        return 1;
    struct logs_tree *leaves = logs_tree_new(count);
    struct tally_ledger ledger = logs_tree_ledger(leaves);
    struct tree tree = {&ledger, &merkle_empty};
    uint8_t note[TALLY_CHECKPOINT_MAX];
    write_entries(argv[1], count, &issuer, leaves);
    write_tiles(argv[1], count, leaves);
    put(argv[1], "older", note, sign_size(&tree, &vkey, (count + 1) / 2, note));
    size = sign_size(&tree, &vkey, count, note);
    put(argv[1], "checkpoint", note, size);
    write_proof(argv[1], &tree, count / 2, count, bytes_of(note, size));
    logs_tree_free(leaves);
    tally_vkey_write(&vkey, text);
    puts(text);
    return 0;
}

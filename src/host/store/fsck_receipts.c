/* SPDX-License-Identifier: Apache-2.0 */
/* fsck of receipts: envelopes, bodies, chain, and the leaf hashes of level 0. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/log/merkle.h"
#include "host/store/check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FULL = TALLY_TILE_WIDTH };

/* A block as it lies on disk. A part that cannot be read is NULL or false, and was reported. */
struct block {
    uint64_t index;
    unsigned width;
    struct tally_bytes entries, bodies;
    bool hashes;  /* In the scratch. */
    bool told[3]; /* By kind: one problem a file is enough. */
};

__attribute__((format(printf, 4, 5))) static void
report(struct check *check, struct block *block, enum tile_kind kind, const char *format, ...)
{
    if (block->told[kind])
        return;
    block->told[kind] = true;
    char name[TILE_PATH_MAX], sentence[160];
    const struct tile tile = {.kind = kind, .index = block->index, .width = block->width};
    tile_path(&tile, name);
    va_list values;
    va_start(values, format);
    vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    check_report(check, name, "%s", sentence);
}

static struct tally_bytes read_bundle(struct check *check, struct block *block, enum tile_kind kind,
                                      uint8_t *bytes, size_t capacity)
{
    const struct tile tile = {.kind = kind, .index = block->index, .width = block->width};
    size_t size = folder_bundle(&check->log.folder, &tile, bytes, capacity);
    if (size == 0) {
        report(check, block, kind, "is missing, truncated or not a bundle of %u", block->width);
        return bytes_of(NULL, 0);
    }
    return bytes_of(bytes, size);
}

/* A large body has a file named by its hash; it may have been withheld, but not from its issuer. */
static const char *blob_problem(struct check *check, const struct tally_receipt *receipt)
{
    char path[DISK_PATH_MAX];
    folder_blob_path(&check->log.folder, &receipt->body_hash, path);
    uint8_t *bytes = malloc(receipt->body_size + (size_t)1);
    size_t size = 0;
    enum tally_error error = TALLY_NO_MEMORY;
    if (bytes != NULL)
        error = disk_read(check->log.folder.root, path, bytes, receipt->body_size, &size);
    const char *problem = NULL;
    if (error == TALLY_NOT_FOUND)
        problem = check->log.own ? "is missing" : NULL;
    else if (error != TALLY_OK ||
             tally_receipt_body(receipt, bytes_of(bytes, size)) != TALLY_DROP_NONE)
        problem = "is not the body its name says";
    free(bytes);
    return problem;
}

static void check_blob(struct check *check, const struct tally_receipt *receipt)
{
    const char *problem = blob_problem(check, receipt);
    if (problem == NULL)
        return;
    char name[80] = "blob/";
    hex_write(bytes_of(receipt->body_hash.bytes, sizeof receipt->body_hash.bytes),
              name + strlen(name));
    check_report(check, name, "%s (receipt %llu)", problem, (unsigned long long)receipt->sequence);
}

/* What is wrong with an envelope at its place, NULL if nothing. The chain goes on from it. */
static const char *envelope_problem(struct check *check, struct tally_bytes entry, uint64_t index,
                                    struct tally_receipt *receipt)
{
    const struct store_log *log = &check->log;
    bool chained = check->chained;
    check->chained = false;
    if (tally_receipt_read(entry, receipt) != TALLY_DROP_NONE)
        return "is not an envelope";
    if (!key_equal(&receipt->issuer, &log->issuer) ||
        !bytes_equal(receipt->name_space, bytes_text(log->name_space)))
        return "is of another log";
    if (receipt->sequence != index)
        return "has another sequence number";
    if (chained && !hash_equal(&receipt->previous, &check->previous))
        return "does not name the receipt before it";
    if (tally_receipt_verify(entry, &log_crypto) != TALLY_DROP_NONE)
        return "has a wrong signature";
    check->chained = true;
    tally_receipt_hash(entry, &check->previous);
    return NULL;
}

static void check_body(struct check *check, struct block *block,
                       const struct tally_receipt *receipt, struct tally_bytes body)
{
    if (body.data != NULL && tally_receipt_body(receipt, body) != TALLY_DROP_NONE)
        report(check, block, TILE_BODIES, "the body of receipt %llu is not what its envelope says",
               (unsigned long long)receipt->sequence);
    else if (body.data == NULL && !check->log.own && receipt->sequence < check->log.pruned)
        check->fsck->pruned++; /* Its hash stands in the envelope, and is proved. */
    else if (body.data == NULL && receipt->body_size > TALLY_BODY_INLINE_MAX)
        check_blob(check, receipt);
    else if (body.data == NULL && check->log.own)
        report(check, block, TILE_BODIES, "the body of receipt %llu is missing",
               (unsigned long long)receipt->sequence);
}

static void check_block_receipts(struct check *check, struct block *block)
{
    const struct tally_hash *hashes = check->room->hashes;
    for (unsigned i = 0; i < block->width; i++) {
        uint64_t index = block->index * FULL + i;
        struct tally_bytes entry, body;
        struct tally_receipt receipt;
        struct tally_hash leaf;
        if (!folder_item(TILE_ENTRIES, block->entries, 0, &entry))
            return;
        block->entries.data += 2 + entry.size;
        block->entries.size -= 2 + entry.size;
        const char *problem = envelope_problem(check, entry, index, &receipt);
        if (problem != NULL)
            report(check, block, TILE_ENTRIES, "receipt %llu %s", (unsigned long long)index,
                   problem);
        merkle_leaf(entry, &leaf);
        if (problem == NULL && block->hashes && !hash_equal(&leaf, &hashes[i]))
            report(check, block, TILE_HASHES, "hash %u is not that of receipt %llu", i,
                   (unsigned long long)index);
        if (!folder_item(TILE_BODIES, block->bodies, 0, &body))
            continue;
        size_t size = body.data == NULL ? 4 : 4 + body.size;
        block->bodies.data += size;
        block->bodies.size -= size;
        if (problem == NULL)
            check_body(check, block, &receipt, body);
    }
}

static void progress(struct check *check, uint64_t count)
{
    check->done += count;
    if (check->fsck->progress != NULL)
        check->fsck->progress(check->fsck->context, check->done,
                              check->total > check->done ? check->total : check->done);
}

void check_receipts(struct check *check, uint64_t size)
{
    struct scratch *room = check->room;
    for (uint64_t index = 0; index * FULL < size; index++) {
        struct block block = {.index = index, .width = tile_width(size, 0, index)};
        const struct tile tile = {.index = index, .width = block.width};
        block.hashes = folder_hashes(&check->log.folder, &tile, room->hashes);
        if (!block.hashes)
            report(check, &block, TILE_HASHES, "is missing or truncated");
        block.entries =
            read_bundle(check, &block, TILE_ENTRIES, room->entries, sizeof room->entries);
        block.bodies = read_bundle(check, &block, TILE_BODIES, room->bodies, sizeof room->bodies);
        if (block.entries.size == 0)
            check->chained = false;
        check_block_receipts(check, &block);
        check->fsck->receipts += block.width;
        progress(check, block.width);
    }
}

void check_pending(struct check *check)
{
    struct state *state = &check->store->state;
    uint64_t index = check->log.size;
    if (!state_pending_begin(state, check->log.id, index, INT64_MAX))
        return;
    for (struct state_pending next; state_pending_next(state, &next); index++) {
        struct tally_receipt receipt;
        const char *problem = envelope_problem(check, next.envelope, index, &receipt);
        if (problem == NULL && next.body.data == NULL)
            problem = blob_problem(check, &receipt) == NULL ? NULL : "has lost its large body";
        else if (problem == NULL && tally_receipt_body(&receipt, next.body) != TALLY_DROP_NONE)
            problem = "has another body than its envelope says";
        if (problem != NULL)
            check_report(check, "", "pending receipt %llu in state.db %s",
                         (unsigned long long)index, problem);
        check->fsck->pending++;
    }
    if (state_pending_end(state) != TALLY_OK)
        check_report(check, "", "its pending receipts cannot be read from state.db");
    progress(check, index - check->log.size);
}

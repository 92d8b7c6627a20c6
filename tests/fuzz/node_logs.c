/* SPDX-License-Identifier: Apache-2.0 */
#include "node_logs.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "disk_inside.h"
#include "memory.h"

#include <stdlib.h>

void node_log_make(struct disk *disk, unsigned count)
{
    const struct tally_crypto crypto = signer_window(disk->signer);
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_id id = {
        .issuer = disk->key, .origin = origin, .name_space = "audit", .own = true};
    tally_origin_write(&id.issuer, bytes_text("audit"), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    struct disk_log *log = disk_log_new(disk, &id);
    struct tally_receipt receipt = {
        .issuer = id.issuer, .name_space = bytes_text("audit"), .type = bytes_text("fuzz")};
    static uint8_t body[5000];
    for (unsigned i = 0; i < count; i++) {
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        receipt.sequence = i;
        receipt.body_size = i % 100 == 99 ? 5000 : 8;
        hash_sha256(bytes_of(body, receipt.body_size), &receipt.body_hash);
        size_t size = tally_receipt_write(&receipt, &crypto, envelope);
        tally_receipt_hash(bytes_of(envelope, size), &receipt.previous);
        disk_log_append(log, bytes_of(envelope, size), bytes_of(body, receipt.body_size), true);
    }
    struct tally_vkey vkey;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_checkpoint checkpoint = {.origin = bytes_text(log->origin), .size = count};
    checkpoint.root = log->root = simtree_root(&log->tree, count);
    log->tiled = log->size = count;
    if (!tally_vkey_of_origin(&vkey, checkpoint.origin))
        abort();
    log->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    log->note = memory_copy(note, log->note_size);
}

bool node_log_true(const struct disk_log *log, const struct tally_crypto *crypto)
{
    for (uint64_t i = 0; i < simtree_size(&log->tree); i++) {
        const struct disk_entry *entry = &log->entries[i];
        struct tally_bytes envelope = bytes_of(entry->envelope, entry->envelope_size);
        struct tally_receipt receipt;
        if (tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE || receipt.sequence != i ||
            !key_equal(&receipt.issuer, &log->issuer) || !entry->body_held ||
            tally_receipt_verify(envelope, crypto) != TALLY_DROP_NONE ||
            tally_receipt_body(&receipt, bytes_of(entry->body, entry->body_size)) !=
                TALLY_DROP_NONE)
            return false;
    }
    struct tally_hash root = simtree_root(&log->tree, log->size);
    return log->size == 0 || hash_equal(&root, &log->root);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of what is stored: see checker.h. */
#include "checker_inside.h"
#include "core/base/bytes.h"
#include "memory.h"
#include "world.h"

static size_t place_of(const struct checker *checker, const struct tally_hash *origin_hash)
{
    size_t at = (size_t)be64_read(origin_hash->bytes) & (checker->place_count - 1);
    while (checker->places[at] != 0 &&
           !hash_equal(&checker->logs[checker->places[at] - 1].origin_hash, origin_hash))
        at = (at + 1) & (checker->place_count - 1);
    return at;
}

static void places_grow(struct checker *checker)
{
    memory_free(checker->places);
    checker->place_count = checker->place_count > 0 ? checker->place_count * 2 : 64;
    checker->places = memory_new(checker->place_count, sizeof *checker->places);
    for (size_t i = 0; i < checker->log_count; i++)
        checker->places[place_of(checker, &checker->logs[i].origin_hash)] = (uint32_t)i + 1;
}

/* Our book of a log; begun with what the first node stored of it. */
static struct checker_log *book_of(struct checker *checker, const struct world *world,
                                   const struct disk_log *log)
{
    if (checker->log_count * 2 >= checker->place_count)
        places_grow(checker);
    size_t at = place_of(checker, &log->origin_hash);
    if (checker->places[at] != 0)
        return &checker->logs[checker->places[at] - 1];
    checker->logs = memory_room(checker->logs, &checker->log_capacity, checker->log_count + 1,
                                sizeof *checker->logs);
    struct checker_log *book = &checker->logs[checker->log_count++];
    memset(book, 0, sizeof *book);
    book->origin_hash = log->origin_hash;
    book->issuer = log->issuer;
    if (!world_find(world, &log->issuer, &book->slot))
        book->slot = UINT32_MAX;
    checker->places[at] = (uint32_t)checker->log_count;
    return book;
}

static bool issuer_honest(const struct world *world, const struct checker_log *book)
{
    return book->slot != UINT32_MAX && world->slots[book->slot].lie == LIE_NONE;
}

static void check_body(struct checker *checker, const struct world *world, uint32_t slot,
                       const struct disk_entry *entry, const struct checker_receipt *known)
{
    const struct tally_receipt receipt = {.body_size = known->body_size,
                                          .body_hash = known->body_hash};
    checker_expect(checker, world, slot,
                   !entry->body_held ||
                       tally_receipt_body(&receipt, bytes_of(entry->body, entry->body_size)) ==
                           TALLY_DROP_NONE,
                   CHECK_BODY);
}

/* One stored receipt against everything its envelope says. */
static void check_receipt(struct checker *checker, const struct world *world, uint32_t slot,
                          const struct disk_log *log, uint64_t index, struct checker_receipt *known)
{
    const struct disk_entry *entry = &log->entries[index];
    struct tally_bytes envelope = bytes_of(entry->envelope, entry->envelope_size);
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[slot].signer);
    struct tally_receipt receipt;
    /* By the policy `checkpoint` the signed root stands for the signatures of its own issuer. */
    uint32_t issuer;
    bool covered = world->options.verify == TALLY_VERIFY_CHECKPOINT &&
                   world_find(world, &log->issuer, &issuer) && world->slots[issuer].lie != LIE_NONE;
    bool good = (covered || tally_receipt_verify(envelope, &crypto) == TALLY_DROP_NONE) &&
                tally_receipt_read(envelope, &receipt) == TALLY_DROP_NONE &&
                key_equal(&receipt.issuer, &log->issuer) &&
                bytes_equal(receipt.name_space, bytes_text(log->name_space));
    checker_expect(checker, world, slot, good, CHECK_RECEIPT);
    if (!good)
        return;
    struct tally_hash before = {{0}};
    if (index > 0)
        tally_receipt_hash(
            bytes_of(log->entries[index - 1].envelope, log->entries[index - 1].envelope_size),
            &before);
    bool chained = receipt.sequence == index && hash_equal(&receipt.previous, &before);
    *known = (struct checker_receipt){chained, receipt.body_size, receipt.body_hash};
    checker_expect(checker, world, slot, chained, CHECK_CHAIN);
    check_body(checker, world, slot, entry, known);
}

/* What all nodes hold is looked at once: equal leaves are of equal bytes. NULL: not yet. */
static const struct checker_receipt *found_good(const struct checker_log *book,
                                                const struct disk_log *log, uint64_t index)
{
    if (index >= book->receipt_count || !book->receipts[index].good ||
        !key_equal(&book->issuer, &log->issuer))
        return NULL;
    for (uint64_t i = index > 0 ? index - 1 : 0; i <= index; i++)
        if (!hash_equal(&log->tree.levels[0].hashes[i], &book->tree.levels[0].hashes[i]))
            return NULL;
    return &book->receipts[index];
}

static void book_receipt(struct checker_log *book, const struct checker_receipt *known)
{
    book->receipts = memory_room(book->receipts, &book->receipt_capacity, book->receipt_count + 1,
                                 sizeof *book->receipts);
    book->receipts[book->receipt_count++] = *known;
}

static void check_receipts(struct checker *checker, const struct world *world, uint32_t slot,
                           const struct disk_change *change)
{
    struct checker_log *book = book_of(checker, world, change->log);
    for (uint64_t index = change->first; index < change->first + change->count; index++) {
        const struct tally_hash *leaf = &change->log->tree.levels[0].hashes[index];
        const struct checker_receipt *good = found_good(book, change->log, index);
        struct checker_receipt known = {.good = false};
        if (good != NULL) {
            checker->checks += 2; /* RECEIPT and CHAIN. */
            check_body(checker, world, slot, &change->log->entries[index], good);
        } else {
            check_receipt(checker, world, slot, change->log, index, &known);
        }
        if (index == simtree_size(&book->tree)) {
            simtree_append(&book->tree, leaf);
            book_receipt(book, &known);
        } else if (index < simtree_size(&book->tree) && issuer_honest(world, book)) {
            checker_expect(checker, world, slot,
                           hash_equal(leaf, &book->tree.levels[0].hashes[index]), CHECK_ROOTS);
        }
    }
}

static void check_note(struct checker *checker, const struct world *world, uint32_t slot,
                       const struct disk_log *log)
{
    struct checker_log *book = book_of(checker, world, log);
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[slot].signer);
    struct tally_checkpoint checkpoint;
    bool good = tally_checkpoint_open(bytes_of(log->note, log->note_size), NULL, &crypto,
                                      &checkpoint) == TALLY_DROP_NONE &&
                bytes_equal(checkpoint.origin, bytes_text(log->origin)) &&
                checkpoint.size == log->size && checkpoint.size <= simtree_size(&log->tree);
    if (good) {
        struct tally_hash root = simtree_root(&log->tree, checkpoint.size);
        good = hash_equal(&checkpoint.root, &root);
    }
    checker_expect(checker, world, slot, good, CHECK_NOTE);
    if (!good || !issuer_honest(world, book))
        return;
    bool known = checkpoint.size <= simtree_size(&book->tree);
    if (known) {
        struct tally_hash root = simtree_root(&book->tree, checkpoint.size);
        known = hash_equal(&checkpoint.root, &root);
    }
    checker_expect(checker, world, slot, known, CHECK_ROOTS);
    /* Logs of a key that it had before come from others, like any. */
    if (book->slot != slot || !key_equal(&book->issuer, &world->slots[slot].signer.key))
        return;
    checker_expect(checker, world, slot, checkpoint.size >= book->signed_size, CHECK_BACK);
    book->signed_size = checkpoint.size;
}

static void check_file(struct checker *checker, const struct world *world, uint32_t slot,
                       const struct disk_file *file)
{
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[slot].signer);
    struct tally_fork fork;
    uint32_t issuer;
    bool proved = tally_fork_check(bytes_of(file->bytes, file->size), NULL, &crypto, &fork) ==
                  TALLY_DROP_NONE;
    checker_expect(checker, world, slot,
                   proved && world_find(world, &fork.issuer, &issuer) &&
                       world->slots[issuer].lie != LIE_NONE,
                   CHECK_ACCUSED);
    checker->frozen = memory_room(checker->frozen, &checker->frozen_capacity,
                                  checker->frozen_count + 1, sizeof *checker->frozen);
    checker->frozen[checker->frozen_count++] = (struct checker_frozen){slot, file->origin_hash};
}

static void check_revocation(struct checker *checker, const struct world *world, uint32_t slot,
                             const struct disk_file *file)
{
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[slot].signer);
    struct revocation revocation;
    bool proved =
        revocation_read(bytes_of(file->bytes, file->size), &revocation) == TALLY_DROP_NONE &&
        revocation_verify(&revocation, &crypto) == TALLY_DROP_NONE;
    checker_expect(checker, world, slot, proved, CHECK_ACCUSED);
    if (!proved)
        return;
    checker->revoked = memory_room(checker->revoked, &checker->revoked_capacity,
                                   checker->revoked_count + 1, sizeof *checker->revoked);
    checker->revoked[checker->revoked_count++] =
        (struct checker_revoked){slot, revocation, file->name};
}

/* How far a log is good by one revocation. */
static uint64_t named(const struct revocation *revocation, const struct disk_log *log)
{
    for (size_t i = 0; i < revocation->said.limit_count; i++)
        if (memcmp(revocation->said.limits[i].origin, log->origin_hash.bytes, 8) == 0)
            return revocation->said.limits[i].size;
    bool statements = strcmp(log->name_space, TALLY_STATEMENTS) == 0;
    return statements && !revocation->recovery ? revocation->index + 1 : 0;
}

/* Nothing is added behind the least that is named; by the recovery key, if that one spoke. */
static void check_limit(struct checker *checker, const struct world *world, uint32_t slot,
                        const struct disk_change *change)
{
    uint64_t limit = UINT64_MAX;
    bool recovery = false;
    for (size_t i = 0; i < checker->revoked_count; i++) {
        const struct checker_revoked *one = &checker->revoked[i];
        if (one->slot != slot || !key_equal(&one->revocation.party, &change->log->issuer) ||
            (recovery && !one->revocation.recovery))
            continue;
        uint64_t size = named(&one->revocation, change->log);
        if (size < limit || one->revocation.recovery > recovery)
            limit = size;
        recovery = one->revocation.recovery;
    }
    checker_expect(checker, world, slot, change->first + change->count <= limit, CHECK_REVOKED);
}

static void check_stored(struct checker *checker, const struct world *world, uint32_t slot,
                         const struct disk_change *change)
{
    if (change->log != NULL && change->count > 0)
        check_receipts(checker, world, slot, change);
    if (change->log != NULL && change->note)
        check_note(checker, world, slot, change->log);
}

void checker_change(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct disk_change *change)
{
    if (world->slots[slot].lie != LIE_NONE)
        return;
    check_stored(checker, world, slot, change);
    if (change->log != NULL && change->count > 0)
        check_limit(checker, world, slot, change);
    if (change->file != NULL && change->file->revocation)
        check_revocation(checker, world, slot, change->file);
    else if (change->file != NULL)
        check_file(checker, world, slot, change->file);
}

/* ---- Promises. ---- */

static bool kept(const struct world *world, const struct checker_promise *promise)
{
    const struct disk_log *log =
        disk_find(&world->slots[promise->slot].disk, &promise->origin_hash);
    if (log == NULL || promise->index >= simtree_size(&log->tree))
        return false;
    const struct disk_entry *entry = &log->entries[promise->index];
    struct tally_hash receipt;
    tally_receipt_hash(bytes_of(entry->envelope, entry->envelope_size), &receipt);
    return hash_equal(&receipt, &promise->receipt);
}

void checker_answer(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_action *action)
{
    if (action->answer.error != TALLY_OK || action->answer.origin == NULL)
        return;
    struct checker_promise promise = {.slot = slot,
                                      .issuer = world->slots[slot].signer.key,
                                      .index = action->answer.index,
                                      .receipt = action->answer.receipt};
    tally_origin_hash(bytes_text(action->answer.origin), &promise.origin_hash);
    checker_expect(checker, world, slot, kept(world, &promise), CHECK_ACKNOWLEDGED);
    checker->promises = memory_room(checker->promises, &checker->promise_capacity,
                                    checker->promise_count + 1, sizeof *checker->promises);
    checker->promises[checker->promise_count++] = promise;
}

/* From a copy that was put back something is missing until all of it was fetched back: that is what
   the guard is for, and when it lets the node go on nothing may be. But for logs of a key that it
   had before, which are nobody's to go on with, and come when they come. */
static bool is_behind(const struct world *world, uint32_t slot, const struct tally_key *issuer)
{
    const struct slot *at = &world->slots[slot];
    return at->restored && (at->node == NULL || tally_node_guard(at->node) != TALLY_GUARD_PASSED ||
                            !key_equal(issuer, &at->signer.key));
}

static void check_promises(struct checker *checker, const struct world *world, uint32_t slot)
{
    for (size_t i = 0; i < checker->promise_count; i++)
        if (checker->promises[i].slot == slot &&
            !is_behind(world, slot, &checker->promises[i].issuer))
            checker_expect(checker, world, slot, kept(world, &checker->promises[i]),
                           CHECK_ACKNOWLEDGED);
}

static bool has_file(const struct disk *disk, const struct tally_hash *name,
                     const struct tally_hash *origin_hash)
{
    for (size_t i = 0; i < disk->file_count; i++)
        if ((name != NULL && hash_equal(&disk->files[i].name, name)) ||
            (origin_hash != NULL && hash_equal(&disk->files[i].origin_hash, origin_hash)))
            return true;
    return false;
}

static void check_frozen(struct checker *checker, const struct world *world, uint32_t slot)
{
    const struct disk *disk = &world->slots[slot].disk;
    for (size_t i = 0; i < checker->frozen_count; i++) {
        if (checker->frozen[i].slot != slot)
            continue;
        const struct tally_hash *origin_hash = &checker->frozen[i].origin_hash;
        const struct disk_log *log = disk_find(disk, origin_hash);
        checker_expect(checker, world, slot,
                       has_file(disk, NULL, origin_hash) && (log == NULL || log->frozen),
                       CHECK_REMEMBERED);
    }
}

static void check_remembered(struct checker *checker, const struct world *world, uint32_t slot)
{
    const struct disk *disk = &world->slots[slot].disk;
    for (size_t i = 0; i < checker->revoked_count; i++)
        if (checker->revoked[i].slot == slot)
            checker_expect(checker, world, slot, has_file(disk, &checker->revoked[i].name, NULL),
                           CHECK_REMEMBERED);
}

/* Whether all others hold the log as far as its issuer ever wrote, and signed all of that. */
static bool all_hold(const struct world *world, const struct checker_log *book)
{
    uint64_t size = simtree_size(&book->tree);
    for (uint32_t other = 0; other < world->count; other++) {
        const struct disk_log *log = disk_find(&world->slots[other].disk, &book->origin_hash);
        if (other != book->slot && (log == NULL || log->size < size))
            return false;
    }
    return book->signed_size == size;
}

/* Whether the copy has all of a log that is still to be sealed under the node's key. */
static bool copied(const struct world *world, const struct checker_log *book,
                   const struct disk *copy)
{
    const struct disk_log *log = copy != NULL ? disk_find(copy, &book->origin_hash) : NULL;
    return log != NULL && key_equal(&log->issuer, &world->slots[book->slot].signer.key) &&
           simtree_size(&log->tree) == simtree_size(&book->tree);
}

bool checker_held(const struct checker *checker, const struct world *world, uint32_t slot,
                  const struct disk *copy)
{
    uint32_t honest = 0;
    for (uint32_t other = 0; other < world->options.nodes; other++)
        honest += other != slot && world->slots[other].lie == LIE_NONE;
    for (size_t i = 0; i < checker->log_count; i++) {
        const struct checker_log *book = &checker->logs[i];
        if (book->slot == slot && !copied(world, book, copy) && !all_hold(world, book))
            return false;
    }
    return honest > 0;
}

void checker_restored(struct checker *checker, const struct world *world, uint32_t slot)
{
    const struct disk *disk = &world->slots[slot].disk;
    size_t kept = 0;
    for (size_t i = 0; i < checker->frozen_count; i++)
        if (checker->frozen[i].slot != slot ||
            has_file(disk, NULL, &checker->frozen[i].origin_hash))
            checker->frozen[kept++] = checker->frozen[i];
    checker->frozen_count = kept;
    kept = 0;
    for (size_t i = 0; i < checker->revoked_count; i++)
        if (checker->revoked[i].slot != slot || has_file(disk, &checker->revoked[i].name, NULL))
            checker->revoked[kept++] = checker->revoked[i];
    checker->revoked_count = kept;
}

/* Own checkpoints: the largest ever signed is still stored. */
static void check_signed(struct checker *checker, const struct world *world, uint32_t slot)
{
    for (size_t i = 0; i < checker->log_count; i++) {
        const struct checker_log *book = &checker->logs[i];
        if (book->slot != slot || book->signed_size == 0 || is_behind(world, slot, &book->issuer))
            continue;
        const struct disk_log *log = disk_find(&world->slots[slot].disk, &book->origin_hash);
        checker_expect(checker, world, slot, log != NULL && log->size >= book->signed_size,
                       CHECK_BACK);
    }
}

void checker_start(struct checker *checker, const struct world *world, uint32_t slot)
{
    size_t had = checker->epoch_capacity;
    checker->epochs =
        memory_room(checker->epochs, &checker->epoch_capacity, slot + 1, sizeof *checker->epochs);
    for (size_t i = had; i < checker->epoch_capacity; i++)
        checker->epochs[i] = 0;
    checker_forget(checker, slot);
    if (world->slots[slot].lie != LIE_NONE)
        return;
    uint32_t epoch = world->slots[slot].disk.epoch;
    checker_expect(checker, world, slot, epoch > checker->epochs[slot], CHECK_EPOCH);
    checker->epochs[slot] = epoch;
    check_promises(checker, world, slot);
    check_frozen(checker, world, slot);
    check_remembered(checker, world, slot);
    check_signed(checker, world, slot);
}

void checker_all(struct checker *checker, const struct world *world)
{
    for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
        const struct slot *at = &world->slots[slot];
        if (at->lie != LIE_NONE)
            continue;
        check_promises(checker, world, slot);
        check_frozen(checker, world, slot);
        check_remembered(checker, world, slot);
        check_signed(checker, world, slot);
        for (size_t i = 0; i < at->disk.log_count; i++) {
            const struct disk_log *log = at->disk.logs[i];
            bool behind = log->own && is_behind(world, slot, &log->issuer);
            const struct disk_change whole = {.log = log,
                                              .count = simtree_size(&log->tree),
                                              .note = log->note_size > 0 && !behind};
            check_stored(checker, world, slot, &whole);
        }
        if (at->node != NULL)
            checker_expect(checker, world, slot, tally_node_holds(at->node), CHECK_HOLDS);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_COPIES_H
#define TEST_COPIES_H
/*
 * Many parties' logs of statements, and one node's copies of them, which grow in whatever order a
 * story likes: a ledger in memory, under the same fold and the same reading on as a node's. A log
 * may have a second branch, which its issuer shows to half of the others.
 */
#include "support/cmocka.h"

#include "core/federation/bond.h"
#include "revokes.h"

#include <limits.h>
#include <stdlib.h>

enum { WRITTEN = 64, PAIRS = 24 };

struct written {
    struct log_written {
        struct tally_key key;
        struct tally_hash origin_hash;
        unsigned count;
        struct entry_written {
            size_t envelope_size, size;
            uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
            struct agreement_place place;
        } entries[WRITTEN];
    } logs[2]; /* The branches; the second is used by liars only. */
    bool forked;
};

static inline void written_sign(void *context, struct tally_bytes message,
                                struct tally_signature *signature)
{
    (void)context, (void)message;
    memset(signature, 0, sizeof *signature);
}

/* Appends a statement to one branch; its receipt's hash. */
static inline struct tally_hash written_add(struct log_written *log,
                                            const struct fed_statement *said)
{
    const struct tally_crypto crypto = {NULL, written_sign, NULL, NULL, NULL};
    struct entry_written *entry = &log->entries[log->count];
    assert_in_range(log->count, 0, WRITTEN - 1);
    entry->size = fed_write(said, entry->body);
    assert_true(entry->size > 0);
    struct tally_receipt receipt = {.issuer = log->key,
                                    .name_space = bytes_text(TALLY_STATEMENTS),
                                    .type = bytes_text(fed_type(said->kind)),
                                    .sequence = log->count,
                                    .time = {log->count + 1},
                                    .body_size = (uint32_t)entry->size};
    if (log->count > 0)
        receipt.previous = log->entries[log->count - 1].place.receipt;
    hash_sha256(bytes_of(entry->body, entry->size), &receipt.body_hash);
    entry->envelope_size = tally_receipt_write(&receipt, &crypto, entry->envelope);
    assert_true(entry->envelope_size > 0);
    entry->place = (struct agreement_place){.index = log->count++, .time = receipt.time};
    tally_receipt_hash(bytes_of(entry->envelope, entry->envelope_size), &entry->place.receipt);
    return entry->place.receipt;
}

/* One node: which branch of each log it was shown, how much of it, how much of that it read. */
struct copies {
    const struct written *all;
    unsigned count, self;
    unsigned branch[64];
    uint64_t held[64], heard[64];
    struct revoked revoked;
    struct tally_party parties[64];
    struct agreement_pair pairs[PAIRS];
    struct fold fold;
};

static inline const struct log_written *copy_of(const struct copies *copies, unsigned log)
{
    return &copies->all[log].logs[copies->all[log].forked ? copies->branch[log] : 0];
}

static inline bool copies_log(void *context, size_t index, struct tally_log_view *view)
{
    const struct copies *copies = context;
    if (index >= copies->count)
        return false;
    const struct log_written *log = copy_of(copies, (unsigned)index);
    *view = (struct tally_log_view){.origin_hash = log->origin_hash,
                                    .issuer = log->key,
                                    .name_space = TALLY_STATEMENTS,
                                    .size = copies->held[index],
                                    .durable = copies->held[index],
                                    .own = index == copies->self};
    return true;
}

static inline bool copies_find(void *context, const struct tally_hash *origin,
                               struct tally_log_view *view)
{
    for (size_t i = 0; copies_log(context, i, view); i++)
        if (hash_equal(&view->origin_hash, origin))
            return view->size > 0;
    return false;
}

static inline const struct entry_written *copies_at(const struct copies *copies,
                                                    const struct tally_hash *origin, uint64_t index)
{
    for (unsigned i = 0; i < copies->count; i++)
        if (hash_equal(&copy_of(copies, i)->origin_hash, origin) && index < copies->held[i])
            return &copy_of(copies, i)->entries[index];
    return NULL;
}

static inline size_t copies_entry(void *context, const struct tally_hash *origin, uint64_t index,
                                  uint8_t *envelope, size_t capacity)
{
    const struct entry_written *entry = copies_at(context, origin, index);
    assert_true(entry != NULL && entry->envelope_size <= capacity);
    memcpy(envelope, entry->envelope, entry->envelope_size);
    return entry->envelope_size;
}

static inline bool copies_body(void *context, const struct tally_hash *origin, uint64_t index,
                               size_t offset, uint8_t *bytes, size_t capacity, size_t *size)
{
    const struct entry_written *entry = copies_at(context, origin, index);
    assert_true(entry != NULL && offset == 0 && entry->size <= capacity);
    memcpy(bytes, entry->body, entry->size);
    *size = entry->size;
    return true;
}

static inline struct tally_ledger copies_ledger(struct copies *copies)
{
    return (struct tally_ledger){.context = copies,
                                 .log = copies_log,
                                 .find = copies_find,
                                 .entry = copies_entry,
                                 .body = copies_body};
}

#endif

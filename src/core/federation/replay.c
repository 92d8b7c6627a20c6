/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/replay.h"

#include "core/base/bytes.h"
#include "tally/receipt.h"

void replay_origin(const struct tally_key *key, struct tally_hash *origin_hash)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    size_t size = tally_origin_write(key, bytes_text(TALLY_STATEMENTS), origin);
    tally_origin_hash(bytes_of(origin, size), origin_hash);
}

static enum fold_verdict lost(struct fold *fold)
{
    fold_lost(fold);
    return FOLD_UNKNOWN;
}

/* A body is read only if its type is one of ours; one that is too large for any is no statement. */
static enum fold_verdict take(struct fold *fold, const struct tally_ledger *ledger,
                              const struct tally_hash *origin_hash, uint64_t index,
                              struct tally_bytes envelope)
{
    struct tally_receipt receipt;
    uint8_t body[FED_BODY_MAX];
    size_t size = 0;
    if (envelope.size == 0 || tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE)
        return lost(fold);
    if (fed_kind_of(receipt.type) >= FED_ADMIT && receipt.body_size <= sizeof body &&
        !ledger->body(ledger->context, origin_hash, index, 0, body, sizeof body, &size))
        return lost(fold);
    return fold_take(fold, &receipt.issuer, receipt.type, bytes_of(body, size), index);
}

enum fold_verdict replay_one(struct fold *fold, const struct tally_ledger *ledger,
                             const struct tally_hash *origin_hash, uint64_t index)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = ledger->entry(ledger->context, origin_hash, index, envelope, sizeof envelope);
    return take(fold, ledger, origin_hash, index, bytes_of(envelope, size));
}

static bool bundle_take(struct fold *fold, const struct tally_ledger *ledger,
                        const struct tally_hash *origin_hash, uint64_t block, uint8_t *room)
{
    size_t at = 0, whole;
    size_t size = ledger->entries(ledger->context, origin_hash, block, TALLY_TILE_WIDTH, room,
                                  TALLY_ENTRIES_MAX);
    if (size == 0 || !tally_entries_skip(bytes_of(room, size), TALLY_TILE_WIDTH, &whole))
        return false;
    for (unsigned i = 0; i < TALLY_TILE_WIDTH; i++) {
        size_t length = be16_read(room + at);
        (void)take(fold, ledger, origin_hash, block * TALLY_TILE_WIDTH + i,
                   bytes_of(room + at + 2, length));
        at += 2 + length;
    }
    return true;
}

uint64_t replay_all(struct fold *fold, const struct tally_ledger *ledger,
                    const struct tally_hash *origin_hash, uint8_t *room)
{
    struct tally_log_view view;
    uint64_t block = 0;
    if (!ledger->find(ledger->context, origin_hash, &view))
        return 0;
    while ((block + 1) * TALLY_TILE_WIDTH <= view.size &&
           bundle_take(fold, ledger, origin_hash, block, room))
        block++;
    for (uint64_t index = block * TALLY_TILE_WIDTH; index < view.durable; index++)
        (void)replay_one(fold, ledger, origin_hash, index);
    return view.durable;
}

/* Reads on in an arbiter's log, for one case. */
static bool hear(struct fold *fold, const struct tally_ledger *ledger, struct discrepancy *one,
                 uint64_t most)
{
    struct tally_log_view view;
    struct tally_hash origin_hash;
    replay_origin(&one->arbiter, &origin_hash);
    if (!ledger->find(ledger->context, &origin_hash, &view))
        return false;
    for (; one->read < view.durable && most > 0 && discrepancy_waits(one); most--) {
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        struct tally_receipt receipt;
        uint64_t index = one->read++;
        size_t size =
            ledger->entry(ledger->context, &origin_hash, index, envelope, sizeof envelope);
        if (size > 0 && tally_receipt_read(bytes_of(envelope, size), &receipt) == TALLY_DROP_NONE &&
            fed_kind_of(receipt.type) == FED_ARBITRATION)
            (void)take(fold, ledger, &origin_hash, index, bytes_of(envelope, size));
    }
    return one->judged;
}

unsigned replay_arbiters(struct fold *fold, const struct tally_ledger *ledger, uint64_t most)
{
    struct discrepancy *one;
    unsigned heard = 0;
    size_t at = 0;
    if (fold->discrepancies == NULL)
        return 0;
    while ((one = discrepancy_next(fold->discrepancies, &at)) != NULL)
        heard += hear(fold, ledger, one, most);
    return heard;
}

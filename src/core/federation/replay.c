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

uint64_t replay_end(const struct fold *fold, const struct tally_log_view *view)
{
    uint64_t end = key_equal(&view->issuer, &fold->self) ? view->durable : view->size;
    uint64_t limit = revoked_limit(fold->revoked, &view->issuer, &view->origin_hash);
    return end < limit ? end : limit;
}

/* Of another party's log less depends: only what it might have said of an agreement with us. */
static enum fold_verdict lost(struct fold *fold, const struct tally_key *issuer)
{
    if (fold_own(fold, issuer))
        fold_lost(fold);
    else
        agreements_lost(&fold->agreements, issuer);
    return FOLD_UNKNOWN;
}

/* A body is read only if its type is one of ours; one that is too large for any is no statement. */
static enum fold_verdict take(struct fold *fold, const struct tally_ledger *ledger,
                              const struct tally_log_view *view, uint64_t index,
                              struct tally_bytes envelope)
{
    struct tally_receipt receipt;
    uint8_t body[FED_BODY_MAX];
    size_t size = 0;
    if (envelope.size == 0 || tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE)
        return lost(fold, &view->issuer);
    bool own = fold_own(fold, &view->issuer);
    enum fed_kind kind = fed_kind_of(receipt.type);
    if ((own ? kind >= FED_ADMIT : fed_hears(kind)) && receipt.body_size <= sizeof body &&
        !ledger->body(ledger->context, &view->origin_hash, index, 0, body, sizeof body, &size))
        return lost(fold, &view->issuer);
    struct agreement_place place = {.index = index, .time = receipt.time};
    tally_receipt_hash(envelope, &place.receipt);
    if (own)
        return fold_take_at(fold, &receipt.issuer, receipt.type, bytes_of(body, size), &place);
    fold_hear(fold, &view->issuer, receipt.type, bytes_of(body, size), &place);
    return FOLD_OTHER;
}

static enum fold_verdict one(struct fold *fold, const struct tally_ledger *ledger,
                             const struct tally_log_view *view, uint64_t index)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size =
        ledger->entry(ledger->context, &view->origin_hash, index, envelope, sizeof envelope);
    return take(fold, ledger, view, index, bytes_of(envelope, size));
}

enum fold_verdict replay_one(struct fold *fold, const struct tally_ledger *ledger,
                             const struct tally_hash *origin_hash, uint64_t index)
{
    struct tally_log_view view;
    if (!ledger->find(ledger->context, origin_hash, &view))
        return lost(fold, &fold->self);
    return one(fold, ledger, &view, index);
}

static bool bundle_take(struct fold *fold, const struct tally_ledger *ledger,
                        const struct tally_log_view *view, uint64_t block, uint8_t *room)
{
    size_t at = 0, whole;
    size_t size = ledger->entries(ledger->context, &view->origin_hash, block, TALLY_TILE_WIDTH,
                                  room, TALLY_ENTRIES_MAX);
    if (size == 0 || !tally_entries_skip(bytes_of(room, size), TALLY_TILE_WIDTH, &whole))
        return false;
    for (unsigned i = 0; i < TALLY_TILE_WIDTH; i++) {
        size_t length = be16_read(room + at);
        (void)take(fold, ledger, view, block * TALLY_TILE_WIDTH + i,
                   bytes_of(room + at + 2, length));
        at += 2 + length;
    }
    return true;
}

uint64_t replay_some(struct fold *fold, const struct tally_ledger *ledger,
                     const struct tally_log_view *view, uint64_t from, uint8_t *room)
{
    uint64_t end = replay_end(fold, view);
    uint64_t next = (from / TALLY_TILE_WIDTH + 1) * TALLY_TILE_WIDTH;
    if (from % TALLY_TILE_WIDTH == 0 && next <= view->size && next <= end &&
        bundle_take(fold, ledger, view, from / TALLY_TILE_WIDTH, room))
        return next;
    for (end = end < next ? end : next; from < end; from++)
        (void)one(fold, ledger, view, from);
    return from;
}

uint64_t replay_all(struct fold *fold, const struct tally_ledger *ledger,
                    const struct tally_hash *origin_hash, uint8_t *room)
{
    struct tally_log_view view;
    uint64_t at = 0;
    if (!ledger->find(ledger->context, origin_hash, &view))
        return 0;
    uint64_t end = replay_end(fold, &view);
    while (at < end)
        at = replay_some(fold, ledger, &view, at, room);
    return at;
}

void replay_others(struct fold *fold, const struct tally_ledger *ledger, uint8_t *room)
{
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (!fold_own(fold, &view.issuer) && strcmp(view.name_space, TALLY_STATEMENTS) == 0)
            (void)replay_all(fold, ledger, &view.origin_hash, room);
}

/* Of a key that this node had before: below the limit of its revocation. */
static void replay_elder(struct fold *fold, const struct tally_ledger *ledger,
                         const struct tally_key *key)
{
    struct tally_hash origin_hash;
    struct tally_log_view view;
    replay_origin(key, &origin_hash);
    uint64_t limit = revoked_limit(fold->revoked, key, &origin_hash);
    if (!ledger->find(ledger->context, &origin_hash, &view))
        return;
    for (uint64_t index = 0; index < view.durable && index < limit; index++)
        (void)one(fold, ledger, &view, index);
}

uint64_t replay_own(struct fold *fold, const struct tally_ledger *ledger, uint8_t *room)
{
    struct tally_key keys[REVOKED_HEIRS] = {fold->self};
    struct tally_hash origin_hash;
    const struct tally_key *elder;
    unsigned count = 1;
    while (count < REVOKED_HEIRS &&
           (elder = revoked_elder(fold->revoked, &keys[count - 1])) != NULL)
        keys[count++] = *elder;
    while (--count > 0)
        replay_elder(fold, ledger, &keys[count]);
    replay_origin(&fold->self, &origin_hash);
    return replay_all(fold, ledger, &origin_hash, room);
}

void replay_revoked(struct revoked *revoked, const struct tally_ledger *ledger,
                    const struct tally_crypto *crypto)
{
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
    for (size_t i = 0; ledger->revocation != NULL; i++) {
        struct revocation revocation;
        size_t size = ledger->revocation(ledger->context, i, bytes, sizeof bytes);
        if (size == 0)
            return;
        if (revocation_read(bytes_of(bytes, size), &revocation) == TALLY_DROP_NONE &&
            revoked_judge(revoked, &revocation, true) == TALLY_DROP_NONE &&
            revocation_verify(&revocation, crypto) == TALLY_DROP_NONE)
            revoked_take(revoked, &revocation, bytes_of(bytes, size), true);
    }
}

/* Whether there is as much as is good of the log whose origin's hash begins so. */
static bool reaches(const struct revoked *revoked, const struct tally_ledger *ledger,
                    const struct tally_key *key, const uint8_t origin[8])
{
    struct tally_hash named = {{0}}; /* The limit looks no further than the hint. */
    struct tally_log_view view;
    memcpy(named.bytes, origin, 8);
    uint64_t limit = revoked_limit(revoked, key, &named);
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (key_equal(&view.issuer, key) && memcmp(view.origin_hash.bytes, origin, 8) == 0)
            return view.durable >= limit;
    return limit == 0;
}

bool replay_whole(const struct revoked *revoked, const struct tally_ledger *ledger,
                  const struct tally_key *key)
{
    const struct revoked_key *entry = revoked_find(revoked, key);
    if (entry == NULL || !reaches(revoked, ledger, key, entry->statements))
        return false;
    for (unsigned i = 0; i < entry->word_count; i++)
        for (size_t at = 0; at < entry->words[i].limit_count; at++)
            if (!reaches(revoked, ledger, key, entry->words[i].limits[at].origin))
                return false;
    return true;
}

bool replay_keys(struct revoked *revoked, const struct tally_ledger *ledger,
                 const struct tally_log_view *view, uint64_t from)
{
    bool news = false;
    for (uint64_t index = from; index < view->durable; index++) {
        uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
        struct tally_receipt receipt;
        struct fed_statement said;
        size_t size =
            ledger->entry(ledger->context, &view->origin_hash, index, envelope, sizeof envelope);
        if (size == 0 ||
            tally_receipt_read(bytes_of(envelope, size), &receipt) != TALLY_DROP_NONE ||
            fed_kind_of(receipt.type) != FED_KEYS || receipt.body_size > sizeof body ||
            !ledger->body(ledger->context, &view->origin_hash, index, 0, body, sizeof body,
                          &size) ||
            fed_read(receipt.type, bytes_of(body, size), &said) != TALLY_DROP_NONE ||
            !said.has_key[FED_KEY_RECOVERY])
            continue;
        news |= revoked_bind(revoked, &view->issuer, &said.keys[FED_KEY_RECOVERY], index);
    }
    return news;
}

/* Reads on in an arbiter's log, for one case. */
static bool hear(struct fold *fold, const struct tally_ledger *ledger, struct discrepancy *one,
                 uint64_t most)
{
    struct tally_log_view view;
    struct tally_hash origin_hash;
    replay_origin(&one->arbiter, &origin_hash);
    if (!ledger->find(ledger->context, &origin_hash, &view) || fold_void(fold, &one->arbiter))
        return false;
    uint64_t limit = revoked_limit(fold->revoked, &one->arbiter, &origin_hash);
    uint64_t end = view.durable < limit ? view.durable : limit;
    for (; one->read < end && most > 0 && discrepancy_waits(one); most--) {
        uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
        struct tally_receipt receipt;
        uint64_t index = one->read++;
        size_t body_size = 0;
        size_t size =
            ledger->entry(ledger->context, &origin_hash, index, envelope, sizeof envelope);
        if (size > 0 && tally_receipt_read(bytes_of(envelope, size), &receipt) == TALLY_DROP_NONE &&
            fed_kind_of(receipt.type) == FED_ARBITRATION && receipt.body_size <= sizeof body &&
            ledger->body(ledger->context, &origin_hash, index, 0, body, sizeof body, &body_size))
            (void)fold_take(fold, &receipt.issuer, receipt.type, bytes_of(body, body_size), index);
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_READS_ON_H
#define TEST_READS_ON_H
/* One node's fold over its copies: it reads on as a node does (core/node/agreeing.c). */
#include "copies.h"

static inline void copies_new(struct copies *copies, const struct written *all, unsigned count,
                              unsigned self)
{
    memset(copies, 0, sizeof *copies);
    copies->all = all;
    copies->count = count;
    copies->self = self;
    fold_init(&copies->fold, &all[self].logs[0].key, copies->parties, 64);
    fold_lend(&copies->fold, copies->pairs, PAIRS);
    copies->fold.discrepancies = discrepancies_new(&all[self].logs[0].key, DISCREPANCIES_MAX);
    copies->fold.schemas = schemas_new(8);
    assert_non_null(copies->fold.discrepancies);
    assert_non_null(copies->fold.schemas);
    assert_true(revoked_new(&copies->revoked, 32));
    copies->fold.revoked = &copies->revoked;
}

static inline void copies_free(struct copies *copies)
{
    discrepancies_free(copies->fold.discrepancies);
    schemas_free(copies->fold.schemas);
    revoked_free(&copies->revoked);
}

/* Everything from the beginning. */
static inline void copies_refold(struct copies *copies)
{
    const struct tally_ledger ledger = copies_ledger(copies);
    uint64_t own = replay_own(&copies->fold, &ledger, NULL);
    for (size_t i = 0; i < copies->fold.agreements.count; i++)
        copies->fold.agreements.pairs[i].again = false;
    for (unsigned i = 0; i < copies->count; i++) {
        struct tally_log_view view;
        (void)copies_log(copies, i, &view);
        copies->heard[i] =
            fold_own(&copies->fold, &view.issuer) ? replay_end(&copies->fold, &view) : 0;
    }
    copies->heard[copies->self] = own;
}

/* As core/node/agreeing.c does: of a party without a place nothing was kept. */
static inline void copies_settle(struct copies *copies)
{
    struct agreement_pair *pair;
    while ((pair = agreements_touched(&copies->fold.agreements)) != NULL) {
        struct bond bond;
        bool changed, offered;
        bool again = pair->again;
        pair->again = false;
        if (again)
            agreements_forget(&copies->fold.agreements, &pair->key);
        for (unsigned i = 0; again && i < copies->count; i++)
            if (key_equal(&copy_of(copies, i)->key, &pair->key) &&
                !fold_own(&copies->fold, &pair->key))
                copies->heard[i] = 0;
        agreement_look(pair, copies->fold.agreements.clock, &bond, &changed, &offered);
    }
}

/* Reads on wherever there is more. */
static inline void copies_hear(struct copies *copies)
{
    const struct tally_ledger ledger = copies_ledger(copies);
    for (unsigned i = 0; i < copies->count; i++) {
        struct tally_log_view view;
        (void)copies_log(copies, i, &view);
        if (copies->heard[i] >= replay_end(&copies->fold, &view))
            continue;
        if (i != copies->self && fold_own(&copies->fold, &view.issuer)) {
            fold_reset(&copies->fold);
            copies_refold(copies);
        } else {
            uint64_t from = copies->heard[i];
            while (from < replay_end(&copies->fold, &view))
                from = replay_some(&copies->fold, &ledger, &view, from, NULL);
            copies->heard[i] = from;
        }
        copies_settle(copies);
        i = UINT_MAX; /* From the first: one may have been put back. */
    }
    assert_true(fold_holds(&copies->fold));
}

/* A revocation comes. */
static inline void copies_revoke(struct copies *copies, const struct revoke_bytes *made)
{
    const struct tally_key party = made->revocation.party;
    if (revoked_judge(&copies->revoked, &made->revocation, true) != TALLY_DROP_NONE)
        return;
    revoked_take(&copies->revoked, &made->revocation, bytes_of(made->bytes, made->size), true);
    if (key_equal(&party, &copies->fold.self))
        return;
    if (revoked_precedes(&copies->revoked, &party, &copies->fold.self)) {
        fold_reset(&copies->fold);
        copies_refold(copies);
        return;
    }
    fold_forget(&copies->fold, &party);
    for (unsigned i = 0; i < copies->count; i++)
        if (key_equal(&copy_of(copies, i)->key, &party))
            copies->heard[i] = 0;
}

static inline struct tally_hash copies_digest(struct copies *copies)
{
    const struct tally_ledger ledger = copies_ledger(copies);
    struct tally_hash trust, agreed, both;
    (void)replay_arbiters(&copies->fold, &ledger, UINT64_MAX);
    fold_hash(&copies->fold, &trust);
    agreements_hash(&copies->fold.agreements, &agreed);
    hash_sha256_two(bytes_of(trust.bytes, 32), bytes_of(agreed.bytes, 32), &both);
    return both;
}

#endif

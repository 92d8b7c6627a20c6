/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of statements, as an issuer may write any bytes: the input is a log of them, each a byte
 * for the type and one for the size in front. What is read is written again as the same bytes;
 * whatever is folded, the invariants hold, a second fold of the same log comes to the same, and
 * another issuer's log to nothing.
 */
#include "core/base/bytes.h"
#include "core/federation/admission.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTIES = 6, CASES = 4, SCHEMAS = 3 };

static const char *const types[] = {
    "fed_admit",      "fed_level",       "fed_withdraw",    "fed_mode",       "SYNC_EVENT",
    "SYNC_CONFIRMED", "fed_later",       "fed_discrepancy", "fed_resolution", "fed_arbitration",
    "fed_schema",     "fed_schema_sync", "fed_cross_anchor"};

static void again(struct tally_bytes type, struct tally_bytes body)
{
    struct fed_statement statement;
    uint8_t bytes[FED_BODY_MAX];
    if (fed_read(type, body, &statement) != TALLY_DROP_NONE || fed_type(statement.kind) == NULL)
        return;
    assert(bytes_equal(bytes_text(fed_type(statement.kind)), type));
    assert(bytes_equal(bytes_of(bytes, fed_write(&statement, bytes)), body));
}

/* Whatever was stated, each act has one answer, and more rights never mean fewer acts. */
static void ask_all(const struct fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        const struct tally_party *party = &fold->parties[i];
        for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
            enum tally_drop drop = admission(fold, &party->key, act);
            bool admitted = party->state == TALLY_PARTY_ADMITTED;
            assert((drop == TALLY_DROP_WITHDRAWN) == !admitted);
            assert(drop != TALLY_DROP_UNADMITTED);
            if (admitted && party->level == TALLY_TRUST_INTEGRATE &&
                party->roles == TALLY_ROLES_ALL)
                assert(drop == TALLY_DROP_NONE);
        }
    }
}

static void lend(struct fold *fold, const struct tally_key *self, struct tally_party *parties)
{
    fold_init(fold, self, parties, PARTIES);
    fold->discrepancies = discrepancies_new(self, CASES);
    fold->schemas = schemas_new(SCHEMAS);
    assert(fold->discrepancies != NULL && fold->schemas != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tally_key self = {{1}}, other = {{2}};
    struct tally_party parties[3][PARTIES];
    struct fold folds[3];
    struct tally_hash hashes[3], empty;
    for (unsigned i = 0; i < 3; i++)
        lend(&folds[i], &self, parties[i]);
    fold_hash(&folds[2], &empty);
    for (uint64_t index = 0; size >= 2; index++) {
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        const struct tally_bytes type = bytes_text(types[data[0] % (sizeof types / sizeof *types)]);
        const struct tally_bytes body = bytes_of(data + 2, length);
        again(type, body);
        enum fold_verdict verdict = fold_take(&folds[0], &self, type, body, index);
        enum fold_verdict same = fold_take(&folds[1], &self, type, body, index);
        enum fold_verdict foreign = fold_take(&folds[2], &other, type, body, index);
        assert(verdict == same && foreign != FOLD_TAKEN);
        assert(fold_holds(&folds[0]));
        data += 2 + length;
        size -= 2 + length;
    }
    for (unsigned i = 0; i < 3; i++)
        fold_hash(&folds[i], &hashes[i]);
    assert(hash_equal(&hashes[0], &hashes[1]) && hash_equal(&hashes[2], &empty));
    ask_all(&folds[0]);
    for (unsigned i = 0; i < 3; i++) {
        free(folds[i].discrepancies);
        free(folds[i].schemas);
    }
    return 0;
}

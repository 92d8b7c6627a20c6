/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of statements, as an issuer may write any bytes: the input is a log of them, each a byte
 * for the type and one for the size in front. What is read is written again as the same bytes;
 * whatever is folded, the invariants hold, a second fold of the same log comes to the same, and
 * another issuer's log to nothing but what it says of agreements with us, whichever log came first.
 */
#include "core/base/bytes.h"
#include "core/federation/admission.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTIES = 6, CASES = 4, SCHEMAS = 3 };

static const char *const types[] = {"fed_admit",          "fed_level",
                                    "fed_withdraw",       "fed_mode",
                                    "SYNC_EVENT",         "SYNC_CONFIRMED",
                                    "fed_later",          "fed_trust_proposal",
                                    "fed_trust_accepted", "fed_trust_established",
                                    "fed_trust_rejected", "fed_trust_retracted",
                                    "fed_trust_revoked",  "fed_discrepancy",
                                    "fed_resolution",     "fed_arbitration",
                                    "fed_schema",         "fed_schema_sync",
                                    "fed_cross_anchor",   "fed_keys",
                                    "fed_revoke",         "fed_succeed",
                                    "fed_witness",        "fed_witness_url",
                                    "fed_policy"};

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

static const struct tally_key self = {{1}}, other = {{2}};

/* The same statements as ours, as the other's, or as both, one log after the other. */
enum reading { OURS, OURS_AGAIN, FOREIGN, OURS_FIRST, THEIRS_FIRST, READINGS };

struct reader {
    struct fold fold;
    struct tally_party parties[PARTIES];
    struct agreement_pair pairs[PARTIES];
};

static void take(struct reader *reader, bool ours, struct tally_bytes type, struct tally_bytes body,
                 uint64_t index)
{
    /* Stands for the receipt's hash: small, so that an input can name it. */
    const struct agreement_place place = {.index = index, .receipt = {{(uint8_t)index}}};
    if (ours)
        (void)fold_take_at(&reader->fold, &self, type, body, &place);
    else
        fold_hear(&reader->fold, &other, type, body, &place);
    assert(fold_holds(&reader->fold));
}

/* The whole input as one log. */
static void read_log(struct reader *reader, bool ours, const uint8_t *data, size_t size)
{
    for (uint64_t index = 0; size >= 2; index++) {
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        const struct tally_bytes type = bytes_text(types[data[0] % (sizeof types / sizeof *types)]);
        const struct tally_bytes body = bytes_of(data + 2, length);
        again(type, body);
        take(reader, ours, type, body, index);
        data += 2 + length;
        size -= 2 + length;
    }
}

/* What another says in its own log makes nobody ours, whatever it is. */
static void read_foreign(struct reader *reader, const uint8_t *data, size_t size)
{
    for (uint64_t index = 0; size >= 2; index++) {
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        const struct tally_bytes type = bytes_text(types[data[0] % (sizeof types / sizeof *types)]);
        assert(fold_take(&reader->fold, &other, type, bytes_of(data + 2, length), index) !=
               FOLD_TAKEN);
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reader readers[READINGS];
    struct tally_hash hashes[READINGS], deals[READINGS], empty;
    for (unsigned i = 0; i < READINGS; i++) {
        fold_init(&readers[i].fold, &self, readers[i].parties, PARTIES);
        fold_lend(&readers[i].fold, readers[i].pairs, PARTIES);
        readers[i].fold.discrepancies = discrepancies_new(&self, CASES);
        readers[i].fold.schemas = schemas_new(SCHEMAS);
    }
    fold_hash(&readers[FOREIGN].fold, &empty);
    read_log(&readers[OURS], true, data, size);
    read_log(&readers[OURS_AGAIN], true, data, size);
    read_foreign(&readers[FOREIGN], data, size);
    read_log(&readers[OURS_FIRST], true, data, size);
    read_log(&readers[OURS_FIRST], false, data, size);
    read_log(&readers[THEIRS_FIRST], false, data, size);
    read_log(&readers[THEIRS_FIRST], true, data, size);
    for (unsigned i = 0; i < READINGS; i++) {
        fold_hash(&readers[i].fold, &hashes[i]);
        agreements_hash(&readers[i].fold.agreements, &deals[i]);
        ask_all(&readers[i].fold);
    }
    assert(hash_equal(&hashes[OURS], &hashes[OURS_AGAIN]));
    assert(hash_equal(&deals[OURS], &deals[OURS_AGAIN]));
    assert(hash_equal(&hashes[FOREIGN], &empty));
    assert(hash_equal(&hashes[OURS], &hashes[OURS_FIRST]));
    assert(hash_equal(&hashes[OURS], &hashes[THEIRS_FIRST]));
    assert(hash_equal(&deals[OURS_FIRST], &deals[THEIRS_FIRST]));
    for (unsigned i = 0; i < READINGS; i++) {
        discrepancies_free(readers[i].fold.discrepancies);
        schemas_free(readers[i].fold.schemas);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which proposals a party answers: its policy, what that refuses, and what sharing by one means. */
#include "support/cmocka.h"

#include "deals.h"

#include <stdlib.h>

static struct fed_statement policy(bool accepts, enum tally_trust level, bool mutual)
{
    return (struct fed_statement){
        .kind = FED_POLICY,
        .policy = {.accepts = accepts, .level = (uint8_t)level, .mutual = mutual}};
}

static void what_is_stated_last_counts(void **state)
{
    struct teller teller;
    struct tally_hash unsaid, before, after;
    teller_init(&teller, 'a', 8);
    fold_hash(&teller.fold, &unsaid);
    assert_true(teller.fold.reception.accepts && !teller.fold.reception.said);
    /* What holds anyway may be stated, once. */
    struct fed_statement said = policy(true, TALLY_TRUST_OBSERVE, false);
    assert_int_equal(says(&teller, &said), FOLD_TAKEN);
    assert_int_equal(says(&teller, &said), FOLD_FORBIDDEN);
    fold_hash(&teller.fold, &before);
    assert_false(hash_equal(&unsaid, &before));
    said = policy(false, TALLY_TRUST_ATTEST, true);
    assert_int_equal(says_as(&teller, 'b', &said), FOLD_FOREIGN);
    assert_int_equal(says(&teller, &said), FOLD_TAKEN);
    fold_hash(&teller.fold, &after);
    assert_false(hash_equal(&after, &before));
    const struct reception *now = &teller.fold.reception;
    assert_true(now->said && !now->accepts && now->mutual && now->least == TALLY_TRUST_ATTEST);
    fold_reset(&teller.fold);
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&after, &unsaid));
}

static void the_table_of_refusals(void **state)
{
    static const struct {
        struct reception reception;
        struct suit suit;
        enum tally_refusal refusal;
    } cases[] = {
        {{.accepts = true, .least = 1}, {false, 1, 3}, TALLY_REFUSAL_NONE},
        {{.accepts = true, .least = 1}, {false, 1, 1}, TALLY_REFUSAL_NONE},
        {{.accepts = true, .least = 2}, {false, 1, 3}, TALLY_REFUSAL_LEVEL},
        {{.accepts = true, .least = 2}, {false, 2, 3}, TALLY_REFUSAL_NONE},
        {{.accepts = true, .least = 2}, {true, 1, 3}, TALLY_REFUSAL_LEVEL},
        {{.accepts = false, .least = 1}, {false, 4, 3}, TALLY_REFUSAL_CLOSED},
        {{.accepts = false, .least = 1}, {true, 4, 3}, TALLY_REFUSAL_NONE},
        {{.accepts = false, .least = 3, .mutual = true}, {true, 2, 1}, TALLY_REFUSAL_LEVEL},
        {{.accepts = true, .least = 1, .mutual = true}, {false, 4, 1}, TALLY_REFUSAL_ONE_SIDED},
        {{.accepts = true, .least = 1, .mutual = true}, {false, 4, 2}, TALLY_REFUSAL_ONE_SIDED},
        {{.accepts = true, .least = 1, .mutual = true}, {false, 4, 3}, TALLY_REFUSAL_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(reception_refuses(&cases[i].reception, &cases[i].suit), cases[i].refusal);
    for (enum tally_refusal one = TALLY_REFUSAL_NONE; one < TALLY_REFUSALS; one++) {
        assert_string_not_equal(tally_refusal_name(one), "unknown");
        assert_string_not_equal(tally_refusal_text(one), "unknown");
    }
}

static struct reception heard(struct reader *reader, char whom)
{
    const struct tally_key key = key_of(whom);
    const struct reception *found = receptions_find(reader->fold.receptions, &key);
    return found != NULL ? *found : reception_unsaid();
}

/* Policies of two others and an offer: whatever log comes first, the same is known. */
static void any_order_of_logs(void **state)
{
    static const char *const orders[] = {"abc", "acb", "bac", "bca", "cab", "cba"};
    struct scribe logs[3];
    struct tally_hash trust, agreed, first_trust, first_agreed;
    for (unsigned i = 0; i < 3; i++)
        scribe_init(&logs[i], (char)('a' + (int)i));
    struct fed_statement said = policy(true, TALLY_TRUST_VERIFY, true);
    (void)writes(&logs[0], &said);
    said = policy(false, TALLY_TRUST_ATTEST, false);
    (void)writes(&logs[1], &said);
    const struct tally_hash offer = proposes(&logs[1], 'a', "audit");
    said = policy(true, TALLY_TRUST_INTEGRATE, true);
    (void)writes(&logs[1], &said);
    said = policy(true, TALLY_TRUST_VERIFY, false);
    (void)writes(&logs[2], &said);
    said = (struct fed_statement){.kind = FED_REJECT,
                                  .party = key_of('b'),
                                  .about = offer,
                                  .refusal = TALLY_REFUSAL_ONE_SIDED};
    (void)writes(&logs[0], &said);
    for (unsigned i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct reader reader;
        reader_init(&reader, 'a', 16);
        reader.fold.receptions = receptions_new(4);
        for (const char *one = orders[i]; *one != '\0'; one++)
            reads(&reader, &logs[*one - 'a']);
        assert_int_equal(heard(&reader, 'b').least, TALLY_TRUST_INTEGRATE);
        assert_int_equal(heard(&reader, 'c').least, TALLY_TRUST_VERIFY);
        assert_int_equal(reader.fold.refusals[TALLY_REFUSAL_ONE_SIDED], 1);
        const struct agreement_pair *pair = agreements_find(&reader.fold.agreements, &logs[1].key);
        assert_int_equal(agreement_proposal(pair, false, (struct tally_wall){0}),
                         TALLY_PROPOSAL_REJECTED);
        assert_int_equal(pair->ours.answer.refusal, TALLY_REFUSAL_ONE_SIDED);
        fold_hash(&reader.fold, &trust);
        agreements_hash(&reader.fold.agreements, &agreed);
        if (i == 0) {
            first_trust = trust;
            first_agreed = agreed;
        }
        assert_true(hash_equal(&trust, &first_trust) && hash_equal(&agreed, &first_agreed));
        /* Of a log that is heard anew nothing is left from before. */
        fold_forget(&reader.fold, &logs[1].key);
        assert_false(heard(&reader, 'b').said);
        free(reader.fold.receptions);
    }
}

/* The one who was refused sees why in the other's log, and what the other would take. */
static void the_proposer_sees_why(void **state)
{
    struct scribe a, b;
    struct reader reader;
    scribe_init(&a, 'a');
    scribe_init(&b, 'b');
    const struct tally_hash offer = proposes(&a, 'b', "audit");
    struct fed_statement said = policy(true, TALLY_TRUST_ATTEST, false);
    (void)writes(&b, &said);
    said = (struct fed_statement){
        .kind = FED_REJECT, .party = key_of('a'), .about = offer, .refusal = TALLY_REFUSAL_LEVEL};
    (void)writes(&b, &said);
    reader_init(&reader, 'a', 16);
    reader.fold.receptions = receptions_new(1);
    reads(&reader, &b);
    reads(&reader, &a);
    const struct agreement_pair *pair = agreements_find(&reader.fold.agreements, &b.key);
    assert_int_equal(agreement_proposal(pair, true, (struct tally_wall){0}),
                     TALLY_PROPOSAL_REJECTED);
    assert_int_equal(pair->theirs.answer.refusal, TALLY_REFUSAL_LEVEL);
    assert_int_equal(heard(&reader, 'b').least, TALLY_TRUST_ATTEST);
    free(reader.fold.receptions);
}

/* By what one side alone shares, its logs are read, and the other's are not. */
static void one_side_shares(void **state)
{
    static const struct {
        uint8_t shares;
        bool proposers, acceptors;
    } cases[] = {
        {TERMS_BOTH, true, true}, {TERMS_PROPOSER, true, false}, {TERMS_ACCEPTOR, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scribe a, b;
        struct reader reader;
        scribe_init(&a, 'a');
        scribe_init(&b, 'b');
        const struct fed_statement strict = {.kind = FED_MODE, .mode = TALLY_MODE_STRICT};
        struct fed_statement said = offer_to('b', "audit");
        said.agreement.terms.shares = cases[i].shares;
        (void)writes(&a, &strict);
        const struct tally_hash offer = writes(&a, &said);
        (void)writes(&b, &strict);
        (void)accepts(&b, &a, offer);
        (void)establishes(&a, offer);
        const struct admission_log as = {.issuer = &a.key, .name_space = bytes_text("audit")};
        const struct admission_log bs = {.issuer = &b.key, .name_space = bytes_text("audit")};
        (void)between(&reader, 'a', &a, &b);
        assert_int_equal(admission_show(&reader.fold, &b.key, &as) == TALLY_DROP_NONE,
                         cases[i].proposers);
        assert_int_equal(admission_take(&reader.fold, &b.key, &bs) == TALLY_DROP_NONE,
                         cases[i].acceptors);
        (void)between(&reader, 'b', &b, &a);
        assert_int_equal(admission_take(&reader.fold, &a.key, &as) == TALLY_DROP_NONE,
                         cases[i].proposers);
        assert_int_equal(admission_show(&reader.fold, &a.key, &bs) == TALLY_DROP_NONE,
                         cases[i].acceptors);
        assert_int_equal(terms_turned(terms_turned(cases[i].shares)), cases[i].shares);
    }
    assert_int_equal(terms_turned(TERMS_PROPOSER), TERMS_ACCEPTOR);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stated_last_counts),
        cmocka_unit_test(the_table_of_refusals),
        cmocka_unit_test(any_order_of_logs),
        cmocka_unit_test(the_proposer_sees_why),
        cmocka_unit_test(one_side_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

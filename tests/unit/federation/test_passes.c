/* SPDX-License-Identifier: Apache-2.0 */
/* What passes between two by what they agreed or negotiate, beside the list; and what does not. */
#include "support/cmocka.h"

#include "deals.h"

#define NONE      TALLY_DROP_NONE
#define STRANGER  TALLY_DROP_UNADMITTED
#define WITHDRAWN TALLY_DROP_WITHDRAWN
#define LEVEL     TALLY_DROP_LEVEL

static struct scribe a, b;
static struct reader view;

static int setup(void **state)
{
    scribe_init(&a, 'a');
    scribe_init(&b, 'b');
    const struct fed_statement strict = {.kind = FED_MODE, .mode = TALLY_MODE_STRICT};
    (void)writes(&a, &strict);
    return 0;
}

/* As a, whose list says what its log says, sees it at that time. */
static void look(int64_t clock_us)
{
    (void)between(&view, 'a', &a, &b);
    view.fold.agreements.clock.us = clock_us;
}

/* Each of our, their and a third party's logs, shown to and taken from b; and what b may. */
static void passes(enum tally_drop statements, enum tally_drop audit, enum tally_drop third,
                   enum tally_drop acts, enum tally_drop states)
{
    const struct tally_key c = key_of('c');
    const struct fold *fold = &view.fold;
    const struct admission_log ours = admission_log(&a.key, TALLY_STATEMENTS),
                               theirs = admission_log(&b.key, TALLY_STATEMENTS),
                               others = admission_log(&c, TALLY_STATEMENTS),
                               our_audit = admission_log(&a.key, "audit"),
                               their_audit = admission_log(&b.key, "audit"),
                               third_audit = admission_log(&c, "audit"),
                               secret = admission_log(&a.key, "secret"),
                               their_secret = admission_log(&b.key, "secret"),
                               third_secret = admission_log(&c, "secret");
    assert_int_equal(admission_show(fold, &b.key, &ours), statements);
    assert_int_equal(admission_take(fold, &b.key, &theirs), statements);
    assert_int_equal(admission_show(fold, &b.key, &our_audit), audit);
    assert_int_equal(admission_take(fold, &b.key, &their_audit), audit);
    assert_int_equal(admission_show(fold, &b.key, &third_audit), third);
    assert_int_equal(admission_take(fold, &b.key, &third_audit), third);
    for (enum admission_act act = ADMISSION_LINK; act <= ADMISSION_PROPOSE; act++)
        assert_int_equal(admission(fold, &b.key, act), acts);
    assert_int_equal(admission(fold, &b.key, ADMISSION_STATE), states);
    /* Never, by any agreement. */
    assert_int_not_equal(admission_show(fold, &b.key, &others), NONE);
    assert_int_not_equal(admission_take(fold, &b.key, &others), NONE);
    assert_int_not_equal(admission_show(fold, &b.key, &secret), NONE);
    assert_int_not_equal(admission_take(fold, &b.key, &their_secret), NONE);
    assert_int_not_equal(admission_take(fold, &b.key, &third_secret), NONE);
    assert_int_not_equal(admission(fold, &b.key, ADMISSION_MIRROR), NONE);
    assert_int_not_equal(admission(fold, &b.key, ADMISSION_CARRY), NONE);
    /* Nor does it help anybody else. */
    assert_int_equal(admission(fold, &c, ADMISSION_LINK), STRANGER);
    assert_int_equal(admission_show(fold, &c, &ours), STRANGER);
}

static void from_the_first_word_to_after_the_end(void **state)
{
    look(0);
    passes(STRANGER, STRANGER, STRANGER, STRANGER, STRANGER);
    /* What a stranger offers opens nothing. */
    proposes(&b, 'a', "audit");
    look(0);
    passes(STRANGER, STRANGER, STRANGER, STRANGER, STRANGER);
    struct tally_hash offer = proposes(&a, 'b', "audit");
    look(DAY);
    passes(NONE, STRANGER, STRANGER, NONE, STRANGER);
    struct tally_hash agreement = accepts(&b, &a, offer);
    look(DAY);
    passes(NONE, STRANGER, STRANGER, NONE, STRANGER); /* Signed by one. */
    establishes(&a, offer);
    look(DAY);
    passes(NONE, NONE, STRANGER, NONE, NONE);
    look(400 * DAY);
    passes(NONE, NONE, STRANGER, NONE, NONE);
    revokes(&b, 'a', agreement, 401 * DAY);
    look(400 * DAY);
    passes(NONE, NONE, STRANGER, NONE, STRANGER); /* Reading only. */
    look(401 * DAY);
    passes(NONE, STRANGER, STRANGER, NONE, STRANGER); /* It may still learn why. */
    look(432 * DAY);
    passes(STRANGER, STRANGER, STRANGER, STRANGER, STRANGER);
}

static void an_offer_that_nobody_answers_closes_again(void **state)
{
    proposes(&a, 'b', "audit");
    look(29 * DAY);
    passes(NONE, STRANGER, STRANGER, NONE, STRANGER);
    look(31 * DAY);
    passes(STRANGER, STRANGER, STRANGER, STRANGER, STRANGER);
}

static void at_integrate_logs_of_strangers_too(void **state)
{
    struct fed_statement said = offer_to('b', "audit");
    said.agreement.level = TALLY_TRUST_INTEGRATE;
    struct tally_hash offer = writes(&a, &said);
    accepts(&b, &a, offer);
    establishes(&a, offer);
    look(DAY);
    passes(NONE, NONE, NONE, NONE, NONE);
}

/* What the list says of a party itself is above what was agreed with it. */
static void no_agreement_outlives_the_list(void **state)
{
    struct tally_hash offer = proposes(&a, 'b', "audit");
    accepts(&b, &a, offer);
    establishes(&a, offer);
    const struct fed_statement admit = {.kind = FED_ADMIT,
                                        .party = b.key,
                                        .level = TALLY_TRUST_OBSERVE,
                                        .has_roles = true,
                                        .roles = TALLY_ROLE_ANNOUNCE};
    (void)writes(&a, &admit);
    look(DAY);
    assert_int_equal(admission(&view.fold, &b.key, ADMISSION_STATE), NONE);
    assert_int_equal(admission(&view.fold, &b.key, ADMISSION_REQUEST), NONE);
    const struct fed_statement isolate = {
        .kind = FED_LEVEL, .party = b.key, .level = TALLY_TRUST_ISOLATED};
    (void)writes(&a, &isolate);
    look(DAY);
    assert_int_equal(admission(&view.fold, &b.key, ADMISSION_LINK), LEVEL);
    const struct fed_statement withdraw = {.kind = FED_WITHDRAW, .party = b.key};
    (void)writes(&a, &withdraw);
    look(DAY);
    passes(WITHDRAWN, WITHDRAWN, WITHDRAWN, WITHDRAWN, WITHDRAWN);
}

/* A revocation may be what could not be read. */
static void what_is_lost_ends_it(void **state)
{
    struct tally_hash offer = proposes(&a, 'b', "audit");
    accepts(&b, &a, offer);
    establishes(&a, offer);
    look(DAY);
    assert_int_equal(agreements_verify_s(&view.fold.agreements, &b.key), 3600);
    agreements_lost(&view.fold.agreements, &b.key);
    assert_int_equal(agreements_verify_s(&view.fold.agreements, &b.key), 0);
    passes(NONE, STRANGER, STRANGER, NONE, STRANGER);
}

static uint32_t retention(const struct tally_key *issuer, const char *name_space)
{
    return agreements_retention_days(&view.fold.agreements, view.fold.revoked, issuer,
                                     bytes_text(name_space));
}

/* The longest of what was agreed counts, for scrolls that were, and after the end as well. */
static void bodies_are_kept_as_long_as_was_agreed(void **state)
{
    struct fed_statement said = offer_to('b', "audit");
    said.agreement.terms.retention_days = 30;
    struct tally_hash offer = writes(&a, &said);
    look(DAY);
    assert_int_equal(retention(&b.key, "audit"), 0); /* Nothing was agreed yet. */
    accepts(&b, &a, offer);
    struct tally_hash agreement = establishes(&a, offer);
    look(DAY);
    assert_int_equal(retention(&b.key, "audit"), 30);
    assert_int_equal(retention(&b.key, "drills"), 0);
    const struct tally_key stranger = key_of('z');
    assert_int_equal(retention(&stranger, "audit"), 0);
    said.agreement.terms.retention_days = 0;
    said.agreement.has_replaces = true;
    said.agreement.replaces = agreement;
    offer = writes(&a, &said);
    accepts(&b, &a, offer);
    establishes(&a, offer);
    look(DAY);
    assert_int_equal(retention(&b.key, "audit"), 0); /* For ever, now. */
}

/* What we signed ourselves at level attest is as good as our list, until we revoke it, or put the
   party aside; the other's word is not waited for. */
static void who_signed_at_attest_is_trusted_so_far(void **state)
{
    struct fed_statement said = offer_to('b', "audit");
    said.agreement.level = TALLY_TRUST_ATTEST;
    struct tally_hash offer = writes(&a, &said);
    accepts(&b, &a, offer);
    look(DAY);
    assert_false(fold_trusts(&view.fold, &b.key, TALLY_TRUST_OBSERVE)); /* We did not sign. */
    struct tally_hash agreement = establishes(&a, offer);
    look(DAY);
    assert_true(fold_trusts(&view.fold, &b.key, TALLY_TRUST_ATTEST));
    assert_false(fold_trusts(&view.fold, &b.key, TALLY_TRUST_INTEGRATE));
    const struct fed_statement admit = {
        .kind = FED_ADMIT, .party = b.key, .level = TALLY_TRUST_OBSERVE};
    (void)writes(&a, &admit);
    look(DAY);
    assert_true(fold_trusts(&view.fold, &b.key, TALLY_TRUST_ATTEST));
    const struct fed_statement withdraw = {.kind = FED_WITHDRAW, .party = b.key};
    (void)writes(&a, &withdraw);
    look(DAY);
    assert_false(fold_trusts(&view.fold, &b.key, TALLY_TRUST_OBSERVE));
    (void)writes(&a, &admit);
    revokes(&a, 'b', agreement, 30 * DAY);
    look(DAY);
    assert_false(fold_trusts(&view.fold, &b.key, TALLY_TRUST_VERIFY));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(from_the_first_word_to_after_the_end, setup),
        cmocka_unit_test_setup(an_offer_that_nobody_answers_closes_again, setup),
        cmocka_unit_test_setup(at_integrate_logs_of_strangers_too, setup),
        cmocka_unit_test_setup(no_agreement_outlives_the_list, setup),
        cmocka_unit_test_setup(what_is_lost_ends_it, setup),
        cmocka_unit_test_setup(who_signed_at_attest_is_trusted_so_far, setup),
        cmocka_unit_test_setup(bodies_are_kept_as_long_as_was_agreed, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Agreements: each move from each state, seen alike from both sides, and liars. */
#include "support/cmocka.h"

#include "deals.h"

#include <stdlib.h>

static struct scribe a, b;
static struct reader mine, theirs;

static int setup(void **state)
{
    scribe_init(&a, 'a');
    scribe_init(&b, 'b');
    return 0;
}

static const struct tally_wall soon = {DAY}, late = {8 * DAY};

/* The offer that `a` made, as both see it: the same. */
static enum tally_proposal_state seen(struct tally_wall clock)
{
    const struct agreement_pair *one = between(&mine, 'a', &a, &b);
    const struct agreement_pair *other = between(&theirs, 'b', &b, &a);
    enum tally_proposal_state state =
        one != NULL ? agreement_proposal(one, true, clock) : TALLY_PROPOSAL_NONE;
    assert_int_equal(other != NULL ? agreement_proposal(other, false, clock) : TALLY_PROPOSAL_NONE,
                     state);
    return state;
}

/* What holds, as both see it: the same agreement. */
static enum tally_agreement_state held(struct tally_wall clock, struct tally_hash *agreement)
{
    struct bond one, other;
    agreement_bond(between(&mine, 'a', &a, &b), clock, &one);
    agreement_bond(between(&theirs, 'b', &b, &a), clock, &other);
    assert_int_equal(one.state, other.state);
    assert_int_equal(one.level, other.level);
    if (one.state != TALLY_AGREEMENT_NONE) {
        assert_true(hash_equal(&one.signature->agreement, &other.signature->agreement));
        assert_int_equal(one.effective.us, other.effective.us);
        *agreement = one.signature->agreement;
    }
    return one.state;
}

/* ---- A party that is proven to have forked a log. ---- */

static struct fed_statement accuses(char party, enum tally_discrepancy type)
{
    struct fed_statement said = {.kind = FED_DISCREPANCY};
    said.discrepancy.type = (uint8_t)type;
    said.discrepancy.party = key_of(party);
    said.discrepancy.has_log = true;
    memset(&said.discrepancy.log, (int)type, sizeof said.discrepancy.log);
    return said;
}

static struct fed_statement resolves(uint64_t subject)
{
    struct fed_statement said = {.kind = FED_RESOLUTION};
    said.resolution.subject = subject;
    said.resolution.outcome = TALLY_OUTCOME_MANUAL;
    said.resolution.final = true;
    return said;
}

/* As a sees it once it has read so much of its own log and all of b's, in that order or the other
   way round, or line by line in turn. */
static void holds_whatever_came_first(unsigned lines, enum tally_agreement_state state,
                                      enum tally_trust level)
{
    for (unsigned order = 0; order < 3; order++) {
        struct bond bond;
        reader_init(&mine, 'a', 16);
        mine.fold.discrepancies = discrepancies_new(&a.key, 16);
        unsigned most = lines > b.count ? lines : b.count;
        for (unsigned i = 0; order == 1 && i < b.count; i++)
            reads_line(&mine, &b, i);
        for (unsigned i = 0; order < 2 && i < lines; i++)
            reads_line(&mine, &a, i);
        for (unsigned i = 0; order == 0 && i < b.count; i++)
            reads_line(&mine, &b, i);
        for (unsigned i = 0; order == 2 && i < most; i++) {
            if (i < b.count)
                reads_line(&mine, &b, i);
            if (i < lines)
                reads_line(&mine, &a, i);
        }
        agreement_bond(agreements_find(&mine.fold.agreements, &b.key), soon, &bond);
        assert_int_equal(bond.state, state);
        assert_int_equal(bond.level, level);
        assert_true(bond.talks);
        assert_int_equal(agreements_pledged(&mine.fold.agreements, &b.key), level);
        discrepancies_free(mine.fold.discrepancies);
        mine.fold.discrepancies = NULL;
    }
}

static void a_proven_fork_suspends_what_was_agreed(void **state)
{
    struct fed_statement said = accuses('b', TALLY_DISCREPANCY_FORK);
    struct tally_hash offer = proposes(&a, 'b', "audit");
    accepts(&b, &a, offer);
    establishes(&a, offer);
    holds_whatever_came_first(a.count, TALLY_AGREEMENT_ACTIVE, TALLY_TRUST_VERIFY);
    uint64_t fork = a.count;
    (void)writes(&a, &said);
    said = accuses('c', TALLY_DISCREPANCY_FORK);
    uint64_t other = a.count;
    (void)writes(&a, &said);
    said = accuses('b', TALLY_DISCREPANCY_ROOT_MISMATCH);
    (void)writes(&a, &said);
    holds_whatever_came_first(a.count, TALLY_AGREEMENT_SUSPENDED, TALLY_TRUST_ISOLATED);
    said = resolves(other);
    (void)writes(&a, &said);
    holds_whatever_came_first(a.count, TALLY_AGREEMENT_SUSPENDED, TALLY_TRUST_ISOLATED);
    said = resolves(fork);
    (void)writes(&a, &said);
    holds_whatever_came_first(a.count, TALLY_AGREEMENT_ACTIVE, TALLY_TRUST_VERIFY);
    /* Not before it is stated, and what is less than a fork is no reason. */
    holds_whatever_came_first((unsigned)fork, TALLY_AGREEMENT_ACTIVE, TALLY_TRUST_VERIFY);
}

/* One that was proven before anything was agreed: it is suspended from its first day. */
static void who_forked_before_is_suspended_from_the_start(void **state)
{
    const struct fed_statement said = accuses('b', TALLY_DISCREPANCY_FORK);
    (void)writes(&a, &said);
    struct tally_hash offer = proposes(&a, 'b', "audit");
    accepts(&b, &a, offer);
    establishes(&a, offer);
    holds_whatever_came_first(a.count, TALLY_AGREEMENT_SUSPENDED, TALLY_TRUST_ISOLATED);
}

static void every_state_of_a_proposal(void **state)
{
    struct tally_hash offer = proposes(&a, 'b', "audit");
    assert_int_equal(seen(soon), TALLY_PROPOSAL_OPEN);
    assert_int_equal(seen(late), TALLY_PROPOSAL_EXPIRED);
    accepts(&b, &a, offer);
    assert_int_equal(seen(soon), TALLY_PROPOSAL_ACCEPTED);
    assert_int_equal(seen(late), TALLY_PROPOSAL_EXPIRED);
    establishes(&a, offer);
    /* Once both signed, no clock undoes it. */
    assert_int_equal(seen(soon), TALLY_PROPOSAL_AGREED);
    assert_int_equal(seen(late), TALLY_PROPOSAL_AGREED);
}

static void what_both_say_of_an_offer(void **state)
{
    static const struct {
        bool retracts, signs;
        enum fed_kind answer;
        enum tally_proposal_state state;
    } cases[] = {
        {false, false, FED_UNKNOWN, TALLY_PROPOSAL_OPEN},
        {false, false, FED_ACCEPT, TALLY_PROPOSAL_ACCEPTED},
        {false, false, FED_REJECT, TALLY_PROPOSAL_REJECTED},
        {false, false, FED_PROPOSE, TALLY_PROPOSAL_COUNTERED},
        {true, false, FED_UNKNOWN, TALLY_PROPOSAL_WITHDRAWN},
        {true, false, FED_ACCEPT, TALLY_PROPOSAL_WITHDRAWN}, /* Taken back, and accepted since. */
        {true, false, FED_REJECT, TALLY_PROPOSAL_WITHDRAWN},
        {true, false, FED_PROPOSE, TALLY_PROPOSAL_WITHDRAWN},
        {false, true, FED_UNKNOWN, TALLY_PROPOSAL_SIGNED}, /* By a liar: nobody accepted. */
        {false, true, FED_ACCEPT, TALLY_PROPOSAL_AGREED},
        {false, true, FED_REJECT, TALLY_PROPOSAL_REJECTED},
        {false, true, FED_PROPOSE, TALLY_PROPOSAL_COUNTERED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally_hash agreement;
        (void)setup(NULL);
        struct tally_hash offer = proposes(&a, 'b', "audit");
        if (cases[i].retracts)
            answers(&a, FED_RETRACT, 'b', offer);
        if (cases[i].signs)
            establishes(&a, offer);
        if (cases[i].answer == FED_ACCEPT)
            accepts(&b, &a, offer);
        if (cases[i].answer == FED_REJECT)
            answers(&b, FED_REJECT, 'a', offer);
        if (cases[i].answer == FED_PROPOSE)
            counters(&b, 'a', "drills", offer);
        assert_int_equal(seen(soon), cases[i].state);
        bool agreed = cases[i].state == TALLY_PROPOSAL_AGREED;
        assert_int_equal(held(soon, &agreement),
                         agreed ? TALLY_AGREEMENT_ACTIVE : TALLY_AGREEMENT_NONE);
    }
}

static void any_number_of_rounds(void **state)
{
    struct tally_hash last = proposes(&a, 'b', "audit"), agreement;
    for (unsigned round = 0; round < 10; round++) {
        last = counters(&b, 'a', "drills", last);
        last = counters(&a, 'b', "audit", last);
    }
    assert_int_equal(seen(soon), TALLY_PROPOSAL_OPEN);
    struct tally_hash hash = accepts(&b, &a, last);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_NONE);
    establishes(&a, last);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_ACTIVE);
    assert_true(hash_equal(&hash, &agreement));
    /* One place a side, whatever the number of rounds. */
    assert_int_equal(mine.fold.agreements.count, 1);
}

/* Both are accepted: the smaller hash holds, on both sides, whoever was first. */
static void proposals_that_cross(void **state)
{
    struct tally_hash p = proposes(&a, 'b', "audit"), q = proposes(&b, 'a', "drills"), agreement;
    struct tally_hash one = accepts(&b, &a, p), other = accepts(&a, &b, q);
    establishes(&a, p);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_ACTIVE);
    assert_true(hash_equal(&agreement, &one));
    establishes(&b, q);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_ACTIVE);
    bool smaller = memcmp(one.bytes, other.bytes, 32) < 0;
    assert_true(hash_equal(&agreement, smaller ? &one : &other));
    /* The other does not come back when this one ends. */
    revokes(&a, 'b', agreement, DAY);
    assert_int_equal(held(late, &agreement), TALLY_AGREEMENT_ENDED);
}

static void notice_and_end(void **state)
{
    struct bond bond;
    struct tally_hash p = proposes(&a, 'b', "audit"), agreement;
    struct tally_hash hash = accepts(&b, &a, p);
    establishes(&a, p);
    revokes(&b, 'a', hash, 4 * DAY);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_NOTICE);
    agreement_bond(agreements_find(&mine.fold.agreements, &b.key), soon, &bond);
    assert_int_equal(bond.level, TALLY_TRUST_OBSERVE);
    assert_int_equal(bond.effective.us, 4 * DAY);
    /* The other revokes too: the first of the two ends it. */
    revokes(&a, 'b', hash, 2 * DAY);
    assert_int_equal(held((struct tally_wall){2 * DAY - 1}, &agreement), TALLY_AGREEMENT_NOTICE);
    assert_int_equal(held((struct tally_wall){2 * DAY}, &agreement), TALLY_AGREEMENT_ENDED);
    agreement_bond(agreements_find(&mine.fold.agreements, &b.key), late, &bond);
    assert_int_equal(bond.level, TALLY_TRUST_ISOLATED);
    assert_true(bond.talks); /* It is to learn of it, */
    agreement_bond(agreements_find(&mine.fold.agreements, &b.key), (struct tally_wall){40 * DAY},
                   &bond);
    assert_false(bond.talks); /* and not for ever. */
}

static void amendments(void **state)
{
    struct tally_hash p = proposes(&a, 'b', "audit"), agreement, previous;
    previous = accepts(&b, &a, p);
    establishes(&a, p);
    for (unsigned round = 0; round < 5; round++) {
        struct scribe *from = round % 2 == 0 ? &a : &b, *to = round % 2 == 0 ? &b : &a;
        p = amends(from, round % 2 == 0 ? 'b' : 'a', "drills", previous);
        struct tally_hash next = accepts(to, from, p);
        assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_ACTIVE);
        assert_true(hash_equal(&agreement, &previous)); /* Until both signed the new one. */
        establishes(from, p);
        assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_ACTIVE);
        assert_true(hash_equal(&agreement, &next));
        previous = next;
    }
    /* After an end there is a new beginning, which names what it replaces. */
    revokes(&a, 'b', previous, DAY);
    assert_int_equal(held(late, &agreement), TALLY_AGREEMENT_ENDED);
    p = amends(&a, 'b', "audit", previous);
    accepts(&b, &a, p);
    establishes(&a, p);
    assert_int_equal(held(late, &agreement), TALLY_AGREEMENT_ACTIVE);
}

/* What a party's own log forbids it, whatever others said. */
static void not_permitted_by_its_own_log(void **state)
{
    struct tally_hash p = proposes(&a, 'b', "audit");
    struct tally_hash hash = accepts(&b, &a, p);
    const struct tally_fed_agreement agreement = last_offer(&a, p);
    struct tally_fed_agreement altered = agreement;
    altered.terms.retention_days = 1;
    struct fed_statement counter = offer_to('a', "drills");
    counter.has_about = true;
    counter.about = p;
    const struct {
        const struct scribe *who;
        struct fed_statement said;
        enum agreement_verdict verdict;
    } cases[] = {
        /* A replay: nothing is answered twice. */
        {&b, {.kind = FED_ACCEPT, .agreement = agreement}, AGREEMENT_FORBIDDEN},
        {&b, {.kind = FED_REJECT, .party = a.key, .about = p}, AGREEMENT_FORBIDDEN},
        {&b, counter, AGREEMENT_FORBIDDEN},
        /* Out of role: one's own offer, another's signature. */
        {&a, {.kind = FED_ACCEPT, .agreement = agreement}, AGREEMENT_SELF},
        {&b, {.kind = FED_ESTABLISH, .agreement = agreement}, AGREEMENT_SELF},
        {&a, {.kind = FED_ESTABLISH, .agreement = altered}, AGREEMENT_ALTERED},
        {&a, {.kind = FED_RETRACT, .party = b.key, .about = hash}, AGREEMENT_STALE},
        {&b, {.kind = FED_RETRACT, .party = a.key, .about = p}, AGREEMENT_STALE},
        {&a, {.kind = FED_REVOKE, .party = b.key, .about = hash}, AGREEMENT_STALE}, /* Not yet. */
        {&b, {.kind = FED_PROPOSE, .party = b.key}, AGREEMENT_SELF},
        {&b, {.kind = FED_REVOKE, .party = a.key, .about = hash}, AGREEMENT_TAKEN},
        {&a, {.kind = FED_ESTABLISH, .agreement = agreement}, AGREEMENT_TAKEN},
    };
    (void)between(&mine, 'a', &a, &b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* As it is read: the party of what is signed is the other. */
        struct fed_statement said = cases[i].said;
        if (said.kind == FED_ACCEPT || said.kind == FED_ESTABLISH) {
            said.party = said.kind == FED_ACCEPT ? agreement.proposer : agreement.acceptor;
            said.about = agreement.offer;
        }
        assert_int_equal(agreements_judge(&mine.fold.agreements, &cases[i].who->key, &said),
                         cases[i].verdict);
    }
    /* A third party that signs between two others. */
    const struct tally_key c = key_of('c');
    struct fed_statement said = {.kind = FED_ACCEPT, .party = a.key, .agreement = agreement};
    assert_int_equal(agreements_judge(&mine.fold.agreements, &c, &said), AGREEMENT_ROLE);
    said.party = c;
    assert_int_equal(agreements_judge(&mine.fold.agreements, &b.key, &said), AGREEMENT_ELSEWHERE);
}

/* Before it is said: by what the other side stated, and the clock. */
static void what_is_advised(void **state)
{
    struct tally_hash p = proposes(&a, 'b', "audit");
    struct tally_fed_agreement agreement = last_offer(&a, p);
    struct fed_statement accept = {
        .kind = FED_ACCEPT, .party = a.key, .about = p, .agreement = agreement};
    struct fed_statement reject = {.kind = FED_REJECT, .party = a.key, .about = p};
    struct agreements *view;
    (void)between(&theirs, 'b', &b, &a);
    view = &theirs.fold.agreements;
    view->clock = soon;
    assert_int_equal(agreements_advise(view, &accept), AGREEMENT_TAKEN);
    assert_int_equal(agreements_advise(view, &reject), AGREEMENT_TAKEN);
    view->clock = late;
    assert_int_equal(agreements_advise(view, &accept), AGREEMENT_EXPIRED);
    assert_int_equal(agreements_advise(view, &reject), AGREEMENT_TAKEN);
    view->clock = soon;
    accept.agreement.level = TALLY_TRUST_INTEGRATE;
    assert_int_equal(agreements_advise(view, &accept), AGREEMENT_ALTERED);
    accept.about = accept.agreement.offer = (struct tally_hash){{1}};
    assert_int_equal(agreements_advise(view, &accept), AGREEMENT_STALE);
    answers(&a, FED_RETRACT, 'b', p);
    (void)between(&theirs, 'b', &b, &a);
    assert_int_equal(agreements_advise(view, &reject), AGREEMENT_STALE);
    /* An offer that has expired is none, and one must name what holds. */
    struct fed_statement offer = offer_to('a', "audit");
    offer.until.us = 0;
    assert_int_equal(agreements_advise(view, &offer), AGREEMENT_EXPIRED);
    offer.until.us = DAY;
    assert_int_equal(agreements_advise(view, &offer), AGREEMENT_TAKEN);
    offer.agreement.has_replaces = true;
    assert_int_equal(agreements_advise(view, &offer), AGREEMENT_STALE);
}

/* The proposer's node signs what was accepted on its own terms, in time, and not taken back. */
static void when_the_proposer_signs(void **state)
{
    struct tally_hash p = proposes(&a, 'b', "audit");
    struct tally_fed_agreement altered = last_offer(&a, p);
    const struct agreement_pair *pair = between(&mine, 'a', &a, &b);
    struct agreements *view = &mine.fold.agreements;
    assert_false(agreement_due(view, pair));
    accepts(&b, &a, p);
    pair = between(&mine, 'a', &a, &b);
    assert_true(agreement_due(view, pair));
    view->clock = late;
    assert_false(agreement_due(view, pair));
    answers(&a, FED_RETRACT, 'b', p);
    pair = between(&mine, 'a', &a, &b);
    assert_false(agreement_due(view, pair));
    (void)setup(NULL);
    p = proposes(&a, 'b', "audit");
    altered.offer = p;
    altered.terms.retention_days = 1;
    signs(&b, FED_ACCEPT, &altered);
    pair = between(&mine, 'a', &a, &b);
    assert_int_equal(agreement_proposal(pair, true, soon), TALLY_PROPOSAL_ACCEPTED);
    assert_false(agreement_due(view, pair));
    assert_int_equal(agreement_lie(pair), AGREEMENT_ALTERED);
}

static void of_what_was_never_offered(void **state)
{
    struct tally_hash agreement;
    struct tally_fed_agreement never = {.proposer = key_of('a'),
                                        .acceptor = key_of('b'),
                                        .offer = {{7}},
                                        .level = TALLY_TRUST_INTEGRATE,
                                        .terms = terms_of("audit")};
    signs(&b, FED_ACCEPT, &never);
    proposes(&a, 'b', "audit");
    const struct agreement_pair *pair = between(&mine, 'a', &a, &b);
    assert_false(agreement_due(&mine.fold.agreements, pair));
    assert_int_equal(agreement_lie(pair), AGREEMENT_STALE);
    assert_int_equal(held(soon, &agreement), TALLY_AGREEMENT_NONE);
}

/* Who spoke first has a quarter of the places, and one offer each. */
static void strangers_do_not_fill_a_node(void **state)
{
    struct scribe stranger;
    reader_init(&mine, 'a', 16);
    for (char letter = 'c'; letter < 'p'; letter++) {
        scribe_init(&stranger, letter);
        for (unsigned i = 0; i < 20; i++)
            proposes(&stranger, 'a', "audit");
        reads(&mine, &stranger);
    }
    assert_int_equal(mine.fold.agreements.count, 4);
    assert_int_equal(mine.fold.agreements.counts[AGREEMENT_FULL], 9 * 20);
    /* We may speak to as many others as there are places for. */
    for (char letter = 'A'; letter < 'P'; letter++)
        proposes(&a, letter, "audit");
    reads(&mine, &a);
    assert_int_equal(mine.fold.agreements.count, 16);
    assert_int_equal(mine.fold.agreements.suitors, 4);
    assert_int_equal(mine.fold.counts[FOLD_FULL], 3);
}

static void terms_have_one_form(void **state)
{
    uint8_t body[FED_BODY_MAX];
    struct fed_statement offer = offer_to('b', "audit");
    struct tally_fed_terms *terms = &offer.agreement.terms;
    static const char *const wrong[][2] = {{"b", "a"},       {"a", "a"},   {"a", "federation"},
                                           {"a", "witness"}, {"a", "b c"}, {"a", ""}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        terms->scrolls_count = 2;
        terms->scrolls[0] = bytes_text(wrong[i][0]);
        terms->scrolls[1] = bytes_text(wrong[i][1]);
        assert_int_equal(fed_write(&offer, body), 0);
        assert_int_equal(terms_sort(terms), i == 0);
    }
    terms->scrolls[0] = bytes_text("a");
    terms->scrolls[1] = bytes_text("ab");
    assert_true(fed_write(&offer, body) > 0);
    terms->scrolls_count = 0;
    assert_int_equal(fed_write(&offer, body), 0);
    terms->scrolls_count = 1;
    offer.agreement.level = TALLY_TRUST_ISOLATED;
    assert_int_equal(fed_write(&offer, body), 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_state_of_a_proposal, setup),
        cmocka_unit_test_setup(a_proven_fork_suspends_what_was_agreed, setup),
        cmocka_unit_test_setup(who_forked_before_is_suspended_from_the_start, setup),
        cmocka_unit_test_setup(what_both_say_of_an_offer, setup),
        cmocka_unit_test_setup(any_number_of_rounds, setup),
        cmocka_unit_test_setup(proposals_that_cross, setup),
        cmocka_unit_test_setup(notice_and_end, setup),
        cmocka_unit_test_setup(amendments, setup),
        cmocka_unit_test_setup(not_permitted_by_its_own_log, setup),
        cmocka_unit_test_setup(what_is_advised, setup),
        cmocka_unit_test_setup(when_the_proposer_signs, setup),
        cmocka_unit_test_setup(of_what_was_never_offered, setup),
        cmocka_unit_test_setup(strangers_do_not_fill_a_node, setup),
        cmocka_unit_test_setup(terms_have_one_form, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

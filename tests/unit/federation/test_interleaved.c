/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same logs in any order come to the same: three parties state what they like about each other,
 * liars among them, and every reader folds the logs interleaved in another way each time.
 */
#include "support/cmocka.h"

#include "core/base/random.h"
#include "deals.h"

enum { SEEDS = 1000, ORDERS = 4, STATEMENTS = 30, PARTIES = 3 };

static const char letters[PARTIES] = {'a', 'b', 'c'};
static struct scribe scribes[PARTIES];
static struct reader first, other;

/* Offers that were made, and agreements that somebody signed. */
static struct {
    unsigned proposer;
    struct tally_hash id;
} offers[PARTIES * STATEMENTS];
static struct tally_hash signed_ones[PARTIES * STATEMENTS];
static unsigned offer_count, signed_count;

/* What happened in all seeds together. */
static uint64_t verdicts[AGREEMENT_VERDICT_COUNT], states[TALLY_AGREEMENT_STATES],
    proposals[TALLY_PROPOSAL_STATES], lies[AGREEMENT_VERDICT_COUNT];

static void draw_offer(struct random *chance, unsigned who, char whom)
{
    struct fed_statement said = offer_to(whom, random_below(chance, 2) ? "audit" : "drills");
    said.agreement.terms.retention_days = (uint16_t)random_below(chance, 4);
    said.has_about = offer_count > 0 && random_below(chance, 3) == 0;
    if (said.has_about)
        said.about = offers[random_below(chance, offer_count)].id;
    said.agreement.has_replaces = signed_count > 0 && random_below(chance, 3) == 0;
    if (said.agreement.has_replaces)
        said.agreement.replaces = signed_ones[random_below(chance, signed_count)];
    offers[offer_count].proposer = who;
    offers[offer_count++].id = writes(&scribes[who], &said);
}

/* In the right role or not, whole or altered, offered or not. */
static void draw_signature(struct random *chance, unsigned who)
{
    bool recent = random_below(chance, 3) > 0;
    unsigned at = (unsigned)(recent ? offer_count - 1 : random_below(chance, offer_count));
    struct tally_fed_agreement agreement = last_offer(&scribes[offers[at].proposer], offers[at].id);
    bool proposer = offers[at].proposer == who;
    if (random_below(chance, 8) == 0)
        agreement.terms.retention_days = 77;
    if (random_below(chance, 16) == 0)
        agreement.offer.bytes[0] ^= 1;
    if (random_below(chance, 16) == 0)
        proposer = !proposer;
    signed_ones[signed_count++] =
        signs(&scribes[who], proposer ? FED_ESTABLISH : FED_ACCEPT, &agreement);
}

/* The agreement comes about as between honest ones. */
static void draw_deal(struct random *chance, unsigned who, unsigned whom)
{
    draw_offer(chance, who, letters[whom]);
    struct tally_hash offer = offers[offer_count - 1].id;
    signed_ones[signed_count++] = accepts(&scribes[whom], &scribes[who], offer);
    (void)establishes(&scribes[who], offer);
}

static void replay(struct random *chance, struct scribe *scribe)
{
    const struct fed_statement again =
        read_line(&scribe->lines[random_below(chance, scribe->count)]);
    (void)writes(scribe, &again);
}

static void draw_statement(struct random *chance)
{
    unsigned who = (unsigned)random_below(chance, PARTIES);
    unsigned whom = (who + 1 + (unsigned)random_below(chance, PARTIES - 1)) % PARTIES;
    uint64_t what = random_below(chance, 10);
    if (scribes[who].count > LINES - 4 || scribes[whom].count > LINES - 4)
        return;
    if (what < 2 || offer_count == 0)
        draw_offer(chance, who, letters[whom]);
    else if (what < 5)
        draw_signature(chance, who);
    else if (what < 7)
        draw_deal(chance, who, whom);
    else if (what == 7 && signed_count > 0)
        revokes(&scribes[who], letters[whom], signed_ones[random_below(chance, signed_count)],
                (int64_t)random_below(chance, 8) * DAY);
    else if (what == 8 && scribes[who].count > 0)
        replay(chance, &scribes[who]);
    else
        answers(&scribes[who], random_below(chance, 2) ? FED_REJECT : FED_RETRACT, letters[whom],
                offers[random_below(chance, offer_count)].id);
}

/* All logs, each in its order, in an order among them that chance makes. */
static void read_interleaved(struct reader *reader, struct random *chance, char self)
{
    unsigned at[PARTIES] = {0}, left = 0;
    reader_init(reader, self, 16);
    reader->fold.agreements.clock.us = 4 * DAY;
    for (unsigned i = 0; i < PARTIES; i++)
        left += scribes[i].count;
    while (left > 0) {
        unsigned next = (unsigned)random_below(chance, PARTIES);
        if (at[next] == scribes[next].count)
            continue;
        reads_line(reader, &scribes[next], at[next]++);
        left--;
    }
}

static void compare(const struct reader *one, const struct reader *two)
{
    struct tally_hash a, b;
    agreements_hash(&one->fold.agreements, &a);
    agreements_hash(&two->fold.agreements, &b);
    assert_true(hash_equal(&a, &b));
    assert_memory_equal(one->fold.counts, two->fold.counts, sizeof one->fold.counts);
    assert_memory_equal(one->fold.agreements.counts, two->fold.agreements.counts,
                        sizeof one->fold.agreements.counts);
    assert_int_equal(one->fold.agreements.count, two->fold.agreements.count);
    for (size_t i = 0; i < one->fold.agreements.count; i++)
        assert_int_equal(agreement_lie(&one->pairs[i]), agreement_lie(&two->pairs[i]));
}

static void remember(const struct reader *reader)
{
    for (unsigned i = 0; i < AGREEMENT_VERDICT_COUNT; i++)
        verdicts[i] += reader->fold.agreements.counts[i];
    for (size_t i = 0; i < reader->fold.agreements.count; i++) {
        struct bond bond;
        agreement_bond(&reader->pairs[i], reader->fold.agreements.clock, &bond);
        states[bond.state]++;
        proposals[agreement_proposal(&reader->pairs[i], true, reader->fold.agreements.clock)]++;
        lies[agreement_lie(&reader->pairs[i])]++;
    }
}

/* The other party of each pair sees the same agreement in the same state. */
static void compare_sides(struct reader *one, struct random *chance)
{
    for (unsigned i = 1; i < PARTIES; i++) {
        struct bond mine, theirs;
        read_interleaved(&other, chance, letters[i]);
        const struct tally_key self = key_of('a'), peer = key_of(letters[i]);
        const struct agreement_pair *pair = agreements_find(&one->fold.agreements, &peer);
        const struct agreement_pair *back = agreements_find(&other.fold.agreements, &self);
        assert_int_equal(pair == NULL, back == NULL);
        if (pair == NULL)
            continue;
        agreement_bond(pair, one->fold.agreements.clock, &mine);
        agreement_bond(back, one->fold.agreements.clock, &theirs);
        assert_int_equal(mine.state, theirs.state);
        assert_int_equal(mine.level, theirs.level);
        assert_int_equal(mine.effective.us, theirs.effective.us);
        if (mine.signature != NULL)
            assert_true(hash_equal(&mine.signature->agreement, &theirs.signature->agreement));
    }
}

static void the_order_of_logs_is_nothing(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random chance = {seed};
        offer_count = signed_count = 0;
        for (unsigned i = 0; i < PARTIES; i++)
            scribe_init(&scribes[i], letters[i]);
        for (unsigned i = 0; i < STATEMENTS; i++)
            draw_statement(&chance);
        read_interleaved(&first, &chance, 'a');
        for (unsigned order = 1; order < ORDERS; order++) {
            read_interleaved(&other, &chance, 'a');
            compare(&first, &other);
        }
        remember(&first);
        compare_sides(&first, &chance);
    }
    /* Each refusal and each state was there: else the test would show little. */
    for (enum agreement_verdict verdict = AGREEMENT_TAKEN; verdict < AGREEMENT_EXPIRED; verdict++)
        assert_true(verdict == AGREEMENT_MALFORMED || verdicts[verdict] > SEEDS / 50);
    /* SUSPENDED is by what is held against a party: of that these logs say nothing. */
    for (enum tally_agreement_state s = TALLY_AGREEMENT_NONE; s < TALLY_AGREEMENT_SUSPENDED; s++)
        assert_true(states[s] > SEEDS / 50);
    for (enum tally_proposal_state s = TALLY_PROPOSAL_NONE; s < TALLY_PROPOSAL_EXPIRED; s++)
        assert_true(proposals[s] > 0);
    assert_true(lies[AGREEMENT_ALTERED] > 0 && lies[AGREEMENT_STALE] > 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_logs_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Discrepancies as a fold: every move from every state, who may make it, how many there can be, and
   the same from every order in which the logs of reporter and arbiters are read. */
#include "support/cmocka.h"

#include "core/base/random.h"
#include "core/federation/replay.h"
#include "says.h"

#include <stdlib.h>

enum { CASES = 6 };

/* 'a' reports; b and c are parties, x and y arbiters at level attest, v is only at verify. */
static void bring(struct teller *teller)
{
    const struct tally_key self = key_of('a');
    teller_init(teller, 'a', 8);
    teller->fold.discrepancies = discrepancies_new(&self, CASES);
    assert_non_null(teller->fold.discrepancies);
    for (const char *who = "bcxy"; *who != '\0'; who++)
        assert_int_equal(admits(teller, *who, TALLY_TRUST_ATTEST, 7), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'v', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
}

static void end(struct teller *teller)
{
    discrepancies_free(teller->fold.discrepancies);
}

static struct fed_statement claims(char party, enum tally_discrepancy type, uint8_t log)
{
    struct fed_statement said = {.kind = FED_DISCREPANCY};
    said.discrepancy.type = (uint8_t)type;
    said.discrepancy.party = key_of(party);
    said.discrepancy.has_log = log != 0;
    memset(&said.discrepancy.log, log, sizeof said.discrepancy.log);
    said.discrepancy.has_evidence = true;
    memset(&said.discrepancy.evidence, 0xee, sizeof said.discrepancy.evidence);
    return said;
}

static struct fed_statement moves(uint64_t subject, enum tally_outcome outcome, bool final,
                                  char arbiter)
{
    struct fed_statement said = {.kind = FED_RESOLUTION};
    said.resolution.subject = subject;
    said.resolution.outcome = (uint8_t)outcome;
    said.resolution.final = final;
    said.resolution.has_evidence = true;
    memset(&said.resolution.evidence, 0xee, sizeof said.resolution.evidence);
    said.resolution.has_arbiter = arbiter != 0;
    said.resolution.arbiter = key_of(arbiter);
    return said;
}

static struct fed_statement judges(char reporter, uint64_t subject, bool holds)
{
    struct fed_statement said = {.kind = FED_ARBITRATION};
    said.arbitration.reporter = key_of(reporter);
    said.arbitration.subject = subject;
    said.arbitration.holds = holds;
    said.arbitration.has_evidence = true;
    memset(&said.arbitration.evidence, 0xee, sizeof said.arbitration.evidence);
    return said;
}

static enum fold_verdict raises(struct teller *teller, char party, enum tally_discrepancy type,
                                uint8_t log)
{
    const struct fed_statement said = claims(party, type, log);
    return says(teller, &said);
}

static enum fold_verdict goes(struct teller *teller, uint64_t subject, enum tally_outcome outcome,
                              bool final, char arbiter)
{
    const struct fed_statement said = moves(subject, outcome, final, arbiter);
    return says(teller, &said);
}

static const struct discrepancy *last(const struct teller *teller)
{
    const struct discrepancies *all = teller->fold.discrepancies;
    return &all->list[all->count - 1];
}

/* Brings a fresh case into a state; its index. */
static uint64_t bring_case(struct teller *teller, enum tally_discrepancy_state to)
{
    uint64_t index = teller->next;
    bring(teller);
    index = teller->next;
    assert_int_equal(raises(teller, 'b', TALLY_DISCREPANCY_ROOT_MISMATCH, 1), FOLD_TAKEN);
    switch (to) {
    case TALLY_DISCREPANCY_OPEN:
    case TALLY_DISCREPANCY_STATES:
        break;
    case TALLY_DISCREPANCY_RESYNC:
        assert_int_equal(goes(teller, index, TALLY_OUTCOME_AUTOMATIC, false, 0), FOLD_TAKEN);
        break;
    case TALLY_DISCREPANCY_MANUAL:
        assert_int_equal(goes(teller, index, TALLY_OUTCOME_MANUAL, false, 0), FOLD_TAKEN);
        break;
    case TALLY_DISCREPANCY_ARBITRATION:
        assert_int_equal(goes(teller, index, TALLY_OUTCOME_ARBITRATION, false, 'x'), FOLD_TAKEN);
        break;
    case TALLY_DISCREPANCY_SUSPENDED:
        assert_int_equal(goes(teller, index, TALLY_OUTCOME_SUSPENSION, false, 0), FOLD_TAKEN);
        break;
    case TALLY_DISCREPANCY_RESOLVED:
        assert_int_equal(goes(teller, index, TALLY_OUTCOME_MANUAL, true, 0), FOLD_TAKEN);
        break;
    }
    assert_int_equal(last(teller)->state, to);
    return index;
}

#define N TALLY_DISCREPANCY_STATES /* Not permitted. */

static void every_move_from_every_state(void **state)
{
    /* By outcome: where a stage leads from OPEN, RESYNC, MANUAL, ARBITRATION, SUSPENDED, RESOLVED;
       and whether it may end there. */
    static const struct {
        enum tally_discrepancy_state to[TALLY_DISCREPANCY_STATES];
        bool ends[TALLY_DISCREPANCY_STATES];
    } table[TALLY_OUTCOMES] = {
        {{1, N, 1, N, N, N}, {false, true, false, false, false, false}},
        {{2, 2, N, 2, N, N}, {true, true, true, true, true, false}},
        {{3, 3, 3, N, 3, N}, {false, false, false, true, false, false}},
        {{4, 4, 4, 4, N, N}, {false, false, false, false, true, false}},
    };
    for (unsigned outcome = 0; outcome < TALLY_OUTCOMES; outcome++)
        for (unsigned from = 0; from < TALLY_DISCREPANCY_STATES; from++)
            for (unsigned final = 0; final < 2; final++) {
                struct teller teller;
                struct tally_hash before, after;
                uint64_t index = bring_case(&teller, (enum tally_discrepancy_state)from);
                char arbiter = outcome == TALLY_OUTCOME_ARBITRATION ? 'x' : 0;
                bool may = final ? table[outcome].ends[from] : table[outcome].to[from] != N;
                fold_hash(&teller.fold, &before);
                assert_int_equal(
                    goes(&teller, index, (enum tally_outcome)outcome, final == 1, arbiter),
                    may ? FOLD_TAKEN : FOLD_FORBIDDEN);
                fold_hash(&teller.fold, &after);
                assert_int_equal(hash_equal(&before, &after), !may);
                unsigned to = final ? TALLY_DISCREPANCY_RESOLVED : table[outcome].to[from];
                assert_int_equal(last(&teller)->state, may ? to : from);
                end(&teller);
            }
}

static void nobody_else_raises_or_moves(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_MANUAL);
    fold_hash(&teller.fold, &before);
    const struct fed_statement said[] = {
        claims('c', TALLY_DISCREPANCY_FORK, 2), moves(index, TALLY_OUTCOME_MANUAL, true, 0),
        moves(index, TALLY_OUTCOME_SUSPENSION, false, 0),
        judges('a', index, true), /* Nobody asked. */
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        for (const char *who = "bcxvz"; *who != '\0'; who++)
            assert_int_equal(says_as(&teller, *who, &said[i]), FOLD_FOREIGN);
    assert_int_equal(teller.fold.counts[FOLD_FOREIGN], 20);
    assert_int_equal(raises(&teller, 'a', TALLY_DISCREPANCY_FORK, 3), FOLD_SELF);
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&before, &after));
    end(&teller);
}

static void evidence_binds_what_is_said_of_a_case(void **state)
{
    struct teller teller;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_ARBITRATION);
    struct fed_statement move = moves(index, TALLY_OUTCOME_MANUAL, true, 0);
    struct fed_statement verdict = judges('a', index, true);
    move.resolution.evidence.bytes[5] ^= 1;
    verdict.arbitration.evidence.bytes[5] ^= 1;
    assert_int_equal(says(&teller, &move), FOLD_FORBIDDEN);
    assert_int_equal(says_as(&teller, 'x', &verdict), FOLD_FOREIGN);
    move = moves(index + 100, TALLY_OUTCOME_MANUAL, true, 0);
    assert_int_equal(says(&teller, &move), FOLD_FORBIDDEN);
    end(&teller);
}

static void an_arbiter_is_a_third_party_at_level_attest(void **state)
{
    struct teller teller;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_MANUAL);
    /* The party itself, ourselves, one below the level, a stranger, and nobody. */
    for (const char *who = "bavz"; *who != '\0'; who++)
        assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, false, *who),
                         FOLD_FORBIDDEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, false, 0), FOLD_FORBIDDEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_MANUAL, true, 'x'), FOLD_FORBIDDEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, false, 'x'), FOLD_TAKEN);
    /* Only whom we asked may be cited, and only while it is one whose word counts. */
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, true, 'y'), FOLD_FORBIDDEN);
    assert_int_equal(withdraws(&teller, 'x'), FOLD_TAKEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, true, 'x'), FOLD_FORBIDDEN);
    assert_int_equal(admits(&teller, 'x', TALLY_TRUST_ATTEST, 7), FOLD_TAKEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_ARBITRATION, true, 'x'), FOLD_TAKEN);
    assert_int_equal(last(&teller)->outcome, TALLY_OUTCOME_ARBITRATION);
    end(&teller);
}

static void the_first_verdict_of_whom_we_asked_counts(void **state)
{
    struct teller teller;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_ARBITRATION);
    const struct fed_statement holds = judges('a', index, true), fails = judges('a', index, false),
                               elsewhere = judges('c', index, false);
    assert_int_equal(says_as(&teller, 'y', &fails), FOLD_FOREIGN);
    assert_int_equal(says_as(&teller, 'x', &elsewhere), FOLD_FOREIGN);
    assert_false(last(&teller)->judged);
    assert_int_equal(says_as(&teller, 'x', &holds), FOLD_TAKEN);
    assert_int_equal(says_as(&teller, 'x', &fails), FOLD_FORBIDDEN);
    assert_true(last(&teller)->judged && last(&teller)->holds);
    /* The verdict moves nothing: the reporter does, citing it. */
    assert_int_equal(last(&teller)->state, TALLY_DISCREPANCY_ARBITRATION);
    /* Ours on another's case is for that one. */
    assert_int_equal(says(&teller, &elsewhere), FOLD_NOTED);
    assert_int_equal(says(&teller, &holds), FOLD_SELF);
    end(&teller);
}

static void one_open_case_of_a_kind_about_a_log(void **state)
{
    struct teller teller;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_OPEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_ROOT_MISMATCH, 1), FOLD_FORBIDDEN);
    /* Whoever is said to be at fault. */
    assert_int_equal(raises(&teller, 'c', TALLY_DISCREPANCY_ROOT_MISMATCH, 1), FOLD_FORBIDDEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_FORK, 1), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_ROOT_MISMATCH, 2), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_TERM_VIOLATION, 0), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_TERM_VIOLATION, 0), FOLD_FORBIDDEN);
    assert_int_equal(raises(&teller, 'c', TALLY_DISCREPANCY_TERM_VIOLATION, 0), FOLD_TAKEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_MANUAL, true, 0), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_ROOT_MISMATCH, 1), FOLD_TAKEN);
    end(&teller);
}

static void the_oldest_that_is_resolved_makes_way(void **state)
{
    struct teller teller;
    uint64_t index[CASES];
    bring(&teller);
    for (uint8_t i = 0; i < CASES; i++) {
        index[i] = teller.next;
        assert_int_equal(raises(&teller, i % 2 ? 'b' : 'c', TALLY_DISCREPANCY_FORK, 1 + i),
                         FOLD_TAKEN);
    }
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_FORK, 99), FOLD_FULL);
    assert_int_equal(goes(&teller, index[3], TALLY_OUTCOME_MANUAL, true, 0), FOLD_TAKEN);
    assert_int_equal(goes(&teller, index[1], TALLY_OUTCOME_MANUAL, true, 0), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_FORK, 99), FOLD_TAKEN);
    assert_null(discrepancy_find(teller.fold.discrepancies, index[1]));
    assert_non_null(discrepancy_find(teller.fold.discrepancies, index[3]));
    assert_int_equal(goes(&teller, index[1], TALLY_OUTCOME_MANUAL, true, 0), FOLD_FORBIDDEN);
    end(&teller);
}

static void one_party_is_no_reason_to_forget_the_others(void **state)
{
    struct teller teller;
    const struct tally_key self = key_of('a');
    bring(&teller);
    discrepancies_free(teller.fold.discrepancies);
    teller.fold.discrepancies = discrepancies_new(&self, 64);
    for (uint8_t i = 0; i < DISCREPANCY_PARTY_MAX; i++)
        assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_FORK, 1 + i), FOLD_TAKEN);
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_FORK, 99), FOLD_FULL);
    assert_int_equal(raises(&teller, 'c', TALLY_DISCREPANCY_FORK, 99), FOLD_TAKEN);
    end(&teller);
}

static void a_suspended_log_is_neither_taken_nor_shown(void **state)
{
    struct teller teller;
    const struct tally_key b = key_of('b'), c = key_of('c');
    struct tally_hash one, two;
    uint64_t index = bring_case(&teller, TALLY_DISCREPANCY_SUSPENDED);
    memset(&one, 1, sizeof one);
    memset(&two, 2, sizeof two);
    struct admission_log it = admission_log(&b, "audit"), other = admission_log(&b, "audit");
    it.origin_hash = &one;
    other.origin_hash = &two;
    assert_int_equal(admission_take(&teller.fold, &c, &it), TALLY_DROP_SUSPENDED);
    assert_int_equal(admission_take(&teller.fold, &b, &it), TALLY_DROP_SUSPENDED);
    assert_int_equal(admission_show(&teller.fold, &c, &it), TALLY_DROP_SUSPENDED);
    assert_int_equal(admission_take(&teller.fold, &c, &other), TALLY_DROP_NONE);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_MANUAL, true, 0), FOLD_TAKEN);
    assert_int_equal(admission_take(&teller.fold, &c, &it), TALLY_DROP_NONE);
    /* About no log in particular: all of the party's. */
    index = teller.next;
    assert_int_equal(raises(&teller, 'b', TALLY_DISCREPANCY_TERM_VIOLATION, 0), FOLD_TAKEN);
    assert_int_equal(goes(&teller, index, TALLY_OUTCOME_SUSPENSION, false, 0), FOLD_TAKEN);
    assert_int_equal(admission_take(&teller.fold, &c, &other), TALLY_DROP_SUSPENDED);
    end(&teller);
}

/* ---- Any order of the logs. ---- */

enum { LOGS = 4, LOG_MAX = 40, SEEDS = 1000 };

struct log {
    char issuer;
    struct fed_statement said[LOG_MAX];
    unsigned count;
};

static struct fed_statement draw_own(struct random *random, uint64_t count)
{
    uint64_t subject = 5 + random_below(random, count > 5 ? (uint32_t)count - 5 : 1);
    if (random_below(random, 3) == 0)
        return claims("bc"[random_below(random, 2)],
                      (enum tally_discrepancy)random_below(random, TALLY_DISCREPANCIES),
                      (uint8_t)(1 + random_below(random, 3)));
    enum tally_outcome outcome = (enum tally_outcome)random_below(random, TALLY_OUTCOMES);
    if (random_below(random, 3) == 0)
        outcome = TALLY_OUTCOME_ARBITRATION;
    char arbiter = outcome == TALLY_OUTCOME_ARBITRATION ? "xyv"[random_below(random, 3)] : 0;
    return moves(subject, outcome, random_below(random, 5) == 0, arbiter);
}

static void draw_logs(struct random *random, struct log logs[LOGS])
{
    static const char issuers[LOGS] = {'a', 'x', 'y', 'v'};
    static const char parties[] = {'b', 'c', 'x', 'y', 'v'};
    for (unsigned i = 0; i < LOGS; i++) {
        logs[i] = (struct log){.issuer = issuers[i]};
        for (unsigned p = 0; i == 0 && p < 5; p++)
            logs[0].said[logs[0].count++] =
                (struct fed_statement){.kind = FED_ADMIT,
                                       .party = key_of(parties[p]),
                                       .level = p < 4 ? TALLY_TRUST_ATTEST : TALLY_TRUST_VERIFY,
                                       .has_roles = true,
                                       .roles = 7};
        while (logs[i].count < LOG_MAX) {
            unsigned count = logs[i].count++;
            logs[i].said[count] =
                i == 0 ? draw_own(random, count)
                       : judges("aac"[random_below(random, 3)], 5 + random_below(random, LOG_MAX),
                                random_below(random, 2) == 1);
        }
    }
}

static void take(struct fold *fold, const struct log *log, unsigned at)
{
    const struct tally_key issuer = key_of(log->issuer);
    const struct fed_statement *said = &log->said[at];
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(said, body);
    assert_true(size > 0);
    (void)fold_take(fold, &issuer, bytes_text(fed_type(said->kind)), bytes_of(body, size), at);
    assert_true(fold_holds(fold));
}

/* As replay_arbiters does it: whoever was named and has not spoken is read from where it was left,
   which is the beginning when it was named. */
static void hear_arbiters(struct fold *fold, const struct log logs[LOGS])
{
    struct discrepancy *one;
    for (size_t at = 0; (one = discrepancy_next(fold->discrepancies, &at)) != NULL;)
        for (unsigned i = 1; i < LOGS; i++) {
            const struct tally_key issuer = key_of(logs[i].issuer);
            while (key_equal(&one->arbiter, &issuer) && discrepancy_waits(one) &&
                   one->read < logs[i].count)
                take(fold, &logs[i], (unsigned)one->read++);
        }
}

/* All four logs, each in its order, between each other in any; the arbiters are heard now and then,
   and at the end. */
static void fold_mixed(struct random *random, const struct log logs[LOGS], struct tally_hash *hash)
{
    const struct tally_key self = key_of('a');
    struct tally_party parties[8];
    struct fold fold;
    unsigned next[LOGS] = {0}, left = LOGS * LOG_MAX;
    fold_init(&fold, &self, parties, 8);
    fold.discrepancies = discrepancies_new(&self, CASES);
    while (left > 0) {
        unsigned which = (unsigned)random_below(random, LOGS);
        if (next[which] == logs[which].count)
            continue;
        take(&fold, &logs[which], next[which]++);
        left--;
        if (random_below(random, 8) == 0)
            hear_arbiters(&fold, logs);
    }
    hear_arbiters(&fold, logs);
    fold_hash(&fold, hash);
    discrepancies_free(fold.discrepancies);
}

static void every_order_of_the_logs_comes_to_the_same(void **state)
{
    unsigned judged = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random random = {seed};
        struct log logs[LOGS];
        struct tally_hash hashes[3];
        draw_logs(&random, logs);
        for (unsigned i = 0; i < 3; i++)
            fold_mixed(&random, logs, &hashes[i]);
        assert_true(hash_equal(&hashes[0], &hashes[1]));
        assert_true(hash_equal(&hashes[0], &hashes[2]));
        /* Without the verdicts it is another state, often enough. */
        struct log alone[LOGS];
        memcpy(alone, logs, sizeof alone);
        for (unsigned i = 1; i < LOGS; i++)
            for (unsigned j = 0; j < LOG_MAX; j++)
                alone[i].said[j].arbitration.reporter = key_of('c');
        fold_mixed(&random, alone, &hashes[1]);
        judged += !hash_equal(&hashes[0], &hashes[1]);
    }
    assert_true(judged > SEEDS / 4);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move_from_every_state),
        cmocka_unit_test(nobody_else_raises_or_moves),
        cmocka_unit_test(evidence_binds_what_is_said_of_a_case),
        cmocka_unit_test(an_arbiter_is_a_third_party_at_level_attest),
        cmocka_unit_test(the_first_verdict_of_whom_we_asked_counts),
        cmocka_unit_test(one_open_case_of_a_kind_about_a_log),
        cmocka_unit_test(the_oldest_that_is_resolved_makes_way),
        cmocka_unit_test(one_party_is_no_reason_to_forget_the_others),
        cmocka_unit_test(a_suspended_log_is_neither_taken_nor_shown),
        cmocka_unit_test(every_order_of_the_logs_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps the terms of an agreement and who does not, sign by sign: every clause both ways, and
   nothing of it by silence. */
#include "support/cmocka.h"

#include "core/federation/conduct.h"
#include "says.h"
#include "tally/log.h"

enum { MINUTE = 60 * 1000 };

static struct conducts all;
static struct tally_key self, party;
static struct tally_hash audit, drills, ours, secret;
static struct tally_now now;
static uint64_t held; /* Of the party's audit log. */

static bool find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    (void)context;
    *view = (struct tally_log_view){.size = held};
    return hash_equal(origin, &audit) && held > 0;
}

static const struct tally_ledger ledger = {.find = find};

static void name(const struct tally_key *key, const char *name_space, struct tally_hash *hash)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    tally_origin_hash(bytes_of(origin, tally_origin_write(key, bytes_text(name_space), origin)),
                      hash);
}

static struct tally_hash agreement = {{1}};

static void agree(uint32_t verify_s, uint16_t retention_days)
{
    const struct tally_fed_terms terms = {.scrolls_count = 2,
                                          .scrolls = {bytes_text("audit"), bytes_text("drills")},
                                          .verify_s = verify_s,
                                          .shares = TERMS_BOTH,
                                          .retention_days = retention_days};
    assert_true(conduct_watch(&all, &self, &party, &agreement, TALLY_TRUST_VERIFY, &terms));
}

static int setup(void **state)
{
    self = key_of('a');
    party = key_of('b');
    name(&party, "audit", &audit);
    name(&party, "drills", &drills);
    name(&party, "secret", &secret);
    name(&self, "audit", &ours);
    now = (struct tally_now){.mono = {1000}, .wall = {5000000}};
    held = 0;
    assert_true(conducts_new(&all, 2, 0, &ledger));
    agree(3600, 365);
    return 0;
}

static int teardown(void **state)
{
    conducts_free(&all);
    return 0;
}

static struct conduct *it(void)
{
    return conduct_find(&all, &party);
}

static enum conduct_state state_of(enum conduct_clause clause)
{
    assert_true(conducts_holds(&all));
    return it()->terms[clause].state;
}

static void pass(uint64_t ms)
{
    now.mono.ms += ms;
    now.wall.us += (int64_t)ms * 1000;
}

/* What came with one answer, so long after the one before. */
struct reply {
    uint64_t after_ms, told, held;
    bool shown, over, asked;
    enum tally_drop refused; /* The audit log. */
    enum conduct_state shares, shows, asks;
};

static void replies(const struct reply *one)
{
    pass(one->after_ms);
    held = one->held;
    conduct_told(&all, &party, audit.bytes, one->told);
    conduct_answered(&all, &party, now);
    conduct_lists(&all, &party);
    if (one->refused != TALLY_DROP_NONE)
        conduct_refuses(&all, &party, &audit, one->refused, now);
    if (one->shown)
        conduct_shows(&all, &party, &audit, one->told);
    if (one->over)
        conduct_oversteps(&all, &party, &secret, 9, TALLY_DROP_UNADMITTED);
    if (one->asked)
        conduct_asks(&all, &party, &secret, TALLY_DROP_UNADMITTED);
    conduct_listed(&all, &party, now);
    assert_true(all.fresh);
    conduct_look(&all, it(), now);
}

#define KEPT    CONDUCT_KEPT
#define DOUBTED CONDUCT_DOUBTED
#define BROKEN  CONDUCT_BROKEN
#define NO      TALLY_DROP_NONE
#define REFUSED TALLY_DROP_REFUSED

static void tell_all(const struct reply *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        replies(&list[i]);
        if (state_of(CONDUCT_SHARES) != list[i].shares ||
            state_of(CONDUCT_SHOWS) != list[i].shows || state_of(CONDUCT_ASKS) != list[i].asks)
            fail_msg("answer %zu: %d %d %d", i, state_of(CONDUCT_SHARES), state_of(CONDUCT_SHOWS),
                     state_of(CONDUCT_ASKS));
    }
}

#define TELL(list) tell_all(list, sizeof(list) / sizeof *(list))

/* after, told, held, shown, over, asked, refused; shares, shows, asks */
static void a_scroll_that_is_refused_is_broken_and_mended(void **state)
{
    static const struct reply list[] = {
        {0, 0, 0, false, false, false, NO, KEPT, KEPT, KEPT},
        {4 * MINUTE, 5, 5, true, false, false, NO, KEPT, KEPT, KEPT},
        {4 * MINUTE, 9, 5, true, false, false, NO, KEPT, KEPT, KEPT}, /* It is being fetched. */
        {4 * MINUTE, 9, 5, true, false, false, REFUSED, DOUBTED, KEPT, KEPT},
        {4 * MINUTE, 9, 5, true, false, false, NO, DOUBTED, KEPT, KEPT}, /* Not asked again yet. */
        {4 * MINUTE, 9, 5, true, false, false, TALLY_DROP_LEVEL, DOUBTED, KEPT, KEPT},
        {4 * MINUTE, 9, 5, true, false, false, NO, BROKEN, KEPT, KEPT},
        {4 * MINUTE, 9, 6, true, false, false, NO, BROKEN, KEPT, KEPT}, /* It gave some. */
        {4 * MINUTE, 9, 9, true, false, false, NO, KEPT, KEPT, KEPT},
    };
    TELL(list);
}

static void a_scroll_that_is_left_out_is_broken(void **state)
{
    static const struct reply list[] = {
        {0, 9, 5, false, false, false, NO, DOUBTED, KEPT, KEPT},
        {4 * MINUTE, 9, 5, false, false, false, NO, DOUBTED, KEPT, KEPT},
        {4 * MINUTE, 9, 5, false, false, false, NO, DOUBTED, KEPT, KEPT},
        {4 * MINUTE, 9, 5, false, false, false, NO, BROKEN, KEPT, KEPT},
    };
    TELL(list);
    const struct conduct_term *term = &it()->terms[CONDUCT_SHARES];
    assert_true(hash_equal(&term->log, &audit));
    assert_int_equal(term->size, 9);
    assert_int_equal(term->held, 5);
    assert_int_equal(term->signs, 4);
    assert_int_equal(term->last.us - term->first.us, INT64_C(12) * MINUTE * 1000);
}

/* A partition: it told that there is more, and nothing comes; then one answer, and silence again.
   However long that goes on, each answer stands alone. */
static void silence_is_no_sign(void **state)
{
    struct reply list[] = {
        {0, 9, 5, false, false, false, NO, DOUBTED, KEPT, KEPT},
        {CONDUCT_GAP_MS + 1, 9, 5, false, false, false, NO, DOUBTED, KEPT, KEPT}};
    replies(&list[0]);
    for (unsigned i = 0; i < 1000; i++) {
        replies(&list[1]);
        assert_int_equal(state_of(CONDUCT_SHARES), DOUBTED);
    }
    assert_int_equal(it()->terms[CONDUCT_SHARES].there_ms, 0);
}

/* Busy, or old: no refusal. Nor is it one answer many times in a moment. */
static void what_is_no_refusal(void **state)
{
    static const struct reply list[] = {
        {0, 9, 5, true, false, false, TALLY_DROP_BUSY, KEPT, KEPT, KEPT},
        {4 * MINUTE, 9, 5, true, false, false, TALLY_DROP_UNKNOWN, KEPT, KEPT, KEPT},
        {4 * MINUTE, 9, 5, true, false, false, TALLY_DROP_PRUNED, KEPT, KEPT, KEPT},
    };
    TELL(list);
    const struct reply soon = {1000, 9, 5, true, false, false, REFUSED, DOUBTED, KEPT, KEPT};
    for (unsigned i = 0; i < 500; i++)
        replies(&soon);
    assert_int_equal(state_of(CONDUCT_SHARES), DOUBTED);
    assert_true(it()->terms[CONDUCT_SHARES].there_ms < CONDUCT_PATIENCE_MS);
}

/* The whole list is refused: of what it told that it has. */
static void who_lists_nothing_shares_nothing(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        pass(4 * MINUTE);
        conduct_told(&all, &party, audit.bytes, 9);
        conduct_answered(&all, &party, now);
        conduct_refuses(&all, &party, NULL, TALLY_DROP_UNADMITTED, now);
        conduct_look(&all, it(), now);
        assert_int_equal(state_of(CONDUCT_SHARES), i < 3 ? DOUBTED : BROKEN);
    }
    assert_int_equal(it()->terms[CONDUCT_SHARES].reason, TALLY_DROP_UNADMITTED);
}

static void more_is_shown_or_asked_for(void **state)
{
    static const struct reply list[] = {
        {0, 0, 0, false, true, true, NO, KEPT, DOUBTED, DOUBTED},
        {4 * MINUTE, 0, 0, false, true, true, NO, KEPT, DOUBTED, DOUBTED},
        {4 * MINUTE, 0, 0, false, true, false, NO, KEPT, DOUBTED, DOUBTED},
        {4 * MINUTE, 0, 0, false, true, true, NO, KEPT, BROKEN, BROKEN},
        {4 * MINUTE, 0, 0, false, false, false, NO, KEPT, KEPT, BROKEN},
        {4 * MINUTE, 0, 0, false, false, false, NO, KEPT, KEPT, BROKEN},
        {4 * MINUTE, 0, 0, false, false, false, NO, KEPT, KEPT, KEPT}, /* Quiet for so long. */
    };
    TELL(list);
    /* What somebody put aside is no matter of what was agreed. */
    static const enum tally_drop others[] = {TALLY_DROP_NONE, TALLY_DROP_WITHDRAWN,
                                             TALLY_DROP_SUSPENDED, TALLY_DROP_REVOKED};
    for (unsigned i = 0; i < 4 * 8; i++) {
        conduct_lists(&all, &party);
        conduct_oversteps(&all, &party, &secret, 9, others[i % 4]);
        conduct_asks(&all, &party, &secret, others[i % 4]);
        replies(&(struct reply){.after_ms = 4 * MINUTE});
        assert_int_equal(state_of(CONDUCT_SHOWS), KEPT);
        assert_int_equal(state_of(CONDUCT_ASKS), KEPT);
    }
}

/* ---- Later. ---- */

/* One round of answers in which it stands so with our log. */
static void owes(bool owed, unsigned good, uint64_t after_ms)
{
    pass(after_ms);
    conduct_answered(&all, &party, now);
    conduct_lists(&all, &party);
    conduct_listed(&all, &party, now);
    conduct_owes(it(), 0, owed, good, 7, 404);
    conduct_owes(it(), 1, false, 0, 0, 0);
    conduct_look(&all, it(), now);
}

static void a_cycle_that_is_overdue_twice(void **state)
{
    owes(false, 0, 0);
    for (unsigned minutes = 0; minutes < 116; minutes += 4) {
        owes(true, 0, 4 * MINUTE);
        assert_int_equal(state_of(CONDUCT_VERIFIES), KEPT);
    }
    owes(true, 1, 4 * MINUTE); /* It cosigned, and owes the next already. */
    for (unsigned minutes = 0; minutes < 116; minutes += 4)
        owes(true, 1, 4 * MINUTE);
    assert_int_equal(state_of(CONDUCT_VERIFIES), KEPT);
    owes(true, 1, CONDUCT_GAP_MS + 1); /* It was away. */
    assert_int_equal(state_of(CONDUCT_VERIFIES), KEPT);
    owes(true, 1, 4 * MINUTE);
    assert_int_equal(state_of(CONDUCT_VERIFIES), BROKEN);
    assert_true(hash_equal(&it()->terms[CONDUCT_VERIFIES].log, &ours));
    assert_int_equal(it()->terms[CONDUCT_VERIFIES].held, 404);
    owes(true, 2, 4 * MINUTE);
    assert_int_equal(state_of(CONDUCT_VERIFIES), KEPT);
}

/* Nothing was agreed of it: then nobody is late. */
static void who_need_not_verify_is_never_late(void **state)
{
    agreement.bytes[0]++;
    agree(0, 365);
    for (unsigned i = 0; i < 1000; i++)
        owes(true, 0, 4 * MINUTE);
    assert_int_equal(state_of(CONDUCT_VERIFIES), KEPT);
}

/* ---- Retention. ---- */

static void bodies_of_ours_are_gone_too_soon(void **state)
{
    const int64_t day_us = INT64_C(86400) * 1000000;
    now.wall.us = 400 * day_us;
    conduct_pruned(&all, &party, &audit, 3); /* Its own: another matter. */
    assert_false(it()->pruned);
    conduct_pruned(&all, &party, &ours, 3);
    assert_true(it()->pruned);
    conduct_judge_pruned(&all, it(), now, (struct tally_wall){35 * day_us});
    assert_int_equal(state_of(CONDUCT_KEEPS), KEPT); /* 365 days. */
    conduct_pruned(&all, &party, &ours, 4);
    conduct_judge_pruned(&all, it(), now, (struct tally_wall){36 * day_us});
    assert_int_equal(state_of(CONDUCT_KEEPS), BROKEN);
    assert_int_equal(it()->terms[CONDUCT_KEEPS].size, 4);
    /* For ever. */
    agreement.bytes[0]++;
    agree(3600, 0);
    assert_int_equal(state_of(CONDUCT_KEEPS), KEPT);
    conduct_pruned(&all, &party, &ours, 3);
    conduct_judge_pruned(&all, it(), now, (struct tally_wall){0});
    assert_int_equal(state_of(CONDUCT_KEEPS), BROKEN);
}

/* ---- What is agreed. ---- */

static void other_terms_begin_anew_and_the_end_ends_it(void **state)
{
    static const struct reply bad = {4 * MINUTE, 9,  5,       false, false,
                                     false,      NO, DOUBTED, KEPT,  KEPT};
    struct tally_key third = key_of('c'), fourth = key_of('d');
    const struct tally_fed_terms terms = {.scrolls_count = 1, .scrolls = {bytes_text("audit")}};
    replies(&bad);
    agree(3600, 365); /* The same once more. */
    assert_int_equal(state_of(CONDUCT_SHARES), DOUBTED);
    agreement.bytes[0]++;
    agree(3600, 365);
    assert_int_equal(state_of(CONDUCT_SHARES), KEPT);
    assert_true(conduct_watch(&all, &self, &third, &agreement, TALLY_TRUST_OBSERVE, &terms));
    assert_false(conduct_watch(&all, &self, &fourth, &agreement, TALLY_TRUST_OBSERVE, &terms));
    assert_false(conduct_find(&all, &third)->verifies);
    conduct_end(&all, &party);
    assert_null(conduct_find(&all, &party));
    assert_non_null(conduct_find(&all, &third));
    /* Of whom nothing is agreed nothing is taken. */
    conduct_told(&all, &party, audit.bytes, 9);
    conduct_answered(&all, &party, now);
    conduct_refuses(&all, &party, NULL, REFUSED, now);
    conduct_listed(&all, &party, now);
    conduct_listed(NULL, &party, now);
    assert_true(conducts_holds(&all));
}

/* Each state is news once; that a term is kept, of which a case may be open, the first time too. */
static void each_state_is_news_once(void **state)
{
    const struct reply good = {4 * MINUTE, 5, 5, true, false, false, NO, KEPT, KEPT, KEPT},
                       bad = {4 * MINUTE, 9, 5, true, false, false, REFUSED, KEPT, KEPT, KEPT};
    bool *news = &it()->terms[CONDUCT_SHARES].news;
    replies(&good);
    assert_true(*news);
    *news = false;
    replies(&good);
    assert_false(*news);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(*news);
        replies(&bad);
    }
    assert_true(*news);
    *news = false;
    replies(&bad);
    assert_false(*news);
    replies(&(struct reply){4 * MINUTE, 9, 9, true, false, false, NO, KEPT, KEPT, KEPT});
    assert_true(*news);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_scroll_that_is_refused_is_broken_and_mended),
        T(a_scroll_that_is_left_out_is_broken),
        T(silence_is_no_sign),
        T(what_is_no_refusal),
        T(who_lists_nothing_shares_nothing),
        T(more_is_shown_or_asked_for),
        T(a_cycle_that_is_overdue_twice),
        T(who_need_not_verify_is_never_late),
        T(bodies_of_ours_are_gone_too_soon),
        T(other_terms_begin_anew_and_the_end_ends_it),
        T(each_state_is_news_once),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The rollback guard by itself: every state with every event, and stories of who says what when. */
#include "core/log/guard.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

static struct guard guard;
static struct guard_log logs[GUARD_LOGS];
static struct guard_peer peers[GUARD_PEERS];
static struct tally_now now;

static struct tally_key key_of(char name)
{
    return (struct tally_key){{(uint8_t)name}};
}

static struct tally_hash log_of(char name)
{
    return (struct tally_hash){{(uint8_t)name}};
}

static void asks(void)
{
    now = (struct tally_now){.mono = {1000}};
    guard_init(&guard, logs);
    guard_ask(&guard, now, peers, false);
}

static void know(char name)
{
    const struct tally_key key = key_of(name);
    guard_know(&guard, &key);
}

static void answered(char name, bool some)
{
    const struct tally_key key = key_of(name);
    guard_answered(&guard, now, &key, some);
}

static bool larger(char name, char log, uint64_t size)
{
    const struct tally_key key = key_of(name);
    const struct tally_hash origin = log_of(log);
    return guard_larger(&guard, &key, &origin, size);
}

static bool reached(char log, uint64_t size)
{
    const struct tally_hash origin = log_of(log);
    return guard_reached(&guard, now, &origin, size);
}

static void succeeds(char key, char heir)
{
    const struct tally_key old = key_of(key), new = key_of(heir);
    guard_succeed(&guard, &old, heir != 0 ? &new : NULL);
}

static void pass(uint64_t ms)
{
    now.mono.ms += ms;
    guard_tick(&guard, now);
}

static bool is_silent(char name)
{
    const struct tally_key key = key_of(name), *one;
    for (size_t i = 0; (one = guard_silent(&guard, i)) != NULL; i++)
        if (key_equal(one, &key))
            return true;
    return false;
}

#define STATE(name) assert_int_equal(guard.state, TALLY_GUARD_##name)

/* ---- States and events. ---- */

/* Into a state, with a and b known who have not answered; of log x the sizes up to 50 are ours. */
static void be_in(enum tally_guard state)
{
    asks();
    know('a');
    know('b');
    if (state == TALLY_GUARD_PASSED)
        assert_int_equal(guard_confirm(&guard), TALLY_OK);
    if (state == TALLY_GUARD_WAITING)
        pass(GUARD_WAIT_MS);
    if (state == TALLY_GUARD_RECOVERING)
        assert_true(larger('a', 'x', 60));
    if (state == TALLY_GUARD_FORKED)
        assert_true(guard_forked(&guard));
    assert_int_equal(guard.state, state);
}

/* What happens, with what it gives; true is also an operator's word that was taken. */
static bool one_knew_us(void)
{
    answered('a', true);
    return false;
}
static bool one_has_nothing(void)
{
    answered('a', false);
    return false;
}
static bool all_knew_us(void)
{
    answered('a', true);
    answered('b', true);
    return false;
}
static bool all_have_nothing(void)
{
    answered('a', false);
    answered('b', false);
    return false;
}
static bool a_stranger_answers(void)
{
    answered('s', true);
    return false;
}
static bool more_is_shown(void)
{
    return larger('b', 'x', 70);
}
static bool less_is_fetched(void)
{
    return reached('x', 59);
}
static bool another_log_is_fetched(void)
{
    return reached('y', 99);
}
static bool two_contradict(void)
{
    return guard_forked(&guard);
}
static bool the_operator_confirms(void)
{
    return guard_confirm(&guard) == TALLY_OK;
}
static bool two_seconds_pass(void)
{
    pass(GUARD_GRACE_MS);
    return false;
}
static bool a_minute_passes(void)
{
    pass(GUARD_WAIT_MS);
    return false;
}

#define P TALLY_GUARD_PASSED
#define A TALLY_GUARD_ASKING
#define W TALLY_GUARD_WAITING
#define R TALLY_GUARD_RECOVERING
#define F TALLY_GUARD_FORKED

static void each_event_in_each_state(void **state)
{
    static const struct {
        bool (*event)(void);
        enum tally_guard next[5]; /* From PASSED, ASKING, WAITING, RECOVERING, FORKED; */
        const char *gives;        /* ... and what it gives there. */
    } rows[] = {
        {one_knew_us, {P, A, W, R, F}, "-----"},
        {one_has_nothing, {P, A, W, R, F}, "-----"},
        {all_knew_us, {P, P, P, R, F}, "-----"},
        {all_have_nothing, {P, P, P, R, F}, "-----"},
        {a_stranger_answers, {P, A, W, R, F}, "-----"},
        {more_is_shown, {R, R, R, R, F}, "++++-"},
        {less_is_fetched, {P, A, W, R, F}, "-----"},
        {another_log_is_fetched, {P, A, W, R, F}, "-----"},
        {two_contradict, {P, F, F, F, F}, "-+++-"},
        {the_operator_confirms, {P, P, P, R, F}, "-++--"},
        {two_seconds_pass, {P, A, W, R, F}, "-----"},
        {a_minute_passes, {P, W, W, R, F}, "-----"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned from = P; from <= F; from++) {
            be_in((enum tally_guard)from);
            bool gave = rows[i].event();
            assert_int_equal(guard.state, rows[i].next[from]);
            assert_int_equal(gave ? '+' : '-', rows[i].gives[from]);
            assert_true(guard_holds(&guard));
            assert_int_equal(guard_asks(&guard), guard.state != P && guard.state != F);
        }
}

static void each_state_says_why_nothing_is_signed(void **state)
{
    static const enum tally_error why[] = {
        [P] = TALLY_OK,      [A] = TALLY_UNCONFIRMED, [W] = TALLY_UNCONFIRMED,
        [R] = TALLY_GUARDED, [F] = TALLY_FROZEN,
    };
    static const enum tally_error confirmed[] = {
        [P] = TALLY_FORBIDDEN, [A] = TALLY_OK,     [W] = TALLY_OK,
        [R] = TALLY_GUARDED,   [F] = TALLY_FROZEN,
    };
    (void)state;
    for (unsigned from = P; from <= F; from++) {
        be_in((enum tally_guard)from);
        assert_int_equal(guard_refusal(&guard), why[from]);
        assert_int_equal(guard_confirm(&guard), confirmed[from]);
    }
}

/* ---- Whose word counts. ---- */

static void the_first_who_knew_us_opens_a_short_grace(void **state)
{
    (void)state;
    asks();
    know('a');
    know('b');
    answered('a', false); /* It lost all it had: it is none who can tell. */
    assert_int_equal(guard_deadline(&guard).ms, 1000 + GUARD_WAIT_MS);
    know('c');
    answered('c', true);
    assert_int_equal(guard_deadline(&guard).ms, 1000 + GUARD_GRACE_MS);
    pass(GUARD_GRACE_MS - 1);
    STATE(ASKING);
    answered('c', true); /* Whoever says it again gains no time. */
    pass(1);
    STATE(PASSED);
}

static void within_the_grace_others_are_heard(void **state)
{
    (void)state;
    asks();
    know('a');
    know('b');
    answered('a', true);
    pass(GUARD_GRACE_MS - 1);
    assert_true(larger('b', 'x', 60));
    STATE(RECOVERING);
    pass(GUARD_WAIT_MS);
    STATE(RECOVERING);
}

static void who_answers_after_the_minute_is_heard_too(void **state)
{
    (void)state;
    be_in(TALLY_GUARD_WAITING);
    answered('a', true);
    STATE(WAITING);
    pass(GUARD_GRACE_MS);
    STATE(PASSED);
}

/* A liar makes keys for nothing: a thousand of them neither end the waiting nor take the place of
   those who are waited for. */
static void a_thousand_strangers_are_not_one_who_knew_us(void **state)
{
    (void)state;
    asks();
    know('a');
    for (unsigned i = 0; i < 1000; i++) {
        const struct tally_key key = {{'s', (uint8_t)i, (uint8_t)(i >> 8)}};
        guard_answered(&guard, now, &key, i % 2 == 0);
    }
    STATE(ASKING);
    assert_true(is_silent('a'));
    know('b');
    assert_true(is_silent('b'));
    pass(GUARD_WAIT_MS);
    STATE(WAITING);
    assert_true(guard_holds(&guard));
}

/* Where nobody is known whose word counts, whoever is there first is not the only one heard. */
static void strangers_alone_are_waited_for_a_while(void **state)
{
    (void)state;
    asks();
    answered('s', false);
    STATE(ASKING);
    pass(GUARD_STRANGERS_MS - 1);
    STATE(ASKING);
    assert_true(larger('t', 'x', 60));
    asks();
    answered('s', false);
    pass(GUARD_STRANGERS_MS);
    STATE(PASSED);
    asks();
    answered('s', true); /* It holds what we signed: that is as good as having known us. */
    pass(GUARD_GRACE_MS);
    STATE(PASSED);
    asks();
    answered('s', false);
    know('a'); /* Somebody is named meanwhile: then that one's word counts. */
    pass(GUARD_STRANGERS_MS);
    STATE(ASKING);
    pass(GUARD_WAIT_MS);
    STATE(WAITING);
}

static void without_a_network_nobody_is_waited_for(void **state)
{
    (void)state;
    now = (struct tally_now){.mono = {1000}};
    guard_init(&guard, logs);
    guard_ask(&guard, now, peers, true);
    STATE(WAITING);
    assert_int_equal(guard_deadline(&guard).ms, TALLY_NEVER.ms);
    assert_int_equal(guard_confirm(&guard), TALLY_OK);
}

/* ---- What is missing. ---- */

static void it_ends_when_all_of_all_logs_is_there_and_nobody_has_more(void **state)
{
    (void)state;
    asks();
    know('a');
    know('b');
    assert_true(larger('a', 'x', 60));
    assert_true(larger('b', 'y', 7));
    assert_true(larger('b', 'x', 70));
    assert_false(larger('a', 'x', 65)); /* No news: not counted, not told again. */
    assert_false(reached('x', 69));
    assert_false(reached('x', 70));
    assert_false(reached('y', 8));
    STATE(ASKING); /* All are asked once more. */
    answered('a', true);
    STATE(ASKING);
    answered('b', true);
    STATE(PASSED);
}

/* One who shows more is not all there are: who comes back while that is fetched may have more. */
static void who_has_most_may_be_the_last_to_come(void **state)
{
    (void)state;
    asks();
    know('a');
    know('b');
    assert_true(larger('a', 'x', 60));
    assert_false(reached('x', 60));
    STATE(ASKING);
    answered('a', true);
    STATE(ASKING);
    assert_true(larger('b', 'x', 90));
    STATE(RECOVERING);
    assert_false(reached('x', 60));
    STATE(RECOVERING);
    (void)reached('x', 90);
    pass(GUARD_GRACE_MS); /* And if nobody answers again: they did a moment ago. */
    STATE(PASSED);
}

static void more_than_can_be_listed_is_found_in_the_next_round(void **state)
{
    (void)state;
    asks();
    know('a');
    for (unsigned i = 0; i <= GUARD_LOGS; i++) {
        const struct tally_key key = key_of('a');
        const struct tally_hash origin = {{'z', (uint8_t)i}};
        assert_int_equal(guard_larger(&guard, &key, &origin, 9), i < GUARD_LOGS);
    }
    for (unsigned i = 0; i < GUARD_LOGS; i++) {
        const struct tally_hash origin = {{'z', (uint8_t)i}};
        (void)guard_reached(&guard, now, &origin, 9);
    }
    STATE(ASKING);
    const struct tally_hash last = {{'z', GUARD_LOGS}};
    assert_true(guard_larger(&guard, NULL, &last, 9));
    STATE(RECOVERING);
}

/* A machine that was set back goes on without a start: it never asked, and has nobody listed. */
static void one_that_never_asked_stops_at_once(void **state)
{
    const struct tally_hash origin = log_of('x');
    (void)state;
    now = (struct tally_now){.mono = {1000}};
    guard_init(&guard, logs);
    assert_true(guard_larger(&guard, NULL, &origin, 60));
    STATE(RECOVERING);
    assert_int_equal(guard_confirm(&guard), TALLY_GUARDED);
    assert_true(guard_holds(&guard));
    assert_true(reached('x', 60));
    STATE(PASSED);
}

static void a_fork_is_for_ever(void **state)
{
    (void)state;
    be_in(TALLY_GUARD_FORKED);
    assert_false(larger('a', 'x', 90));
    answered('a', true);
    answered('b', true);
    assert_false(reached('x', 90));
    pass(GUARD_WAIT_MS);
    succeeds('a', 'b');
    STATE(FORKED);
    assert_int_equal(guard_deadline(&guard).ms, TALLY_NEVER.ms);
}

/* ---- Keys that take over. ---- */

static void an_heir_is_waited_for_in_the_place_of_its_elder(void **state)
{
    (void)state;
    asks();
    know('a');
    know('b');
    answered('b', true);
    succeeds('a', 'h');
    assert_false(is_silent('a'));
    assert_true(is_silent('h'));
    answered('h', true);
    STATE(PASSED);
}

/* The heir was heard as a stranger before it was known whose heir it is. */
static void an_heir_that_has_answered_has_answered(void **state)
{
    (void)state;
    asks();
    know('a');
    answered('h', true);
    STATE(ASKING);
    succeeds('a', 'h');
    STATE(PASSED);
    asks();
    know('a');
    know('h');
    answered('h', true);
    succeeds('a', 'h');
    STATE(PASSED);
}

/* Nobody waits for a key that is no more. Nor does the guard pass because of it. */
static void one_without_an_heir_is_not_waited_for(void **state)
{
    (void)state;
    asks();
    know('a');
    answered('s', false);
    succeeds('a', 0);
    STATE(ASKING);
    assert_false(is_silent('a'));
    pass(GUARD_WAIT_MS);
    STATE(WAITING);
    asks();
    know('a');
    know('b');
    answered('b', true);
    succeeds('a', 0);
    STATE(PASSED);
    succeeds('b', 'c'); /* It asks nobody any more. */
    STATE(PASSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_in_each_state),
        cmocka_unit_test(each_state_says_why_nothing_is_signed),
        cmocka_unit_test(the_first_who_knew_us_opens_a_short_grace),
        cmocka_unit_test(within_the_grace_others_are_heard),
        cmocka_unit_test(who_answers_after_the_minute_is_heard_too),
        cmocka_unit_test(a_thousand_strangers_are_not_one_who_knew_us),
        cmocka_unit_test(strangers_alone_are_waited_for_a_while),
        cmocka_unit_test(without_a_network_nobody_is_waited_for),
        cmocka_unit_test(it_ends_when_all_of_all_logs_is_there_and_nobody_has_more),
        cmocka_unit_test(who_has_most_may_be_the_last_to_come),
        cmocka_unit_test(more_than_can_be_listed_is_found_in_the_next_round),
        cmocka_unit_test(one_that_never_asked_stops_at_once),
        cmocka_unit_test(a_fork_is_for_ever),
        cmocka_unit_test(an_heir_is_waited_for_in_the_place_of_its_elder),
        cmocka_unit_test(an_heir_that_has_answered_has_answered),
        cmocka_unit_test(one_without_an_heir_is_not_waited_for),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

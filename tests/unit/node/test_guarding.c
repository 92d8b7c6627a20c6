/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rollback guard in a whole node over a disk in memory: whether it asks, whom, what is signed
 * meanwhile, and what those are worth who say that they hold more.
 */
#include "support/cmocka.h"

#include "core/node/guarding.h"
#include "core/sync/sync.h"

#include "alone.h"

enum { NONE = 0 };

/* core/node/node.h, which knows another `struct datagram` than the simulator. */
enum sync_verdict wire_note(struct tally_node *node, const struct tally_key *peer,
                            struct tally_bytes note);

static struct tally_key remembered[2];

static void remember(char letter)
{
    remembered[0] = holder_of(letter).key;
    wanted.remembered = remembered;
    wanted.remembered_count = 1;
}

static enum tally_error seal(void)
{
    return command(&(struct tally_command){.kind = TALLY_COMMAND_SEAL});
}

static enum tally_error recover(void)
{
    return command(&(struct tally_command){.kind = TALLY_COMMAND_RECOVER});
}

static enum tally_error confirm(void)
{
    return state_it(&(struct fed_statement){.kind = FED_CONFIRM});
}

/* Two receipts, sealed; then it starts as a copy, and remembers x. */
static void come_back(void)
{
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(seal(), TALLY_OK);
    assert_int_equal(disk.logs[0]->size, 2);
    wanted.past = TALLY_PAST_COPY;
    remember('x');
    wake_again();
}

static bool waits_for(char letter)
{
    const struct tally_key key = holder_of(letter).key;
    struct tally_key one;
    for (size_t i = 0; tally_node_awaited(node, i, &one); i++)
        if (key_equal(&one, &key))
            return true;
    return false;
}

#define GUARD(name) assert_int_equal(tally_node_guard(node), TALLY_GUARD_##name)

/* ---- Whether it asks. ---- */

static void who_has_something_to_lose_asks(void **state)
{
    static const struct {
        enum tally_past past;
        enum tally_profile profile;
        bool wrote, known;
        char remembers;
        enum tally_guard guard;
    } rows[] = {
        {TALLY_PAST_OWN, TALLY_PROFILE_AUTO, false, false, 'x', TALLY_GUARD_PASSED},
        {TALLY_PAST_OWN, TALLY_PROFILE_AUTO, true, false, NONE, TALLY_GUARD_PASSED},
        {TALLY_PAST_OWN, TALLY_PROFILE_AUTO, true, false, 'x', TALLY_GUARD_ASKING},
        {TALLY_PAST_OWN, TALLY_PROFILE_AUTO, true, true, NONE, TALLY_GUARD_ASKING},
        {TALLY_PAST_OWN, TALLY_PROFILE_OFFLINE, true, true, 'x', TALLY_GUARD_PASSED},
        {TALLY_PAST_COPY, TALLY_PROFILE_STATIC, false, false, NONE, TALLY_GUARD_PASSED},
        {TALLY_PAST_COPY, TALLY_PROFILE_STATIC, false, false, 'x', TALLY_GUARD_ASKING},
        {TALLY_PAST_COPY, TALLY_PROFILE_OFFLINE, true, false, 'x', TALLY_GUARD_WAITING},
        {TALLY_PAST_COPY, TALLY_PROFILE_AUTO, false, false, NONE, TALLY_GUARD_ASKING},
        {TALLY_PAST_UNKNOWN, TALLY_PROFILE_AUTO, false, false, NONE, TALLY_GUARD_ASKING},
        {TALLY_PAST_UNKNOWN, TALLY_PROFILE_LAN, false, false, NONE, TALLY_GUARD_ASKING},
        {TALLY_PAST_UNKNOWN, TALLY_PROFILE_STATIC, false, false, NONE, TALLY_GUARD_PASSED},
        {TALLY_PAST_UNKNOWN, TALLY_PROFILE_STATIC, false, true, NONE, TALLY_GUARD_ASKING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i > 0)
            alone_begin(state);
        if (rows[i].wrote)
            assert_int_equal(append("audit"), TALLY_OK);
        wanted.past = rows[i].past;
        wanted.profile = rows[i].profile;
        wanted.known = rows[i].known;
        if (rows[i].remembers != NONE)
            remember(rows[i].remembers);
        wake_again();
        assert_int_equal(tally_node_guard(node), rows[i].guard);
        enum tally_error error = append("audit");
        assert_int_equal(error, rows[i].guard == TALLY_GUARD_PASSED ? TALLY_OK : TALLY_UNCONFIRMED);
        if (i + 1 < sizeof rows / sizeof *rows)
            alone_end(state);
    }
}

/* ---- Nobody answers. ---- */

static void nothing_is_signed_until_the_operator_says_so(void **state)
{
    (void)state;
    come_back();
    GUARD(ASKING);
    assert_true(waits_for('x'));
    wait(GUARD_WAIT_MS);
    GUARD(WAITING);
    wait(10 * GUARD_WAIT_MS);
    GUARD(WAITING);
    assert_int_equal(append("audit"), TALLY_UNCONFIRMED);
    assert_int_equal(state_it(&(struct fed_statement){.kind = FED_MODE, .mode = TALLY_MODE_STRICT}),
                     TALLY_UNCONFIRMED);
    assert_int_equal(disk.log_count, 1);
    assert_int_equal(recover(), TALLY_UNCONFIRMED); /* Of what? */
    assert_int_equal(confirm(), TALLY_OK);
    GUARD(PASSED);
    assert_int_equal(disk.log_count, 2); /* A statement: auditors see it. */
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(confirm(), TALLY_FORBIDDEN);
}

/* A word that does not become durable was not given. */
static bool takes_nothing(const struct tally_action *action)
{
    return action->kind == TALLY_ACTION_APPEND;
}

static void a_word_that_cannot_be_written_is_none(void **state)
{
    (void)state;
    come_back();
    step(&(struct tally_event){.kind = TALLY_EVENT_SPACE, .space = {.writable = false}});
    takes = takes_nothing;
    assert_int_equal(confirm(), TALLY_READ_ONLY);
    GUARD(ASKING);
    assert_int_equal(append("audit"), TALLY_UNCONFIRMED);
}

/* ---- What is shown. ---- */

/* A checkpoint of a letter's log, signed by a letter's key. */
struct shown {
    char issuer, by;
    const char *name_space;
    uint64_t size;
    uint8_t root;  /* 0: the one that the disk has at that size. */
    unsigned flip; /* A byte so far before the end is another; 0: none. */
};

static enum sync_verdict show(const struct shown *shown)
{
    struct holder issuer = holder_of(shown->issuer), by = holder_of(shown->by);
    const struct tally_key liar = holder_of('x').key;
    const struct tally_crypto crypto = holder_crypto(&by);
    char origin[TALLY_ORIGIN_MAX + 1];
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_checkpoint checkpoint = {.size = shown->size, .root = {{shown->root}}};
    struct tally_vkey vkey;
    size_t size = tally_origin_write(&issuer.key, bytes_text(shown->name_space), origin);
    checkpoint.origin = bytes_of(origin, size);
    if (shown->root == 0)
        checkpoint.root = simtree_root(&disk.logs[0]->tree, shown->size);
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    assert_true(size > 0);
    note[size - shown->flip] ^= shown->flip > 0 ? 1 : 0;
    enum sync_verdict verdict = wire_note(node, &liar, bytes_of(note, size));
    drain();
    tick();
    return verdict;
}

/* The node's key is a; x is the only one it remembers, and a liar. */
static void only_our_own_signature_stops_us(void **state)
{
    static const struct {
        struct shown shown;
        enum sync_verdict verdict;
        enum tally_guard guard; /* It was asking. */
    } rows[] = {
        {{'a', 'a', "audit", 2, 0, 0}, SYNC_VERDICT_SAME, TALLY_GUARD_ASKING},
        {{'a', 'a', "audit", 1, 0, 0}, SYNC_VERDICT_BEHIND, TALLY_GUARD_ASKING},
        {{'a', 'a', "audit", 99, 7, 6}, SYNC_VERDICT_BAD, TALLY_GUARD_ASKING},
        {{'a', 'x', "audit", 99, 7, 0}, SYNC_VERDICT_BAD, TALLY_GUARD_ASKING},
        {{'a', 'x', "other", 99, 7, 0}, SYNC_VERDICT_BAD, TALLY_GUARD_ASKING},
        {{'x', 'x', "audit", 99, 7, 0}, SYNC_VERDICT_AHEAD, TALLY_GUARD_ASKING},
        {{'x', 'a', "audit", 99, 7, 0}, SYNC_VERDICT_BAD, TALLY_GUARD_ASKING},
        {{'a', 'a', "audit", 99, 7, 0}, SYNC_VERDICT_AHEAD, TALLY_GUARD_RECOVERING},
        {{'a', 'a', "other", 1, 7, 0}, SYNC_VERDICT_AHEAD, TALLY_GUARD_RECOVERING},
        {{'a', 'a', TALLY_STATEMENTS, 1, 7, 0}, SYNC_VERDICT_AHEAD, TALLY_GUARD_RECOVERING},
        {{'a', 'a', "audit", 2, 7, 0}, SYNC_VERDICT_FORK, TALLY_GUARD_FORKED},
        {{'a', 'a', "audit", 1, 7, 0}, SYNC_VERDICT_FORK, TALLY_GUARD_FORKED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i > 0)
            alone_begin(state);
        come_back();
        GUARD(ASKING);
        assert_int_equal(show(&rows[i].shown), rows[i].verdict);
        assert_int_equal(tally_node_guard(node), rows[i].guard);
        assert_int_not_equal(append("audit"), TALLY_OK);
        if (i + 1 < sizeof rows / sizeof *rows)
            alone_end(state);
    }
}

/* The same liar, for as long as it likes: it delays nothing. */
static void claims_without_end_delay_nothing(void **state)
{
    const struct shown forged = {'a', 'x', "audit", 99, 7, 0};
    (void)state;
    come_back();
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(show(&forged), SYNC_VERDICT_BAD);
        wait(100);
    }
    GUARD(ASKING);
    wait(GUARD_WAIT_MS);
    GUARD(WAITING);
    assert_int_equal(confirm(), TALLY_OK);
    assert_int_equal(append("audit"), TALLY_OK);
}

/* A machine that was set back, and goes on without a start. */
static void a_running_node_stops_at_once(void **state)
{
    const struct shown more = {'a', 'a', "audit", 99, 7, 0}, most = {'a', 'a', "audit", 120, 7, 0};
    struct tally_node_status status;
    (void)state;
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(seal(), TALLY_OK);
    GUARD(PASSED);
    assert_int_equal(show(&more), SYNC_VERDICT_AHEAD);
    GUARD(RECOVERING);
    assert_int_equal(append("audit"), TALLY_GUARDED);
    assert_int_equal(append("new"), TALLY_GUARDED);
    assert_int_equal(confirm(), TALLY_GUARDED); /* No word of an operator makes it untrue. */
    assert_int_equal(show(&most), SYNC_VERDICT_AHEAD);
    tally_node_status(node, &status);
    assert_int_equal(status.guard_missing, 119);
}

static void what_nobody_serves_is_not_waited_for_without_end(void **state)
{
    const struct shown more = {'a', 'a', "audit", 99, 7, 0};
    (void)state;
    come_back();
    assert_int_equal(show(&more), SYNC_VERDICT_AHEAD);
    assert_int_equal(recover(), TALLY_TIMED_OUT); /* Not yet answered, */
    unsigned before = answers;
    assert_int_equal(recover(), TALLY_BUSY);
    wait(GUARDING_RECOVER_MS);
    assert_int_equal(answers, before + 2); /* ... and now it is. */
    assert_int_equal(answer.answer.error, TALLY_TIMED_OUT);
    GUARD(RECOVERING);
    assert_int_equal(append("audit"), TALLY_GUARDED);
}

static void a_fork_is_a_fork_after_a_restart_too(void **state)
{
    const struct shown other = {'a', 'a', "audit", 2, 7, 0};
    (void)state;
    come_back();
    assert_int_equal(show(&other), SYNC_VERDICT_FORK);
    GUARD(FORKED);
    assert_int_equal(recover(), TALLY_FROZEN);
    assert_int_equal(confirm(), TALLY_FROZEN);
    assert_int_equal(disk.file_count, 1);
    wake_again();
    tick();
    assert_int_equal(confirm(), TALLY_OK); /* Of the others; that log is no more. */
    assert_int_equal(append("audit"), TALLY_FROZEN);
}

/* ---- Keys that end. ---- */

static void bring_the_end_of(char party, char successor)
{
    struct revoke_bytes made;
    const struct revoke revoke = {.party = party, .successor = successor};
    revoke_make(&revoke, &made);
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
}

static void an_heir_is_asked_in_the_place_of_its_elder(void **state)
{
    (void)state;
    come_back();
    assert_true(waits_for('x'));
    bring_the_end_of('x', 'y');
    assert_false(waits_for('x'));
    assert_true(waits_for('y'));
    bring_the_end_of('y', 'z');
    assert_true(waits_for('z'));
    wake_again(); /* It remembers x still. */
    assert_true(waits_for('z'));
    bring_the_end_of('z', NONE);
    assert_false(waits_for('z'));
    GUARD(ASKING);
    assert_int_equal(append("audit"), TALLY_UNCONFIRMED);
}

/* The heir's own logs are guarded; its elder's are nobody's to go on with. */
static void of_two_keys_the_living_one_is_guarded(void **state)
{
    static const struct shown elders = {'a', 'a', "audit", 99, 7, 0};
    static const struct shown own = {'b', 'b', "audit", 1, 7, 0};
    const struct fed_statement rotation = revoke_statement(
        &(struct revoke){.party = 'a', .successor = 'b', .reason = TALLY_REVOKED_SUPERSEDED});
    (void)state;
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(seal(), TALLY_OK);
    assert_int_equal(state_it(&rotation), TALLY_OK);
    assert_int_equal(seal(), TALLY_OK);
    wanted.past = TALLY_PAST_COPY;
    remember('x');
    tally_node_free(node);
    be('b');
    GUARD(ASKING);
    assert_int_equal(append("audit"), TALLY_UNCONFIRMED);
    tally_node_free(node);
    wanted.past = TALLY_PAST_OWN;
    wake();
    GUARD(PASSED); /* A new key in its own place has signed nothing that could be lost. */
    assert_int_equal(show(&elders), SYNC_VERDICT_SAME); /* Beyond what its end names: refused. */
    GUARD(PASSED);
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(show(&own), SYNC_VERDICT_AHEAD);
    GUARD(RECOVERING);
    assert_int_equal(append("audit"), TALLY_GUARDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, alone_begin, alone_end)
        TEST(who_has_something_to_lose_asks),
        TEST(nothing_is_signed_until_the_operator_says_so),
        TEST(a_word_that_cannot_be_written_is_none),
        TEST(only_our_own_signature_stops_us),
        TEST(claims_without_end_delay_nothing),
        TEST(a_running_node_stops_at_once),
        TEST(what_nobody_serves_is_not_waited_for_without_end),
        TEST(a_fork_is_a_fork_after_a_restart_too),
        TEST(an_heir_is_asked_in_the_place_of_its_elder),
        TEST(of_two_keys_the_living_one_is_guarded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust in a whole node over a disk in memory: statements are judged, made durable, folded, and
 * again after a restart; who is not admitted is put out of its streams, whose key it has proved.
 */
#include "support/cmocka.h"

#include "alone.h"
#include "core/node/disputing.h"
#include "hears.h"
#include "support/channels.h"

static struct party client;
static unsigned closes;
static bool fails;      /* The next APPEND, instead of being done. */
static uint64_t failed; /* Its ticket. */

/* The stream to the client, and what fails. */
static bool takes_streams(const struct tally_action *action)
{
    struct channel_news news;
    closes += action->kind == TALLY_ACTION_CLOSE;
    if (action->kind == TALLY_ACTION_WRITE) {
        channel_feed(client.channel, now, action->write.bytes);
        while (channel_next(client.channel, &news))
            ;
    } else if (action->kind == TALLY_ACTION_APPEND && fails) {
        failed = action->append.ticket;
    } else {
        return false;
    }
    return true;
}

static int set_up(void **state)
{
    alone_begin(state);
    takes = takes_streams;
    closes = 0;
    fails = false;
    party_init(&client, 7);
    return 0;
}

static int tear_down(void **state)
{
    party_free(&client);
    return alone_end(state);
}

static struct tally_node_status status(void)
{
    struct tally_node_status status;
    tally_node_status(node, &status);
    return status;
}

static struct tally_trust_status trust(void)
{
    struct tally_trust_status trust;
    tally_node_trust(node, &trust);
    return trust;
}

/* ---- Statements. ---- */

static enum tally_error say(enum fed_kind kind, const struct tally_key *whom,
                            enum tally_trust level)
{
    struct fed_statement statement = {.kind = kind,
                                      .level = level,
                                      .has_roles = kind == FED_ADMIT,
                                      .roles = kind == FED_ADMIT ? TALLY_ROLES_ALL : 0};
    if (whom != NULL)
        statement.party = *whom;
    if (kind == FED_MODE)
        statement.mode = level == TALLY_TRUST_ISOLATED ? TALLY_MODE_STRICT : TALLY_MODE_OPEN;
    return state_it(&statement);
}

static const struct tally_key somebody = {{9}};

static void a_statement_is_judged_before_it_is_written(void **state)
{
    assert_int_equal(say(FED_LEVEL, &somebody, TALLY_TRUST_OBSERVE), TALLY_FORBIDDEN);
    assert_int_equal(say(FED_ADMIT, &signer.key, TALLY_TRUST_OBSERVE), TALLY_BAD_NAME);
    give(bytes_text("fed_admit"), bytes_text("no statement"));
    assert_int_equal(answer.answer.error, TALLY_MALFORMED);
    give(bytes_text("SYNC_EVENT"), bytes_text("{}"));
    assert_int_equal(answer.answer.error, TALLY_BAD_NAME);
    give(bytes_text("anything"), bytes_text("{}"));
    assert_int_equal(answer.answer.error, TALLY_BAD_NAME);
    assert_int_equal(disk.log_count, 0);
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_OK);
    assert_int_equal(answer.answer.index, 0);
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_FORBIDDEN);
    assert_int_equal(answers, 7);
    assert_true(trust().strict);
    assert_int_equal(trust().statements, 1);
}

/* The next one is judged by what this one made of the state: it waits until that is known. */
static void one_statement_at_a_time(void **state)
{
    at_once = false;
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_TIMED_OUT);
    assert_int_equal(trust().parties, 0); /* Not before it is durable. */
    assert_int_equal(say(FED_WITHDRAW, &somebody, TALLY_TRUST_ISOLATED), TALLY_BUSY);
    at_once = true;
    disk_goes_on();
    assert_int_equal(trust().parties, 1);
    assert_int_equal(say(FED_WITHDRAW, &somebody, TALLY_TRUST_ISOLATED), TALLY_OK);
    assert_int_equal(trust().parties, 0);
}

static void one_that_fails_changes_nothing(void **state)
{
    fails = true;
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_TIMED_OUT);
    struct tally_event event = {.kind = TALLY_EVENT_APPENDED};
    event.appended.ticket = failed;
    event.appended.error = TALLY_FULL;
    step(&event);
    assert_int_equal(answer.answer.error, TALLY_FULL);
    assert_false(trust().strict);
    fails = false;
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_OK);
    assert_int_equal(answer.answer.index, 0);
}

/* Enough for sealed bundles and some behind them, not all sealed. */
static void a_restart_folds_the_same(void **state)
{
    enum { MANY = 600 };
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_OBSERVE), TALLY_OK);
    for (unsigned i = 1; i < MANY; i++) {
        now.mono.ms += 7;
        assert_int_equal(say(FED_LEVEL, &somebody, (enum tally_trust)(i % 5)), TALLY_OK);
    }
    const struct tally_trust_status before = trust();
    assert_int_equal(before.statements, MANY);
    assert_int_equal(disk.log_count, 1);
    assert_in_range(disk.logs[0]->size, 512, MANY - 1);
    wake_again();
    const struct tally_trust_status after = trust();
    assert_memory_equal(&before, &after, sizeof before);
}

/* A statement that its own disk does not give back: nobody knows what it said. */
static void a_lost_statement_closes_the_node(void **state)
{
    assert_int_equal(say(FED_MODE, NULL, TALLY_TRUST_OBSERVE), TALLY_OK);
    assert_false(trust().strict);
    tally_node_free(node);
    disk.logs[0]->entries[0].envelope_size = 0;
    wake();
    assert_int_equal(trust().lost, 1);
    assert_true(trust().strict);
}

/* ---- Streams. ---- */

static void stream_event(enum tally_event_kind kind, uint32_t stream)
{
    struct tally_event event = {.kind = kind};
    if (kind == TALLY_EVENT_STREAM_OPEN) {
        event.stream_open.stream = stream;
        event.stream_open.remote =
            (struct tally_address){{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, 4001};
    } else if (kind == TALLY_EVENT_STREAM_ROOM) {
        event.stream_room.stream = stream;
        event.stream_room.room = TALLY_STREAM_BYTES_MAX;
    } else {
        event.stream_closed.stream = stream;
        event.stream_closed.error = TALLY_CLOSED;
    }
    step(&event);
}

/* The client dials, and both go on until nothing moves. */
static void dial(uint32_t stream)
{
    party_begin(&client, true, &signer.key, now);
    stream_event(TALLY_EVENT_STREAM_OPEN, stream);
    stream_event(TALLY_EVENT_STREAM_ROOM, stream);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t copy[TALLY_STREAM_BYTES_MAX];
        struct tally_bytes bytes = channel_output(client.channel, sizeof copy);
        if (bytes.size == 0)
            break;
        memcpy(copy, bytes.data, bytes.size);
        struct tally_event event = {.kind = TALLY_EVENT_STREAM_BYTES};
        event.stream_bytes.stream = stream;
        event.stream_bytes.bytes = bytes_of(copy, bytes.size);
        step(&event);
        stream_event(TALLY_EVENT_STREAM_ROOM, stream);
    }
}

/* The stream ended at the host's side too. */
static void hang_up(uint32_t stream)
{
    stream_event(TALLY_EVENT_STREAM_CLOSED, stream);
    channel_end(client.channel);
    client.channel = NULL;
    closes = 0;
}

static void a_stranger_has_a_stream_in_an_open_mesh_only(void **state)
{
    dial(1);
    assert_int_equal(closes, 0);
    assert_int_equal(status().connections, 1);
    /* The first admission is of somebody else: the stranger is out at once. */
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_INTEGRATE), TALLY_OK);
    assert_int_equal(closes, 1);
    hang_up(1);
    dial(3);
    assert_int_equal(closes, 1);
    assert_int_equal(status().drops[TALLY_DROP_UNADMITTED], 1);
    hang_up(3);
    assert_int_equal(say(FED_ADMIT, &client.key, TALLY_TRUST_OBSERVE), TALLY_OK);
    dial(5);
    assert_int_equal(closes, 0);
    assert_int_equal(say(FED_WITHDRAW, &client.key, TALLY_TRUST_ISOLATED), TALLY_OK);
    assert_int_equal(closes, 1);
    hang_up(5);
    dial(7);
    assert_int_equal(closes, 1);
    assert_int_equal(status().drops[TALLY_DROP_WITHDRAWN], 1);
    hang_up(7);
    assert_int_equal(say(FED_ADMIT, &client.key, TALLY_TRUST_ISOLATED), TALLY_OK);
    dial(9);
    assert_int_equal(closes, 1);
    assert_int_equal(status().drops[TALLY_DROP_LEVEL], 1);
    hang_up(9);
}

/* ---- Discrepancies. ---- */

/* A check of what a party showed of a log fails; whether that was stated. */
static bool fails_at(const struct tally_key *party, enum tally_discrepancy type, uint16_t log,
                     bool automatic)
{
    struct tally_hash origin_hash = {{0}};
    origin_hash.bytes[0] = (uint8_t)log;
    origin_hash.bytes[1] = (uint8_t)(log >> 8);
    const struct dispute dispute = {.type = type,
                                    .party = party,
                                    .log = &origin_hash,
                                    .automatic = automatic,
                                    .grounds = bytes_text("what was shown")};
    step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
    bool stated = discrepancy_raise(node, now, &dispute);
    drain();
    return stated;
}

static struct tally_discrepancy_view case_at(size_t index)
{
    struct tally_discrepancy_view view;
    assert_true(tally_node_discrepancy(node, index, &view));
    return view;
}

static void nobody_makes_a_node_write_much(void **state)
{
    struct tally_key parties[6] = {{{0}}};
    const struct tally_key stranger = {{0xee}};
    for (uint8_t i = 0; i < 6; i++) {
        parties[i].bytes[0] = (uint8_t)(20 + i);
        assert_int_equal(say(FED_ADMIT, &parties[i], TALLY_TRUST_VERIFY), TALLY_OK);
    }
    /* Keys cost nothing: of those that nobody knows nothing is said; nor of ourselves. */
    for (uint16_t i = 0; i < 50; i++) {
        struct tally_key key = {{0xdd, (uint8_t)i}};
        assert_false(fails_at(&key, TALLY_DISCREPANCY_ROOT_MISMATCH, i, false));
    }
    assert_false(fails_at(&stranger, TALLY_DISCREPANCY_FORK, 1, false));
    assert_false(fails_at(&signer.key, TALLY_DISCREPANCY_FORK, 1, false));
    struct tally_discrepancy_view view;
    assert_false(tally_node_discrepancy(node, 0, &view));
    /* One party: a few a day, whatever it does, and half a day for what is not critical. */
    unsigned stated = 0, warned = 0;
    for (uint16_t i = 0; i < 200; i++)
        stated += fails_at(&parties[0], TALLY_DISCREPANCY_ROOT_MISMATCH, i, false);
    assert_int_equal(stated, DISPUTING_PARTY_DAY);
    for (uint8_t p = 1; p < 4; p++)
        for (uint16_t i = 0; i < 50; i++)
            warned += fails_at(&parties[p], TALLY_DISCREPANCY_TERM_VIOLATION,
                               (uint16_t)(1000 + 100 * p + i), false);
    assert_int_equal(stated + warned, DISPUTING_DAY / 2);
    for (uint8_t p = 1; p < 6; p++)
        for (uint16_t i = 0; i < 200; i++)
            stated += fails_at(&parties[p], TALLY_DISCREPANCY_FORK, (uint16_t)(2000 + i), false);
    assert_int_equal(stated + warned, DISPUTING_DAY);
    uint64_t statements = trust().statements;
    for (uint8_t p = 0; p < 6; p++)
        for (uint16_t i = 0; i < 200; i++)
            assert_false(
                fails_at(&parties[p], TALLY_DISCREPANCY_FORK, (uint16_t)(9000 + i), false));
    assert_int_equal(trust().statements, statements);
}

/* ---- Policies. ---- */

static void says_policy(bool accepts, enum tally_trust level)
{
    uint8_t body[FED_BODY_MAX];
    const struct fed_statement said = {.kind = FED_POLICY,
                                       .policy = {.accepts = accepts, .level = (uint8_t)level}};
    size_t size = fed_write(&said, body);
    step(&(struct tally_event){
        .kind = TALLY_EVENT_COMMAND,
        .command = {.kind = TALLY_COMMAND_STATE,
                    .ticket = 99,
                    .state = {bytes_text("fed_policy"), bytes_of(body, size)}}});
    assert_int_equal(answer.answer.error, TALLY_OK);
}

/* An offer in the log of somebody, as it would be heard. */
static void offers(uint8_t number)
{
    uint8_t body[FED_BODY_MAX];
    const struct tally_key key = {{0xdd, number}};
    const struct fed_statement said = {.kind = FED_PROPOSE,
                                       .party = signer.key,
                                       .agreement = {.level = TALLY_TRUST_OBSERVE,
                                                     .terms = {.scrolls_count = 1,
                                                               .scrolls = {bytes_text("audit")},
                                                               .verify_s = 3600,
                                                               .shares = TERMS_BOTH}},
                                       .until = {now.wall.us + INT64_C(86400000000)}};
    size_t size = fed_write(&said, body);
    assert_true(size > 0);
    node_hears(node, &key, "fed_trust_proposal", bytes_of(body, size));
}

static void passes_s(uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds; i++) {
        now.mono.ms += 1000;
        now.wall.us += 1000000;
        step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
    }
}

/* What a policy refuses is rejected by the node; whoever makes up keys gets few words for it. */
static void a_policy_is_acted_on(void **state)
{
    offers(1);
    passes_s(5);
    assert_int_equal(trust().refusals[TALLY_REFUSAL_LEVEL], 0);
    says_policy(true, TALLY_TRUST_VERIFY); /* It is stricter than what stands. */
    passes_s(5);
    assert_int_equal(trust().refusals[TALLY_REFUSAL_LEVEL], 1);
    for (uint8_t i = 2; i < 62; i++)
        offers(i);
    says_policy(false, TALLY_TRUST_VERIFY);
    passes_s(20);
    uint64_t few = trust().refusals[TALLY_REFUSAL_CLOSED];
    assert_in_range(few, 15, 16);
    passes_s(600);
    assert_in_range(trust().refusals[TALLY_REFUSAL_CLOSED], few + 9, few + 11);
    /* A restart folds the same, and goes on where it was. */
    uint64_t before = trust().statements;
    tally_node_free(node);
    wake();
    assert_int_equal(trust().refusals[TALLY_REFUSAL_LEVEL], 1);
    assert_int_equal(trust().statements, before);
}

static void what_nobody_can_fetch_is_an_operators(void **state)
{
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_VERIFY), TALLY_OK);
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_ROOT_MISMATCH, 1, true));
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_FORK, 1, false));
    assert_false(fails_at(&somebody, TALLY_DISCREPANCY_ROOT_MISMATCH, 1, true)); /* It is open. */
    wait(DISPUTING_LOOK_MS);
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_RESYNC);
    assert_int_equal(case_at(1).state, TALLY_DISCREPANCY_MANUAL);
    /* A restart goes on with it. */
    wake_again();
    wait(DISPUTING_WAIT_MS / 2);
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_RESYNC);
    wait(DISPUTING_WAIT_MS);
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_MANUAL);
    uint64_t statements = trust().statements;
    wait(3 * DISPUTING_WAIT_MS);
    assert_int_equal(trust().statements, statements); /* Nobody says it twice. */
}

/* The host judged an anchor: of a log that nobody holds here, nobody is to blame. */
static void an_anchor_of_nothing_blames_nobody(void **state)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND};
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_VERIFY), TALLY_OK);
    for (int good = 0; good < 2; good++) {
        event.command = (struct tally_command){
            .kind = TALLY_COMMAND_ANCHOR,
            .ticket = 77,
            .anchor = {.good = good, .size = 1, .finding = bytes_text("btc:regtest\n")}};
        step(&event);
        drain();
        assert_int_equal(answer.answer.ticket, 77);
        assert_int_equal(answer.answer.error, TALLY_NOT_FOUND);
    }
    struct tally_discrepancy_view view;
    assert_false(tally_node_discrepancy(node, 0, &view));
}

/* What passes only once an hour, or a day, passes when the case is an operator's already. */
static void what_holds_again_late_is_resolved_too(void **state)
{
    struct tally_hash log = {{1}};
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_VERIFY), TALLY_OK);
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_SAMPLE_MISSING, 1, true));
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_FORK, 1, false));
    wait(2 * DISPUTING_WAIT_MS);
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_MANUAL);
    disputing_settle(node, now, TALLY_DISCREPANCY_SAMPLE_MISSING, &somebody, &log);
    disputing_settle(node, now, TALLY_DISCREPANCY_FORK, &somebody, &log); /* Never by itself. */
    wait(10 * DISPUTING_LOOK_MS);
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_RESOLVED);
    assert_int_equal(case_at(0).outcome, TALLY_OUTCOME_AUTOMATIC);
    assert_int_equal(case_at(1).state, TALLY_DISCREPANCY_MANUAL);
}

static void what_holds_again_is_resolved(void **state)
{
    struct tally_hash log = {{1}};
    assert_int_equal(say(FED_ADMIT, &somebody, TALLY_TRUST_VERIFY), TALLY_OK);
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_SIZE_REGRESSION, 1, true));
    wait(DISPUTING_LOOK_MS);
    disputing_settle(node, now, TALLY_DISCREPANCY_ROOT_MISMATCH, &somebody, &log); /* Another. */
    drain();
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_RESYNC);
    disputing_settle(node, now, TALLY_DISCREPANCY_SIZE_REGRESSION, &somebody, &log);
    drain();
    assert_int_equal(case_at(0).state, TALLY_DISCREPANCY_RESOLVED);
    assert_int_equal(case_at(0).outcome, TALLY_OUTCOME_AUTOMATIC);
    /* The same again within an hour is a party that plays. */
    assert_false(fails_at(&somebody, TALLY_DISCREPANCY_SIZE_REGRESSION, 1, true));
    wait(DISPUTING_AGAIN_MS);
    assert_true(fails_at(&somebody, TALLY_DISCREPANCY_SIZE_REGRESSION, 1, true));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_statement_is_judged_before_it_is_written),
        T(one_statement_at_a_time),
        T(one_that_fails_changes_nothing),
        T(a_restart_folds_the_same),
        T(a_lost_statement_closes_the_node),
        T(a_stranger_has_a_stream_in_an_open_mesh_only),
        T(nobody_makes_a_node_write_much),
        T(a_policy_is_acted_on),
        T(what_nobody_can_fetch_is_an_operators),
        T(what_holds_again_is_resolved),
        T(what_holds_again_late_is_resolved_too),
        T(an_anchor_of_nothing_blames_nobody),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

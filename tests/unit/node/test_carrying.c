/* SPDX-License-Identifier: Apache-2.0 */
/* Files before a whole node: one bundle at a time, each byte as from a stranger, and an end. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/sync/frame.h"
#include "tally/node.h"

#include <stdlib.h>

static struct tally_node *node;
static struct tally_now now;
static struct tally_action answer, carried;
static unsigned answers, asked, overs;
static uint8_t question[4096];

static bool on_log(void *context, size_t index, struct tally_log_view *view)
{
    return false;
}

static bool on_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    return false;
}

static void on_draw(void *context, uint8_t *bytes, size_t size)
{
    memset(bytes, 7, size);
}

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    *signature = (struct tally_signature){{0}};
}

static bool on_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    return false;
}

static bool on_exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    memset(shared, 1, 32);
    return true;
}

static int set_up(void **state)
{
    const struct tally_node_options options = {
        .key = {{1}},
        .epoch = 1,
        .connections_max = 2,
        .ledger = {.log = on_log, .find = on_find},
        .secret = {NULL, on_draw},
        .crypto = {.sign = on_sign, .verify = on_verify, .exchange = on_exchange}};
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    answers = asked = overs = 0;
    node = tally_node_new(&options, now);
    assert_non_null(node);
    return 0;
}

static int tear_down(void **state)
{
    tally_node_free(node);
    return 0;
}

static void step(const struct tally_event *event)
{
    struct tally_action action;
    tally_node_step(node, now, event);
    assert_true(tally_node_holds(node));
    while (tally_node_next(node, &action)) {
        if (action.kind == TALLY_ACTION_ANSWER) {
            answer = action;
            answers++;
        }
        if (action.kind != TALLY_ACTION_CARRY)
            continue;
        carried = action;
        if (action.carry.bytes.size > 0) {
            assert_in_range(action.carry.bytes.size, 1, sizeof question);
            memcpy(question, action.carry.bytes.data, action.carry.bytes.size);
            asked++;
        } else {
            overs++;
        }
    }
}

static enum tally_error lay_before(void)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND};
    event.command.kind = TALLY_COMMAND_CARRY;
    event.command.ticket = 5;
    step(&event);
    step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
    return answer.answer.error;
}

static void say(struct tally_bytes bytes)
{
    struct tally_event event = {.kind = TALLY_EVENT_CARRY};
    event.carry.bytes = bytes;
    step(&event);
}

/* The number of the request the node asked with: behind the length, [version, kind, request...]. */
static struct tally_sync_frame heads(uint32_t request)
{
    return (struct tally_sync_frame){.kind = TALLY_SYNC_HEADS, .request = request};
}

static void say_frame(const struct tally_sync_frame *frame)
{
    uint8_t bytes[4096];
    say(bytes_of(bytes, sync_frame_put(frame, bytes, sizeof bytes)));
}

static void an_empty_bundle_is_over_at_once(void **state)
{
    assert_int_equal(lay_before(), TALLY_OK);
    assert_int_equal(answers, 1);
    assert_int_equal(asked, 1);
    const struct tally_sync_frame none = heads(1);
    say_frame(&none);
    assert_int_equal(overs, 1);
    assert_int_equal(carried.carry.drop, TALLY_DROP_NONE);
    assert_int_equal(carried.carry.error, TALLY_OK);
    assert_int_equal(carried.carry.logs + carried.carry.forks + carried.carry.guarded, 0);
    assert_int_equal(lay_before(), TALLY_OK); /* And the next may come. */
}

static void one_at_a_time(void **state)
{
    assert_int_equal(lay_before(), TALLY_OK);
    assert_int_equal(lay_before(), TALLY_BUSY);
    assert_int_equal(asked, 1);
}

static void what_is_no_answer_ends_it(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum tally_drop drop;
    } table[] = {
        {"\x03\xc1\xc1\xc1", 4, TALLY_DROP_MALFORMED},
        {"\xff\xff\xff\xff\xff", 5, TALLY_DROP_MALFORMED},
    };
    struct tally_node_status status;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(lay_before(), TALLY_OK);
        say(bytes_of(table[i].bytes, table[i].size));
        assert_int_equal(overs, i + 1);
        assert_int_equal(carried.carry.drop, table[i].drop);
    }
    assert_int_equal(lay_before(), TALLY_OK);
    const struct tally_sync_frame unasked = heads(77);
    say_frame(&unasked);
    assert_int_equal(overs, 3);
    assert_int_equal(carried.carry.drop, TALLY_DROP_UNASKED);
    tally_node_status(node, &status);
    assert_int_equal(status.drops[TALLY_DROP_MALFORMED], 2);
    assert_int_equal(status.drops[TALLY_DROP_UNASKED], 1);
}

static void who_takes_it_away_hears_nothing(void **state)
{
    const struct tally_sync_frame none = heads(1);
    assert_int_equal(lay_before(), TALLY_OK);
    say(bytes_of(NULL, 0));
    assert_int_equal(overs, 0);
    say_frame(&none); /* Of before; nobody waits for it. */
    say(bytes_of(NULL, 0));
    assert_int_equal(overs, 0);
    assert_int_equal(lay_before(), TALLY_OK);
    assert_int_equal(asked, 2);
}

static void silence_ends_it(void **state)
{
    assert_int_equal(lay_before(), TALLY_OK);
    for (unsigned i = 0; i < 600 && overs == 0; i++) {
        now.mono.ms += 1000;
        step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
    }
    assert_int_equal(overs, 1);
    assert_int_equal(carried.carry.drop, TALLY_DROP_SILENT);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_empty_bundle_is_over_at_once),
        STORY(one_at_a_time),
        STORY(what_is_no_answer_ends_it),
        STORY(who_takes_it_away_hears_nothing),
        STORY(silence_ends_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

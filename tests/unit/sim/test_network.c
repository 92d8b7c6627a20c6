/* SPDX-License-Identifier: Apache-2.0 */
/* What lies between nodes: datagrams and streams, with stand-ins at both ends. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "stand_in.h"

enum { A, B, STREAM = 2, TEXT = 700000 };

static struct world world;

/* What the stand-ins saw. */
static struct {
    unsigned datagrams;
    uint64_t last_us;
    uint32_t accepted; /* Number of the stream that B accepted. */
    size_t sent, got, room;
    unsigned opened, closed[2];
    enum tally_error error[2];
    bool in_order, dial, close_when_sent;
} seen;

static uint8_t byte_at(size_t index)
{
    return (uint8_t)(index * 31 + index / 997);
}

static uint8_t text[TEXT];

static void write_more(void)
{
    size_t size = TEXT - seen.sent < seen.room ? TEXT - seen.sent : seen.room;
    if (size == 0)
        return;
    stand_in_add(A, &(struct tally_action){.kind = TALLY_ACTION_WRITE,
                                           .write = {STREAM, bytes_of(text + seen.sent, size)}});
    seen.sent += size;
    seen.room -= size;
    if (seen.sent == TEXT && seen.close_when_sent)
        stand_in_add(A, &(struct tally_action){.kind = TALLY_ACTION_CLOSE, .close = {STREAM}});
}

static void react(uint32_t slot, const struct tally_event *event)
{
    if (event->kind == TALLY_EVENT_DATAGRAM) {
        seen.datagrams++;
        seen.last_us = world.now_us;
    } else if (event->kind == TALLY_EVENT_TICK && seen.dial) {
        seen.dial = false;
        stand_in_add(A, &(struct tally_action){.kind = TALLY_ACTION_DIAL,
                                               .dial = {STREAM, network_address(B), false}});
    } else if (event->kind == TALLY_EVENT_STREAM_OPEN) {
        seen.opened++;
        if (slot == B)
            seen.accepted = event->stream_open.stream;
    } else if (event->kind == TALLY_EVENT_STREAM_ROOM && slot == A) {
        seen.room = event->stream_room.room;
        write_more();
    } else if (event->kind == TALLY_EVENT_STREAM_BYTES && slot == B) {
        const struct tally_bytes bytes = event->stream_bytes.bytes;
        seen.in_order = seen.in_order && memcmp(bytes.data, text + seen.got, bytes.size) == 0;
        seen.got += bytes.size;
    } else if (event->kind == TALLY_EVENT_STREAM_CLOSED) {
        seen.closed[slot]++;
        seen.error[slot] = event->stream_closed.error;
    }
}

static int set_up(void **state)
{
    stand_in_reset();
    memset(&seen, 0, sizeof seen);
    seen.in_order = true;
    for (size_t i = 0; i < TEXT; i++)
        text[i] = byte_at(i);
    stand_in_world(&world, 2);
    stand_in.react = react;
    world.network.link.delay_ms = (struct range){20, 40};
    return 0;
}

static int tear_down(void **state)
{
    world_free(&world);
    return 0;
}

static void datagrams_meet_the_fate_they_were_given(void **state)
{
    static const uint8_t bytes[100];
    struct link_options *link = &world.network.link;
    static const struct {
        uint32_t loss, duplicate, mtu;
        unsigned least, most; /* Of 200 sent. */
    } cases[] = {
        {0, 0, 0, 200, 200},
        {100 * PERCENT, 0, 0, 0, 0},
        {0, 100 * PERCENT, 0, 400, 400},
        {20 * PERCENT, 0, 0, 130, 185},
        {0, 0, 99, 0, 0},
        {0, 0, 100, 200, 200},
    };
    const struct tally_address to = network_address(B);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        link->loss = cases[i].loss;
        link->duplicate = cases[i].duplicate;
        link->mtu = cases[i].mtu;
        seen.datagrams = 0;
        uint64_t begin_us = world.now_us;
        for (unsigned n = 0; n < 200; n++)
            network_send(&world, A, &to, bytes_of(bytes, sizeof bytes));
        assert_true(stand_in_run(&world, 1000));
        assert_in_range(seen.datagrams, cases[i].least, cases[i].most);
        if (seen.datagrams > 0)
            assert_in_range(seen.last_us - begin_us, 20000, 40000);
    }
}

static void nobody_hears_across_a_partition_until_it_heals(void **state)
{
    static const uint8_t bytes[50];
    const struct tally_address to_a = network_address(A), to_b = network_address(B);
    struct link_cut cut = {{A, A}, {B, B}};
    world.network.cuts = &cut;
    world.network.cut_count = 1;
    network_send(&world, A, &to_b, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 100));
    assert_int_equal(seen.datagrams, 0);
    network_send(&world, B, &to_a, bytes_of(bytes, sizeof bytes)); /* The other way is open. */
    assert_true(stand_in_run(&world, 100));
    assert_int_equal(seen.datagrams, 1);
    network_heal(&world.network);
    network_send(&world, A, &to_b, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 100));
    assert_int_equal(seen.datagrams, 2);
    world.network.cuts = NULL;
}

/* B colludes: it hears questions, and no answer but of its own kind. */
static void a_colluder_is_deaf_to_honest_answers(void **state)
{
    static const struct {
        uint8_t kind;
        bool answer;
    } cases[] = {{1, false}, {3, false}, {4, false}, {5, true},  {16, false}, {32, false},
                 {33, true}, {35, true}, {37, true}, {41, true}, {42, false}, {43, true}};
    const struct tally_address to = network_address(B);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t bytes[100] = {0x98, 1, cases[i].kind};
        for (unsigned turn = 0; turn < 3; turn++) {
            world.slots[A].lie = turn == 2 ? LIE_COLLUDE : LIE_NONE;
            world.slots[B].lie = turn > 0 ? LIE_COLLUDE : LIE_NONE;
            seen.datagrams = 0;
            network_send(&world, A, &to, bytes_of(bytes, sizeof bytes));
            assert_true(stand_in_run(&world, 100));
            assert_int_equal(seen.datagrams, turn == 1 && cases[i].answer ? 0 : 1);
        }
    }
}

static void what_flaps_is_open_and_closed_in_turn(void **state)
{
    static const uint8_t bytes[50];
    const struct tally_address to_a = network_address(A), to_b = network_address(B);
    assert_true(stand_in_run(&world, 500));
    struct link_flap flap = {{A, A}, {B, B}, world.now_us, 3000000, 1000000};
    world.network.flaps = &flap;
    world.network.flap_count = 1;
    for (unsigned quarter = 0; quarter < 32; quarter++) {
        seen.datagrams = 0;
        network_send(&world, A, &to_b, bytes_of(bytes, sizeof bytes));
        network_send(&world, B, &to_a, bytes_of(bytes, sizeof bytes));
        assert_true(stand_in_run(&world, 250));
        assert_int_equal(seen.datagrams, quarter % 16 < 12 ? 2 : 0);
    }
    network_heal(&world.network);
    network_send(&world, A, &to_b, bytes_of(bytes, sizeof bytes));
    seen.datagrams = 0;
    assert_true(stand_in_run(&world, 250));
    assert_int_equal(seen.datagrams, 1);
    world.network.flaps = NULL;
}

static void dial(void)
{
    seen.dial = true;
    stand_in_poke(&world, A);
}

static void a_stream_is_ordered_bounded_and_ends_in_order(void **state)
{
    world.network.link.loss = 5 * PERCENT;
    seen.close_when_sent = true;
    dial();
    assert_true(stand_in_run(&world, 60000));
    assert_int_equal(seen.opened, 2);
    assert_int_equal(seen.accepted % 2, 1);
    assert_int_equal(seen.got, TEXT);
    assert_true(seen.in_order);
    assert_int_equal(seen.closed[A], 1);
    assert_int_equal(seen.closed[B], 1);
    assert_int_equal(seen.error[B], TALLY_CLOSED);
}

static void a_short_partition_holds_a_stream_back_a_long_one_breaks_it(void **state)
{
    dial();
    assert_true(stand_in_run(&world, 100));
    assert_true(seen.got < TEXT);
    uint32_t islands[] = {0, 1};
    world.network.islands = islands;
    size_t before = seen.got;
    assert_true(stand_in_run(&world, 5000));
    assert_int_equal(seen.got, before);
    world.network.islands = NULL;
    assert_true(stand_in_run(&world, 30000));
    assert_int_equal(seen.got, TEXT);
    assert_int_equal(seen.closed[A] + seen.closed[B], 0);

    seen.sent = seen.got = 0;
    world.network.islands = islands;
    network_write(&world, A, STREAM, bytes_of(text, 10));
    assert_true(stand_in_run(&world, 60000));
    assert_int_equal(seen.closed[A], 1);
    assert_int_equal(seen.closed[B], 1);
    assert_int_equal(seen.error[A], TALLY_TIMED_OUT);
    world.network.islands = NULL;
}

static void dials_that_reach_nobody_say_so(void **state)
{
    world_crash(&world, B);
    dial();
    assert_true(stand_in_run(&world, 1000));
    assert_int_equal(seen.closed[A], 1);
    assert_int_equal(seen.error[A], TALLY_REFUSED);
    world_wake(&world, B);
    uint32_t islands[] = {0, 1};
    world.network.islands = islands;
    dial();
    assert_true(stand_in_run(&world, DIAL_TIMEOUT_MS - 1000));
    assert_int_equal(seen.closed[A], 1);
    assert_true(stand_in_run(&world, 2000));
    assert_int_equal(seen.closed[A], 2);
    assert_int_equal(seen.error[A], TALLY_TIMED_OUT);
    world.network.islands = NULL;
}

static void a_crash_is_heard_at_the_other_end(void **state)
{
    dial();
    assert_true(stand_in_run(&world, 150));
    assert_int_equal(seen.opened, 2);
    world_crash(&world, A);
    assert_true(stand_in_run(&world, 1000));
    assert_int_equal(seen.closed[B], 1);
    assert_int_equal(seen.error[B], TALLY_REFUSED);
    assert_int_equal(seen.closed[A], 0);
}

static void a_suspended_node_gets_everything_when_it_runs_again(void **state)
{
    static const uint8_t bytes[50];
    const struct tally_address to = network_address(B);
    dial();
    assert_true(stand_in_run(&world, 150));
    size_t before = seen.got;
    world_suspend(&world, B, 5000000);
    network_send(&world, A, &to, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 4900));
    assert_int_equal(seen.got, before);
    assert_int_equal(seen.datagrams, 0);
    assert_true(stand_in_run(&world, 20000));
    assert_int_equal(seen.got, TEXT);
    assert_int_equal(seen.datagrams, 1);
    assert_true(seen.in_order);
}

static void ticks_come_at_the_deadline(void **state)
{
    uint64_t now_ms = world_clock(&world, A).mono.ms;
    stand_in.deadline_ms[A] = now_ms + 500;
    stand_in_poke(&world, A);
    stand_in.ticks = 0;
    assert_true(stand_in_run(&world, 499));
    assert_int_equal(stand_in.ticks, 0);
    assert_true(stand_in_run(&world, 1));
    assert_int_equal(stand_in.ticks, 1);
    assert_true(stand_in_run(&world, 5000));
    assert_int_equal(stand_in.ticks, 1);
}

static void one_seed_is_one_run(void **state)
{
    char ids[3][33];
    for (unsigned i = 0; i < 3; i++) {
        world_free(&world);
        set_up(state);
        world.network.link.loss = 10 * PERCENT;
        world.slots[A].chance.state += i == 2;
        dial();
        assert_true(stand_in_run(&world, 20000));
        transcript_id(&world.transcript, ids[i]);
    }
    assert_string_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[0], ids[2]);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(datagrams_meet_the_fate_they_were_given),
        STORY(nobody_hears_across_a_partition_until_it_heals),
        STORY(a_colluder_is_deaf_to_honest_answers),
        STORY(what_flaps_is_open_and_closed_in_turn),
        STORY(a_stream_is_ordered_bounded_and_ends_in_order),
        STORY(a_short_partition_holds_a_stream_back_a_long_one_breaks_it),
        STORY(dials_that_reach_nobody_say_so),
        STORY(a_crash_is_heard_at_the_other_end),
        STORY(a_suspended_node_gets_everything_when_it_runs_again),
        STORY(ticks_come_at_the_deadline),
        STORY(one_seed_is_one_run),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

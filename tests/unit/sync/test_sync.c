/* SPDX-License-Identifier: Apache-2.0 */
/* What synchronisation does among honest peers, whatever the streams and disks do. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "world.h"

#include <stdio.h>

static struct world *world;
static struct side *a, *b, *c;

static int set_up(void **state)
{
    world = world_new();
    a = &world->sides[0];
    b = &world->sides[1];
    c = &world->sides[2];
    return 0;
}

static int tear_down(void **state)
{
    assert_true(all_true(a) && all_true(b) && all_true(c));
    world_free(world);
    return 0;
}

static void holds(struct side *side, const struct disk_log *log)
{
    const struct disk_log *copy = copy_of(side, log);
    assert_non_null(copy);
    assert_int_equal(copy->size, log->size);
    assert_int_equal(simtree_size(&copy->tree), simtree_size(&log->tree));
    assert_true(hash_equal(&copy->root, &log->root));
}

static void a_whole_log_moves_in_any_chunking(void **state)
{
    static const size_t chunks[] = {1, 7, 1000, 0, TALLY_STREAM_BYTES_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        world->chunk = chunks[i];
        struct disk_log *log =
            log_grow(b, &b->signer, i == 0 ? "one" : "many", i == 0 ? 20 : 777, 90, "x");
        if (i == 0)
            world_start(world);
        ask(world, a, b);
        holds(a, log);
        assert_int_equal(a->drops + b->drops, 0);
    }
    assert_int_equal(a->told[SYNC_NEWS_HEAD], 5);
}

static void a_log_that_grew_is_continued_wherever_it_stood(void **state)
{
    static const unsigned held[] = {1, 100, 255, 256, 257, 512, 999};
    char name[2] = "a";
    struct disk_log *logs[7];
    for (size_t i = 0; i < 7; i++, name[0]++) {
        struct disk_log *first = log_grow(b, &b->signer, name, held[i], 30, "x");
        log_share(a, first, held[i], held[i], first);
        logs[i] = log_grow(b, &b->signer, name, 1000 - held[i], 30, "y");
    }
    world_start(world);
    ask(world, a, b);
    for (size_t i = 0; i < 7; i++)
        holds(a, logs[i]);
    assert_int_equal(a->drops + b->drops, 0);
}

static bool lose_after(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count -= w->count > 0 && frame->kind == TALLY_SYNC_BUNDLE;
    return w->count > 0 || !to_asker;
}

static void after_a_break_the_next_want_begins_at_what_is_durable(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 5000, 30, "x");
    world_start(world);
    world->bend = lose_after;
    world->count = 9; /* The ninth bundle and all after it are lost. */
    ask(world, a, b);
    uint64_t durable = simtree_size(&copy_of(a, log)->tree);
    assert_in_range(durable, 256, 4999);
    assert_int_equal(copy_of(a, log)->size, 0); /* No head before all of it is here. */
    world->bend = NULL;
    cut(world);
    a->wants = 0;
    world->count = 1; /* The heads still pass. */
    pass(world, 5000);
    assert_int_equal(a->first_want, durable);
    world->bend = NULL;
    cut(world);
    pass(world, 16000);
    holds(a, log);
}

static bool short_wants(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_WANT)
        frame->want.limit = 20000;
    return true;
}

static void wants_that_are_cut_short_are_asked_again(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 6000, 60, "x");
    world_start(world);
    world->bend = short_wants;
    ask(world, a, b);
    holds(a, log);
    assert_int_equal(a->drops + b->drops, 0);
    assert_true(a->wants > 6);
}

static void large_bodies_come_whole(void **state)
{
    static const size_t sizes[] = {4096, 4097, 1 << 20, 16 << 20, 0, 57344, 57345, 114688};
    struct disk_log *log = NULL;
    for (size_t i = 0; i < 8; i++)
        log = log_grow(b, &b->signer, "audit", 1, sizes[i], "body");
    world_start(world);
    ask(world, a, b);
    holds(a, log);
    assert_int_equal(a->drops + b->drops, 0);
}

static void two_logs_of_one_size_come_from_one_server(void **state)
{
    struct disk_log *one = log_grow(b, &b->signer, "one", 300, 30, "x");
    struct disk_log *two = log_grow(b, &b->signer, "two", 300, 30, "y");
    world_start(world);
    ask(world, a, b);
    holds(a, one);
    holds(a, two);
}

static void a_log_that_two_peers_hold_is_fetched_once(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 2000, 30, "x");
    log_share(c, log, 2000, 2000, log);
    world_start(world);
    b->deaf = true; /* It takes its time, and meanwhile nobody else is asked for that log. */
    ask(world, a, b);
    ask(world, a, c);
    holds(a, log);
    b->deaf = false;
    pass(world, 30000);
    holds(a, log);
    assert_int_equal(a->told[SYNC_NEWS_HEAD], 2); /* The log, and what was stated about it. */
}

static void a_hundred_logs_take_more_than_a_page(void **state)
{
    char name[8];
    struct disk_log *logs[100];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%u", i);
        logs[i] = log_grow(b, &b->signer, name, 3, 10, "x");
    }
    world_start(world);
    ask(world, a, b);
    for (unsigned i = 0; i < 100; i++)
        holds(a, logs[i]);
    assert_int_equal(a->drops + b->drops, 0);
}

static uint64_t statements(struct side *side)
{
    const struct disk_log *log = disk_find(&side->disk, &side->sync.statements);
    return log != NULL ? simtree_size(&log->tree) : 0;
}

static void both_sides_state_a_transfer_once_a_minute_and_no_more(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 10, 30, "x");
    world_start(world);
    ask(world, a, b);
    holds(a, log);
    assert_int_equal(statements(b), 1);
    assert_int_equal(statements(a), 1);
    assert_int_equal(b->told[SYNC_NEWS_CONFIRMED], 1);
    /* The statements themselves move, both ways, and nothing is stated about that. */
    pass(world, 5000);
    ask(world, a, b);
    ask(world, b, a);
    pass(world, 70000);
    assert_int_equal(statements(b), 1);
    assert_int_equal(statements(a), 1);
    assert_int_equal(a->told[SYNC_NEWS_HEAD], 2);
    assert_int_equal(b->told[SYNC_NEWS_HEAD], 1);
    /* Many transfers in a minute are one pair. */
    for (unsigned i = 0; i < 20; i++) {
        log_grow(b, &b->signer, "audit", 1, 30, "y");
        ask(world, a, b);
        pass(world, 1000);
    }
    assert_int_equal(statements(b), 2);
    pass(world, 70000);
    assert_int_equal(statements(b), 3);
    assert_int_equal(statements(a), 3);
    assert_int_equal(a->drops + b->drops, 0);
}

static void a_full_disk_keeps_what_was_durable_and_goes_on_later(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 3000, 30, "x");
    world_start(world);
    a->disk.options.capacity = 300000;
    ask(world, a, b);
    uint64_t durable = simtree_size(&copy_of(a, log)->tree);
    assert_in_range(durable, 256, 2999);
    sync_on_space(&a->sync, world->now, false);
    pass(world, 60000);
    unsigned wants = a->wants;
    pass(world, 60000);
    assert_int_equal(a->wants, wants); /* Nothing is fetched that has no place. */
    a->disk.options.capacity = 0;
    sync_on_space(&a->sync, world->now, true);
    pass(world, 60000);
    holds(a, log);
}

static void an_append_the_disk_refuses_is_tried_again(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 1000, 30, "x");
    world_start(world);
    a->refuse_append = TALLY_MISMATCH;
    ask(world, a, b);
    assert_null(copy_of(a, log));
    a->refuse_append = TALLY_OK;
    pass(world, 5000);
    holds(a, log);
}

static void what_is_durable_beyond_a_head_waits_for_a_larger_one(void **state)
{
    /* A transfer of 1,000 broke off at 512; the peer that is left has the log up to 300. */
    struct disk_log *log = log_grow(b, &b->signer, "audit", 300, 30, "x");
    world_start(world);
    struct side *issuer = c;
    log_share(issuer, log, 300, 300, log);
    struct disk_log *whole = log_grow(issuer, &b->signer, "audit", 700, 30, "x");
    log_share(a, whole, 512, 0, NULL);
    ask(world, a, b);
    pass(world, 60000);
    assert_int_equal(a->drops, 0); /* Not the peer's fault. */
    assert_int_equal(a->wants, 0);
    ask(world, a, c);
    holds(a, whole);
}

static struct tally_hash not_given;

/* The server is asked for a log that it does not know, and refuses. */
static bool refuse_one(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_WANT && hash_equal(&frame->want.origin, &not_given))
        frame->want.origin.bytes[0] ^= 1;
    return true;
}

static void a_log_that_is_refused_keeps_no_other_back(void **state)
{
    struct disk_log *one = log_grow(b, &b->signer, "one", 300, 30, "x");
    struct disk_log *two = log_grow(b, &b->signer, "two", 300, 30, "y");
    not_given = one->origin_hash;
    world_start(world);
    world->bend = refuse_one;
    ask(world, a, b);
    pass(world, 15000);
    assert_null(copy_of(a, one));
    holds(a, two);
    world->bend = NULL;
    pass(world, 120000);
    holds(a, one);
}

static bool count_questions(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count += frame->kind == TALLY_SYNC_HEADS_WANT;
    return true;
}

static void nobody_is_asked_again_and_again_for_what_led_to_nothing(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 10, 30, "x");
    world_start(world);
    ask(world, a, b);
    holds(a, log);
    pass(world, 20000);
    world->bend = count_questions;
    world->count = 0;
    for (unsigned i = 0; i < 100; i++) { /* It says at each heartbeat that it holds the same. */
        sync_start(&a->sync, world->now, &b->signer.key, 7 + i % 2);
        pass(world, 5000);
    }
    assert_in_range(world->count, 2, 7);
    log_grow(b, &b->signer, "audit", 1, 30, "y");
    sync_start(&a->sync, world->now, &b->signer.key, 9);
    pass(world, 1000);
    holds(a, log);
    /* Somebody who says something else each time is not asked more than once a second. */
    world->count = 0;
    for (unsigned i = 0; i < 600; i++) {
        sync_start(&a->sync, world->now, &b->signer.key, 100 + i);
        pass(world, 100);
    }
    assert_in_range(world->count, 30, 70);
}

static bool count_notes(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_HEADS)
        w->count += frame->heads.notes_count;
    return true;
}

/* Most of what two nodes hold is the same: of a list only what is not is told. */
static void heads_that_both_hold_are_not_told(void **state)
{
    char name[8];
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        log_grow(b, &b->signer, name, 1, 10, "x");
    }
    world_start(world);
    world->bend = count_notes;
    ask(world, a, b);
    pass(world, 60000);
    assert_true(world->count >= 50);
    world->count = 0;
    struct disk_log *one = log_grow(b, &b->signer, "n7", 1, 10, "y");
    sync_start(&a->sync, world->now, &b->signer.key, 0);
    pass(world, 1000);
    holds(a, one);
    assert_in_range(world->count, 1, 2);
    /* Another head of the same size is no head that is held. */
    world->count = 0;
    struct disk_log *other = log_grow(c, &c->signer, "audit", 1, 10, "x");
    log_grow(b, &c->signer, "audit", 1, 10, "z");
    ask(world, a, c);
    pass(world, 10000);
    holds(a, other);
    sync_start(&a->sync, world->now, &b->signer.key, 0);
    pass(world, 1000);
    assert_true(copy_of(a, other)->frozen);
}

/* What is said to be held is whole, or the peer does not know what it says. */
static bool cut_held(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    static const uint8_t odd[SYNC_HELD_ID + 1];
    if (frame->kind == TALLY_SYNC_HEADS_WANT)
        frame->heads_want.held = bytes_of(odd, sizeof odd);
    return true;
}

static void what_is_held_is_said_whole(void **state)
{
    log_grow(b, &b->signer, "audit", 1, 10, "x");
    world_start(world);
    world->bend = cut_held;
    ask(world, a, b);
    pass(world, 1000);
    assert_int_equal(b->drop, TALLY_DROP_MALFORMED);
}

static unsigned verified;

static bool count_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                         const struct tally_signature *signature)
{
    verified++;
    return true;
}

static void heads_that_are_held_cost_no_signature_check(void **state)
{
    char name[8];
    for (unsigned i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "n%u", i);
        log_grow(b, &b->signer, name, 1, 10, "x");
    }
    world_start(world);
    ask(world, a, b);
    pass(world, 120000); /* Statements are told, too. */
    a->crypto.verify = count_verify;
    verified = 0;
    world->bend = count_questions;
    world->count = 0;
    ask(world, a, b);
    assert_in_range(world->count, 1, 3);
    assert_int_equal(verified, 0);
}

static void a_package_of_the_greatest_receipts_moves(void **state)
{
    /* 4,096 bytes and eight references each. */
    struct disk_log *log = log_grow(b, &b->signer, "audit", 0, 0, "");
    for (unsigned i = 0; i < 256; i++)
        log_add(log, &b->signer, 4096, "x", TALLY_REFERENCES_MAX);
    struct tally_hash root = simtree_root(&log->tree, 256);
    log_sign(log, &b->signer, 256, &root);
    world_start(world);
    ask(world, a, b);
    holds(a, log);
    assert_int_equal(a->drops + b->drops, 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_whole_log_moves_in_any_chunking),
        T(a_log_that_grew_is_continued_wherever_it_stood),
        T(after_a_break_the_next_want_begins_at_what_is_durable),
        T(wants_that_are_cut_short_are_asked_again),
        T(large_bodies_come_whole),
        T(two_logs_of_one_size_come_from_one_server),
        T(a_log_that_two_peers_hold_is_fetched_once),
        T(a_hundred_logs_take_more_than_a_page),
        T(both_sides_state_a_transfer_once_a_minute_and_no_more),
        T(a_full_disk_keeps_what_was_durable_and_goes_on_later),
        T(an_append_the_disk_refuses_is_tried_again),
        T(what_is_durable_beyond_a_head_waits_for_a_larger_one),
        T(a_log_that_is_refused_keeps_no_other_back),
        T(nobody_is_asked_again_and_again_for_what_led_to_nothing),
        T(heads_that_both_hold_are_not_told),
        T(what_is_held_is_said_whole),
        T(heads_that_are_held_cost_no_signature_check),
        T(a_package_of_the_greatest_receipts_moves),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

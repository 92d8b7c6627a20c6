/* SPDX-License-Identifier: Apache-2.0 */
/* What peers say they hold, and whether it is asked for: others may bring the same meanwhile. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "world.h"

static struct world *world;
static struct side *a, *b, *c;
static struct disk_log *log_;

static bool count_questions(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count += frame->kind == TALLY_SYNC_HEADS_WANT;
    return true;
}

static int set_up(void **state)
{
    world = world_new();
    a = &world->sides[0];
    b = &world->sides[1];
    c = &world->sides[2];
    log_ = log_grow(c, &c->signer, "audit", 10, 30, "x");
    world->bend = count_questions;
    return 0;
}

static int tear_down(void **state)
{
    assert_true(all_true(a) && all_true(b) && all_true(c));
    world_free(world);
    return 0;
}

static bool holds(struct side *side)
{
    const struct disk_log *copy = copy_of(side, log_);
    return copy != NULL && copy->size == log_->size;
}

static void begin(bool both_hold)
{
    if (both_hold)
        log_share(b, log_, 10, 10, log_);
    world_start(world);
}

/* Somebody passes on that there is a log of that size. */
static void told_of_log(const struct side *by, uint64_t cause)
{
    const struct sync_lack lack = {
        .of_log = true, .origin_hash = log_->origin_hash, .size = log_->size};
    sync_told(&a->sync, world->now, &by->signer.key, cause, &lack, 1);
}

static void told_of_set(const struct side *by, uint8_t word, bool held)
{
    const struct sync_lack lack = {.name_space = {1}, .fingerprint = {word}, .held = held};
    sync_told(&a->sync, world->now, &by->signer.key, word, &lack, 1);
}

static void what_another_brings_meanwhile_is_not_asked_for(void **state)
{
    begin(true);
    told_of_log(b, 0);
    ask(world, a, c);
    assert_true(holds(a));
    pass(world, 3000);
    assert_int_equal(world->count, 1);
    assert_int_equal(a->told[SYNC_NEWS_STREAM], 1); /* There is none to b. */
    /* What is held already is no reason either. */
    told_of_log(b, 0);
    pass(world, 3000);
    assert_int_equal(world->count, 1);
}

static void of_those_that_say_the_same_one_is_asked(void **state)
{
    begin(true);
    told_of_log(b, 0);
    told_of_log(c, 0);
    pass(world, SYNC_LOOK_MS - 100);
    assert_int_equal(world->count, 0);
    pass(world, 5000);
    assert_true(holds(a));
    assert_int_equal(world->count, 1);
    assert_int_equal(a->told[SYNC_NEWS_STREAM], 1);
}

static void who_cannot_help_is_followed_by_the_next(void **state)
{
    begin(false);
    told_of_log(b, 5);
    told_of_log(c, 0);
    pass(world, 3000);
    assert_true(holds(a));
    assert_int_equal(world->count, 2);
    /* That b says the same again does not help it. */
    log_grow(c, &c->signer, "audit", 1, 30, "y");
    told_of_log(b, 5);
    pass(world, 3000);
    assert_int_equal(world->count, 2);
}

static void a_later_word_makes_an_earlier_one_void(void **state)
{
    begin(true);
    told_of_set(b, 1, false);
    told_of_set(c, 2, false);
    assert_true(a->sync.look.ms == world->now.mono.ms + SYNC_LOOK_MS);
    told_of_set(b, 3, true);
    pass(world, 5000);
    assert_int_equal(world->count, 1); /* Of c: nobody said that we hold what it holds. */
    assert_int_equal(a->told[SYNC_NEWS_STREAM], 1);
    /* Who was to be asked for nothing else takes no place: there are four. */
    for (unsigned i = 0; i < 4; i++)
        assert_true((a->sync.askers[i].state == SYNC_FREE) ==
                    !key_equal(&a->sync.askers[i].peer, &c->signer.key));
}

/* A log that another asker fetches is looked at once more, and its heads are not asked again. */
static void what_is_fetched_elsewhere_costs_no_question(void **state)
{
    log_ = log_grow(c, &c->signer, "audit", 2000, 900, "z");
    log_share(b, log_, 2010, 2010, log_);
    world_start(world);
    sync_start(&a->sync, world->now, &b->signer.key, 0);
    ask(world, a, c);
    pass(world, 5000);
    assert_true(holds(a));
    assert_int_equal(world->count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_another_brings_meanwhile_is_not_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_those_that_say_the_same_one_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_cannot_help_is_followed_by_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_word_makes_an_earlier_one_void, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_fetched_elsewhere_costs_no_question, set_up,
                                        tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

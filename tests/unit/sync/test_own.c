/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rollback guard on streams: a, whose disk is an old copy, asks b how far a's logs had got.
 * What b shows is on its way bent by a liar: no lie makes a believe that it is behind, and none
 * that it is not.
 */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "disk_inside.h"
#include "memory.h"
#include "world.h"

static struct world *world;
static struct side *a, *b, *c;
static struct disk_log *audit;
static uint8_t other_note[TALLY_CHECKPOINT_MAX];
static size_t other_size;
static unsigned asked; /* Questions for a's own logs that b was sent. */

/* b holds 15 receipts of a's, a the first 10 of them. */
static int set_up(void **state)
{
    (void)state;
    world = world_new();
    a = &world->sides[0];
    b = &world->sides[1];
    c = &world->sides[2];
    audit = log_grow(b, &a->signer, "audit", 10, 50, "x");
    log_share(a, audit, 10, 10, audit);
    copy_of(a, audit)->own = true;
    asked = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(world);
    return 0;
}

static void asks(void)
{
    world_start(world);
    sync_guard(&a->sync, world->now, true, false);
    ask(world, a, b);
    pass(world, 3000);
}

static void more_there(void)
{
    (void)log_grow(b, &a->signer, "audit", 5, 50, "y");
}

#define TOLD(guard, answered)                                                                      \
    do {                                                                                           \
        assert_int_equal(a->told[SYNC_NEWS_GUARD] > 0, guard);                                     \
        assert_int_equal(a->told[SYNC_NEWS_ANSWERED] > 0, answered);                               \
    } while (0)

/* ---- What is true. ---- */

static void the_same_is_an_answer(void **state)
{
    (void)state;
    asks();
    TOLD(false, true);
}

static void more_is_proved_and_not_fetched(void **state)
{
    (void)state;
    more_there();
    asks();
    TOLD(true, false);
    assert_int_equal(a->told[SYNC_NEWS_FORK], 0);
    assert_int_equal(copy_of(a, audit)->size, 10); /* Not before the operator says so. */
    sync_guard(&a->sync, world->now, true, true);
    pass(world, 3000);
    assert_int_equal(copy_of(a, audit)->size, 15);
}

static void nothing_is_an_answer(void **state)
{
    (void)state;
    world_start(world);
    sync_guard(&a->sync, world->now, true, false);
    ask(world, a, c);
    pass(world, 3000);
    TOLD(false, true);
}

/* After what was fetched all are asked again: who has no more answers now. */
static void whoever_showed_more_answers_when_it_was_fetched(void **state)
{
    (void)state;
    more_there();
    asks();
    sync_guard(&a->sync, world->now, true, true);
    pass(world, 3000);
    unsigned before = a->told[SYNC_NEWS_ANSWERED];
    sync_guard_again(&a->sync, world->now);
    pass(world, 3000);
    assert_true(a->told[SYNC_NEWS_ANSWERED] > before);
}

/* ---- What is not. ---- */

static uint8_t bent_note[SYNC_NOTE_MAX];

/* The note a was to be shown is another. */
static bool shows_other(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    if (frame->kind != TALLY_SYNC_HEADS || frame->heads.notes_count == 0)
        return true;
    frame->heads.notes[0] = bytes_of(other_note, other_size);
    return true;
}

/* Its signature has one bit another way. */
static bool shows_forged(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    if (frame->kind != TALLY_SYNC_HEADS || frame->heads.notes_count == 0)
        return true;
    struct tally_bytes note = frame->heads.notes[0];
    memcpy(bent_note, note.data, note.size);
    bent_note[note.size - 6] ^= 1;
    frame->heads.notes[0] = bytes_of(bent_note, note.size);
    return true;
}

static bool shows_none(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    if (frame->kind == TALLY_SYNC_HEADS)
        frame->heads.notes_count = 0;
    return true;
}

/* There is always one more page. */
static bool shows_without_end(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    asked += frame->kind == TALLY_SYNC_YOURS_WANT;
    if (frame->kind != TALLY_SYNC_HEADS)
        return true;
    frame->heads.more = true;
    frame->heads.notes_count = 1;
    frame->heads.notes[0] = bytes_of(audit->note, audit->note_size);
    return true;
}

static bool shows_nothing_ever(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    asked += frame->kind == TALLY_SYNC_YOURS_WANT;
    return frame->kind != TALLY_SYNC_HEADS;
}

static bool proves_nothing(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    (void)w;
    return frame->kind != TALLY_SYNC_PROOF;
}

/* A checkpoint over 99 receipts of somebody's log, signed by another key. */
static void claim(const struct side *issuer, struct side *by, const char *name_space)
{
    const struct tally_crypto crypto = signer_window(&by->signer);
    struct tally_checkpoint checkpoint = {.size = 99, .root = {{7}}};
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    size_t size = tally_origin_write(&issuer->signer.key, bytes_text(name_space), origin);
    checkpoint.origin = bytes_of(origin, size);
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    other_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, other_note);
    assert_true(other_size > 0);
}

static void lies_have_names(void **state)
{
    static const struct {
        unsigned issuer, by;
        const char *name_space;
        bool forged;
        enum tally_drop drop;
    } rows[] = {
        {0, 0, NULL, true, TALLY_DROP_FORGED},      /* Ours, larger, with a wrong signature; */
        {0, 1, "audit", false, TALLY_DROP_FORGED},  /* ... signed by the liar; */
        {0, 2, "other", false, TALLY_DROP_FORGED},  /* ... of a log we know nothing of. */
        {1, 1, "audit", false, TALLY_DROP_UNASKED}, /* The liar's own, as if it were ours. */
        {2, 2, "audit", false, TALLY_DROP_UNASKED}, /* Somebody else's. */
        {1, 0, "audit", false, TALLY_DROP_FORGED},  /* Of another origin, signed by us. */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i > 0)
            set_up(state);
        more_there();
        if (!rows[i].forged)
            claim(&world->sides[rows[i].issuer], &world->sides[rows[i].by], rows[i].name_space);
        world->bend = rows[i].forged ? shows_forged : shows_other;
        asks();
        assert_int_equal(a->drop, rows[i].drop);
        TOLD(false, false);
        /* The next time it tells the truth, and is heard. */
        world->bend = NULL;
        pass(world, 60000);
        TOLD(true, false);
        if (i + 1 < sizeof rows / sizeof *rows)
            tear_down(state);
    }
}

/* Silence about what it holds is no lie one can see: that is why one waits for others too. */
static void who_hides_it_has_answered(void **state)
{
    (void)state;
    more_there();
    world->bend = shows_none;
    asks();
    TOLD(false, true);
}

static void pages_without_end_have_one(void **state)
{
    (void)state;
    world->bend = shows_without_end;
    asks();
    assert_int_equal(asked, SYNC_PAGES);
    TOLD(false, true);
}

static void who_never_answers_has_not(void **state)
{
    (void)state;
    more_there();
    world->bend = shows_nothing_ever;
    asks();
    pass(world, 10 * SYNC_SILENCE_MS);
    TOLD(false, false);
    assert_int_equal(a->drop, TALLY_DROP_SILENT);
    assert_in_range(asked, 2, 12);
}

/* Our signature is on it: whether it continues ours is not proved, and nothing is signed. */
static void a_larger_one_counts_before_its_proof(void **state)
{
    (void)state;
    more_there();
    world->bend = proves_nothing;
    asks();
    TOLD(true, false);
    assert_int_equal(copy_of(a, audit)->size, 10);
}

static void one_that_contradicts_is_proved(void **state)
{
    (void)state;
    disk_log_cut(copy_of(a, audit), 9);
    log_add(copy_of(a, audit), &a->signer, 50, "z", 0);
    struct tally_hash root = simtree_root(&copy_of(a, audit)->tree, 10);
    log_sign(copy_of(a, audit), &a->signer, 10, &root);
    more_there();
    asks();
    assert_true(a->told[SYNC_NEWS_FORK] > 0);
    assert_int_equal(a->disk.file_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_same_is_an_answer),
        TEST(more_is_proved_and_not_fetched),
        TEST(nothing_is_an_answer),
        TEST(whoever_showed_more_answers_when_it_was_fetched),
        TEST(lies_have_names),
        TEST(who_hides_it_has_answered),
        TEST(pages_without_end_have_one),
        TEST(who_never_answers_has_not),
        TEST(a_larger_one_counts_before_its_proof),
        TEST(one_that_contradicts_is_proved),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

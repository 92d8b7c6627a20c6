/* SPDX-License-Identifier: Apache-2.0 */
/* Where a fork begins, to the receipt: asked of who shows the other branch, in few questions, and
   whoever makes up an answer is found out by the root that was signed. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/log/descent.h"
#include "disk_inside.h"
#include "memory.h"
#include "world.h"

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
    world_free(world);
    return 0;
}

/* c signs one history up to `common`, and two from there on: a holds one, b the other. */
static struct disk_log *two_branches(unsigned common, unsigned ours, unsigned theirs)
{
    struct disk_log *log = log_grow(b, &c->signer, "audit", common + theirs, 20, "right");
    if (common > 0)
        log_share(a, log, common, common, log);
    (void)log_grow(a, &c->signer, "audit", ours, 20, "left");
    return log;
}

/* Counts questions. */
static bool counts(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count += frame->kind == TALLY_SYNC_PARTS_WANT;
    return true;
}

/* ---- The descent alone. ---- */

static void every_place_in_every_size(void **state)
{
    static const unsigned sizes[] = {1, 2, 3, 255, 256, 257, 300, 511, 513, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned size = sizes[i];
        const unsigned places[] = {0, 1, size / 2, size - 1, 255, 256};
        for (size_t j = 0; j < 6; j++) {
            unsigned place = places[j];
            if (place >= size)
                continue;
            tear_down(state), set_up(state);
            const struct disk_log *log = two_branches(place, size - place, size - place);
            const struct tree ours = {&a->ledger, &log->origin_hash},
                              theirs = {&b->ledger, &log->origin_hash};
            struct tally_hash root, parts[DESCENT_PARTS];
            struct descent descent;
            unsigned questions = 1;
            assert_true(tree_root(&theirs, size, &root));
            descent_begin(&descent, size, &root);
            for (;; questions++) {
                size_t count = descent_parts(&theirs, size, descent.from, descent.level, parts);
                assert_in_range(count, 1, DESCENT_PARTS);
                enum descent_verdict verdict = descent_answer(&descent, &ours, parts, count);
                if (verdict == DESCENT_FOUND)
                    break;
                assert_int_equal(verdict, DESCENT_ASK);
            }
            assert_int_equal(descent.from, place);
            assert_int_equal(questions, size > 256 ? 2 : 1);
        }
    }
}

static void what_is_no_answer(void **state)
{
    const struct disk_log *log = two_branches(100, 200, 200);
    const struct tree ours = {&a->ledger, &log->origin_hash},
                      theirs = {&b->ledger, &log->origin_hash};
    struct tally_hash root, parts[DESCENT_PARTS];
    struct descent descent;
    assert_true(tree_root(&theirs, 300, &root));
    descent_begin(&descent, 300, &root);
    assert_int_equal(descent.level, 1);
    assert_int_equal(descent_parts(&theirs, 300, 0, 1, parts), 2);
    struct descent before = descent;
    assert_int_equal(descent_answer(&descent, &ours, parts, 1), DESCENT_LIE);
    assert_int_equal(descent_answer(&descent, &ours, parts, 3), DESCENT_LIE);
    parts[1].bytes[3] ^= 1;
    assert_int_equal(descent_answer(&descent, &ours, parts, 2), DESCENT_LIE);
    assert_memory_equal(&descent, &before, sizeof before);
    /* Their tree is ours: somebody's disk is not what it was. */
    assert_true(tree_root(&ours, 300, &root));
    descent_begin(&descent, 300, &root);
    assert_int_equal(descent_parts(&ours, 300, 0, 1, parts), 2);
    assert_int_equal(descent_answer(&descent, &ours, parts, 2), DESCENT_LOST);
    /* Questions that are none. */
    assert_int_equal(descent_parts(&theirs, 300, 300, 0, parts), 0);
    assert_int_equal(descent_parts(&theirs, 300, 1, 0, parts), 0);
    assert_int_equal(descent_parts(&theirs, 300, 256, 1, parts), 0);
    assert_int_equal(descent_parts(&theirs, 300, 0, 8, parts), 0);
    assert_int_equal(descent_parts(&theirs, 300, 256, 0, parts), 44);
    assert_int_equal(descent_parts(&theirs, 300, 0, 7, parts), 1);
    /* The greatest tree there can be. */
    descent_begin(&descent, INT64_MAX, &root);
    assert_int_equal(descent.level, 7);
}

/* ---- Between two. ---- */

static void who_shows_another_branch_is_asked_where_it_begins(void **state)
{
    static const struct {
        unsigned common, ours, theirs;
    } cases[] = {{0, 1, 1},   {0, 5, 9},   {7, 3, 3},   {7, 9, 2},      {255, 1, 1},
                 {256, 1, 1}, {300, 5, 9}, {300, 9, 5}, {299, 301, 20}, {20, 20, 400}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        (void)two_branches(cases[i].common, cases[i].ours, cases[i].theirs);
        world->bend = counts;
        world_start(world);
        ask(world, a, b);
        assert_int_equal(a->told[SYNC_NEWS_FORK], 1);
        assert_int_equal(a->told[SYNC_NEWS_LOCATED], 1);
        assert_int_equal(a->located, cases[i].common);
        assert_in_range(world->count, 1, 2);
        assert_int_equal(a->drops, 0);
    }
}

/* A hash that it made up leads nowhere; it is asked no more. */
static bool makes_up(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    static uint8_t bytes[DESCENT_PARTS * 32];
    (void)counts(w, to_asker, frame);
    if (frame->kind != TALLY_SYNC_PARTS)
        return true;
    memcpy(bytes, frame->parts.hashes.data, frame->parts.hashes.size);
    bytes[40 % frame->parts.hashes.size] ^= 1;
    frame->parts.hashes.data = bytes;
    return true;
}

static void an_answer_that_is_made_up_is_a_lie(void **state)
{
    (void)two_branches(7, 9, 9);
    world->bend = makes_up;
    world_start(world);
    ask(world, a, b);
    assert_int_equal(a->told[SYNC_NEWS_FORK], 1);
    assert_int_equal(a->told[SYNC_NEWS_LOCATED], 1);
    assert_int_equal(a->located, UINT64_MAX);
    assert_int_equal(a->drop, TALLY_DROP_PROOF);
    assert_int_equal(world->count, 1);
}

/* One that does not know the question, or does not answer it: the fork is proved all the same. */
static bool knows_it_not(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PARTS) {
        frame->kind = TALLY_SYNC_REFUSE;
        frame->refuse = (struct tally_sync_refuse){.reason = TALLY_DROP_UNKNOWN};
    }
    return true;
}

static bool swallows(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    return frame->kind != TALLY_SYNC_PARTS;
}

static void without_an_answer_the_rest_goes_on(void **state)
{
    bool (*const ways[])(struct world *, bool, struct tally_sync_frame *) = {knows_it_not,
                                                                             swallows};
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        (void)two_branches(7, 9, 9);
        struct disk_log *other = log_grow(b, &c->signer, "drills", 30, 20, "same");
        world->bend = ways[i];
        world_start(world);
        ask(world, a, b);
        pass(world, 60000);
        assert_int_equal(a->told[SYNC_NEWS_FORK], 1);
        /* Who says nothing has its stream ended; the node waits for that so long, and no longer. */
        assert_int_equal(a->told[SYNC_NEWS_LOCATED], i == 0);
        assert_int_equal(a->located, i == 0 ? UINT64_MAX : 0);
        assert_non_null(copy_of(a, other));
        assert_int_equal(copy_of(a, other)->size, 30);
    }
}

/* ---- Evidence that no datagram could carry. ---- */

static uint8_t notes[2][SYNC_NOTE_MAX];
static struct tally_bytes small, large;

/* b holds one branch and meets c, who holds the other: it has the evidence. a holds what is before
   both, and is told of two sizes, without what proves them. */
static void told_without_proof(void)
{
    struct disk_log *log = log_grow(b, &c->signer, "audit", 300, 20, "right");
    log_share(a, log, 5, 5, log);
    log_share(c, log, 7, 7, log);
    const struct disk_log *other = log_grow(c, &c->signer, "audit", 100, 20, "left");
    memcpy(notes[0], other->note, other->note_size);
    memcpy(notes[1], log->note, log->note_size);
    small = bytes_of(notes[0], other->note_size);
    large = bytes_of(notes[1], log->note_size);
    world_start(world);
    ask(world, b, c);
    assert_int_equal(b->told[SYNC_NEWS_FORK], 1);
    assert_int_equal(b->disk.file_count, 1);
    assert_int_equal(sync_fork(&a->sync, &b->signer.key, small, large, &a->out),
                     SYNC_VERDICT_AHEAD);
    assert_true(sync_ask_fork(&a->sync, world->now, &b->signer.key, small));
}

static void what_proves_it_comes_by_stream(void **state)
{
    struct tally_fork fork;
    told_without_proof();
    pass(world, 2000);
    assert_int_equal(a->told[SYNC_NEWS_FORK], 1);
    assert_int_equal(a->disk.file_count, 1);
    const struct disk_file *file = &a->disk.files[0];
    assert_int_equal(tally_fork_check(bytes_of(file->bytes, file->size), NULL, &a->crypto, &fork),
                     TALLY_DROP_NONE);
    assert_int_equal(fork.kind, TALLY_FORK_PREFIX);
    assert_true(key_equal(&fork.issuer, &c->signer.key));
    assert_int_equal(a->drops, 0);
}

static bool bends_evidence(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    static uint8_t bytes[TALLY_FORK_MAX];
    if (frame->kind != TALLY_SYNC_EVIDENCE)
        return true;
    memcpy(bytes, frame->evidence.bytes.data, frame->evidence.bytes.size);
    bytes[w->count % frame->evidence.bytes.size] ^= 1;
    frame->evidence.bytes.data = bytes;
    return true;
}

/* No byte of it can be another one. */
static void evidence_that_is_made_up_proves_nothing(void **state)
{
    for (uint64_t at = 0; at < 700; at += 61) {
        if (at > 0)
            tear_down(state), set_up(state);
        world->bend = bends_evidence;
        world->count = at;
        told_without_proof();
        pass(world, 2000);
        assert_int_equal(a->told[SYNC_NEWS_FORK], 0);
        assert_int_equal(a->disk.file_count, 0);
        assert_int_equal(a->drop, TALLY_DROP_PROOF);
    }
}

/* Who has none refuses, and the rest goes on. */
static void who_has_no_evidence_shows_none(void **state)
{
    struct disk_log *log = log_grow(b, &c->signer, "audit", 30, 20, "same");
    world_start(world);
    assert_true(
        sync_ask_fork(&a->sync, world->now, &b->signer.key, bytes_of(log->note, log->note_size)));
    assert_false(
        sync_ask_fork(&a->sync, world->now, &b->signer.key, bytes_of(log->note, log->note_size)));
    pass(world, 60000);
    assert_int_equal(a->told[SYNC_NEWS_FORK], 0);
    assert_int_equal(copy_of(a, log)->size, 30);
}

/* An answer that nobody asked for. */
static void what_was_not_asked_is_not_taken(void **state)
{
    static const enum tally_sync_frame_kind kinds[] = {TALLY_SYNC_PARTS, TALLY_SYNC_EVIDENCE};
    uint8_t bytes[32] = {0};
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct tally_sync_frame frame = {.kind = kinds[i], .request = 1};
        if (i == 0)
            frame.parts.hashes = bytes_of(bytes, sizeof bytes);
        else
            frame.evidence.bytes = bytes_of(bytes, sizeof bytes);
        world_start(world);
        (void)log_grow(b, &c->signer, "audit", 3, 20, "same");
        ask(world, a, b);
        assert_int_equal(tell(world, a, world->wires[0].at_asker, &frame), TALLY_DROP_UNASKED);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(every_place_in_every_size),
        T(what_is_no_answer),
        T(who_shows_another_branch_is_asked_where_it_begins),
        T(an_answer_that_is_made_up_is_a_lie),
        T(without_an_answer_the_rest_goes_on),
        T(what_proves_it_comes_by_stream),
        T(evidence_that_is_made_up_proves_nothing),
        T(who_has_no_evidence_shows_none),
        T(what_was_not_asked_is_not_taken),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

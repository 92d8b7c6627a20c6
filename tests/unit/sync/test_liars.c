/* SPDX-License-Identifier: Apache-2.0 */
/* Servers with good keys that lie: each lie has its named end, and nothing of it becomes durable.
 */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/log/tree.h"
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
    assert_true(all_true(a));
    world_free(world);
    return 0;
}

static uint64_t durable_of(const struct disk_log *log)
{
    const struct disk_log *copy = copy_of(a, log);
    return copy != NULL ? simtree_size(&copy->tree) : 0;
}

static uint64_t signed_of(const struct disk_log *log)
{
    const struct disk_log *copy = copy_of(a, log);
    return copy != NULL ? copy->size : 0;
}

/* ---- Bent frames. ---- */

static uint8_t bent_bytes[TALLY_FRAME_MAX];

/* The bundle that the story counts to has one bit another way. */
static bool flip_byte(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind != TALLY_SYNC_BUNDLE || w->count++ != 1)
        return true;
    memcpy(bent_bytes, frame->bundle.bytes.data, frame->bundle.bytes.size);
    bent_bytes[frame->bundle.bytes.size / 2] ^= 4;
    frame->bundle.bytes.data = bent_bytes;
    return true;
}

static bool wrong_proof(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.proof[0].bytes[31] ^= 1;
    return true;
}

static bool longer_proof(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.proof_count++;
    return true;
}

static bool said_too_short(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.size -= 10;
    return true;
}

static bool said_too_long(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.size += 10;
    return true;
}

static bool out_of_order(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_BUNDLE && w->count++ == 1)
        frame->bundle.offset += 1;
    return true;
}

static bool over_the_block(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.end += 1;
    return true;
}

static bool empty_package(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.end = frame->package.first;
    return true;
}

static bool part_of_a_block(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE && w->count++ == 1)
        frame->package.end -= 1;
    return true;
}

static bool never_what_is_next(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PACKAGE)
        frame->package.first += 256;
    return true;
}

static bool twice_announced(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    return frame->kind != TALLY_SYNC_BUNDLE || w->count++ != 1;
}

static void a_bent_transfer_ends_at_the_last_good_package(void **state)
{
    static const struct {
        bool (*bend)(struct world *, bool, struct tally_sync_frame *);
        enum tally_drop drop;
    } lies[] = {
        {flip_byte, TALLY_DROP_FORGED},
        {wrong_proof, TALLY_DROP_PROOF},
        {longer_proof, TALLY_DROP_PROOF},
        {said_too_short, TALLY_DROP_MALFORMED},
        {said_too_long, TALLY_DROP_UNASKED},
        {out_of_order, TALLY_DROP_MALFORMED},
        {over_the_block, TALLY_DROP_MALFORMED},
        {empty_package, TALLY_DROP_MALFORMED},
        {twice_announced, TALLY_DROP_UNASKED},
        {part_of_a_block, TALLY_DROP_MALFORMED},
        {never_what_is_next, TALLY_DROP_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct disk_log *log = log_grow(b, &b->signer, "audit", 700, 30, "x");
        world_start(world);
        world->bend = lies[i].bend;
        ask(world, a, b);
        assert_int_equal(a->drops, 1);
        /* A flipped bit is another body, then another signed envelope; or no package at all. */
        if (lies[i].bend != flip_byte || a->drop != TALLY_DROP_MALFORMED)
            assert_int_equal(a->drop, lies[i].drop);
        /* The package before was proved, so it is kept; unless the stream broke the rules while the
           pool was still at it. */
        if (a->drop == TALLY_DROP_PROOF || a->drop == TALLY_DROP_FORGED)
            assert_int_equal(durable_of(log), 256);
        assert_in_range(durable_of(log), 0, 256);
        assert_int_equal(signed_of(log), 0);
        world->bend = NULL; /* It is honest again, and the rest comes. */
        pass(world, 60000);
        assert_int_equal(signed_of(log), 700);
    }
}

/* ---- Forged logs: the issuer itself lies, and signs. ---- */

/* A receipt's signature is bad, in a log whose root covers it. */
static struct disk_log *with_bad_signature(const char *name, uint64_t bad, uint64_t size)
{
    struct disk_log *log = log_grow(b, &b->signer, name, 1, 30, "x");
    while (simtree_size(&log->tree) < size) {
        uint64_t index = simtree_size(&log->tree);
        log_add(log, &b->signer, 30, "x", 0);
        if (index != bad)
            continue;
        struct disk_entry *entry = &log->entries[index];
        entry->envelope[entry->envelope_size - 1] ^= 1; /* S is the last half of a signature. */
        struct tally_hash leaf = simtree_leaf(bytes_of(entry->envelope, entry->envelope_size));
        for (unsigned level = 0; level < TREE_LEVELS; level++)
            log->tree.levels[level].count = (size_t)(index >> level);
        simtree_append(&log->tree, &leaf);
    }
    struct tally_hash root = simtree_root(&log->tree, size);
    log_sign(log, &b->signer, size, &root);
    return log;
}

static void a_bad_signature_keeps_exactly_the_packages_before_it(void **state)
{
    static const uint64_t bad[] = {1, 255, 256, 511, 700, 999};
    char name[2] = "a";
    struct disk_log *logs[6];
    for (size_t i = 0; i < 6; i++, name[0]++)
        logs[i] = with_bad_signature(name, bad[i], 1000);
    world_start(world);
    for (unsigned i = 0; i < 6; i++) {
        ask(world, a, b);
        pass(world, 60000);
    }
    assert_int_equal(a->drop, TALLY_DROP_FORGED);
    unsigned reached = 0;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(signed_of(logs[i]), 0);
        assert_true(durable_of(logs[i]) <= bad[i] / 256 * 256);
        reached += durable_of(logs[i]) == bad[i] / 256 * 256;
    }
    assert_true(reached >= 2);
}

static void a_wrong_previous_between_packages_is_seen(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 256, 30, "x");
    log->entries[255].envelope[20] ^= 1; /* For log_add only: the next names another envelope. */
    log_add(log, &b->signer, 30, "x", 0);
    log->entries[255].envelope[20] ^= 1;
    log_grow(b, &b->signer, "audit", 100, 30, "x");
    world_start(world);
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_CHAIN);
    assert_true(durable_of(log) <= 256);
    assert_int_equal(signed_of(log), 0);
}

static void a_wrong_previous_after_what_is_durable_is_seen(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 100, 30, "x");
    log_share(a, log, 100, 100, log);
    log->entries[99].envelope[20] ^= 1;
    log_add(log, &b->signer, 30, "x", 0);
    log->entries[99].envelope[20] ^= 1;
    log_grow(b, &b->signer, "audit", 1, 30, "x");
    world_start(world);
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_CHAIN);
    assert_int_equal(durable_of(log), 100);
}

static bool bad_note(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind != TALLY_SYNC_HEADS)
        return true;
    struct tally_bytes *note = &frame->heads.notes[0];
    memcpy(bent_bytes, note->data, note->size);
    bent_bytes[note->size - 10] ^= 2; /* In the base64 of the signature. */
    note->data = bent_bytes;
    return true;
}

static void a_note_that_does_not_verify_is_forged(void **state)
{
    log_grow(b, &b->signer, "audit", 10, 30, "x");
    world_start(world);
    world->bend = bad_note;
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_FORGED);
    assert_int_equal(a->disk.log_count, 0);
}

static void a_note_of_another_key_is_forged(void **state)
{
    struct disk_log *log = log_grow(b, &c->signer, "audit", 10, 30, "x");
    struct tally_vkey vkey;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    const struct tally_crypto crypto = signer_window(&b->signer); /* B signs for C. */
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_text(log->origin), .size = 10, .root = log->root};
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    log->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    memcpy(log->note, note, log->note_size);
    world_start(world);
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_FORGED);
    assert_int_equal(a->disk.log_count, 0);
}

/* ---- Forks. ---- */

static void evidence_is_kept(const struct disk_log *log)
{
    struct tally_fork fork;
    const struct tally_crypto crypto = a->crypto;
    assert_true(a->disk.file_count > 0);
    const struct disk_file *file = &a->disk.files[0];
    assert_true(hash_equal(&file->origin_hash, &log->origin_hash));
    assert_int_equal(tally_fork_check(bytes_of(file->bytes, file->size), NULL, &crypto, &fork),
                     TALLY_DROP_NONE);
    assert_true(key_equal(&fork.issuer, &log->issuer));
    assert_true(copy_of(a, log)->frozen);
    assert_int_equal(a->told[SYNC_NEWS_FORK], a->disk.file_count);
    assert_int_equal(a->drops, 0); /* Who shows it is not its author. */
}

static void a_larger_tree_that_begins_otherwise_is_a_fork(void **state)
{
    static const unsigned held[] = {1, 2, 64, 100, 255, 256, 300, 512};
    for (size_t i = 0; i < 8; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct disk_log *ours = log_grow(a, &c->signer, "audit", held[i], 30, "left");
        struct disk_log *theirs = log_grow(b, &c->signer, "audit", 700, 30, "right");
        world_start(world);
        ask(world, a, b);
        evidence_is_kept(theirs);
        assert_int_equal(durable_of(theirs), held[i]);
        assert_int_equal(ours->size, held[i]);
        /* Nothing of a frozen log moves any more. */
        unsigned files = (unsigned)a->disk.file_count;
        log_grow(b, &c->signer, "audit", 10, 30, "right");
        ask(world, a, b);
        pass(world, 60000);
        assert_int_equal(durable_of(theirs), held[i]);
        assert_int_equal(a->disk.file_count, files);
    }
}

static void a_smaller_or_equal_tree_with_another_root_is_a_fork(void **state)
{
    static const unsigned theirs_size[] = {1, 64, 100, 255, 256, 299, 300};
    for (size_t i = 0; i < 7; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        log_grow(a, &c->signer, "audit", 300, 30, "left");
        struct disk_log *theirs = log_grow(b, &c->signer, "audit", theirs_size[i], 30, "right");
        world_start(world);
        ask(world, a, b);
        evidence_is_kept(theirs);
    }
}

static bool false_proof(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_PROOF)
        frame->proof.root.bytes[0] ^= 1;
    return true;
}

static void a_proof_of_nothing_is_no_fork(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 100, 30, "x");
    log_share(a, log, 100, 100, log);
    log_grow(b, &b->signer, "audit", 100, 30, "x");
    world_start(world);
    world->bend = false_proof;
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_PROOF);
    assert_int_equal(a->disk.file_count, 0);
    assert_false(copy_of(a, log)->frozen);
}

static void more_of_our_own_log_than_we_have_guards_it(void **state)
{
    struct disk_log *old = log_grow(b, &a->signer, "audit", 50, 30, "x");
    log_share(a, old, 50, 50, old);
    copy_of(a, old)->own = true;
    log_grow(b, &a->signer, "audit", 50, 30, "x");
    world_start(world);
    ask(world, a, b);
    assert_true(a->told[SYNC_NEWS_GUARD] > 0);
    assert_int_equal(durable_of(old), 50);
    assert_int_equal(a->wants, 0);
}

/* ---- Silence, and drops of it. ---- */

static bool no_answer(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    return !to_asker || (unsigned)frame->kind != (unsigned)w->count;
}

static void who_does_not_answer_is_given_up_and_another_is_asked(void **state)
{
    static const enum tally_sync_frame_kind withheld[] = {
        TALLY_SYNC_HEADS, TALLY_SYNC_PROOF, TALLY_SYNC_BUNDLE, TALLY_SYNC_BODY, TALLY_SYNC_CONFIRM};
    for (size_t i = 0; i < 5; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct disk_log *log = log_grow(b, &b->signer, "audit", 100, 30, "x");
        log_share(a, log, 100, 100, log);
        log_grow(b, &b->signer, "audit", 2, 5000, "x");
        log_share(c, log, 102, 102, log);
        world_start(world);
        world->bend = no_answer;
        world->count = withheld[i];
        ask(world, a, b);
        pass(world, 14000);
        assert_int_equal(a->drops, 0);
        pass(world, 2000);
        assert_int_equal(a->drops, 1);
        assert_int_equal(a->drop, TALLY_DROP_SILENT);
        world->bend = NULL;
        b->deaf = true; /* It goes on withholding whatever it is asked. */
        ask(world, a, c);
        pass(world, 20000);
        assert_int_equal(signed_of(log), 102);
    }
}

/* Bytes come, but one a time and slowly. */
static void who_lets_bytes_drip_does_not_keep_the_log(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 500, 30, "x");
    struct tally_sync_frame frame;
    world_start(world);
    b->deaf = true;
    ask(world, a, b);
    uint32_t stream = world->wires[0].at_asker;
    const struct tally_bytes note = bytes_of(log->note, log->note_size);
    frame = (struct tally_sync_frame){
        .kind = TALLY_SYNC_HEADS, .request = 1, .heads = {.notes_count = 1, .notes = {note}}};
    assert_int_equal(tell(world, a, stream, &frame), TALLY_DROP_NONE);
    settle(world);
    assert_int_equal(a->wants, 1);
    frame = (struct tally_sync_frame){.kind = TALLY_SYNC_PACKAGE,
                                      .request = 2,
                                      .package = {.first = 0, .end = 256, .size = 50000}};
    assert_int_equal(tell(world, a, stream, &frame), TALLY_DROP_NONE);
    for (uint32_t i = 0; i < 160 && a->drops == 0; i++) {
        frame = (struct tally_sync_frame){.kind = TALLY_SYNC_BUNDLE,
                                          .request = 2,
                                          .bundle = {.offset = i, .bytes = bytes_of("x", 1)}};
        assert_int_equal(tell(world, a, stream, &frame), TALLY_DROP_NONE);
        pass(world, 100);
    }
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->drop, TALLY_DROP_SILENT);
}

static bool same_page_for_ever(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count += frame->kind == TALLY_SYNC_HEADS;
    if (frame->kind == TALLY_SYNC_HEADS)
        frame->heads.more = true;
    if (frame->kind == TALLY_SYNC_HEADS_WANT)
        frame->heads_want.held =
            bytes_of(NULL, 0); /* It tells what the other holds all the same. */
    return true;
}

static void pages_without_end_end(void **state)
{
    struct disk_log *log = log_grow(b, &b->signer, "audit", 5, 30, "x");
    log_share(a, log, 5, 5, log);
    world_start(world);
    world->bend = same_page_for_ever;
    ask(world, a, b);
    assert_in_range(world->count, 2, SYNC_PAGES);
}

static bool refuse_all(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (!to_asker || (unsigned)frame->kind != (unsigned)w->count)
        return true;
    uint32_t request = frame->request;
    *frame = (struct tally_sync_frame){
        .kind = TALLY_SYNC_REFUSE, .request = request, .refuse = {TALLY_DROP_BUSY, UINT32_MAX}};
    return true;
}

static void who_refuses_is_asked_again_later_and_not_often(void **state)
{
    static const enum tally_sync_frame_kind refused[] = {TALLY_SYNC_HEADS, TALLY_SYNC_PROOF,
                                                         TALLY_SYNC_PACKAGE, TALLY_SYNC_BODY,
                                                         TALLY_SYNC_CONFIRM};
    for (size_t i = 0; i < 5; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct disk_log *log = log_grow(b, &b->signer, "audit", 100, 30, "x");
        log_share(a, log, 100, 100, log);
        log_grow(b, &b->signer, "audit", 20, 5000, "x");
        world_start(world);
        world->bend = refuse_all;
        world->count = refused[i];
        ask(world, a, b);
        pass(world, 25000);
        assert_in_range(a->wants, 0, 3);
        world->bend = NULL;
        pass(world, 100000);
        assert_int_equal(signed_of(log), 120);
    }
}

static bool wrong_statement(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    if (frame->kind == TALLY_SYNC_CONFIRM) {
        memcpy(bent_bytes, frame->confirm.body.data, frame->confirm.body.size);
        bent_bytes[12] ^= 1;
        frame->confirm.body.data = bent_bytes;
    }
    return true;
}

static void a_statement_that_is_not_signed_so_is_not_confirmed(void **state)
{
    log_grow(b, &b->signer, "audit", 10, 30, "x");
    world_start(world);
    world->bend = wrong_statement;
    ask(world, a, b);
    assert_int_equal(a->drop, TALLY_DROP_BODY);
    assert_null(disk_find(&a->disk, &a->sync.statements));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_bent_transfer_ends_at_the_last_good_package),
        T(a_bad_signature_keeps_exactly_the_packages_before_it),
        T(a_wrong_previous_between_packages_is_seen),
        T(a_wrong_previous_after_what_is_durable_is_seen),
        T(a_note_that_does_not_verify_is_forged),
        T(a_note_of_another_key_is_forged),
        T(a_larger_tree_that_begins_otherwise_is_a_fork),
        T(a_smaller_or_equal_tree_with_another_root_is_a_fork),
        T(a_proof_of_nothing_is_no_fork),
        T(more_of_our_own_log_than_we_have_guards_it),
        T(who_does_not_answer_is_given_up_and_another_is_asked),
        T(who_lets_bytes_drip_does_not_keep_the_log),
        T(pages_without_end_end),
        T(who_refuses_is_asked_again_later_and_not_often),
        T(a_statement_that_is_not_signed_so_is_not_confirmed),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

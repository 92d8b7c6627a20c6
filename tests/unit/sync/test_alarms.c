/* SPDX-License-Identifier: Apache-2.0 */
/* Two notes that are said to contradict each other: what it takes to be believed. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/tree.h"
#include "disk_inside.h"
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

/* A checkpoint of a log with another root, signed by whoever. */
static size_t other_note(const struct disk_log *log, const struct signer *signer, uint64_t size,
                         uint8_t *note)
{
    struct tally_vkey vkey;
    const struct tally_crypto crypto = signer_window((struct signer *)(uintptr_t)signer);
    struct tally_checkpoint checkpoint = {
        .origin = bytes_text(log->origin), .size = size, .root = log->root};
    checkpoint.root.bytes[0] ^= 1;
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    return tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
}

static void an_alarm_is_believed_when_both_notes_prove_it(void **state)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct disk_log *log = log_grow(b, &b->signer, "audit", 10, 30, "x");
    world_start(world);
    ask(world, a, b);
    assert_non_null(copy_of(a, log));
    struct tally_bytes one = bytes_of(log->note, log->note_size);
    const struct {
        const struct signer *signer;
        uint64_t size;
        enum sync_verdict verdict;
    } cases[] = {
        {&c->signer, 10, SYNC_VERDICT_BAD},   /* Somebody else's signature. */
        {&b->signer, 11, SYNC_VERDICT_AHEAD}, /* Two sizes need a proof, ... */
        {&c->signer, 9, SYNC_VERDICT_BAD},
        {&b->signer, 10, SYNC_VERDICT_FORK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally_bytes other =
            bytes_of(note, other_note(log, cases[i].signer, cases[i].size, note));
        outbox_clear(&a->out);
        assert_int_equal(sync_fork(&a->sync, &c->signer.key, one, other, &a->out),
                         cases[i].verdict);
        assert_int_equal(a->out.count, cases[i].verdict == SYNC_VERDICT_FORK);
        assert_int_equal(sync_fork(&a->sync, &c->signer.key, one, one, &a->out), SYNC_VERDICT_BAD);
    }
    /* Of a log that is not held nothing is kept: keys cost nothing. */
    struct tally_bytes other = bytes_of(note, other_note(log, &b->signer, 10, note));
    outbox_clear(&c->out);
    assert_int_equal(sync_fork(&c->sync, &b->signer.key, one, other, &c->out), SYNC_VERDICT_SAME);
    assert_int_equal(c->out.count, 0);
}

static void an_alarm_of_two_sizes_is_proved_by_our_own_tree(void **state)
{
    uint8_t past[TALLY_CHECKPOINT_MAX], note[TALLY_CHECKPOINT_MAX];
    struct disk_log *log = log_grow(b, &b->signer, "audit", 10, 30, "x");
    size_t past_size = log->note_size;
    memcpy(past, log->note, past_size);
    log_grow(b, &b->signer, "audit", 20, 30, "x");
    world_start(world);
    ask(world, a, b);
    assert_int_equal(copy_of(a, log)->size, 30);
    struct tally_bytes one = bytes_of(log->note, log->note_size);
    struct sync_news news;
    /* Two checkpoints of one past are none, whoever says so. */
    outbox_clear(&a->out);
    assert_int_equal(sync_fork(&a->sync, &c->signer.key, one, bytes_of(past, past_size), &a->out),
                     SYNC_VERDICT_BAD);
    assert_int_equal(a->out.count, 0);
    /* The smaller one has another root than our tree; we tell nobody who was not told already. */
    struct tally_bytes other = bytes_of(note, other_note(log, &b->signer, 9, note));
    assert_int_equal(sync_fork(&a->sync, &c->signer.key, one, other, &a->out), SYNC_VERDICT_FORK);
    assert_int_equal(a->out.count, 1);
    assert_true(sync_next_news(&a->sync, &news));
    assert_int_equal(news.kind, SYNC_NEWS_FORK);
    assert_int_equal(news.one.size + news.other.size, 0);
    assert_false(sync_next_news(&a->sync, &news));
}

/* Signatures that were verified, or would have been: the provider remembers. */
static uint64_t verifies(void)
{
    return world->provider.verified_count + world->provider.remembered_count;
}

/* A checkpoint of the first `size` receipts of c's tree, signed by whoever. */
static struct tally_bytes note_at(const struct disk_log *log, struct signer *signer, uint64_t size,
                                  uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_vkey vkey;
    const struct tree tree = {&c->ledger, &log->origin_hash};
    const struct tally_crypto crypto = signer_window(signer);
    struct tally_checkpoint checkpoint = {.origin = bytes_text(log->origin), .size = size};
    assert_true(tree_root(&tree, size, &checkpoint.root));
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    return bytes_of(note, tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note));
}

/* The file is the one that the finder wrote, and we tell nobody who was not told already. */
static void file_is_kept(const struct disk_log *log, uint64_t size)
{
    struct tally_fork fork;
    struct tally_action action;
    struct sync_news news;
    assert_true(outbox_next(&a->out, &action));
    assert_int_equal(action.kind, TALLY_ACTION_EVIDENCE);
    assert_int_equal(tally_fork_check(action.evidence.bytes, NULL, &a->crypto, &fork),
                     TALLY_DROP_NONE);
    assert_int_equal(fork.kind, TALLY_FORK_PREFIX);
    assert_int_equal(fork.size, size);
    assert_string_equal(fork.origin, log->origin);
    assert_true(sync_next_news(&a->sync, &news));
    assert_int_equal(news.kind, SYNC_NEWS_FORK);
    assert_int_equal(news.one.size + news.other.size, 0);
}

static void a_fork_with_its_proof_is_believed_by_who_holds_less(void **state)
{
    enum { HELD = 5, SMALLER = 100, LARGER = 300 };
    uint8_t bytes[2][TALLY_CHECKPOINT_MAX];
    struct tally_hash prefix, past[2];
    struct tree_proof good, bent;
    /* a has the first receipts; the issuer showed b 100 of a past, and c 300 of another. */
    struct disk_log *left = log_grow(b, &b->signer, "audit", HELD, 30, "left");
    log_share(a, left, HELD, HELD, left);
    log_grow(b, &b->signer, "audit", SMALLER - HELD, 30, "left");
    struct disk_log *right = log_grow(c, &b->signer, "audit", LARGER, 30, "right");
    world_start(world);
    const struct tree tree = {&c->ledger, &right->origin_hash};
    assert_true(tree_root(&tree, SMALLER, &prefix));
    assert_true(tree_consistency(&tree, SMALLER, LARGER, &good));
    bent = good;
    bent.hashes[good.count / 2].bytes[7] ^= 1;
    past[0] = past[1] = prefix;
    past[1].bytes[0] ^= 1;
    struct tally_bytes small = bytes_of(left->note, left->note_size);
    struct tally_bytes large = bytes_of(right->note, right->note_size);
    struct tally_bytes own = note_at(right, &b->signer, SMALLER, bytes[0]);
    struct tally_bytes forged = note_at(right, &c->signer, LARGER, bytes[1]);
    const struct {
        struct tally_bytes one, other;
        const struct tally_hash *prefix;
        const struct tree_proof *proof;
        size_t count;
        unsigned verifies; /* Signatures that it costs us. */
        enum sync_verdict verdict;
    } cases[] = {
        {small, large, &past[0], &bent, good.count, 0, SYNC_VERDICT_BAD},
        {small, large, &past[0], &good, good.count - 1, 0, SYNC_VERDICT_BAD},
        {small, large, &past[0], &good, 0, 0, SYNC_VERDICT_BAD},
        {small, large, &past[1], &good, good.count, 0, SYNC_VERDICT_BAD},
        {own, large, &past[0], &good, good.count, 0, SYNC_VERDICT_BAD},   /* Of one past. */
        {large, large, &past[0], &good, good.count, 0, SYNC_VERDICT_BAD}, /* The same twice. */
        {large, small, &past[0], &good, good.count, 0, SYNC_VERDICT_BAD},
        {small, forged, &past[0], &good, good.count, 2, SYNC_VERDICT_BAD}, /* Not the issuer's. */
        {small, large, &past[0], &good, good.count, 2, SYNC_VERDICT_FORK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = verifies();
        outbox_clear(&a->out);
        assert_int_equal(sync_fork_prefix(&a->sync, &c->signer.key, cases[i].one, cases[i].other,
                                          cases[i].prefix, cases[i].proof->hashes, cases[i].count,
                                          &a->out),
                         cases[i].verdict);
        assert_int_equal(verifies() - before, cases[i].verifies);
        assert_int_equal(a->out.count, cases[i].verdict == SYNC_VERDICT_FORK);
    }
    file_is_kept(left, SMALLER);
    /* Without the proof the two say nothing to us. */
    outbox_clear(&a->out);
    assert_int_equal(sync_fork(&a->sync, &c->signer.key, small, large, &a->out),
                     SYNC_VERDICT_AHEAD);
    /* Once it is kept, it is not kept again. */
    copy_of(a, left)->frozen = true;
    assert_int_equal(sync_fork_prefix(&a->sync, &c->signer.key, small, large, &prefix, good.hashes,
                                      good.count, &a->out),
                     SYNC_VERDICT_SAME);
    assert_int_equal(a->out.count, 0);
}

static void who_finds_a_fork_of_two_sizes_tells_its_proof(void **state)
{
    /* By its own tree, as who holds the larger one, and by the proof it was given. */
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0)
            tear_down(state), set_up(state);
        struct disk_log *ours = log_grow(a, &c->signer, "audit", i == 0 ? 300 : 100, 30, "left");
        struct disk_log *theirs = log_grow(b, &c->signer, "audit", i == 0 ? 100 : 300, 30, "right");
        world_start(world);
        const struct disk_log *large = i == 0 ? ours : theirs;
        const struct tree tree = {i == 0 ? &a->ledger : &b->ledger, &large->origin_hash};
        struct tally_hash prefix;
        struct tree_proof proof;
        struct sync_news news;
        assert_true(tree_root(&tree, 100, &prefix));
        assert_true(tree_consistency(&tree, 100, 300, &proof));
        outbox_clear(&a->out);
        if (i == 0) {
            struct sync_task task;
            assert_int_equal(sync_compare(&a->sync, &b->signer.key,
                                          bytes_of(theirs->note, theirs->note_size), &task,
                                          &a->out),
                             SYNC_VERDICT_FORK);
        } else {
            sync_evidence(&a->sync, &b->signer.key, &ours->origin_hash, 100,
                          bytes_of(ours->note, ours->note_size),
                          bytes_of(theirs->note, theirs->note_size), &prefix, proof.hashes,
                          proof.count, &a->out);
        }
        assert_true(sync_next_news(&a->sync, &news));
        assert_int_equal(news.kind, SYNC_NEWS_FORK);
        assert_int_equal(news.count, proof.count);
        assert_true(hash_equal(&news.hashes[0], &prefix));
        assert_memory_equal(news.hashes + 1, proof.hashes, proof.count * sizeof *proof.hashes);
        assert_true(news.one.size > 0 && news.other.size > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(an_alarm_is_believed_when_both_notes_prove_it),
        T(an_alarm_of_two_sizes_is_proved_by_our_own_tree),
        T(a_fork_with_its_proof_is_believed_by_who_holds_less),
        T(who_finds_a_fork_of_two_sizes_tells_its_proof),
#undef T
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("alarms", tests, NULL, NULL);
}

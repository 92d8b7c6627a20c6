/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a simulated node: what it answers as the real one does, and what a crash leaves. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "disk_inside.h"
#include "memory.h"

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct random chance;
static char origin[TALLY_ORIGIN_MAX + 1];
static struct tally_log_id id;
static uint8_t envelope[TALLY_ENVELOPE_MAX];

static int set_up(void **state)
{
    static const uint8_t seed[32] = {1};
    provider_init(&provider, PROVIDER_MEMO);
    signer_init(&signer, &provider, seed);
    disk_init(&disk, &signer);
    chance.state = 1;
    id = (struct tally_log_id){
        .issuer = signer.key, .origin = origin, .name_space = "audit", .own = true};
    tally_origin_write(&signer.key, bytes_text("audit"), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    return 0;
}

static int tear_down(void **state)
{
    disk_free(&disk);
    provider_free(&provider);
    return 0;
}

static struct tally_action append(uint64_t index)
{
    static uint8_t body[1];
    struct tally_receipt receipt = {.issuer = signer.key,
                                    .name_space = bytes_text("audit"),
                                    .type = bytes_text("sim"),
                                    .profile = bytes_text(""),
                                    .sequence = index,
                                    .body_size = 1};
    receipt.previous.bytes[0] = index > 0;
    hash_sha256(bytes_of(body, 1), &receipt.body_hash);
    const struct tally_crypto crypto = signer_window(&signer);
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    return (struct tally_action){.kind = TALLY_ACTION_APPEND,
                                 .append = {.ticket = index + 1,
                                            .log = id,
                                            .first = index,
                                            .envelope = bytes_of(envelope, size),
                                            .body = bytes_of(body, 1)}};
}

static uint64_t put(const struct tally_action *action)
{
    enum disk_lane lane;
    uint64_t due_us = 0;
    assert_true(disk_perform(&disk, action, 1000, &chance, &lane, &due_us));
    assert_int_equal(lane, DISK_STORE);
    return due_us;
}

static struct tally_event done(void)
{
    struct tally_event event;
    struct disk_change change;
    assert_true(disk_complete(&disk, DISK_STORE, &event, &change));
    return event;
}

static void fill(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct tally_action action = append(i);
        put(&action);
        assert_int_equal(done().appended.error, TALLY_OK);
    }
}

static void a_receipt_is_there_when_it_is_answered_not_before(void **state)
{
    const struct tally_ledger ledger = disk_ledger(&disk);
    struct tally_log_view view;
    struct tally_action action = append(0);
    uint64_t first_us = put(&action);
    assert_in_range(first_us, 1200, 3000);
    assert_false(ledger.find(&disk, &id.origin_hash, &view));
    action = append(1);
    assert_true(put(&action) > first_us); /* One after the other. */
    struct tally_event event = done();
    assert_int_equal(event.kind, TALLY_EVENT_APPENDED);
    assert_int_equal(event.appended.ticket, 1);
    assert_true(ledger.find(&disk, &id.origin_hash, &view));
    assert_int_equal(view.durable, 1);
    assert_int_equal(view.size, 0);
    assert_true(view.own);
    done();
    assert_true(ledger.log(&disk, 0, &view));
    assert_int_equal(view.durable, 2);
    assert_false(ledger.log(&disk, 1, &view));
}

static void what_does_not_continue_the_log_is_refused_whole(void **state)
{
    fill(2);
    struct tally_action action = append(3);
    put(&action);
    assert_int_equal(done().appended.error, TALLY_MISMATCH);
    assert_int_equal(simtree_size(&disk.logs[0]->tree), 2);
    disk.options.capacity = disk.bytes;
    action = append(2);
    put(&action);
    assert_int_equal(done().appended.error, TALLY_FULL);
    assert_int_equal(simtree_size(&disk.logs[0]->tree), 2);
}

static void tiles_are_held_once_sealed(void **state)
{
    const struct tally_ledger ledger = disk_ledger(&disk);
    static struct tally_hash hashes[TALLY_TILE_WIDTH];
    static uint8_t bytes[TALLY_ENTRIES_MAX];
    fill(300);
    assert_false(ledger.tile(&disk, &id.origin_hash, 0, 0, 1, hashes));
    assert_int_equal(ledger.entries(&disk, &id.origin_hash, 0, 1, bytes, sizeof bytes), 0);
    assert_true(ledger.entry(&disk, &id.origin_hash, 299, bytes, sizeof bytes) > 0);
    assert_int_equal(ledger.entry(&disk, &id.origin_hash, 300, bytes, sizeof bytes), 0);
    struct tally_action seal = {.kind = TALLY_ACTION_SEAL,
                                .seal = {.ticket = 9, .origin_hash = id.origin_hash, .size = 290}};
    put(&seal);
    struct tally_event event = done();
    assert_int_equal(event.sealed.error, TALLY_OK);
    struct tally_hash root = simtree_root(&disk.logs[0]->tree, 290);
    assert_true(hash_equal(&event.sealed.root, &root));
    assert_true(ledger.tile(&disk, &id.origin_hash, 0, 0, 256, hashes));
    assert_true(ledger.tile(&disk, &id.origin_hash, 0, 1, 34, hashes));
    assert_false(ledger.tile(&disk, &id.origin_hash, 0, 1, 35, hashes));
    assert_true(ledger.tile(&disk, &id.origin_hash, 1, 0, 1, hashes));
    assert_false(ledger.tile(&disk, &id.origin_hash, 1, 0, 2, hashes));
    size_t size = ledger.entries(&disk, &id.origin_hash, 1, 34, bytes, sizeof bytes), skipped;
    assert_true(tally_entries_skip(bytes_of(bytes, size), 34, &skipped) && skipped == size);
    size = ledger.bodies(&disk, &id.origin_hash, 1, 34, bytes, sizeof bytes);
    assert_int_equal(size, 34 * 5);
}

/* Tiles that nobody signed are part of a log for its own key only: so the store loads it. */
static void a_copy_for_another_key_ends_at_the_checkpoint(void **state)
{
    static const uint8_t seed[32] = {2};
    const struct tally_action seal = {
        .kind = TALLY_ACTION_SEAL, .seal = {.ticket = 9, .origin_hash = id.origin_hash, .size = 3}};
    struct signer another;
    struct disk own, others;
    signer_init(&another, &provider, seed);
    fill(4);
    put(&seal);
    assert_int_equal(done().sealed.error, TALLY_OK);
    disk_copy(&own, &disk, &signer);
    disk_copy(&others, &own, &another);
    assert_int_equal(simtree_size(&disk_find(&own, &id.origin_hash)->tree), 4);
    assert_int_equal(simtree_size(&disk_find(&others, &id.origin_hash)->tree), 0);
    assert_false(disk_find(&others, &id.origin_hash)->own);
    disk_free(&own);
    disk_free(&others);
}

static void a_checkpoint_is_stored_only_over_its_own_root(void **state)
{
    fill(5);
    uint8_t note[] = "note";
    struct tally_action publish = {
        .kind = TALLY_ACTION_PUBLISH,
        .publish = {.origin_hash = id.origin_hash, .size = 5, .note = bytes_of(note, sizeof note)}};
    put(&publish);
    assert_int_equal(done().published.error, TALLY_MISMATCH);
    publish.publish.root = simtree_root(&disk.logs[0]->tree, 5);
    put(&publish);
    assert_int_equal(done().published.error, TALLY_OK);
    publish.publish.size = 4;
    publish.publish.root = simtree_root(&disk.logs[0]->tree, 4);
    put(&publish);
    assert_int_equal(done().published.error, TALLY_MISMATCH); /* It never goes back. */
}

static void count_change(void *context, const struct disk_change *change)
{
    *(unsigned *)context += change->count > 0;
}

static void a_crash_keeps_a_beginning_of_what_was_under_way(void **state)
{
    bool seen[6] = {false};
    for (unsigned round = 0; round < 100; round++) {
        struct disk copy;
        fill(2);
        for (uint64_t i = 2; i < 7; i++) {
            struct tally_action action = append(i);
            put(&action);
        }
        unsigned late = 0;
        disk_crash(&disk, &chance, count_change, &late);
        assert_int_equal(simtree_size(&disk.logs[0]->tree), 2 + late);
        assert_true(late <= 5);
        seen[late] = true;
        disk_copy(&copy, &disk, &signer);
        assert_int_equal(simtree_size(&copy.logs[0]->tree), 2 + late);
        disk_free(&copy);
        disk_free(&disk);
        disk_init(&disk, &signer);
    }
    for (unsigned late = 0; late <= 5; late++)
        assert_true(seen[late]);
}

static void the_second_opinion_on_merkle_trees(void **state)
{
    struct simtree tree = {0};
    struct tally_hash root = simtree_root(&tree, 0), old = {{0}};
    static const uint8_t empty[4] = {0xe3, 0xb0, 0xc4, 0x42}; /* SHA-256(""). */
    assert_memory_equal(root.bytes, empty, 4);
    for (uint8_t i = 0; i < 200; i++) {
        struct tally_hash leaf = simtree_leaf(bytes_of(&i, 1));
        simtree_append(&tree, &leaf);
        if (i == 99)
            old = simtree_root(&tree, 100);
        /* An inclusion proof of one leaf in one: the root is the leaf. */
        if (i == 0) {
            root = simtree_root(&tree, 1);
            assert_true(hash_equal(&root, &leaf));
            assert_true(tally_inclusion_holds(0, 1, &leaf, NULL, 0, &root));
        }
    }
    root = simtree_root(&tree, 100);
    assert_true(hash_equal(&root, &old)); /* Growth does not change the past. */
    /* 200 = 128 + 64 + 8: the proof of leaf 199 is fixed by the shape. */
    const struct tally_hash proof[] = {tree.levels[0].hashes[198], tree.levels[1].hashes[98],
                                       tree.levels[2].hashes[48], tree.levels[6].hashes[2],
                                       tree.levels[7].hashes[0]};
    root = simtree_root(&tree, 200);
    assert_true(tally_inclusion_holds(199, 200, &tree.levels[0].hashes[199], proof, 5, &root));
    simtree_free(&tree);
}

/* What a story's line asks of a disk. */
static void set(const struct disk_options *values)
{
    const struct disk_setting setting = {
        .values = *values, .full = true, .failed = true, .slow = true};
    disk_set(&disk, &setting);
}

static void a_full_disk_takes_nothing_until_there_is_room(void **state)
{
    fill(2);
    set(&(struct disk_options){.capacity = 1});
    struct tally_action third = append(2);
    put(&third);
    assert_int_equal(done().appended.error, TALLY_FULL);
    assert_true(disk.full && !disk_has_room(&disk));
    set(&(struct disk_options){.capacity = 0});
    assert_true(disk_has_room(&disk));
    third = append(2);
    put(&third);
    assert_int_equal(done().appended.error, TALLY_OK);
}

static void a_write_that_fails_does_nothing_and_ends_the_process(void **state)
{
    fill(2);
    set(&(struct disk_options){.failed = 100 * PERCENT});
    struct tally_action third = append(2);
    put(&third);
    struct tally_event event = done();
    assert_int_equal(event.kind, TALLY_EVENT_APPENDED);
    assert_int_equal(event.appended.error, TALLY_IO);
    assert_true(disk.broken);
    assert_int_equal(simtree_size(&disk_find(&disk, &id.origin_hash)->tree), 2);
    disk_recover(&disk);
    assert_false(disk.broken);
}

/* What stands behind a write that will fail is not found on the disk after a crash either. */
static void nothing_gets_past_a_write_that_fails(void **state)
{
    unsigned changes = 0;
    fill(1);
    set(&(struct disk_options){.failed = 100 * PERCENT});
    for (uint64_t i = 1; i < 9; i++) {
        struct tally_action next = append(i);
        put(&next);
    }
    disk_crash(&disk, &chance, count_change, &changes);
    assert_int_equal(changes, 0);
}

static void a_slow_disk_takes_a_second_or_three(void **state)
{
    set(&(struct disk_options){.slow = 100 * PERCENT});
    struct tally_action first = append(0);
    uint64_t due_us = put(&first);
    assert_in_range(due_us, 1000 + 1000000, 1000 + 3100000);
    assert_int_equal(done().appended.error, TALLY_OK);
}

/* Half a package lies there after a crash, and is cut off before anybody reads it. */
static void what_is_torn_is_cut_off_at_the_start(void **state)
{
    fill(3);
    struct disk_log *log = disk_find(&disk, &id.origin_hash);
    const struct tally_hash root = simtree_root(&log->tree, 3);
    disk.torn.log = log;
    disk.torn.first = 3;
    disk_log_append(log, bytes_of(envelope, 10), bytes_of(NULL, 0), false);
    assert_int_equal(simtree_size(&log->tree), 4);
    disk_recover(&disk);
    assert_int_equal(simtree_size(&log->tree), 3);
    const struct tally_hash after = simtree_root(&log->tree, 3);
    assert_memory_equal(&after, &root, sizeof root);
    assert_null(disk.torn.log);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_receipt_is_there_when_it_is_answered_not_before),
        STORY(what_does_not_continue_the_log_is_refused_whole),
        STORY(tiles_are_held_once_sealed),
        STORY(a_copy_for_another_key_ends_at_the_checkpoint),
        STORY(a_checkpoint_is_stored_only_over_its_own_root),
        STORY(a_crash_keeps_a_beginning_of_what_was_under_way),
        STORY(the_second_opinion_on_merkle_trees),
        STORY(a_full_disk_takes_nothing_until_there_is_room),
        STORY(a_write_that_fails_does_nothing_and_ends_the_process),
        STORY(nothing_gets_past_a_write_that_fails),
        STORY(a_slow_disk_takes_a_second_or_three),
        STORY(what_is_torn_is_cut_off_at_the_start),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

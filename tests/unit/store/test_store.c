/* SPDX-License-Identifier: Apache-2.0 */
/* The story of an own log and of a replica, opened anew after each step. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/tree.h"
#include "host/store/store.h"
#include "opened.h"
#include "support/author.h"
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One job alone: committed, settled. */
static struct store_job perform(struct world *world, const struct tally_action *action,
                                const struct tally_package *package)
{
    struct store_job *job = store_job_new(action, package);
    assert_non_null(job);
    store_commit(world->store, &job, 1);
    store_settle(world->store, job);
    struct store_job result = *job;
    store_job_free(job);
    return result;
}

static enum tally_error append(struct world *world, struct tally_bytes body)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    struct author before = world->author;
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&world->author, true);
    action.append.first = world->author.next;
    action.append.body = body;
    action.append.envelope = bytes_of(envelope, author_write(&world->author, body, envelope));
    enum tally_error error = perform(world, &action, NULL).error;
    if (error != TALLY_OK) { /* As if it had not been written; the window points to the seed. */
        world->author.next = before.next;
        world->author.previous = before.previous;
    }
    return error;
}

static void append_some(struct world *world, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char body[64];
        snprintf(body, sizeof body, "receipt %llu", (unsigned long long)world->author.next);
        assert_int_equal(append(world, bytes_text(body)), TALLY_OK);
    }
}

static struct store_job seal(struct world *world, uint64_t size)
{
    struct tally_action action = {.kind = TALLY_ACTION_SEAL};
    action.seal.origin_hash = world->author.origin_hash;
    action.seal.size = size;
    return perform(world, &action, NULL);
}

static enum tally_error publish(struct world *world, uint64_t size, const struct tally_hash *root)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_action action = {.kind = TALLY_ACTION_PUBLISH};
    action.publish.origin_hash = world->author.origin_hash;
    action.publish.size = size;
    action.publish.root = *root;
    action.publish.note = bytes_of(note, author_sign(&world->author, size, root, note));
    return perform(world, &action, NULL).error;
}

static void seal_and_publish(struct world *world)
{
    struct store_job sealed = seal(world, world->author.next);
    assert_int_equal(sealed.error, TALLY_OK);
    assert_int_equal(publish(world, sealed.size, &sealed.root), TALLY_OK);
}

static struct tally_log_view view_of(struct world *world, const struct author *author)
{
    struct tally_log_view view = {0};
    struct tally_ledger ledger = store_ledger(world->store);
    (void)ledger.find(ledger.context, &author->origin_hash, &view);
    return view;
}

static void count_report(void *context, const char *path, const char *sentence)
{
    print_message("# %s: %s\n", path, sentence);
}

static void assert_whole(struct world *world)
{
    struct store_fsck fsck = {.report = count_report};
    assert_int_equal(store_fsck(world->store, &fsck), TALLY_OK);
}

/* Every receipt is there, by itself and in its bundle, and hashes to its leaf. */
static void assert_readable(struct world *world, const struct author *author)
{
    struct tally_ledger ledger = store_ledger(world->store);
    struct tally_log_view view = view_of(world, author);
    uint8_t *bundle = malloc(TALLY_ENTRIES_MAX);
    assert_int_equal(view.durable, author->next);
    for (uint64_t i = 0; i < view.durable; i++) {
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        struct tally_hash leaf, hashes[256];
        unsigned width = (unsigned)(i % 256) + 1;
        size_t size =
            ledger.entry(ledger.context, &author->origin_hash, i, envelope, sizeof envelope);
        assert_true(size > 0);
        tally_receipt_leaf(bytes_of(envelope, size), &leaf);
        assert_true(ledger.tile(ledger.context, &author->origin_hash, 0, i / 256, width, hashes));
        assert_true(hash_equal(&leaf, &hashes[width - 1]));
        size_t all = ledger.entries(ledger.context, &author->origin_hash, i / 256, width, bundle,
                                    TALLY_ENTRIES_MAX);
        assert_true(all > size && memcmp(bundle + all - size, envelope, size) == 0);
        char body[64], expected[64];
        size_t body_size;
        snprintf(expected, sizeof expected, "receipt %llu", (unsigned long long)i);
        assert_true(ledger.body(ledger.context, &author->origin_hash, i, 0, (uint8_t *)body,
                                sizeof body, &body_size));
        assert_memory_equal(body, expected, strlen(expected));
    }
    free(bundle);
}

static void an_own_log_grows(void **state)
{
    struct world *world = *state;
    static const unsigned steps[] = {1, 3, 251, 1, 1, 300, 0, 255};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        append_some(world, steps[i]);
        assert_readable(world, &world->author);
        reopen(world);
        assert_readable(world, &world->author);
        struct store_job sealed = seal(world, world->author.next);
        assert_int_equal(sealed.error, TALLY_OK);
        append_some(world, 1); /* Sealing and appending go on side by side. */
        assert_readable(world, &world->author);
        if (i % 3 == 1) { /* A crash between seal and publish: both are made again. */
            reopen(world);
            sealed = seal(world, world->author.next - 1);
        }
        assert_int_equal(publish(world, sealed.size, &sealed.root), TALLY_OK);
        assert_readable(world, &world->author);
        reopen(world);
        assert_readable(world, &world->author);
        struct tally_log_view view = view_of(world, &world->author);
        assert_int_equal(view.size, world->author.next - 1);
        assert_true(hash_equal(&view.root, &sealed.root));
        assert_true(view.own);
        assert_whole(world);
    }
}

static void large_bodies_lie_apart(void **state)
{
    struct world *world = *state;
    static const size_t sizes[] = {0, 1, TALLY_BODY_INLINE_MAX, TALLY_BODY_INLINE_MAX + 1, 100000};
    struct tally_ledger ledger;
    uint8_t *body = malloc(100000), *back = malloc(100000);
    for (size_t i = 0; i < 5; i++) {
        memset(body, 'a' + (int)i, sizes[i]);
        assert_int_equal(append(world, bytes_of(body, sizes[i])), TALLY_OK);
    }
    for (unsigned round = 0; round < 3; round++) {
        ledger = store_ledger(world->store);
        for (size_t i = 0; i < 5; i++) {
            size_t size = 99;
            memset(body, 'a' + (int)i, sizes[i]);
            assert_true(
                ledger.body(ledger.context, &world->author.origin_hash, i, 0, back, 100000, &size));
            assert_int_equal(size, sizes[i]);
            assert_memory_equal(back, body, size);
        }
        if (round == 0)
            seal_and_publish(world);
        reopen(world);
    }
    uint8_t *huge = calloc(1, TALLY_BODY_MAX + 1);
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&world->author, true);
    action.append.first = 5;
    action.append.envelope = bytes_of("x", 1);
    action.append.body = bytes_of(huge, TALLY_BODY_MAX + 1);
    assert_int_equal(perform(world, &action, NULL).error, TALLY_TOO_LARGE);
    assert_whole(world);
    free(huge);
    free(body);
    free(back);
}

static void what_does_not_continue_the_log_is_refused(void **state)
{
    struct world *world = *state;
    append_some(world, 3);
    struct store_job sealed = seal(world, 3);
    assert_int_equal(seal(world, 4).error, TALLY_NOT_FOUND);
    struct tally_hash other = sealed.root;
    other.bytes[0] ^= 1;
    assert_int_equal(publish(world, 3, &other), TALLY_MISMATCH);
    assert_int_equal(publish(world, 2, &sealed.root), TALLY_MISMATCH);
    assert_int_equal(seal(world, 3).error, TALLY_OK);
    assert_int_equal(publish(world, 3, &sealed.root), TALLY_OK);
    assert_int_equal(seal(world, 2).error, TALLY_MISMATCH);
    world->author.next = 5; /* A gap. */
    assert_int_equal(append(world, bytes_text("x")), TALLY_MISMATCH);
    world->author.next = 3;
    append_some(world, 1);
    assert_whole(world);
}

/* ---- Replicas ---- */

static enum tally_error append_package(struct world *world, struct tally_package *package,
                                       uint64_t first, const struct tally_hash *root)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&world->other, false);
    action.append.first = first;
    action.append.package = 7;
    if (root != NULL)
        action.append.note =
            bytes_of(note, author_sign(&world->other, first + package->count, root, note));
    return perform(world, &action, package).error;
}

static void a_replica_grows(void **state)
{
    struct world *world = *state;
    struct merkle_range range = {0};
    static const struct {
        unsigned count;
        bool note;
    } steps[] = {{256, false}, {44, true}, {100, false}, {50, true}, {62, true},
                 {256, true},  {1, true},  {1, false},   {254, true}};
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint64_t first = world->other.next;
        struct tally_hash root;
        struct tally_package *package =
            author_package(&world->other, steps[i].count, 40, "receipt", &range);
        merkle_range_root(&range, &root);
        assert_int_equal(append_package(world, package, first, steps[i].note ? &root : NULL),
                         TALLY_OK);
        author_package_free(package);
        size = steps[i].note ? world->other.next : size;
        for (unsigned round = 0; round < 2; round++) {
            struct tally_log_view view = view_of(world, &world->other);
            assert_int_equal(view.durable, world->other.next);
            assert_int_equal(view.size, size);
            assert_false(view.own);
            assert_whole(world);
            reopen(world);
        }
    }
    assert_readable(world, &world->other);
}

static void a_replica_moves_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    struct merkle_range range = {0};
    struct tally_hash root;
    struct tally_package *first = author_package(&world->other, 200, 20, "receipt", &range);
    merkle_range_root(&range, &root);
    assert_int_equal(append_package(world, first, 0, &root), TALLY_OK);
    /* A signed head that is not that of the receipts: they are given up, the head stays. */
    struct author liar = world->other;
    struct tally_package *wrong = author_package(&liar, 56, 20, "another", NULL);
    struct tally_package *right = author_package(&world->other, 56, 20, "receipt", &range);
    merkle_range_root(&range, &root);
    assert_int_equal(append_package(world, wrong, 200, NULL), TALLY_OK);
    struct tally_package *next = author_package(&world->other, 10, 20, "receipt", &range);
    merkle_range_root(&range, &root);
    assert_int_equal(append_package(world, next, 256, &root), TALLY_MISMATCH);
    struct tally_log_view view = view_of(world, &world->other);
    assert_int_equal(view.size, 200);
    assert_int_equal(view.durable, 200);
    reopen(world);
    assert_whole(world);
    /* The right ones take the place of what was left over. */
    assert_int_equal(append_package(world, right, 200, NULL), TALLY_OK);
    assert_int_equal(append_package(world, next, 200, NULL), TALLY_MISMATCH);
    assert_int_equal(append_package(world, next, 256, &root), TALLY_OK);
    assert_readable(world, &world->other);
    assert_whole(world);
    author_package_free(first);
    author_package_free(wrong);
    author_package_free(right);
    author_package_free(next);
}

static void large_bodies_arrive_in_pieces(void **state)
{
    struct world *world = *state;
    struct merkle_range range = {0};
    struct tally_hash root;
    enum { SIZE = 10000 };
    char body[SIZE + 1];
    struct tally_package *package = author_package(&world->other, 2, SIZE, "receipt", &range);
    merkle_range_root(&range, &root);
    static const struct {
        uint32_t offset, size;
        bool last, wrong;
        enum tally_drop drop;
    } pieces[] = {
        {0, 6000, false, false, TALLY_DROP_NONE}, {5000, 100, false, false, TALLY_DROP_BODY},
        {0, SIZE, true, true, TALLY_DROP_BODY},   {0, 6000, true, false, TALLY_DROP_BODY},
        {0, 6000, false, false, TALLY_DROP_NONE}, {6000, 4001, true, false, TALLY_DROP_BODY},
        {0, 6000, false, false, TALLY_DROP_NONE}, {6000, 4000, true, false, TALLY_DROP_NONE},
    };
    memset(body, '.', SIZE);
    snprintf(body, SIZE, "receipt 1");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char sent[SIZE + 1];
        memcpy(sent, body, sizeof body);
        sent[100] = pieces[i].wrong ? 'x' : sent[100];
        struct tally_action action = {.kind = TALLY_ACTION_BODY};
        action.body.package = 7;
        action.body.index = 1;
        action.body.offset = pieces[i].offset;
        action.body.bytes = bytes_of(sent + pieces[i].offset, pieces[i].size);
        action.body.last = pieces[i].last;
        assert_int_equal(perform(world, &action, package).drop, pieces[i].drop);
    }
    assert_int_equal(append_package(world, package, 0, &root), TALLY_OK);
    for (unsigned round = 0; round < 2; round++) {
        struct tally_ledger ledger = store_ledger(world->store);
        char back[SIZE];
        size_t size;
        assert_true(ledger.body(ledger.context, &world->other.origin_hash, 1, 0, (uint8_t *)back,
                                SIZE, &size));
        assert_int_equal(size, SIZE);
        assert_memory_equal(back, body, SIZE);
        /* The other one was withheld. */
        assert_false(ledger.body(ledger.context, &world->other.origin_hash, 0, 0, (uint8_t *)back,
                                 SIZE, &size));
        reopen(world);
    }
    assert_whole(world);
    author_package_free(package);
}

static void receipts_are_found_by_hash(void **state)
{
    struct world *world = *state;
    struct store_place place;
    struct tally_hash hashes[3], unknown = {{1}};
    struct tally_package *package = author_package(&world->other, 256, 20, "receipt", NULL);
    hashes[2] = package->last;
    append_some(world, 5);
    hashes[0] = world->author.previous;
    seal_and_publish(world);
    append_some(world, 2);
    hashes[1] = world->author.previous;
    assert_int_equal(append_package(world, package, 0, NULL), TALLY_OK);
    static const uint64_t indices[] = {4, 6, 255};
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(store_find_receipt(world->store, &hashes[i], &place), TALLY_OK);
            assert_int_equal(place.index, indices[i]);
            assert_true(hash_equal(&place.origin_hash, i == 2 ? &world->other.origin_hash
                                                              : &world->author.origin_hash));
        }
        assert_int_equal(store_find_receipt(world->store, &unknown, &place), TALLY_NOT_FOUND);
        store_close(world->store);
        assert_int_equal(try_open(world, round == 1), TALLY_OK);
    }
    author_package_free(package);
}

static void a_fork_freezes_for_ever(void **state)
{
    struct world *world = *state;
    append_some(world, 2);
    struct tally_action action = {.kind = TALLY_ACTION_EVIDENCE};
    action.evidence.origin_hash = world->author.origin_hash;
    action.evidence.bytes = bytes_text("not evidence, but kept");
    assert_int_equal(perform(world, &action, NULL).error, TALLY_MISMATCH);
    hash_sha256(action.evidence.bytes, &action.evidence.name);
    assert_int_equal(perform(world, &action, NULL).error, TALLY_OK);
    for (unsigned round = 0; round < 2; round++) {
        assert_true(view_of(world, &world->author).frozen);
        assert_int_equal(append(world, bytes_text("no")), TALLY_FROZEN);
        assert_int_equal(seal(world, 2).error, TALLY_FROZEN);
        assert_readable(world, &world->author);
        reopen(world);
    }
    struct store_fsck fsck = {0};
    assert_int_equal(store_fsck(world->store, &fsck), TALLY_DAMAGED);
    assert_int_equal(fsck.problems, 1);
}

/* ---- The directory ---- */

static void a_directory_has_one_holder(void **state)
{
    struct world *world = *state;
    struct store *second;
    const struct store_options options = {.dir = world->dir, .key = &world->author.key};
    char message[256], pid[32];
    assert_int_equal(store_open(&options, &second, message, sizeof message), TALLY_LOCKED);
    assert_null(second);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(message, pid));
    assert_int_equal(store_holder(world->dir), getpid());
    append_some(world, 3);
    struct world beside = *world; /* Who only looks needs no lock. */
    assert_int_equal(try_open(&beside, true), TALLY_OK);
    assert_readable(&beside, &world->author);
    assert_int_equal(append(&beside, bytes_text("no")), TALLY_READ_ONLY);
    store_close(beside.store);
    store_close(world->store);
    world->store = NULL;
    assert_int_equal(store_holder(world->dir), 0);
}

static void write_text(const struct world *world, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", world->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_is_not_safe_is_refused_with_a_sentence(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    world->store = NULL;
    chmod(world->dir, 0750);
    assert_int_equal(try_open(world, false), TALLY_PERMISSION);
    assert_non_null(strstr(world->message, "chmod 700"));
    chmod(world->dir, 0700);
    write_text(world, "version", "layout 9, tally 7.5\n");
    assert_int_equal(try_open(world, false), TALLY_NEWER);
    assert_non_null(strstr(world->message, "tally 7.5 (layout 9)"));
    write_text(world, "version", "rubbish");
    assert_int_equal(try_open(world, false), TALLY_DAMAGED);
    write_text(world, "version", "layout 1, tally 0.0.1\n");
    assert_int_equal(try_open(world, false), TALLY_OK);
    struct world none = *world;
    snprintf(none.dir, sizeof none.dir, "%.40s/none", world->dir);
    assert_int_equal(try_open(&none, true), TALLY_NOT_FOUND);
}

static void epochs_only_grow(void **state)
{
    struct world *world = *state;
    static const struct {
        int64_t now_s;
        uint32_t epoch;
    } lives[] = {{1000, 1000}, {1000, 1001}, {500, 1002},
                 {2000, 2000}, {-5, 2001},   {INT64_MAX, 2002}};
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        uint32_t epoch = 0;
        assert_int_equal(store_epoch(world->store, lives[i].now_s, &epoch), TALLY_OK);
        assert_int_equal(epoch, lives[i].epoch);
        reopen(world);
    }
}

static void peers_are_remembered(void **state)
{
    struct world *world = *state;
    struct store_peer peers[2] = {
        {.key = {{1}}, .address = {.ip = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, .port = 4001}},
        {.key = {{2}}, .address = {.ip = {0x20, 1, [15] = 9}, .port = 65535}}};
    struct store_peer back[4];
    assert_int_equal(store_peers_read(world->store, back, 4), 0);
    assert_int_equal(store_peers_write(world->store, peers, 2), TALLY_OK);
    assert_int_equal(store_peers_read(world->store, back, 4), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(key_equal(&back[i].key, &peers[i].key));
        assert_true(address_equal(&back[i].address, &peers[i].address));
    }
    write_text(world, "peers.last", "rubbish\n1.2.3.4 0 ab\n\xff\xff\n");
    assert_int_equal(store_peers_read(world->store, back, 4), 0);
}

static void no_space_is_not_damage(void **state)
{
    struct world *world = *state;
    append_some(world, 2);
    store_close(world->store);
    const struct store_options greedy = {
        .dir = world->dir, .key = &world->author.key, .min_free_bytes = UINT64_MAX / 2};
    assert_int_equal(store_open(&greedy, &world->store, world->message, sizeof world->message),
                     TALLY_OK);
    uint64_t missing = 0;
    assert_false(store_writable(world->store, &missing));
    assert_true(missing > 0);
    assert_int_equal(append(world, bytes_text("no")), TALLY_READ_ONLY);
    assert_readable(world, &world->author);
    reopen(world);
    append_some(world, 1);
    assert_readable(world, &world->author);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(an_own_log_grows),
        STORY(large_bodies_lie_apart),
        STORY(what_does_not_continue_the_log_is_refused),
        STORY(a_replica_grows),
        STORY(a_replica_moves_whole_or_not_at_all),
        STORY(large_bodies_arrive_in_pieces),
        STORY(receipts_are_found_by_hash),
        STORY(a_fork_freezes_for_ever),
        STORY(a_directory_has_one_holder),
        STORY(what_is_not_safe_is_refused_with_a_sentence),
        STORY(epochs_only_grow),
        STORY(peers_are_remembered),
        STORY(no_space_is_not_damage),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

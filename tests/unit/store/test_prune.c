/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of a replica go; everything that is proved stays. */
#include "core/base/bytes.h"
#include "host/store/snapshot.h"
#include "host/store/store.h"
#include "opened.h"
#include "support/author.h"
#include "support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 10000 };

static enum tally_error perform(struct world *world, const struct tally_action *action,
                                const struct tally_package *package)
{
    struct store_job *job = store_job_new(action, package);
    struct tally_event event;
    assert_non_null(job);
    store_commit(world->store, &job, 1);
    store_settle(world->store, job);
    enum tally_error error = job->error;
    if (action->kind == TALLY_ACTION_PRUNE) {
        assert_true(store_job_event(job, &event));
        assert_int_equal(event.kind, TALLY_EVENT_PRUNED);
        assert_int_equal(event.pruned.error, error);
    }
    store_job_free(job);
    return error;
}

/* So many more receipts of the other's log under a checkpoint; large bodies come in pieces. */
static void grow(struct world *world, unsigned count, size_t body_size)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_hash root;
    uint64_t first = world->other.next;
    struct tally_package *package =
        author_package(&world->other, count, body_size, "receipt", &world->range);
    char body[LARGE];
    for (unsigned i = 0; i < package->large_count; i++) {
        memset(body, '.', sizeof body);
        snprintf(body, sizeof body, "receipt %llu", (unsigned long long)first + i);
        struct tally_action piece = {.kind = TALLY_ACTION_BODY};
        piece.body.package = 7;
        piece.body.index = first + i;
        piece.body.bytes = bytes_of(body, body_size);
        piece.body.last = true;
        assert_int_equal(perform(world, &piece, package), TALLY_OK);
    }
    merkle_range_root(&world->range, &root);
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&world->other, false);
    action.append.first = first;
    action.append.package = 7;
    action.append.note = bytes_of(note, author_sign(&world->other, first + count, &root, note));
    assert_int_equal(perform(world, &action, package), TALLY_OK);
    author_package_free(package);
}

static enum tally_error prune(struct world *world, uint64_t to)
{
    struct tally_action action = {.kind = TALLY_ACTION_PRUNE};
    action.prune.ticket = 3;
    action.prune.origin_hash = world->other.origin_hash;
    action.prune.to = to;
    return perform(world, &action, NULL);
}

static void on_problem(void *context, const char *path, const char *sentence)
{
    print_message("# %s: %s\n", path, sentence);
}

/* fsck finds nothing wrong, bodies below `to` are not there, with their size, others are. */
static void assert_pruned(struct world *world, uint64_t to)
{
    struct store_fsck fsck = {.report = on_problem};
    struct tally_log_view view;
    struct tally_ledger ledger = store_ledger(world->store);
    assert_int_equal(store_fsck(world->store, &fsck), TALLY_OK);
    assert_int_equal(fsck.pruned, to);
    assert_true(ledger.find(ledger.context, &world->other.origin_hash, &view));
    assert_int_equal(view.pruned, to);
    assert_int_equal(view.size, world->other.next);
    for (uint64_t i = 0; i < view.size; i++) {
        uint8_t body[LARGE], envelope[TALLY_ENVELOPE_MAX];
        size_t size;
        assert_true(ledger.entry(ledger.context, &view.origin_hash, i, envelope, sizeof envelope) >
                    0);
        bool held = ledger.body(ledger.context, &view.origin_hash, i, 0, body, sizeof body, &size);
        assert_int_equal(held, i >= to);
        assert_true(size > 0);
    }
}

static void bodies_go_and_proofs_stay(void **state)
{
    struct world *world = *state;
    static const unsigned steps[] = {100, 100, 56, 200, 56, 10};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        grow(world, steps[i], 40);
    static const uint64_t tos[] = {1, 150, 150, 256, 300, 520, 522};
    for (size_t i = 0; i < sizeof tos / sizeof *tos; i++) {
        assert_int_equal(prune(world, tos[i]), TALLY_OK);
        assert_pruned(world, tos[i]);
        reopen(world);
        assert_pruned(world, tos[i]);
    }
    /* Less is nothing; what comes later is whole. */
    assert_int_equal(prune(world, 5), TALLY_OK);
    grow(world, 30, 40);
    assert_pruned(world, 522);
    assert_int_equal(prune(world, 530), TALLY_OK);
    assert_pruned(world, 530);
}

/* A copy that is taken beside the node, opened as the node would open it. */
static void assert_pictured(struct world *world, uint64_t pruned)
{
    struct world copy = {.author = world->author, .other = world->other};
    struct store_snapshot snapshot = {.into = copy.dir, .unfinished = "unfinished"};
    const struct store_options beside = {
        .dir = world->dir, .key = &world->author.key, .read_only = true};
    struct store *store;
    snprintf(copy.dir, sizeof copy.dir, "/tmp/tally-store-XXXXXX");
    assert_non_null(mkdtemp(copy.dir));
    assert_int_equal(store_open(&beside, &store, world->message, sizeof world->message), TALLY_OK);
    assert_int_equal(store_snapshot(store, &snapshot, world->message, sizeof world->message),
                     TALLY_OK);
    store_close(store);
    assert_int_equal(snapshot.receipts, world->other.next);
    open_it(&copy);
    assert_int_equal(store_past(copy.store), TALLY_PAST_COPY);
    assert_pruned(&copy, pruned);
    store_close(copy.store);
    nftw(copy.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void a_picture_has_what_is_kept(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 3; i++)
        grow(world, i < 2 ? 256 : 100, 40);
    assert_pictured(world, 0);
    assert_int_equal(prune(world, 300), TALLY_OK);
    assert_pictured(world, 300);
    /* In the middle of it: so many are to go, and some are still there. */
    char path[256], mark[300];
    assert_true(store_folder(world->store, &world->other.origin_hash, path, sizeof path));
    snprintf(mark, sizeof mark, "%s/pruned", path);
    FILE *file = fopen(mark, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "500 300\n") > 0);
    assert_int_equal(fclose(file), 0);
    assert_pictured(world, 500);
}

static bool blob_there(struct world *world, const char *text)
{
    char path[256], command[512];
    assert_true(store_folder(world->store, &world->other.origin_hash, path, sizeof path));
    snprintf(command, sizeof command, "grep -qrs '%s' %s/blob", text, path);
    return system(command) == 0;
}

static void large_bodies_go_too(void **state)
{
    struct world *world = *state;
    grow(world, 2, LARGE);
    grow(world, 2, 40);
    assert_true(blob_there(world, "receipt 0"));
    assert_int_equal(prune(world, 1), TALLY_OK);
    assert_false(blob_there(world, "receipt 0"));
    assert_pruned(world, 1);
}

static void what_may_not_be_pruned_is_refused(void **state)
{
    struct world *world = *state;
    grow(world, 3, 40);
    assert_int_equal(prune(world, 4), TALLY_MISMATCH);
    struct tally_action action = {.kind = TALLY_ACTION_PRUNE};
    action.prune.origin_hash = world->author.origin_hash;
    action.prune.to = 1;
    assert_int_equal(perform(world, &action, NULL), TALLY_NOT_FOUND);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    struct tally_action append = {.kind = TALLY_ACTION_APPEND};
    append.append.log = author_log(&world->author, true);
    append.append.body = bytes_text("ours");
    append.append.envelope =
        bytes_of(envelope, author_write(&world->author, append.append.body, envelope));
    assert_int_equal(perform(world, &append, NULL), TALLY_OK);
    assert_int_equal(perform(world, &action, NULL), TALLY_FORBIDDEN);
    assert_pruned(world, 0);
}

/* Killed wherever it is: the mark says what is meant, the next opening does the rest. */
static void a_crash_in_the_middle_is_made_good(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 4; i++)
        grow(world, i < 3 ? 256 : 100, 40);
    store_close(world->store);
    uint64_t reached = 0;
    for (unsigned round = 0; round < 24 && reached < 868; round++) {
        pid_t child = fork();
        if (child == 0) {
            open_it(world);
            for (uint64_t to = reached + 100; to <= 868; to += 100)
                (void)prune(world, to);
            (void)prune(world, 868);
            _exit(0);
        }
        /* In the middle, a little later each time. */
        int status;
        usleep(2000 + 800 * round);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        open_it(world);
        struct tally_log_view view;
        struct tally_ledger ledger = store_ledger(world->store);
        assert_true(ledger.find(ledger.context, &world->other.origin_hash, &view));
        assert_true(view.pruned >= reached);
        reached = view.pruned;
        assert_pruned(world, reached);
        store_close(world->store);
    }
    open_it(world);
    assert_int_equal(prune(world, 868), TALLY_OK);
    assert_pruned(world, 868);
}

static void a_mark_that_says_nothing_is_found(void **state)
{
    struct world *world = *state;
    char path[256], mark[300];
    grow(world, 3, 40);
    assert_int_equal(prune(world, 2), TALLY_OK);
    assert_true(store_folder(world->store, &world->other.origin_hash, path, sizeof path));
    snprintf(mark, sizeof mark, "%s/pruned", path);
    FILE *file = fopen(mark, "w");
    assert_non_null(file);
    fputs("2 3\n", file);
    fclose(file);
    reopen(world);
    struct store_fsck fsck = {.report = on_problem};
    assert_int_equal(store_fsck(world->store, &fsck), TALLY_DAMAGED);
    assert_int_equal(fsck.problems, 1);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(bodies_go_and_proofs_stay),         STORY(large_bodies_go_too),
        STORY(what_may_not_be_pruned_is_refused), STORY(a_crash_in_the_middle_is_made_good),
        STORY(a_mark_that_says_nothing_is_found), STORY(a_picture_has_what_is_kept),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

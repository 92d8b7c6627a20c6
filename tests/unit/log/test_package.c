/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/merkle.h"
#include "support/cmocka.h"
#include "support/logs.h"

#include <stdlib.h>
#include <time.h>

/* Two receivers' buffers and a compact package. */
struct world {
    struct logs_seed seed;
    struct tally_crypto crypto;
    struct logs_bundles sent;
    uint8_t *compact, *entries, *bodies;
    size_t size;
    struct tally_package package;
    struct tally_package_job job;
    struct tally_hash before[TALLY_TILE_WIDTH];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->seed = logs_seed(1);
    w->crypto = logs_crypto(w->seed.bytes);
    logs_bundles_init(&w->sent);
    w->compact = malloc(TALLY_PACKAGE_MAX);
    w->package.entries = w->entries = malloc(TALLY_ENTRIES_MAX);
    w->package.bodies = w->bodies = malloc(TALLY_BODIES_MAX);
    sign_key(w->seed.bytes, &w->job.issuer);
    w->job.name_space = "audit";
    w->job.signatures = true;
    w->job.before = w->before;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    logs_bundles_free(&w->sent);
    free(w->compact);
    free(w->entries);
    free(w->bodies);
    free(w);
    return 0;
}

/* Receipts [first, end) on the sender's disk, and packed. */
static void pack(struct world *w, uint64_t first, uint64_t end, size_t body_size, unsigned names)
{
    w->sent.entries_size = w->sent.bodies_size = 0;
    memset(&w->sent.previous, first == 0 ? 0 : 0x5a, sizeof w->sent.previous);
    logs_bundles_fill(&w->sent, &w->seed, first, (unsigned)(end - first), body_size, names);
    w->job.first = first;
    w->job.end = end;
    assert_int_equal(tally_package_write(first, end,
                                         bytes_of(w->sent.entries, w->sent.entries_size),
                                         bytes_of(w->sent.bodies, w->sent.bodies_size), w->compact,
                                         TALLY_PACKAGE_MAX, &w->size),
                     TALLY_DROP_NONE);
}

static enum tally_drop open_bytes(struct world *w, struct tally_bytes compact)
{
    return tally_package_open(&w->job, compact, &w->crypto, &w->package);
}

static void assert_arrived(struct world *w)
{
    assert_int_equal(open_bytes(w, bytes_of(w->compact, w->size)), TALLY_DROP_NONE);
    assert_int_equal(w->package.entries_size, w->sent.entries_size);
    assert_memory_equal(w->entries, w->sent.entries, w->sent.entries_size);
    assert_int_equal(w->package.bodies_size, w->sent.bodies_size);
    assert_memory_equal(w->bodies, w->sent.bodies, w->sent.bodies_size);
    assert_memory_equal(&w->package.last, &w->sent.previous, sizeof w->sent.previous);
}

static void what_is_sent_arrives_exactly(void **state)
{
    static const struct {
        uint64_t first, end;
        size_t body;
        unsigned names;
    } runs[] = {
        {0, 1, 0, 1},      {0, 256, 90, 3},     {256, 512, 300, 1},  {300, 310, 4096, 40},
        {511, 512, 10, 1}, {512, 768, 20, 17},  {512, 768, 4097, 2}, {0, 256, 4096, 300},
        {255, 256, 1, 1},  {768, 1024, 33, 16},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        pack(w, runs[i].first, runs[i].end, runs[i].body, runs[i].names);
        assert_arrived(w);
        assert_int_equal(w->package.large_count, runs[i].body > 4096 ? w->package.count : 0);
    }
}

/* The subtree's root is that of the block's leaves before, and of the package's. */
static void subtree_is_of_the_whole_block(void **state)
{
    struct world *w = *state;
    struct tally_hash root;
    struct merkle_range range = {0};
    for (unsigned i = 0; i < 20; i++) {
        logs_leaf(i, &w->before[i]);
        merkle_range_append(&range, &w->before[i]);
    }
    pack(w, 256 + 20, 256 + 51, 90, 3);
    assert_arrived(w);
    for (unsigned i = 0; i < 31; i++)
        merkle_range_append(&range, &w->package.leaves[i]);
    merkle_range_root(&range, &root);
    assert_memory_equal(&root, &w->package.subtree, sizeof root);
    assert_int_equal(w->package.previous.bytes[0], 0x5a);
}

static void a_flipped_bit_is_refused(void **state)
{
    struct world *w = *state;
    struct tally_hash wanted;
    pack(w, 257, 260, 24, 2);
    assert_arrived(w);
    wanted = w->package.subtree;
    for (size_t bit = 0; bit < 8 * w->size; bit++) {
        w->compact[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum tally_drop drop = open_bytes(w, bytes_of(w->compact, w->size));
        assert_true(drop == TALLY_DROP_MALFORMED || drop == TALLY_DROP_FORGED);
        /* Without signatures the signed root still tells: no other bytes have this subtree. */
        w->job.signatures = false;
        if (open_bytes(w, bytes_of(w->compact, w->size)) == TALLY_DROP_NONE)
            assert_memory_not_equal(&wanted, &w->package.subtree, sizeof wanted);
        w->job.signatures = true;
        w->compact[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_arrived(w);
}

static void every_other_length_is_refused(void **state)
{
    struct world *w = *state;
    pack(w, 0, 5, 40, 2);
    for (size_t size = 0; size < w->size; size++) {
        /* Exactly as much memory as it may read. */
        uint8_t *cut = malloc(size + 1);
        memcpy(cut, w->compact, size);
        assert_int_equal(open_bytes(w, bytes_of(cut, size)), TALLY_DROP_MALFORMED);
        free(cut);
    }
    w->compact[w->size] = 0xc0;
    assert_int_equal(open_bytes(w, bytes_of(w->compact, w->size + 1)), TALLY_DROP_MALFORMED);
}

static void a_package_answers_one_question_only(void **state)
{
    struct world *w = *state;
    pack(w, 0, 5, 40, 2);
    struct tally_bytes compact = bytes_of(w->compact, w->size);
    w->job.end = 6;
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_MALFORMED);
    w->job.end = 4;
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_MALFORMED);
    w->job.first = 1, w->job.end = 6;
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_MALFORMED);
    w->job.first = 0, w->job.end = 5, w->job.name_space = "other";
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_FORGED);
    w->job.name_space = "audit", w->job.issuer.bytes[3] ^= 1;
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_FORGED);
    w->job.signatures = false;
    assert_int_equal(open_bytes(w, compact), TALLY_DROP_NONE);
}

static void a_bad_store_sends_nothing(void **state)
{
    struct world *w = *state;
    pack(w, 0, 3, 40, 2);
    struct tally_bytes entries = bytes_of(w->sent.entries, w->sent.entries_size),
                       bodies = bytes_of(w->sent.bodies, w->sent.bodies_size);
    size_t size;
    assert_int_equal(
        tally_package_write(0, 2, entries, bodies, w->compact, TALLY_PACKAGE_MAX, &size),
        TALLY_DROP_CHAIN);
    assert_int_equal(
        tally_package_write(1, 4, entries, bodies, w->compact, TALLY_PACKAGE_MAX, &size),
        TALLY_DROP_CHAIN);
    assert_int_equal(tally_package_write(0, 3, entries, bodies, w->compact, w->size - 1, &size),
                     TALLY_DROP_BUSY);
    be32_write(w->sent.bodies, TALLY_BODY_ABSENT);
    assert_int_equal(
        tally_package_write(0, 3, entries, bodies, w->compact, TALLY_PACKAGE_MAX, &size),
        TALLY_DROP_BODY);
}

/* A body that is not kept any more: its hash and size stand for it, but for those of statements. */
static void what_was_pruned_is_sent_by_its_hash(void **state)
{
    struct world *w = *state;
    size_t size;
    pack(w, 0, 3, 40, 2);
    struct tally_bytes whole = bytes_of(w->sent.bodies, w->sent.bodies_size);
    uint8_t *bodies = malloc(whole.size);
    be32_write(bodies, TALLY_BODY_ABSENT);
    memcpy(bodies + 4, whole.data + 44, whole.size - 44);
    assert_int_equal(tally_package_write(0, 3, bytes_of(w->sent.entries, w->sent.entries_size),
                                         bytes_of(bodies, whole.size - 40), w->compact,
                                         TALLY_PACKAGE_MAX, &size),
                     TALLY_DROP_NONE);
    assert_int_equal(open_bytes(w, bytes_of(w->compact, size)), TALLY_DROP_NONE);
    assert_int_equal(w->package.large_count, 0); /* Nobody asks for it. */
    assert_int_equal(w->package.bodies_size, whole.size - 40);
    assert_memory_equal(w->package.bodies, bodies, whole.size - 40);
    assert_memory_equal(w->package.entries, w->sent.entries, w->sent.entries_size);
    w->job.name_space = TALLY_STATEMENTS;
    assert_int_equal(open_bytes(w, bytes_of(w->compact, size)), TALLY_DROP_MALFORMED);
    free(bodies);
}

static void ranges_stay_in_a_block(void **state)
{
    assert_true(tally_package_range(0, 256));
    assert_true(tally_package_range(255, 256));
    assert_true(tally_package_range(511, 512));
    assert_false(tally_package_range(255, 257));
    assert_false(tally_package_range(0, 257));
    assert_false(tally_package_range(5, 5));
    assert_false(tally_package_range(6, 5));
    assert_false(tally_package_range((uint64_t)1 << 63, ((uint64_t)1 << 63) + 1));
}

/* `--speed`: how long a receipt of 300 bytes takes, signatures aside. */
static void say_speed(void)
{
    enum { ROUNDS = 400 };
    void *state;
    setup(&state);
    struct world *w = state;
    struct timespec a, b;
    pack(w, 0, 256, 300, 2);
    w->job.signatures = false;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < ROUNDS; i++)
        if (open_bytes(w, bytes_of(w->compact, w->size)) != TALLY_DROP_NONE)
            abort();
    clock_gettime(CLOCK_MONOTONIC, &b);
    double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
    print_message("open: %.2f us a receipt of 300 bytes, %zu bytes compact\n", us / ROUNDS / 256,
                  w->size / 256);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < ROUNDS; i++)
        if (tally_package_write(0, 256, bytes_of(w->sent.entries, w->sent.entries_size),
                                bytes_of(w->sent.bodies, w->sent.bodies_size), w->compact,
                                TALLY_PACKAGE_MAX, &w->size) != TALLY_DROP_NONE)
            abort();
    clock_gettime(CLOCK_MONOTONIC, &b);
    us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
    print_message("write: %.2f us a receipt\n", us / ROUNDS / 256);
    teardown(&state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_arrives_exactly, setup, teardown),
        cmocka_unit_test_setup_teardown(subtree_is_of_the_whole_block, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_other_length_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_package_answers_one_question_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_store_sends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_pruned_is_sent_by_its_hash, setup, teardown),
        cmocka_unit_test(ranges_stay_in_a_block),
    };
    if (argc > 1 && strcmp(argv[1], "--speed") == 0) {
        say_speed();
        return 0;
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/log/merkle.h"
#include "core/log/tile.h"
#include "support/cmocka.h"
#include "support/logs.h"

enum { SMALL = 70, LARGE = 2000 };

static struct logs_tree *leaves;
static struct tally_ledger ledger;
static struct tree tree;

static int setup(void **state)
{
    leaves = logs_tree_new(LARGE);
    for (uint64_t i = 0; i < LARGE; i++) {
        struct tally_hash leaf;
        logs_leaf(i, &leaf);
        logs_tree_add(leaves, &leaf);
    }
    ledger = logs_tree_ledger(leaves);
    tree = (struct tree){&ledger, &merkle_empty};
    return 0;
}

static int teardown(void **state)
{
    logs_tree_free(leaves);
    return 0;
}

/* MTH of RFC 6962 section 2.1, word for word: the reference for everything else. */
static void mth(uint64_t start, uint64_t end, struct tally_hash *root)
{
    if (start == end) {
        *root = merkle_empty;
        return;
    }
    *root = leaves->levels[0][start];
    if (end - start == 1)
        return;
    uint64_t k = 1;
    struct tally_hash left, right;
    while (2 * k < end - start)
        k *= 2;
    mth(start, start + k, &left);
    mth(start + k, end, &right);
    merkle_node(&left, &right, root);
}

static void roots_are_those_of_the_definition(void **state)
{
    struct merkle_range range = {0};
    struct tally_hash folded[TALLY_TILE_WIDTH], wanted, root;
    for (uint64_t size = 0; size <= LARGE; size++) {
        mth(0, size, &wanted);
        merkle_range_root(&range, &root);
        assert_memory_equal(&root, &wanted, sizeof root);
        assert_true(tree_root(&tree, size, &root));
        assert_memory_equal(&root, &wanted, sizeof root);
        if (size > 0 && size <= TALLY_TILE_WIDTH) {
            memcpy(folded, leaves->levels[0], size * sizeof *folded);
            merkle_fold(folded, size, &root);
            assert_memory_equal(&root, &wanted, sizeof root);
        }
        if (size < LARGE)
            merkle_range_append(&range, &leaves->levels[0][size]);
    }
}

static void a_range_grows_by_whole_subtrees(void **state)
{
    struct merkle_range one = {0}, other = {0};
    struct tally_hash subtree, a, b;
    for (uint64_t i = 0; i < 768; i++)
        merkle_range_append(&one, &leaves->levels[0][i]);
    for (unsigned i = 0; i < 3; i++) {
        mth(256 * i, 256 * (i + 1), &subtree);
        merkle_range_append_subtree(&other, 8, &subtree);
    }
    merkle_range_root(&one, &a);
    merkle_range_root(&other, &b);
    assert_int_equal(one.size, other.size);
    assert_memory_equal(&a, &b, sizeof a);
}

/* Every proof of every small tree holds, for what it proves and nothing else. */
static void proofs_hold_exactly_where_they_should(void **state)
{
    struct tree_proof proof;
    struct tally_hash roots[SMALL + 1];
    for (uint64_t size = 0; size <= SMALL; size++)
        mth(0, size, &roots[size]);
    for (uint64_t size = 1; size <= SMALL; size++) {
        for (uint64_t index = 0; index < size; index++) {
            assert_true(tree_inclusion(&tree, index, size, &proof));
            for (uint64_t other = 0; other < size; other++)
                assert_int_equal(tally_inclusion_holds(other, size, &leaves->levels[0][index],
                                                       proof.hashes, proof.count, &roots[size]),
                                 other == index);
        }
        for (uint64_t from = 0; from <= size; from++) {
            assert_true(tree_consistency(&tree, from, size, &proof));
            for (uint64_t other = 0; other <= size; other++)
                assert_int_equal(tally_consistency_holds(from, size, proof.hashes, proof.count,
                                                         &roots[other], &roots[size]),
                                 other == from);
            if (proof.count > 0) {
                assert_false(tally_consistency_holds(from, size, proof.hashes, proof.count - 1,
                                                     &roots[from], &roots[size]));
                proof.hashes[proof.count / 2].bytes[9] ^= 4;
                assert_false(tally_consistency_holds(from, size, proof.hashes, proof.count,
                                                     &roots[from], &roots[size]));
            }
        }
    }
}

static void subtrees_are_proved_in_the_tree(void **state)
{
    static const uint64_t ends[] = {1, 2, 3, 100, 255, 256, 257, 300, 511, 512, 513, 1000, 1999};
    struct tree_proof proof;
    struct tally_hash root, subtree, wanted;
    mth(0, LARGE, &root);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        uint64_t start = (ends[i] - 1) / 256 * 256, end = ends[i];
        assert_true(tally_subtree_valid(start, end));
        mth(start, end, &wanted);
        assert_true(tree_subtree_root(&tree, start, end, LARGE, &subtree));
        assert_memory_equal(&subtree, &wanted, sizeof subtree);
        assert_true(tree_subtree(&tree, start, end, LARGE, &proof));
        assert_true(
            tally_subtree_holds(start, end, LARGE, proof.hashes, proof.count, &subtree, &root));
        subtree.bytes[31] ^= 1;
        assert_false(
            tally_subtree_holds(start, end, LARGE, proof.hashes, proof.count, &subtree, &root));
    }
    assert_false(tally_subtree_valid(1, 3));
    assert_true(tally_subtree_valid(2, 4));
    assert_false(tally_subtree_valid(2, 5));
    assert_false(tally_subtree_valid(4, 4));
}

static void a_proof_reads_each_tile_once_or_twice(void **state)
{
    struct tree_proof proof;
    leaves->tiles_read = 0;
    assert_true(tree_inclusion(&tree, 300, LARGE, &proof));
    assert_true(leaves->tiles_read <= 4);
    leaves->broken = true;
    struct tally_hash root;
    assert_false(tree_inclusion(&tree, 300, LARGE, &proof));
    assert_false(tree_root(&tree, LARGE, &root));
    leaves->broken = false;
}

static void sizes_beyond_63_bits_are_refused(void **state)
{
    struct tally_hash h = {{0}};
    uint64_t large = (uint64_t)1 << 63;
    assert_false(tally_inclusion_holds(0, large, &h, &h, 1, &h));
    assert_false(tally_inclusion_holds(large, UINT64_MAX, &h, &h, 1, &h));
    assert_false(tally_consistency_holds(1, large, &h, 1, &h, &h));
    assert_false(tally_subtree_holds(0, 1, large, &h, 1, &h, &h));
    assert_false(tally_subtree_holds(large, large, UINT64_MAX, &h, 0, &merkle_empty, &h));
}

static void tiles_have_paths(void **state)
{
    static const struct {
        struct tile tile;
        const char *path;
    } table[] = {
        {{TILE_HASHES, 0, 5, 256}, "tile/0/005"},
        {{TILE_HASHES, 3, 1234067, 256}, "tile/3/x001/x234/067"},
        {{TILE_HASHES, 1, 0, 1}, "tile/1/000.p/1"},
        {{TILE_HASHES, 0, 1000, 255}, "tile/0/x001/000.p/255"},
        {{TILE_ENTRIES, 0, 273, 112}, "tile/entries/273.p/112"},
        {{TILE_BODIES, 0, 999, 256}, "bodies/999"},
        {{TILE_BODIES, 0, 36028797018963967, 7}, "bodies/x036/x028/x797/x018/x963/967.p/7"},
    };
    static const char *const wrong[] = {
        "tile/0/5",         "tile/0/0005",       "tile/0/x000/005", "tile/0/005.p/0",
        "tile/0/005.p/256", "tile/8/005",        "tile/00/005",     "tile/0/005/",
        "tile/0/005.p/01",  "tile/0/x001/005.p", "tile/data/00",    "bodies/",
        "tile/-1/005",      "tile/0/x1/005",     "../../x",         "",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[TILE_PATH_MAX];
        struct tile tile;
        size_t size = tile_path(&table[i].tile, path);
        assert_string_equal(path, table[i].path);
        assert_true(tile_path_read(bytes_of(path, size), &tile));
        assert_true(tile.kind == table[i].tile.kind && tile.level == table[i].tile.level &&
                    tile.index == table[i].tile.index && tile.width == table[i].tile.width);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tile tile;
        if (tile_path_read(bytes_text(wrong[i]), &tile))
            fail_msg("«%s»", wrong[i]);
    }
    assert_int_equal(tile_full(70000, 0), 273);
    assert_int_equal(tile_partial(70000, 0), 112);
    assert_int_equal(tile_full(70000, 1), 1);
    assert_int_equal(tile_partial(70000, 1), 17);
    assert_int_equal(tile_partial(70000, 2), 1);
    assert_int_equal(tile_full(256, 0), 1);
    assert_int_equal(tile_partial(256, 1), 1);
    assert_int_equal(tile_width(256, 0, 1), 0);
    assert_int_equal(tile_width(INT64_MAX, 7, 0), 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_the_definition),
        cmocka_unit_test(a_range_grows_by_whole_subtrees),
        cmocka_unit_test(proofs_hold_exactly_where_they_should),
        cmocka_unit_test(subtrees_are_proved_in_the_tree),
        cmocka_unit_test(a_proof_reads_each_tile_once_or_twice),
        cmocka_unit_test(sizes_beyond_63_bits_are_refused),
        cmocka_unit_test(tiles_have_paths),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}

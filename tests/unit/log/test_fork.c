/* SPDX-License-Identifier: Apache-2.0 */
/* Proof files and fork evidence: what an outsider is handed. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/merkle.h"
#include "support/cmocka.h"
#include "support/logs.h"

#include <stdlib.h>

static struct logs_seed seed;
static struct tally_crypto crypto;
static struct tally_vkey vkey;

/* An issuer with two faces: the same log until 20, then otherwise. */
static struct logs_tree *honest, *liar;
enum { SAME = 20, SIZE = 60 };

static int setup(void **state)
{
    struct tally_key key;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash leaf;
    seed = logs_seed(5);
    crypto = logs_crypto(seed.bytes);
    sign_key(seed.bytes, &key);
    size_t size = tally_origin_write(&key, bytes_text("ledger"), origin);
    assert_true(tally_vkey_of_origin(&vkey, bytes_of(origin, size)));
    honest = logs_tree_new(SIZE);
    liar = logs_tree_new(SIZE);
    for (uint64_t i = 0; i < SIZE; i++) {
        logs_leaf(i, &leaf);
        logs_tree_add(honest, &leaf);
        logs_leaf(i < SAME ? i : i + 1000, &leaf);
        logs_tree_add(liar, &leaf);
    }
    return 0;
}

static int teardown(void **state)
{
    logs_tree_free(honest);
    logs_tree_free(liar);
    return 0;
}

static struct tally_hash root_of(struct logs_tree *leaves, uint64_t size)
{
    struct tally_ledger ledger = logs_tree_ledger(leaves);
    struct tree tree = {&ledger, &merkle_empty};
    struct tally_hash root;
    assert_true(tree_root(&tree, size, &root));
    return root;
}

static struct tally_bytes sign_size(struct logs_tree *leaves, uint64_t size,
                                    uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_checkpoint checkpoint = {
        .origin = bytes_text(vkey.name), .size = size, .root = root_of(leaves, size)};
    return bytes_of(note, tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note));
}

static void assert_every_flip_is_refused(uint8_t *bytes, size_t size)
{
    struct tally_fork fork;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(tally_fork_check(bytes_of(bytes, size), NULL, &crypto, &fork),
                             TALLY_DROP_NONE);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(tally_fork_check(bytes_of(bytes, cut), NULL, &crypto, &fork),
                             TALLY_DROP_NONE);
}

static void two_notes_of_one_size_are_a_fork(void **state)
{
    uint8_t one[TALLY_CHECKPOINT_MAX], other[TALLY_CHECKPOINT_MAX];
    uint8_t bytes[TALLY_FORK_MAX], again[TALLY_FORK_MAX];
    struct tally_bytes a = sign_size(honest, 30, one), b = sign_size(liar, 30, other);
    struct tally_fork fork;
    size_t size = tally_fork_write(a, b, NULL, NULL, 0, NULL, &crypto, bytes);
    assert_true(size > 0);
    assert_int_equal(tally_fork_write(b, a, NULL, NULL, 0, &vkey, &crypto, again), size);
    assert_memory_equal(bytes, again, size);
    assert_int_equal(tally_fork_check(bytes_of(bytes, size), NULL, &crypto, &fork),
                     TALLY_DROP_NONE);
    assert_int_equal(fork.kind, TALLY_FORK_NOTES);
    assert_int_equal(fork.size, 30);
    assert_string_equal(fork.origin, vkey.name);
    assert_memory_equal(&fork.issuer, &vkey.key, sizeof vkey.key);
    assert_every_flip_is_refused(bytes, size);
}

/* Before the fork both faces agree, and a log that grows has not forked. */
static void what_is_no_fork_proves_none(void **state)
{
    uint8_t one[TALLY_CHECKPOINT_MAX], other[TALLY_CHECKPOINT_MAX], bytes[TALLY_FORK_MAX];
    struct tally_ledger ledger = logs_tree_ledger(honest);
    struct tree tree = {&ledger, &merkle_empty};
    struct tree_proof proof;
    struct tally_bytes a = sign_size(honest, SAME, one), b = sign_size(liar, SAME, other);
    assert_int_equal(tally_fork_write(a, b, NULL, NULL, 0, NULL, &crypto, bytes), 0);
    b = sign_size(honest, 40, other);
    assert_int_equal(tally_fork_write(a, b, NULL, NULL, 0, NULL, &crypto, bytes), 0);
    struct tally_hash prefix = root_of(honest, SAME);
    assert_true(tree_consistency(&tree, SAME, 40, &proof));
    assert_int_equal(
        tally_fork_write(a, b, &prefix, proof.hashes, proof.count, NULL, &crypto, bytes), 0);
    prefix.bytes[0] ^= 1; /* A liar accuses: another prefix that no proof leads from. */
    assert_int_equal(
        tally_fork_write(a, b, &prefix, proof.hashes, proof.count, NULL, &crypto, bytes), 0);
}

static void two_sizes_are_a_fork_with_a_proof(void **state)
{
    static const uint64_t sizes[][2] = {{30, 50}, {32, 60}, {21, 22}, {33, 34}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t one[TALLY_CHECKPOINT_MAX], other[TALLY_CHECKPOINT_MAX], bytes[TALLY_FORK_MAX];
        struct tally_ledger ledger = logs_tree_ledger(liar);
        struct tree tree = {&ledger, &merkle_empty};
        struct tree_proof proof;
        struct tally_fork fork;
        struct tally_bytes a = sign_size(honest, sizes[i][0], one),
                           b = sign_size(liar, sizes[i][1], other);
        struct tally_hash prefix = root_of(liar, sizes[i][0]);
        assert_true(tree_consistency(&tree, sizes[i][0], sizes[i][1], &proof));
        size_t size =
            tally_fork_write(b, a, &prefix, proof.hashes, proof.count, NULL, &crypto, bytes);
        assert_true(size > 0);
        assert_int_equal(tally_fork_check(bytes_of(bytes, size), &vkey, &crypto, &fork),
                         TALLY_DROP_NONE);
        assert_int_equal(fork.kind, TALLY_FORK_PREFIX);
        assert_int_equal(fork.size, sizes[i][0]);
        if (i == 0)
            assert_every_flip_is_refused(bytes, size);
    }
}

static void two_receipts_at_one_place_are_a_fork(void **state)
{
    uint8_t one[TALLY_ENVELOPE_MAX], other[TALLY_ENVELOPE_MAX], bytes[TALLY_FORK_MAX];
    struct tally_fork fork;
    struct tally_receipt receipt = {.issuer = vkey.key,
                                    .name_space = bytes_text("ledger"),
                                    .type = bytes_text("t"),
                                    .sequence = 7};
    struct tally_bytes a = bytes_of(one, tally_receipt_write(&receipt, &crypto, one));
    assert_int_equal(tally_fork_write_receipts(a, a, &crypto, bytes), 0);
    receipt.time.us = 1;
    struct tally_bytes b = bytes_of(other, tally_receipt_write(&receipt, &crypto, other));
    size_t size = tally_fork_write_receipts(a, b, &crypto, bytes);
    assert_true(size > 0);
    assert_int_equal(tally_fork_check(bytes_of(bytes, size), NULL, &crypto, &fork),
                     TALLY_DROP_NONE);
    assert_int_equal(fork.kind, TALLY_FORK_RECEIPTS);
    assert_string_equal(fork.origin, vkey.name);
    assert_int_equal(fork.size, 8);
    assert_every_flip_is_refused(bytes, size);
    receipt.sequence = 8;
    b = bytes_of(other, tally_receipt_write(&receipt, &crypto, other));
    assert_int_equal(tally_fork_write_receipts(a, b, &crypto, bytes), 0);
}

/* A proof of receipt 17 in 60, as a file. */
static struct tally_bytes proof_file(uint8_t *file, size_t capacity, uint64_t index)
{
    static uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_ledger ledger = logs_tree_ledger(honest);
    struct tree tree = {&ledger, &merkle_empty};
    struct tree_proof path;
    assert_true(tree_inclusion(&tree, index, SIZE, &path));
    struct tally_proof proof = {
        .index = index, .count = path.count, .note = sign_size(honest, SIZE, note)};
    memcpy(proof.hashes, path.hashes, path.count * sizeof *path.hashes);
    return bytes_of(file, tally_proof_write(&proof, file, capacity));
}

static enum tally_proof_verdict check(struct tally_bytes bytes, const struct tally_hash *leaf,
                                      const struct tally_vkey *key)
{
    struct tally_proof proof;
    struct tally_checkpoint checkpoint;
    return tally_proof_check(bytes, leaf, key, key != NULL, &crypto, &proof, &checkpoint, NULL);
}

static void a_proof_file_says_why_it_is_refused(void **state)
{
    uint8_t file[TALLY_PROOF_HEAD_MAX + TALLY_CHECKPOINT_MAX];
    struct tally_bytes bytes = proof_file(file, sizeof file, 17);
    struct tally_hash leaf = honest->levels[0][17], wrong = honest->levels[0][18];
    struct tally_vkey other = vkey;
    assert_int_equal(check(bytes, &leaf, NULL), TALLY_PROOF_GOOD);
    assert_int_equal(check(bytes, &leaf, &vkey), TALLY_PROOF_GOOD);
    assert_int_equal(check(bytes, &wrong, &vkey), TALLY_PROOF_PATH);
    other.name[60] ^= 1;
    assert_int_equal(check(bytes, &leaf, &other), TALLY_PROOF_ORIGIN);
    other = vkey;
    other.id[1] ^= 1;
    assert_int_equal(check(bytes, &leaf, &other), TALLY_PROOF_UNSIGNED);
    other = vkey;
    other.key.bytes[1] ^= 1;
    assert_int_equal(check(bytes, &leaf, &other), TALLY_PROOF_FORGED);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(check(bytes, &leaf, &vkey), TALLY_PROOF_GOOD);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int v = TALLY_PROOF_GOOD; v <= TALLY_PROOF_PATH; v++)
        assert_non_null(tally_proof_text((enum tally_proof_verdict)v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_notes_of_one_size_are_a_fork),
        cmocka_unit_test(what_is_no_fork_proves_none),
        cmocka_unit_test(two_sizes_are_a_fork_with_a_proof),
        cmocka_unit_test(two_receipts_at_one_place_are_a_fork),
        cmocka_unit_test(a_proof_file_says_why_it_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}

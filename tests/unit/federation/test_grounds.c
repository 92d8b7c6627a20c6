/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of discrepancies: each form is written, read and written again as the same bytes; what
 * it shows is checked by itself. With TALLY_SEEDS=FOLDER they are left there, for the fuzzer.
 */
#include "support/cmocka.h"

#include "core/base/base64.h"
#include "core/federation/grounds.h"
#include "core/log/merkle.h"
#include "revokes.h"
#include "support/seeds.h"

enum { RECEIPTS = 4, AT = 2 };

static uint8_t envelopes[RECEIPTS][TALLY_ENVELOPE_MAX], note[TALLY_CHECKPOINT_MAX],
    bytes[GROUNDS_MAX];
static size_t sizes[RECEIPTS], note_size;
static struct tally_hash leaves[RECEIPTS], pairs[2];

static void join(const struct tally_hash *left, const struct tally_hash *right,
                 struct tally_hash *node)
{
    uint8_t both[65] = {1};
    memcpy(both + 1, left->bytes, 32);
    memcpy(both + 33, right->bytes, 32);
    hash_sha256(bytes_of(both, sizeof both), node);
}

/* A log of four receipts of a's, and its checkpoint. */
static int set_up(void **state)
{
    struct holder a = holder_of('a');
    const struct tally_crypto crypto = holder_crypto(&a);
    struct tally_checkpoint checkpoint = {.size = RECEIPTS};
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    (void)state;
    for (unsigned i = 0; i < RECEIPTS; i++) {
        struct tally_receipt one = {.issuer = a.key,
                                    .name_space = bytes_text("audit"),
                                    .type = bytes_text("t"),
                                    .profile = bytes_text(""),
                                    .sequence = i,
                                    .time = {INT64_C(1763700000000000)}};
        sizes[i] = tally_receipt_write(&one, &crypto, envelopes[i]);
        assert_true(sizes[i] > 0);
        tally_receipt_leaf(bytes_of(envelopes[i], sizes[i]), &leaves[i]);
    }
    join(&leaves[0], &leaves[1], &pairs[0]);
    join(&leaves[2], &leaves[3], &pairs[1]);
    join(&pairs[0], &pairs[1], &checkpoint.root);
    checkpoint.origin = bytes_of(origin, tally_origin_write(&a.key, bytes_text("audit"), origin));
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    return 0;
}

static enum tally_drop check(const struct grounds *grounds, const char *name)
{
    struct holder nobody = holder_of('n');
    const struct tally_crypto crypto = holder_crypto(&nobody);
    struct grounds read;
    size_t size = grounds_write(grounds, bytes);
    assert_true(size > 0);
    if (name != NULL)
        seed_keep(name, bytes_of(bytes, size));
    for (size_t cut = 0; cut < size; cut++) /* Parts are optional, lines are whole. */
        assert_true(grounds_read(bytes_of(bytes, cut), &read) != TALLY_DROP_NONE ||
                    bytes[cut - 1] == '\n');
    assert_int_equal(grounds_read(bytes_of(bytes, size), &read), TALLY_DROP_NONE);
    assert_int_equal(read.type, grounds->type);
    assert_int_equal(read.is_sample, grounds->is_sample);
    assert_int_equal(read.proof_count, grounds->proof_count);
    return grounds_check(bytes_of(bytes, size), &crypto, &read);
}

/* Of one receipt, what was shown: another receipt than that of the tree, with its path. */
static struct grounds sample(unsigned shown)
{
    return (struct grounds){.type = TALLY_DISCREPANCY_SAMPLE_MISSING,
                            .party = holder_of('a').key,
                            .time = {INT64_C(1763700000000000)},
                            .note = bytes_of(note, note_size),
                            .has_range = true,
                            .is_sample = true,
                            .first = AT,
                            .end = AT + 1,
                            .size = RECEIPTS,
                            .subtree = leaves[shown],
                            .proof_count = 2,
                            .proof = {leaves[3], pairs[0]},
                            .receipt = bytes_of(envelopes[shown], sizes[shown])};
}

static void a_sample_that_is_not_in_the_tree(void **state)
{
    struct grounds grounds = sample(1);
    (void)state;
    assert_int_equal(check(&grounds, "sample"), TALLY_DROP_NONE);
    grounds = sample(AT); /* It is there: no case against anybody. */
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_PROOF);
    grounds = sample(1); /* Another receipt than the leaf is of. */
    grounds.receipt = bytes_of(envelopes[0], sizes[0]);
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_PROOF);
    grounds = sample(1); /* Of another size than was signed. */
    grounds.size = RECEIPTS + 1;
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_PROOF);
    grounds = sample(1);
    grounds.note = bytes_of(note, 0);
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_PROOF);
    note[note_size - 8] ^= 1; /* Nobody signed it. */
    grounds = sample(1);
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_FORGED);
}

/* A sample is of one receipt, and nothing is behind the size. */
static void ranges_are_ranges(void **state)
{
    static const struct {
        uint64_t first, end, size;
        bool sample, good;
    } rows[] = {
        {0, 4, 4, false, true},  {2, 2, 4, false, false}, {3, 2, 4, false, false},
        {0, 5, 4, false, false}, {2, 3, 4, true, true},   {2, 4, 4, true, false},
        {4, 5, 4, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct grounds grounds = sample(1), read;
        grounds.first = rows[i].first;
        grounds.end = rows[i].end;
        grounds.size = rows[i].size;
        grounds.is_sample = rows[i].sample;
        size_t size = grounds_write(&grounds, bytes);
        assert_int_equal(grounds_read(bytes_of(bytes, size), &read) == TALLY_DROP_NONE,
                         rows[i].good);
    }
}

static void what_is_not_a_range_is_kept_as_it_is(void **state)
{
    struct grounds grounds = {.type = TALLY_DISCREPANCY_SIZE_REGRESSION,
                              .party = holder_of('a').key,
                              .time = {1},
                              .note = bytes_of(note, note_size),
                              .theirs = bytes_text("what they say"),
                              .ours = bytes_text("what we hold")};
    (void)state;
    assert_int_equal(check(&grounds, "words"), TALLY_DROP_NONE);
    grounds.receipt = bytes_of(envelopes[0], sizes[0]);
    assert_int_equal(check(&grounds, "receipt"), TALLY_DROP_NONE);
    envelopes[0][sizes[0] - 1] ^= 1;
    assert_int_equal(check(&grounds, NULL), TALLY_DROP_FORGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
        TEST(a_sample_that_is_not_in_the_tree),
        TEST(ranges_are_ranges),
        TEST(what_is_not_a_range_is_kept_as_it_is),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

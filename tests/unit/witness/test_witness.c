/* SPDX-License-Identifier: Apache-2.0 */
/* A log and its witness: rounds, conflicts, starts, forks, disks, samples. */
#include "core/base/bytes.h"
#include "pair.h"

#include <stdlib.h>

/* ---- Stories. ---- */

static void a_round_brings_a_cosignature(void **state)
{
    struct tally_cosigned_view view;
    side_grows(&ann, 3);
    pair_pass(5000);
    assert_int_equal(ann.got, 1);
    assert_int_equal(bob.signed_count, 1);
    assert_true(witness_view(&ann.witness, 0, &view));
    assert_int_equal(view.size, 3);
    assert_int_equal(view.status, 200);
    assert_true(view.has_key && !key_equal(&view.vkey.key, &bob.key));
    assert_int_equal(ann.publishes, 1);
    /* Three seals within a round's rest are one request. */
    side_grows(&ann, 4);
    side_grows(&ann, 5);
    pair_pass(1000);
    side_grows(&ann, 9);
    pair_pass(12000);
    assert_int_equal(ann.got, 2);
    assert_true(witness_view(&ann.witness, 0, &view));
    assert_int_equal(view.size, 9);
    assert_int_equal(view.refused, 0);
}

static void after_a_start_a_conflict_tells_where_to_go_on(void **state)
{
    side_grows(&ann, 3);
    pair_pass(3000);
    witness_free(&ann.witness);
    witness_closed(&bob.witness, now, &ann.key, STREAM);
    side_wake(&ann);
    side_grows(&ann, 7);
    pair_pass(3000);
    assert_int_equal(ann.got, 2);
    assert_int_equal(bob.signed_count, 2);
}

static void a_witness_remembers_over_a_start(void **state)
{
    uint8_t request[TALLY_WITNESS_ASK_MAX];
    side_grows(&ann, 3);
    pair_pass(3000);
    witness_free(&bob.witness);
    witness_closed(&ann.witness, now, &bob.key, STREAM);
    side_wake(&bob);
    /* From nothing: no, it is at 3. */
    size_t size =
        tally_witness_write(0, NULL, 0, bytes_of(ann.note, ann.note_size), request, sizeof request);
    outbox_clear(&bob.out);
    witness_command(&bob.witness, now, bytes_of(request, size), 7, &bob.out);
    side_settle(&bob);
    assert_int_equal(bob.last_status, 409);
}

/* The same size with another root: both notes are evidence, and nothing is signed. */
static void a_fork_is_kept(void **state)
{
    uint8_t request[TALLY_WITNESS_ASK_MAX], note[TALLY_CHECKPOINT_MAX];
    struct tally_vkey vkey;
    struct tally_checkpoint other = {
        .origin = bytes_text(ann.origin), .size = 3, .root = {{1, 2, 3}}};
    side_grows(&ann, 3);
    pair_pass(3000);
    assert_true(tally_vkey_of_origin(&vkey, other.origin));
    size_t size = tally_checkpoint_sign(&other, &vkey, &ann.crypto, note);
    size = tally_witness_write(3, NULL, 0, bytes_of(note, size), request, sizeof request);
    outbox_clear(&bob.out);
    witness_command(&bob.witness, now, bytes_of(request, size), 7, &bob.out);
    const struct tally_action *evidence = &bob.actions[0];
    struct tally_fork fork;
    assert_int_equal(evidence->kind, TALLY_ACTION_EVIDENCE);
    assert_int_equal(tally_fork_check(evidence->evidence.bytes, NULL, &bob.crypto, &fork),
                     TALLY_DROP_NONE);
    assert_int_equal(fork.size, 3);
    side_settle(&bob);
    assert_int_equal(bob.forks, 1);
    assert_int_equal(bob.last_status, 422);
    assert_int_equal(bob.signed_count, 1);
}

static void nothing_leaves_before_it_is_durable(void **state)
{
    bob.slow = true;
    side_grows(&ann, 3);
    pair_pass(3000);
    assert_int_equal(ann.got, 0);
    assert_true(bob.ticket != 0);
    bob.slow = false;
    outbox_clear(&bob.out);
    witness_on_kept(&bob.witness, now, bob.ticket, TALLY_IO);
    side_settle(&bob);
    pair_pass(1000);
    assert_int_equal(ann.got, 0); /* The disk failed: 503, and it is asked again. */
    pair_pass(5000);
    assert_int_equal(ann.got, 1);
    assert_int_equal(bob.signed_count, 1);
}

static void who_is_not_admitted_so_far_is_not_witnessed(void **state)
{
    uint8_t request[TALLY_WITNESS_ASK_MAX];
    struct side c = {.arena = NULL};
    side_init(&c, 3);
    assert_true(witness_new(&c.witness, &c.options, now));
    side_admits(&bob, &c, TALLY_TRUST_OBSERVE);
    witness_admit(&bob.witness, now);
    side_grows(&c, 2);
    size_t size =
        tally_witness_write(0, NULL, 0, bytes_of(c.note, c.note_size), request, sizeof request);
    outbox_clear(&bob.out);
    witness_command(&bob.witness, now, bytes_of(request, size), 7, &bob.out);
    side_settle(&bob);
    assert_int_equal(bob.last_status, 404);
    witness_free(&c.witness);
    logs_tree_free(c.tree);
    free(c.arena);
}

/* ---- Samples. ---- */

static void samples_are_shown_and_stated(void **state)
{
    side_grows(&ann, 40);
    pair_pass(12000);
    assert_int_equal(bob.states, 2); /* fed_keys, and one fed_witness_event. */
    side_grows(&ann, 41);
    pair_pass(30000);
    assert_int_equal(bob.states, 2); /* Not again within the cycle. */
    pair_pass(60000);
    assert_int_equal(bob.states, 3);
    /* Who was sampled states nothing. */
    assert_int_equal(ann.states, 0);
}

static void what_is_shown_falsely_is_evidence(void **state)
{
    side_grows(&ann, 40);
    ann.lies = true;
    pair_pass(12000);
    const struct witness_sample *sample = bob.witness.sample;
    const struct sample_wrong *wrong = &sample->wrong;
    assert_int_equal(bob.sampled.status, WITNESS_SAMPLE_FAILED);
    assert_true(key_equal(&bob.sampled.peer, &ann.key));
    assert_int_equal(sample->failed, sample->count);
    assert_int_equal(wrong->index, sample->indexes[0]); /* The first of them is kept, as it came. */
    assert_memory_equal(wrong->envelope, "lie-", 4);
    assert_false(tally_inclusion_holds(wrong->index, sample->size, &wrong->leaf, wrong->hashes,
                                       wrong->count, &sample->root));
    /* The true receipt under the same proof leads there: it is the receipt that lied. */
    struct tally_hash leaf;
    logs_leaf(wrong->index, &leaf);
    assert_true(tally_inclusion_holds(wrong->index, sample->size, &leaf, wrong->hashes,
                                      wrong->count, &sample->root));
    ann.lies = false;
    side_grows(&ann, 41);
    pair_pass(90000);
    assert_int_equal(bob.sampled.status, WITNESS_SAMPLE_VERIFIED);
}

static void who_hides_is_told_from_who_is_away(void **state)
{
    side_grows(&ann, 40);
    ann.hides = true;
    pair_pass(80000);
    assert_int_equal(bob.sampled.status, WITNESS_SAMPLE_SILENT);
    assert_true(bob.sampled.refused);
    ann.hides = false;
    side_grows(&ann, 41);
    pair_pass(100000);
    assert_int_equal(bob.sampled.status, WITNESS_SAMPLE_VERIFIED);
    assert_false(bob.sampled.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, pair_up, pair_down)
        STORY(a_round_brings_a_cosignature),
        STORY(after_a_start_a_conflict_tells_where_to_go_on),
        STORY(a_witness_remembers_over_a_start),
        STORY(a_fork_is_kept),
        STORY(nothing_leaves_before_it_is_durable),
        STORY(who_is_not_admitted_so_far_is_not_witnessed),
        STORY(samples_are_shown_and_stated),
        STORY(what_is_shown_falsely_is_evidence),
        STORY(who_hides_is_told_from_who_is_away),
#undef STORY
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

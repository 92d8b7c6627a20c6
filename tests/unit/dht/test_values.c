/* SPDX-License-Identifier: Apache-2.0 */
/* Log values order themselves: owners, holders, restored nodes; proofs, tickets, forks. */
#include "keeper.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

/* ---- Values order themselves. ---- */

static void a_value_grows_by_proof_and_never_shrinks(void **state)
{
    struct keeper keeper;
    struct person ann, bob;
    uint8_t first[TALLY_RECORD_MAX], second[TALLY_RECORD_MAX];
    struct tally_hash hashes[VALUES_PROOF_MAX];
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&bob, 2, people_ip4(12, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4});
    struct book book = book_of(&ann, "audit", 600, 0);
    struct tally_bytes small = book_announce(&book, 100, first),
                       large = book_announce(&book, 600, second);

    assert_int_equal(keeper_put(&keeper, &ann, small), TALLY_DROP_NONE);
    assert_true(keeper.news.stored && !keeper.answer.has_record);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_true(keeper_has(&keeper, &book, small));

    /* Whoever holds the log may bring the larger one. */
    assert_int_equal(keeper_put(&keeper, &bob, large), TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_PROVE);
    assert_int_equal(keeper.answer.size, 100);
    assert_true(keeper.answer.has_ticket && !keeper.news.stored);
    assert_true(keeper_has(&keeper, &book, small));
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    assert_in_range(count, 1, VALUES_PROOF_MAX);
    assert_int_equal(keeper_extend(&keeper, &bob, keeper.answer.ticket, hashes, count),
                     TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_true(keeper.news.stored && hash_equal(&keeper.news.origin, &book.origin));
    assert_true(keeper_has(&keeper, &book, large));

    /* A restored node learns how far it had got. */
    assert_int_equal(keeper_put(&keeper, &ann, small), TALLY_DROP_STALE);
    assert_true(keeper.answer.has_record && bytes_equal(keeper.answer.record, large));
    struct claim claim;
    assert_int_equal(values_open(keeper.answer.record, people_now(0), keeper.values.options.network,
                                 &book.origin, &keeper.verifier, &claim),
                     TALLY_DROP_NONE);
    assert_int_equal(claim.checkpoint.size, 600);
    assert_int_equal(values_open(keeper.answer.record, people_now(0), keeper.values.options.network,
                                 &(struct tally_hash){{1}}, &keeper.verifier, &claim),
                     TALLY_DROP_UNASKED);
    logs_tree_free(book.tree);
    values_free(&keeper.values);
}

static void a_proof_for_anything_else_is_refused(void **state)
{
    struct keeper keeper;
    struct person ann, bob, eve;
    uint8_t first[TALLY_RECORD_MAX], second[TALLY_RECORD_MAX];
    struct tally_hash hashes[VALUES_PROOF_MAX + 1] = {0}, other_hashes[VALUES_PROOF_MAX];
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&bob, 2, people_ip4(12, 0, 0, 1));
    person_init(&eve, 3, people_ip4(13, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4});
    struct book book = book_of(&ann, "audit", 600, 0), other = book_of(&ann, "audit", 600, 7);
    struct tally_bytes small = book_announce(&book, 100, first),
                       large = book_announce(&book, 600, second);
    uint8_t ticket[PENDING_TICKET], wrong[PENDING_TICKET];
    keeper_put(&keeper, &ann, small);
    keeper_put(&keeper, &bob, large);
    memcpy(ticket, keeper.answer.ticket, sizeof ticket);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);

    /* None, too short, too long, of another log, of other sizes, more than there may be. */
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, 0), TALLY_DROP_PROOF);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, count - 1), TALLY_DROP_PROOF);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, count + 1), TALLY_DROP_PROOF);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, VALUES_PROOF_MAX + 1),
                     TALLY_DROP_PROOF);
    size_t others = values_prove(&other.ledger, &other.origin, 100, 600, other_hashes);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, other_hashes, others), TALLY_DROP_PROOF);
    others = values_prove(&book.ledger, &book.origin, 101, 600, other_hashes);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, other_hashes, others), TALLY_DROP_PROOF);
    assert_int_equal(keeper.answer.verdict, VALUES_NO);
    assert_true(keeper_has(&keeper, &book, small));

    /* The ticket is bob's, and no other one is as good. */
    assert_int_equal(keeper_extend(&keeper, &eve, ticket, hashes, count), TALLY_DROP_REFUSED);
    memcpy(wrong, ticket, sizeof wrong);
    wrong[15] ^= 1;
    assert_int_equal(keeper_extend(&keeper, &bob, wrong, hashes, count), TALLY_DROP_EXPIRED);
    keeper.ms = PENDING_MS;
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_EXPIRED);
    assert_true(keeper_has(&keeper, &book, small));

    /* Once more, in time; and the ticket is good once. */
    assert_int_equal(keeper_put(&keeper, &bob, large), TALLY_DROP_NONE);
    memcpy(ticket, keeper.answer.ticket, sizeof ticket);
    keeper.ms += PENDING_MS - 1;
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_NONE);
    assert_int_equal(keeper_extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_EXPIRED);
    assert_true(keeper_has(&keeper, &book, large));
    logs_tree_free(book.tree);
    logs_tree_free(other.tree);
    values_free(&keeper.values);
}

static void who_was_overtaken_gets_a_new_ticket(void **state)
{
    struct keeper keeper;
    struct person ann, bob;
    uint8_t bytes[3][TALLY_RECORD_MAX], tickets[2][PENDING_TICKET];
    struct tally_hash hashes[VALUES_PROOF_MAX];
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&bob, 2, people_ip4(12, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4});
    struct book book = book_of(&ann, "audit", 600, 0);
    keeper_put(&keeper, &ann, book_announce(&book, 100, bytes[0]));
    struct tally_bytes middle = book_announce(&book, 300, bytes[1]);
    struct tally_bytes large = book_announce(&book, 600, bytes[2]);
    keeper_put(&keeper, &bob, large);
    memcpy(tickets[0], keeper.answer.ticket, PENDING_TICKET);
    /* A request that was lost and repeated has the same answer, and costs no signature. */
    uint64_t checks = keeper.verifier.checks;
    keeper.ms = 1000;
    assert_int_equal(keeper_put(&keeper, &bob, large), TALLY_DROP_NONE);
    assert_memory_equal(keeper.answer.ticket, tickets[0], PENDING_TICKET);
    assert_int_equal(keeper.verifier.checks, checks);

    keeper_put(&keeper, &ann, middle);
    memcpy(tickets[1], keeper.answer.ticket, PENDING_TICKET);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 300, hashes);
    assert_int_equal(keeper_extend(&keeper, &ann, tickets[1], hashes, count), TALLY_DROP_NONE);
    count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    assert_int_equal(keeper_extend(&keeper, &bob, tickets[0], hashes, count), TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_PROVE);
    assert_int_equal(keeper.answer.size, 300);
    count = values_prove(&book.ledger, &book.origin, 300, 600, hashes);
    assert_int_equal(keeper_extend(&keeper, &bob, keeper.answer.ticket, hashes, count),
                     TALLY_DROP_NONE);
    assert_true(keeper_has(&keeper, &book, large));

    /* What is smaller by now is answered with what is kept. */
    keeper.ms += 20000;
    assert_int_equal(keeper_put(&keeper, &ann, middle), TALLY_DROP_STALE);
    logs_tree_free(book.tree);
    values_free(&keeper.values);
}

static void a_fork_is_kept_and_told_once(void **state)
{
    struct keeper keeper;
    struct person ann, bob;
    uint8_t bytes[4][TALLY_RECORD_MAX];
    struct tally_bytes other;
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&bob, 2, people_ip4(12, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4, .forks = 1});
    struct book book = book_of(&ann, "audit", 200, 0), split = book_of(&ann, "audit", 100, 7);
    struct book second = book_of(&ann, "other", 5, 0), second_split = book_of(&ann, "other", 5, 9);
    struct tally_bytes one = book_announce(&book, 100, bytes[0]),
                       two = book_announce(&split, 100, bytes[1]);
    keeper_put(&keeper, &ann, one);
    /* A forged contradiction proves nothing. */
    bytes[1][two.size - 1] ^= 1;
    assert_int_equal(keeper_put(&keeper, &bob, two), TALLY_DROP_FORGED);
    assert_false(keeper.news.fork);
    bytes[1][two.size - 1] ^= 1;
    assert_int_equal(keeper_put(&keeper, &bob, two), TALLY_DROP_NONE);
    assert_true(keeper.news.fork && hash_equal(&keeper.news.origin, &book.origin));
    uint8_t evidence[TALLY_FORK_MAX];
    struct tally_fork fork;
    size_t size = tally_fork_write(keeper.news.first, keeper.news.second, NULL, NULL, 0, NULL,
                                   &keeper.verifier.crypto, evidence);
    assert_int_equal(
        tally_fork_check(bytes_of(evidence, size), NULL, &keeper.verifier.crypto, &fork),
        TALLY_DROP_NONE);
    assert_int_equal(fork.size, 100);
    assert_true(keeper.answer.has_record);
    assert_true(bytes_equal(values_find(&keeper.values, people_now(0), &book.origin, &other), one));
    assert_true(bytes_equal(other, two));

    /* Told once; the log goes nowhere from here. */
    uint64_t checks = keeper.verifier.checks;
    assert_int_equal(keeper_put(&keeper, &bob, two), TALLY_DROP_FROZEN);
    assert_false(keeper.news.fork);
    assert_int_equal(keeper_put(&keeper, &bob, book_announce(&book, 200, bytes[2])),
                     TALLY_DROP_FROZEN);
    assert_true(keeper.answer.has_record);
    assert_int_equal(keeper_put(&keeper, &bob, one), TALLY_DROP_SEEN);
    assert_int_equal(keeper.verifier.checks, checks);

    /* With room for one the latest is kept; of the older one we still know that it is one. */
    keeper_put(&keeper, &ann, book_announce(&second, 5, bytes[2]));
    assert_int_equal(keeper_put(&keeper, &ann, book_announce(&second_split, 5, bytes[3])),
                     TALLY_DROP_NONE);
    assert_true(keeper.news.fork);
    values_find(&keeper.values, people_now(0), &book.origin, &other);
    assert_int_equal(other.size, 0);
    assert_int_equal(keeper_put(&keeper, &bob, two), TALLY_DROP_FROZEN);
    logs_tree_free(book.tree);
    logs_tree_free(split.tree);
    logs_tree_free(second.tree);
    logs_tree_free(second_split.tree);
    values_free(&keeper.values);
}

static void values_end_after_a_day_unless_somebody_holds_them(void **state)
{
    struct keeper keeper;
    struct person ann, bob;
    uint8_t first[TALLY_RECORD_MAX], second[TALLY_RECORD_MAX];
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&bob, 2, people_ip4(12, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4});
    struct book book = book_of(&ann, "audit", 100, 0);
    struct tally_bytes old = book_announce(&book, 100, first),
                       newer = book_announce(&book, 100, second);
    keeper_put(&keeper, &ann, old);
    keeper.ms = 43200000;
    uint64_t checks = keeper.verifier.checks;
    assert_int_equal(keeper_put(&keeper, &bob, old), TALLY_DROP_SEEN);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_int_equal(keeper.verifier.checks, checks);
    keeper.ms = 43200000 + VALUES_TTL_MS - 1;
    assert_true(keeper_has(&keeper, &book, old));
    /* A later announce of the same tree takes its place, once a minute at most. */
    assert_int_equal(keeper_put(&keeper, &bob, newer), TALLY_DROP_NONE);
    assert_true(keeper_has(&keeper, &book, newer));
    assert_int_equal(keeper_put(&keeper, &bob, old), TALLY_DROP_SEEN);
    assert_int_equal(keeper_put(&keeper, &bob, book_announce(&book, 100, first)), TALLY_DROP_SEEN);
    assert_true(keeper_has(&keeper, &book, newer));
    keeper.ms += VALUES_TTL_MS;
    assert_true(keeper_has(&keeper, &book, (struct tally_bytes){0}));
    /* It may be put anew, at whatever size: it cannot fall behind for longer than a proof takes. */
    assert_int_equal(keeper_put(&keeper, &bob, old), TALLY_DROP_NONE);
    assert_true(keeper.news.stored);
    logs_tree_free(book.tree);
    values_free(&keeper.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_grows_by_proof_and_never_shrinks),
        cmocka_unit_test(a_proof_for_anything_else_is_refused),
        cmocka_unit_test(who_was_overtaken_gets_a_new_ticket),
        cmocka_unit_test(a_fork_is_kept_and_told_once),
        cmocka_unit_test(values_end_after_a_day_unless_somebody_holds_them),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}

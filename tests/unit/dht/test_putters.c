/* SPDX-License-Identifier: Apache-2.0 */
/* Liars who put log values: forged ones, too many, without proofs, and too large. */
#include "keeper.h"

#include "core/base/bytes.h"
#include "core/dht/metric.h"

#include "support/cmocka.h"

static void forged_announces_leave_no_trace(void **state)
{
    struct keeper keeper;
    struct person ann, eve;
    uint8_t bytes[TALLY_RECORD_MAX];
    struct announcement lie;
    const struct tally_hash root = {{1}};
    person_init(&ann, 1, people_ip4(11, 0, 0, 1));
    person_init(&eve, 2, people_ip4(12, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 16, .pending = 4});
    struct book book = book_of(&ann, "audit", 1, 0), eves = book_of(&eve, "audit", 1, 0);

    /* Somebody else's log, signed by eve; her own with another's key; another network's. */
    announcement_init(&lie, &book, 7, &root);
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_KEY);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.log_key = ann.key;
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_KEY);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.name_space[0] ^= 1;
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_KEY);
    /* No size, another size, from the future. */
    announcement_init(&lie, &eves, 7, &root);
    lie.message.size_to = 8;
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_MALFORMED);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.wall_ms += TALLY_DRIFT_MS + 1;
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_DRIFTED);
    /* A record of another kind. */
    assert_int_equal(keeper_put(&keeper, &eve, person_record(&eve, people_now(0), bytes)),
                     TALLY_DROP_MALFORMED);
    assert_false(values_answers(TALLY_DROP_MALFORMED));
    assert_int_equal(keeper.verifier.checks, 0);

    /* Ann signed the checkpoint, but not this announce; eve the announce, but not the log. */
    announcement_init(&lie, &book, 7, &root);
    struct tally_bytes record = announcement_write(&lie, &ann, bytes);
    bytes[record.size - 1] ^= 1;
    assert_int_equal(keeper_put(&keeper, &eve, record), TALLY_DROP_FORGED);
    announcement_init(&lie, &eves, 7, &root);
    lie.note[80] = lie.note[80] == 'A' ? 'B' : 'A'; /* In the root. */
    assert_int_equal(keeper_put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_FORGED);
    assert_false(values_answers(TALLY_DROP_FORGED));
    assert_int_equal(places_count(&keeper.values.places, people_now(0)), 0);
    logs_tree_free(book.tree);
    logs_tree_free(eves.tree);
    values_free(&keeper.values);
}

/* The log number `number` of a person: a namespace each. */
static struct tally_bytes many_announce(struct person *issuer, unsigned number, uint64_t size,
                                        uint8_t *bytes)
{
    char name[16] = {'l',
                     'o',
                     'g',
                     (char)('a' + number / 26 / 26 % 26),
                     (char)('a' + number / 26 % 26),
                     (char)('a' + number % 26)};
    struct book book = {.issuer = issuer, .name_space = name};
    const struct tally_hash root = {{(uint8_t)size}};
    struct announcement announcement;
    announcement_init(&announcement, &book, size, &root);
    return announcement_write(&announcement, issuer, bytes);
}

static void a_storm_from_one_network_gets_its_share_and_no_more(void **state)
{
    struct keeper keeper;
    static struct person sybils[10];
    struct person honest;
    uint8_t bytes[TALLY_RECORD_MAX];
    unsigned taken = 0, crowded = 0;
    keeper_init(&keeper, &(struct values_options){.capacity = 512});
    keeper.verifier = people_crowd_verifier(people_now(0));
    for (uint32_t i = 0; i < 10; i++)
        person_crowd(&sybils[i], i, people_ip4(11, 0, 0, i));
    for (unsigned i = 0; i < 1000; i++) {
        struct person *sybil = &sybils[i % 10];
        enum tally_drop drop = keeper_put(&keeper, sybil, many_announce(sybil, i, 3, bytes));
        taken += drop == TALLY_DROP_NONE;
        crowded += drop == TALLY_DROP_CROWDED;
        if (drop == TALLY_DROP_CROWDED)
            assert_int_equal(keeper.answer.verdict, VALUES_FULL);
    }
    assert_int_equal(taken, VALUES_PER_NETWORK);
    assert_int_equal(taken + crowded, 1000);
    assert_int_equal(keeper.verifier.checks, 2 * VALUES_PER_NETWORK);
    person_crowd(&honest, 99, people_ip4(11, 0, 1, 1));
    assert_int_equal(keeper_put(&keeper, &honest, many_announce(&honest, 0, 3, bytes)),
                     TALLY_DROP_NONE);

    /* Larger ones without a proof, over and over: they cost eight pairs of signatures a minute. */
    uint64_t checks = keeper.verifier.checks;
    unsigned busy = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct person *sybil = &sybils[i % 10];
        keeper.ms = i;
        enum tally_drop drop =
            keeper_put(&keeper, sybil, many_announce(sybil, i % 50, 4 + i, bytes));
        busy += drop == TALLY_DROP_BUSY || drop == TALLY_DROP_CROWDED;
    }
    assert_int_equal(keeper.verifier.checks - checks, 2 * PENDING_PER_NETWORK);
    assert_in_range(busy, 2900, 3000);
    values_free(&keeper.values);
}

static void an_honest_proof_gets_through_a_flood_of_open_ones(void **state)
{
    enum { NETWORKS = 40, EACH = 8 };
    struct keeper keeper;
    static struct person sybils[NETWORKS];
    struct person ann;
    uint8_t bytes[TALLY_RECORD_MAX], large[TALLY_RECORD_MAX];
    struct tally_hash hashes[VALUES_PROOF_MAX];
    person_crowd(&ann, 500, people_ip4(99, 0, 0, 1));
    struct book book = book_of(&ann, "audit", 600, 0);
    keeper_init(&keeper, &(struct values_options){.capacity = 1024});
    keeper.verifier = people_crowd_verifier(people_now(0));
    keeper_put(&keeper, &ann, book_announce(&book, 100, bytes));
    for (uint32_t i = 0; i < NETWORKS; i++) {
        person_crowd(&sybils[i], i, people_ip4(11, i, 0, 1));
        for (unsigned j = 0; j < EACH; j++)
            assert_int_equal(
                keeper_put(&keeper, &sybils[i], many_announce(&sybils[i], j, 3, bytes)),
                TALLY_DROP_NONE);
    }
    /* All of them open as many as they may, 64 in 128 ms; a proof takes 100 ms to come. */
    keeper.ms = 1000;
    struct tally_bytes larger = book_announce(&book, 600, large);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    uint8_t ticket[PENDING_TICKET] = {0};
    for (uint32_t i = 0; i < NETWORKS; i++) {
        for (unsigned j = 0; j < EACH; j++)
            keeper_put(&keeper, &sybils[i], many_announce(&sybils[i], j, 4, bytes));
        keeper.ms += 16;
        if (i == 10) {
            assert_int_equal(keeper_put(&keeper, &ann, larger), TALLY_DROP_NONE);
            memcpy(ticket, keeper.answer.ticket, sizeof ticket);
        }
        if (i == 16)
            assert_int_equal(keeper_extend(&keeper, &ann, ticket, hashes, count), TALLY_DROP_NONE);
    }
    assert_true(keeper_has(&keeper, &book, larger));
    logs_tree_free(book.tree);
    values_free(&keeper.values);
}

static void a_full_store_keeps_what_is_near(void **state)
{
    enum { MANY = 300, CAPACITY = 32 };
    struct keeper keeper;
    static struct person people[MANY];
    static struct tally_hash origins[MANY];
    uint8_t bytes[TALLY_RECORD_MAX];
    struct tally_hash self;
    keeper_init(&keeper, &(struct values_options){.capacity = CAPACITY, .pending = 4});
    keeper.verifier = people_crowd_verifier(people_now(0));
    metric_point(&(struct tally_key){{9}}, &self);
    for (uint32_t i = 0; i < MANY; i++) {
        person_crowd(&people[i], i, people_ip4(11 + i / 256, i % 256, 0, 1));
        enum tally_drop drop =
            keeper_put(&keeper, &people[i], many_announce(&people[i], 0, 3, bytes));
        assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_BUSY);
        origins[i] = keeper.news.origin;
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t nearer = 0;
        for (size_t j = 0; j < MANY; j++)
            nearer += metric_compare(&self, &origins[j], &origins[i]) < 0;
        bool found = values_find(&keeper.values, people_now(0), &origins[i], NULL).size > 0;
        assert_int_equal(found, nearer < CAPACITY);
    }
    values_free(&keeper.values);
}

static void sizes_that_no_datagram_can_prove_go_over_streams(void **state)
{
    struct keeper keeper;
    struct person ann;
    uint8_t bytes[TALLY_RECORD_MAX];
    person_crowd(&ann, 1, people_ip4(11, 0, 0, 1));
    keeper_init(&keeper, &(struct values_options){.capacity = 4, .pending = 4});
    keeper.verifier = people_crowd_verifier(people_now(0));
    keeper_put(&keeper, &ann, many_announce(&ann, 0, 5, bytes));
    assert_int_equal(keeper_put(&keeper, &ann, many_announce(&ann, 0, VALUES_SIZE_MAX + 1, bytes)),
                     TALLY_DROP_REFUSED);
    assert_int_equal(keeper.answer.verdict, VALUES_NO);
    assert_int_equal(keeper_put(&keeper, &ann, many_announce(&ann, 0, VALUES_SIZE_MAX, bytes)),
                     TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_PROVE);
    /* Every answer fits a datagram; the largest record does. */
    struct tally_log_state message;
    struct wire_writer w;
    uint8_t body[TALLY_DATAGRAM_MAX], request[8] = {1}, record[TALLY_RECORD_MAX] = {0};
    values_state(&keeper.answer, request, &message);
    wire_writer_init(&w, body, sizeof body);
    tally_log_state_write(&message, &w);
    assert_in_range(wire_writer_bytes(&w).size, 20, TALLY_LOG_STATE_SIZE_MAX);
    const struct tally_found_record found = {.record = bytes_of(record, sizeof record)};
    wire_writer_init(&w, body, TALLY_DATAGRAM_MAX - datagram_overhead(UINT32_MAX, UINT64_MAX) - 16);
    tally_found_record_write(&found, &w);
    assert_in_range(wire_writer_bytes(&w).size, TALLY_RECORD_MAX, TALLY_DATAGRAM_MAX);
    values_free(&keeper.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_announces_leave_no_trace),
        cmocka_unit_test(a_storm_from_one_network_gets_its_share_and_no_more),
        cmocka_unit_test(an_honest_proof_gets_through_a_flood_of_open_ones),
        cmocka_unit_test(a_full_store_keeps_what_is_near),
        cmocka_unit_test(sizes_that_no_datagram_can_prove_go_over_streams),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("putters", tests, NULL, NULL);
}

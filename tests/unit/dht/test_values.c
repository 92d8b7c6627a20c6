/* SPDX-License-Identifier: Apache-2.0 */
/* Log values: honest owners, holders and restored nodes; and what liars try to put. */
#include "people.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/dht/metric.h"
#include "core/dht/values.h"
#include "core/wire/derive.h"
#include "support/logs.h"
#include "tally/log.h"

#include "support/cmocka.h"

/* A node that keeps values, the time there, and what it said last. */
struct keeper {
    struct values values;
    struct verifier verifier;
    struct random random;
    uint64_t ms;
    struct values_answer answer;
    struct values_news news;
};

static uint8_t network_tag[8];

static void keeper_init(struct keeper *keeper, const struct values_options *sizes)
{
    struct values_options options = *sizes;
    *keeper = (struct keeper){.random.state = 5};
    options.key.bytes[0] = 9;
    options.secret = people_secret(&keeper->random);
    memcpy(options.network, network_tag, sizeof network_tag);
    assert_true(values_new(&keeper->values, &options));
    keeper->verifier = people_verifier(people_now(0));
}

static enum tally_drop put(struct keeper *keeper, const struct person *from,
                           struct tally_bytes record)
{
    const struct values_asker asker = {&from->key, &from->address};
    struct tally_now now = people_now(keeper->ms);
    enum tally_drop drop = values_put(&keeper->values, now, &keeper->verifier, &asker, record,
                                      &keeper->answer, &keeper->news);
    assert_true(values_holds(&keeper->values, now));
    return drop;
}

static enum tally_drop extend(struct keeper *keeper, const struct person *from,
                              const uint8_t ticket[PENDING_TICKET], const struct tally_hash *hashes,
                              size_t count)
{
    const struct values_asker asker = {&from->key, &from->address};
    struct tally_now now = people_now(keeper->ms);
    struct tally_extend message = {.hashes = bytes_of(hashes, count * sizeof *hashes)};
    memcpy(message.ticket, ticket, sizeof message.ticket);
    enum tally_drop drop =
        values_extend(&keeper->values, now, &asker, &message, &keeper->answer, &keeper->news);
    assert_true(values_holds(&keeper->values, now));
    return drop;
}

/* A log: who signs it, and its tree. */
struct book {
    struct person *issuer;
    const char *name_space;
    struct logs_tree *tree;
    struct tally_ledger ledger;
    struct tally_hash origin;
};

static struct book book_of(struct person *issuer, const char *name_space, uint64_t size,
                           uint64_t salt)
{
    struct book book = {issuer, name_space, logs_tree_new(size), {0}, {{0}}};
    char origin[TALLY_ORIGIN_MAX + 1];
    for (uint64_t i = 0; i < size; i++) {
        struct tally_hash leaf;
        logs_leaf(i + salt, &leaf);
        logs_tree_add(book.tree, &leaf);
    }
    book.ledger = logs_tree_ledger(book.tree);
    size_t written = tally_origin_write(&issuer->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_of(origin, written), &book.origin);
    return book;
}

/* What an announce of a log at that size says; a liar changes it before it is signed. */
struct announcement {
    struct tally_announce message;
    uint8_t note[TALLY_CHECKPOINT_MAX];
};

static void announcement_init(struct announcement *announcement, const struct book *book,
                              uint64_t size, const struct tally_hash *root)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    size_t written = tally_origin_write(&book->issuer->key, bytes_text(book->name_space), origin);
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_of(origin, written), .size = size, .root = *root};
    assert_true(tally_vkey_init(&vkey, checkpoint.origin, TALLY_VKEY_LOG, &book->issuer->key));
    *announcement =
        (struct announcement){.message = {.wall_ms = (uint64_t)people_now(0).wall.us / 1000,
                                          .log_key = book->issuer->key,
                                          .size_to = size}};
    size_t note_size =
        tally_checkpoint_sign(&checkpoint, &vkey, &book->issuer->crypto, announcement->note);
    announcement->message.checkpoint = bytes_of(announcement->note, note_size);
    derive_namespace_tag(network_tag, bytes_text(book->name_space),
                         announcement->message.name_space);
}

static struct tally_bytes announcement_write(const struct announcement *announcement,
                                             struct person *issuer, uint8_t *bytes)
{
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_announce_write(&announcement->message, &w);
    return person_write(issuer, TALLY_KIND_ANNOUNCE, wire_writer_bytes(&w), bytes);
}

/* The announce of the log at a size, as it is. */
static struct tally_bytes announce(const struct book *book, uint64_t size, uint8_t *bytes)
{
    const struct tree tree = {&book->ledger, &book->origin};
    struct announcement announcement;
    struct tally_hash root;
    assert_true(tree_root(&tree, size, &root));
    announcement_init(&announcement, book, size, &root);
    return announcement_write(&announcement, book->issuer, bytes);
}

static bool keeps(struct keeper *keeper, const struct book *book, struct tally_bytes record)
{
    return bytes_equal(values_find(&keeper->values, people_now(keeper->ms), &book->origin, NULL),
                       record);
}

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
    struct tally_bytes small = announce(&book, 100, first), large = announce(&book, 600, second);

    assert_int_equal(put(&keeper, &ann, small), TALLY_DROP_NONE);
    assert_true(keeper.news.stored && !keeper.answer.has_record);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_true(keeps(&keeper, &book, small));

    /* Whoever holds the log may bring the larger one. */
    assert_int_equal(put(&keeper, &bob, large), TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_PROVE);
    assert_int_equal(keeper.answer.size, 100);
    assert_true(keeper.answer.has_ticket && !keeper.news.stored);
    assert_true(keeps(&keeper, &book, small));
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    assert_in_range(count, 1, VALUES_PROOF_MAX);
    assert_int_equal(extend(&keeper, &bob, keeper.answer.ticket, hashes, count), TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_true(keeper.news.stored && hash_equal(&keeper.news.origin, &book.origin));
    assert_true(keeps(&keeper, &book, large));

    /* A restored node learns how far it had got. */
    assert_int_equal(put(&keeper, &ann, small), TALLY_DROP_STALE);
    assert_true(keeper.answer.has_record && bytes_equal(keeper.answer.record, large));
    struct claim claim;
    assert_int_equal(values_open(keeper.answer.record, people_now(0), network_tag, &book.origin,
                                 &keeper.verifier, &claim),
                     TALLY_DROP_NONE);
    assert_int_equal(claim.checkpoint.size, 600);
    assert_int_equal(values_open(keeper.answer.record, people_now(0), network_tag,
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
    struct tally_bytes small = announce(&book, 100, first), large = announce(&book, 600, second);
    uint8_t ticket[PENDING_TICKET], wrong[PENDING_TICKET];
    put(&keeper, &ann, small);
    put(&keeper, &bob, large);
    memcpy(ticket, keeper.answer.ticket, sizeof ticket);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);

    /* None, too short, too long, of another log, of other sizes, more than there may be. */
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, 0), TALLY_DROP_PROOF);
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, count - 1), TALLY_DROP_PROOF);
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, count + 1), TALLY_DROP_PROOF);
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, VALUES_PROOF_MAX + 1), TALLY_DROP_PROOF);
    size_t others = values_prove(&other.ledger, &other.origin, 100, 600, other_hashes);
    assert_int_equal(extend(&keeper, &bob, ticket, other_hashes, others), TALLY_DROP_PROOF);
    others = values_prove(&book.ledger, &book.origin, 101, 600, other_hashes);
    assert_int_equal(extend(&keeper, &bob, ticket, other_hashes, others), TALLY_DROP_PROOF);
    assert_int_equal(keeper.answer.verdict, VALUES_NO);
    assert_true(keeps(&keeper, &book, small));

    /* The ticket is bob's, and no other one is as good. */
    assert_int_equal(extend(&keeper, &eve, ticket, hashes, count), TALLY_DROP_REFUSED);
    memcpy(wrong, ticket, sizeof wrong);
    wrong[15] ^= 1;
    assert_int_equal(extend(&keeper, &bob, wrong, hashes, count), TALLY_DROP_EXPIRED);
    keeper.ms = PENDING_MS;
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_EXPIRED);
    assert_true(keeps(&keeper, &book, small));

    /* Once more, in time; and the ticket is good once. */
    assert_int_equal(put(&keeper, &bob, large), TALLY_DROP_NONE);
    memcpy(ticket, keeper.answer.ticket, sizeof ticket);
    keeper.ms += PENDING_MS - 1;
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_NONE);
    assert_int_equal(extend(&keeper, &bob, ticket, hashes, count), TALLY_DROP_EXPIRED);
    assert_true(keeps(&keeper, &book, large));
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
    put(&keeper, &ann, announce(&book, 100, bytes[0]));
    struct tally_bytes middle = announce(&book, 300, bytes[1]);
    struct tally_bytes large = announce(&book, 600, bytes[2]);
    put(&keeper, &bob, large);
    memcpy(tickets[0], keeper.answer.ticket, PENDING_TICKET);
    /* A request that was lost and repeated has the same answer, and costs no signature. */
    uint64_t checks = keeper.verifier.checks;
    keeper.ms = 1000;
    assert_int_equal(put(&keeper, &bob, large), TALLY_DROP_NONE);
    assert_memory_equal(keeper.answer.ticket, tickets[0], PENDING_TICKET);
    assert_int_equal(keeper.verifier.checks, checks);

    put(&keeper, &ann, middle);
    memcpy(tickets[1], keeper.answer.ticket, PENDING_TICKET);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 300, hashes);
    assert_int_equal(extend(&keeper, &ann, tickets[1], hashes, count), TALLY_DROP_NONE);
    count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    assert_int_equal(extend(&keeper, &bob, tickets[0], hashes, count), TALLY_DROP_NONE);
    assert_int_equal(keeper.answer.verdict, VALUES_PROVE);
    assert_int_equal(keeper.answer.size, 300);
    count = values_prove(&book.ledger, &book.origin, 300, 600, hashes);
    assert_int_equal(extend(&keeper, &bob, keeper.answer.ticket, hashes, count), TALLY_DROP_NONE);
    assert_true(keeps(&keeper, &book, large));

    /* What is smaller by now is answered with what is kept. */
    keeper.ms += 20000;
    assert_int_equal(put(&keeper, &ann, middle), TALLY_DROP_STALE);
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
    struct tally_bytes one = announce(&book, 100, bytes[0]), two = announce(&split, 100, bytes[1]);
    put(&keeper, &ann, one);
    /* A forged contradiction proves nothing. */
    bytes[1][two.size - 1] ^= 1;
    assert_int_equal(put(&keeper, &bob, two), TALLY_DROP_FORGED);
    assert_false(keeper.news.fork);
    bytes[1][two.size - 1] ^= 1;
    assert_int_equal(put(&keeper, &bob, two), TALLY_DROP_NONE);
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
    assert_int_equal(put(&keeper, &bob, two), TALLY_DROP_FROZEN);
    assert_false(keeper.news.fork);
    assert_int_equal(put(&keeper, &bob, announce(&book, 200, bytes[2])), TALLY_DROP_FROZEN);
    assert_true(keeper.answer.has_record);
    assert_int_equal(put(&keeper, &bob, one), TALLY_DROP_SEEN);
    assert_int_equal(keeper.verifier.checks, checks);

    /* With room for one the latest is kept; of the older one we still know that it is one. */
    put(&keeper, &ann, announce(&second, 5, bytes[2]));
    assert_int_equal(put(&keeper, &ann, announce(&second_split, 5, bytes[3])), TALLY_DROP_NONE);
    assert_true(keeper.news.fork);
    values_find(&keeper.values, people_now(0), &book.origin, &other);
    assert_int_equal(other.size, 0);
    assert_int_equal(put(&keeper, &bob, two), TALLY_DROP_FROZEN);
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
    struct tally_bytes old = announce(&book, 100, first), newer = announce(&book, 100, second);
    put(&keeper, &ann, old);
    keeper.ms = 43200000;
    uint64_t checks = keeper.verifier.checks;
    assert_int_equal(put(&keeper, &bob, old), TALLY_DROP_SEEN);
    assert_int_equal(keeper.answer.verdict, VALUES_STORED);
    assert_int_equal(keeper.verifier.checks, checks);
    keeper.ms = 43200000 + VALUES_TTL_MS - 1;
    assert_true(keeps(&keeper, &book, old));
    /* A later announce of the same tree takes its place, once a minute at most. */
    assert_int_equal(put(&keeper, &bob, newer), TALLY_DROP_NONE);
    assert_true(keeps(&keeper, &book, newer));
    assert_int_equal(put(&keeper, &bob, old), TALLY_DROP_SEEN);
    assert_int_equal(put(&keeper, &bob, announce(&book, 100, first)), TALLY_DROP_SEEN);
    assert_true(keeps(&keeper, &book, newer));
    keeper.ms += VALUES_TTL_MS;
    assert_true(keeps(&keeper, &book, (struct tally_bytes){0}));
    /* It may be put anew, at whatever size: it cannot fall behind for longer than a proof takes. */
    assert_int_equal(put(&keeper, &bob, old), TALLY_DROP_NONE);
    assert_true(keeper.news.stored);
    logs_tree_free(book.tree);
    values_free(&keeper.values);
}

/* ---- Liars. ---- */

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
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)), TALLY_DROP_KEY);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.log_key = ann.key;
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)), TALLY_DROP_KEY);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.name_space[0] ^= 1;
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)), TALLY_DROP_KEY);
    /* No size, another size, from the future. */
    announcement_init(&lie, &eves, 7, &root);
    lie.message.size_to = 8;
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)),
                     TALLY_DROP_MALFORMED);
    announcement_init(&lie, &eves, 7, &root);
    lie.message.wall_ms += TALLY_DRIFT_MS + 1;
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)), TALLY_DROP_DRIFTED);
    /* A record of another kind. */
    assert_int_equal(put(&keeper, &eve, person_record(&eve, people_now(0), bytes)),
                     TALLY_DROP_MALFORMED);
    assert_false(values_answers(TALLY_DROP_MALFORMED));
    assert_int_equal(keeper.verifier.checks, 0);

    /* Ann signed the checkpoint, but not this announce; eve the announce, but not the log. */
    announcement_init(&lie, &book, 7, &root);
    struct tally_bytes record = announcement_write(&lie, &ann, bytes);
    bytes[record.size - 1] ^= 1;
    assert_int_equal(put(&keeper, &eve, record), TALLY_DROP_FORGED);
    announcement_init(&lie, &eves, 7, &root);
    lie.note[80] = lie.note[80] == 'A' ? 'B' : 'A'; /* In the root. */
    assert_int_equal(put(&keeper, &eve, announcement_write(&lie, &eve, bytes)), TALLY_DROP_FORGED);
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
        enum tally_drop drop = put(&keeper, sybil, many_announce(sybil, i, 3, bytes));
        taken += drop == TALLY_DROP_NONE;
        crowded += drop == TALLY_DROP_CROWDED;
        if (drop == TALLY_DROP_CROWDED)
            assert_int_equal(keeper.answer.verdict, VALUES_FULL);
    }
    assert_int_equal(taken, VALUES_PER_NETWORK);
    assert_int_equal(taken + crowded, 1000);
    assert_int_equal(keeper.verifier.checks, 2 * VALUES_PER_NETWORK);
    person_crowd(&honest, 99, people_ip4(11, 0, 1, 1));
    assert_int_equal(put(&keeper, &honest, many_announce(&honest, 0, 3, bytes)), TALLY_DROP_NONE);

    /* Larger ones without a proof, over and over: they cost eight pairs of signatures a minute. */
    uint64_t checks = keeper.verifier.checks;
    unsigned busy = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct person *sybil = &sybils[i % 10];
        keeper.ms = i;
        enum tally_drop drop = put(&keeper, sybil, many_announce(sybil, i % 50, 4 + i, bytes));
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
    put(&keeper, &ann, announce(&book, 100, bytes));
    for (uint32_t i = 0; i < NETWORKS; i++) {
        person_crowd(&sybils[i], i, people_ip4(11, i, 0, 1));
        for (unsigned j = 0; j < EACH; j++)
            assert_int_equal(put(&keeper, &sybils[i], many_announce(&sybils[i], j, 3, bytes)),
                             TALLY_DROP_NONE);
    }
    /* All of them open as many as they may, 64 in 128 ms; a proof takes 100 ms to come. */
    keeper.ms = 1000;
    struct tally_bytes larger = announce(&book, 600, large);
    size_t count = values_prove(&book.ledger, &book.origin, 100, 600, hashes);
    uint8_t ticket[PENDING_TICKET] = {0};
    for (uint32_t i = 0; i < NETWORKS; i++) {
        for (unsigned j = 0; j < EACH; j++)
            put(&keeper, &sybils[i], many_announce(&sybils[i], j, 4, bytes));
        keeper.ms += 16;
        if (i == 10) {
            assert_int_equal(put(&keeper, &ann, larger), TALLY_DROP_NONE);
            memcpy(ticket, keeper.answer.ticket, sizeof ticket);
        }
        if (i == 16)
            assert_int_equal(extend(&keeper, &ann, ticket, hashes, count), TALLY_DROP_NONE);
    }
    assert_true(keeps(&keeper, &book, larger));
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
        enum tally_drop drop = put(&keeper, &people[i], many_announce(&people[i], 0, 3, bytes));
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
    put(&keeper, &ann, many_announce(&ann, 0, 5, bytes));
    assert_int_equal(put(&keeper, &ann, many_announce(&ann, 0, VALUES_SIZE_MAX + 1, bytes)),
                     TALLY_DROP_REFUSED);
    assert_int_equal(keeper.answer.verdict, VALUES_NO);
    assert_int_equal(put(&keeper, &ann, many_announce(&ann, 0, VALUES_SIZE_MAX, bytes)),
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
        cmocka_unit_test(a_value_grows_by_proof_and_never_shrinks),
        cmocka_unit_test(a_proof_for_anything_else_is_refused),
        cmocka_unit_test(who_was_overtaken_gets_a_new_ticket),
        cmocka_unit_test(a_fork_is_kept_and_told_once),
        cmocka_unit_test(values_end_after_a_day_unless_somebody_holds_them),
        cmocka_unit_test(forged_announces_leave_no_trace),
        cmocka_unit_test(a_storm_from_one_network_gets_its_share_and_no_more),
        cmocka_unit_test(an_honest_proof_gets_through_a_flood_of_open_ones),
        cmocka_unit_test(a_full_store_keeps_what_is_near),
        cmocka_unit_test(sizes_that_no_datagram_can_prove_go_over_streams),
    };
    derive_network_tag(bytes_text("tally"), network_tag);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}

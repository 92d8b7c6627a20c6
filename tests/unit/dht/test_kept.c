/* SPDX-License-Identifier: Apache-2.0 */
/* What the DHT keeps for its nodes, over lossy links, restarts and old copies. */
#include "keeper.h"
#include "web.h"

#include "core/base/bytes.h"
#include "core/dht/metric.h"

#include "support/cmocka.h"

enum { NODES = 24, OWNER = 5, HOLDER = 9 };

/* What a disk has of a log: a book up to a size. */
struct shelf {
    const struct book *book; /* NULL: nothing. */
    uint64_t size;
    bool others; /* The owner's log, at somebody else's. */
    char origin[TALLY_ORIGIN_MAX + 1];
};

static bool shelf_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    struct shelf *shelf = context;
    if (shelf->book == NULL || !hash_equal(&shelf->book->origin, origin))
        return false;
    const struct tree tree = {&shelf->book->ledger, origin};
    size_t written = tally_origin_write(&shelf->book->issuer->key,
                                        bytes_text(shelf->book->name_space), shelf->origin);
    shelf->origin[written] = 0;
    *view = (struct tally_log_view){.origin_hash = *origin,
                                    .issuer = shelf->book->issuer->key,
                                    .origin = shelf->origin,
                                    .name_space = shelf->book->name_space,
                                    .size = shelf->size,
                                    .durable = shelf->size,
                                    .own = !shelf->others};
    return tree_root(&tree, shelf->size, &view->root);
}

static size_t shelf_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                               size_t capacity)
{
    struct shelf *shelf = context;
    struct tally_log_view view;
    struct announcement announcement;
    if (!shelf_find(shelf, origin, &view))
        return 0;
    announcement_init(&announcement, shelf->book, shelf->size, &view.root);
    struct tally_bytes signed_note = announcement.message.checkpoint;
    assert_true(signed_note.size <= capacity);
    memcpy(note, signed_note.data, signed_note.size);
    return signed_note.size;
}

static bool shelf_tile(void *context, const struct tally_hash *origin, unsigned level,
                       uint64_t index, unsigned width, struct tally_hash *hashes)
{
    const struct shelf *shelf = context;
    const struct tally_ledger *ledger = &shelf->book->ledger;
    return ledger->tile(ledger->context, origin, level, index, width, hashes);
}

static struct dht_options options_of(unsigned node, struct shelf *shelf)
{
    struct dht_options options = {
        .profile = TALLY_PROFILE_SERVER, .values_max = 128, .seed = node + 1};
    if (shelf != NULL)
        options.ledger = (struct tally_ledger){.context = shelf,
                                               .find = shelf_find,
                                               .checkpoint = shelf_checkpoint,
                                               .tile = shelf_tile};
    return options;
}

/* The owner has that log; all are servers, and have joined. */
static struct web *web_with(struct shelf *shelf, struct person *issuer)
{
    struct web *web = web_new(NODES, NODES);
    struct dht_options options = options_of(OWNER, shelf);
    assert_true(key_equal(&web->nodes[OWNER].person.key, &issuer->key));
    web_boot(web, OWNER, &options);
    web_reach(web, OWNER, true);
    for (unsigned i = 1; i < NODES; i++)
        web_introduce(web, i, 0);
    web_run(web, 10 * 60000);
    return web;
}

/* The owner seals its log at that size; waits until its keepers were told, at most once in ten
   minutes. */
static void publish(struct web *web, struct shelf *shelf, const struct book *book, uint64_t size)
{
    shelf->book = book;
    shelf->size = size;
    dht_sealed(web_dht(web, OWNER), web->now, &book->origin);
    web_run(web, PUBLISH_LOG_MS + 20000);
}

/* How many keep the log at that size. */
static unsigned keepers(struct web *web, const struct book *book, uint64_t size)
{
    uint8_t bytes[TALLY_RECORD_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < NODES; i++) {
        struct tally_bytes kept =
            values_find(&web_dht(web, i)->values, web->now, &book->origin, NULL);
        struct datagram datagram;
        struct claim claim;
        if (kept.size == 0)
            continue;
        memcpy(bytes, kept.data, kept.size);
        assert_int_equal(datagram_read_record(bytes_of(bytes, kept.size), &datagram),
                         TALLY_DROP_NONE);
        assert_int_equal(
            claim_read(&datagram, web->nodes[i].datagrams.peers.options.network, &claim),
            TALLY_DROP_NONE);
        count += claim.checkpoint.size == size;
    }
    return count;
}

static void values_grow_by_proof_alone(void **state)
{
    struct person issuer;
    struct shelf shelf = {.book = NULL};
    person_crowd(&issuer, OWNER + 1, people_ip4(20, OWNER, 7, 9));
    struct book book = book_of(&issuer, "audit", 700, 0);
    struct web *web = web_with(&shelf, &issuer);
    publish(web, &shelf, &book, 100);
    assert_true(keepers(web, &book, 100) >= 14);
    publish(web, &shelf, &book, 700);
    assert_true(keepers(web, &book, 700) >= 14);
    assert_int_equal(keepers(web, &book, 100), 0);
    /* It lives on, put anew by its holder, and ends a day after that has left. */
    const uint64_t day = 24 * 60 * 60000;
    web_run(web, day + 60000);
    assert_true(keepers(web, &book, 700) >= 14);
    web->nodes[OWNER].up = false;
    web_run(web, day + 60000);
    assert_int_equal(keepers(web, &book, 700), 0);
    logs_tree_free(book.tree);
    web_free(web);
}

/* The holder has the owner's log at that size, and has not heard an announce of it. */
static void hold(struct web *web, struct shelf *shelf, const struct book *book, uint64_t size)
{
    *shelf = (struct shelf){.book = book, .size = size, .others = true};
    struct dht_options options = options_of(HOLDER, shelf);
    web_boot(web, HOLDER, &options);
    web_reach(web, HOLDER, true);
    web_introduce(web, HOLDER, 1);
    dht_held(web_dht(web, HOLDER), web->now, &book->origin);
}

static void any_holder_puts_a_value_again(void **state)
{
    struct person issuer;
    struct shelf shelf = {.book = NULL}, holders = {.book = NULL};
    const uint64_t day = 24 * 60 * 60000;
    person_crowd(&issuer, OWNER + 1, people_ip4(20, OWNER, 7, 9));
    struct book book = book_of(&issuer, "audit", 700, 0);
    struct web *web = web_with(&shelf, &issuer);
    publish(web, &shelf, &book, 700);
    hold(web, &holders, &book, 700);
    web->nodes[OWNER].up = false;
    web_run(web, day + day / 2);
    assert_true(web->nodes[HOLDER].told > 0); /* It asked, since it had not heard it announced. */
    assert_true(keepers(web, &book, 700) >= 14);
    logs_tree_free(book.tree);
    web_free(web);
}

static void who_holds_less_hears_that_there_is_more(void **state)
{
    struct person issuer;
    struct shelf shelf = {.book = NULL}, holders = {.book = NULL};
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    person_crowd(&issuer, OWNER + 1, people_ip4(20, OWNER, 7, 9));
    struct book book = book_of(&issuer, "audit", 700, 0);
    struct web *web = web_with(&shelf, &issuer);
    publish(web, &shelf, &book, 700);
    hold(web, &holders, &book, 300);
    web_run(web, PUBLISH_AGAIN_MS);
    assert_true(web->nodes[HOLDER].told > 0);
    assert_int_equal(tally_note_read(web->nodes[HOLDER].first, &note), TALLY_DROP_NONE);
    assert_int_equal(tally_checkpoint_read(note.text, &checkpoint), TALLY_DROP_NONE);
    assert_int_equal(checkpoint.size, 700);
    assert_true(keepers(web, &book, 700) >= 14);
    /* Then its issuer is looked for, and whoever wants it for the mesh hears where it is. */
    const struct dht_step step = web_step(web, HOLDER);
    unsigned before = web->nodes[HOLDER].news_count, candidates = 0;
    assert_true(dht_seek_peer(web_dht(web, HOLDER), &step, &issuer.key));
    web_run(web, 3000);
    for (unsigned i = before; i < web->nodes[HOLDER].news_count; i++) {
        const struct dht_news *news = &web->nodes[HOLDER].news[i % WEB_NEWS];
        assert_int_not_equal(news->kind, DHT_NEWS_ENDED);
        candidates += news->kind == DHT_NEWS_CANDIDATE && key_equal(&news->key, &issuer.key);
    }
    assert_int_equal(candidates, 1);
    logs_tree_free(book.tree);
    web_free(web);
}

static void an_old_copy_learns_how_far_it_had_got(void **state)
{
    struct person issuer;
    struct shelf shelf = {.book = NULL};
    person_crowd(&issuer, OWNER + 1, people_ip4(20, OWNER, 7, 9));
    struct book book = book_of(&issuer, "audit", 700, 0);
    struct web *web = web_with(&shelf, &issuer);
    struct dht_options options = options_of(OWNER, &shelf);
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    publish(web, &shelf, &book, 700);
    web_boot(web, OWNER, &options);
    web_reach(web, OWNER, true);
    web_introduce(web, OWNER, 1);
    web_run(web, 60000);
    assert_int_equal(web->nodes[OWNER].told, 0);
    publish(web, &shelf, &book, 200);
    assert_true(web->nodes[OWNER].told > 0);
    assert_int_equal(tally_note_read(web->nodes[OWNER].first, &note), TALLY_DROP_NONE);
    assert_int_equal(tally_checkpoint_read(note.text, &checkpoint), TALLY_DROP_NONE);
    assert_int_equal(checkpoint.size, 700);
    assert_true(keepers(web, &book, 700) >= 14);
    logs_tree_free(book.tree);
    web_free(web);
}

static void two_roots_of_one_size_are_news_to_their_keepers(void **state)
{
    struct person issuer;
    struct shelf shelf = {.book = NULL};
    person_crowd(&issuer, OWNER + 1, people_ip4(20, OWNER, 7, 9));
    struct book book = book_of(&issuer, "audit", 100, 0), other = book_of(&issuer, "audit", 100, 9);
    struct web *web = web_with(&shelf, &issuer);
    struct tally_note notes[2];
    struct tally_checkpoint checkpoints[2];
    unsigned told = 0;
    publish(web, &shelf, &book, 100);
    publish(web, &shelf, &other, 100);
    for (unsigned i = 0; i < NODES; i++)
        told += web->nodes[i].forks > 0;
    assert_true(told >= 10);
    unsigned one = 0;
    while (web->nodes[one].forks == 0)
        one++;
    assert_int_equal(tally_note_read(web->nodes[one].first, &notes[0]), TALLY_DROP_NONE);
    assert_int_equal(tally_note_read(web->nodes[one].second, &notes[1]), TALLY_DROP_NONE);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(tally_checkpoint_read(notes[i].text, &checkpoints[i]), TALLY_DROP_NONE);
    assert_int_equal(checkpoints[0].size, checkpoints[1].size);
    assert_false(hash_equal(&checkpoints[0].root, &checkpoints[1].root));
    logs_tree_free(book.tree);
    logs_tree_free(other.tree);
    web_free(web);
}

/* ---- The network. ---- */

static void who_comes_back_without_memory_is_answered_at_once(void **state)
{
    /* All others still have a link with it, as it was before. */
    struct web *web = web_new(NODES, NODES);
    struct dht_options options = options_of(OWNER, NULL);
    unsigned found;
    for (unsigned i = 1; i < NODES; i++)
        web_introduce(web, i, 0);
    web_run(web, 10 * 60000);
    web_boot(web, OWNER, &options);
    web_introduce(web, OWNER, 2);
    web_run(web, 400);
    assert_true(web_find_peer(web, OWNER, &web->nodes[17].person.key, 3));
    web_run(web, 1500);
    assert_true(web_ended(web, OWNER, 3, &found));
    assert_true(found > 0);
    web_free(web);
}

static bool lose_a_tenth(struct web *web, struct web_packet *packet)
{
    return random_below(&web->random, 10) != 0;
}

static void a_tenth_of_all_datagrams_is_lost(void **state)
{
    struct web *web = web_new(40, 40);
    unsigned found, good = 0;
    web->hook = lose_a_tenth;
    for (unsigned i = 1; i < 40; i++)
        web_introduce(web, i, 0);
    web_run(web, 15 * 60000);
    for (unsigned i = 0; i < 40; i++)
        assert_true(web_find_peer(web, i, &web->nodes[(i + 13) % 40].person.key, i + 1));
    web_run(web, 11000);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(web_ended(web, i, i + 1, &found));
        good += found > 0;
    }
    assert_true(good >= 39);
    /* Nobody is buried for a lost datagram. */
    unsigned least = UINT32_MAX;
    for (unsigned i = 0; i < 40; i++) {
        unsigned count = table_count(&web_dht(web, i)->table);
        least = count < least ? count : least;
    }
    assert_true(least >= 20);
    web_free(web);
}

static void links_that_only_one_side_remembers_are_made_anew(void **state)
{
    struct web *web = web_new(2, 2);
    struct dht_options options = options_of(1, NULL);
    struct tally_hash point;
    web_introduce(web, 1, 0);
    web_run(web, 3 * 60000);
    link_mesh(&web->nodes[0].datagrams.peers, web_peer(web, 0, 1), false, false, web->now);
    /* The other one forgets everything and asks nobody; ours seems to have a link with it. */
    web_boot(web, 1, &options);
    web_run(web, 15 * 60000);
    metric_point(&web->nodes[1].person.key, &point);
    const struct contact *contact = table_find(&web_dht(web, 0)->table, &point);
    assert_non_null(contact);
    assert_int_equal(contact->timeouts, 0);
    assert_true(contact->answered_s + 600 > web->now.mono.ms / 1000);
    web_free(web);
}

static void more_lookups_than_there_is_room_for_are_refused(void **state)
{
    struct web *web = web_new(NODES, NODES);
    unsigned found, taken = 0;
    for (unsigned i = 1; i < NODES; i++)
        web_introduce(web, i, 0);
    web_run(web, 10 * 60000);
    for (unsigned i = 0; i < 100; i++)
        taken += web_find_peer(web, 1, &web->nodes[i % NODES].person.key, 100 + i);
    assert_in_range(taken, 1, DHT_TASKS);
    web_run(web, 15000);
    for (unsigned i = 0; i < taken; i++)
        assert_true(web_ended(web, 1, 100 + i, &found));
    assert_true(web_find_peer(web, 1, &web->nodes[3].person.key, 7));
    web_run(web, 5000);
    assert_true(web_ended(web, 1, 7, &found) && found > 0);
    web_free(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_grow_by_proof_alone),
        cmocka_unit_test(any_holder_puts_a_value_again),
        cmocka_unit_test(who_holds_less_hears_that_there_is_more),
        cmocka_unit_test(an_old_copy_learns_how_far_it_had_got),
        cmocka_unit_test(two_roots_of_one_size_are_news_to_their_keepers),
        cmocka_unit_test(who_comes_back_without_memory_is_answered_at_once),
        cmocka_unit_test(a_tenth_of_all_datagrams_is_lost),
        cmocka_unit_test(links_that_only_one_side_remembers_are_made_anew),
        cmocka_unit_test(more_lookups_than_there_is_room_for_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-kept", tests, NULL, NULL);
}

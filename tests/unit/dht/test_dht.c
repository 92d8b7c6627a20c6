/* SPDX-License-Identifier: Apache-2.0 */
/* The DHT as one: some dozens of nodes that join, find each other, keep things, and lie. */
#include "web.h"

#include "core/base/bytes.h"
#include "core/dht/metric.h"
#include "core/peers/greet.h"

#include "support/cmocka.h"

/* Everybody knows the first node alone; some minutes later all have joined. */
static struct web *web_joined(unsigned count, unsigned servers, uint64_t minutes)
{
    struct web *web = web_new(count, servers);
    for (unsigned i = 1; i < count; i++)
        web_introduce(web, i, 0);
    web_run(web, minutes * 60000);
    return web;
}

/* Whether b has answered a; who is only heard of does not count. */
static bool knows(struct web *web, unsigned a, unsigned b)
{
    struct tally_hash point;
    metric_point(&web->nodes[b].person.key, &point);
    const struct contact *contact = table_find(&web_dht(web, a)->table, &point);
    return contact != NULL && contact->answered_s != 0;
}

static uint64_t drops(struct web *web, unsigned node, enum tally_drop drop)
{
    return web->nodes[node].datagrams.drops[drop];
}

static void all_join_by_one(void **state)
{
    struct web *web = web_joined(40, 40, 10);
    unsigned known = 0;
    for (unsigned i = 0; i < web->count; i++) {
        unsigned mine = 0;
        for (unsigned j = 0; j < web->count; j++)
            mine += i != j && knows(web, i, j);
        assert_true(mine >= 16);
        known += mine;
        assert_int_equal(web_dht(web, i)->lookups_failed, 0);
    }
    assert_true(known >= 40 * 25);
    web_free(web);
}

static void a_peer_is_found_by_its_key(void **state)
{
    struct web *web = web_joined(40, 40, 10);
    unsigned found;
    assert_true(web_find_peer(web, 33, &web->nodes[7].person.key, 5));
    /* A few round trips; each of its addresses is told once. */
    web_run(web, 1000);
    assert_true(web_ended(web, 33, 5, &found));
    assert_int_equal(found, 1);
    assert_int_equal(web_found(web, 33, 5), 1);
    const struct dht_news *news = &web->nodes[33].news[0];
    for (unsigned i = 0; i < WEB_NEWS && news->kind != DHT_NEWS_FOUND; i++)
        news = &web->nodes[33].news[i];
    assert_true(key_equal(&news->key, &web->nodes[7].person.key));
    assert_true(address_equal(&news->address, &web->nodes[7].person.address));

    struct tally_key nobody = {{1, 2, 3}};
    assert_true(web_find_peer(web, 33, &nobody, 6));
    web_run(web, 11000);
    assert_true(web_ended(web, 33, 6, &found));
    assert_int_equal(found, 0);
    assert_int_equal(web_found(web, 33, 6), 0);
    web_free(web);
}

/* Of the eight nodes closest to one, how many keep its record. */
static unsigned kept_by_closest(struct web *web, unsigned of)
{
    struct tally_hash point, one, other;
    unsigned kept = 0;
    metric_point(&web->nodes[of].person.key, &point);
    for (unsigned i = 0; i < web->count; i++) {
        unsigned closer = 0;
        metric_point(&web->nodes[i].person.key, &one);
        for (unsigned j = 0; j < web->count; j++) {
            metric_point(&web->nodes[j].person.key, &other);
            closer += j != of && metric_compare(&point, &other, &one) < 0;
        }
        kept +=
            i != of && closer < LOOKUP_END_FIND &&
            records_find(&web_dht(web, i)->records, web->now, &web->nodes[of].person.key).size > 0;
    }
    return kept;
}

static void who_came_first_is_kept_by_its_neighbours_of_today(void **state)
{
    enum { FIRST = 20, ALL = 160 };
    struct web *web = web_new(ALL, ALL);
    for (unsigned i = 1; i < FIRST; i++)
        web_introduce(web, i, 0);
    web_run(web, 5 * 60000);
    for (unsigned i = FIRST; i < ALL; i++)
        web_introduce(web, i, i % FIRST);
    web_run(web, 10 * 60000);
    for (unsigned i = 0; i < FIRST; i++)
        assert_in_range(kept_by_closest(web, i), LOOKUP_END_FIND / 2, LOOKUP_END_FIND);
    web_free(web);
}

static void a_client_asks_and_answers_nothing(void **state)
{
    struct web *web = web_joined(30, 29, 10);
    unsigned found;
    for (unsigned i = 0; i < 29; i++)
        assert_false(knows(web, i, 29));
    assert_true(web_find_peer(web, 29, &web->nodes[3].person.key, 1));
    web_run(web, 3000);
    assert_true(web_ended(web, 29, 1, &found) && found > 0);

    struct tally_find_node find = {.request = {1}, .want = 8};
    uint8_t body[64];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_find_node_write(&find, &w);
    uint64_t sent = web->nodes[29].sent;
    web_say(web, 0, 29, TALLY_KIND_FIND_NODE, &w);
    web_run(web, 200);
    assert_int_equal(drops(web, 29, TALLY_DROP_REFUSED), 1);
    assert_true(web->nodes[29].sent - sent < 1300); /* Heartbeats, no answer. */
    web_free(web);
}

static void half_of_all_die_and_lookups_end(void **state)
{
    struct web *web = web_joined(48, 48, 15);
    unsigned found;
    for (unsigned i = 0; i < 48; i += 2)
        web->nodes[i].up = false;
    for (unsigned i = 1; i < 48; i += 2)
        assert_true(web_find_peer(web, i, &web->nodes[(i + 10) % 48].person.key, i));
    web_run(web, 11000);
    unsigned good = 0;
    for (unsigned i = 1; i < 48; i += 2) {
        assert_true(web_ended(web, i, i, &found));
        good += found > 0;
    }
    assert_true(good >= 22);
    /* In time the dead are forgotten. */
    web_run(web, 40 * 60000);
    unsigned dead = 0, living = 0;
    for (unsigned i = 1; i < 48; i += 2)
        for (unsigned j = 0; j < 48; j++) {
            dead += j % 2 == 0 && knows(web, i, j);
            living += i != j && j % 2 == 1 && knows(web, i, j);
        }
    assert_int_equal(dead, 0);
    assert_true(living >= 24 * 15);
    web_free(web);
}

static void who_is_reached_for_long_serves(void **state)
{
    struct web *web = web_joined(30, 29, 5);
    struct dht *dht = web_dht(web, 29);
    web_reach(web, 29, true);
    web_run(web, DHT_PROVED_MS - 1000);
    assert_false(dht->server);
    web_run(web, 2000);
    assert_true(dht->server);
    assert_true(web->nodes[29].datagrams.peers.options.caps & PEERS_CAPS_DHT);
    /* Its record goes to those near it, who learn by it that it is one of them. */
    web_run(web, 120000);
    unsigned known = 0;
    for (unsigned i = 0; i < 29; i++)
        known += knows(web, i, 29);
    assert_true(known >= 8);
    unsigned found;
    assert_true(web_find_peer(web, 4, &web->nodes[29].person.key, 9));
    web_run(web, 3000);
    assert_true(web_ended(web, 4, 9, &found) && found > 0);
    /* When nobody gets through any more it asks only. */
    web_reach(web, 29, false);
    web_run(web, 1000);
    assert_false(dht->server);
    assert_false(web->nodes[29].datagrams.peers.options.caps & PEERS_CAPS_DHT);
    web_run(web, 20 * 60000);
    known = 0;
    for (unsigned i = 0; i < 29; i++)
        known += knows(web, i, 29);
    assert_int_equal(known, 0);
    /* Up and down within ten minutes is no steady reach. */
    for (unsigned i = 0; i < 4; i++) {
        web_reach(web, 29, i % 2 == 0);
        web_run(web, 9 * 60000);
        assert_false(dht->server);
    }
    web_free(web);
}

static void followers_are_found_by_their_namespace(void **state)
{
    struct web *web = web_joined(32, 32, 10);
    const struct advertise_namespace names[] = {{bytes_text("audit"), false},
                                                {bytes_text("builds"), false}};
    unsigned found;
    for (unsigned i = 0; i < 8; i++)
        dht_follow(web_dht(web, i), web->now, names, i < 3 ? 2 : 1);
    web_run(web, 10 * 60000);
    assert_true(web_find_namespace(web, 20, "builds", 77));
    assert_true(web_find_namespace(web, 20, "nobody", 78));
    assert_false(web_find_namespace(web, 20, "third", 79));
    web_run(web, 61000);
    assert_true(web_ended(web, 20, 77, &found));
    assert_int_equal(found, 3);
    assert_int_equal(web_found(web, 20, 77), 3);
    assert_true(web_ended(web, 20, 78, &found));
    assert_int_equal(found, 0);
    web_free(web);
}

/* ---- Liars. ---- */

static struct wire_writer nodes_message(const struct tally_nodes *nodes, uint8_t *body, size_t size)
{
    struct wire_writer w;
    wire_writer_init(&w, body, size);
    tally_nodes_write(nodes, &w);
    return w;
}

static void answers_nobody_asked_for_cost_standing(void **state)
{
    struct web *web = web_joined(6, 6, 3);
    struct tally_nodes nodes = {.request = {1, 2, 3}};
    uint8_t body[TALLY_DATAGRAM_MAX];
    unsigned links = web->nodes[0].datagrams.peers.links;
    for (unsigned i = 0; i < 9; i++) {
        nodes.request[0] = (uint8_t)i;
        struct wire_writer w = nodes_message(&nodes, body, sizeof body);
        web_say(web, 1, 0, TALLY_KIND_NODES, &w);
    }
    web_run(web, 200);
    assert_int_equal(drops(web, 0, TALLY_DROP_UNASKED), 9);
    assert_int_equal(peer_standing(web_peer(web, 0, 1)), -45);
    for (unsigned i = 0; i < 2; i++) {
        struct wire_writer w = nodes_message(&nodes, body, sizeof body);
        web_say(web, 1, 0, TALLY_KIND_NODES, &w);
    }
    web_run(web, 200);
    assert_true(peer_barred(web_peer(web, 0, 1), web->now));
    assert_int_equal(web->nodes[0].datagrams.peers.links, links - 1);
    web_free(web);
}

/* What a node answers to find_node, whatever it is asked for. */
struct false_answer {
    unsigned liar, count;
    uint8_t v4[16 * 38];
    unsigned told;
};

static bool answer_falsely(struct web *web, struct web_packet *packet)
{
    struct false_answer *answer = web->context;
    struct web_node *liar = &web->nodes[answer->liar];
    struct datagram datagram;
    struct wire_reader r;
    struct tally_find_node find;
    if (!address_equal(&packet->to, &liar->person.address) ||
        datagram_read(bytes_of(packet->bytes, packet->size), &datagram) != TALLY_DROP_NONE ||
        datagram.kind != TALLY_KIND_FIND_NODE)
        return true;
    wire_reader_init(&r, datagram.body);
    tally_find_node_read(&r, &find);
    assert_true(wire_reader_done(&r));
    unsigned to = 0;
    while (!address_equal(&web->nodes[to].person.address, &packet->from))
        to++;
    struct tally_nodes nodes = {.v4 = {answer->v4, (size_t)answer->count * 38}};
    uint8_t body[TALLY_DATAGRAM_MAX];
    memcpy(nodes.request, find.request, sizeof nodes.request);
    struct wire_writer w = nodes_message(&nodes, body, sizeof body);
    answer->told++;
    web->hook = NULL;
    web_say(web, answer->liar, to, TALLY_KIND_NODES, &w);
    web->hook = answer_falsely;
    return false;
}

static void private_addresses_in_answers_are_not_greeted(void **state)
{
    struct web *web = web_joined(12, 12, 5);
    struct false_answer answer = {.liar = 3, .count = 16};
    for (unsigned i = 0; i < 16; i++) {
        answer.v4[i * 38] = (uint8_t)i;
        answer.v4[i * 38 + 31] = 9;
        memcpy(&answer.v4[i * 38 + 32], (uint8_t[]){192, 168, 1, (uint8_t)i, 0x0f, 0xa1}, 6);
    }
    web->context = &answer;
    web->hook = answer_falsely;
    web_run(web, 40 * 60000);
    assert_true(answer.told > 0);
    uint64_t scope = 0;
    for (unsigned i = 0; i < 12; i++) {
        scope += web_dht(web, i)->drops[TALLY_DROP_SCOPE];
        for (unsigned j = 0; j < 16; j++) {
            struct tally_key key;
            memcpy(key.bytes, &answer.v4[j * 38], 32);
            assert_null(peers_find(&web->nodes[i].datagrams.peers, &key));
        }
    }
    assert_true(scope >= 16);
    web_free(web);
}

static void victims_get_a_few_hellos_at_the_most(void **state)
{
    /* One liar names sixteen victims, to whomever asks, for an hour. */
    struct web *web = web_joined(24, 24, 5);
    struct false_answer answer = {.liar = 3, .count = 16};
    for (unsigned i = 0; i < 16; i++) {
        answer.v4[i * 38] = (uint8_t)i;
        memcpy(&answer.v4[i * 38 + 32], (uint8_t[]){77, (uint8_t)i, 1, 1, 0x0f, 0xa1}, 6);
    }
    web->context = &answer;
    web->hook = answer_falsely;
    web_run(web, 60 * 60000);
    assert_true(answer.told > 20);
    for (unsigned i = 0; i < 24; i++) {
        unsigned held = 0;
        for (unsigned j = 0; j < 16; j++) {
            struct tally_key key;
            struct tally_hash point;
            memcpy(key.bytes, &answer.v4[j * 38], 32);
            metric_point(&key, &point);
            const struct contact *contact = table_find(&web_dht(web, i)->table, &point);
            held += contact != NULL && contact->answered_s != 0;
        }
        assert_int_equal(held, 0);
    }
    web_free(web);
}

static void one_asker_does_not_use_up_what_all_may_ask(void **state)
{
    struct web *web = web_joined(6, 6, 3);
    struct tally_find_node find = {.request = {7}, .want = 16};
    uint8_t body[64];
    uint64_t received = web->nodes[1].received;
    for (unsigned i = 0; i < 300; i++) {
        struct wire_writer w;
        find.request[1] = (uint8_t)i;
        wire_writer_init(&w, body, sizeof body);
        tally_find_node_write(&find, &w);
        web_say(web, 1, 0, TALLY_KIND_FIND_NODE, &w);
    }
    web_run(web, 100);
    assert_in_range(drops(web, 0, TALLY_DROP_BUSY), 255, 262);
    assert_true(web->nodes[1].received - received < 60 * 1000);
    unsigned found;
    assert_true(web_find_peer(web, 2, &web->nodes[0].person.key, 3));
    web_run(web, 3000);
    assert_true(web_ended(web, 2, 3, &found) && found > 0);
    web_free(web);
}

static void a_record_of_somebody_else_is_no_answer(void **state)
{
    /* A keeper of the record says so: only its owner may put it. */
    struct web *web = web_joined(8, 8, 3);
    uint8_t bytes[RECORD_PEER_MAX], body[400];
    struct tally_put_record put = {.request = {1}};
    struct wire_writer w;
    put.record = person_record(&web->nodes[5].person, web->now, bytes);
    wire_writer_init(&w, body, sizeof body);
    tally_put_record_write(&put, &w);
    web_say(web, 1, 0, TALLY_KIND_PUT_RECORD, &w);
    web_run(web, 200);
    assert_int_equal(drops(web, 0, TALLY_DROP_REFUSED), 1);
    web_free(web);
}

/* ---- Traffic. ---- */

static void an_idle_node_sends_little(void **state)
{
    struct web *web = web_joined(60, 60, 40);
    uint64_t sent = 0, most = 0, before[60];
    for (unsigned i = 0; i < 60; i++) {
        before[i] = web->nodes[i].sent;
        /* The mesh has its own budget: what is left is the DHT's. */
        for (unsigned j = 0; j < 60; j++) {
            struct peer *peer = web_peer(web, i, j);
            if (peer != NULL && peer->mesh)
                link_mesh(&web->nodes[i].datagrams.peers, peer, false, false, web->now);
        }
    }
    web_run(web, 3600000);
    for (unsigned i = 0; i < 60; i++) {
        uint64_t mine = web->nodes[i].sent - before[i];
        sent += mine;
        most = mine > most ? mine : most;
    }
    print_message("# an idle node sends %u B/s, the busiest %u\n", (unsigned)(sent / 60 / 3600),
                  (unsigned)(most / 3600));
    assert_true(sent / 60 / 3600 <= 200);
    web_free(web);
}

/* What the first node said, by kind. */
static bool first_says(struct web *web, struct web_packet *packet)
{
    unsigned *count = web->context;
    if (address_equal(&packet->from, &web->nodes[0].person.address))
        count[packet->bytes[2]]++;
    return true;
}

static void who_is_in_all_tables_greets_so_many_as_it_remembers(void **state)
{
    enum { ALL = 120, REMEMBERS = 60, CONTACTS = 24, HOURS = 4 };
    struct web *web = web_new(ALL, ALL);
    unsigned count[256] = {0};
    web->nodes[0].peers_max = REMEMBERS;
    web_boot(web, 0,
             &(struct dht_options){.profile = TALLY_PROFILE_SERVER,
                                   .values_max = 128,
                                   .contacts_max = CONTACTS,
                                   .seed = 1});
    web_reach(web, 0, true);
    /* A bootstrap, which nobody insists on for its mesh. */
    for (unsigned i = 1; i < ALL; i++)
        assert_true(peers_greet_address(&web->nodes[i].datagrams.peers,
                                        &web->nodes[0].person.address, TALLY_SOURCE_CONFIGURED,
                                        web->now));
    web_run(web, 30 * 60000);
    web->hook = first_says;
    web->context = count;
    for (unsigned hour = 0; hour < HOURS; hour++) {
        memset(count, 0, sizeof count);
        web_run(web, 60 * 60000);
        print_message("# hour %u: %u of its own greetings, %u of others, %u for their mesh\n",
                      hour + 1, count[TALLY_KIND_HELLO], count[TALLY_KIND_WELCOME],
                      count[TALLY_KIND_PRUNE]);
    }
    /* It keeps the links of those it asks itself, and others ask as rarely as it needs. */
    assert_in_range(count[TALLY_KIND_HELLO], 0, 20);
    assert_in_range(count[TALLY_KIND_WELCOME], 0, count[TALLY_KIND_PRUNE] + 60);
    web_free(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_join_by_one),
        cmocka_unit_test(a_peer_is_found_by_its_key),
        cmocka_unit_test(who_came_first_is_kept_by_its_neighbours_of_today),
        cmocka_unit_test(a_client_asks_and_answers_nothing),
        cmocka_unit_test(half_of_all_die_and_lookups_end),
        cmocka_unit_test(who_is_reached_for_long_serves),
        cmocka_unit_test(followers_are_found_by_their_namespace),
        cmocka_unit_test(answers_nobody_asked_for_cost_standing),
        cmocka_unit_test(private_addresses_in_answers_are_not_greeted),
        cmocka_unit_test(victims_get_a_few_hellos_at_the_most),
        cmocka_unit_test(one_asker_does_not_use_up_what_all_may_ask),
        cmocka_unit_test(a_record_of_somebody_else_is_no_answer),
        cmocka_unit_test(an_idle_node_sends_little),
        cmocka_unit_test(who_is_in_all_tables_greets_so_many_as_it_remembers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht", tests, NULL, NULL);
}

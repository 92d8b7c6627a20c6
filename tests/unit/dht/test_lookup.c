/* SPDX-License-Identifier: Apache-2.0 */
/* One lookup among a few hundred nodes, honest, dead or lying, each with its own idea of an answer.
 */
#include "core/base/bytes.h"
#include "core/dht/lookup.h"
#include "core/dht/metric.h"

#include "support/cmocka.h"

#include <stdlib.h>

enum { TOWN = 400, QUESTIONS = LOOKUP_ASKS_MAX, TRIP_MS = 60, FORGED = 64 };

struct town;

enum manner {
    HONEST,    /* Names the closest to the target of those it knows. */
    DEAD,      /* Silent. */
    SLOW,      /* Answers after 400 ms. */
    COLLUDER,  /* Names colluders. */
    FORGER,    /* Names keys next to the target that nobody has. */
    MISLEADER, /* Names the right keys at wrong addresses. */
    ECHO,      /* Names itself, sixteen times. */
    LADDER,    /* Names new nodes, ever closer, which do the same. */
};

struct dweller {
    struct lookup_node node;
    struct tally_hash point;
    enum manner manner;
};

struct town {
    struct dweller list[TOWN + 4 * QUESTIONS]; /* The rest are made up on the way. */
    unsigned count;
    struct tally_key self;
    struct table table;
    struct lookup lookup;
    struct tally_hash target;
    struct tally_now now;
    struct {
        uint64_t at; /* 0: nothing is under way here. */
        uint32_t token;
        const struct dweller *dweller;
    } questions[QUESTIONS];
    struct lookup_node forged[FORGED];
    uint64_t drops[TALLY_DROP_COUNT];
    unsigned asked[TOWN + 4 * QUESTIONS], wrong_address, most_asked;
};

static struct tally_address address_number(unsigned n)
{
    struct tally_address address = {{[10] = 0xff, [11] = 0xff}, 4001};
    be32_write(address.ip + 12, UINT32_C(0x14000000) + n * 256 + 9);
    return address;
}

static struct dweller *dweller_add(struct town *town, enum manner manner)
{
    struct dweller *dweller = &town->list[town->count];
    be32_write(dweller->node.key.bytes + 4, town->count);
    dweller->node.key.bytes[0] = 5;
    dweller->node.address = address_number(town->count++);
    dweller->manner = manner;
    metric_point(&dweller->node.key, &dweller->point);
    return dweller;
}

/* Of every hundred dwellers so many have that manner. All are in our table as far as it takes
   them, unless `few` says how many. */
static struct town *town_new(enum manner manner, unsigned percent, unsigned few)
{
    struct town *town = calloc(1, sizeof *town);
    assert_non_null(town);
    town->now = (struct tally_now){{1000000}, {0}};
    memset(town->self.bytes, 9, sizeof town->self.bytes);
    const struct table_options options = {.key = town->self, .seed = 1};
    assert_true(table_new(&town->table, &options, town->now));
    for (unsigned i = 0; i < TOWN; i++)
        (void)dweller_add(town, i * 37 % 100 < percent ? manner : HONEST);
    for (unsigned i = 0; i < TOWN && (few == 0 || table_count(&town->table) < few); i++)
        (void)table_answered(&town->table, town->now, &town->list[i].node.key,
                             &town->list[i].node.address, TRIP_MS);
    memset(town->target.bytes, 0x5a, sizeof town->target.bytes);
    return town;
}

static void town_free(struct town *town)
{
    assert_true(lookup_holds(&town->lookup));
    table_free(&town->table);
    free(town);
}

static const struct dweller *dweller_find(const struct town *town, const struct tally_key *key)
{
    for (unsigned i = 0; i < town->count; i++)
        if (key_equal(&town->list[i].node.key, key))
            return &town->list[i];
    return NULL;
}

/* The closest dwellers of that manner (or of any, if it is DEAD) but one; how many. */
static size_t closest(const struct town *town, enum manner manner, const struct dweller *but,
                      struct lookup_node *list, size_t count)
{
    const struct dweller *best[LOOKUP_NODES_MAX];
    size_t found = 0;
    for (unsigned i = 0; i < TOWN; i++) {
        const struct dweller *dweller = &town->list[i];
        if (dweller == but || (manner != DEAD && dweller->manner != manner))
            continue;
        size_t at = found < count ? found++ : count;
        for (; at > 0 && metric_compare(&town->target, &dweller->point, &best[at - 1]->point) < 0;
             at--)
            if (at < count)
                best[at] = best[at - 1];
        if (at < count)
            best[at] = dweller;
    }
    for (size_t i = 0; i < found; i++)
        list[i] = best[i]->node;
    return found;
}

/* Keys whose points share twelve bits with the target: more than any of some hundred nodes. */
static void forge_all(struct town *town)
{
    unsigned count = 0;
    for (unsigned n = 0; count < FORGED; n++) {
        struct lookup_node *node = &town->forged[count];
        struct tally_hash point;
        memset(&node->key, 0xee, sizeof node->key);
        be32_write(node->key.bytes, n);
        node->address = address_number(100000 + n);
        metric_point(&node->key, &point);
        count += metric_shared(&point, &town->target) >= 12;
    }
}

/* Four new ones, each a little closer than whoever names them, as far as keys can be found. */
static size_t climb(struct town *town, const struct dweller *who, struct lookup_node *list)
{
    size_t count = 0;
    while (count < 4 && town->count < TOWN + 4 * QUESTIONS) {
        struct dweller *next = dweller_add(town, LADDER);
        for (unsigned n = 0; n < 64; n++) {
            be32_write(next->node.key.bytes + 8, n);
            metric_point(&next->node.key, &next->point);
            if (metric_compare(&town->target, &next->point, &who->point) < 0)
                break;
        }
        list[count++] = next->node;
    }
    return count;
}

static size_t answer_of(struct town *town, const struct dweller *who,
                        struct lookup_node list[LOOKUP_NODES_MAX])
{
    size_t count;
    switch (who->manner) {
    case HONEST:
    case SLOW:
        return closest(town, DEAD, who, list, LOOKUP_NODES_MAX);
    case COLLUDER:
        return closest(town, COLLUDER, who, list, LOOKUP_NODES_MAX);
    case FORGER: /* Each has its own ones. */
        for (count = 0; count < LOOKUP_NODES_MAX; count++)
            list[count] = town->forged[((unsigned)(who - town->list) * 5 + count) % FORGED];
        return count;
    case MISLEADER:
        count = closest(town, DEAD, who, list, LOOKUP_NODES_MAX);
        for (size_t i = 0; i < count; i++)
            list[i].address =
                address_number(200000 + (unsigned)(who - town->list) * 16 + (unsigned)i);
        return count;
    case ECHO:
        for (count = 0; count < LOOKUP_NODES_MAX; count++)
            list[count] = who->node;
        return count;
    case LADDER:
        return climb(town, who, list);
    case DEAD:
        break;
    }
    return 0;
}

static void ask(struct town *town, const struct lookup_ask *question)
{
    const struct dweller *dweller = dweller_find(town, &question->node.key);
    if (dweller == NULL || !address_equal(&dweller->node.address, &question->node.address)) {
        town->wrong_address += dweller != NULL;
        return;
    }
    town->asked[dweller - town->list]++;
    if (dweller->manner == DEAD)
        return;
    unsigned i = 0;
    while (town->questions[i].at != 0)
        i++;
    assert_true(i < QUESTIONS);
    town->questions[i].at = town->now.mono.ms + (dweller->manner == SLOW ? 400 : TRIP_MS);
    town->questions[i].token = question->token;
    town->questions[i].dweller = dweller;
}

static void ask_all(struct town *town)
{
    struct lookup_ask question;
    while (lookup_next(&town->lookup, town->now, &town->table, &question)) {
        ask(town, &question);
        unsigned asked = 0;
        for (unsigned p = 0; p < town->lookup.path_count; p++) {
            assert_true(town->lookup.paths[p].asked <= LOOKUP_ALPHA);
            asked += town->lookup.paths[p].asked;
        }
        if (asked > town->most_asked)
            town->most_asked = asked;
    }
    assert_true(lookup_holds(&town->lookup));
}

/* The answer or the timeout that comes next. */
static void go_on(struct town *town)
{
    struct lookup_node nodes[LOOKUP_NODES_MAX];
    uint64_t next = lookup_deadline(&town->lookup).ms;
    unsigned heard = QUESTIONS;
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (town->questions[i].at != 0 && town->questions[i].at <= next) {
            next = town->questions[i].at;
            heard = i;
        }
    if (next > town->now.mono.ms)
        town->now.mono.ms = next;
    if (heard == QUESTIONS) {
        lookup_tick(&town->lookup, town->now);
        return;
    }
    town->questions[heard].at = 0;
    size_t count = answer_of(town, town->questions[heard].dweller, nodes);
    (void)lookup_answered(&town->lookup, town->questions[heard].token, nodes, count, town->drops);
}

static void begin(struct town *town, unsigned end, bool insist)
{
    struct lookup_options options = {.target = town->target,
                                     .end = end,
                                     .srtt_ms = TRIP_MS,
                                     .radius = table_radius(&town->table, end),
                                     .insist = insist};
    metric_point(&town->self, &options.self);
    lookup_init(&town->lookup, &options, &town->table, town->now);
    ask_all(town);
}

/* To the end; how long that took. */
static uint64_t look(struct town *town, unsigned end, bool insist)
{
    uint64_t start = town->now.mono.ms;
    begin(town, end, insist);
    while (!lookup_over(&town->lookup)) {
        go_on(town);
        ask_all(town);
    }
    for (unsigned i = 0; i < town->count; i++)
        assert_true(town->asked[i] <= 1);
    return town->now.mono.ms - start;
}

/* How many of the `count` closest of that manner are in the result. */
static unsigned found(const struct town *town, enum manner manner, size_t count)
{
    struct lookup_node want[LOOKUP_NODES_MAX], have[LOOKUP_ENTRIES];
    size_t wanted = closest(town, manner, NULL, want, count);
    size_t had = lookup_result(&town->lookup, have, LOOKUP_ENTRIES);
    unsigned both = 0;
    for (size_t i = 0; i < wanted; i++)
        for (size_t j = 0; j < had; j++)
            both += key_equal(&want[i].key, &have[j].key);
    return both;
}

static void aim(struct town *town, unsigned round)
{
    for (size_t i = 0; i < sizeof town->target.bytes; i++)
        town->target.bytes[i] = (uint8_t)(round * 31 + i * 7);
}

/* ---- Stories. ---- */

static void it_finds_the_closest_and_ends(void **state)
{
    static const unsigned ends[] = {LOOKUP_END_FIND, LOOKUP_END_PUT};
    for (size_t i = 0; i < 2; i++) {
        struct town *town = town_new(HONEST, 0, 0);
        uint64_t ms = look(town, ends[i], false);
        assert_int_equal(found(town, DEAD, ends[i]), ends[i]);
        assert_in_range(ms, TRIP_MS, 8 * TRIP_MS);
        assert_in_range(town->lookup.messages, ends[i], 48);
        assert_int_equal(town->lookup.path_count, LOOKUP_PATHS);
        assert_int_equal(town->most_asked, LOOKUP_PATHS * LOOKUP_ALPHA);
        struct lookup_node list[16];
        struct tally_hash last = town->target, point;
        size_t count = lookup_result(&town->lookup, list, 16);
        for (size_t j = 0; j < count; j++, last = point) {
            metric_point(&list[j].key, &point);
            assert_true(metric_compare(&town->target, &last, &point) <= 0);
        }
        town_free(town);
    }
}

static void nobody_to_ask_is_an_end_too(void **state)
{
    struct town *town = town_new(HONEST, 0, 1);
    table_remove(&town->table, &town->list[0].node.key);
    assert_int_equal(look(town, LOOKUP_END_FIND, true), 0);
    assert_int_equal(town->lookup.messages, 0);
    assert_int_equal(lookup_deadline(&town->lookup).ms, TALLY_NEVER.ms);
    town_free(town);
    /* One contact is enough. */
    town = town_new(HONEST, 0, 1);
    (void)look(town, LOOKUP_END_FIND, false);
    assert_int_equal(found(town, DEAD, 8), 8);
    town_free(town);
}

static void the_silent_cost_little_and_the_late_still_count(void **state)
{
    struct town *town = town_new(DEAD, 30, 0);
    uint64_t ms = look(town, LOOKUP_END_FIND, false);
    assert_int_equal(found(town, HONEST, 5), 5);
    assert_true(ms <= 1500);
    town_free(town);

    /* Everybody is slow: nobody answers in time, and yet all is found. */
    town = town_new(SLOW, 100, 0);
    (void)look(town, LOOKUP_END_FIND, false);
    assert_true(town->lookup.answers > 0);
    assert_true(found(town, SLOW, 8) >= 4);
    town_free(town);
}

static void the_timeout_follows_the_round_trip_within_bounds(void **state)
{
    static const struct {
        unsigned srtt_ms, timeout_ms;
    } cases[] = {{0, 250}, {1, 150}, {37, 150}, {38, 152}, {62, 248}, {63, 250}, {5000, 250}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct town *town = town_new(HONEST, 0, 0);
        struct lookup_options options = {
            .target = town->target, .end = 8, .srtt_ms = cases[i].srtt_ms};
        struct lookup_ask question;
        lookup_init(&town->lookup, &options, &town->table, town->now);
        assert_true(lookup_next(&town->lookup, town->now, &town->table, &question));
        assert_int_equal(lookup_deadline(&town->lookup).ms,
                         town->now.mono.ms + cases[i].timeout_ms);
        town_free(town);
    }
}

static void who_repeats_himself_is_heard_once(void **state)
{
    struct town *town = town_new(ECHO, 50, 0);
    (void)look(town, LOOKUP_END_FIND, false);
    assert_true(town->drops[TALLY_DROP_SEEN] >= 16);
    assert_int_equal(town->lookup.path_count, LOOKUP_PATHS);
    assert_true(found(town, DEAD, 8) >= 8);
    town_free(town);
}

static void ten_thousand_answers_to_one_question(void **state)
{
    struct town *town = town_new(HONEST, 0, 0);
    struct lookup_node nodes[LOOKUP_NODES_MAX];
    begin(town, LOOKUP_END_FIND, false);
    uint32_t token = town->questions[0].token;
    size_t count = answer_of(town, town->questions[0].dweller, nodes);
    town->questions[0].at = 0;
    assert_true(lookup_answered(&town->lookup, token, nodes, count, town->drops));
    struct lookup before = town->lookup;
    for (unsigned i = 0; i < 10000; i++)
        assert_false(lookup_answered(&town->lookup, token, nodes, count, town->drops));
    for (uint32_t other = 0; other < 100000; other++)
        if (other >> 8 >= LOOKUP_ENTRIES || town->lookup.entries[other >> 8].state == LOOKUP_NAMED)
            assert_false(lookup_answered(&town->lookup, other, nodes, count, town->drops));
    assert_memory_equal(&before, &town->lookup, sizeof before);
    town_free(town);
}

static void colluders_lead_one_path_astray_not_all(void **state)
{
    static const unsigned percents[] = {10, 20, 30};
    for (size_t i = 0; i < 3; i++) {
        unsigned reached = 0;
        for (unsigned round = 0; round < 40; round++) {
            struct town *town = town_new(COLLUDER, percents[i], 0);
            aim(town, round);
            (void)look(town, LOOKUP_END_FIND, true);
            assert_int_equal(town->lookup.path_count, LOOKUP_PATHS_MAX);
            reached += found(town, HONEST, 8) > 0;
            town_free(town);
        }
        assert_int_equal(reached, 40);
    }
}

static void a_place_too_lonely_is_looked_at_again(void **state)
{
    /* Whomever we know in the target's half of the world colludes. */
    struct town *town = town_new(COLLUDER, 20, 0);
    town->target.bytes[0] = town->table.point.bytes[0] ^ 0x80;
    for (unsigned i = 0; i < TOWN; i++)
        if (metric_shared(&town->list[i].point, &town->target) > 0)
            table_remove(&town->table, &town->list[i].node.key);
    for (unsigned i = 0; i < TOWN; i++)
        if (metric_shared(&town->list[i].point, &town->target) > 0 &&
            town->list[i].manner == COLLUDER)
            (void)table_answered(&town->table, town->now, &town->list[i].node.key,
                                 &town->list[i].node.address, TRIP_MS);
    assert_in_range(town->table.buckets[0].count, TABLE_K + TABLE_SPARES, TABLE_CONTACTS_MAX);
    (void)look(town, LOOKUP_END_FIND, false);
    assert_int_equal(town->lookup.path_count, LOOKUP_PATHS_MAX);
    assert_true(found(town, HONEST, 8) >= 6);
    town_free(town);
}

static void made_up_nodes_are_soon_disbelieved(void **state)
{
    unsigned reached = 0, answers = 0, messages = 0, liars = 0;
    for (unsigned round = 0; round < 10; round++) {
        struct town *town = town_new(FORGER, 30, 0);
        aim(town, round);
        forge_all(town);
        uint64_t ms = look(town, LOOKUP_END_FIND, false);
        reached += found(town, HONEST, 5);
        answers += town->lookup.answers;
        messages += town->lookup.messages;
        for (unsigned i = 0; i < TOWN; i++)
            liars += town->list[i].manner == FORGER && town->asked[i] > 0;
        assert_true(ms < LOOKUP_LIFE_MS / 2);
        town_free(town);
    }
    assert_in_range(reached, 43, 50);
    /* Each liar costs a few questions, not sixteen. */
    assert_true(liars >= 10 && messages - answers < 6 * liars);
}

static void a_wrong_address_does_not_hide_a_node(void **state)
{
    unsigned reached = 0, wrong = 0;
    for (unsigned round = 0; round < 10; round++) {
        struct town *town = town_new(MISLEADER, 30, 0);
        aim(town, round);
        (void)look(town, LOOKUP_END_FIND, false);
        wrong += town->wrong_address;
        reached += found(town, HONEST, 5);
        town_free(town);
    }
    assert_true(wrong > 10);
    assert_in_range(reached, 45, 50);
}

static void a_ladder_without_end_ends(void **state)
{
    struct town *town = town_new(LADDER, 100, 0);
    uint64_t ms = look(town, LOOKUP_END_FIND, true);
    assert_true(town->lookup.messages <= LOOKUP_ASKS_MAX);
    assert_true(ms <= LOOKUP_LIFE_MS);
    town_free(town);
}

static void what_is_of_no_use_is_dropped_by_reason(void **state)
{
    struct town *town = town_new(HONEST, 0, 1);
    struct lookup_node nodes[LOOKUP_NODES_MAX] = {{{{0}}, {{0}, 0}}};
    begin(town, LOOKUP_END_FIND, false);
    const struct dweller *first = town->questions[0].dweller;
    struct tally_address home = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, 4001};
    nodes[0] = (struct lookup_node){town->self, address_number(9000)};
    nodes[1] = (struct lookup_node){town->list[1].node.key, home};
    nodes[2] = first->node;
    for (unsigned i = 0; i < 4; i++) {
        nodes[3 + i] = town->list[10 + i].node;
        nodes[3 + i].address = address_number(5000);
        nodes[3 + i].address.ip[15] = (uint8_t)i;
    }
    assert_true(lookup_answered(&town->lookup, town->questions[0].token, nodes, 7, town->drops));
    assert_int_equal(town->drops[TALLY_DROP_SELF], 1);
    assert_int_equal(town->drops[TALLY_DROP_SCOPE], 1);
    assert_int_equal(town->drops[TALLY_DROP_SEEN], 1);
    assert_int_equal(town->drops[TALLY_DROP_CROWDED], 2);
    /* Of the two that share a network one is asked at a time. */
    ask_all(town);
    assert_int_equal(town->lookup.paths[0].asked, 1);
    town->questions[0].at = 0;
    town_free(town);
}

static void the_far_are_not_wanted_once_the_near_are_known(void **state)
{
    struct town *town = town_new(HONEST, 0, 1);
    struct lookup_node nodes[LOOKUP_NODES_MAX], worst[LOOKUP_NODES_MAX];
    begin(town, LOOKUP_END_FIND, false);
    size_t count = answer_of(town, town->questions[0].dweller, nodes);
    assert_true(
        lookup_answered(&town->lookup, town->questions[0].token, nodes, count, town->drops));
    town->questions[0].at = 0;
    ask_all(town);
    /* The farthest of all, named by one who is close. */
    for (size_t i = 0; i < sizeof town->target.bytes; i++)
        town->target.bytes[i] ^= 0xff;
    count = closest(town, DEAD, NULL, worst, LOOKUP_NODES_MAX);
    unsigned i = 0;
    while (town->questions[i].at == 0)
        i++;
    assert_true(
        lookup_answered(&town->lookup, town->questions[i].token, worst, count, town->drops));
    assert_true(town->drops[TALLY_DROP_FARTHER] >= 14);
    town_free(town);
}

static void what_cannot_be_asked_is_no_hindrance(void **state)
{
    struct town *town = town_new(HONEST, 0, 0);
    begin(town, LOOKUP_END_FIND, false);
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (town->questions[i].at != 0) {
            lookup_failed(&town->lookup, town->questions[i].token);
            lookup_failed(&town->lookup, town->questions[i].token);
            town->questions[i].at = 0;
        }
    ask_all(town);
    while (!lookup_over(&town->lookup)) {
        go_on(town);
        ask_all(town);
    }
    assert_true(town->lookup.answers >= 8);
    town_free(town);
}

static void who_has_what_was_looked_for_ends_it(void **state)
{
    struct town *town = town_new(HONEST, 0, 0);
    begin(town, LOOKUP_END_FIND, true);
    go_on(town);
    lookup_stop(&town->lookup);
    struct lookup_ask question;
    assert_false(lookup_next(&town->lookup, town->now, &town->table, &question));
    assert_true(lookup_over(&town->lookup));
    /* What was under way comes too late, and changes nothing. */
    struct lookup before = town->lookup;
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (town->questions[i].at != 0)
            assert_false(
                lookup_answered(&town->lookup, town->questions[i].token, NULL, 0, town->drops));
    assert_memory_equal(&before, &town->lookup, sizeof before);
    town_free(town);
}

static void keepers_are_the_closest_and_their_region(void **state)
{
    struct town *town = town_new(HONEST, 0, 0);
    struct lookup_node list[LOOKUP_KEEPERS];
    (void)look(town, LOOKUP_END_PUT, true);
    assert_int_equal(lookup_keepers(&town->lookup, 0, list), LOOKUP_END_PUT);
    size_t all = lookup_keepers(&town->lookup, UINT64_MAX, list);
    assert_in_range(all, LOOKUP_END_PUT + 1, LOOKUP_KEEPERS);
    size_t region = lookup_keepers(&town->lookup, table_radius(&town->table, LOOKUP_REGION), list);
    assert_in_range(region, LOOKUP_END_PUT, all);
    town_free(town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_the_closest_and_ends),
        cmocka_unit_test(nobody_to_ask_is_an_end_too),
        cmocka_unit_test(the_silent_cost_little_and_the_late_still_count),
        cmocka_unit_test(the_timeout_follows_the_round_trip_within_bounds),
        cmocka_unit_test(who_repeats_himself_is_heard_once),
        cmocka_unit_test(ten_thousand_answers_to_one_question),
        cmocka_unit_test(colluders_lead_one_path_astray_not_all),
        cmocka_unit_test(a_place_too_lonely_is_looked_at_again),
        cmocka_unit_test(made_up_nodes_are_soon_disbelieved),
        cmocka_unit_test(a_wrong_address_does_not_hide_a_node),
        cmocka_unit_test(a_ladder_without_end_ends),
        cmocka_unit_test(what_is_of_no_use_is_dropped_by_reason),
        cmocka_unit_test(the_far_are_not_wanted_once_the_near_are_known),
        cmocka_unit_test(what_cannot_be_asked_is_no_hindrance),
        cmocka_unit_test(who_has_what_was_looked_for_ends_it),
        cmocka_unit_test(keepers_are_the_closest_and_their_region),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-lookup", tests, NULL, NULL);
}

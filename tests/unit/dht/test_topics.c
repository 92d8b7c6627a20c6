/* SPDX-License-Identifier: Apache-2.0 */
/* The registrar: waiting times, tickets, ads, queries. */
#include "desk.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

/* ---- Of what the waiting time is made. ---- */

static void the_power_is_a_table_of_64_steps(void **state)
{
    /* (1 - i/64)^-10, recomputed with fractions of 2^20; within one part in a thousand. */
    for (uint32_t i = 0; i < 52; i++) {
        long double power = 1;
        for (unsigned n = 0; n < 10; n++)
            power = power * 64 / (64 - i);
        uint64_t expected = (uint64_t)(power * 256 + 0.5L);
        uint64_t step = topics_pressure(i * 64, 4096);
        assert_true(step + 1 >= expected && step <= expected + 1);
        assert_int_equal(topics_pressure(i * 64 + 63, 4096), step);
        assert_int_equal(topics_pressure(i, 64), step);
    }
    assert_int_equal(topics_pressure(4096, 4096), topics_pressure(4000, 4096));
}

static void who_adds_variety_waits_least(void **state)
{
    enum { ONE = TOPICS_LIKENESS_ONE };
    static const struct {
        uint32_t held, of_topic, likeness;
        uint64_t least, most;
    } cases[] = {
        {0, 0, 0, 0, 0},                    /* An empty table takes anybody. */
        {1, 0, 0, 0, 0},                    /* A new topic from a new place, too. */
        {1, 1, 0, 14062, 14063},            /* 900 s / 64. */
        {10, 10, ONE / 10, 230000, 231000}, /* A small network: some minutes. */
        {63, 63, 0, 885000, 886000},
        {100, 0, ONE, 1050000, 1060000},  /* The address of somebody who is there. */
        {2048, 0, 0, 90, 93},             /* 900 s * 1e-7 * 2^10. */
        {2048, 1, 0, 14400000, 14410000}, /* Half full: four hours. */
        {3072, 0, 0, 94000, 95000},
        {4095, 64, ONE, UINT64_C(30198990309949), UINT64_C(30198990309949)}, /* Nobody. */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t wait =
            topics_wait_ms(cases[i].held, 4096, cases[i].of_topic, 64, cases[i].likeness);
        assert_in_range(wait, cases[i].least, cases[i].most);
    }
}

static void likeness_is_the_share_of_crowded_prefixes(void **state)
{
    struct desk desk;
    struct person people[4];
    const struct tally_hash topic = desk_topic(1), other = desk_topic(2);
    desk_init(&desk, 64);
    person_crowd(&people[0], 0, people_ip4(11, 22, 33, 44));
    person_crowd(&people[1], 1, people_ip6(0x2a00, 0x1111, 0x2222, 0x3333));
    desk_ask(&desk, &people[0], &topic, NULL);
    desk_ask(&desk, &people[1], &other, NULL);
    assert_int_equal(topics_count(&desk.topics, people_now(0), NULL), 2);
    /* How many of the 25 (33) prefix lengths are shared with the one that is there. */
    const struct {
        struct tally_address address;
        uint32_t levels, of;
    } cases[] = {
        {people_ip4(11, 22, 33, 44), 25, 25},
        {people_ip4(11, 22, 33, 45), 24, 25},
        {people_ip4(11, 22, 33, 200), 17, 25},
        {people_ip4(11, 22, 34, 44), 15, 25},
        {people_ip4(11, 23, 33, 44), 8, 25},
        {people_ip4(11, 200, 33, 44), 1, 25},
        {people_ip4(12, 22, 33, 44), 0, 25},
        {people_ip6(0x2a00, 0x1111, 0x2222, 0x3333), 33, 33},
        {people_ip6(0x2a00, 0x1111, 0x2222, 0x3332), 32, 33},
        {people_ip6(0x2a00, 0x1111, 0x2223, 0x3333), 16, 33},
        {people_ip6(0x2a00, 0x1112, 0x2222, 0x3333), 0, 33},
    };
    struct tally_key nobody = {{1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(topics_likeness(&desk.topics, people_now(0), &nobody, &cases[i].address),
                         cases[i].levels * TOPICS_LIKENESS_ONE / cases[i].of);
    /* One's own ads, under another topic say, are not held against one. */
    assert_int_equal(
        topics_likeness(&desk.topics, people_now(0), &people[0].key, &people[0].address), 0);
    desk_free(&desk);
}

/* ---- Tickets. ---- */

/* A desk with one ad, so that whoever is like it has to wait. */
static void busy_desk(struct desk *desk, struct person *first, const struct tally_hash *topic)
{
    desk_init(desk, 4096);
    person_crowd(first, 1000, people_ip4(11, 22, 33, 44));
    assert_int_equal(desk_ask(desk, first, topic, NULL), TALLY_DROP_NONE);
    assert_true(desk_placed(desk));
    assert_int_equal(desk->answer.expires_s, 900);
}

static void who_comes_back_in_time_is_placed(void **state)
{
    static const struct {
        uint64_t late_ms; /* After the wait that was told. */
        bool placed;
    } cases[] = {{0, true}, {500, true}, {10000, true}, {10001, false}, {100000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct desk desk;
        struct person first, second;
        const struct tally_hash topic = desk_topic(1);
        busy_desk(&desk, &first, &topic);
        person_crowd(&second, 1, people_ip4(11, 22, 99, 44));
        assert_int_equal(desk_ask(&desk, &second, &topic, NULL), TALLY_DROP_NONE);
        /* 1/64 and 10 of 25 prefixes: 374 s. */
        assert_false(desk_placed(&desk));
        assert_true(desk.answer.has_ticket);
        assert_in_range(desk.answer.wait_s, 340, 440);
        uint16_t wait_s = desk.answer.wait_s;
        uint8_t ticket[TOPICS_TICKET];
        memcpy(ticket, desk.answer.ticket, sizeof ticket);
        desk.ms = wait_s * UINT64_C(1000) + cases[i].late_ms;
        assert_int_equal(desk_ask(&desk, &second, &topic, ticket), TALLY_DROP_NONE);
        assert_int_equal(desk_placed(&desk), cases[i].placed);
        assert_int_equal(desk.topics.tickets_refused, !cases[i].placed);
        if (!cases[i].placed)
            assert_int_equal(desk.answer.wait_s, wait_s); /* From the beginning. */
        assert_true(topics_holds(&desk.topics, people_now(desk.ms)));
        desk_free(&desk);
    }
}

static void who_comes_too_early_is_sent_away_with_the_same_ticket(void **state)
{
    struct desk desk;
    struct person first, second;
    const struct tally_hash topic = desk_topic(1);
    uint8_t ticket[TOPICS_TICKET];
    busy_desk(&desk, &first, &topic);
    person_crowd(&second, 1, people_ip4(11, 22, 99, 44));
    desk_ask(&desk, &second, &topic, NULL);
    uint64_t wait_s = desk.answer.wait_s;
    memcpy(ticket, desk.answer.ticket, sizeof ticket);
    desk.ms = 100000;
    assert_int_equal(desk_ask(&desk, &second, &topic, ticket), TALLY_DROP_NONE);
    assert_memory_equal(desk.answer.ticket, ticket, sizeof ticket);
    assert_int_equal(desk.answer.wait_s, wait_s - 100);
    desk.ms = wait_s * 1000;
    desk_ask(&desk, &second, &topic, ticket);
    assert_true(desk_placed(&desk));
    desk_free(&desk);
}

static void waiting_adds_up_over_tickets(void **state)
{
    struct desk desk;
    struct person first, second, third;
    const struct tally_hash topic = desk_topic(1);
    busy_desk(&desk, &first, &topic);
    desk.topics.options.network_topic = 3;
    person_crowd(&second, 1, people_ip4(11, 22, 99, 44));
    person_crowd(&third, 2, people_ip4(11, 22, 99, 45));
    desk_ask(&desk, &second, &topic, NULL);
    uint64_t told = desk.answer.wait_s;
    uint8_t ticket[TOPICS_TICKET];
    memcpy(ticket, desk.answer.ticket, sizeof ticket);
    /* Meanwhile a neighbour got in (its ticket is older), so it has become longer. */
    desk.ms = 1000;
    desk.topics.list[1] = desk.topics.list[0];
    desk.topics.list[1].owner = third.key;
    desk.topics.list[1].address = third.address;
    desk.ms = told * 1000;
    desk.topics.list[0].until.ms += told * 1000;
    desk.topics.list[1].until.ms += told * 1000;
    assert_int_equal(desk_ask(&desk, &second, &topic, ticket), TALLY_DROP_NONE);
    assert_false(desk_placed(&desk));
    uint64_t more = desk.answer.wait_s;
    assert_in_range(more, 100, 900 - told);
    memcpy(ticket, desk.answer.ticket, sizeof ticket);
    /* A fresh one would have to wait for all of it. */
    desk_ask(&desk, &second, &topic, NULL);
    assert_in_range(desk.answer.wait_s, told + more - 1, told + more + 1);
    desk.ms += more * 1000;
    desk_ask(&desk, &second, &topic, ticket);
    assert_true(desk_placed(&desk));
    desk_free(&desk);
}

static void a_ticket_is_good_for_one_asker_topic_network_and_registrar(void **state)
{
    struct desk desk, other_desk;
    struct person first, second, liar;
    const struct tally_hash topic = desk_topic(1), other = desk_topic(2);
    uint8_t ticket[TOPICS_TICKET];
    busy_desk(&desk, &first, &topic);
    busy_desk(&other_desk, &first, &topic);
    other_desk.topics.ticket_key[0] ^= 1;
    desk.topics.options.network_topic = other_desk.topics.options.network_topic = 9;
    person_crowd(&second, 1, people_ip4(11, 22, 33, 45));
    person_crowd(&liar, 2, people_ip4(11, 22, 33, 46));
    desk_ask(&desk, &second, &topic, NULL);
    uint64_t wait_s = desk.answer.wait_s;
    memcpy(ticket, desk.answer.ticket, sizeof ticket);
    desk.ms = other_desk.ms = wait_s * 1000;
    desk.topics.list[0].until.ms += desk.ms;
    other_desk.topics.list[0].until.ms += desk.ms;

    assert_int_equal(desk_ask(&desk, &liar, &topic, ticket), TALLY_DROP_NONE);
    assert_false(desk_placed(&desk));
    desk_ask(&desk, &second, &other, ticket);
    assert_false(desk_placed(&desk));
    desk_ask(&other_desk, &second, &topic, ticket);
    assert_false(desk_placed(&other_desk));
    for (size_t bit = 0; bit < sizeof ticket * 8; bit++) {
        ticket[bit / 8] ^= (uint8_t)(1U << bit % 8);
        desk_ask(&desk, &second, &topic, ticket);
        ticket[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(desk_placed(&desk));
    }
    struct person moved = second;
    moved.crypto.context = &moved;
    moved.address = moved.own.address = people_ip4(11, 22, 34, 45);
    desk_ask(&desk, &moved, &topic, ticket);
    assert_false(desk_placed(&desk));
    assert_int_equal(desk.topics.tickets_refused, 2 + 256 + 1);
    desk_ask(&desk, &second, &topic, ticket);
    assert_true(desk_placed(&desk));
    desk_free(&desk);
    desk_free(&other_desk);
}

/* ---- Ads. ---- */

static enum tally_drop send_ad(struct desk *desk, const struct person *from,
                               const struct tally_hash *topic, struct tally_bytes ad)
{
    const struct tally_register request = {.topic = *topic, .ad = ad};
    return topics_register(&desk->topics, people_now(desk->ms), &desk->verifier, &from->key,
                           &from->address, &request, &desk->answer);
}

static void nobody_advertises_somebody_else(void **state)
{
    struct desk desk;
    struct person ann, eve, six;
    uint8_t bytes[RECORD_AD_MAX];
    const struct tally_hash topic = desk_topic(1), other = desk_topic(2);
    desk_init(&desk, 64);
    person_crowd(&ann, 1, people_ip4(11, 0, 0, 1));
    person_crowd(&eve, 2, people_ip4(12, 0, 0, 1));
    struct tally_bytes ad = person_ad(&ann, people_now(0), &topic, bytes);
    assert_int_equal(send_ad(&desk, &eve, &topic, ad), TALLY_DROP_REFUSED);
    assert_int_equal(send_ad(&desk, &ann, &other, ad), TALLY_DROP_UNASKED);
    bytes[ad.size - 1] ^= 1;
    assert_int_equal(send_ad(&desk, &ann, &topic, ad), TALLY_DROP_FORGED);
    bytes[ad.size - 1] ^= 1;
    desk.ms = 900000 + 300000;
    assert_int_equal(send_ad(&desk, &ann, &topic, ad), TALLY_DROP_EXPIRED);
    desk.ms = 0;
    assert_int_equal(desk.verifier.checks, 1);
    /* An ad that names only a victim, whom searchers would greet; or one more beside itself. */
    eve.own.address = people_ip4(99, 99, 99, 99);
    assert_int_equal(send_ad(&desk, &eve, &topic, person_ad(&eve, people_now(0), &topic, bytes)),
                     TALLY_DROP_SCOPE);
    /* Hosts of IPv6 change their address within the /64. */
    person_crowd(&six, 3, people_ip6(0x2a00, 1, 2, 3));
    six.own.address.ip[15] = 77;
    assert_int_equal(send_ad(&desk, &six, &topic, person_ad(&six, people_now(0), &topic, bytes)),
                     TALLY_DROP_NONE);
    six.own.address.ip[7] ^= 1;
    assert_int_equal(send_ad(&desk, &six, &topic, person_ad(&six, people_now(0), &topic, bytes)),
                     TALLY_DROP_SCOPE);
    assert_int_equal(topics_count(&desk.topics, people_now(0), NULL), 1);
    desk_free(&desk);
}

static void an_ad_lives_900_s_and_is_replaced_by_its_owner(void **state)
{
    struct desk desk;
    struct person ann;
    const struct tally_hash topic = desk_topic(1);
    struct tally_ads answers[2];
    const struct tally_topic_query query = {.topic = topic, .want = 10};
    desk_init(&desk, 64);
    person_crowd(&ann, 1, people_ip4(11, 0, 0, 1));
    desk_ask(&desk, &ann, &topic, NULL);
    /* Not each minute anew: an ad costs a signature. */
    desk.ms = TOPICS_REST_MS - 1;
    assert_int_equal(desk_ask(&desk, &ann, &topic, NULL), TALLY_DROP_SEEN);
    assert_int_equal(desk.answer.expires_s, 840);
    assert_int_equal(desk.verifier.checks, 1);
    desk.ms = 600000;
    assert_int_equal(desk_ask(&desk, &ann, &topic, NULL), TALLY_DROP_NONE);
    assert_true(desk_placed(&desk));
    desk.ms = 1499999;
    assert_int_equal(topics_query(&desk.topics, people_now(desk.ms), &query, SIZE_MAX, answers), 1);
    assert_int_equal(answers[0].ads_count, 1);
    desk.ms = 1500000;
    assert_int_equal(topics_query(&desk.topics, people_now(desk.ms), &query, SIZE_MAX, answers), 1);
    assert_int_equal(answers[0].ads_count, 0);
    assert_true(answers[0].last);
    desk_free(&desk);
}

static void a_network_has_few_ads(void **state)
{
    struct desk desk;
    static struct person sybils[40];
    unsigned in_topic = 0, in_all = 0;
    desk_init(&desk, 4096);
    for (uint32_t i = 0; i < 40; i++) {
        person_crowd(&sybils[i], i, people_ip4(11, 0, 0, i));
        const struct tally_hash one = desk_topic(1), many = desk_topic(i);
        const struct tally_hash *topic = i < 20 ? &one : &many;
        enum tally_drop drop = desk_ask(&desk, &sybils[i], topic, NULL);
        for (unsigned n = 0; n < 3 && drop == TALLY_DROP_NONE && !desk_placed(&desk); n++) {
            uint8_t ticket[TOPICS_TICKET];
            memcpy(ticket, desk.answer.ticket, sizeof ticket);
            desk.ms += desk.answer.wait_s * UINT64_C(1000);
            for (size_t k = 0; k < 4096; k++) /* What is held stays meanwhile. */
                desk.topics.list[k].until.ms +=
                    desk.topics.list[k].until.ms > 0 ? desk.answer.wait_s * UINT64_C(1000) : 0;
            drop = desk_ask(&desk, &sybils[i], topic, ticket);
        }
        in_topic += i < 20 && drop == TALLY_DROP_NONE && desk_placed(&desk);
        in_all += drop == TALLY_DROP_NONE && desk_placed(&desk);
        if (drop == TALLY_DROP_CROWDED)
            assert_true(desk.answer.wait_s == 900 && !desk.answer.has_ticket);
    }
    assert_int_equal(in_topic, TOPICS_NETWORK_TOPIC);
    assert_int_equal(in_all, TOPICS_NETWORK_ALL);
    assert_true(topics_holds(&desk.topics, people_now(desk.ms)));
    desk_free(&desk);
}

/* ---- Queries. ---- */

static void ads_are_drawn_evenly_and_fit_their_datagrams(void **state)
{
    enum { ADS = 20, DRAWS = 4000 };
    struct desk desk;
    static struct person people[ADS];
    unsigned drawn[ADS] = {0};
    const struct tally_hash topic = desk_topic(1);
    desk_init(&desk, 64);
    for (uint32_t i = 0; i < ADS; i++) {
        person_crowd(&people[i], i, people_ip4(20 + i, 0, 0, 1));
        people[i].counter = UINT64_MAX - 9;
        people[i].epoch = UINT32_MAX;
        /* Placed by hand: nobody has to wait here. */
        struct topics_ad *ad = &desk.topics.list[i];
        *ad = (struct topics_ad){
            .topic = topic, .owner = people[i].key, .address = people[i].address};
        ad->until = people_now(900000).mono;
        ad->size = (uint16_t)person_ad(&people[i], people_now(0), &topic, ad->bytes).size;
    }
    for (unsigned n = 0; n < DRAWS; n++) {
        struct tally_ads answers[2];
        const struct tally_topic_query query = {.request = {9}, .topic = topic, .want = 10};
        assert_int_equal(topics_query(&desk.topics, people_now(0), &query, SIZE_MAX, answers), 2);
        assert_false(answers[0].last);
        assert_true(answers[1].last);
        for (size_t m = 0; m < 2; m++) {
            uint8_t body[TALLY_DATAGRAM_MAX];
            struct wire_writer w;
            size_t overhead = datagram_overhead(UINT32_MAX, UINT64_MAX) + DATAGRAM_TAG + 1;
            wire_writer_init(&w, body, TALLY_DATAGRAM_MAX - overhead);
            tally_ads_write(&answers[m], &w);
            assert_true(wire_writer_bytes(&w).size > 0);
            assert_int_equal(answers[m].request[0], 9);
            assert_int_equal(answers[m].ads_count, 5);
            for (size_t i = 0; i < 5; i++) {
                struct record_ad ad;
                assert_int_equal(record_read_ad(answers[m].ads[i], people_now(0), &ad),
                                 TALLY_DROP_NONE);
                for (size_t p = 0; p < ADS; p++)
                    drawn[p] += key_equal(&ad.datagram.sender, &people[p].key);
            }
        }
    }
    /* Each half of the time: 2,000 +- 32 a standard deviation. */
    for (size_t p = 0; p < ADS; p++)
        assert_in_range(drawn[p], 2000 - 160, 2000 + 160);
    desk_free(&desk);
}

static void a_stranger_gets_no_more_than_it_sent(void **state)
{
    struct desk desk;
    struct person people[10];
    const struct tally_hash topic = desk_topic(1);
    struct tally_ads answers[2];
    desk_init(&desk, 64);
    for (uint32_t i = 0; i < 10; i++) {
        person_crowd(&people[i], i, people_ip4(20 + i, 0, 0, 1));
        struct topics_ad *ad = &desk.topics.list[i];
        *ad = (struct topics_ad){.topic = topic, .owner = people[i].key};
        ad->until = people_now(900000).mono;
        ad->size = (uint16_t)person_ad(&people[i], people_now(0), &topic, ad->bytes).size;
    }
    for (size_t room = 0; room < 3000; room += 7) {
        const struct tally_topic_query query = {.topic = topic, .want = 10};
        size_t count = topics_query(&desk.topics, people_now(0), &query, room, answers), bytes = 0;
        for (size_t m = 0; m < count; m++) {
            uint8_t body[TALLY_DATAGRAM_MAX];
            struct wire_writer w;
            wire_writer_init(&w, body, sizeof body);
            tally_ads_write(&answers[m], &w);
            bytes += datagram_overhead(UINT32_MAX, UINT64_MAX) + wire_writer_bytes(&w).size;
        }
        assert_true(bytes <= room);
        assert_true(room < 100 || count >= 1);
        assert_true(room < 2500 || (count == 2 && answers[0].ads_count == 5));
    }
    const struct tally_topic_query few = {.topic = topic, .want = 3};
    assert_int_equal(topics_query(&desk.topics, people_now(0), &few, SIZE_MAX, answers), 1);
    assert_int_equal(answers[0].ads_count, 3);
    desk_free(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_power_is_a_table_of_64_steps),
        cmocka_unit_test(who_adds_variety_waits_least),
        cmocka_unit_test(likeness_is_the_share_of_crowded_prefixes),
        cmocka_unit_test(who_comes_back_in_time_is_placed),
        cmocka_unit_test(who_comes_too_early_is_sent_away_with_the_same_ticket),
        cmocka_unit_test(waiting_adds_up_over_tickets),
        cmocka_unit_test(a_ticket_is_good_for_one_asker_topic_network_and_registrar),
        cmocka_unit_test(nobody_advertises_somebody_else),
        cmocka_unit_test(an_ad_lives_900_s_and_is_replaced_by_its_owner),
        cmocka_unit_test(a_network_has_few_ads),
        cmocka_unit_test(ads_are_drawn_evenly_and_fit_their_datagrams),
        cmocka_unit_test(a_stranger_gets_no_more_than_it_sent),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("topics", tests, NULL, NULL);
}

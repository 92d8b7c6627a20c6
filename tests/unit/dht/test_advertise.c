/* SPDX-License-Identifier: Apache-2.0 */
/* Advertisers and searchers among honest and lying registrars; over midnight, with wrong clocks. */
#include "fair.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, DAY = 20413 }; /* 2025-11-21. */

static struct tally_hash topic_of(const struct fair *fair, const char *name, uint32_t day)
{
    struct tally_hash topic;
    derive_topic(fair->network, bytes_text(name), day, &topic);
    return topic;
}

/* ---- Advertisers. ---- */

static void an_ad_is_placed_in_every_bucket_far_to_near(void **state)
{
    struct fair *fair = fair_new(64, 1);
    const struct tally_hash topic = topic_of(fair, "audit", DAY);
    const struct fair_advertiser *ann = &fair->advertisers[0];
    fair_follow(fair, 0, "audit", false);
    fair_run(fair, 20 * SECOND);
    size_t there[REGISTRARS_BUCKETS] = {0}, placed[REGISTRARS_BUCKETS] = {0}, all = 0;
    for (size_t i = 0; i < fair->registrar_count; i++) {
        const struct fair_registrar *one = &fair->registrars[i];
        unsigned bucket = registrar_bucket(&topic, &one->person.key);
        there[bucket]++;
        placed[bucket] += topics_count(&one->topics, fair_now(fair, 0), &topic);
    }
    for (size_t b = 0; b < REGISTRARS_BUCKETS; b++) {
        assert_int_equal(placed[b], there[b] < REGISTRARS_BUCKET ? there[b] : REGISTRARS_BUCKET);
        all += placed[b];
    }
    assert_in_range(all, 20, 30);
    assert_int_equal(advertise_placed(&ann->advertise, fair_now(fair, 0), &topic), all);
    assert_int_equal(ann->requests, all);
    /* One signature for all of them, and four requests a second at most. */
    assert_int_equal(ann->person.counter, 2);
    assert_true(ann->last_ms >= (all - 1) * ADVERTISE_PACE_MS);
    fair_free(fair);
}

static void ads_stand_without_a_gap(void **state)
{
    struct fair *fair = fair_new(64, 3);
    const struct tally_hash topic = topic_of(fair, "audit", DAY);
    for (size_t i = 0; i < 3; i++)
        fair_follow(fair, i, "audit", false);
    fair_run(fair, 10 * MINUTE);
    size_t first = fair_ads(fair, &topic, NULL);
    assert_true(first >= 60);
    for (uint64_t minute = 11; minute < 120; minute++) {
        fair_run(fair, minute * MINUTE);
        for (size_t i = 0; i < 3; i++)
            assert_true(fair_ads(fair, &topic, &fair->advertisers[i]) >= first / 3 - 2);
    }
    /* Six renewals an hour at each registrar, most of them with a ticket before. */
    assert_in_range(fair->advertisers[0].requests, first / 3 * 12, first / 3 * 12 * 3);
    fair_free(fair);
}

static void a_private_namespace_is_never_named(void **state)
{
    struct fair *fair = fair_new(16, 1);
    fair_follow(fair, 0, "secret", true);
    fair_run(fair, 5 * MINUTE);
    assert_int_equal(fair->advertisers[0].requests, 0);
    /* One that becomes private is not advertised any more. */
    fair_follow(fair, 0, "audit", false);
    fair_run(fair, 10 * MINUTE);
    unsigned before = fair->advertisers[0].requests;
    assert_in_range(before, 10, 16);
    fair_follow(fair, 0, "audit", true);
    fair_run(fair, 60 * MINUTE);
    assert_int_equal(fair->advertisers[0].requests, before);
    fair_free(fair);
}

static void without_an_address_nobody_is_asked(void **state)
{
    struct fair *fair = fair_new(16, 1);
    struct fair_advertiser *ann = &fair->advertisers[0];
    ann->person.own.state = TALLY_REACH_UNKNOWN;
    fair_follow(fair, 0, "audit", false);
    fair_run(fair, 5 * MINUTE);
    assert_int_equal(ann->requests, 0);
    ann->person.own.state = TALLY_REACH_REACHABLE;
    fair_run(fair, 8 * MINUTE);
    assert_in_range(ann->requests, 10, 16);
    fair_free(fair);
}

static void registrars_that_do_not_serve_are_left_for_others(void **state)
{
    static const struct {
        enum fair_lie lie;
        uint64_t minutes;
        unsigned each; /* Requests that one of them gets, at most, in an hour. */
    } cases[] = {{FAIR_SILENT, 10, 8}, {FAIR_REFUSES, 10, 5}, {FAIR_PUTS_OFF, 40, 15}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fair *fair = fair_new(96, 1);
        const struct tally_hash topic = topic_of(fair, "audit", DAY);
        /* Every third one. */
        for (size_t i = 0; i < fair->registrar_count; i += 3)
            fair->registrars[i].lie = cases[c].lie;
        fair_follow(fair, 0, "audit", false);
        fair_run(fair, cases[c].minutes * MINUTE);
        /* In buckets with enough of the others five of these have the ad. */
        size_t good[REGISTRARS_BUCKETS] = {0}, placed[REGISTRARS_BUCKETS] = {0};
        for (size_t i = 0; i < fair->registrar_count; i++) {
            const struct fair_registrar *one = &fair->registrars[i];
            unsigned bucket = registrar_bucket(&topic, &one->person.key);
            good[bucket] += one->lie == FAIR_HONEST;
            placed[bucket] += topics_count(&one->topics, fair_now(fair, 0), &topic);
        }
        for (size_t b = 0; b < REGISTRARS_BUCKETS; b++)
            if (good[b] >= 2 * REGISTRARS_BUCKET)
                assert_int_equal(placed[b], REGISTRARS_BUCKET);
        assert_true(good[0] >= 2 * REGISTRARS_BUCKET && good[1] >= 2 * REGISTRARS_BUCKET);
        fair_run(fair, 60 * MINUTE);
        for (size_t i = 0; i < fair->registrar_count; i += 3)
            assert_true(fair->registrars[i].asked <= cases[c].each);
        fair_free(fair);
    }
}

static void what_was_not_asked_is_not_believed(void **state)
{
    struct fair *fair = fair_new(16, 1);
    struct fair_advertiser *ann = &fair->advertisers[0];
    const struct record_author author = person_author(&ann->person);
    const struct record_self self = person_self(&ann->person);
    const struct tally_registered placed = {.expires_s = 900};
    struct advertise_ask ask;
    struct tally_now now = fair_now(fair, 0);
    fair_follow(fair, 0, "audit", false);
    advertise_tick(&ann->advertise, now, &fair->source);
    assert_true(advertise_next(&ann->advertise, now, &author, &self, &ask));
    assert_int_equal(advertise_registered(&ann->advertise, now, ask.token + 1, &placed),
                     TALLY_DROP_UNASKED);
    assert_int_equal(advertise_registered(&ann->advertise, now, ask.token, &placed),
                     TALLY_DROP_NONE);
    assert_int_equal(advertise_registered(&ann->advertise, now, ask.token, &placed),
                     TALLY_DROP_UNASKED);
    assert_int_equal(advertise_placed(&ann->advertise, now, &ask.request.topic), 1);
    /* An answer that comes after we stopped following. */
    fair->ms += ADVERTISE_PACE_MS;
    now = fair_now(fair, 0);
    assert_true(advertise_next(&ann->advertise, now, &author, &self, &ask));
    advertise_follow(&ann->advertise, now, NULL, 0);
    assert_int_equal(advertise_registered(&ann->advertise, now, ask.token, &placed),
                     TALLY_DROP_UNASKED);
    assert_true(advertise_holds(&ann->advertise));
    fair_free(fair);
}

static size_t knows_nobody(void *context, const struct tally_hash *topic, unsigned bucket,
                           struct registrar list[REGISTRARS_OFFERED])
{
    return 0;
}

static void nodes_met_on_a_lookup_fill_the_near_buckets(void **state)
{
    struct fair *fair = fair_new(64, 1);
    struct fair_advertiser *ann = &fair->advertisers[0];
    const struct tally_hash topic = topic_of(fair, "audit", DAY);
    struct tally_hash wanted;
    struct tally_now now = fair_now(fair, 0);
    const struct registrar_source nobody = {NULL, knows_nobody};
    size_t count = fair->registrar_count;
    fair_follow(fair, 0, "audit", false);
    advertise_tick(&ann->advertise, now, &nobody);
    assert_true(advertise_lookup(&ann->advertise, now, &wanted));
    assert_true(hash_equal(&wanted, &topic));
    assert_false(advertise_lookup(&ann->advertise, now, &wanted));
    for (size_t twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < count; i++) {
            const struct person *met = &fair->registrars[i].person;
            const struct registrar one = {met->key, met->address};
            advertise_heard(&ann->advertise, now, &topic, &one);
            assert_true(advertise_holds(&ann->advertise));
        }
    const struct registrar self = {ann->person.key, ann->person.address};
    advertise_heard(&ann->advertise, now, &topic, &self);
    advertise_heard(&ann->advertise, now, &(struct tally_hash){{1}}, &self);
    fair_run(fair, 30 * SECOND);
    assert_in_range(fair_ads(fair, &topic, NULL), 20, 30);
    /* Looked up again after half an hour. */
    fair->ms = 36 * MINUTE;
    assert_true(advertise_lookup(&ann->advertise, fair_now(fair, 0), &wanted));
    fair_free(fair);
}

/* ---- Searchers. ---- */

static struct fair *full_fair(size_t registrars, size_t advertisers)
{
    struct fair *fair = fair_new(registrars, advertisers);
    for (size_t i = 0; i < advertisers; i++)
        fair_follow(fair, i, "audit", false);
    fair_run(fair, 40 * MINUTE);
    return fair;
}

static void followers_are_found(void **state)
{
    struct fair_search result;
    struct fair *fair = full_fair(64, 60);
    fair_search(fair, "audit", 0, 0, &result);
    print_message("# 60 followers, 64 registrars: %u found, %u asked, %llu ms\n", result.found,
                  result.search.questions, (unsigned long long)result.took_ms);
    assert_int_equal(result.found, SEARCH_FOUND);
    assert_in_range(result.search.questions, 10, 20);
    /* Ending at 8 that are admitted, one in two. */
    fair_search(fair, "audit", 0, 2, &result);
    assert_in_range(result.search.admitted, SEARCH_ADMITTED, SEARCH_ADMITTED + 2);
    assert_in_range(result.found, 15, 21);
    /* Who follows something else finds nobody, and the search ends. */
    fair_search(fair, "other", 0, 0, &result);
    assert_int_equal(result.found, 0);
    assert_in_range(result.search.questions, 20, 35);
    assert_in_range(result.took_ms, 0, 10000);
    fair_free(fair);
    /* A few among many are found as well. */
    fair = full_fair(256, 3);
    fair_search(fair, "audit", 0, 0, &result);
    print_message("# 3 followers, 256 registrars: %u found, %u asked, %llu ms\n", result.found,
                  result.search.questions, (unsigned long long)result.took_ms);
    assert_int_equal(result.found, 3);
    fair_free(fair);
}

static void liars_do_not_fill_the_list(void **state)
{
    struct fair *fair = full_fair(64, 60);
    for (unsigned percent = 10; percent <= 30; percent += 10) {
        unsigned found = 0, honest = 0, none = 0;
        for (size_t i = 0; i < fair->registrar_count; i++)
            fair->registrars[i].lie = i * 37 % 100 < percent ? FAIR_COLLUDES : FAIR_HONEST;
        for (unsigned n = 0; n < 50; n++) {
            struct fair_search result;
            fair_search(fair, "audit", 0, 0, &result);
            found += result.found;
            honest += result.honest;
            none += result.honest < SEARCH_ADMITTED;
            fair->ms += SECOND;
        }
        print_message("# %u %% of the registrars collude: %u of %u found are honest; in %u of 50 "
                      "searches fewer than 8\n",
                      percent, honest, found, none);
        assert_true(honest * 100 > found * (100 - 2 * percent));
        assert_true(none <= percent / 5);
    }
    fair_free(fair);
}

static void bad_ads_are_dropped_by_reason(void **state)
{
    static const struct {
        enum fair_lie lie;
        enum tally_drop drop;
    } cases[] = {
        {FAIR_OTHER_TOPIC, TALLY_DROP_UNASKED},
        {FAIR_FORGES, TALLY_DROP_FORGED},
        {FAIR_TALKS, TALLY_DROP_PROTOCOL},
    };
    struct fair *fair = full_fair(64, 20);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fair_search result;
        for (size_t i = 0; i < fair->registrar_count; i++)
            fair->registrars[i].lie = i % 2 == 0 ? cases[c].lie : FAIR_HONEST;
        fair_search(fair, "audit", 0, 0, &result);
        assert_true(result.drops[cases[c].drop] > 0);
        assert_true(result.honest >= 10);
        if (cases[c].lie != FAIR_TALKS)
            assert_int_equal(result.honest, result.found);
    }
    for (size_t i = 0; i < fair->registrar_count; i++)
        fair->registrars[i].lie = i % 2 == 0 ? FAIR_SILENT : FAIR_HONEST;
    struct fair_search result;
    fair_search(fair, "audit", 0, 0, &result);
    assert_true(result.honest >= 15);
    assert_in_range(result.took_ms, 500, 10000);
    fair_free(fair);
}

static void answers_count_once_and_in_time(void **state)
{
    struct fair *fair = full_fair(16, 40);
    struct search search;
    struct search_options options = {.name_space = bytes_text("audit"), .seed = 3};
    struct search_ask ask;
    struct tally_ads answers[2];
    struct search_found found[TALLY_ADS_ADS_MAX];
    uint64_t drops[TALLY_DROP_COUNT] = {0};
    size_t count, total = 0;
    const struct tally_now now = fair_now(fair, 0);
    struct record_ad own;
    memcpy(options.network, fair->network, sizeof options.network);
    search_init(&search, &options, now);
    assert_true(search_next(&search, now, &fair->source, &ask));
    struct topics *topics = NULL;
    for (size_t i = 0; i < fair->registrar_count; i++)
        if (key_equal(&fair->registrars[i].person.key, &ask.registrar.key))
            topics = &fair->registrars[i].topics;
    assert_non_null(topics);
    assert_int_equal(topics_query(topics, now, &ask.query, SIZE_MAX, answers), 2);
    /* One of the ads is that of the searcher. */
    assert_int_equal(record_read_ad(answers[0].ads[1], now, &own), TALLY_DROP_NONE);
    search.key = own.datagram.sender;
    assert_int_equal(
        search_ads(&search, now, &fair->verifier, ask.token + 1, &answers[0], found, &count, drops),
        TALLY_DROP_UNASKED);
    for (size_t m = 0; m < 2; m++) {
        assert_int_equal(
            search_ads(&search, now, &fair->verifier, ask.token, &answers[m], found, &count, drops),
            TALLY_DROP_NONE);
        total += count;
    }
    /* Ten came; one's own is no news, and of one registrar three count. */
    assert_int_equal(total, SEARCH_PER_REGISTRAR);
    assert_int_equal(drops[TALLY_DROP_SELF], 1);
    assert_int_equal(drops[TALLY_DROP_BUSY], 6);
    assert_int_equal(
        search_ads(&search, now, &fair->verifier, ask.token, &answers[1], found, &count, drops),
        TALLY_DROP_PROTOCOL);
    /* Nodes may follow; then the question is over. */
    const struct registrar node = {fair->registrars[3].person.key,
                                   fair->registrars[3].person.address};
    assert_int_equal(search_nodes(&search, ask.token, &node, 1), TALLY_DROP_NONE);
    assert_int_equal(search_nodes(&search, ask.token, &node, 1), TALLY_DROP_UNASKED);
    assert_int_equal(
        search_ads(&search, now, &fair->verifier, ask.token, &answers[1], found, &count, drops),
        TALLY_DROP_UNASKED);
    fair_free(fair);
}

static void one_network_is_asked_twice_in_a_bucket_at_most(void **state)
{
    struct random random = {3};
    struct registrar offered[6], chosen[REGISTRARS_BUCKET];
    const struct tally_key self = {{5}};
    for (uint8_t i = 0; i < 6; i++)
        offered[i] = (struct registrar){{{(uint8_t)(i + 1)}}, people_ip4(11, 0, 0, i)};
    size_t count = 0;
    for (; count < REGISTRARS_BUCKET; count++) {
        const struct registrar *one = registrar_choose(&random, offered, 6, chosen, count, &self);
        if (one == NULL)
            break;
        assert_false(key_equal(&one->key, &self));
        chosen[count] = *one;
    }
    assert_int_equal(count, REGISTRARS_NETWORK);
    assert_false(key_equal(&chosen[0].key, &chosen[1].key));
    /* Never ourselves, although we are all there is. */
    assert_null(registrar_choose(&random, &offered[4], 1, chosen, 0, &self));
    /* Each as often as another. */
    unsigned drawn[6] = {0};
    for (unsigned n = 0; n < 5000; n++)
        drawn[registrar_choose(&random, offered, 6, chosen, 0, &self) - offered]++;
    for (size_t i = 0; i < 6; i++)
        assert_in_range(drawn[i], i == 4 ? 0 : 900, i == 4 ? 0 : 1100);
}

static void nodes_that_are_named_lead_to_nearer_buckets(void **state)
{
    struct fair *fair = full_fair(64, 3);
    struct search search;
    struct search_options options = {.name_space = bytes_text("audit"), .seed = 3};
    struct search_ask ask;
    const struct tally_now now = fair_now(fair, 0);
    const struct tally_hash topic = topic_of(fair, "audit", DAY);
    memcpy(options.network, fair->network, sizeof options.network);
    search_init(&search, &options, now);
    /* We know one registrar, and it knows all. */
    size_t all = fair->registrar_count, far = 0;
    while (registrar_bucket(&topic, &fair->registrars[far].person.key) != 0)
        far++;
    struct fair_registrar first = fair->registrars[far];
    fair->registrars[far] = fair->registrars[0];
    fair->registrars[0] = first;
    fair->registrar_count = 1;
    assert_true(search_next(&search, now, &fair->source, &ask));
    assert_false(search_next(&search, now, &fair->source, &ask));
    struct registrar nodes[64];
    for (size_t i = 1; i < all; i++)
        nodes[i] =
            (struct registrar){fair->registrars[i].person.key, fair->registrars[i].person.address};
    assert_int_equal(search_nodes(&search, ask.token, nodes + 1, all - 1), TALLY_DROP_NONE);
    unsigned asked = 1;
    for (size_t round = 0; round < 40 && !search_over(&search); round++)
        while (search_next(&search, now, &fair->source, &ask)) {
            assert_int_equal(search_nodes(&search, ask.token, nodes + 1, all - 1), TALLY_DROP_NONE);
            asked++;
        }
    assert_true(search_over(&search));
    assert_in_range(asked, 15, 30);
    fair->registrar_count = all;
    fair_free(fair);
}

/* ---- Midnight. ---- */

static void a_search_does_not_fail_at_midnight(void **state)
{
    enum { FOLLOWERS = 12 };
    struct fair *fair = fair_new(48, FOLLOWERS);
    static const int64_t skews[] = {0, -300000, 300000, -120000, 120000, 0};
    const struct tally_hash yesterday = topic_of(fair, "audit", DAY);
    const struct tally_hash today = topic_of(fair, "audit", DAY + 1);
    unsigned least = FOLLOWERS;
    fair->ms = FAIR_MIDNIGHT_MS - 60 * MINUTE;
    for (size_t i = 0; i < FOLLOWERS; i++) {
        fair->advertisers[i].skew_ms = skews[i % 6];
        fair_follow(fair, i, "audit", false);
    }
    for (int minute = -30; minute <= 30; minute++) {
        fair_run(fair, FAIR_MIDNIGHT_MS + (uint64_t)((int64_t)minute * MINUTE));
        for (size_t s = 0; s < 3; s++) {
            struct fair_search result;
            fair_search(fair, "audit", skews[s], 0, &result);
            assert_int_equal(result.found, result.honest);
            least = result.found < least ? result.found : least;
        }
        if (minute == -21)
            assert_int_equal(fair_ads(fair, &today, NULL), 0);
    }
    print_message("# midnight, clocks 5 min off: %u of %u found at worst\n", least, FOLLOWERS);
    assert_true(least >= FOLLOWERS - 1);
    assert_int_equal(fair_ads(fair, &yesterday, NULL), 0);
    fair_free(fair);
}

static void days_meet_around_midnight(void **state)
{
    static const struct {
        int64_t second; /* Of day 100. */
        size_t count;
        uint32_t other;
    } cases[] = {
        {0, 2, 99},    {599, 2, 99},    {600, 1, 0},     {43200, 1, 0},
        {85799, 1, 0}, {85800, 2, 101}, {86399, 2, 101},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t days[2] = {0};
        const struct tally_wall wall = {(INT64_C(100) * 86400 + cases[i].second) * 1000000};
        assert_int_equal(registrar_days(wall, 600, 600, days), cases[i].count);
        assert_int_equal(days[0], 100);
        if (cases[i].count == 2)
            assert_int_equal(days[1], cases[i].other);
        uint64_t left = registrar_until(wall, 0);
        assert_int_equal(left, (uint64_t)(86400 - cases[i].second) * 1000);
        assert_in_range(registrar_until(wall, 85800), 1, 86400000);
    }
    /* Searchers ask for both. */
    struct fair *fair = full_fair(16, 1);
    struct fair_search result;
    fair_search(fair, "audit", 0, 0, &result);
    unsigned by_day = result.search.questions;
    assert_int_equal(result.search.topic_count, 1);
    fair_search(fair, "audit", FAIR_MIDNIGHT_MS - (int64_t)fair->ms - 299000, 0, &result);
    const struct tally_hash tomorrow = topic_of(fair, "audit", DAY + 1);
    assert_int_equal(result.search.topic_count, 2);
    assert_true(hash_equal(&result.search.topics[1], &tomorrow));
    assert_in_range(result.search.questions, by_day * 3 / 2, by_day * 5 / 2);
    fair_free(fair);
    uint32_t days[2];
    assert_int_equal(registrar_days((struct tally_wall){-5}, 600, 600, days), 1);
    assert_int_equal(days[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ad_is_placed_in_every_bucket_far_to_near),
        cmocka_unit_test(ads_stand_without_a_gap),
        cmocka_unit_test(a_private_namespace_is_never_named),
        cmocka_unit_test(without_an_address_nobody_is_asked),
        cmocka_unit_test(registrars_that_do_not_serve_are_left_for_others),
        cmocka_unit_test(what_was_not_asked_is_not_believed),
        cmocka_unit_test(nodes_met_on_a_lookup_fill_the_near_buckets),
        cmocka_unit_test(followers_are_found),
        cmocka_unit_test(liars_do_not_fill_the_list),
        cmocka_unit_test(bad_ads_are_dropped_by_reason),
        cmocka_unit_test(answers_count_once_and_in_time),
        cmocka_unit_test(one_network_is_asked_twice_in_a_bucket_at_most),
        cmocka_unit_test(nodes_that_are_named_lead_to_nearer_buckets),
        cmocka_unit_test(a_search_does_not_fail_at_midnight),
        cmocka_unit_test(days_meet_around_midnight),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("advertise", tests, NULL, NULL);
}

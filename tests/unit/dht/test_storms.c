/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the places of a registrar when ten thousand would like to be all that anybody finds. */
#include "desk.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

#include <stdlib.h>

/* What one who wants a place does: asks, waits with its ticket, renews at 600 s. */
struct candidate_ad {
    struct person person;
    struct tally_hash topic;
    uint64_t at_s;
    int64_t first_s; /* When it was first placed. */
    bool has_ticket;
    uint8_t ticket[TOPICS_TICKET];
};

struct storm {
    unsigned honest, sybils, networks, topics;
    enum { SPREAD, HOSTER, ALLOCATION } where; /* All over; in one /16; /48s of one /32. */
    uint64_t hours;
};

struct storm_result {
    double honest, sybils;    /* Places, on the average of the second half. */
    int64_t median_s, last_s; /* When honest ones were placed first; -1: never, in this run. */
    unsigned never;
};

static struct tally_address storm_address(const struct storm *storm, unsigned i,
                                          struct random *random)
{
    if (i < storm->honest) /* All over the net, in no network twice but by chance. */
        return people_ip4(20 + random_below(random, 60), random_below(random, 256),
                          random_below(random, 256), 1 + random_below(random, 250));
    unsigned network = (i - storm->honest) % storm->networks, host = 1 + random_below(random, 250);
    if (storm->where == ALLOCATION)
        return people_ip6(0x2a01, 0x4f8, (uint16_t)network, (uint16_t)host);
    return storm->where == HOSTER ? people_ip4(181, 77, network, host)
                                  : people_ip4(81 + network, network * 13 % 256, network, host);
}

static void storm_step(struct desk *desk, struct candidate_ad *one, uint64_t second)
{
    enum tally_drop drop =
        desk_ask(desk, &one->person, &one->topic, one->has_ticket ? one->ticket : NULL);
    one->has_ticket = drop == TALLY_DROP_NONE && desk->answer.has_ticket;
    memcpy(one->ticket, desk->answer.ticket, sizeof one->ticket);
    if (drop == TALLY_DROP_NONE && desk_placed(desk)) {
        one->first_s = one->first_s < 0 ? (int64_t)second : one->first_s;
        one->at_s = second + 600;
    } else {
        assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_CROWDED);
        one->at_s = second + desk->answer.wait_s + 1;
    }
}

static int by_first(const void *a, const void *b)
{
    const struct candidate_ad *one = a, *other = b;
    uint64_t x = (uint64_t)one->first_s, y = (uint64_t)other->first_s;
    return x < y ? -1 : x > y;
}

static struct storm_result storm_run(const struct storm *storm)
{
    struct desk desk;
    struct random random = {1};
    struct storm_result result = {0};
    unsigned count = storm->honest + storm->sybils, samples = 0;
    struct candidate_ad *all = calloc(count, sizeof *all);
    assert_non_null(all);
    desk_init(&desk, 0);
    desk.verifier.budget.rate = desk.verifier.budget.burst = 1000000;
    for (unsigned i = 0; i < count; i++) {
        person_crowd(&all[i].person, i, storm_address(storm, i, &random));
        all[i].topic = desk_topic(i % storm->topics);
        all[i].at_s = random_below(&random, 60);
        all[i].first_s = -1;
    }
    for (uint64_t second = 0; second < storm->hours * 3600; second++) {
        desk.ms = second * 1000;
        for (unsigned i = 0; i < count; i++)
            if (all[i].at_s <= second)
                storm_step(&desk, &all[i], second);
        if (second * 2 < storm->hours * 3600 || second % 30 != 0)
            continue;
        samples++;
        for (size_t k = 0; k < desk.topics.options.capacity; k++) {
            const struct topics_ad *ad = &desk.topics.list[k];
            if (ad->until.ms <= people_now(desk.ms).mono.ms)
                continue;
            bool honest = ad->address.ip[10] == 0xff && ad->address.ip[12] < 80;
            result.honest += honest;
            result.sybils += !honest;
        }
        assert_true(second % 600 != 0 || topics_holds(&desk.topics, people_now(desk.ms)));
    }
    result.honest /= samples;
    result.sybils /= samples;
    qsort(all, storm->honest, sizeof *all, by_first); /* Those never placed come last. */
    result.median_s = all[storm->honest / 2].first_s;
    result.last_s = all[storm->honest - 1].first_s;
    for (unsigned i = 0; i < storm->honest; i++)
        result.never += all[i].first_s < 0;
    free(all);
    desk_free(&desk);
    return result;
}

static struct storm_result storm_tell(const char *name, const struct storm *storm)
{
    struct storm_result result = storm_run(storm);
    print_message("# %s: %u honest hold %.1f places, %u of %u networks %.1f (%.1f %%); "
                  "honest placed after %lld s (median), %lld s (last), %u never\n",
                  name, storm->honest, result.honest, storm->sybils, storm->networks, result.sybils,
                  100 * result.sybils / (result.honest + result.sybils + 1e-9),
                  (long long)result.median_s, (long long)result.last_s, result.never);
    return result;
}

static void small_networks_do_not_wait_long(void **state)
{
    /* Three nodes, one namespace: who comes second is not held up for a quarter of an hour. */
    struct storm_result result = storm_tell("small", &(struct storm){3, 0, 1, 1, SPREAD, 2});
    assert_in_range(result.last_s, 0, 300);
    assert_true(result.honest > 2.9);
    result = storm_tell("ten", &(struct storm){10, 0, 1, 1, SPREAD, 2});
    assert_in_range(result.last_s, 0, 600);
    assert_true(result.honest > 9.9);
}

static void ten_thousand_sybils_get_what_their_networks_are_worth(void **state)
{
    /* 16 networks beside 100 honest ones: a fair share would be 13.8 %. */
    struct storm_result calm = storm_tell("calm", &(struct storm){100, 0, 1, 1, SPREAD, 4});
    struct storm_result storm = storm_tell("sybils", &(struct storm){100, 10000, 16, 1, SPREAD, 4});
    assert_true(storm.sybils / (storm.honest + storm.sybils) < 0.20);
    assert_true(storm.honest > 0.8 * calm.honest);
    assert_int_equal(storm.never, 0);
    struct storm_result hoster =
        storm_tell("one hoster", &(struct storm){100, 10000, 16, 1, HOSTER, 4});
    assert_true(hoster.sybils / (hoster.honest + hoster.sybils) < 0.13);
    struct storm_result network =
        storm_tell("one /24", &(struct storm){100, 10000, 1, 1, HOSTER, 2});
    assert_true(network.sybils < 2);
    /* The more honest ones there are, the less. */
    struct storm_result large =
        storm_tell("1,000 honest", &(struct storm){1000, 10000, 16, 1, SPREAD, 2});
    assert_true(large.sybils / (large.honest + large.sybils) < 0.05);
}

static void a_whole_ipv6_allocation_gets_a_quarter(void **state)
{
    /* A /32 has 65,536 networks, each as good as its neighbour. */
    struct storm_result storm =
        storm_tell("one /32", &(struct storm){100, 10000, 10000, 1, ALLOCATION, 4});
    assert_true(storm.sybils <= TOPICS_PER_TOPIC / PLACES_WIDE);
    assert_int_equal(storm.never, 0);
}

static void flooded_topics_leave_the_others_alone(void **state)
{
    /* 10,000 ads under 128 topics from 16 networks: 8 each, and honest ones beside them. */
    struct storm_result flood =
        storm_tell("flood", &(struct storm){128, 10000, 16, 128, SPREAD, 2});
    assert_true(flood.sybils <= 16 * TOPICS_NETWORK_ALL);
    assert_true(flood.honest > 120);
    assert_in_range(flood.last_s, 0, 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_networks_do_not_wait_long),
        cmocka_unit_test(ten_thousand_sybils_get_what_their_networks_are_worth),
        cmocka_unit_test(a_whole_ipv6_allocation_gets_a_quarter),
        cmocka_unit_test(flooded_topics_leave_the_others_alone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("storms", tests, NULL, NULL);
}

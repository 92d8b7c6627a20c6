/* SPDX-License-Identifier: Apache-2.0 */
#include "fair.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

#include <stdlib.h>

static size_t find(void *context, const struct tally_hash *topic, unsigned bucket,
                   struct registrar list[REGISTRARS_OFFERED])
{
    struct fair *fair = context;
    size_t count = 0, first = random_below(&fair->random, (uint32_t)fair->registrar_count);
    for (size_t i = 0; i < fair->registrar_count && count < REGISTRARS_OFFERED; i++) {
        const struct person *one = &fair->registrars[(first + i) % fair->registrar_count].person;
        if (registrar_bucket(topic, &one->key) == bucket)
            list[count++] = (struct registrar){one->key, one->address};
    }
    return count;
}

struct fair *fair_new(size_t registrars, size_t advertisers)
{
    struct fair *fair = calloc(1, sizeof *fair);
    assert_non_null(fair);
    fair->registrars = calloc(registrars, sizeof *fair->registrars);
    fair->advertisers = calloc(advertisers, sizeof *fair->advertisers);
    assert_true(fair->registrars != NULL && fair->advertisers != NULL);
    fair->registrar_count = registrars;
    fair->advertiser_count = advertisers;
    fair->random.state = 77;
    fair->verifier = people_crowd_verifier(people_now(0));
    fair->verifier.budget.rate = fair->verifier.budget.burst = 1000000;
    fair->source = (struct registrar_source){fair, find};
    derive_network_tag(bytes_text("tally"), fair->network);
    for (uint32_t i = 0; i < registrars; i++) {
        const struct topics_options options = {
            .capacity = 512, .seed = i, .secret = people_secret(&fair->random)};
        person_crowd(&fair->registrars[i].person, i, people_ip4(20, i / 256, i % 256, 1));
        assert_true(topics_new(&fair->registrars[i].topics, &options));
    }
    for (uint32_t i = 0; i < advertisers; i++) {
        struct fair_advertiser *one = &fair->advertisers[i];
        person_crowd(&one->person, 100000 + i,
                     people_ip4(30 + i % 64, i * 37 % 256, i * 11 % 256, 1));
        struct advertise_options options = {
            .key = one->person.key, .namespaces = 4, .placements = 512, .seed = i};
        memcpy(options.network, fair->network, sizeof options.network);
        assert_true(advertise_new(&one->advertise, &options));
    }
    return fair;
}

void fair_free(struct fair *fair)
{
    for (size_t i = 0; i < fair->registrar_count; i++)
        topics_free(&fair->registrars[i].topics);
    for (size_t i = 0; i < fair->advertiser_count; i++)
        advertise_free(&fair->advertisers[i].advertise);
    free(fair->registrars);
    free(fair->advertisers);
    free(fair);
}

struct tally_now fair_now(const struct fair *fair, int64_t skew_ms)
{
    struct tally_now now = people_now(fair->ms);
    now.wall.us += skew_ms * 1000;
    return now;
}

void fair_follow(struct fair *fair, size_t advertiser, const char *name, bool hidden)
{
    struct fair_advertiser *one = &fair->advertisers[advertiser];
    const struct advertise_namespace followed = {bytes_text(name), hidden};
    advertise_follow(&one->advertise, fair_now(fair, one->skew_ms), &followed, 1);
}

static struct fair_registrar *registrar_of(struct fair *fair, const struct tally_key *key)
{
    for (size_t i = 0; i < fair->registrar_count; i++)
        if (key_equal(&fair->registrars[i].person.key, key))
            return &fair->registrars[i];
    fail_msg("nobody has that key");
    return NULL;
}

/* ---- Placing. ---- */

/* False if there is no answer. */
static bool registrar_answer(struct fair *fair, struct fair_registrar *registrar,
                             const struct fair_advertiser *from,
                             const struct tally_register *request, struct tally_registered *answer)
{
    registrar->asked++;
    *answer = (struct tally_registered){.wait_s = 900};
    switch (registrar->lie) {
    case FAIR_SILENT:
        return false;
    case FAIR_REFUSES:
        return true;
    case FAIR_PUTS_OFF:
        answer->wait_s = 100;
        answer->has_ticket = true;
        return true;
    case FAIR_HONEST:
    case FAIR_COLLUDES:
    case FAIR_OTHER_TOPIC:
    case FAIR_FORGES:
    case FAIR_TALKS:
        break;
    }
    enum tally_drop drop =
        topics_register(&registrar->topics, fair_now(fair, 0), &fair->verifier, &from->person.key,
                        &from->person.address, request, answer);
    assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_SEEN || drop == TALLY_DROP_CROWDED);
    return true;
}

static void advertiser_ask(struct fair *fair, struct fair_advertiser *one)
{
    const struct record_author author = person_author(&one->person);
    const struct record_self self = person_self(&one->person);
    struct advertise_ask ask;
    while (advertise_next(&one->advertise, fair_now(fair, one->skew_ms), &author, &self, &ask)) {
        size_t i = 0;
        while (one->asks[i].at_ms != 0)
            assert_true(++i < FAIR_ASKS);
        struct fair_registrar *to = registrar_of(fair, &ask.registrar.key);
        one->asks[i].token = ask.token;
        one->asks[i].answered = registrar_answer(fair, to, one, &ask.request, &one->asks[i].answer);
        one->asks[i].at_ms = fair->ms + 2 * FAIR_DELAY_MS;
        one->requests++;
        one->last_ms = fair->ms;
    }
}

static void advertiser_step(struct fair *fair, struct fair_advertiser *one)
{
    const struct tally_now now = fair_now(fair, one->skew_ms);
    struct tally_hash topic;
    for (size_t i = 0; i < FAIR_ASKS; i++) {
        if (one->asks[i].at_ms == 0 || one->asks[i].at_ms > fair->ms)
            continue;
        if (one->asks[i].answered)
            (void)advertise_registered(&one->advertise, now, one->asks[i].token,
                                       &one->asks[i].answer);
        one->asks[i].at_ms = 0;
    }
    advertise_tick(&one->advertise, now, &fair->source);
    while (advertise_lookup(&one->advertise, now, &topic))
        continue;
    advertiser_ask(fair, one);
    assert_true(advertise_holds(&one->advertise));
}

static uint64_t advertiser_next(const struct fair_advertiser *one)
{
    uint64_t base = people_now(0).mono.ms, wake = advertise_deadline(&one->advertise).ms;
    uint64_t next = wake == UINT64_MAX ? UINT64_MAX : wake - base;
    for (size_t i = 0; i < FAIR_ASKS; i++)
        if (one->asks[i].at_ms != 0 && one->asks[i].at_ms < next)
            next = one->asks[i].at_ms;
    return next;
}

void fair_run(struct fair *fair, uint64_t until_ms)
{
    for (;;) {
        uint64_t next = until_ms;
        for (size_t i = 0; i < fair->advertiser_count; i++) {
            struct fair_advertiser *one = &fair->advertisers[i];
            if (advertiser_next(one) <= fair->ms)
                advertiser_step(fair, one);
            /* Whoever was woken for now has nothing left to do now. */
            assert_true(advertiser_next(one) > fair->ms);
            if (advertiser_next(one) < next)
                next = advertiser_next(one);
        }
        if (next >= until_ms)
            break;
        fair->ms = next;
    }
    fair->ms = until_ms;
}

size_t fair_ads(const struct fair *fair, const struct tally_hash *topic,
                const struct fair_advertiser *of)
{
    size_t count = 0;
    for (size_t i = 0; i < fair->registrar_count; i++) {
        const struct topics *topics = &fair->registrars[i].topics;
        for (size_t k = 0; k < topics->options.capacity; k++)
            count += fair_now(fair, 0).mono.ms < topics->list[k].until.ms &&
                     hash_equal(&topics->list[k].topic, topic) &&
                     (of == NULL || key_equal(&topics->list[k].owner, &of->person.key));
    }
    return count;
}

/* ---- Searching. ---- */

/* What a liar tells: ads of people who are nowhere else. */
static void lies(struct fair *fair, struct fair_registrar *registrar,
                 const struct tally_topic_query *query, struct tally_ads answers[3],
                 uint8_t bytes[15][RECORD_AD_MAX], size_t messages)
{
    struct tally_hash topic = query->topic;
    topic.bytes[0] ^= registrar->lie == FAIR_OTHER_TOPIC;
    for (size_t i = 0; i < messages * 5; i++) {
        struct person sybil;
        uint32_t number = random_below(&fair->random, 1000000) + 200000;
        person_crowd(&sybil, number,
                     people_ip4(120, number >> 16, number >> 8 & 255, number & 255));
        struct tally_bytes ad = person_ad(&sybil, fair_now(fair, 0), &topic, bytes[i]);
        if (registrar->lie == FAIR_FORGES)
            bytes[i][ad.size - 1] ^= 1;
        answers[i / 5].ads[i % 5] = ad;
        answers[i / 5].ads_count = i % 5 + 1;
        answers[i / 5].last = false;
    }
    answers[messages - 1].last = registrar->lie != FAIR_TALKS;
}

static void search_deliver(struct fair *fair, struct fair_search *result, int64_t skew_ms,
                           const struct search_ask *ask, unsigned admit_every)
{
    static uint8_t bytes[15][RECORD_AD_MAX];
    struct fair_registrar *to = registrar_of(fair, &ask->registrar.key);
    struct tally_ads answers[3];
    struct search_found found[TALLY_ADS_ADS_MAX];
    size_t messages, count;
    if (to->lie == FAIR_SILENT)
        return;
    if (to->lie >= FAIR_COLLUDES) {
        messages = to->lie == FAIR_TALKS ? 3 : 2;
        lies(fair, to, &ask->query, answers, bytes, messages);
    } else {
        messages = topics_query(&to->topics, fair_now(fair, 0), &ask->query, SIZE_MAX, answers);
    }
    for (size_t m = 0; m < messages; m++) {
        enum tally_drop drop = search_ads(&result->search, fair_now(fair, skew_ms), &fair->verifier,
                                          ask->token, &answers[m], found, &count, result->drops);
        result->drops[drop]++;
        for (size_t i = 0; i < count; i++) {
            bool honest = false;
            for (size_t k = 0; k < fair->advertiser_count; k++)
                honest = honest || key_equal(&found[i].key, &fair->advertisers[k].person.key);
            result->found++;
            result->honest += honest;
            if (honest && admit_every > 0 && result->honest % admit_every == 0)
                search_admitted(&result->search);
        }
    }
    (void)search_nodes(&result->search, ask->token, NULL, 0);
}

void fair_search(struct fair *fair, const char *name, int64_t skew_ms, unsigned admit_every,
                 struct fair_search *result)
{
    struct search_options options = {.name_space = bytes_text(name), .seed = fair->ms};
    uint64_t started = fair->ms;
    memcpy(options.network, fair->network, sizeof options.network);
    *result = (struct fair_search){.found = 0};
    search_init(&result->search, &options, fair_now(fair, skew_ms));
    while (!search_over(&result->search)) {
        struct search_ask asks[SEARCH_FLIGHT];
        size_t count = 0;
        search_tick(&result->search, fair_now(fair, skew_ms));
        while (count < SEARCH_FLIGHT &&
               search_next(&result->search, fair_now(fair, skew_ms), &fair->source, &asks[count]))
            count++;
        if (count == 0 && !search_over(&result->search)) {
            uint64_t next = search_deadline(&result->search).ms - people_now(0).mono.ms;
            assert_true(next > fair->ms);
            fair->ms = next;
        }
        fair->ms += count > 0 ? 2 * FAIR_DELAY_MS : 0;
        for (size_t i = 0; i < count; i++)
            search_deliver(fair, result, skew_ms, &asks[i], admit_every);
        assert_true(search_holds(&result->search));
    }
    result->took_ms = fair->ms - started;
    fair->ms = started;
}

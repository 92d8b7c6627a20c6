/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/search.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"

#include <assert.h>

void search_init(struct search *search, const struct search_options *options, struct tally_now now)
{
    uint32_t days[2];
    *search = (struct search){
        .key = options->key,
        .ends = {now.mono.ms + SEARCH_LIFE_MS},
        .random.state = options->seed,
    };
    search->topic_count = registrar_days(now.wall, SEARCH_MIDNIGHT_S, SEARCH_MIDNIGHT_S, days);
    for (size_t i = 0; i < search->topic_count; i++)
        derive_topic(options->network, options->name_space, days[i], &search->topics[i]);
}

static bool enough(const struct search *search)
{
    return search->found_count == SEARCH_FOUND || search->admitted >= SEARCH_ADMITTED;
}

static unsigned in_flight(const struct search *search)
{
    unsigned count = 0;
    for (size_t i = 0; i < SEARCH_FLIGHT; i++)
        count += search->flights[i].token != 0;
    return count;
}

bool search_over(const struct search *search)
{
    return enough(search) || (search->bucket == REGISTRARS_BUCKETS && in_flight(search) == 0);
}

static struct search_flight *flight_find(struct search *search, uint32_t token)
{
    for (size_t i = 0; i < SEARCH_FLIGHT; i++)
        if (token != 0 && search->flights[i].token == token)
            return &search->flights[i];
    return NULL;
}

/* ---- Asking. ---- */

/* A registrar of the bucket that was not asked yet: one that was met on the way, or one of ours. */
static bool choose(struct search *search, size_t topic, const struct registrar_source *source,
                   struct registrar *chosen)
{
    struct registrar offered[REGISTRARS_OFFERED];
    size_t count = source->find(source->context, &search->topics[topic], search->bucket, offered);
    assert(count <= REGISTRARS_OFFERED);
    for (size_t i = 0; i < SEARCH_HEARD && count < REGISTRARS_OFFERED; i++) {
        const struct search_heard *heard = &search->heard[i];
        if (heard->used && heard->topic == topic && heard->bucket == search->bucket)
            offered[count++] = heard->registrar;
    }
    const struct registrar *one =
        registrar_choose(&search->random, offered, count, search->asked[topic],
                         search->asked_count[topic], &search->key);
    if (one != NULL)
        *chosen = *one;
    return one != NULL;
}

/* Whether somebody of the bucket may still answer in good time. */
static bool awaited(const struct search *search, struct tally_now now)
{
    for (size_t i = 0; i < SEARCH_FLIGHT; i++)
        if (search->flights[i].token != 0 &&
            now.mono.ms - search->flights[i].asked.ms < SEARCH_PATIENCE_MS)
            return true;
    return false;
}

static void bucket_next(struct search *search)
{
    search->bucket++;
    memset(search->asked_count, 0, sizeof search->asked_count);
}

static void ask_write(struct search *search, struct tally_now now, struct search_flight *flight,
                      size_t topic, const struct registrar *registrar, struct search_ask *ask)
{
    if (++search->token == 0)
        search->token = 1;
    *flight = (struct search_flight){
        .token = search->token,
        .topic = (uint8_t)topic,
        .key = registrar->key,
        .asked = now.mono,
        .until = {now.mono.ms + SEARCH_TIMEOUT_MS},
    };
    search->asked[topic][search->asked_count[topic]++] = *registrar;
    search->questions++;
    *ask = (struct search_ask){
        .token = search->token,
        .registrar = *registrar,
        .query = {.topic = search->topics[topic], .want = SEARCH_ADS},
    };
}

bool search_next(struct search *search, struct tally_now now, const struct registrar_source *source,
                 struct search_ask *ask)
{
    struct search_flight *flight = search->flights, *end = flight + SEARCH_FLIGHT;
    struct registrar registrar;
    while (flight < end && flight->token != 0)
        flight++;
    if (flight == end || enough(search))
        return false;
    for (; search->bucket < REGISTRARS_BUCKETS; bucket_next(search)) {
        for (size_t topic = 0; topic < search->topic_count; topic++) {
            if (search->asked_count[topic] == REGISTRARS_BUCKET ||
                !choose(search, topic, source, &registrar))
                continue;
            ask_write(search, now, flight, topic, &registrar, ask);
            return true;
        }
        if (awaited(search, now))
            return false;
    }
    return false;
}

/* ---- Answers. ---- */

static bool is_found(const struct search *search, const struct tally_key *key)
{
    for (size_t i = 0; i < search->found_count; i++)
        if (key_equal(&search->found[i], key))
            return true;
    return false;
}

/* Cheap before expensive: a signature is checked for a follower that is new and counts. */
static enum tally_drop ad_take(struct search *search, struct tally_now now,
                               struct verifier *verifier, struct search_flight *flight,
                               struct tally_bytes bytes, struct search_found *found)
{
    struct record_ad ad;
    enum tally_drop drop = record_read_ad(bytes, now, &ad);
    if (drop != TALLY_DROP_NONE)
        return drop;
    const struct tally_key *key = &ad.datagram.sender;
    if (key_equal(key, &search->key))
        return TALLY_DROP_SELF;
    if (is_found(search, key))
        return TALLY_DROP_SEEN;
    if (enough(search) || flight->taken == SEARCH_PER_REGISTRAR)
        return TALLY_DROP_BUSY;
    drop = record_open_ad(bytes, now, &search->topics[flight->topic], verifier, &ad);
    if (drop != TALLY_DROP_NONE)
        return drop;
    flight->taken++;
    search->found[search->found_count++] = *key;
    *found = (struct search_found){.key = *key, .endpoint_count = ad.body.endpoints_count};
    memcpy(found->endpoints, ad.body.endpoints, sizeof found->endpoints);
    return TALLY_DROP_NONE;
}

enum tally_drop search_ads(struct search *search, struct tally_now now, struct verifier *verifier,
                           uint32_t token, const struct tally_ads *answer,
                           struct search_found found[TALLY_ADS_ADS_MAX], size_t *count,
                           uint64_t drops[TALLY_DROP_COUNT])
{
    enum { DATAGRAMS = 2 };
    struct search_flight *flight = flight_find(search, token);
    *count = 0;
    if (flight == NULL)
        return TALLY_DROP_UNASKED;
    if (flight->last || flight->answers == DATAGRAMS)
        return TALLY_DROP_PROTOCOL;
    flight->answers++;
    for (size_t i = 0; i < answer->ads_count; i++) {
        enum tally_drop drop =
            ad_take(search, now, verifier, flight, answer->ads[i], &found[*count]);
        if (drop == TALLY_DROP_NONE)
            ++*count;
        else
            drops[drop]++;
    }
    if (answer->last) {
        flight->last = true;
        flight->until.ms = now.mono.ms + SEARCH_NODES_MS;
    }
    return TALLY_DROP_NONE;
}

static void heard_put(struct search *search, size_t topic, const struct registrar *registrar)
{
    unsigned bucket = registrar_bucket(&search->topics[topic], &registrar->key);
    if (bucket < search->bucket)
        return;
    for (size_t i = 0; i < SEARCH_HEARD; i++)
        if (search->heard[i].used && search->heard[i].topic == topic &&
            key_equal(&search->heard[i].registrar.key, &registrar->key))
            return;
    /* Those of buckets that were asked are of no use any more; then the oldest go. */
    size_t place = search->heard_next;
    for (size_t i = 0; i < SEARCH_HEARD; i++)
        if (!search->heard[i].used || search->heard[i].bucket < search->bucket)
            place = i;
    if (place == search->heard_next)
        search->heard_next = (search->heard_next + 1) % SEARCH_HEARD;
    search->heard[place] = (struct search_heard){
        .registrar = *registrar, .topic = (uint8_t)topic, .bucket = (uint8_t)bucket, .used = true};
}

enum tally_drop search_nodes(struct search *search, uint32_t token, const struct registrar *nodes,
                             size_t count)
{
    struct search_flight *flight = flight_find(search, token);
    if (flight == NULL)
        return TALLY_DROP_UNASKED;
    for (size_t i = 0; i < count; i++)
        heard_put(search, flight->topic, &nodes[i]);
    flight->token = 0;
    return TALLY_DROP_NONE;
}

void search_failed(struct search *search, uint32_t token)
{
    struct search_flight *flight = flight_find(search, token);
    if (flight != NULL)
        flight->token = 0;
}

void search_admitted(struct search *search)
{
    search->admitted++;
}

/* ---- Time. ---- */

struct tally_mono search_deadline(const struct search *search)
{
    struct tally_mono next = search->ends;
    if (search_over(search))
        return TALLY_NEVER;
    for (size_t i = 0; i < SEARCH_FLIGHT; i++) {
        const struct search_flight *flight = &search->flights[i];
        if (flight->token == 0)
            continue;
        uint64_t patience = flight->asked.ms + SEARCH_PATIENCE_MS;
        if (flight->until.ms < next.ms)
            next = flight->until;
        if (!flight->patient && patience < next.ms)
            next.ms = patience;
    }
    return next;
}

void search_tick(struct search *search, struct tally_now now)
{
    for (size_t i = 0; i < SEARCH_FLIGHT; i++) {
        struct search_flight *flight = &search->flights[i];
        if (now.mono.ms >= flight->asked.ms + SEARCH_PATIENCE_MS)
            flight->patient = true;
        if (flight->token != 0 && now.mono.ms >= flight->until.ms)
            flight->token = 0;
    }
    if (now.mono.ms < search->ends.ms)
        return;
    search->bucket = REGISTRARS_BUCKETS;
    for (size_t i = 0; i < SEARCH_FLIGHT; i++)
        search->flights[i].token = 0;
}

bool search_holds(const struct search *search)
{
    for (size_t i = 0; i < search->topic_count; i++)
        if (search->asked_count[i] > REGISTRARS_BUCKET)
            return false;
    for (size_t i = 0; i < search->found_count; i++)
        for (size_t j = 0; j < i; j++)
            if (key_equal(&search->found[i], &search->found[j]))
                return false;
    return search->found_count <= SEARCH_FOUND && search->bucket <= REGISTRARS_BUCKETS;
}

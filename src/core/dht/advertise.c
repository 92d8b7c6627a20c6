/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/advertise.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/wire/derive.h"

#include <assert.h>
#include <stdlib.h>

enum { DAY_S = 86400, DAYS = 2 };

static const fsm_moves moves[] = {
    [PLACEMENT_FREE] = TO(PLACEMENT_DUE),
    [PLACEMENT_DUE] = TO(PLACEMENT_ASKED) | TO(PLACEMENT_FREE),
    [PLACEMENT_ASKED] = TO(PLACEMENT_DUE) | TO(PLACEMENT_FREE),
};

bool advertise_new(struct advertise *advertise, const struct advertise_options *options)
{
    *advertise =
        (struct advertise){.options = *options, .wake = TALLY_NEVER, .random.state = options->seed};
    struct advertise_options *own = &advertise->options;
    own->namespaces = own->namespaces != 0 ? own->namespaces : TALLY_NAMESPACES_MAX;
    own->placements = own->placements != 0 ? own->placements : ADVERTISE_PLACEMENTS;
    assert(own->namespaces <= UINT8_MAX / DAYS);
    advertise->ahead_s =
        ADVERTISE_AHEAD_S + random_below(&advertise->random, ADVERTISE_AHEAD_JITTER_S + 1);
    advertise->follows = calloc(own->namespaces, sizeof *advertise->follows);
    advertise->topics = calloc(own->namespaces * DAYS, sizeof *advertise->topics);
    advertise->placements = calloc(own->placements, sizeof *advertise->placements);
    advertise->avoided_max = (own->placements + ADVERTISE_AVOIDED - 1) / ADVERTISE_AVOIDED;
    advertise->avoided = calloc(advertise->avoided_max, sizeof *advertise->avoided);
    if (advertise->follows != NULL && advertise->topics != NULL && advertise->placements != NULL &&
        advertise->avoided != NULL)
        return true;
    advertise_free(advertise);
    return false;
}

void advertise_free(struct advertise *advertise)
{
    free(advertise->follows);
    free(advertise->topics);
    free(advertise->placements);
    free(advertise->avoided);
    *advertise = (struct advertise){.wake = TALLY_NEVER};
}

static void wake_at(struct advertise *advertise, uint64_t ms)
{
    if (ms < advertise->wake.ms)
        advertise->wake.ms = ms;
}

static struct advertise_topic *topic_of(const struct advertise *advertise,
                                        const struct placement *placement)
{
    return &advertise->topics[placement->topic];
}

/* ---- Placements. ---- */

static void placement_move(struct advertise *advertise, struct placement *placement,
                           enum placement_state state)
{
    advertise->flight -= placement->state == PLACEMENT_ASKED;
    FSM_MOVE(moves, &placement->state, state);
    advertise->flight += placement->state == PLACEMENT_ASKED;
}

static void placement_due(struct advertise *advertise, struct placement *placement, uint64_t at_ms)
{
    if (placement->state != PLACEMENT_DUE)
        placement_move(advertise, placement, PLACEMENT_DUE);
    placement->at.ms = at_ms;
    wake_at(advertise, at_ms);
}

static bool avoided(const struct advertise *advertise, struct tally_now now,
                    const struct tally_key *key)
{
    for (size_t i = 0; i < advertise->avoided_max; i++)
        if (now.mono.ms < advertise->avoided[i].until.ms &&
            key_equal(&advertise->avoided[i].key, key))
            return true;
    return false;
}

/* Leaves a registrar for another one. */
static void placement_leave(struct advertise *advertise, struct tally_now now,
                            struct placement *placement)
{
    advertise->avoided[advertise->avoided_next].key = placement->registrar.key;
    advertise->avoided[advertise->avoided_next].until.ms = now.mono.ms + ADVERTISE_AVOID_MS;
    advertise->avoided_next = (advertise->avoided_next + 1) % advertise->avoided_max;
    placement_move(advertise, placement, PLACEMENT_FREE);
    struct advertise_topic *topic = topic_of(advertise, placement);
    if (now.mono.ms + 1000 < topic->fill.ms)
        topic->fill.ms = now.mono.ms + 1000;
    wake_at(advertise, topic->fill.ms);
}

/* The registrars chosen in a bucket, at most REGISTRARS_BUCKET; and how many a topic has in all. */
static size_t chosen_in(const struct advertise *advertise, size_t topic, unsigned bucket,
                        struct registrar *list, size_t *all)
{
    size_t count = 0;
    *all = 0;
    for (size_t i = 0; i < advertise->options.placements; i++) {
        const struct placement *placement = &advertise->placements[i];
        if (placement->state == PLACEMENT_FREE || placement->topic != topic)
            continue;
        ++*all;
        if (placement->bucket == bucket && count < REGISTRARS_BUCKET)
            list[count++] = placement->registrar;
    }
    return count;
}

/* What a topic may have, so that every namespace has its share, today's topic and tomorrow's. */
static size_t share_of(const struct advertise *advertise)
{
    size_t follows = 0;
    for (size_t i = 0; i < advertise->options.namespaces; i++)
        follows += advertise->follows[i].used;
    return advertise->options.placements / (DAYS * (follows > 0 ? follows : 1));
}

static struct placement *placement_take(struct advertise *advertise, struct tally_now now,
                                        size_t topic, unsigned bucket,
                                        const struct registrar *registrar)
{
    struct placement *free_one = advertise->placements;
    struct placement *end = free_one + advertise->options.placements;
    while (free_one < end && free_one->state != PLACEMENT_FREE)
        free_one++;
    if (free_one == end)
        return NULL;
    *free_one = (struct placement){
        .registrar = *registrar, .topic = (uint8_t)topic, .bucket = (uint8_t)bucket};
    /* Far buckets first: there are most nodes, and most who look. */
    placement_due(advertise, free_one, now.mono.ms + bucket);
    return free_one;
}

/* ---- Topics. ---- */

static void topic_drop(struct advertise *advertise, size_t index)
{
    for (size_t i = 0; i < advertise->options.placements; i++) {
        struct placement *placement = &advertise->placements[i];
        if (placement->state != PLACEMENT_FREE && placement->topic == index)
            placement_move(advertise, placement, PLACEMENT_FREE);
    }
    advertise->topics[index].used = false;
}

static void topic_begin(struct advertise *advertise, struct tally_now now, size_t index,
                        uint32_t day)
{
    const struct advertise_follow *follow = &advertise->follows[index / DAYS];
    struct advertise_topic *topic = &advertise->topics[index];
    *topic = (struct advertise_topic){.used = true,
                                      .follow = (uint8_t)(index / DAYS),
                                      .day = day,
                                      .fill = now.mono,
                                      .lookup = now.mono};
    derive_topic(advertise->options.network, bytes_of(follow->name, follow->name_size), day,
                 &topic->topic);
}

/* Each day has one of the two places of its namespace. */
static void topics_turn(struct advertise *advertise, struct tally_now now)
{
    uint32_t days[2];
    size_t count = registrar_days(now.wall, advertise->ahead_s, 0, days);
    for (size_t index = 0; index < advertise->options.namespaces * DAYS; index++) {
        struct advertise_topic *topic = &advertise->topics[index];
        bool wanted = false;
        uint32_t day = 0;
        for (size_t i = 0; i < count; i++)
            if (days[i] % DAYS == index % DAYS) {
                wanted = advertise->follows[index / DAYS].used;
                day = days[i];
            }
        if (topic->used && (!wanted || topic->day != day))
            topic_drop(advertise, index);
        if (wanted && !topic->used)
            topic_begin(advertise, now, index, day);
    }
    uint64_t midnight = registrar_until(now.wall, 0);
    uint64_t ahead = registrar_until(now.wall, DAY_S - advertise->ahead_s);
    advertise->turn.ms = now.mono.ms + (midnight < ahead ? midnight : ahead);
}

static size_t offers(const struct advertise *advertise, struct tally_now now,
                     const struct registrar_source *source, const struct tally_hash *topic,
                     unsigned bucket, struct registrar list[REGISTRARS_OFFERED])
{
    size_t count = source->find(source->context, topic, bucket, list), kept = 0;
    assert(count <= REGISTRARS_OFFERED);
    for (size_t i = 0; i < count; i++)
        if (!avoided(advertise, now, &list[i].key))
            list[kept++] = list[i];
    return kept;
}

static void topic_fill(struct advertise *advertise, struct tally_now now, size_t index,
                       const struct registrar_source *source)
{
    struct advertise_topic *topic = &advertise->topics[index];
    struct registrar chosen[REGISTRARS_BUCKET], offered[REGISTRARS_OFFERED];
    size_t share = share_of(advertise);
    for (unsigned bucket = 0; bucket < REGISTRARS_BUCKETS; bucket++) {
        size_t all, count = chosen_in(advertise, index, bucket, chosen, &all);
        if (all >= share)
            break;
        if (count == REGISTRARS_BUCKET)
            continue;
        size_t offered_count = offers(advertise, now, source, &topic->topic, bucket, offered);
        for (; count < REGISTRARS_BUCKET && all < share; count++, all++) {
            const struct registrar *one = registrar_choose(
                &advertise->random, offered, offered_count, chosen, count, &advertise->options.key);
            if (one == NULL || placement_take(advertise, now, index, bucket, one) == NULL)
                break;
            chosen[count] = *one;
        }
    }
    topic->fill.ms = now.mono.ms + random_jitter(&advertise->random, ADVERTISE_FILL_MS, 20);
}

void advertise_follow(struct advertise *advertise, struct tally_now now,
                      const struct advertise_namespace *list, size_t count)
{
    for (size_t i = 0; i < advertise->options.namespaces; i++) {
        struct advertise_follow *follow = &advertise->follows[i];
        bool kept = false;
        for (size_t j = 0; j < count && !kept; j++)
            kept = !list[j].hidden &&
                   bytes_equal(list[j].name, bytes_of(follow->name, follow->name_size));
        if (!follow->used || kept)
            continue;
        follow->used = false;
        for (size_t day = 0; day < DAYS; day++)
            topic_drop(advertise, i * DAYS + day);
    }
    for (size_t j = 0; j < count; j++) {
        struct advertise_follow *place = NULL;
        bool known = list[j].hidden || list[j].name.size > TALLY_NAMESPACE_MAX;
        for (size_t i = 0; i < advertise->options.namespaces && !known; i++) {
            struct advertise_follow *follow = &advertise->follows[i];
            if (!follow->used)
                place = place != NULL ? place : follow;
            else
                known = bytes_equal(list[j].name, bytes_of(follow->name, follow->name_size));
        }
        if (known || place == NULL)
            continue;
        *place = (struct advertise_follow){.used = true, .name_size = (uint8_t)list[j].name.size};
        if (list[j].name.size > 0)
            memcpy(place->name, list[j].name.data, list[j].name.size);
    }
    wake_at(advertise, now.mono.ms);
}

static void placement_silent(struct advertise *advertise, struct tally_now now,
                             struct placement *placement)
{
    placement->tries++;
    if (placement->tries < ADVERTISE_TRIES)
        placement_due(advertise, placement, now.mono.ms + 500);
    else
        placement_leave(advertise, now, placement);
}

/* When there is something to do again. */
static void plan(struct advertise *advertise)
{
    bool full = advertise->flight >= ADVERTISE_FLIGHT;
    advertise->wake = advertise->turn;
    for (size_t i = 0; i < advertise->options.namespaces * DAYS; i++) {
        const struct advertise_topic *topic = &advertise->topics[i];
        if (!topic->used)
            continue;
        wake_at(advertise, topic->fill.ms);
        wake_at(advertise, topic->lookup.ms);
    }
    for (size_t i = 0; i < advertise->options.placements; i++) {
        const struct placement *placement = &advertise->placements[i];
        uint64_t at = placement->at.ms, pace = advertise->pace.ms;
        if (placement->state == PLACEMENT_ASKED)
            wake_at(advertise, at);
        else if (placement->state == PLACEMENT_DUE && !full)
            wake_at(advertise, at > pace ? at : pace);
    }
}

void advertise_tick(struct advertise *advertise, struct tally_now now,
                    const struct registrar_source *source)
{
    if (now.mono.ms < advertise->wake.ms)
        return;
    topics_turn(advertise, now);
    for (size_t i = 0; i < advertise->options.placements; i++) {
        struct placement *placement = &advertise->placements[i];
        if (placement->state == PLACEMENT_ASKED && placement->at.ms <= now.mono.ms)
            placement_silent(advertise, now, placement);
    }
    for (size_t i = 0; i < advertise->options.namespaces * DAYS; i++)
        if (advertise->topics[i].used && advertise->topics[i].fill.ms <= now.mono.ms)
            topic_fill(advertise, now, i, source);
    plan(advertise);
}

struct tally_mono advertise_deadline(const struct advertise *advertise)
{
    return advertise->wake;
}

/* ---- Asking. ---- */

static struct placement *most_due(const struct advertise *advertise, struct tally_now now)
{
    struct placement *first = NULL;
    for (size_t i = 0; i < advertise->options.placements; i++) {
        struct placement *placement = &advertise->placements[i];
        if (placement->state == PLACEMENT_DUE && placement->at.ms <= now.mono.ms &&
            (first == NULL || placement->at.ms < first->at.ms))
            first = placement;
    }
    return first;
}

/* One ad serves all registrars for a while: it names the topic, not them. */
static bool topic_sign(struct advertise_topic *topic, struct tally_now now,
                       const struct record_author *author, const struct record_self *self)
{
    if (topic->ad_size == 0 || now.mono.ms - topic->signed_at.ms >= ADVERTISE_FRESH_MS) {
        topic->ad_size = (uint16_t)record_write_ad(author, now, self, &topic->topic, topic->ad);
        topic->signed_at = now.mono;
    }
    return topic->ad_size != 0;
}

static struct placement *next_placement(struct advertise *advertise, struct tally_now now,
                                        const struct record_author *author,
                                        const struct record_self *self)
{
    if (advertise->flight >= ADVERTISE_FLIGHT || now.mono.ms < advertise->pace.ms)
        return NULL;
    struct placement *placement = most_due(advertise, now);
    if (placement == NULL || topic_sign(topic_of(advertise, placement), now, author, self))
        return placement;
    advertise->pace.ms = now.mono.ms + ADVERTISE_FRESH_MS;
    return NULL;
}

bool advertise_next(struct advertise *advertise, struct tally_now now,
                    const struct record_author *author, const struct record_self *self,
                    struct advertise_ask *ask)
{
    if (now.mono.ms < advertise->wake.ms)
        return false;
    struct placement *placement = next_placement(advertise, now, author, self);
    if (placement == NULL) {
        plan(advertise);
        return false;
    }
    const struct advertise_topic *topic = topic_of(advertise, placement);
    placement_move(advertise, placement, PLACEMENT_ASKED);
    placement->token = ++advertise->token;
    placement->at.ms = now.mono.ms + ADVERTISE_TIMEOUT_MS;
    advertise->pace.ms = now.mono.ms + ADVERTISE_PACE_MS;
    *ask = (struct advertise_ask){
        .token = placement->token,
        .registrar = placement->registrar,
        .request = {.topic = topic->topic,
                    .ad = bytes_of(topic->ad, topic->ad_size),
                    .has_ticket = placement->has_ticket},
    };
    memcpy(ask->request.ticket, placement->ticket, sizeof placement->ticket);
    return true;
}

static struct placement *asked(const struct advertise *advertise, uint32_t token)
{
    for (size_t i = 0; i < advertise->options.placements; i++)
        if (advertise->placements[i].state == PLACEMENT_ASKED &&
            advertise->placements[i].token == token)
            return &advertise->placements[i];
    return NULL;
}

enum tally_drop advertise_registered(struct advertise *advertise, struct tally_now now,
                                     uint32_t token, const struct tally_registered *answer)
{
    struct placement *placement = asked(advertise, token);
    if (placement == NULL)
        return TALLY_DROP_UNASKED;
    placement->tries = 0;
    placement->has_ticket = answer->has_ticket;
    if (answer->has_ticket && placement->tickets < ADVERTISE_TICKETS) {
        /* Into the window, not before it: at most 3 s late of 10. */
        placement->tickets++;
        memcpy(placement->ticket, answer->ticket, sizeof placement->ticket);
        placement_due(advertise, placement,
                      now.mono.ms + answer->wait_s * UINT64_C(1000) + 500 +
                          random_below(&advertise->random, 2000));
    } else if (!answer->has_ticket && answer->expires_s > 0) {
        uint64_t life = answer->expires_s * UINT64_C(1000);
        uint64_t before = ADVERTISE_RENEW_MS + random_below(&advertise->random, 30000);
        placement->tickets = 0;
        placement->until.ms = now.mono.ms + life;
        placement_due(advertise, placement,
                      life > 2 * before ? placement->until.ms - before : now.mono.ms + life / 2);
    } else {
        placement_leave(advertise, now, placement);
    }
    wake_at(advertise, advertise->pace.ms > now.mono.ms ? advertise->pace.ms : now.mono.ms);
    return TALLY_DROP_NONE;
}

void advertise_failed(struct advertise *advertise, struct tally_now now, uint32_t token)
{
    struct placement *placement = asked(advertise, token);
    if (placement != NULL)
        placement_silent(advertise, now, placement);
}

/* ---- Nodes near a topic. ---- */

bool advertise_lookup(struct advertise *advertise, struct tally_now now, struct tally_hash *target)
{
    for (size_t i = 0; i < advertise->options.namespaces * DAYS; i++) {
        struct advertise_topic *topic = &advertise->topics[i];
        if (!topic->used || now.mono.ms < topic->lookup.ms)
            continue;
        topic->lookup.ms = now.mono.ms + random_jitter(&advertise->random, ADVERTISE_LOOKUP_MS, 20);
        *target = topic->topic;
        return true;
    }
    return false;
}

static size_t topic_find(const struct advertise *advertise, const struct tally_hash *topic)
{
    size_t i = 0, count = advertise->options.namespaces * DAYS;
    while (i < count &&
           (!advertise->topics[i].used || !hash_equal(&advertise->topics[i].topic, topic)))
        i++;
    return i;
}

void advertise_heard(struct advertise *advertise, struct tally_now now,
                     const struct tally_hash *topic, const struct registrar *registrar)
{
    struct registrar chosen[REGISTRARS_BUCKET];
    size_t index = topic_find(advertise, topic), all;
    if (index == advertise->options.namespaces * DAYS || avoided(advertise, now, &registrar->key))
        return;
    unsigned bucket = registrar_bucket(topic, &registrar->key);
    size_t count = chosen_in(advertise, index, bucket, chosen, &all);
    if (count < REGISTRARS_BUCKET && all < share_of(advertise) &&
        registrar_choose(&advertise->random, registrar, 1, chosen, count,
                         &advertise->options.key) != NULL)
        (void)placement_take(advertise, now, index, bucket, registrar);
}

size_t advertise_placed(const struct advertise *advertise, struct tally_now now,
                        const struct tally_hash *topic)
{
    size_t index = topic_find(advertise, topic), count = 0;
    for (size_t i = 0; i < advertise->options.placements; i++) {
        const struct placement *placement = &advertise->placements[i];
        count += placement->state != PLACEMENT_FREE && placement->topic == index &&
                 now.mono.ms < placement->until.ms;
    }
    return count;
}

bool advertise_holds(const struct advertise *advertise)
{
    unsigned flight = 0;
    for (size_t i = 0; i < advertise->options.placements; i++) {
        const struct placement *placement = &advertise->placements[i];
        struct registrar chosen[REGISTRARS_BUCKET];
        size_t all;
        flight += placement->state == PLACEMENT_ASKED;
        if (placement->state == PLACEMENT_FREE)
            continue;
        chosen_in(advertise, placement->topic, placement->bucket, chosen, &all);
        if (!topic_of(advertise, placement)->used || all > advertise->options.placements / DAYS)
            return false;
        if (key_equal(&placement->registrar.key, &advertise->options.key))
            return false;
    }
    return flight == advertise->flight && flight <= ADVERTISE_FLIGHT;
}

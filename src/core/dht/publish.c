/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/publish.h"

#include "core/base/bytes.h"

#include <assert.h>
#include <stdlib.h>

bool publish_new(struct publish *publish, size_t capacity, uint64_t seed)
{
    assert(capacity > 0);
    *publish = (struct publish){
        .capacity = capacity, .wake = TALLY_NEVER, .gap = UINT64_MAX, .random.state = seed};
    publish->list = calloc(capacity, sizeof *publish->list);
    return publish->list != NULL;
}

void publish_free(struct publish *publish)
{
    free(publish->list);
    *publish = (struct publish){.wake = TALLY_NEVER};
}

static struct publish_item *find(const struct publish *publish, const struct tally_hash *target)
{
    for (size_t i = 0; i < publish->capacity; i++)
        if (publish->list[i].used && hash_equal(&publish->list[i].target, target))
            return &publish->list[i];
    return NULL;
}

static struct publish_item *take(struct publish *publish, enum publish_kind kind,
                                 const struct tally_hash *target)
{
    for (size_t i = 0; i < publish->capacity; i++) {
        struct publish_item *item = &publish->list[i];
        if (item->used)
            continue;
        *item = (struct publish_item){
            .kind = kind, .target = *target, .used = true, .due = TALLY_NEVER};
        return item;
    }
    return NULL;
}

static void plan(struct publish *publish, struct publish_item *item, uint64_t at_ms)
{
    item->due.ms = at_ms;
    if (at_ms < publish->wake.ms)
        publish->wake.ms = at_ms;
}

static uint64_t again_ms(struct publish *publish)
{
    return random_jitter(&publish->random, PUBLISH_AGAIN_MS, PUBLISH_JITTER);
}

/* It is to be put after so long, but not too soon after the last time. */
static void change(struct publish *publish, struct publish_item *item, struct tally_now now,
                   uint64_t wait_ms)
{
    uint64_t rest = item->kind == PUBLISH_RECORD ? PUBLISH_RECORD_MS : PUBLISH_LOG_MS;
    uint64_t at = now.mono.ms + wait_ms;
    if (item->was_put && at < item->put.ms + rest)
        at = item->put.ms + rest;
    item->changed = true;
    plan(publish, item, at);
}

void publish_changed(struct publish *publish, struct tally_now now, enum publish_kind kind,
                     const struct tally_hash *target)
{
    struct publish_item *item = find(publish, target);
    if (item == NULL)
        item = take(publish, kind, target);
    if (item == NULL || item->changed)
        return;
    change(publish, item, now, random_below(&publish->random, PUBLISH_SOON_MS));
}

void publish_gap(struct publish *publish, struct tally_now now, uint64_t gap)
{
    publish->gap = gap;
    for (size_t i = 0; i < publish->capacity; i++) {
        struct publish_item *item = &publish->list[i];
        uint32_t spread = item->kind == PUBLISH_RECORD ? PUBLISH_SOON_MS : PUBLISH_LOG_MS;
        if (item->used && item->was_put && !item->changed && gap < item->gap / 2)
            change(publish, item, now, random_below(&publish->random, spread));
    }
}

void publish_held(struct publish *publish, struct tally_now now, const struct tally_hash *origin)
{
    if (find(publish, origin) != NULL)
        return;
    struct publish_item *item = take(publish, PUBLISH_LOG, origin);
    if (item != NULL)
        plan(publish, item, now.mono.ms + random_below(&publish->random, PUBLISH_AGAIN_MS));
}

void publish_seen(struct publish *publish, struct tally_now now, const struct tally_hash *origin)
{
    struct publish_item *item = find(publish, origin);
    if (item != NULL && !item->changed)
        plan(publish, item, now.mono.ms + again_ms(publish));
}

void publish_forget(struct publish *publish, const struct tally_hash *target)
{
    struct publish_item *item = find(publish, target);
    if (item != NULL)
        *item = (struct publish_item){.used = false};
}

bool publish_next(struct publish *publish, struct tally_now now, struct publish_item *next)
{
    struct publish_item *first = NULL;
    if (now.mono.ms < publish->wake.ms)
        return false;
    publish->wake = TALLY_NEVER;
    for (size_t i = 0; i < publish->capacity; i++) {
        struct publish_item *item = &publish->list[i];
        if (!item->used)
            continue;
        if (item->due.ms < publish->wake.ms)
            publish->wake = item->due;
        if (item->due.ms <= now.mono.ms && (first == NULL || item->due.ms < first->due.ms))
            first = item;
    }
    if (first == NULL)
        return false;
    first->put = now.mono;
    first->was_put = true;
    first->changed = false;
    first->gap = publish->gap;
    plan(publish, first, now.mono.ms + again_ms(publish));
    *next = *first;
    return true;
}

void publish_failed(struct publish *publish, struct tally_now now, const struct tally_hash *target)
{
    struct publish_item *item = find(publish, target);
    if (item != NULL)
        plan(publish, item,
             now.mono.ms + random_jitter(&publish->random, PUBLISH_LOG_MS, PUBLISH_JITTER));
}

struct tally_mono publish_deadline(const struct publish *publish)
{
    return publish->wake;
}

bool publish_holds(const struct publish *publish)
{
    for (size_t i = 0; i < publish->capacity; i++)
        if (publish->list[i].used && publish->list[i].due.ms < publish->wake.ms)
            return false;
    return true;
}

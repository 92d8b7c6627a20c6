/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/held.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool held_new(struct held *held, size_t capacity, const uint8_t key[16])
{
    assert(capacity > 0);
    *held = (struct held){.capacity = capacity};
    memcpy(held->key, key, sizeof held->key);
    held->list = calloc(capacity, sizeof *held->list);
    return held->list != NULL;
}

void held_free(struct held *held)
{
    free(held->list);
    *held = (struct held){.capacity = 0};
}

struct held_log *held_find(const struct held *held, const struct tally_hash *origin)
{
    for (size_t i = 0; i < held->capacity; i++)
        if (held->list[i].used && hash_equal(&held->list[i].origin, origin))
            return &held->list[i];
    return NULL;
}

struct held_log *held_take(struct held *held, const struct tally_hash *origin,
                           struct tally_hash *gone)
{
    struct held_log *place = held_find(held, origin);
    *gone = (struct tally_hash){{0}};
    if (place != NULL)
        return place;
    uint64_t rank = hash_siphash(held->key, bytes_of(origin->bytes, sizeof origin->bytes));
    place = held->list;
    for (size_t i = 0; i < held->capacity && place->used; i++)
        if (!held->list[i].used || held->list[i].rank > place->rank)
            place = &held->list[i];
    if (place->used && place->rank <= rank)
        return NULL;
    if (place->used)
        *gone = place->origin;
    *place = (struct held_log){.used = true, .origin = *origin, .rank = rank};
    return place;
}

void held_record(struct held_log *log, uint64_t size, struct tally_bytes record)
{
    if ((log->record_size != 0 && size <= log->size) || record.size > sizeof log->record)
        return;
    log->size = size;
    log->record_size = (uint16_t)record.size;
    memcpy(log->record, record.data, record.size);
}

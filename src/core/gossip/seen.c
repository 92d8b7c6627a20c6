/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/seen.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool seen_new(struct seen *seen, size_t capacity, const uint8_t hash_key[16], struct tally_now now)
{
    assert(capacity > 0 && capacity < UINT32_MAX / 4);
    size_t slots = 16;
    while (slots < capacity + capacity / 2)
        slots *= 2;
    *seen = (struct seen){.capacity = capacity, .slot_mask = slots - 1, .turned = now.mono};
    memcpy(seen->hash_key, hash_key, sizeof seen->hash_key);
    bool good = true;
    for (size_t i = 0; i < 2; i++) {
        seen->generations[i].ids = calloc(capacity, SEEN_ID);
        seen->generations[i].slots = calloc(slots, sizeof *seen->generations[i].slots);
        good = good && seen->generations[i].ids != NULL && seen->generations[i].slots != NULL;
    }
    if (!good)
        seen_free(seen);
    return good;
}

void seen_free(struct seen *seen)
{
    for (size_t i = 0; i < 2; i++) {
        free(seen->generations[i].ids);
        free(seen->generations[i].slots);
    }
    *seen = (struct seen){.capacity = 0};
}

/* The slot of an id, or the free one where it belongs; of a hint the first that begins so. At most
   two thirds are taken. */
static size_t slot_of(const struct seen *seen, const struct seen_generation *generation,
                      const uint8_t *id, size_t size)
{
    size_t slot = (size_t)hash_siphash(seen->hash_key, bytes_of(id, SEEN_HINT)) & seen->slot_mask;
    for (; generation->slots[slot] != 0; slot = (slot + 1) & seen->slot_mask)
        if (memcmp(generation->ids[generation->slots[slot] - 1], id, size) == 0)
            break;
    return slot;
}

static bool find(const struct seen *seen, struct tally_now now, const uint8_t *id, size_t size)
{
    /* A generation that should have been turned away says nothing any more. */
    uint64_t age = now.mono.ms - seen->turned.ms;
    size_t valid = age < SEEN_GENERATION_MS ? 2 : age < 2 * SEEN_GENERATION_MS ? 1 : 0;
    for (size_t i = 0; i < valid; i++) {
        const struct seen_generation *generation = &seen->generations[i];
        if (generation->slots[slot_of(seen, generation, id, size)] != 0)
            return true;
    }
    return false;
}

bool seen_find(const struct seen *seen, struct tally_now now, const uint8_t id[SEEN_ID])
{
    return find(seen, now, id, SEEN_ID);
}

bool seen_hint(const struct seen *seen, struct tally_now now, const uint8_t hint[SEEN_HINT])
{
    return find(seen, now, hint, SEEN_HINT);
}

static void clear(const struct seen *seen, struct seen_generation *generation)
{
    /* An untouched table stays untouched: the memory of a quiet node is never paged in. */
    if (generation->count > 0)
        memset(generation->slots, 0, (seen->slot_mask + 1) * sizeof *generation->slots);
    generation->count = 0;
}

static void turn(struct seen *seen, struct tally_now now)
{
    struct seen_generation oldest = seen->generations[1];
    seen->generations[1] = seen->generations[0];
    seen->generations[0] = oldest;
    clear(seen, &seen->generations[0]);
    if (now.mono.ms - seen->turned.ms >= 2 * SEEN_GENERATION_MS)
        clear(seen, &seen->generations[1]);
    seen->turned = now.mono;
}

void seen_put(struct seen *seen, struct tally_now now, const uint8_t id[SEEN_ID])
{
    if (now.mono.ms - seen->turned.ms >= SEEN_GENERATION_MS ||
        seen->generations[0].count == seen->capacity)
        turn(seen, now);
    struct seen_generation *newest = &seen->generations[0];
    size_t slot = slot_of(seen, newest, id, SEEN_ID);
    if (newest->slots[slot] != 0)
        return;
    memcpy(newest->ids[newest->count++], id, SEEN_ID);
    newest->slots[slot] = (uint32_t)newest->count;
}

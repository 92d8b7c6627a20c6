/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/places.h"

#include "core/base/bytes.h"
#include "core/base/probing.h"
#include "core/crypto/hash.h"
#include "core/dht/metric.h"

#include <assert.h>
#include <stdlib.h>

bool places_new(struct places *places, const struct places_options *options)
{
    assert(options->capacity > 0 && options->capacity < UINT32_MAX / 4);
    size_t slots = 16;
    while (slots < options->capacity * 2)
        slots *= 2;
    *places = (struct places){.options = *options, .slot_mask = slots - 1};
    places->list = calloc(options->capacity, sizeof *places->list);
    places->slots = calloc(slots, sizeof *places->slots);
    if (places->list != NULL && places->slots != NULL)
        return true;
    places_free(places);
    return false;
}

void places_free(struct places *places)
{
    free(places->list);
    free(places->slots);
    hash_wipe(places, sizeof *places);
}

void places_network(const struct tally_address *address, uint8_t network[PLACES_NETWORK])
{
    size_t prefix = address_prefix(address);
    memset(network, 0, PLACES_NETWORK);
    memcpy(network, address->ip, prefix);
}

bool places_wide(const uint8_t one[PLACES_NETWORK], const uint8_t other[PLACES_NETWORK])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = memcmp(one, mapped, sizeof mapped) == 0;
    return memcmp(one, other, v4 ? 14 : 4) == 0;
}

static size_t home_of(const struct places *places, const struct tally_hash *key)
{
    return (size_t)hash_siphash(places->options.hash_key, bytes_of(key->bytes, 32)) &
           places->slot_mask;
}

/* The slot of a key, or the free one where it belongs. At most half of the slots are taken. */
static size_t slot_of(const struct places *places, const struct tally_hash *key)
{
    size_t slot = home_of(places, key);
    for (; places->slots[slot] != 0; slot = (slot + 1) & places->slot_mask)
        if (hash_equal(&places->list[places->slots[slot] - 1].key, key))
            break;
    return slot;
}

/* Frees a slot and moves up whoever stands behind it only because it was taken. */
static void slot_clear(struct places *places, size_t slot)
{
    size_t mask = places->slot_mask;
    for (size_t next = (slot + 1) & mask; places->slots[next] != 0; next = (next + 1) & mask) {
        size_t home = home_of(places, &places->list[places->slots[next] - 1].key);
        if (!probing_moves_up(home, next, slot, mask))
            continue;
        places->slots[slot] = places->slots[next];
        slot = next;
    }
    places->slots[slot] = 0;
}

static bool taken(const struct place *place, struct tally_now now)
{
    return now.mono.ms < place->until.ms;
}

size_t places_find(const struct places *places, struct tally_now now, const struct tally_hash *key)
{
    uint32_t index = places->slots[slot_of(places, key)];
    return index != 0 && taken(&places->list[index - 1], now) ? index - 1 : PLACES_NONE;
}

/* In a store of a few places a quarter is still what one network may have. */
static size_t wide_most(const struct places_options *options)
{
    size_t most = options->capacity / PLACES_WIDE;
    return most > options->per_network ? most : options->per_network;
}

enum tally_drop places_choose(const struct places *places, struct tally_now now,
                              const struct tally_hash *key, const struct tally_address *address,
                              size_t *index)
{
    const struct places_options *options = &places->options;
    size_t open = PLACES_NONE, farthest = PLACES_NONE;
    size_t of_network = 0, of_wide = 0;
    uint8_t network[PLACES_NETWORK];
    places_network(address, network);
    for (size_t i = 0; i < options->capacity; i++) {
        const struct place *place = &places->list[i];
        if (!taken(place, now)) {
            /* A place of its own that has expired is the one to use: a key is listed once. */
            if (open == PLACES_NONE || (place->listed && hash_equal(&place->key, key)))
                open = i;
            continue;
        }
        of_network += memcmp(place->network, network, sizeof network) == 0;
        of_wide += places_wide(place->network, network);
        if (farthest == PLACES_NONE ||
            metric_compare(&options->point, &place->key, &places->list[farthest].key) > 0)
            farthest = i;
    }
    if (of_network >= options->per_network || of_wide >= wide_most(options))
        return TALLY_DROP_CROWDED;
    *index = open != PLACES_NONE ? open : farthest;
    if (open == PLACES_NONE &&
        metric_compare(&options->point, key, &places->list[farthest].key) >= 0)
        return TALLY_DROP_BUSY;
    return TALLY_DROP_NONE;
}

void places_set(struct places *places, size_t index, const struct tally_hash *key,
                const struct tally_address *address, struct tally_mono until)
{
    struct place *place = &places->list[index];
    assert(index < places->options.capacity);
    if (place->listed)
        slot_clear(places, slot_of(places, &place->key));
    size_t slot = slot_of(places, key);
    assert(places->slots[slot] == 0);
    *place = (struct place){.key = *key, .until = until, .listed = true};
    places_network(address, place->network);
    places->slots[slot] = (uint32_t)(index + 1);
}

void places_keep(struct places *places, size_t index, struct tally_mono until)
{
    assert(index < places->options.capacity && places->list[index].listed);
    places->list[index].until = until;
}

size_t places_count(const struct places *places, struct tally_now now)
{
    size_t count = 0;
    for (size_t i = 0; i < places->options.capacity; i++)
        count += taken(&places->list[i], now);
    return count;
}

bool places_holds(const struct places *places, struct tally_now now)
{
    const struct places_options *options = &places->options;
    size_t listed = 0, slots = 0;
    for (size_t i = 0; i <= places->slot_mask; i++)
        slots += places->slots[i] != 0;
    for (size_t i = 0; i < options->capacity; i++) {
        const struct place *place = &places->list[i];
        size_t of_network = 0, of_wide = 0;
        if (!place->listed)
            continue;
        listed++;
        if (places->slots[slot_of(places, &place->key)] != i + 1)
            return false;
        for (size_t j = 0; j < options->capacity; j++) {
            const struct place *other = &places->list[j];
            of_network += taken(other, now) &&
                          memcmp(other->network, place->network, sizeof place->network) == 0;
            of_wide += taken(other, now) && places_wide(other->network, place->network);
        }
        if (of_network > options->per_network || of_wide > wide_most(options))
            return false;
    }
    return listed == slots;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/pending.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool pending_new(struct pending_table *table, size_t capacity, const uint8_t key[16])
{
    assert(capacity > 0);
    *table = (struct pending_table){.capacity = capacity};
    memcpy(table->key, key, sizeof table->key);
    table->list = calloc(capacity, sizeof *table->list);
    return table->list != NULL;
}

void pending_free(struct pending_table *table)
{
    free(table->list);
    hash_wipe(table, sizeof *table);
}

static bool waits(const struct pending *pending, struct tally_now now)
{
    return now.mono.ms < pending->until.ms;
}

struct pending *pending_of(const struct pending_table *table, struct tally_now now,
                           const struct tally_key *asker, const struct tally_hash *origin)
{
    for (size_t i = 0; i < table->capacity; i++) {
        struct pending *pending = &table->list[i];
        if (waits(pending, now) && key_equal(&pending->asker, asker) &&
            hash_equal(&pending->origin, origin))
            return pending;
    }
    return NULL;
}

bool pending_same(const struct pending *pending, struct tally_bytes record)
{
    return !pending->done && bytes_equal(bytes_of(pending->record, pending->record_size), record);
}

/* Whether one makes way before another: what is over or done, then the oldest. */
static bool sooner(const struct pending *one, const struct pending *other, struct tally_now now)
{
    bool idle = one->done || !waits(one, now), other_idle = other->done || !waits(other, now);
    return idle != other_idle ? idle : one->until.ms < other->until.ms;
}

enum tally_drop pending_choose(const struct pending_table *table, struct tally_now now,
                               const struct tally_key *asker, const struct tally_address *address,
                               const struct tally_hash *origin, struct pending **place)
{
    uint8_t network[PLACES_NETWORK];
    unsigned of_network = 0;
    *place = pending_of(table, now, asker, origin);
    if (*place != NULL)
        return (*place)->until.ms > now.mono.ms + PENDING_MS - PENDING_AGAIN_MS ? TALLY_DROP_BUSY
                                                                                : TALLY_DROP_NONE;
    *place = table->list;
    places_network(address, network);
    for (size_t i = 0; i < table->capacity; i++) {
        struct pending *pending = &table->list[i];
        of_network += waits(pending, now) && memcmp(pending->network, network, sizeof network) == 0;
        if (sooner(pending, *place, now))
            *place = pending;
    }
    return of_network < PENDING_PER_NETWORK ? TALLY_DROP_NONE : TALLY_DROP_CROWDED;
}

void pending_write(struct pending *place, struct tally_now now, const struct tally_key *asker,
                   const struct tally_address *address, const struct proposed *candidate)
{
    *place = (struct pending){
        .asker = *asker,
        .origin = candidate->claim.origin,
        .root = candidate->claim.checkpoint.root,
        .size = candidate->claim.checkpoint.size,
        .epoch = candidate->datagram.epoch,
        .counter = candidate->datagram.counter,
        .until = {now.mono.ms + PENDING_MS},
        .record_size = (uint16_t)candidate->record.size,
    };
    places_network(address, place->network);
    memcpy(place->record, candidate->record.data, candidate->record.size);
}

bool pending_ticket(const struct pending_table *table, struct pending *pending, uint64_t from,
                    const struct tally_hash *from_root)
{
    struct {
        uint8_t asker[32], origin[32], from_root[32], to_root[32], record[DATAGRAM_ID];
        uint8_t from[8], to[8], until[8];
    } of;
    uint8_t ticket[PENDING_TICKET];
    memcpy(of.asker, pending->asker.bytes, sizeof of.asker);
    memcpy(of.origin, pending->origin.bytes, sizeof of.origin);
    memcpy(of.from_root, from_root->bytes, sizeof of.from_root);
    memcpy(of.to_root, pending->root.bytes, sizeof of.to_root);
    datagram_record_id(bytes_of(pending->record, pending->record_size), of.record);
    be64_write(of.from, from);
    be64_write(of.to, pending->size);
    be64_write(of.until, pending->until.ms);
    hash_siphash128(table->key, bytes_of(&of, sizeof of), ticket);
    bool same = hash_same(ticket, pending->ticket, sizeof ticket);
    memcpy(pending->ticket, ticket, sizeof ticket);
    return same;
}

struct pending *pending_find(const struct pending_table *table, struct tally_now now,
                             const uint8_t ticket[PENDING_TICKET])
{
    for (size_t i = 0; i < table->capacity; i++) {
        struct pending *pending = &table->list[i];
        if (waits(pending, now) && !pending->done &&
            hash_same(pending->ticket, ticket, PENDING_TICKET))
            return pending;
    }
    return NULL;
}

bool pending_holds(const struct pending_table *table, struct tally_now now)
{
    for (size_t i = 0; i < table->capacity; i++) {
        const struct pending *pending = &table->list[i];
        unsigned of_network = 0;
        for (size_t j = 0; j < table->capacity; j++)
            of_network += waits(&table->list[j], now) &&
                          memcmp(table->list[j].network, pending->network, PLACES_NETWORK) == 0;
        if (waits(pending, now) &&
            (of_network > PENDING_PER_NETWORK || pending->until.ms > now.mono.ms + PENDING_MS ||
             pending->record_size == 0 || pending->record_size > TALLY_RECORD_MAX))
            return false;
    }
    return true;
}

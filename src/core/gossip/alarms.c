/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/alarms.h"

#include "core/base/bytes.h"
#include "core/log/fork.h"

#include <stdlib.h>

bool alarms_new(struct alarms *alarms, size_t capacity)
{
    *alarms = (struct alarms){.capacity = capacity};
    alarms->list = calloc(capacity, sizeof *alarms->list);
    return alarms->list != NULL;
}

void alarms_free(struct alarms *alarms)
{
    free(alarms->list);
}

const struct alarms_entry *alarms_find(const struct alarms *alarms,
                                       const struct tally_hash *origin_hash)
{
    for (size_t i = 0; i < alarms->count; i++)
        if (hash_equal(&alarms->list[i].origin_hash, origin_hash))
            return &alarms->list[i];
    return NULL;
}

/* The sum of all, in any order; an origin's hash is as good as random. */
static void mark(uint8_t fingerprint[ALARMS_FINGERPRINT], const struct alarms_entry *entry)
{
    for (size_t i = 0; i < ALARMS_FINGERPRINT; i++)
        fingerprint[i] ^= entry->origin_hash.bytes[i];
}

bool alarms_take(struct alarms *alarms, const struct tally_hash *origin_hash,
                 const struct alarm *alarm)
{
    if (alarms->count == alarms->capacity || alarms_find(alarms, origin_hash) != NULL)
        return false;
    struct alarms_entry *entry = &alarms->list[alarms->count];
    struct wire_writer w;
    wire_writer_init(&w, entry->bytes, sizeof entry->bytes);
    entry->kind = (uint8_t)alarm_write(alarm, &w);
    entry->size = (uint16_t)wire_writer_bytes(&w).size;
    entry->origin_hash = *origin_hash;
    if (entry->size == 0)
        return false;
    alarms->count++;
    mark(alarms->fingerprint, entry);
    return true;
}

bool alarms_take_evidence(struct alarms *alarms, const struct tally_hash *origin_hash,
                          struct tally_bytes evidence)
{
    struct fork_notes notes;
    if (!fork_read_notes(evidence, &notes))
        return false;
    const struct alarm alarm = {.first = notes.one,
                                .second = notes.other,
                                .prefix = notes.prefixed ? &notes.prefix : NULL,
                                .proof = notes.proof,
                                .count = notes.count};
    return alarms_take(alarms, origin_hash, &alarm);
}

bool alarms_holds(const struct alarms *alarms)
{
    uint8_t fingerprint[ALARMS_FINGERPRINT] = {0};
    for (size_t i = 0; i < alarms->count; i++)
        mark(fingerprint, &alarms->list[i]);
    return alarms->count <= alarms->capacity &&
           memcmp(fingerprint, alarms->fingerprint, sizeof fingerprint) == 0;
}

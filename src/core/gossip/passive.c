/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/passive.h"

#include "core/base/backoff.h"
#include "core/base/bytes.h"

#include <assert.h>
#include <stdlib.h>

bool passive_new(struct passive *passive, unsigned capacity)
{
    *passive = (struct passive){.capacity = capacity == 0 ? PASSIVE_MAX : capacity};
    passive->cold_count = (passive->capacity * PASSIVE_COLD + PASSIVE_MAX - 1) / PASSIVE_MAX;
    passive->list = calloc(passive->capacity, sizeof *passive->list);
    passive->cold = calloc(passive->cold_count, sizeof *passive->cold);
    return passive->list != NULL && passive->cold != NULL;
}

void passive_free(struct passive *passive)
{
    free(passive->list);
    free(passive->cold);
    *passive = (struct passive){.list = NULL};
}

/* What one peer may fill, and those who came to us. */
static size_t share_of(const struct passive *passive, unsigned of_max)
{
    return (passive->capacity * of_max + PASSIVE_MAX - 1) / PASSIVE_MAX;
}

struct candidate *passive_find(struct passive *passive, const struct tally_key *key)
{
    for (size_t i = 0; i < passive->capacity; i++)
        if (passive->list[i].used && key_equal(&passive->list[i].key, key))
            return &passive->list[i];
    return NULL;
}

/* Whether only strangers speak for it: who that is, and where it lives, may be made up. */
static bool hearsay(const struct candidate *candidate)
{
    return candidate->dialled.ms == 0 &&
           (candidate->source == TALLY_SOURCE_EXCHANGE || candidate->source == TALLY_SOURCE_DHT ||
            candidate->source == TALLY_SOURCE_LINK);
}

static bool cold(const struct passive *passive, const struct tally_address *address,
                 struct tally_now now)
{
    for (size_t i = 0; i < passive->cold_count; i++)
        if (passive->cold[i].until.ms > now.mono.ms &&
            address_equal(&passive->cold[i].address, address))
            return true;
    return false;
}

/* One of those that match, evenly; NULL if there is none. */
enum match { MATCH_BY, MATCH_CAME, MATCH_WORTH };

static unsigned worth(const struct candidate *candidate)
{
    if (candidate->failures > 0)
        return 0;
    return candidate->dialled.ms != 0 ? 3 : hearsay(candidate) ? 1 : 2;
}

static bool matches(const struct candidate *known, const struct candidate *candidate,
                    enum match match)
{
    switch (match) {
    case MATCH_BY:
        return hearsay(known) && known->source == TALLY_SOURCE_EXCHANGE &&
               key_equal(&known->by, &candidate->by);
    case MATCH_CAME:
        return hearsay(known) && known->came;
    case MATCH_WORTH:
        return worth(known) <= worth(candidate);
    }
    return false;
}

/* How many match; *one is one of the least worth among them, evenly. */
static unsigned match_count(struct passive *passive, const struct candidate *candidate,
                            enum match match, struct random *random, struct candidate **one)
{
    unsigned count = 0, equals = 0;
    *one = NULL;
    for (size_t i = 0; i < passive->capacity; i++) {
        struct candidate *known = &passive->list[i];
        if (!known->used || !matches(known, candidate, match))
            continue;
        count++;
        if (*one != NULL && worth(known) > worth(*one))
            continue;
        equals = *one != NULL && worth(known) == worth(*one) ? equals + 1 : 1;
        if (random_below(random, equals) == 0)
            *one = known;
    }
    return count;
}

/* Whether another candidate lives there, or two in that network. */
static bool crowded(const struct passive *passive, const struct candidate *candidate)
{
    unsigned near = 0;
    size_t prefix = address_prefix(&candidate->address);
    for (size_t i = 0; i < passive->capacity; i++) {
        const struct candidate *known = &passive->list[i];
        if (!known->used)
            continue;
        if (address_equal(&known->address, &candidate->address))
            return true;
        near += memcmp(known->address.ip, candidate->address.ip, prefix) == 0;
    }
    return !candidate->local && near >= PASSIVE_PREFIX;
}

/* Where to write a new one; NULL if it is worth less than all that are there. */
static struct candidate *place_for(struct passive *passive, const struct candidate *candidate,
                                   struct random *random)
{
    struct candidate *place, *told, *came;
    bool by = hearsay(candidate) && candidate->source == TALLY_SOURCE_EXCHANGE &&
              match_count(passive, candidate, MATCH_BY, random, &told) >=
                  share_of(passive, PASSIVE_PER_PEER);
    bool full = hearsay(candidate) && candidate->came &&
                match_count(passive, candidate, MATCH_CAME, random, &came) >=
                    share_of(passive, PASSIVE_CAME);
    if (by && full) /* Both at once: only in the place of one that is both. */
        return told->came ? told : NULL;
    if (by || full)
        return by ? told : came;
    for (size_t i = 0; i < passive->capacity; i++)
        if (!passive->list[i].used)
            return &passive->list[i];
    (void)match_count(passive, candidate, MATCH_WORTH, random, &place);
    return place;
}

/* What is new of one that is known: hearsay neither moves nor vouches for whom we got through to.
 */
static void renew(struct candidate *known, const struct candidate *candidate)
{
    if (hearsay(candidate) && !hearsay(known))
        return;
    if (candidate->heard.ms > known->heard.ms)
        known->heard = candidate->heard;
    if (hearsay(candidate) && candidate->source != TALLY_SOURCE_LINK)
        return;
    known->address = candidate->address;
    known->local = candidate->local;
    if (candidate->source < known->source)
        known->source = candidate->source;
    if (candidate->dialled.ms > known->dialled.ms)
        known->dialled = candidate->dialled;
}

struct candidate *passive_put(struct passive *passive, const struct candidate *candidate,
                              struct random *random, struct tally_now now)
{
    struct candidate *known = passive_find(passive, &candidate->key);
    if (known != NULL) {
        renew(known, candidate);
        return known;
    }
    bool old = now.mono.ms - candidate->heard.ms >= PASSIVE_OLD_MS;
    if (hearsay(candidate) &&
        (old || cold(passive, &candidate->address, now) || crowded(passive, candidate)))
        return NULL;
    struct candidate *place = place_for(passive, candidate, random);
    if (place == NULL)
        return NULL;
    passive->count += !place->used;
    *place = *candidate;
    place->used = true;
    place->failures = 0;
    return place;
}

void passive_remove(struct passive *passive, struct candidate *candidate)
{
    assert(candidate->used);
    *candidate = (struct candidate){.used = false};
    passive->count--;
}

void passive_dialled(struct candidate *candidate, struct tally_now now)
{
    candidate->heard = candidate->dialled = now.mono;
    candidate->failures = 0;
    candidate->came = false;
    candidate->rest = (struct tally_mono){0};
}

void passive_failed(struct passive *passive, struct candidate *candidate, struct random *random,
                    struct tally_now now)
{
    if (hearsay(candidate)) {
        passive->cold[passive->cold_turn].address = candidate->address;
        passive->cold[passive->cold_turn].until.ms = now.mono.ms + PASSIVE_COLD_MS;
        passive->cold_turn = (passive->cold_turn + 1) % passive->cold_count;
        passive_remove(passive, candidate);
        return;
    }
    uint64_t rest = backoff_doubled(candidate->lost ? PASSIVE_LOST_MS : PASSIVE_REST_MS,
                                    PASSIVE_REST_CAP_MS, candidate->failures);
    candidate->rest.ms = now.mono.ms + rest + random_below(random, (uint32_t)rest / 5);
    if (candidate->failures < UINT8_MAX)
        candidate->failures++;
}

bool passive_holds(const struct passive *passive)
{
    size_t count = 0, came = 0;
    for (size_t i = 0; i < passive->capacity; i++) {
        const struct candidate *one = &passive->list[i];
        unsigned same = 0;
        if (!one->used)
            continue;
        count++;
        came += hearsay(one) && one->came;
        for (size_t j = 0; j < passive->capacity; j++)
            same += passive->list[j].used && matches(&passive->list[j], one, MATCH_BY);
        if (one->source == TALLY_SOURCE_EXCHANGE && same > share_of(passive, PASSIVE_PER_PEER))
            return false;
    }
    return count == passive->count && came <= share_of(passive, PASSIVE_CAME);
}

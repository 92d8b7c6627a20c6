/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/registrars.h"

#include "core/base/bytes.h"
#include "core/dht/metric.h"
#include "core/dht/places.h"

#include <assert.h>

enum { DAY_S = 86400 };

unsigned registrar_bucket(const struct tally_hash *topic, const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    unsigned shared = metric_shared(topic, &point);
    return shared < REGISTRARS_BUCKETS ? shared : REGISTRARS_BUCKETS - 1;
}

static bool suits(const struct registrar *one, const struct registrar *chosen, size_t count,
                  const struct tally_key *self)
{
    uint8_t network[PLACES_NETWORK], other[PLACES_NETWORK];
    unsigned of_network = 0;
    if (key_equal(&one->key, self))
        return false;
    places_network(&one->address, network);
    for (size_t i = 0; i < count; i++) {
        if (key_equal(&chosen[i].key, &one->key))
            return false;
        places_network(&chosen[i].address, other);
        of_network += memcmp(network, other, sizeof network) == 0;
    }
    return of_network < REGISTRARS_NETWORK;
}

const struct registrar *registrar_choose(struct random *random, const struct registrar *offered,
                                         size_t offered_count, const struct registrar *chosen,
                                         size_t chosen_count, const struct tally_key *self)
{
    const struct registrar *drawn = NULL;
    uint32_t suitable = 0;
    for (size_t i = 0; i < offered_count; i++) {
        if (!suits(&offered[i], chosen, chosen_count, self))
            continue;
        /* The n-th replaces the one drawn so far with a chance of 1/n: all are equally likely. */
        suitable++;
        if (random_below(random, suitable) == 0)
            drawn = &offered[i];
    }
    return drawn;
}

static uint64_t seconds_of(struct tally_wall wall)
{
    return wall.us < 0 ? 0 : (uint64_t)wall.us / 1000000;
}

size_t registrar_days(struct tally_wall wall, uint32_t before_s, uint32_t after_s, uint32_t days[2])
{
    uint64_t seconds = seconds_of(wall);
    uint32_t day = (uint32_t)(seconds / DAY_S), second = (uint32_t)(seconds % DAY_S);
    assert(before_s < DAY_S / 2 && after_s < DAY_S / 2);
    days[0] = day;
    if (second >= DAY_S - before_s) {
        days[1] = day + 1;
        return 2;
    }
    if (second < after_s && day > 0) {
        days[1] = day - 1;
        return 2;
    }
    return 1;
}

uint64_t registrar_until(struct tally_wall wall, uint32_t second)
{
    uint64_t day_ms = DAY_S * UINT64_C(1000);
    uint64_t now_ms = wall.us < 0 ? 0 : (uint64_t)wall.us / 1000 % day_ms;
    uint64_t at_ms = second % DAY_S * UINT64_C(1000);
    return at_ms > now_ms ? at_ms - now_ms : at_ms + day_ms - now_ms;
}

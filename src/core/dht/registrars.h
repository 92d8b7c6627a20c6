/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_REGISTRARS_H
#define DHT_REGISTRARS_H
/*
 * Where advertisers and searchers of a namespace meet (protocols 5.4): under the topic of the day,
 * with registrars in every distance bucket. Bucket b of a topic holds the nodes whose points share
 * exactly b leading bits with it, half of all nodes in bucket 0, so there is no single place that
 * one could occupy.
 */
#include "core/base/random.h"
#include "tally/limits.h"
#include "tally/types.h"

enum {
    REGISTRARS_BUCKETS = 24, /* The last one holds all that share more; as in the routing table. */
    REGISTRARS_BUCKET = 5,   /* Asked in each. */
    REGISTRARS_NETWORK = 2,  /* Of these from one /24 or /48. */
    REGISTRARS_OFFERED = 16, /* To choose from. */
};

struct registrar {
    struct tally_key key;
    struct tally_address address;
};

/* Who knows nodes: at most REGISTRARS_OFFERED of a bucket, in any order. */
struct registrar_source {
    void *context;
    size_t (*find)(void *context, const struct tally_hash *topic, unsigned bucket,
                   struct registrar list[REGISTRARS_OFFERED]);
};

/* The bucket of a node. */
unsigned registrar_bucket(const struct tally_hash *topic, const struct tally_key *key);

/*
 * Chooses one of `offered` at random that is not among the `chosen` of the bucket, not `self`, and
 * not one too many of its network. NULL if there is none.
 */
const struct registrar *registrar_choose(struct random *random, const struct registrar *offered,
                                         size_t offered_count, const struct registrar *chosen,
                                         size_t chosen_count, const struct tally_key *self);

/*
 * The days whose topics count: today, tomorrow in the last `before_s` of the day, yesterday in the
 * first `after_s`. Returns how many, 1 or 2 (both spans are below half a day), today first.
 */
size_t registrar_days(struct tally_wall wall, uint32_t before_s, uint32_t after_s,
                      uint32_t days[2]);

/* Milliseconds until the wall clock shows that second of the day, 1..86,400,000. */
uint64_t registrar_until(struct tally_wall wall, uint32_t second);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_DHT_ROWS_H
#define UNIT_DHT_ROWS_H
/* A routing table of one own key, and others by number: each in a bucket that is asked for, at an
   address of its own. */
#include "core/base/bytes.h"
#include "core/dht/metric.h"
#include "core/dht/table.h"

#include "support/cmocka.h"

enum { NARROW = 3 }; /* A bucket of TABLE_K, as most are. */

static inline struct tally_now at_s(uint64_t s)
{
    return (struct tally_now){{1000000 + s * 1000}, {0}};
}

static inline struct tally_key key_number(uint64_t n)
{
    struct tally_key key = {{7}};
    be64_write(key.bytes + 8, n);
    return key;
}

static const struct tally_key own_key = {{1, 2, 3}};

/* A /24 of its own for each number. */
static inline struct tally_address address_number(uint64_t n)
{
    struct tally_address address = {{[10] = 0xff, [11] = 0xff}, 4001};
    be32_write(address.ip + 12, UINT32_C(0x14000000) + (uint32_t)n * 256 + 9);
    return address;
}

static inline void setup(struct table *table, unsigned contacts_max)
{
    const struct table_options options = {.key = own_key, .contacts_max = contacts_max, .seed = 3};
    assert_true(table_new(table, &options, at_s(0)));
}

static inline unsigned bucket_of(const struct table *table, const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    unsigned shared = metric_shared(&table->point, &point);
    return shared < TABLE_BUCKETS ? shared : TABLE_BUCKETS - 1;
}

/* The next number from *n on whose key falls into that bucket. */
static inline struct tally_key key_in(const struct table *table, unsigned bucket, uint64_t *n)
{
    for (;;) {
        struct tally_key key = key_number((*n)++);
        if (bucket_of(table, &key) == bucket)
            return key;
    }
}

static inline enum tally_drop answered(struct table *table, uint64_t s, const struct tally_key *key,
                                       uint64_t place)
{
    struct tally_address address = address_number(place);
    enum tally_drop drop = table_answered(table, at_s(s), key, &address, 80);
    assert_true(table->count > 100 || table_holds(table)); /* Which takes its time. */
    return drop;
}

static inline const struct contact *find(const struct table *table, const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    return table_find(table, &point);
}

static inline bool is_live(const struct table *table, const struct tally_key *key)
{
    const struct table_bucket *bucket = &table->buckets[bucket_of(table, key)];
    for (unsigned i = 0; i < bucket->count && i < bucket->width; i++)
        if (key_equal(&table->contacts[bucket->list[i]].key, key))
            return true;
    return false;
}

#endif

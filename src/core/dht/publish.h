/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_PUBLISH_H
#define DHT_PUBLISH_H
/*
 * When what is ours to tell goes into the DHT again (protocols 5.3): our peer record, and the value
 * of each log we hold that is not private. Whoever keeps values for others never puts them on, or
 * what nobody holds any more would live for ever; a log's holders do, each 12 h +- 20 %, and
 * whoever is asked to keep a value it holds itself need not put it soon.
 *
 * One log at most each 10 minutes, however fast it grows. Memory is fixed by publish_new.
 */
#include "core/base/random.h"
#include "tally/types.h"

enum {
    PUBLISH_AGAIN_MS = 12 * 60 * 60 * 1000, /* +- 20 %: values are kept for 24 h. */
    PUBLISH_JITTER = 20,                    /* Percent. */
    PUBLISH_LOG_MS = 10 * 60 * 1000,        /* From one put of a log to the next. */
    PUBLISH_RECORD_MS = 60 * 1000,          /* Of our record: new addresses are wanted soon. */
    PUBLISH_SOON_MS = 2000,                 /* What changed waits up to this for more changes. */
};

enum publish_kind { PUBLISH_RECORD, PUBLISH_LOG };

struct publish_item {
    enum publish_kind kind;
    struct tally_hash target; /* Our point, or SHA-256 of the origin. */
    bool used, changed, was_put;
    struct tally_mono put, due;
    uint64_t gap; /* When it was put. */
};

struct publish {
    struct publish_item *list;
    size_t capacity;
    struct tally_mono wake; /* The least due, or earlier. */
    uint64_t gap;           /* As told last; UINT64_MAX: not known. */
    struct random random;
};

/* False without memory. */
bool publish_new(struct publish *publish, size_t capacity, uint64_t seed);
void publish_free(struct publish *publish);

/* Our record, or a log of our own, is new or has changed. Ignored if there is no room. */
void publish_changed(struct publish *publish, struct tally_now now, enum publish_kind kind,
                     const struct tally_hash *target);

/* We hold that log of somebody else's: to be put some time in the next 12 h, and again. */
void publish_held(struct publish *publish, struct tally_now now, const struct tally_hash *origin);

/* Another holder asked us to keep that value as we have it. */
void publish_seen(struct publish *publish, struct tally_now now, const struct tally_hash *origin);

/* So far from each other do nodes stand (table_radius of one). What was put when it was more than
   twice as far is put again. */
void publish_gap(struct publish *publish, struct tally_now now, uint64_t gap);

/* It became private, or is not held any more. */
void publish_forget(struct publish *publish, const struct tally_hash *target);

/* What is to be put now; false if nothing is due. It counts as put. */
bool publish_next(struct publish *publish, struct tally_now now, struct publish_item *item);

/* Nobody, or not all who should, could be asked to keep it: tried again after PUBLISH_LOG_MS. */
void publish_failed(struct publish *publish, struct tally_now now, const struct tally_hash *target);

struct tally_mono publish_deadline(const struct publish *publish);

bool publish_holds(const struct publish *publish);

#endif

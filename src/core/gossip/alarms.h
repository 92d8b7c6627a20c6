/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_ALARMS_H
#define GOSSIP_ALARMS_H
/*
 * The forks that this node knows, each as it is told to who comes later (core/gossip/notice.h): one
 * of each log, since the first ends what is taken of it. Only of logs that are held here, so there
 * are no more of them than logs.
 */
#include "core/gossip/alarm.h"

enum { ALARMS_FINGERPRINT = 16 };

struct alarms_entry {
    struct tally_hash origin_hash;
    uint8_t kind; /* enum tally_kind */
    uint16_t size;
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
};

struct alarms {
    struct alarms_entry *list; /* In the order they came. */
    size_t count, capacity;
    uint8_t fingerprint[ALARMS_FINGERPRINT]; /* Equal where the same logs are forked. */
};

/* False without memory. Untouched memory costs nothing. */
bool alarms_new(struct alarms *alarms, size_t capacity);
void alarms_free(struct alarms *alarms);

const struct alarms_entry *alarms_find(const struct alarms *alarms,
                                       const struct tally_hash *origin_hash);

/* One that was verified; true: it is news, and there was room for it. */
bool alarms_take(struct alarms *alarms, const struct tally_hash *origin_hash,
                 const struct alarm *alarm);

/* The same from evidence (tally/log.h). Two receipts are told by streams alone. */
bool alarms_take_evidence(struct alarms *alarms, const struct tally_hash *origin_hash,
                          struct tally_bytes evidence);

bool alarms_holds(const struct alarms *alarms);

#endif

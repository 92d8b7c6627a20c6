/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_SEEN_H
#define GOSSIP_SEEN_H
/*
 * Ids of records that were met before, in two generations (protocols 2.4, check 8): an id is
 * remembered for 60 to 120 s, or until as many newer ones have come. Ids are hashed under a key,
 * because whoever signs a record can search for one whose id falls where it hurts.
 */
#include "tally/types.h"

enum { SEEN_ID = 16, SEEN_HINT = 8, SEEN_GENERATION_MS = 60000 };

struct seen_generation {
    uint8_t (*ids)[SEEN_ID];
    uint32_t *slots; /* Open addressing: index + 1, 0 is free. */
    size_t count;
};

struct seen {
    struct seen_generation generations[2]; /* The newest first. */
    size_t capacity, slot_mask;
    struct tally_mono turned;
    uint8_t hash_key[16];
};

/* Room for so many ids a generation; false without memory. */
bool seen_new(struct seen *seen, size_t capacity, const uint8_t hash_key[16], struct tally_now now);
void seen_free(struct seen *seen);

bool seen_find(const struct seen *seen, struct tally_now now, const uint8_t id[SEEN_ID]);

/* Whether an id that begins so is among them: a hint only saves a question. */
bool seen_hint(const struct seen *seen, struct tally_now now, const uint8_t hint[SEEN_HINT]);

/* Remembers an id that seen_find did not know. */
void seen_put(struct seen *seen, struct tally_now now, const uint8_t id[SEEN_ID]);

#endif

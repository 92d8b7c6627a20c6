/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_DESK_H
#define DHT_DESK_H
/* A registrar with its clock, and those of a crowd who ask it for a place. */
#include "people.h"

#include "core/base/random.h"
#include "core/dht/topics.h"

struct desk {
    struct topics topics;
    struct verifier verifier;
    struct random random;
    uint64_t ms;
    struct tally_registered answer; /* The last one. */
};

/* With room for so many ads; 0: as usual. */
void desk_init(struct desk *desk, unsigned capacity);
void desk_free(struct desk *desk);

struct tally_hash desk_topic(unsigned number);

/* Asks for a place with an ad as it should be; with a ticket, or NULL. */
enum tally_drop desk_ask(struct desk *desk, struct person *person, const struct tally_hash *topic,
                         const uint8_t *ticket);

/* Whether the last answer says that the ad is placed. */
bool desk_placed(const struct desk *desk);

#endif

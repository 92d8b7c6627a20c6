/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_OUTBOX_H
#define BASE_OUTBOX_H
/*
 * The actions of one step, in order, with an arena for the bytes that do not live elsewhere. A
 * module only ever adds; the node takes. Emptied at the start of each step.
 */
#include "tally/action.h"
#include "tally/limits.h"

struct outbox {
    struct tally_action *actions;
    size_t count, taken, capacity;
    uint8_t *arena;
    size_t used, size;
    uint64_t lost; /* Datagrams that found no room: counted as network loss. */
};

/* Memory is lent by the caller and outlives the outbox. */
void outbox_init(struct outbox *outbox, struct tally_action *actions, size_t capacity,
                 uint8_t *arena, size_t size);
void outbox_clear(struct outbox *outbox);

/* The next action to perform; false when all were taken. */
bool outbox_next(struct outbox *outbox, struct tally_action *action);

/* Room for so many more actions and bytes of arena: bulk work stops before it is used up. */
bool outbox_room(const struct outbox *outbox, size_t actions, size_t bytes);

/* Adds an action and returns it for filling in. There must be room (an assertion). */
struct tally_action *outbox_add(struct outbox *outbox, enum tally_action_kind kind);

/* Arena bytes that live until the next step. There must be room (an assertion). */
uint8_t *outbox_take(struct outbox *outbox, size_t size);

/* Copies bytes into the arena. */
struct tally_bytes outbox_copy(struct outbox *outbox, struct tally_bytes bytes);

/* A datagram, copied. If there is no room it is lost, as the network might have done. */
void outbox_send(struct outbox *outbox, const struct tally_address *to, struct tally_bytes bytes);

#endif

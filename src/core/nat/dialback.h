/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_DIALBACK_H
#define NAT_DIALBACK_H
/*
 * Whether others get through (protocols 7.2): the sides that help. reach.h is who asks.
 *
 * As B, asked by A: the address must have A's IP as we see it, so nobody can be aimed at a third
 * party; it is handed to C, a link in another network than A, and where there is none to any other
 * with another IP; one that is no stranger to A, or does not answer, is followed by another.
 * As C, asked by B: the address must be one that may be dialled, of somebody we had no dealings
 * with lately. A hello with A's nonce is left there, or a stream opened, and nothing is kept.
 *
 * All is said on links, to who asked. All tables are bounded; who is over a bound is refused.
 */
#include "core/base/outbox.h"
#include "core/nat/quota.h"
#include "core/nat/reach.h"
#include "core/peers/parcel.h"

enum {
    DIALBACK_ERRANDS = 8,
    DIALBACK_TRIES = 4,
    DIALBACK_ANSWER_MS = 2000, /* Of a C. */
};

/* One A; all of them as B; as C. */
#define DIALBACK_ASKER_RATE ((struct pace_rate){60000, 4})
#define DIALBACK_ASKED_RATE ((struct pace_rate){2000, 30})
#define DIALBACK_DIAL_RATE  ((struct pace_rate){6000, 10})

struct dialback_options {
    const struct address_policy *policy; /* Outlives it. */
    bool serves;                         /* Helps others at all. */
    uint64_t seed;
};

struct dialback_errand {
    bool used;
    struct tally_key asker;
    struct tally_dial_back ask;
    uint64_t tried[DIALBACK_TRIES]; /* First bytes of keys; the last is being asked. */
    unsigned tries;
    struct tally_mono until;
};

/* All zero until somebody asks. */
struct dialback_tables {
    struct dialback_errand errands[DIALBACK_ERRANDS];
    struct quota askers;
};

struct dialback {
    struct dialback_options options;
    struct dialback_tables *tables;
    struct pace asked, dials;
    struct random random;
};

/* A stream that the node is to open, and to close when the peer has proved its key. */
struct dialback_dial {
    bool any;
    struct tally_key key;
    struct tally_address address;
};

/* False without memory. */
bool dialback_new(struct dialback *dialback, const struct dialback_options *options);
void dialback_free(struct dialback *dialback);

/* From A, whose IP we know to be that of `seen`. NONE, SCOPE (not its own IP, or no address of the
   wide network), BUSY, SEEN (asked already), REFUSED (we help nobody). */
enum tally_drop dialback_ask(struct dialback *dialback, struct tally_now now, struct peers *peers,
                             const struct peer *from, const struct tally_address *seen,
                             const struct tally_dial_back *ask, struct outbox *out);

/* From B. NONE, SELF, SCOPE, BUSY, REFUSED (we are no stranger to that node, or help nobody). */
enum tally_drop dialback_dial(struct dialback *dialback, struct tally_now now, struct peers *peers,
                              struct reach *reach, const struct peer *from,
                              const struct tally_dial_back *ask, struct dialback_dial *dial,
                              struct outbox *out);

/* From C. NONE, UNASKED. */
enum tally_drop dialback_told(struct dialback *dialback, struct tally_now now, struct peers *peers,
                              const struct peer *from, const struct tally_dialled *dialled,
                              struct outbox *out);

struct tally_mono dialback_deadline(const struct dialback *dialback);
void dialback_tick(struct dialback *dialback, struct tally_now now, struct peers *peers,
                   struct outbox *out);

#endif

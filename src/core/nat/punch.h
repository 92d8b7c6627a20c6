/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_PUNCH_H
#define NAT_PUNCH_H
/*
 * Two nodes behind NATs meet (protocols 7.3). A wants a link with D, whose addresses do not answer;
 * it asks B, with whom both have a link, to introduce them. B tells each where it sees the other,
 * and when to begin so that both begin at once; both greet. Whoever comes second finds the way
 * open, since the other's hello has opened it.
 *
 *     A --punch 0: D--> B        B --punch 1: D is there--> A        A --hello--> <--hello-- D
 *                                B --punch 1: A is there--> D
 *
 *     ASKING --punch 1--> WAITING --delay--> GREETING --linked--> over
 *        \___ silence: the next B ___/          \___ in vain: over, and a rest
 *
 * To an address that has not answered go PUNCH_HELLOS hellos, no more, and none again for
 * PUNCH_REST_MS: what B says may be a lie, and the victim's address (reliability 3.1, row 5). That
 * is enough: of two that greet, the one that begins later gets through with its first, the other
 * with its second.
 */
#include "core/base/outbox.h"
#include "core/nat/quota.h"
#include "core/peers/links.h"
#include "core/peers/parcel.h"

enum {
    PUNCH_MAX = 8,         /* Attempts at a time, a half of them other nodes' wish. */
    PUNCH_INTRODUCERS = 4, /* Asked for one peer. */
    PUNCH_ASKED_MS = 2000, /* Then the next. */
    PUNCH_HELLOS = 3,      /* At 0, 60 and 300 ms. */
    PUNCH_ROUNDS = 3,      /* Times that D is told, a second apart: a word may be lost. */
    PUNCH_ROUND_MS = 1000,
    PUNCH_GREET_MS = 4000,  /* From the first hello to the end. */
    PUNCH_AGAIN_MS = 600,   /* The third message, until the welcome is there. */
    PUNCH_REST_MS = 600000, /* An address, or a peer, before it is tried again. */
    PUNCH_ADDRESSES = 64,   /* That were greeted in vain. */
    PUNCH_INTRODUCED = 8,   /* As B: pairs that may still have a word for each other. */
    PUNCH_INTRODUCED_MS = 10000,
    PUNCH_DELAY_MAX_MS = 3000,
    PUNCH_TOKEN = 8,
};

/* As B: one A, one D; as D: one B, all together. */
#define PUNCH_ASKER_RATE  ((struct pace_rate){10000, 6})
#define PUNCH_TARGET_RATE ((struct pace_rate){10000, 6})
#define PUNCH_TELLER_RATE ((struct pace_rate){30000, 2})
#define PUNCH_TOLD_RATE   ((struct pace_rate){6000, 10})

enum punch_state { PUNCH_FREE, PUNCH_ASKING, PUNCH_WAITING, PUNCH_GREETING };

struct punch_attempt {
    enum punch_state state;
    struct tally_key key;
    bool ours; /* We want it; else we were told to. */
    uint8_t wants;
    bool theirs_symmetric;
    uint8_t token[PUNCH_TOKEN];
    struct tally_key asked[PUNCH_INTRODUCERS]; /* The last is the one that counts. */
    unsigned asked_count;
    struct tally_address address;
    unsigned hellos, thirds, rounds;
    struct tally_mono next, began;
};

struct punch_options {
    const struct address_policy *policy; /* Outlives it. */
    bool serves;                         /* Introduces others. */
    uint64_t seed;
    struct tally_secret secret;
    struct tally_trace_window trace;
};

/* All zero until there is something to punch, which most nodes never have. */
struct punch_tables {
    struct punch_attempt attempts[PUNCH_MAX];
    struct punch_spent { /* Addresses greeted in vain, until they rest no more. */
        uint64_t hash;
        uint64_t until_ms;
    } spent[PUNCH_ADDRESSES];
    struct punch_pair {
        struct tally_key asker, target;
        uint8_t token[PUNCH_TOKEN];
        struct tally_mono until;
    } introduced[PUNCH_INTRODUCED];
    struct quota askers, targets, tellers;
};

struct punch {
    struct punch_options options;
    struct punch_tables *tables;
    uint8_t spent_key[16];
    size_t introduced_turn;
    struct pace told;
    struct random random;
    enum tally_nat_kind nat; /* Ours, as the node tells. */
};

/* False without memory. */
bool punch_new(struct punch *punch, const struct punch_options *options,
               const uint8_t spent_key[16]);
void punch_free(struct punch *punch);

/* We want that peer, for PEER_WANTS_*, and have greeted it in vain. If it is in vain again,
   peer->why says why, and it rests. */
void punch_want(struct punch *punch, struct tally_now now, struct peers *peers, struct peer *peer,
                uint8_t wants, struct outbox *out);

/*
 * From a linked peer. As B (role 0): NONE, SELF, REFUSED (we introduce nobody, or have no link with
 * that node), SCOPE (we see one of them at an address that is not of the wide network), BUSY.
 * As A or D (role 1): NONE, SELF, SEEN (linked already, or under way), REFUSED, SCOPE, BUSY.
 * As A (role 2): NONE, UNASKED. The same as B, which passes it on.
 */
enum tally_drop punch_receive(struct punch *punch, struct tally_now now, struct peers *peers,
                              struct peer *from, const struct tally_punch *message,
                              struct outbox *out);

/* A link is up: marked if both had been told of each other. */
void punch_linked(struct punch *punch, struct tally_now now, struct peer *peer);

struct tally_mono punch_deadline(const struct punch *punch);
void punch_tick(struct punch *punch, struct tally_now now, struct peers *peers, struct outbox *out);

bool punch_holds(const struct punch *punch);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_KEEPER_H
#define DHT_KEEPER_H
/* A node that keeps log values, and logs whose announces are put there. */
#include "people.h"

#include "core/base/random.h"
#include "core/dht/values.h"
#include "support/logs.h"
#include "tally/log.h"

/* A node that keeps values, the time there, and what it said last. */
struct keeper {
    struct values values;
    struct verifier verifier;
    struct random random;
    uint64_t ms;
    struct values_answer answer;
    struct values_news news;
};

/* Real signatures; sizes as in `sizes`, the rest is filled in. */
void keeper_init(struct keeper *keeper, const struct values_options *sizes);

/* Somebody puts a record, or extends with a proof; invariants are checked. */
enum tally_drop keeper_put(struct keeper *keeper, const struct person *from,
                           struct tally_bytes record);
enum tally_drop keeper_extend(struct keeper *keeper, const struct person *from,
                              const uint8_t ticket[PENDING_TICKET], const struct tally_hash *hashes,
                              size_t count);

/* A log: who signs it, and its tree. */
struct book {
    struct person *issuer;
    const char *name_space;
    struct logs_tree *tree;
    struct tally_ledger ledger;
    struct tally_hash origin;
};

/* Leaves are those of logs.h, from number `salt` on. The tree is the caller's to free. */
struct book book_of(struct person *issuer, const char *name_space, uint64_t size, uint64_t salt);

/* What an announce of a log at that size says; a liar changes it before it is signed. */
struct announcement {
    struct tally_announce message;
    uint8_t note[TALLY_CHECKPOINT_MAX];
};

void announcement_init(struct announcement *announcement, const struct book *book, uint64_t size,
                       const struct tally_hash *root);
struct tally_bytes announcement_write(const struct announcement *announcement,
                                      struct person *issuer, uint8_t *bytes);

/* The announce of the log at a size, as it is. */
struct tally_bytes book_announce(const struct book *book, uint64_t size, uint8_t *bytes);

/* Whether that is what is kept of the log; an empty one: nothing is. */
bool keeper_has(struct keeper *keeper, const struct book *book, struct tally_bytes record);

#endif

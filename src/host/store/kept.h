/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_KEPT_H
#define STORE_KEPT_H
/* Cosigned checkpoints: KEEP, and what the ledger shows of it. */
#include "host/store/store.h"

struct job;

/* A cosigned checkpoint, as the loop shows it. */
struct store_kept {
    enum tally_kept kind;
    struct tally_hash origin_hash;
    uint8_t *note;
    size_t size;
};

STORE_CHECKED enum tally_error kept_load(struct store *store);
STORE_CHECKED enum tally_error kept_commit(struct store *store, struct job *job);
void kept_settle(struct store *store, struct job *job);
size_t kept_read(const struct store *store, enum tally_kept kind,
                 const struct tally_hash *origin_hash, uint8_t *note, size_t capacity);
bool kept_at(const struct store *store, enum tally_kept kind, size_t index,
             struct tally_hash *origin_hash);
void kept_free(struct store *store);

#endif

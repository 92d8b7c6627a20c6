/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_PRUNE_H
#define STORE_PRUNE_H
/* Bodies of others' receipts that are not kept any more (worker thread). */
#include "host/store/inside.h"

/* Reads the mark of a log; false if it is there and does not say how far. */
bool prune_load(struct store_log *log);

/* Drops the bodies of the first `to` receipts: FORBIDDEN of our own and of statements, FROZEN,
   MISMATCH beyond the checkpoint; FULL, IO and DAMAGED leave the rest to the next. */
STORE_CHECKED enum tally_error prune_log(struct store *store, struct store_log *log, uint64_t to);

/* After a crash: what was begun is done. What cannot be done is tried with the next PRUNE. */
void prune_finish_all(struct store *store);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_EVIDENCE_H
#define STORE_EVIDENCE_H
/* Forks and revocations, which are never removed. For this folder only. */
#include "host/store/inside.h"

/* Puts the file, and the mark in the log's own folder if it freezes; durable when it returns. */
STORE_CHECKED enum tally_error evidence_keep(struct store *store, struct store_log *log,
                                             const struct tally_action *action);
/* At the opening: which revocations and forks there are. A folder that is not there has none. */
STORE_CHECKED enum tally_error evidence_list(struct store *store);
void evidence_free(struct store *store);
/* The ledger's: one of these. */
size_t evidence_show_revocation(void *context, size_t index, uint8_t *bytes, size_t capacity);
size_t evidence_show_fork(void *context, size_t index, uint8_t *bytes, size_t capacity);

#endif

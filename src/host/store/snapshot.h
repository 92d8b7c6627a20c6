/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H
/*
 * A consistent picture of a data directory, taken beside a running node and without its help
 * (operations 3.17). In this order, each part at least as new as the one before:
 *
 *     state.db            by SQLite's backup interface, in one read transaction
 *     notes of each log   checkpoint and signed: the larger is both
 *     its receipts        tiles, entries, bodies up to the size of that note, and large bodies
 *     pruned, frozen      what the node says of them
 *     evidence and the rest
 *
 * The notes come behind the database: what it holds no more as pending is under them then. What
 * lies beyond a note, of a replica, is left out: it is fetched again and proved anew. The key,
 * what is on its way, and what belongs to the running process are left out.
 */
#include "host/store/store.h"

struct store_snapshot {
    const char *into;       /* A folder of mode 0700 that holds nothing the store knows. */
    const char *unfinished; /* A file in it, and one of `data`, that is no part of it. */
    void *context;
    /* So many receipts of so many are copied; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    /* Results. */
    uint64_t logs, receipts;
};

/*
 * `store` is opened read_only with its key. All is durable when OK is returned. Else message is a
 * sentence: FULL, DAMAGED (a file cannot be read: fsck tells more), TOO_LARGE (a file or a path
 * nobody of us wrote), IO, NO_MEMORY.
 */
STORE_CHECKED enum tally_error store_snapshot(struct store *store, struct store_snapshot *snapshot,
                                              char *message, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STATE_H
#define STORE_STATE_H
/*
 * state.db: what changes. SQLite, WAL, synchronous=FULL. Two connections: the worker's, which
 * writes, and the loop's, which reads pending receipts and never waits for the other one.
 *
 *     meta     name, value: epoch; place, where it signed last (store_past)
 *     log      id, origin hash, staged: receipts of a replica that are durable, sealed or not,
 *              indexed: receipts of it that are in the receipt index
 *     pending  own receipts that are acknowledged and not yet in a published checkpoint
 *     receipt  first 8 bytes of a receipt's hash, log, sequence
 */
#include "host/store/disk.h"

#include <sqlite3.h>

enum state_statement {
    STATE_BEGIN,
    STATE_COMMIT,
    STATE_ROLLBACK,
    STATE_META_READ,
    STATE_META_WRITE,
    STATE_LOG_FIND,
    STATE_LOG_ADD,
    STATE_LOG_STAGED,
    STATE_LOG_INDEXED,
    STATE_PENDING_ADD,
    STATE_PENDING_READ,
    STATE_PENDING_DROP,
    STATE_PENDING_SPAN,
    STATE_RECEIPT_ADD,
    STATE_RECEIPT_FIND,
    STATE_STATEMENTS
};

struct state {
    sqlite3 *db;
    sqlite3_stmt *statements[STATE_STATEMENTS]; /* Prepared at first use. */
    struct disk *disk;                          /* Told of I/O errors; NULL: the loop's. */
};

enum state_mode {
    STATE_MAKE, /* Read and write; with its schema if it is new. */
    STATE_SHOW, /* The loop's, and beside a running node: reads only. */
};

/* Opens DIR/state.db. message gets a sentence on failure. */
STORE_CHECKED enum tally_error state_open(struct state *state, struct disk *disk, const char *dir,
                                          enum state_mode mode, char *message, size_t size);
void state_close(struct state *state);

/* A statement ready to be bound, NULL on an error (state_error tells). */
sqlite3_stmt *state_use(struct state *state, enum state_statement which);

/* Runs a bound statement that gives no rows. */
STORE_CHECKED enum tally_error state_run(struct state *state, sqlite3_stmt *statement);
STORE_CHECKED enum tally_error state_do(struct state *state, enum state_statement which);

/* What the last failure means. */
enum tally_error state_error(struct state *state);

/* The row of a log. */
struct state_row {
    int64_t id;
    uint64_t staged, indexed;
};
/* NOT_FOUND without one. */
STORE_CHECKED enum tally_error state_find_log(struct state *state, const struct tally_hash *origin,
                                              struct state_row *row);
/* Made if it is missing. */
STORE_CHECKED enum tally_error state_make_log(struct state *state, const struct tally_hash *origin,
                                              struct state_row *row);
/* Sets one number of it. */
STORE_CHECKED enum tally_error state_set_log(struct state *state, enum state_statement which,
                                             int64_t id, uint64_t value);

/* The pending receipts of a log from a sequence on: how many, the least and the greatest. */
struct state_span {
    uint64_t count, least, most;
};
STORE_CHECKED enum tally_error state_pending_span(struct state *state, int64_t log, uint64_t from,
                                                  struct state_span *span);
STORE_CHECKED enum tally_error state_pending_drop(struct state *state, int64_t log, uint64_t to);

/* One pending receipt. Views live until the next call on the state. */
struct state_pending {
    uint64_t sequence;
    struct tally_bytes envelope, body; /* body.data NULL: it is large and in blob/. */
};

/* Pending receipts [from, to) in order: begin, then next until false, then end (which also tells
   whether a false was an error). */
bool state_pending_begin(struct state *state, int64_t log, uint64_t from, uint64_t to);
bool state_pending_next(struct state *state, struct state_pending *pending);
STORE_CHECKED enum tally_error state_pending_end(struct state *state);

/* PRAGMA quick_check: whether the database is whole, and holds nothing but tables. */
bool state_whole(struct state *state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_H
#define STORE_STORE_H
/*
 * What is durable: logs as plain tlog-tiles folders (log chapter, section 6), SQLite for what
 * changes (durability: reliability chapter, section 5).
 *
 *     DIR/version lock state.db reserve peers.last incoming/ keys/ (not ours)
 *     DIR/forks/<sha256> discrepancies/<sha256> revoked/<sha256>
 *     DIR/witness/<sha256 of origin>/checkpoint
 *     DIR/logs/<sha256 of origin>/origin checkpoint signed cosigned frozen tile/ bodies/
 *                                 blob/<sha256> pruned
 *
 * Threads. One *loop* thread reads through the ledger and calls store_settle. One *worker* at a
 * time is inside store_commit, store_epoch or store_find_receipt, which wait for the disk. The
 * ledger never waits for the worker: it reads its own copy of each log's state, which moves only in
 * store_settle, and files that only ever appear whole.
 *
 * A batch on its way:
 *
 *     loop    job = store_job_new(&action, package)      copies what it needs
 *     worker  store_commit(store, jobs, count)           durable when it returns
 *     loop    store_settle(store, job)                   the ledger shows it from here on
 *     loop    if (store_job_event(job, &event)) step     then store_job_free(job)
 */
#include "tally/action.h"
#include "tally/event.h"
#include "tally/limits.h"
#include "tally/node.h"
#include "tally/windows.h"

#define STORE_CHECKED __attribute__((warn_unused_result))

struct store;
/* A file in a directory into which a backup is being put back: nobody opens it meanwhile. */
#define STORE_RESTORING "restoring"
struct tally_package; /* tally/log.h: a package that passed its checks. */

/* ---- Opening. ---- */

struct store_options {
    const char *dir;             /* Made if it is not there (not when read_only). */
    const struct tally_key *key; /* Our identity: logs it issued are our own. NULL: none is. */
    uint64_t min_free_bytes;     /* Below it nothing is appended; 0: no such limit. */
    bool read_only; /* No lock, nothing is changed, damage is no reason to refuse: beside a
                       running node, and for store_fsck. A picture of this moment. */
    bool foreign;   /* Somebody's copy, on whatever medium: its modes and owner say nothing, since
                       nothing in it is believed. read_only. */
    bool backup;    /* foreign, but a whole directory: its database is read as well. */
};

/*
 * Opens the directory, takes its lock, cuts off what a crash left behind. On failure the result is
 * not TALLY_OK, *store is NULL and message is one sentence for the operator: LOCKED (with the
 * holder's pid), PERMISSION (a mode too wide, another owner, a network file system), NEWER, DAMAGED
 * (a log shorter than what was signed), NOT_FOUND (read_only), FULL, IO, NO_MEMORY.
 */
STORE_CHECKED enum tally_error store_open(const struct store_options *options, struct store **store,
                                          char *message, size_t size);
void store_close(struct store *store);

/* The window for the core. Loop thread only; valid until store_close. */
struct tally_ledger store_ledger(struct store *store);

/* The pid in the lock file of a directory, 0 if no process holds the lock. */
long store_holder(const char *dir);

/* ---- Changing. ---- */

/* One action on its way through the worker. The fields below are results, 0 before. */
struct store_job {
    enum tally_action_kind kind;
    uint64_t ticket; /* The action's; of BODY the package's. */
    enum tally_error error;
    enum tally_drop drop;   /* BODY: NONE or BODY. */
    uint64_t size;          /* APPEND: durable receipts after it. SEAL, PUBLISH: the size. */
    struct tally_hash root; /* SEAL: folded from the tiles read back. */
};

/*
 * A job of an APPEND, SEAL, PUBLISH, KEEP, PRUNE, BODY, RELEASE or EVIDENCE; NULL without memory.
 * Bytes and strings are copied. package is the one an APPEND or BODY names, else NULL; it is
 * borrowed until store_commit returned.
 */
struct store_job *store_job_new(const struct tally_action *action,
                                const struct tally_package *package);
void store_job_free(struct store_job *job);

/*
 * Performs the jobs in order, sharing what must wait for the disk (group commit). Each fails or
 * succeeds by itself and whole. A job's errors: FULL and READ_ONLY (try again when there is space),
 * IO (the store takes nothing more until it is opened again), NOT_FOUND (no such log or range),
 * MISMATCH (does not continue the log, root or body differ from what was said), FROZEN, DAMAGED,
 * TOO_LARGE, NO_MEMORY. On a batch that failed in its shared part all its jobs fail.
 */
void store_commit(struct store *store, struct store_job *const *jobs, size_t count);

/* Lets the ledger show what the job did. In the order of commit, just before its event. */
void store_settle(struct store *store, struct store_job *job);

/* The event that answers a job; false if none does (EVIDENCE, RELEASE, pieces of a BODY). */
bool store_job_event(const struct store_job *job, struct tally_event *event);

/* Whether there is space to append; else the bytes missing. Cheap; any thread. */
bool store_writable(struct store *store, uint64_t *missing_bytes);

/* The boot epoch: above all earlier ones and not below the wall clock's seconds; durable. */
STORE_CHECKED enum tally_error store_epoch(struct store *store, int64_t now_s, uint32_t *epoch);

/*
 * Whether this is the directory that signed last, where it was then (reliability 7). Files that
 * were copied, moved to another disk or put back from a backup are told by the time of change of
 * one that is never written again, which nobody can set; an image of a whole disk is not. UNKNOWN:
 * nobody ever said.
 */
enum tally_past store_past(struct store *store);
/* Says so, or with false that it is not; durable. Worker thread. */
STORE_CHECKED enum tally_error store_vouch(struct store *store, bool last);

/* ---- Asking. ---- */

struct store_place {
    struct tally_hash origin_hash;
    uint64_t index;
};

/*
 * Where the receipt of that hash is; NOT_FOUND if it is not held. Worker thread. The index is
 * built as far as it lags behind, on the first question after an append, so that bulk transfers do
 * not pay for it; read_only reads through the logs instead.
 */
STORE_CHECKED enum tally_error store_find_receipt(struct store *store,
                                                  const struct tally_hash *receipt,
                                                  struct store_place *place);

/* Path of a log's folder, into path: for export and for messages. False if it does not fit. */
bool store_folder(const struct store *store, const struct tally_hash *origin, char *path,
                  size_t size);

/* ---- Hints. ---- */

struct store_peer {
    struct tally_key key;
    struct tally_address address;
};

/* Addresses that answered lately (peers.last). A missing or unreadable file is no peers. Writing is
   for the worker thread. */
size_t store_peers_read(struct store *store, struct store_peer *peers, size_t capacity);
STORE_CHECKED enum tally_error store_peers_write(struct store *store,
                                                 const struct store_peer *peers, size_t count);

/* ---- Checking everything. ---- */

struct store_fsck {
    void *context;
    /* So many receipts of so many are checked; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    /* One thing that is wrong: path below the data directory, and a sentence. */
    void (*report)(void *context, const char *path, const char *sentence);
    /* Results. */
    uint64_t logs, receipts, pending, problems;
    uint64_t pruned; /* Bodies that are not kept any more; no problem. */
};

/*
 * Reads everything back: each envelope's form, signature, sequence and chain, each body's hash,
 * each tile's every hash, each checkpoint's signature and root, the signed size, evidence files,
 * state.db. DAMAGED if anything was reported. Worker thread, or a store opened read_only.
 */
STORE_CHECKED enum tally_error store_fsck(struct store *store, struct store_fsck *fsck);

#endif

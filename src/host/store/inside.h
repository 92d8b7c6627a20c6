/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H
/*
 * Inside the store. What the worker moves (logs, disk, state) and what the loop reads (views) are
 * apart; store_settle carries a job's effect from one to the other, so nothing needs a lock.
 */
#include "host/store/folder.h"
#include "host/store/state.h"
#include "tally/log.h"

enum {
    STORE_LAYOUT = 1,
    STORE_RESERVE = 1 << 20, /* Bytes kept for evidence and checkpoints on a full disk. */
    STORE_UPLOADS = 64,      /* Large bodies on their way: one a package. */
    EVIDENCE_NAME = 65,      /* SHA-256 in hex, and a NUL. */
};

/* A log as the worker knows it. Identity never changes once it is in the store's list. */
struct store_log {
    struct tally_hash origin_hash;
    struct tally_key issuer;
    char origin[TALLY_ORIGIN_MAX + 1], name_space[TALLY_NAMESPACE_MAX + 1];
    struct folder folder;
    int64_t id; /* Its row in state.db; 0 read_only. */
    bool own, frozen;
    uint64_t size; /* Of the stored checkpoint, with its root. */
    struct tally_hash root;
    uint64_t durable; /* Receipts that are acknowledged. */
    uint64_t ahead;   /* The same with those of the open group. */
    uint64_t fetched; /* Own: so many were fetched back from others (fetched.c), >= size. */
    uint64_t indexed; /* Of them in the receipt index. */
    uint64_t pruned;  /* Bodies of so many first receipts are to be gone (prune.c), ... */
    uint64_t erased;  /* ... and of so many are. */
    uint64_t sealed;  /* Size and root of the last seal; 0 before. */
    struct tally_hash sealed_root;
    uint64_t signed_size; /* Own: of the signed file. */
    struct tally_hash signed_root;
    uint8_t *note; /* At opening only: the view takes it. */
    size_t note_size;
};

/* The same log as the loop shows it. */
struct store_view {
    const struct store_log *log; /* Only what never changes. */
    bool frozen;
    uint64_t size, durable, fetched, pruned;
    struct tally_hash root;
    uint8_t *note;
    size_t note_size;
};

/* Room to read bundles into: one a thread. */
struct scratch {
    uint8_t entries[TALLY_ENTRIES_MAX], bodies[TALLY_BODIES_MAX];
    uint8_t more_entries[TALLY_ENTRIES_MAX], more_bodies[TALLY_BODIES_MAX];
    struct tally_hash hashes[TALLY_TILE_WIDTH];
};

/* A large body that arrives in pieces. */
struct upload {
    bool used;
    enum tally_error error; /* Remembered until the package is appended or released. */
    int fd;
    uint64_t package, index;
    uint32_t done, size;
    struct tally_hash hash;
};

/* What lay in revoked/ or forks/ at the start, by name. */
struct evidence_names {
    char (*list)[EVIDENCE_NAME];
    size_t count;
};

struct store {
    char *dir;
    bool read_only, foreign, backup;
    bool has_key;
    struct tally_key key;
    uint64_t min_free;
    int lock;
    struct disk disk;
    struct state state;      /* The worker's connection. */
    struct state loop_state; /* The loop's. */
    struct store_log *logs[TALLY_LOGS_MAX];
    size_t log_count;
    struct store_view views[TALLY_LOGS_MAX];
    size_t view_count;
    struct store_kept *kept;
    size_t kept_count;
    struct scratch *work, *show; /* The worker's, the loop's. */
    struct upload uploads[STORE_UPLOADS];
    struct evidence_names revocations, forks;
};

/* A job and what it carries. */
struct job {
    struct store_job public;
    struct tally_action action; /* Its views lie in `bytes`. */
    const struct tally_package *package;
    struct store_log *log;
    uint8_t *note; /* The action's, allocated apart: the view takes it over. */
    size_t note_size;
    uint64_t end; /* APPEND of a package: behind its last receipt. */
    /* For settle: receipts durable after the job; and if it moved the head, to where. */
    uint64_t durable, fetched, pruned, head;
    struct tally_hash root;
    bool moved, froze;
    uint8_t bytes[];
};

/* ---- log.c: the list of logs ---- */

struct store_log *log_find(struct store *store, const struct tally_hash *origin);
/* Makes the folder and row of a log that is new; the disk has nothing open. */
STORE_CHECKED enum tally_error log_make(struct store *store, const struct tally_log_id *id,
                                        struct store_log **log);
/* Reads all logs at opening; message is a sentence if it fails. */
STORE_CHECKED enum tally_error log_load_all(struct store *store, char *message, size_t size);
/* Fills in who the log of that folder name is; false if its origin file does not say so. */
bool log_identify(const struct store *store, const char *hex, struct store_log *log);
/* The key that signs the log's checkpoints. */
bool log_vkey(const struct store_log *log, struct tally_vkey *vkey);
/* A checkpoint of the log, signature and all; false if it is not one. */
bool log_checkpoint(const struct store_log *log, struct tally_bytes note,
                    struct tally_checkpoint *checkpoint);
/* A window whose verify is libsodium's; it cannot sign. */
extern const struct tally_crypto log_crypto;

/* ---- tree.c: level-0 tiles and bundles, upper tiles, roots ---- */

/* One run of receipts inside a block of 256, to be added behind `first` that are held. */
struct run {
    uint64_t first;
    unsigned count;
    struct tally_bytes entries, bodies; /* In the form of bundles. */
    const struct tally_hash *leaves;
};
/* Puts bundle, bodies and level-0 tile with the run merged into what is held. */
STORE_CHECKED enum tally_error run_put(struct store *store, const struct store_log *log,
                                       const struct run *run);
/* Puts (and, between levels, flushes) the upper tiles of a tree that grows. All below are there. */
STORE_CHECKED enum tally_error tree_raise(struct store *store, const struct store_log *log,
                                          uint64_t from, uint64_t to);
/* The root of the first size receipts from the tiles on disk. */
STORE_CHECKED enum tally_error tree_fold(const struct store_log *log, uint64_t size,
                                         struct tally_hash *root);
/* Removes partial forms below full ones that are new since `from`. */
void tree_tidy(const struct store_log *log, uint64_t from, uint64_t to);
/* Reads receipts [from, to) back and compares hashes with the tiles, bodies with the envelopes. */
STORE_CHECKED enum tally_error tree_read_back(struct store *store, const struct store_log *log,
                                              uint64_t from, uint64_t to);

/* ---- own.c: SEAL and PUBLISH ---- */

STORE_CHECKED enum tally_error own_seal(struct store *store, struct store_log *log, uint64_t size,
                                        struct tally_hash *root);
STORE_CHECKED enum tally_error own_publish(struct store *store, struct store_log *log,
                                           uint64_t size, const struct tally_hash *root,
                                           struct tally_bytes note);
/* Puts the checkpoint file; it counts after disk_flush. */
STORE_CHECKED enum tally_error note_put(struct store *store, const struct store_log *log,
                                        const char *name, struct tally_bytes note);

/* ---- fetched.c: own receipts that come back from others ---- */

/* Puts a run of them; it counts for log->fetched when the disk is flushed. */
STORE_CHECKED enum tally_error fetched_add(struct store *store, struct store_log *log,
                                           const struct run *run);
/* Makes the checkpoint over them that of the log, durable. The tiles are there, with that root. */
STORE_CHECKED enum tally_error fetched_head(struct store *store, struct store_log *log,
                                            uint64_t size, const struct tally_hash *root,
                                            struct tally_bytes note);

/* ---- upload.c: large bodies ---- */

void upload_piece(struct store *store, struct job *job);
void upload_release(struct store *store, uint64_t package);
/* Moves the finished large bodies of a package into the log's folder. */
STORE_CHECKED enum tally_error upload_claim(struct store *store, const struct store_log *log,
                                            const struct job *job);

/* ---- open.c ---- */

/* Gives up the reserve, so that a small file finds room; true if there was one. */
bool reserve_spend(struct store *store);
STORE_CHECKED enum tally_error reserve_keep(struct store *store);

#endif

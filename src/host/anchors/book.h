/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_BOOK_H
#define ANCHORS_BOOK_H
/*
 * The anchors that are kept: one file each, beside the logs they anchor.
 *
 *     DIR/anchors/<sha256 of origin>/<id>.json    DIR/anchors/lock
 *
 * Files and not state.db: a verb adds and verifies beside a running node, which holds that database
 * to itself; a proof that took money and time to make survives a database that is lost; and anybody
 * can look inside. A file appears whole and durable or not at all. Rank is not kept: who is active
 * and who superseded is computed whenever anchors are read, the same by everybody.
 */
#include "host/anchors/token.h"
#include "host/config/complaint.h"

enum {
    BOOK_FILE_MAX = 256 << 10,
    BOOK_RECORDS_MAX = 65536,
    BOOK_BACKEND_MAX = 512,
    BOOK_AUTHORITY_MAX = 32,
};

/* One anchor of one checkpoint. */
struct book_record {
    struct tally_anchor anchor; /* On disk: RECEIVED, VERIFIED, QUARANTINED or REORGED. */
    char id[65];                /* SHA-256 of chain, transaction, origin, size: hex. */
    char origin[256];
    struct tally_hash origin_hash, root;
    uint64_t size;                          /* Of the checkpoint. */
    int64_t received_ms, checked_ms;        /* Wall clock; 0: not yet. */
    int64_t verified_ms;                    /* Since when it is, without a break. */
    bool alarm;                             /* Backends contradicted each other. */
    char authority[BOOK_AUTHORITY_MAX + 1]; /* rfc3161: whose; "" before it is known. */
    char backend[BOOK_BACKEND_MAX];         /* Who was asked last, and said what. */
    struct token_number nonce;              /* Of our request. */
    uint8_t *proof; /* As it came; owned. size 0: chain and transaction alone. */
    size_t proof_size;
    char *note; /* The checkpoint's signed text that was stamped; owned; NULL: its root. */
    /* Who published it, as it is kept, in its own log `anchors`: it may be held against nobody
       else. has_publisher false: an operator brought it. */
    bool has_publisher;
    struct tally_key publisher;
    uint64_t published; /* The index of that receipt. */
};

struct book {
    char data[4096];
    int lock; /* Held while anything is changed; -1: only read. */
};

/* Opens the anchors of a data directory; to change them also takes their lock, and waits for it.
   OK also where there are none yet. */
enum tally_error book_open(struct book *book, const char *data, bool change,
                           struct complaint *complaint);
void book_close(struct book *book);

/* Makes the id from chain, transaction, origin and size. */
void book_name(struct book_record *record);

/* Keeps a record, new or changed: durable when it returns OK. */
enum tally_error book_put(struct book *book, const struct book_record *record,
                          struct complaint *complaint);

/* Records, on the heap, in order of origin, size and rank, states and winners set. */
struct book_list {
    struct book_record **records;
    size_t count, damaged; /* Files that cannot be read. */
};

/* Those of a log, or of all (NULL). prefer_earliest may be NULL. Free with book_list_free. */
enum tally_error book_load(const struct book *book, const struct tally_hash *origin,
                           bool (*prefer_earliest)(void *context, const char *origin),
                           void *context, struct book_list *list, struct complaint *complaint);
void book_list_free(struct book_list *list);
void book_record_free(struct book_record *record);

/* What a list says of one checkpoint: its best anchor and its earliest, with how many there are of
   any state. Only anchors of exactly this root count. */
struct book_answer {
    const struct book_record *best, *earliest; /* NULL: none is verified. */
    size_t count;
};
struct book_answer book_of(const struct book_list *list, const struct tally_hash *origin,
                           uint64_t size, const struct tally_hash *root);

#endif

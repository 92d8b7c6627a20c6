/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_WITNESS_H
#define TALLY_WITNESS_H
/*
 * Witnessing (C2SP tlog-witness): bytes of requests and answers, and what a witness says to a
 * request. Log chapter, section 5. Pure; whoever asks these functions keeps what was cosigned, and
 * makes it durable before an answer leaves. Views lie in the bytes that were read.
 */
#include "tally/note.h"

enum {
    TALLY_WITNESS_REQUEST_MAX = 64 << 10, /* Bytes of a request (log chapter 5.1). */
    TALLY_WITNESS_ASK_MAX = 10 << 10,     /* Of ours: one server refuses more (5.2, rule 6). */
    TALLY_WITNESS_LOG_KEYS_MAX = 4,       /* Keys that sign one log: before and after a rotation. */
    TALLY_WITNESS_AHEAD_S = 600,          /* Times further ahead than this are refused (4). */
    /* What is kept of a log: its checkpoint, with the log's signatures and one of ours. */
    TALLY_WITNESS_NOTE_MAX = 4096,
};

/* The answer, as HTTP counts it. */
enum tally_witness_status {
    TALLY_WITNESS_COSIGNED = 200,
    TALLY_WITNESS_MALFORMED = 400,
    TALLY_WITNESS_UNSIGNED = 403, /* Not signed by a key of the log; or wrongly. */
    TALLY_WITNESS_UNKNOWN = 404,  /* Not a log that is witnessed here. */
    TALLY_WITNESS_CONFLICT = 409, /* `old` is not what was cosigned last; the body says what was. */
    TALLY_WITNESS_TOO_LARGE = 413,
    TALLY_WITNESS_UNPROVEN = 422,
    TALLY_WITNESS_BUSY = 429,        /* Too many of this log, or one is under way. */
    TALLY_WITNESS_UNAVAILABLE = 503, /* Nothing can be made durable now, or there is no key. */
};

/* The content type of the body of a 409, without any parameter (5.1). */
#define TALLY_WITNESS_SIZE_TYPE "text/x.tlog.size"

struct tally_witness_request {
    uint64_t old; /* The size the log believes was cosigned last. */
    size_t count;
    struct tally_hash proof[TALLY_PROOF_MAX];
    struct tally_bytes bytes; /* The note. */
    struct tally_note note;
    struct tally_bytes origin; /* Its first line. */
};

/* Step 1 of the server: NONE or MALFORMED (400). Nothing is hashed or verified. */
enum tally_drop tally_witness_read(struct tally_bytes bytes, struct tally_witness_request *request);

/* A request from its old size, proof and note; bytes written, 0 if they do not fit. */
size_t tally_witness_write(uint64_t old, const struct tally_hash *proof, size_t count,
                           struct tally_bytes note, uint8_t *bytes, size_t capacity);

/* What a witness cosigned last for a log. All zero: nothing. */
struct tally_witnessed {
    uint64_t size;
    struct tally_hash root;
    uint64_t time_s;
};

struct tally_witness_verdict {
    enum tally_witness_status status; /* COSIGNED: it may be signed, once it is durable. */
    bool refresh;                     /* COSIGNED: the same tree again. */
    bool fork; /* UNPROVEN: this note and the one held are of one size and two roots. */
    struct tally_checkpoint checkpoint; /* From step 5 on. */
};

/*
 * Steps 3 to 10 of the server, in their order; step 2, whether the origin is witnessed at all, is
 * the caller's, and so are the log's keys. `held` is what was cosigned last. Costs at most a
 * signature for each line of a known key, then at most 126 hashes.
 */
void tally_witness_judge(const struct tally_witness_request *request, const struct tally_vkey *keys,
                         size_t key_count, const struct tally_witnessed *held,
                         const struct tally_crypto *crypto, struct tally_witness_verdict *verdict);

/*
 * Step 11: what is to be made durable, and then shown: the checkpoint with the lines of the log's
 * keys and our cosignature, whose last line is the answer. `time_s` is the clock's; the time that
 * is signed is never below that of `held`, which becomes what is held now. Bytes written, 0 if it
 * is too large for note.
 */
size_t tally_witness_sign(const struct tally_witness_request *request,
                          const struct tally_vkey *keys, size_t key_count,
                          const struct tally_vkey *witness, uint64_t time_s,
                          const struct tally_crypto *crypto, struct tally_witnessed *held,
                          uint8_t note[TALLY_WITNESS_NOTE_MAX], struct tally_bytes *line);

/* Reads back what was made durable: NONE, MALFORMED, KEY or FORGED (not our cosignature). */
enum tally_drop tally_witness_open(struct tally_bytes note, const struct tally_vkey *witness,
                                   const struct tally_crypto *crypto, struct tally_witnessed *held,
                                   struct tally_checkpoint *checkpoint);

/* ---- The client (log chapter 5.2). ---- */

/* The body of a 409: a number and \n. False for anything else. */
bool tally_witness_read_size(struct tally_bytes body, uint64_t *size);

/*
 * Adds the lines of a 200 to a note: those of `witness` that are good, not further ahead than
 * TALLY_WITNESS_AHEAD_S of now_s; in place of an older line of that witness. Others are left out.
 * Bytes written into `merged`, with the time of the line; 0 if there is no such line, or no room.
 */
size_t tally_witness_merge(struct tally_bytes note, struct tally_bytes lines,
                           const struct tally_vkey *witness, uint64_t now_s,
                           const struct tally_crypto *crypto, uint8_t *merged, size_t capacity,
                           uint64_t *time_s);

/* ---- Of a node (tally/node.h). ---- */

struct tally_node;

/* A log of somebody who has no node, or none we know: its origin and the key that signs it. */
struct tally_foreign_log {
    const char *origin; /* NUL-terminated; need not be the key's name. */
    struct tally_vkey vkey;
};

/* One of our logs, and one of those who are asked to cosign it. */
struct tally_cosigned_view {
    struct tally_key party;
    bool has_key; /* It showed us its witness key: that is the vkey. */
    struct tally_vkey vkey;
    bool connected;
    struct tally_hash origin_hash; /* Of our log. */
    uint64_t head;                 /* Its size. */
    uint64_t size, time_s;         /* What it cosigned last in this life; 0: nothing. */
    unsigned status;               /* Its last answer, as HTTP has it; 0: none. */
    unsigned rounds, refused;      /* Answers in this life: cosigned, others. */
    const char *url;        /* It is no party, and asked there: `party` is its witness key. */
    enum tally_error error; /* Of that one, why its last answer did not come; OK. */
    bool disbelieved;       /* Its last answer said 200, without a good cosignature of that tree. */
};
/* The one of that index; false past the last. */
bool tally_node_cosigned(const struct tally_node *node, size_t index,
                         struct tally_cosigned_view *view);

/* Whether anything was ever stated of a witness with that key, as one that is no party: also that
   it is not asked. */
bool tally_node_outside(const struct tally_node *node, const struct tally_key *key);

/* What its last answer was, and what follows, in one short phrase; "" before the first. */
const char *tally_cosigned_words(const struct tally_cosigned_view *view);

/* Stable words for statuses: "cosigned", "conflict", … and "another" for what is none of these. */
const char *tally_witness_name(unsigned status);

#endif

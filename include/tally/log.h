/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_LOG_H
#define TALLY_LOG_H
/*
 * Logs as seen from outside: who signs them, what was signed, and how to prove it. Formats are
 * those of the C2SP specifications (signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof) and
 * RFC 6962, byte for byte (docs: log chapter 1-7). All functions are pure and allocate nothing.
 */
#include "tally/action.h"
#include "tally/error.h"
#include "tally/limits.h"
#include "tally/merkle.h"
#include "tally/note.h"
#include "tally/receipt.h"
#include "tally/types.h"
#include "tally/windows.h"

/* ---- Origins: the names of logs (log chapter 3.1). ---- */

enum { TALLY_DID_SIZE = 56 }; /* Characters of did:key:z6Mk..., without a NUL. */

/* The did:key of an Ed25519 key, NUL-terminated. */
void tally_did_write(const struct tally_key *key, char did[TALLY_DID_SIZE + 1]);

/* Reads a did:key of an Ed25519 key; false for anything else. If kind is not NULL it names the key
   type that was found ("Ed25519", "X25519", "P-256" ...), or NULL if it is no did:key at all. */
bool tally_did_read(struct tally_bytes did, struct tally_key *key, const char **kind);

/* The default origin «did:key:z6Mk.../namespace», NUL-terminated; its size without the NUL. */
size_t tally_origin_write(const struct tally_key *issuer, struct tally_bytes name_space,
                          char origin[TALLY_ORIGIN_MAX + 1]);

/* Splits a default origin; false if it is not one. name_space is a view into origin. */
bool tally_origin_read(struct tally_bytes origin, struct tally_key *issuer,
                       struct tally_bytes *name_space);

/* SHA-256 of the origin: the name of its folder, and how messages name the log. */
void tally_origin_hash(struct tally_bytes origin, struct tally_hash *hash);

/* ---- Proof files (C2SP tlog-proof, log chapter 7). ---- */

/* Bytes of a proof file beside its note, at most. */
enum { TALLY_PROOF_HEAD_MAX = 64 + TALLY_PROOF_MAX * 45 };

struct tally_proof {
    uint64_t index;
    size_t count;
    struct tally_hash hashes[TALLY_PROOF_MAX];
    struct tally_bytes note; /* A view into what was read. */
};

/* Bytes written; 0 if they do not fit into capacity. */
size_t tally_proof_write(const struct tally_proof *proof, uint8_t *bytes, size_t capacity);

/* NONE or MALFORMED. The note is not looked into. */
enum tally_drop tally_proof_read(struct tally_bytes bytes, struct tally_proof *proof);

/* Why a proof is refused, in the order of the checks. */
#define TALLY_PROOF_VERDICTS(X)                                                                    \
    X(GOOD, "the receipt is in the log")                                                           \
    X(FORM, "this is not a c2sp.org/tlog-proof@v1 file")                                           \
    X(NOTE, "the note in the proof is not a signed note")                                          \
    X(CHECKPOINT, "the note in the proof is not a checkpoint")                                     \
    X(ORIGIN, "the checkpoint is of another log than the key's")                                   \
    X(UNSIGNED, "the checkpoint is not signed by the key")                                         \
    X(FORGED, "a signature on the checkpoint is wrong")                                            \
    X(INDEX, "the index is not below the checkpoint's size")                                       \
    X(PATH, "the hashes do not lead from this receipt to the checkpoint's root")

enum tally_proof_verdict {
#define X(name, text) TALLY_PROOF_##name,
    TALLY_PROOF_VERDICTS(X)
#undef X
};

const char *tally_proof_text(enum tally_proof_verdict verdict);

/*
 * Checks a proof file: that the entry with this leaf hash is in the log whose checkpoint is signed
 * by keys[0], the log's key, whose name must be the origin. keys == NULL: the key follows from a
 * did:key origin. Further keys are cosigners: a wrong signature of one refuses the note, how many
 * signed is told in `marks` (one for each key, may be NULL). *checkpoint is set from CHECKPOINT on.
 */
enum tally_proof_verdict tally_proof_check(struct tally_bytes bytes, const struct tally_hash *leaf,
                                           const struct tally_vkey *keys, size_t key_count,
                                           const struct tally_crypto *crypto,
                                           struct tally_proof *proof,
                                           struct tally_checkpoint *checkpoint,
                                           struct tally_mark *marks);

/* ---- Fork evidence: one file that proves by itself that an issuer contradicted itself. ---- */

enum tally_fork_kind {
    TALLY_FORK_NOTES,    /* Two signed checkpoints of one size with two roots. */
    TALLY_FORK_PREFIX,   /* Two of two sizes; the larger tree begins otherwise than the smaller. */
    TALLY_FORK_RECEIPTS, /* Two signed receipts at one place of one log. */
};

/* Largest evidence file: two checkpoints with one signature, and a proof. */
enum { TALLY_FORK_MAX = 128 + 2 * TALLY_CHECKPOINT_MAX + (TALLY_PROOF_MAX + 1) * 45 };

struct tally_fork {
    enum tally_fork_kind kind;
    struct tally_key issuer; /* Whose signature contradicts itself. */
    char origin[TALLY_ORIGIN_MAX + 1];
    uint64_t size; /* The fork is at or below this size. */
};

/*
 * Evidence from two notes, in either order. For two sizes: `prefix` is the root that the larger
 * tree has at the smaller size, and `proof` the consistency proof between them; NULL and 0 for one
 * size. The bytes are the same whoever writes them: smaller size (or root) first, only the log's
 * own signature. Returns their size, 0 if the notes prove no fork (then nothing is written). vkey
 * NULL: the key follows from the origin.
 */
size_t tally_fork_write(struct tally_bytes one, struct tally_bytes other,
                        const struct tally_hash *prefix, const struct tally_hash *proof,
                        size_t count, const struct tally_vkey *vkey,
                        const struct tally_crypto *crypto, uint8_t bytes[TALLY_FORK_MAX]);

/* The same from two envelopes of one issuer, namespace and sequence. */
size_t tally_fork_write_receipts(struct tally_bytes one, struct tally_bytes other,
                                 const struct tally_crypto *crypto, uint8_t bytes[TALLY_FORK_MAX]);

/* Verifies evidence offline: NONE, MALFORMED, KEY (no key for the origin), FORGED (a signature is
   wrong), PROOF (nothing contradicts). On NONE *fork says who and where. */
enum tally_drop tally_fork_check(struct tally_bytes bytes, const struct tally_vkey *vkey,
                                 const struct tally_crypto *crypto, struct tally_fork *fork);

/* ---- Packages: a run of receipts inside one block of 256, as it travels (protocols 9.2). ---- */

enum {
    TALLY_ENTRIES_MAX = 256 * (2 + TALLY_ENVELOPE_MAX),   /* Bytes of an entry bundle. */
    TALLY_BODIES_MAX = 256 * (4 + TALLY_BODY_INLINE_MAX), /* Bytes of a body bundle. */
};

/* Length in a body bundle that stands for a body that is not in it. */
#define TALLY_BODY_ABSENT 0xffffffffu

struct tally_package {
    /* The caller's buffers, of TALLY_ENTRIES_MAX and TALLY_BODIES_MAX bytes. open fills them with
       the bytes of the bundles for [first, end). */
    uint8_t *entries, *bodies;
    size_t entries_size, bodies_size;
    unsigned count;                             /* end - first. */
    struct tally_hash leaves[TALLY_TILE_WIDTH]; /* Of [first, end). */
    struct tally_hash subtree;                  /* Root of [first rounded down to 256, end). */
    struct tally_hash previous; /* The package's claim: envelope first - 1; zero at first 0. */
    struct tally_hash last;     /* Hash of envelope end - 1. */
    uint8_t
        large[TALLY_TILE_WIDTH]; /* Offsets from first of receipts whose bodies are not in it. */
    unsigned large_count;
};

/* Whether [first, end) is a package: not empty, in one block of 256, below 2^63. */
bool tally_package_range(uint64_t first, uint64_t end);

/*
 * Opens a compact package: rebuilds every envelope, checks form, chain and (if the job asks) every
 * signature. NONE, MALFORMED or FORGED; on anything but NONE what *package holds is undefined.
 * A package that was tampered with but whose signatures are not asked for has another subtree.
 * Runs on any thread, allocates nothing.
 */
enum tally_drop tally_package_open(const struct tally_package_job *job, struct tally_bytes compact,
                                   const struct tally_crypto *crypto,
                                   struct tally_package *package);

/*
 * Writes the compact form of [first, end) from bundles as stored: entries and bodies hold the
 * receipts of [first, end) and nothing else (tally_entries_skip). NONE with *size set; CHAIN if the
 * envelopes are not that run of one log; BODY if a body is not the receipt's, or one of a statement
 * absent; BUSY if it does not fit into capacity (TALLY_PACKAGE_MAX always does).
 */
enum tally_drop tally_package_write(uint64_t first, uint64_t end, struct tally_bytes entries,
                                    struct tally_bytes bodies, uint8_t *compact, size_t capacity,
                                    size_t *size);

/* Bytes of the first `count` items of an entry or body bundle; false if there are fewer. */
bool tally_entries_skip(struct tally_bytes entries, unsigned count, size_t *size);
bool tally_bodies_skip(struct tally_bytes bodies, unsigned count, size_t *size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_WINDOWS_H
#define TALLY_WINDOWS_H
/*
 * The four windows: the only function pointers between core and host. Each is read-only or
 * write-only and cannot reach the node. They are called during a step, on its thread, and must not
 * block longer than reading a file that is in the page cache.
 */
#include "tally/trace.h"
#include "tally/types.h"

/* What a host holds of one log. Strings live until the next step. */
struct tally_log_view {
    struct tally_hash origin_hash; /* SHA-256 of the origin: the name of its folder. */
    struct tally_key issuer;       /* Who signs it. */
    const char *origin;            /* NUL-terminated, at most TALLY_ORIGIN_MAX bytes. */
    const char *name_space;        /* NUL-terminated. */
    uint64_t size;                 /* Of the stored checkpoint; 0 without one. */
    struct tally_hash root;        /* Of that checkpoint. */
    uint64_t durable;              /* Receipts on disk, sealed or not, >= size. */
    uint64_t fetched;              /* Own: so many were fetched back from others, >= size; those
                                      beyond size count when the checkpoint over them comes. */
    uint64_t pruned;               /* Bodies of so many first receipts were dropped by PRUNE. */
    bool own;                      /* The issuer is this node. */
    bool frozen;                   /* A fork of its issuer is proved. */
};

/* Reads what is durable. Results are what was last reported by APPENDED, SEALED or at start. */
struct tally_ledger {
    void *context;
    /* The log of that index, in a fixed order for the run; false past the last. */
    bool (*log)(void *context, size_t index, struct tally_log_view *view);
    /* The log of that origin; false if it is not held. */
    bool (*find)(void *context, const struct tally_hash *origin, struct tally_log_view *view);
    /* The stored checkpoint note; bytes written, 0 if there is none or it does not fit. */
    size_t (*checkpoint)(void *context, const struct tally_hash *origin, uint8_t *note,
                         size_t capacity);
    /* The first `width` (1..256) hashes of tile (level, index) into hashes; false if not held. */
    bool (*tile)(void *context, const struct tally_hash *origin, unsigned level, uint64_t index,
                 unsigned width, struct tally_hash *hashes);
    /* Entry bundle `index` as stored, (u16 length || envelope)*, the first `width` entries. Bytes
       written, 0 if it is not held or does not fit. */
    size_t (*entries)(void *context, const struct tally_hash *origin, uint64_t index,
                      unsigned width, uint8_t *bytes, size_t capacity);
    /* One envelope, sealed or pending; bytes written, 0 if it is not held or does not fit. */
    size_t (*entry)(void *context, const struct tally_hash *origin, uint64_t index,
                    uint8_t *envelope, size_t capacity);
    /* Body bundle `index` as stored, (u32 length || body)*, the first `width` ones; length
       0xffffffff stands for a body that is not in the bundle: large, pruned or not held. Bytes
       written, 0 if the bundle is not held or does not fit. */
    size_t (*bodies)(void *context, const struct tally_hash *origin, uint64_t index, unsigned width,
                     uint8_t *bytes, size_t capacity);
    /* A piece of the body of one receipt, large or not: its whole size in *size, and the bytes
       from offset on, at most capacity of them. False if it is not there: *size is its size where
       the envelope is held and the body pruned, withheld or never came; else 0. */
    bool (*body)(void *context, const struct tally_hash *origin, uint64_t index, size_t offset,
                 uint8_t *bytes, size_t capacity, size_t *size);
    /* The revocation of that index, as an EVIDENCE brought it, in an order that is fixed at the
       start; bytes written, 0 past the last. NULL: none is kept. */
    size_t (*revocation)(void *context, size_t index, uint8_t *bytes, size_t capacity);
    /* The same of forks (tally_fork_check). */
    size_t (*forked)(void *context, size_t index, uint8_t *bytes, size_t capacity);
    /* A note that KEEP made durable, for the log of that origin; bytes written, 0 if there is none
       or it does not fit. And for which logs there is one, in any order; false past the last. Both
       NULL: none is ever kept. */
    size_t (*kept)(void *context, enum tally_kept kind, const struct tally_hash *origin,
                   uint8_t *note, size_t capacity);
    bool (*kept_at)(void *context, enum tally_kept kind, size_t index, struct tally_hash *origin);
};

/*
 * The key that cosigns other people's checkpoints and nothing else (note type 04, log chapter 9).
 * The core never sees it. All NULL: this node is no witness.
 */
struct tally_cosigner {
    void *context;
    /* Its public half. `make`: made durable first if there is none yet, which happens once in a
       node's life. False: there is none, or it cannot be made now. */
    bool (*key)(void *context, bool make, struct tally_key *key);
    /* Ed25519 by it over the message as it stands. */
    void (*sign)(void *context, struct tally_bytes message, struct tally_signature *signature);
};

/* Draws unpredictable bytes: keys and nonces, never jitter. Must not fail. */
struct tally_secret {
    void *context;
    void (*draw)(void *context, uint8_t *bytes, size_t size);
};

/* What streams are sealed with, in the simulator alone; others understand what is said here. */
struct tally_sealing {
    /* X25519 (RFC 7748): the public key of a secret one; the shared secret, false if all zero. */
    void (*public_of)(const uint8_t secret[32], uint8_t public_key[32]);
    bool (*shared)(const uint8_t secret[32], const uint8_t public_key[32], uint8_t shared[32]);
    /* ChaCha20-Poly1305 (RFC 8439) with a nonce of Noise, in place or not; 16 bytes more. False,
       and nothing written: it was altered, or is too short. */
    void (*seal)(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
                 struct tally_bytes plain, uint8_t *out);
    bool (*unseal)(const uint8_t key[32], uint64_t nonce, struct tally_bytes data,
                   struct tally_bytes sealed, uint8_t *out);
};

/*
 * Pure functions under the node's own key, which the core never sees. The daemon has libsodium
 * behind it; the simulator may remember verdicts or use a fast stand-in.
 */
struct tally_crypto {
    void *context;
    /* Ed25519 (RFC 8032) over the message as it stands; its domain is already in front. */
    void (*sign)(void *context, struct tally_bytes message, struct tally_signature *signature);
    /* libsodium's rule: refuses small-order and non-canonical points. */
    bool (*verify)(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature);
    /* X25519 of our identity and theirs, both converted from Ed25519; false if all zero. */
    bool (*exchange)(void *context, const struct tally_key *peer, uint8_t shared[32]);
    /* The tag of a link datagram, of 16 bytes, under the key of its direction; NULL: keyed
       BLAKE2b (RFC 7693), which is what others will make of it. */
    void (*tag)(void *context, const uint8_t key[32], struct tally_bytes head,
                struct tally_bytes tail, uint8_t tag[16]);
};

/* Says what happened. Values in the trace are valid during the call only. */
struct tally_trace_window {
    void *context;
    void (*say)(void *context, struct tally_now now, const struct tally_trace *trace);
};

#endif

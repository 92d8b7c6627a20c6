/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_RECEIPT_H
#define TALLY_RECEIPT_H
/*
 * Receipts: signed records, one form only (docs: product, «The receipt, byte by byte»).
 *
 * An *envelope* is a MessagePack array of twelve: version, issuer, namespace, sequence, previous,
 * time, type, profile, references, body hash, body size, signature. Everything here is pure:
 * nothing allocates, nothing is kept.
 */
#include "tally/error.h"
#include "tally/limits.h"
#include "tally/types.h"
#include "tally/windows.h"

/* What a reference points to. Readers keep kinds they do not know; they are 0..255. */
enum tally_reference_kind {
    TALLY_REFERENCE_RECEIPT = 1,    /* SHA-256 of an envelope. */
    TALLY_REFERENCE_CHECKPOINT = 2, /* SHA-256 of a checkpoint's text, without signatures. */
    TALLY_REFERENCE_BODY = 3,       /* SHA-256 of any bytes. */
};

struct tally_reference {
    uint8_t kind;
    struct tally_hash hash;
};

/* An envelope's fields. The three views lie in the envelope that was read, or are the writer's. */
struct tally_receipt {
    struct tally_key issuer;
    struct tally_bytes name_space; /* tally_namespace_valid. */
    struct tally_bytes type;       /* tally_type_valid. */
    struct tally_bytes profile;    /* tally_profile_valid; empty: the body is opaque. */
    uint64_t sequence;             /* Index in the log, from 0, below 2^63. */
    struct tally_hash previous;    /* Hash of the envelope before; all zero if sequence is 0. */
    struct tally_wall time;        /* A claim; never used for order. */
    size_t reference_count;        /* At most TALLY_REFERENCES_MAX. */
    struct tally_reference references[TALLY_REFERENCES_MAX];
    struct tally_hash body_hash;
    uint32_t body_size; /* At most TALLY_BODY_MAX. */
    struct tally_signature signature;
};

/* 1..64 of [A-Za-z0-9._:-], the first a letter or digit; `witness`, `mirror`, `auditor` are names
   of cosigners and refused (log chapter 3.1). */
bool tally_namespace_valid(struct tally_bytes name_space);

/* The namespace of statements: what a node itself says about trust. */
#define TALLY_STATEMENTS "federation"

/* 1..64, and 0..32, visible ASCII characters (0x21..0x7e). */
bool tally_type_valid(struct tally_bytes type);
bool tally_profile_valid(struct tally_bytes profile);

/* Reads the one form; NONE, VERSION or MALFORMED, and then *receipt is undefined. The signature is
   not verified. */
enum tally_drop tally_receipt_read(struct tally_bytes envelope, struct tally_receipt *receipt);

/* Writes the envelope with the signature the receipt holds. Returns its size, always below
   TALLY_ENVELOPE_MAX. The fields must be valid: anything else is a bug and asserted. */
size_t tally_receipt_encode(const struct tally_receipt *receipt,
                            uint8_t envelope[TALLY_ENVELOPE_MAX]);

/* Signs the receipt (its signature is set) with the window's key, which must be the issuer's, and
   writes the envelope like tally_receipt_encode. */
size_t tally_receipt_write(struct tally_receipt *receipt, const struct tally_crypto *crypto,
                           uint8_t envelope[TALLY_ENVELOPE_MAX]);

/* Reads the envelope and verifies its signature: NONE, VERSION, MALFORMED or FORGED. */
enum tally_drop tally_receipt_verify(struct tally_bytes envelope,
                                     const struct tally_crypto *crypto);

/* Whether these bytes are the body the receipt speaks of: NONE or BODY. */
enum tally_drop tally_receipt_body(const struct tally_receipt *receipt, struct tally_bytes body);

/* Receipt hash: SHA-256 of the envelope. It is also what the next receipt names as `previous`. */
void tally_receipt_hash(struct tally_bytes envelope, struct tally_hash *hash);

/* Merkle leaf: SHA-256 of a zero byte and the envelope (RFC 6962 section 2.1). */
void tally_receipt_leaf(struct tally_bytes envelope, struct tally_hash *leaf);

#endif

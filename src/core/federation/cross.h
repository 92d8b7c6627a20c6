/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_CROSS_H
#define FEDERATION_CROSS_H
/*
 * Two proofs, chained: a receipt is in a log up to a checkpoint, and that checkpoint is a leaf of
 * another party's log `federation` (fed_cross_anchor), up to a checkpoint of that (formats 5.4, log
 * chapter 12). Who trusts the second needs not trust that the first party kept its history.
 *
 *     tally cross 1
 *     receipt <bytes>      the envelope, in base64
 *     proof <bytes>        a tlog-proof of it follows: its note is the one that was anchored
 *     anchor <bytes>       the envelope of the fed_cross_anchor, in base64
 *     body <bytes>         its body, in base64
 *     proof <bytes>        a tlog-proof of it follows
 *
 * All is verified offline; the keys follow from the origins, which the reader is to compare with
 * whom it means.
 */
#include "tally/log.h"

enum {
    CROSS_PROOF_MAX = TALLY_PROOF_HEAD_MAX + 8192,
    CROSS_BODY_MAX = 2048,
    CROSS_MAX = 256 + 2 * CROSS_PROOF_MAX + 2 * (TALLY_ENVELOPE_MAX / 3 * 4 + 8) +
                (CROSS_BODY_MAX / 3 * 4 + 8),
};

/* What is chained; views. */
struct cross {
    struct tally_bytes receipt, proof, anchor, body, anchor_proof;
};

#define CROSS_VERDICTS(X)                                                                          \
    X(GOOD, "the receipt is in its log up to a checkpoint that the other log holds")               \
    X(FORM, "this is no file of two chained proofs")                                               \
    X(RECEIPT, "the receipt's own signature is wrong")                                             \
    X(PROOF, "the first proof does not lead from the receipt to the checkpoint that was anchored") \
    X(PLACE, "a receipt is of another log, or of another place in it, than its proof says")        \
    X(ANCHOR, "the statement that anchors it is not signed by its issuer")                         \
    X(BODY, "the statement that anchors it is no fed_cross_anchor, or has another body")           \
    X(OTHER, "the statement anchors another checkpoint than the first proof leads to")             \
    X(ANCHOR_PROOF, "the second proof does not lead from the statement to a signed checkpoint")    \
    X(ALONE, "the two logs are of one issuer, which proves nothing about the other")

enum cross_verdict {
#define X(name, text) CROSS_##name,
    CROSS_VERDICTS(X)
#undef X
};

/* The body of a fed_cross_anchor: the checkpoint of a log as it is held. 0: there is none, the log
   is our own, or its note has more cosignatures than fit. */
size_t cross_body(const struct tally_ledger *ledger, const struct tally_log_view *view,
                  uint8_t body[CROSS_BODY_MAX]);

const char *cross_text(enum cross_verdict verdict);

/* Bytes written; 0 if they do not fit. */
size_t cross_write(const struct cross *cross, uint8_t bytes[CROSS_MAX]);

/* What a good file says. Views are into the bytes that were read, and into `room`. */
struct cross_result {
    struct tally_receipt receipt, anchor;
    struct tally_hash receipt_hash, anchor_hash;
    struct tally_checkpoint checkpoint, anchor_checkpoint;
    struct tally_proof proof; /* Of the second, where anchor_checkpoint's views lie. */
    uint8_t room[3][CROSS_BODY_MAX];
};

/* The form alone; views are into the bytes, and into the room of `result`, which says nothing else.
 */
bool cross_read(struct tally_bytes bytes, struct cross_result *result, struct cross *cross);

/* Reads and verifies; `result` is whole if GOOD. */
enum cross_verdict cross_check(struct tally_bytes bytes, const struct tally_crypto *crypto,
                               struct cross_result *result);

#endif

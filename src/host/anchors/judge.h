/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_JUDGE_H
#define ANCHORS_JUDGE_H
/*
 * One anchor against one checkpoint of a log that is held here, by the operator's policy: what all
 * kinds have in common (reliability chapter 12.2). Blocks as long as backends and the reader of
 * tokens may take.
 */
#include "host/anchors/book.h"
#include "host/anchors/policy.h"
#include "tally/windows.h"

/* A checkpoint as this node knows it, by its own tiles. */
struct judge_checkpoint {
    bool held; /* The log is here up to that size. */
    struct tally_hash root;
    int64_t sealed_ms; /* Of its last receipt: a claim of its issuer. INT64_MIN: not readable. */
    struct tally_hash note; /* SHA-256 of the signed text, with the log's own line alone... */
    bool has_note;          /* ... where that is known, which is of the newest only. */
    char note_text[1024];
};

/* origin as text; the newest checkpoint's note is looked at where the size is its. */
void judge_checkpoint(const struct tally_ledger *ledger, const char *origin, uint64_t size,
                      struct judge_checkpoint *checkpoint);

/*
 * Judges the record and moves it: state, reason, height, block, times, who was asked. For a token
 * that nobody named yet, chain, transaction and authority are set, and its id with them. crypto
 * verifies what was stamped. The caller keeps the record.
 */
void judge(const struct policy *policy, const struct judge_checkpoint *checkpoint,
           const struct tally_crypto *crypto, int64_t now_ms, struct book_record *record);

#endif

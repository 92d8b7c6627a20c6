/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ANCHOR_REASON_H
#define TALLY_ANCHOR_REASON_H
/*
 * What can be said of an anchor: one verdict, and the rule that decides it (reliability chapter
 * 12.2 rule 5). Names never change their meaning; new ones are added. Tests assert them.
 */
#include <stdbool.h>

enum tally_anchor_verdict {
    TALLY_ANCHOR_GOOD,
    TALLY_ANCHOR_SHALLOW,     /* Too few blocks above it: pending. */
    TALLY_ANCHOR_PENDING,     /* Not yet to be told for another reason. */
    TALLY_ANCHOR_UNREACHABLE, /* Nobody could be asked. Says nothing of the anchor. */
    TALLY_ANCHOR_LOST,        /* Not, or no longer, in its chain. */
    TALLY_ANCHOR_REFUSED,     /* Fails a rule for good. */
    TALLY_ANCHOR_VERDICTS
};

/* A table for people; clang-format would close its columns up. */
/* clang-format off */
/*    name, its stable word, verdict, text */
#define TALLY_ANCHOR_REASONS(X)                                                                    \
    X(VERIFIED, "verified", GOOD, "all rules are met")                                             \
    X(UNTRIED, "untried", PENDING, "not verified yet")                                             \
    X(DEPTH, "depth", SHALLOW, "too few blocks stand on its block")                                \
    X(NOT_FINAL, "not_final", SHALLOW, "its block is not final yet")                               \
    X(TIP_OLD, "tip_old", PENDING, "the backend's newest block is older than a day")               \
    X(COMPETING, "competing", PENDING, "two branches compete near the tip")                        \
    X(TIP_BELOW, "tip_below", PENDING, "the backend's newest block is below the anchor's")         \
    X(NO_CHECKPOINT, "no_checkpoint", PENDING, "the log is not held here up to that size")         \
    X(CONTRADICTION, "contradiction", PENDING, "backends contradict each other")                   \
    X(NO_BACKEND, "no_backend", UNREACHABLE, "no backend for this chain is configured")            \
    X(TOO_FEW, "too_few", UNREACHABLE, "fewer backends answered than must agree")                  \
    X(SILENT, "silent", UNREACHABLE, "the backend does not answer")                                \
    X(ANSWER, "answer", UNREACHABLE, "the backend's answer is of no known form")                   \
    X(OTHER_CHAIN, "other_chain", UNREACHABLE, "the backend is on another chain than configured")  \
    X(BRANCH_SHORT, "branch_short", UNREACHABLE,                                                   \
      "the backend claims more blocks than it shows")                                              \
    X(BRANCH_BROKEN, "branch_broken", UNREACHABLE,                                                 \
      "the headers that the backend shows do not build on each other, or break a rule of time")    \
    X(BRANCH_WORK, "branch_work", UNREACHABLE,                                                     \
      "a header that the backend shows has too little work, or another target than the rule's")    \
    X(LESS_WORK, "less_work", UNREACHABLE,                                                         \
      "the backend shows no branch with more work than that of the headers kept here")             \
    X(HEADERS_ONLY, "headers_only", UNREACHABLE,                                                   \
      "a header alone proves nothing without a backend")                                           \
    X(READER, "reader", UNREACHABLE, "the reader of tokens failed or took too long")               \
    X(UNMINED, "unmined", LOST, "the transaction is in no block")                                  \
    X(REORGED, "reorged", LOST, "its block is no longer of the chain")                             \
    X(UNKNOWN_BLOCK, "unknown_block", LOST, "no chain known here has its block")                   \
    X(SIZE, "size", REFUSED, "larger than an anchor may be")                                       \
    X(FORM, "form", REFUSED, "not of the one form that is allowed")                                \
    X(ROOT, "root", REFUSED, "is not of this root")                                                \
    X(TRANSACTION, "transaction", REFUSED, "the transaction does not have this id")                \
    X(SIXTY_FOUR, "sixty_four", REFUSED, "a transaction of 64 bytes may be two inner hashes")      \
    X(PATH, "path", REFUSED, "the path does not lead to the block's root")                         \
    X(HEADER, "header", REFUSED, "the block's header breaks a rule")                               \
    X(WORK, "work", REFUSED, "the block's header has too little work")                             \
    X(CHAIN, "chain", REFUSED, "is of another chain than it says")                                 \
    X(CONTRACT, "contract", REFUSED, "no event or call of the configured contract")                \
    X(REVERTED, "reverted", REFUSED, "the transaction failed")                                     \
    X(PROOF, "proof", REFUSED, "a trie's nodes do not prove it")                                   \
    X(FUTURE, "future", REFUSED, "its time is ahead of the clock")                                 \
    X(TIMESTAMP_DRIFT, "timestamp_drift", REFUSED,                                                 \
      "evidences a time before the checkpoint was made")                                           \
    X(STATUS, "status", REFUSED, "the authority did not grant the time stamp")                     \
    X(SIGNERS, "signers", REFUSED, "is not signed once over a TSTInfo of version 1")               \
    X(ALGORITHM, "algorithm", REFUSED, "its imprint is not by SHA-256")                            \
    X(IMPRINT, "imprint", REFUSED, "stamps something else")                                        \
    X(POLICY, "policy", REFUSED, "is under a policy that is not allowed")                          \
    X(NONCE, "nonce", REFUSED, "answers another request")                                          \
    X(TIME, "time", REFUSED, "its time is not of the one form that is allowed")                    \
    X(ACCURACY, "accuracy", REFUSED, "states no accuracy, or one that is too coarse")              \
    X(EXTENSION, "extension", REFUSED, "has a critical extension that is not known")               \
    X(SIGNATURE, "signature", REFUSED, "its signature does not verify")                            \
    X(UNTRUSTED, "untrusted", REFUSED, "no chain of certificates leads to a pinned root")          \
    X(USAGE, "usage", REFUSED, "the signer's certificate is not for time stamps alone")            \
    X(BINDING, "binding", REFUSED,                                                                 \
      "nothing that is signed binds the signer's certificate to it")                               \
    X(REVOKED, "revoked", REFUSED, "the signer's certificate is revoked")                          \
    X(EXPIRED, "expired", REFUSED, "the signer has expired and nothing else dates the token")
/* clang-format on */

enum tally_anchor_reason {
#define X(name, word, verdict, text) TALLY_ANCHOR_IS_##name,
    TALLY_ANCHOR_REASONS(X)
#undef X
        TALLY_ANCHOR_REASON_COUNT
};

/* "pending"; "timestamp_drift"; and what a reason means to people. Never NULL. */
const char *tally_anchor_verdict_name(enum tally_anchor_verdict verdict);
const char *tally_anchor_reason_name(enum tally_anchor_reason reason);
const char *tally_anchor_reason_text(enum tally_anchor_reason reason);
enum tally_anchor_verdict tally_anchor_verdict_of(enum tally_anchor_reason reason);
bool tally_anchor_reason_read(const char *name, enum tally_anchor_reason *reason);

#endif

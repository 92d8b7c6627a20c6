/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_BACKEND_H
#define ANCHORS_BACKEND_H
/*
 * Judging an anchor on a chain: what can be computed is computed here, first; then k of n backends
 * are asked, and what they say is checked as far as it can be (reliability chapter 12.2, 12.4,
 * 12.5). Blocks as long as rpc.h says, for each backend.
 */
#include "host/anchors/policy.h"

enum { BACKEND_TEXT_MAX = 512 };

struct bitcoin_headers;

struct backend_question {
    const char *chain, *transaction; /* In their one form. */
    struct tally_hash root;
    struct tally_bytes proof;     /* The light form as JSON; size 0: none. */
    struct tally_hash block;      /* That it was verified in; zeros: in none yet. */
    struct bitcoin_headers *kept; /* Of Bitcoin: those that were seen, where more are added. */
    int64_t now_ms;
};

struct backend_result {
    struct tally_anchor_finding finding;
    bool alarm;                   /* Backends contradict each other. */
    char asked[BACKEND_TEXT_MAX]; /* Which, and what went wrong; for people. */
};

/*
 * The verdict over all backends of a chain: NO_BACKEND without a policy for it; TOO_FEW if fewer
 * than must agree could tell; else the strictest of theirs, with an alarm where they differ.
 */
void backend_judge(const struct policy_chain *chain, const struct backend_question *question,
                   struct backend_result *result);

/* ---- For backend_judge: one backend of a kind ---- */

struct rpc;

/* What the proof alone shows: VERIFIED, as far as that goes, or why it never can be. */
enum tally_anchor_reason backend_evm_alone(const struct policy_chain *chain,
                                           const struct backend_question *question);
enum tally_anchor_reason backend_btc_alone(const struct backend_question *question);

void backend_evm(const struct policy_chain *chain, const struct backend_question *question,
                 struct rpc *rpc, struct tally_anchor_finding *finding);
/* Of a proof, by the headers that are kept alone: VERIFIED with all that is known then. */
void backend_btc_kept(const struct policy_chain *chain, const struct backend_question *question,
                      struct tally_anchor_finding *finding);
void backend_btc(const struct policy_chain *chain, const struct backend_question *question,
                 struct rpc *rpc, struct tally_anchor_finding *finding);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/backend.h"

#include "core/base/bytes.h"
#include "host/anchors/rpc.h"

#include <stdio.h>
#include <string.h>

/* The stricter the higher. Who says nothing of the anchor does not count. */
static int strictness(enum tally_anchor_verdict verdict)
{
    switch (verdict) {
    case TALLY_ANCHOR_UNREACHABLE:
    case TALLY_ANCHOR_VERDICTS:
        return 0;
    case TALLY_ANCHOR_GOOD:
        return 1;
    case TALLY_ANCHOR_PENDING:
        return 2;
    case TALLY_ANCHOR_SHALLOW:
        return 3;
    case TALLY_ANCHOR_LOST:
        return 4;
    case TALLY_ANCHOR_REFUSED:
        return 5;
    }
    return 0;
}

/* Depths may differ by what has just been mined; blocks, and whether there is one, may not. */
static bool contradict(const struct tally_anchor_finding *a, const struct tally_anchor_finding *b)
{
    int one = strictness(tally_anchor_verdict_of(a->reason)),
        other = strictness(tally_anchor_verdict_of(b->reason));
    if ((one > 3) != (other > 3))
        return true;
    return one == 1 && other == 1 && !hash_equal(&a->block, &b->block);
}

static void note(struct backend_result *result, const char *place, const char *words)
{
    size_t size = strlen(result->asked);
    (void)snprintf(result->asked + size, sizeof result->asked - size, "%s%.100s: %.200s",
                   size > 0 ? "; " : "", place, words);
}

static void ask_one(const struct policy_chain *chain, const struct backend_question *question,
                    const char *url, struct backend_result *result,
                    struct tally_anchor_finding *finding)
{
    struct rpc rpc;
    char place[160];
    *finding = (struct tally_anchor_finding){.reason = TALLY_ANCHOR_IS_SILENT};
    if (!rpc_begin(&rpc, url))
        return;
    if (chain->kind == TALLY_ANCHOR_BTC)
        backend_btc(chain, question, &rpc, finding);
    else
        backend_evm(chain, question, &rpc, finding);
    http_place(url, place, sizeof place);
    note(result, place,
         rpc.bad != RPC_GOOD ? rpc.complaint.text : tally_anchor_reason_text(finding->reason));
    rpc_end(&rpc);
}

static enum tally_anchor_reason alone(const struct policy_chain *chain,
                                      const struct backend_question *question)
{
    if (question->proof.size == 0)
        return TALLY_ANCHOR_IS_VERIFIED;
    return chain->kind == TALLY_ANCHOR_BTC ? backend_btc_alone(question)
                                           : backend_evm_alone(chain, question);
}

/* Nobody can be asked. Headers prove themselves, also then. */
static void by_kept(const struct policy_chain *chain, const struct backend_question *question,
                    struct backend_result *result)
{
    struct tally_anchor_finding own;
    backend_btc_kept(chain, question, &own);
    if (own.reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    result->finding = own;
    note(result, "here", "the headers that are kept say so");
}

void backend_judge(const struct policy_chain *chain, const struct backend_question *question,
                   struct backend_result *result)
{
    struct tally_anchor_finding *all = &result->finding;
    size_t told = 0;
    *result = (struct backend_result){.finding = {.reason = TALLY_ANCHOR_IS_NO_BACKEND}};
    if (chain == NULL)
        return;
    all->reason = alone(chain, question);
    if (all->reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    for (size_t i = 0; i < chain->url_count; i++) {
        struct tally_anchor_finding one;
        ask_one(chain, question, chain->urls[i], result, &one);
        int strict = strictness(tally_anchor_verdict_of(one.reason));
        if (strict == 0) {
            if (told == 0)
                *all = one; /* Why there is no answer. */
            continue;
        }
        if (told++ == 0) {
            *all = one;
            continue;
        }
        bool differ = contradict(all, &one);
        result->alarm = result->alarm || differ;
        if (strict > strictness(tally_anchor_verdict_of(all->reason)))
            *all = one;
        else if (differ && strict == 1) /* Two blocks: one of them lies. */
            *all = (struct tally_anchor_finding){.reason = TALLY_ANCHOR_IS_CONTRADICTION};
    }
    if (told < chain->agree && (told > 0 || chain->agree > 1))
        *all = (struct tally_anchor_finding){.reason = TALLY_ANCHOR_IS_TOO_FEW};
    else if (all->reason == TALLY_ANCHOR_IS_SILENT && question->kept != NULL &&
             question->proof.size > 0)
        by_kept(chain, question, result);
}

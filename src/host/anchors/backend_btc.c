/* SPDX-License-Identifier: Apache-2.0 */
/* Bitcoin over JSON-RPC (reliability chapter 12.5, row 9; what came is checked by rows 1 to 8). */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/anchors/backend.h"
#include "host/anchors/light.h"
#include "host/anchors/rpc.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RUN_MAX = 1024, /* Headers from the anchor's on; a policy asks for fewer. */
    BEFORE = 12,    /* Headers before it: for the median of eleven, and where branches part. */
    TIME_UNCERTAIN_MS = 2 * 3600000, /* How wrong a block's time may be. */
    NEAR_TIP = 6,
};

/* A conversation. */
struct asking {
    const struct policy_chain *chain;
    const struct backend_question *question;
    struct rpc *rpc;
    struct bitcoin_headers *headers; /* Those that are kept; or those of this conversation. */
    struct tally_hash txid, block;
    struct bitcoin_path path;
    uint8_t header[BITCOIN_HEADER];
    uint64_t height, confirmations;
};

static enum tally_anchor_reason reason_of(enum rpc_outcome outcome)
{
    return outcome == RPC_SILENT ? TALLY_ANCHOR_IS_SILENT : TALLY_ANCHOR_IS_ANSWER;
}

/* Bytes that the backend gives in hex; to be freed. */
static uint8_t *bytes_from(const json_t *value, size_t most, size_t *size)
{
    const char *text = json_string_value(value);
    *size = text != NULL ? strlen(text) / 2 : 0;
    uint8_t *bytes = text != NULL && *size <= most ? malloc(*size + 1) : NULL;
    if (bytes != NULL && !hex_read(text, bytes, *size)) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static enum tally_anchor_reason ask_header(struct asking *asking, const struct tally_hash *block,
                                           uint8_t header[BITCOIN_HEADER])
{
    char hash[65];
    json_t *result;
    size_t size = 0;
    bitcoin_hash_write(block, hash);
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "getblockheader", json_pack("[s, b]", hash, 0), &result);
    if (outcome != RPC_GOOD)
        return reason_of(outcome);
    uint8_t *bytes = bytes_from(result, BITCOIN_HEADER, &size);
    struct tally_hash found = {{0}};
    if (bytes != NULL && size == BITCOIN_HEADER) {
        memcpy(header, bytes, BITCOIN_HEADER);
        bitcoin_hash(bytes_of(header, BITCOIN_HEADER), &found);
    }
    free(bytes);
    json_decref(result);
    return hash_equal(&found, block) ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_ANSWER;
}

static enum tally_anchor_reason ask_hash(struct asking *asking, uint64_t height,
                                         struct tally_hash *block)
{
    json_t *result;
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "getblockhash", json_pack("[I]", (json_int_t)height), &result);
    const char *text = json_string_value(result);
    enum tally_anchor_reason reason =
        outcome == RPC_REFUSED ? TALLY_ANCHOR_IS_UNKNOWN_BLOCK : reason_of(outcome);
    if (outcome == RPC_GOOD && text != NULL && bitcoin_hash_read(text, block))
        reason = TALLY_ANCHOR_IS_VERIFIED;
    json_decref(result);
    return reason;
}

/* ---- 9: is the block of the chain, and how deep ---- */

static enum tally_anchor_reason ask_place(struct asking *asking)
{
    char hash[65];
    json_t *result;
    struct tally_hash canonical;
    bitcoin_hash_write(&asking->block, hash);
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "getblockheader", json_pack("[s, b]", hash, 1), &result);
    if (outcome == RPC_REFUSED) /* Some forget a stale block, others count it as -1. */
        return TALLY_ANCHOR_IS_UNKNOWN_BLOCK;
    const json_t *height = json_object_get(result, "height");
    const json_t *confirmations = json_object_get(result, "confirmations");
    bool good = outcome == RPC_GOOD && json_is_integer(height) && json_is_integer(confirmations) &&
                json_integer_value(height) >= 0 && json_integer_value(height) < INT32_MAX &&
                json_integer_value(confirmations) < INT32_MAX;
    bool stale = good && json_integer_value(confirmations) <= 0;
    asking->height = (uint64_t)json_integer_value(height);
    asking->confirmations = stale ? 0 : (uint64_t)json_integer_value(confirmations);
    json_decref(result);
    if (!good)
        return reason_of(outcome);
    if (stale)
        return TALLY_ANCHOR_IS_REORGED;
    enum tally_anchor_reason reason = ask_hash(asking, asking->height, &canonical);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    return hash_equal(&canonical, &asking->block) ? TALLY_ANCHOR_IS_VERIFIED
                                                  : TALLY_ANCHOR_IS_REORGED;
}

/* 8: a branch that ends near the tip. Not every backend can tell. */
static bool competes(struct asking *asking)
{
    const uint64_t tip = asking->height + asking->confirmations - 1;
    json_t *tips;
    bool found = false;
    if (rpc_ask(asking->rpc, "getchaintips", json_array(), &tips) != RPC_GOOD)
        return false;
    for (size_t i = 0; i < json_array_size(tips); i++) {
        const json_t *one = json_array_get(tips, i);
        const char *status = json_string_value(json_object_get(one, "status"));
        json_int_t height = json_integer_value(json_object_get(one, "height"));
        bool other =
            status != NULL && strcmp(status, "active") != 0 && strcmp(status, "invalid") != 0;
        found = found || (other && height >= 0 && (uint64_t)height + NEAR_TIP > tip);
    }
    json_decref(tips);
    return found;
}

/* ---- 6, 7: headers, each with its work ---- */

/* What a rule says of a header that the backend shows is said of the backend: the anchor's own
   header was looked at before. */
static enum tally_anchor_reason branch_of(enum tally_anchor_reason reason)
{
    if (reason == TALLY_ANCHOR_IS_WORK)
        return TALLY_ANCHOR_IS_BRANCH_WORK;
    if (reason == TALLY_ANCHOR_IS_SIZE) /* More than anybody needs to show. */
        return TALLY_ANCHOR_IS_ANSWER;
    return reason == TALLY_ANCHOR_IS_VERIFIED ? reason : TALLY_ANCHOR_IS_BRANCH_BROKEN;
}

/* One with those before it, as far as none of them is known here: as many as there is room for. */
static enum tally_anchor_reason add_back(struct asking *asking,
                                         const uint8_t header[BITCOIN_HEADER], uint64_t height)
{
    uint8_t run[BEFORE + 1][BITCOIN_HEADER];
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_VERIFIED;
    struct tally_hash before;
    uint64_t count = 0;
    memcpy(run[count++], header, BITCOIN_HEADER);
    for (;;) {
        memcpy(before.bytes, run[count - 1] + 4, sizeof before.bytes);
        if (count > BEFORE || count > height || reason != TALLY_ANCHOR_IS_VERIFIED ||
            bitcoin_headers_find(asking->headers, &before) != NULL)
            break;
        reason = ask_header(asking, &before, run[count]);
        count += reason == TALLY_ANCHOR_IS_VERIFIED;
    }
    while (count > 0 && reason == TALLY_ANCHOR_IS_VERIFIED) {
        count--;
        reason = branch_of(bitcoin_headers_begin(asking->headers, run[count], height - count,
                                                 asking->question->now_ms / 1000));
    }
    return reason;
}

/* The header of that height, which builds on those that were added. */
static enum tally_anchor_reason add_next(struct asking *asking, uint64_t height)
{
    uint8_t header[BITCOIN_HEADER];
    struct tally_hash block;
    enum tally_anchor_reason reason = ask_hash(asking, height, &block);
    if (reason == TALLY_ANCHOR_IS_UNKNOWN_BLOCK)
        return TALLY_ANCHOR_IS_BRANCH_SHORT;
    if (reason != TALLY_ANCHOR_IS_VERIFIED || bitcoin_headers_find(asking->headers, &block) != NULL)
        return reason;
    reason = ask_header(asking, &block, header);
    return reason != TALLY_ANCHOR_IS_VERIFIED
               ? reason
               : branch_of(
                     bitcoin_headers_add(asking->headers, header, asking->question->now_ms / 1000));
}

/* Whether more than the depth that is asked for is wanted: as much as it takes to have more work
   than any other branch that was seen, and to leave it behind. */
static bool is_settled(const struct bitcoin_headers *headers, const struct tally_hash *block)
{
    const struct bitcoin_header *one = bitcoin_headers_find(headers, block);
    const struct bitcoin_header *tip = one != NULL ? bitcoin_headers_tip(headers, one) : NULL;
    return one == NULL || (bitcoin_headers_at(headers, tip, one->height) == one &&
                           !bitcoin_headers_compete(headers, tip));
}

/* The headers around the anchor's, to the depth that is asked for. */
static enum tally_anchor_reason ask_run(struct asking *asking, const struct bitcoin_header **found)
{
    const struct bitcoin_policy policy = {
        .depth = asking->chain->depth, .now_s = asking->question->now_ms / 1000, .old_tip = true};
    const uint64_t wanted =
        asking->confirmations < asking->chain->depth ? asking->confirmations : asking->chain->depth;
    struct bitcoin_header own;
    struct bitcoin_headers alone;
    bitcoin_headers_init(&alone, asking->headers->network, &own, 1);
    enum tally_anchor_reason reason =
        bitcoin_headers_begin(&alone, asking->header, asking->height, policy.now_s);
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = add_back(asking, asking->header, asking->height);
    for (uint64_t i = 1;
         reason == TALLY_ANCHOR_IS_VERIFIED && i < asking->confirmations && i < RUN_MAX &&
         (i < wanted || !is_settled(asking->headers, &asking->block));
         i++)
        reason = add_next(asking, asking->height + i);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    reason = bitcoin_place_check(asking->headers, &policy, &asking->txid, &asking->block,
                                 &asking->path, found);
    return reason == TALLY_ANCHOR_IS_REORGED ? TALLY_ANCHOR_IS_LESS_WORK : reason;
}

/* 8: how old the newest block is. */
static enum tally_anchor_reason ask_tip(struct asking *asking)
{
    uint8_t header[BITCOIN_HEADER];
    struct tally_hash block;
    const int64_t day_s = 86400;
    if (asking->chain->old_tip)
        return TALLY_ANCHOR_IS_VERIFIED;
    enum tally_anchor_reason reason =
        ask_hash(asking, asking->height + asking->confirmations - 1, &block);
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = ask_header(asking, &block, header);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    int64_t time_s = header[68] | header[69] << 8 | header[70] << 16 | (int64_t)header[71] << 24;
    return time_s + day_s < asking->question->now_ms / 1000 ? TALLY_ANCHOR_IS_TIP_OLD
                                                            : TALLY_ANCHOR_IS_VERIFIED;
}

static void found_in(const struct bitcoin_header *block, struct tally_anchor_finding *finding)
{
    *finding = (struct tally_anchor_finding){.reason = TALLY_ANCHOR_IS_VERIFIED,
                                             .height = block->height,
                                             .block = block->hash,
                                             .time_ms = (int64_t)block->time_s * 1000,
                                             .uncertainty_ms = TIME_UNCERTAIN_MS};
}

static void conclude(struct asking *asking, struct tally_anchor_finding *finding)
{
    const struct bitcoin_header *found = NULL;
    finding->reason = ask_run(asking, &found);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = ask_tip(asking);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED && competes(asking))
        finding->reason = TALLY_ANCHOR_IS_COMPETING;
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        found_in(found, finding);
}

/* The backend says that the anchor's block is not of the chain, or the transaction in none. If that
   block is on the branch with most work of all that was seen, it has to show another with more. */
static void doubt(struct asking *asking, const struct tally_hash *block,
                  struct tally_anchor_finding *finding)
{
    const struct bitcoin_headers *headers = asking->headers;
    const struct bitcoin_header *one = bitcoin_headers_find(headers, block);
    uint8_t header[BITCOIN_HEADER];
    struct tally_hash other;
    if (one == NULL || !bitcoin_headers_best(headers, one))
        return;
    const uint64_t height = one->height;
    const size_t at = (size_t)(one - headers->list);
    enum tally_anchor_reason reason = ask_hash(asking, height, &other);
    if (reason == TALLY_ANCHOR_IS_VERIFIED && !hash_equal(&other, block))
        reason = ask_header(asking, &other, header);
    if (reason == TALLY_ANCHOR_IS_VERIFIED && !hash_equal(&other, block))
        reason = add_back(asking, header, height);
    for (uint64_t i = 1; reason == TALLY_ANCHOR_IS_VERIFIED && i < RUN_MAX &&
                         bitcoin_headers_best(headers, &headers->list[at]);
         i++)
        reason = add_next(asking, height + i);
    /* Its chain ended before that. */
    bool ended = reason == TALLY_ANCHOR_IS_UNKNOWN_BLOCK || reason == TALLY_ANCHOR_IS_BRANCH_SHORT;
    if (!ended && reason != TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = reason;
    else if (bitcoin_headers_best(headers, &headers->list[at]))
        finding->reason = TALLY_ANCHOR_IS_LESS_WORK;
}

/* ---- By the transaction's id ---- */

/* 1 to 3 on the bytes that the backend gives. Another transaction than asked for is its fault. */
static enum tally_anchor_reason ask_raw(struct asking *asking)
{
    json_t *result;
    size_t size;
    struct tally_hash txid;
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "getrawtransaction",
                json_pack("[s, b]", asking->question->transaction, 0), &result);
    if (outcome == RPC_REFUSED)
        return TALLY_ANCHOR_IS_UNMINED;
    uint8_t *raw = bytes_from(result, BITCOIN_TRANSACTION_MAX, &size);
    json_decref(result);
    if (raw == NULL)
        return reason_of(outcome);
    enum tally_anchor_reason reason =
        bitcoin_transaction_check(bytes_of(raw, size), &asking->question->root, &txid);
    free(raw);
    if (reason == TALLY_ANCHOR_IS_SIZE || reason == TALLY_ANCHOR_IS_FORM ||
        !hash_equal(&txid, &asking->txid))
        return TALLY_ANCHOR_IS_ANSWER;
    return reason;
}

/* Which block it is in. */
static enum tally_anchor_reason ask_block(struct asking *asking)
{
    json_t *result;
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "getrawtransaction",
                json_pack("[s, b]", asking->question->transaction, 1), &result);
    if (outcome == RPC_REFUSED)
        return TALLY_ANCHOR_IS_UNMINED;
    if (outcome != RPC_GOOD)
        return reason_of(outcome);
    const char *hash = json_string_value(json_object_get(result, "blockhash"));
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_VERIFIED;
    if (hash == NULL)
        reason = TALLY_ANCHOR_IS_UNMINED; /* Of the pool. */
    else if (!bitcoin_hash_read(hash, &asking->block))
        reason = TALLY_ANCHOR_IS_ANSWER;
    json_decref(result);
    return reason;
}

/* 4, 5: its path there. */
static enum tally_anchor_reason ask_path(struct asking *asking)
{
    char hash[65];
    json_t *result;
    size_t size;
    struct tally_hash found;
    bitcoin_hash_write(&asking->block, hash);
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "gettxoutproof",
                json_pack("[[s], s]", asking->question->transaction, hash), &result);
    uint8_t *bytes = bytes_from(result, 4096, &size);
    json_decref(result);
    bool good = bytes != NULL && bitcoin_merkleblock_read(bytes_of(bytes, size), &asking->txid,
                                                          asking->header, &asking->path);
    free(bytes);
    if (!good)
        return reason_of(outcome);
    bitcoin_hash(bytes_of(asking->header, BITCOIN_HEADER), &found);
    return hash_equal(&found, &asking->block) ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_ANSWER;
}

static void by_transaction(struct asking *asking, struct tally_anchor_finding *finding)
{
    finding->reason = ask_raw(asking);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = ask_block(asking);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = ask_place(asking);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = ask_path(asking);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        conclude(asking, finding);
}

/* ---- By a proof ---- */

static enum tally_anchor_reason read_light(struct asking *asking)
{
    struct light light;
    struct btc_light btc;
    struct tally_hash txid, root;
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_FORM;
    if (light_begin(&light, asking->question->proof) && light_btc(&light, &btc)) {
        reason = bitcoin_transaction_check(btc.raw, &asking->question->root, &txid);
        bool read = reason == TALLY_ANCHOR_IS_VERIFIED || reason == TALLY_ANCHOR_IS_ROOT;
        if (read && !hash_equal(&txid, &asking->txid))
            reason = TALLY_ANCHOR_IS_TRANSACTION;
        if (reason == TALLY_ANCHOR_IS_VERIFIED &&
            (!bitcoin_path_fold(&txid, &btc.path, &root) ||
             memcmp(root.bytes, btc.header + 36, sizeof root.bytes) != 0))
            reason = TALLY_ANCHOR_IS_PATH;
        asking->path = btc.path;
        memcpy(asking->header, btc.header, BITCOIN_HEADER);
        bitcoin_hash(bytes_of(btc.header, BITCOIN_HEADER), &asking->block);
    }
    light_end(&light);
    return reason;
}

enum tally_anchor_reason backend_btc_alone(const struct backend_question *question)
{
    struct asking asking = {.question = question};
    (void)bitcoin_hash_read(question->transaction, &asking.txid);
    return read_light(&asking);
}

void backend_btc_kept(const struct policy_chain *chain, const struct backend_question *question,
                      struct tally_anchor_finding *finding)
{
    struct asking asking = {.question = question};
    const struct bitcoin_policy policy = {
        .depth = chain->depth, .now_s = question->now_ms / 1000, .old_tip = true};
    const struct bitcoin_header *found;
    (void)bitcoin_hash_read(question->transaction, &asking.txid);
    *finding = (struct tally_anchor_finding){.reason = read_light(&asking)};
    if (finding->reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    finding->reason = bitcoin_place_check(question->kept, &policy, &asking.txid, &asking.block,
                                          &asking.path, &found);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        found_in(found, finding);
}

static void ask(struct asking *asking, struct tally_anchor_finding *finding)
{
    const struct backend_question *question = asking->question;
    if (question->proof.size > 0) {
        finding->reason = read_light(asking);
        if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
            finding->reason = ask_place(asking);
        if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
            conclude(asking, finding);
        if (tally_anchor_verdict_of(finding->reason) != TALLY_ANCHOR_LOST)
            return;
    }
    /* After a reorganisation it usually returns in another block: by its id then. */
    struct tally_anchor_finding again = {.reason = finding->reason};
    by_transaction(asking, &again);
    if (question->proof.size == 0 || again.reason != TALLY_ANCHOR_IS_UNMINED)
        *finding = again;
}

void backend_btc(const struct policy_chain *chain, const struct backend_question *question,
                 struct rpc *rpc, struct tally_anchor_finding *finding)
{
    struct bitcoin_headers own;
    struct bitcoin_header *list = question->kept == NULL ? calloc(RUN_MAX, sizeof *list) : NULL;
    struct asking asking = {.chain = chain, .question = question, .rpc = rpc};
    bitcoin_headers_init(&own, bitcoin_network_find(strchr(chain->chain, ':') + 1), list, RUN_MAX);
    asking.headers = question->kept != NULL ? question->kept : &own;
    (void)bitcoin_hash_read(question->transaction, &asking.txid);
    finding->reason = TALLY_ANCHOR_IS_SILENT;
    if (asking.headers->list != NULL) {
        ask(&asking, finding);
        if (tally_anchor_verdict_of(finding->reason) == TALLY_ANCHOR_LOST)
            doubt(&asking, &question->block, finding);
    }
    free(list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* EVM chains over JSON-RPC (reliability chapter 12.4; the numbers are its rows). */
#include "core/anchor/keccak.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/anchors/backend.h"
#include "host/anchors/light.h"
#include "host/anchors/rpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIME_UNCERTAIN_MS = 15000, TOPICS_MAX = 4 }; /* Who makes a block sets its time. */

/* A conversation. */
struct asking {
    const struct policy_chain *chain;
    const struct backend_question *question;
    struct rpc *rpc;
    struct evm_wanted wanted;
    struct tally_hash transaction;
    struct evm_view view;
    uint64_t time_s;
};

static void prepare(struct asking *asking, const struct policy_chain *chain,
                    const struct backend_question *question)
{
    *asking = (struct asking){.chain = chain, .question = question};
    memcpy(asking->wanted.contract, chain->contract, EVM_ADDRESS);
    asking->wanted.root = question->root;
    (void)hex_read(question->transaction + 2, asking->transaction.bytes, 32);
}

static enum tally_anchor_reason reason_of(enum rpc_outcome outcome)
{
    return outcome == RPC_SILENT ? TALLY_ANCHOR_IS_SILENT : TALLY_ANCHOR_IS_ANSWER;
}

static bool hash_of(const json_t *value, struct tally_hash *hash)
{
    const char *text = json_string_value(value);
    return text != NULL && strncmp(text, "0x", 2) == 0 && hex_read(text + 2, hash->bytes, 32);
}

/* ---- 1, 4: where the chain is ---- */

static enum tally_anchor_reason ask_number(struct asking *asking, const char *method,
                                           uint64_t *number)
{
    json_t *result;
    enum rpc_outcome outcome = rpc_ask(asking->rpc, method, json_array(), &result);
    bool good = outcome == RPC_GOOD && light_quantity(result, number);
    json_decref(result);
    return good ? TALLY_ANCHOR_IS_VERIFIED : reason_of(outcome);
}

static json_t *block_parameters(const char *which)
{
    return json_pack("[s, b]", which, 0);
}

/* A block by height or word; *block is NULL if the backend has none. */
static enum tally_anchor_reason ask_block(struct asking *asking, const char *which, json_t **block)
{
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "eth_getBlockByNumber", block_parameters(which), block);
    if (outcome == RPC_REFUSED || json_is_null(*block)) {
        json_decref(*block);
        *block = NULL;
        return TALLY_ANCHOR_IS_VERIFIED;
    }
    return outcome == RPC_GOOD ? TALLY_ANCHOR_IS_VERIFIED : reason_of(outcome);
}

static enum tally_anchor_reason ask_chain(struct asking *asking)
{
    struct evm_view *view = &asking->view;
    json_t *final;
    enum tally_anchor_reason reason = ask_number(asking, "eth_chainId", &view->chain);
    if (reason == TALLY_ANCHOR_IS_VERIFIED &&
        view->chain != strtoull(strchr(asking->chain->chain, ':') + 1, NULL, 10))
        return TALLY_ANCHOR_IS_OTHER_CHAIN;
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = ask_number(asking, "eth_blockNumber", &view->tip);
    if (reason != TALLY_ANCHOR_IS_VERIFIED || asking->chain->wait == EVM_WAIT_DEPTH)
        return reason;
    reason = ask_block(asking, "finalized", &final);
    view->reports_final = light_quantity(json_object_get(final, "number"), &view->final);
    json_decref(final);
    return reason;
}

/* The canonical block of a height: its hash, its time; whether it lists our transaction. */
static enum tally_anchor_reason ask_place(struct asking *asking, uint64_t number, bool *lists)
{
    char which[24];
    json_t *block, *id;
    size_t i;
    (void)snprintf(which, sizeof which, "0x%" PRIx64, number);
    enum tally_anchor_reason reason = ask_block(asking, which, &block);
    asking->view.has_block = false;
    *lists = false;
    if (reason != TALLY_ANCHOR_IS_VERIFIED || block == NULL)
        return reason;
    uint64_t height = 0;
    asking->view.has_block = hash_of(json_object_get(block, "hash"), &asking->view.block) &&
                             light_quantity(json_object_get(block, "number"), &height) &&
                             light_quantity(json_object_get(block, "timestamp"), &asking->time_s) &&
                             asking->time_s < INT64_MAX / 1000 && height == number;
    json_array_foreach(json_object_get(block, "transactions"), i, id)
    {
        struct tally_hash hash;
        *lists = *lists || (hash_of(id, &hash) && hash_equal(&hash, &asking->transaction));
    }
    json_decref(block);
    return asking->view.has_block ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_ANSWER;
}

static void conclude(struct asking *asking, const struct tally_hash *block, uint64_t number,
                     struct tally_anchor_finding *finding)
{
    const struct evm_policy policy = {
        .chain = asking->view.chain, .wait = asking->chain->wait, .depth = asking->chain->depth};
    finding->reason = evm_place_check(&asking->view, &policy, block, number);
    if (finding->reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    finding->height = number;
    finding->block = *block;
    finding->time_ms = (int64_t)asking->time_s * 1000;
    finding->uncertainty_ms = TIME_UNCERTAIN_MS;
}

/* ---- 2, 3: what a backend says of the transaction ---- */

static bool has_event(struct asking *asking, const json_t *receipt)
{
    const json_t *events = json_object_get(receipt, "logs");
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const json_t *said = json_object_get(event, "topics");
        const char *address = json_string_value(json_object_get(event, "address"));
        uint8_t contract[EVM_ADDRESS];
        struct tally_hash hashes[TOPICS_MAX];
        struct tally_bytes topics[TOPICS_MAX];
        size_t count = json_array_size(said), read = 0;
        while (read < count && read < TOPICS_MAX &&
               hash_of(json_array_get(said, read), &hashes[read])) {
            topics[read] = bytes_of(hashes[read].bytes, 32);
            read++;
        }
        if (read == count && address != NULL && strncmp(address, "0x", 2) == 0 &&
            hex_read(address + 2, contract, sizeof contract) &&
            evm_event_anchors(bytes_of(contract, sizeof contract), topics, count, &asking->wanted))
            return true;
    }
    return false;
}

/* The transaction as it was signed, if the backend gives that: then its hash is computed here. Else
   what it says of whom it calls, and with what. */
static bool has_call(struct asking *asking, json_t *raw, const json_t *said)
{
    struct light room = {.size = RPC_ANSWER_MAX};
    struct evm_call call = {bytes_of(NULL, 0), bytes_of(NULL, 0)};
    struct tally_bytes bytes;
    struct tally_hash hash;
    room.pool = malloc(room.size);
    bool found = false;
    if (room.pool != NULL && json_is_string(raw) && light_hex(&room, raw, &bytes)) {
        keccak256(bytes, &hash);
        found = hash_equal(&hash, &asking->transaction) && evm_transaction_read(bytes, &call) &&
                evm_call_anchors(&call, &asking->wanted);
    } else if (room.pool != NULL) {
        found = light_hex(&room, json_object_get(said, "to"), &call.to) &&
                light_hex(&room, json_object_get(said, "input"), &call.data) &&
                evm_call_anchors(&call, &asking->wanted);
    }
    light_end(&room);
    return found;
}

static enum tally_anchor_reason ask_call(struct asking *asking)
{
    const char *id = asking->question->transaction;
    json_t *raw, *said = NULL;
    enum rpc_outcome outcome =
        rpc_ask(asking->rpc, "eth_getRawTransactionByHash", json_pack("[s]", id), &raw);
    if (outcome == RPC_REFUSED || json_is_null(raw)) /* Many do not have that method. */
        outcome = rpc_ask(asking->rpc, "eth_getTransactionByHash", json_pack("[s]", id), &said);
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_VERIFIED;
    if (outcome != RPC_GOOD)
        reason = reason_of(outcome);
    else if (!has_call(asking, raw, said))
        reason = TALLY_ANCHOR_IS_CONTRACT;
    json_decref(raw);
    json_decref(said);
    return reason;
}

static enum tally_anchor_reason check_receipt(struct asking *asking, const json_t *receipt,
                                              struct tally_hash *block, uint64_t *number)
{
    struct tally_hash hash;
    uint64_t status;
    bool lists;
    if (json_is_null(receipt) || json_is_null(json_object_get(receipt, "blockNumber")))
        return TALLY_ANCHOR_IS_UNMINED;
    if (!hash_of(json_object_get(receipt, "transactionHash"), &hash) ||
        !hash_of(json_object_get(receipt, "blockHash"), block) ||
        !light_quantity(json_object_get(receipt, "blockNumber"), number) ||
        !light_quantity(json_object_get(receipt, "status"), &status) ||
        !hash_equal(&hash, &asking->transaction))
        return TALLY_ANCHOR_IS_ANSWER;
    if (status != 1)
        return TALLY_ANCHOR_IS_REVERTED;
    enum tally_anchor_reason reason = ask_place(asking, *number, &lists);
    if (reason != TALLY_ANCHOR_IS_VERIFIED || !asking->view.has_block ||
        !hash_equal(&asking->view.block, block))
        return reason; /* evm_place_check says which. */
    if (!lists)
        return TALLY_ANCHOR_IS_CONTRADICTION;
    return has_event(asking, receipt) ? TALLY_ANCHOR_IS_VERIFIED : ask_call(asking);
}

static void by_transaction(struct asking *asking, struct tally_anchor_finding *finding)
{
    struct tally_hash block;
    uint64_t number = 0;
    json_t *receipt;
    enum rpc_outcome outcome = rpc_ask(asking->rpc, "eth_getTransactionReceipt",
                                       json_pack("[s]", asking->question->transaction), &receipt);
    finding->reason =
        outcome == RPC_GOOD ? check_receipt(asking, receipt, &block, &number) : reason_of(outcome);
    json_decref(receipt);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        conclude(asking, &block, number, finding);
}

/* ---- 5 to 9: the light form ---- */

static enum tally_anchor_reason read_light(const struct asking *asking, struct evm_header *header)
{
    const struct backend_question *question = asking->question;
    struct light light;
    struct evm_light evm;
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_FORM;
    if (light_begin(&light, question->proof) && light_evm(&light, &evm))
        reason = evm_light_check(&evm, &asking->wanted, &asking->transaction, header);
    light_end(&light);
    return reason;
}

enum tally_anchor_reason backend_evm_alone(const struct policy_chain *chain,
                                           const struct backend_question *question)
{
    struct asking asking;
    struct evm_header header;
    prepare(&asking, chain, question);
    return read_light(&asking, &header);
}

static void by_light(struct asking *asking, struct tally_anchor_finding *finding)
{
    struct evm_header header;
    bool lists;
    finding->reason = read_light(asking, &header);
    if (finding->reason == TALLY_ANCHOR_IS_VERIFIED)
        finding->reason = ask_place(asking, header.number, &lists);
    if (finding->reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    asking->time_s = header.time_s; /* Of the bytes whose hash it is. */
    conclude(asking, &header.hash, header.number, finding);
}

void backend_evm(const struct policy_chain *chain, const struct backend_question *question,
                 struct rpc *rpc, struct tally_anchor_finding *finding)
{
    struct asking asking;
    prepare(&asking, chain, question);
    asking.rpc = rpc;
    finding->reason = ask_chain(&asking);
    if (finding->reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    if (question->proof.size > 0)
        by_light(&asking, finding);
    /* After a reorganisation it usually returns in another block: by its id then. */
    if (question->proof.size == 0 ||
        tally_anchor_verdict_of(finding->reason) == TALLY_ANCHOR_LOST) {
        struct tally_anchor_finding again = {.reason = finding->reason};
        by_transaction(&asking, &again);
        if (question->proof.size == 0 || again.reason != TALLY_ANCHOR_IS_UNMINED)
            *finding = again;
    }
}

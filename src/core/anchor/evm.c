/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/evm.h"

#include "core/anchor/keccak.h"
#include "core/anchor/rlp.h"
#include "core/base/bytes.h"

enum {
    FIELDS_MAX = 32, /* Of a transaction; type 4 has 13. */
    TOPICS_MAX = 4,
    WORD = 32,
    SELECTOR = 4,
    /* Selector and five words: root, batch, offset and length of the memo, flag (rule 3). */
    CALL_LEAST = SELECTOR + 5 * WORD,
};

static const char event_name[] = "BatchAnchored(bytes32,bytes32,string)";
static const char call_name[] = "anchor(bytes32,bytes32,string,bool)";

static bool is_hash(const struct rlp_item *item, struct tally_hash *hash)
{
    if (item->list || item->body.size != sizeof hash->bytes)
        return false;
    memcpy(hash->bytes, item->body.data, sizeof hash->bytes);
    return true;
}

bool evm_header_read(struct tally_bytes rlp, struct evm_header *header)
{
    struct rlp_item fields[EVM_HEADER_MOST];
    if (!rlp_good(rlp))
        return false;
    size_t count = rlp_list(rlp, fields, EVM_HEADER_MOST);
    if (count < EVM_HEADER_LEAST || count > EVM_HEADER_MOST)
        return false;
    keccak256(rlp, &header->hash);
    return is_hash(&fields[4], &header->transactions) && is_hash(&fields[5], &header->receipts) &&
           rlp_number(&fields[8], &header->number) && rlp_number(&fields[11], &header->time_s);
}

/* The list of a typed envelope (EIP-2718) or of a legacy one; *type is 0 for the latter. */
static bool unwrap(struct tally_bytes raw, uint8_t *type, struct tally_bytes *list)
{
    if (raw.size == 0 || (raw.data[0] < 0xc0 && (raw.data[0] == 0 || raw.data[0] > 4)))
        return false;
    *type = raw.data[0] < 0xc0 ? raw.data[0] : 0;
    *list = *type == 0 ? raw : bytes_of(raw.data + 1, raw.size - 1);
    return rlp_good(*list);
}

bool evm_transaction_read(struct tally_bytes raw, struct evm_call *call)
{
    /* Where `to` is: behind nonce, price and limit; types add the chain's id, then a second price.
     */
    static const uint8_t places[] = {3, 4, 5, 5, 5};
    struct rlp_item fields[FIELDS_MAX];
    struct tally_bytes list;
    uint8_t type;
    if (!unwrap(raw, &type, &list))
        return false;
    size_t count = rlp_list(list, fields, FIELDS_MAX), to = places[type];
    if (count < 9 || count > FIELDS_MAX || fields[to].list || fields[to + 2].list)
        return false;
    call->to = fields[to].body;
    call->data = fields[to + 2].body;
    return call->to.size == 0 || call->to.size == EVM_ADDRESS;
}

bool evm_call_anchors(const struct evm_call *call, const struct evm_wanted *wanted)
{
    struct tally_hash name;
    keccak256(bytes_text(call_name), &name);
    return bytes_equal(call->to, bytes_of(wanted->contract, EVM_ADDRESS)) &&
           call->data.size >= CALL_LEAST && memcmp(call->data.data, name.bytes, SELECTOR) == 0 &&
           memcmp(call->data.data + SELECTOR, wanted->root.bytes, WORD) == 0;
}

bool evm_event_anchors(struct tally_bytes address, const struct tally_bytes *topics, size_t count,
                       const struct evm_wanted *wanted)
{
    struct tally_hash name;
    keccak256(bytes_text(event_name), &name);
    return bytes_equal(address, bytes_of(wanted->contract, EVM_ADDRESS)) && count >= 2 &&
           bytes_equal(topics[0], bytes_of(name.bytes, WORD)) &&
           bytes_equal(topics[1], bytes_of(wanted->root.bytes, WORD));
}

/* One event: address, topics, data. */
static bool log_read(const struct rlp_item *log, struct tally_bytes *address,
                     struct tally_bytes topics[TOPICS_MAX], size_t *count)
{
    struct rlp_item parts[3], items[TOPICS_MAX];
    if (!log->list || rlp_list(log->whole, parts, 3) != 3 || parts[0].list || parts[2].list)
        return false;
    *count = rlp_list(parts[1].whole, items, TOPICS_MAX);
    if (*count > TOPICS_MAX)
        return false;
    for (size_t i = 0; i < *count; i++) {
        topics[i] = items[i].body;
        if (items[i].list)
            return false;
    }
    *address = parts[0].body;
    return true;
}

enum tally_anchor_reason evm_receipt_check(struct tally_bytes receipt,
                                           const struct evm_wanted *wanted)
{
    struct rlp_item fields[4], log;
    struct tally_bytes list, address, topics[TOPICS_MAX];
    uint8_t type;
    size_t count;
    bool found = false;
    if (!unwrap(receipt, &type, &list) || rlp_list(list, fields, 4) != 4 || fields[0].list ||
        !fields[3].list)
        return TALLY_ANCHOR_IS_FORM;
    /* Status, gas, bloom, logs. What was before Byzantium, a root for the status, shows nothing. */
    if (!bytes_equal(fields[0].body, bytes_of("\1", 1)))
        return TALLY_ANCHOR_IS_REVERTED;
    for (struct tally_bytes rest = fields[3].body; rest.size > 0;) {
        if (!rlp_take(&rest, &log) || !log_read(&log, &address, topics, &count))
            return TALLY_ANCHOR_IS_FORM;
        found = found || evm_event_anchors(address, topics, count, wanted);
    }
    return found ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_CONTRACT;
}

enum tally_anchor_reason evm_light_check(const struct evm_light *light,
                                         const struct evm_wanted *wanted,
                                         const struct tally_hash *transaction,
                                         struct evm_header *header)
{
    struct tally_bytes raw, receipt;
    struct tally_hash hash;
    struct evm_call call;
    if (!evm_header_read(light->header, header))
        return TALLY_ANCHOR_IS_HEADER;
    if (!trie_prove(&header->transactions, light->index, &light->raw_proof, &raw) ||
        !trie_prove(&header->receipts, light->index, &light->receipt_proof, &receipt))
        return TALLY_ANCHOR_IS_PROOF;
    keccak256(raw, &hash);
    if (!bytes_equal(raw, light->raw) || !hash_equal(&hash, transaction))
        return TALLY_ANCHOR_IS_TRANSACTION;
    if (!bytes_equal(receipt, light->receipt))
        return TALLY_ANCHOR_IS_PROOF;
    if (!evm_transaction_read(raw, &call))
        return TALLY_ANCHOR_IS_FORM;
    enum tally_anchor_reason reason = evm_receipt_check(receipt, wanted);
    /* A call that went well counts as its event does; a call that failed is intent only. */
    return reason == TALLY_ANCHOR_IS_CONTRACT && evm_call_anchors(&call, wanted)
               ? TALLY_ANCHOR_IS_VERIFIED
               : reason;
}

enum tally_anchor_reason evm_place_check(const struct evm_view *view,
                                         const struct evm_policy *policy,
                                         const struct tally_hash *block, uint64_t number)
{
    if (view->chain != policy->chain)
        return TALLY_ANCHOR_IS_OTHER_CHAIN;
    if (view->has_block && !hash_equal(&view->block, block))
        return TALLY_ANCHOR_IS_REORGED;
    if (view->tip < number)
        return TALLY_ANCHOR_IS_TIP_BELOW;
    if (!view->has_block)
        return TALLY_ANCHOR_IS_UNKNOWN_BLOCK;
    bool by_final =
        policy->wait == EVM_WAIT_FINAL || (policy->wait == EVM_WAIT_EITHER && view->reports_final);
    if (by_final)
        return view->reports_final && view->final >= number ? TALLY_ANCHOR_IS_VERIFIED
                                                            : TALLY_ANCHOR_IS_NOT_FINAL;
    return view->tip - number >= policy->depth ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_DEPTH;
}

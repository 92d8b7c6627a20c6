/* SPDX-License-Identifier: Apache-2.0 */
/* Real anchors, of a Bitcoin and an EVM chain, and what was done to them: each case by its reason.
   They were made by other software, and judged by other code (fixtures/backends). */
#include "core/anchor/evm.h"
#include "core/anchor/headers.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "support/cmocka.h"
#include "vectors.h"

#include <stdlib.h>

#define FOLDER "../fixtures/backends/vectors/"

enum { HEADERS_MAX = 256, BYTES_MAX = 64 << 10 };

struct expected {
    const char *name;
    enum tally_anchor_reason reason;
};

/* The reason that we give for a case of theirs; an unknown case fails the test. */
static enum tally_anchor_reason expected_of(const struct expected *list, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].reason;
    fail_msg("a case that nobody expects: %s", name);
    return TALLY_ANCHOR_REASON_COUNT;
}

/* Their words for a verdict: ok, pending, lost, refused. */
static bool verdict_is(enum tally_anchor_reason reason, const char *word)
{
    switch (tally_anchor_verdict_of(reason)) {
    case TALLY_ANCHOR_GOOD:
        return strcmp(word, "ok") == 0;
    case TALLY_ANCHOR_SHALLOW:
    case TALLY_ANCHOR_PENDING:
        return strcmp(word, "pending") == 0;
    case TALLY_ANCHOR_LOST: /* Was it there, or was it never? Who did not see it cannot tell. */
        return strcmp(word, "lost") == 0 || strcmp(word, "refused") == 0;
    case TALLY_ANCHOR_UNREACHABLE: /* A backend on another chain says nothing of the anchor. */
    case TALLY_ANCHOR_REFUSED:
        return strcmp(word, "refused") == 0;
    case TALLY_ANCHOR_VERDICTS:
        break;
    }
    return false;
}

/* A member of `set` replaces that of the anchor. */
static const json_t *member(const json_t *base, const json_t *one, const char *name)
{
    const json_t *set = json_object_get(json_object_get(one, "set"), name);
    return set != NULL ? set : json_object_get(json_object_get(base, "anchor"), name);
}

static struct tally_bytes hex_bytes(const json_t *value, uint8_t *bytes)
{
    const char *text = json_string_value(value);
    assert_non_null(text);
    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    size_t size = strlen(text) / 2;
    assert_true(size <= BYTES_MAX);
    assert_true(hex_read(text, bytes, size));
    return bytes_of(bytes, size);
}

static struct tally_hash root_of(const json_t *base, const json_t *one)
{
    const json_t *root = json_object_get(one, "root");
    struct tally_hash hash;
    assert_true(hex_read(json_string_value(root != NULL ? root : json_object_get(base, "root")),
                         hash.bytes, sizeof hash.bytes));
    return hash;
}

static void judge(const char *name, const json_t *one, enum tally_anchor_reason got,
                  enum tally_anchor_reason want)
{
    if (got != want || !verdict_is(got, vectors_text(one, "expect")))
        fail_msg("%s: %s, not %s (theirs: %s)", name, tally_anchor_reason_name(got),
                 tally_anchor_reason_name(want), vectors_text(one, "expect"));
}

/* ---- Bitcoin ---- */

static const struct expected btc_cases[] = {
    {"good", TALLY_ANCHOR_IS_VERIFIED},
    {"depth 1 asked", TALLY_ANCHOR_IS_VERIFIED},
    {"one block too shallow", TALLY_ANCHOR_IS_DEPTH},
    {"other root", TALLY_ANCHOR_IS_ROOT},
    {"neighbour's index", TALLY_ANCHOR_IS_PATH},
    {"path cut", TALLY_ANCHOR_IS_PATH},
    {"path side altered", TALLY_ANCHOR_IS_PATH},
    {"byte after the transaction", TALLY_ANCHOR_IS_FORM},
    {"transaction cut", TALLY_ANCHOR_IS_FORM},
    {"input altered", TALLY_ANCHOR_IS_TRANSACTION},
    {"64-byte transaction", TALLY_ANCHOR_IS_SIXTY_FOUR},
    {"txid in memory order", TALLY_ANCHOR_IS_TRANSACTION},
    {"block unknown", TALLY_ANCHOR_IS_UNKNOWN_BLOCK},
    {"a real block, not the one", TALLY_ANCHOR_IS_PATH},
    {"reorganised away", TALLY_ANCHOR_IS_REORGED},
    {"header without work", TALLY_ANCHOR_IS_WORK},
    {"header that does not connect", TALLY_ANCHOR_IS_UNKNOWN_BLOCK},
    {"decoy: magic RX", TALLY_ANCHOR_IS_ROOT},
    {"decoy: 35 bytes pushed", TALLY_ANCHOR_IS_ROOT},
    {"decoy: a second push", TALLY_ANCHOR_IS_ROOT},
    {"someone else's anchor", TALLY_ANCHOR_IS_ROOT},
};

static enum tally_anchor_reason add_all(struct bitcoin_headers *headers, const json_t *list,
                                        int64_t now_s)
{
    enum tally_anchor_reason reason = TALLY_ANCHOR_IS_VERIFIED;
    size_t i;
    const json_t *header;
    json_array_foreach(list, i, header)
    {
        uint8_t bytes[BYTES_MAX];
        assert_int_equal(hex_bytes(header, bytes).size, BITCOIN_HEADER);
        reason = headers->count == 0 ? bitcoin_headers_begin(headers, bytes, 0, now_s)
                                     : bitcoin_headers_add(headers, bytes, now_s);
        if (reason != TALLY_ANCHOR_IS_VERIFIED)
            return reason;
    }
    return reason;
}

static enum tally_anchor_reason btc_judge(const json_t *base, const json_t *one)
{
    static struct bitcoin_header list[HEADERS_MAX];
    struct bitcoin_headers headers;
    bitcoin_headers_init(&headers, bitcoin_network_find("regtest"), list, HEADERS_MAX);
    const json_t *depth = json_object_get(one, "min_depth");
    const struct bitcoin_policy policy = {
        .depth = depth != NULL ? (uint64_t)json_integer_value(depth) : 6, .now_s = 1795239900};
    assert_int_equal(add_all(&headers, json_object_get(base, "headers"), policy.now_s),
                     TALLY_ANCHOR_IS_VERIFIED);
    enum tally_anchor_reason reason =
        add_all(&headers, json_object_get(one, "more_headers"), policy.now_s);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    if (json_is_true(json_object_get(one, "branch")))
        assert_int_equal(add_all(&headers, json_object_get(base, "branch"), policy.now_s),
                         TALLY_ANCHOR_IS_VERIFIED);
    uint8_t raw[BYTES_MAX];
    struct tally_hash root = root_of(base, one), txid, claimed, block;
    reason = bitcoin_transaction_check(hex_bytes(member(base, one, "raw"), raw), &root, &txid);
    if (reason == TALLY_ANCHOR_IS_SIZE || reason == TALLY_ANCHOR_IS_FORM)
        return reason;
    assert_true(bitcoin_hash_read(json_string_value(member(base, one, "tx")), &claimed));
    assert_true(bitcoin_hash_read(json_string_value(member(base, one, "block")), &block));
    if (!hash_equal(&txid, &claimed))
        return TALLY_ANCHOR_IS_TRANSACTION;
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    const json_t *sides = member(base, one, "path");
    struct bitcoin_path path = {.index = (uint32_t)json_integer_value(member(base, one, "index")),
                                .count = json_array_size(sides)};
    for (size_t i = 0; i < path.count; i++)
        assert_true(hex_read(json_string_value(json_array_get(sides, i)), path.sides[i].bytes, 32));
    const struct bitcoin_header *found;
    return bitcoin_place_check(&headers, &policy, &txid, &block, &path, &found);
}

static void bitcoin_anchors_are_judged_as_others_judge_them(void **state)
{
    json_t *base = vectors_json(FOLDER "btc.json");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(base, "cases"), i, one)
    {
        const char *name = vectors_text(one, "name");
        judge(name, one, btc_judge(base, one),
              expected_of(btc_cases, sizeof btc_cases / sizeof *btc_cases, name));
    }
    assert_int_equal(i, sizeof btc_cases / sizeof *btc_cases);
    json_decref(base);
}

/* BIP 37: the path that is rebuilt is the one they took apart. */
static void a_merkleblock_gives_the_path(void **state)
{
    json_t *base = vectors_json(FOLDER "btc.json");
    uint8_t bytes[BYTES_MAX], header[BITCOIN_HEADER], *copy;
    struct tally_hash txid, root;
    struct bitcoin_path path;
    struct tally_bytes block = hex_bytes(json_object_get(base, "merkleblock"), bytes);
    assert_true(bitcoin_hash_read(vectors_text(json_object_get(base, "anchor"), "tx"), &txid));
    assert_true(bitcoin_merkleblock_read(block, &txid, header, &path));
    const json_t *sides = member(base, NULL, "path");
    assert_int_equal(path.index, json_integer_value(member(base, NULL, "index")));
    assert_int_equal(path.count, json_array_size(sides));
    for (size_t i = 0; i < path.count; i++) {
        struct tally_hash side;
        assert_true(hex_read(json_string_value(json_array_get(sides, i)), side.bytes, 32));
        assert_memory_equal(side.bytes, path.sides[i].bytes, 32);
    }
    assert_true(bitcoin_path_fold(&txid, &path, &root));
    assert_memory_equal(root.bytes, header + 36, 32);
    /* Of no bit that matters may there be another value, and nothing may be missing. */
    for (size_t cut = 0; cut < block.size; cut++) {
        copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        assert_false(bitcoin_merkleblock_read(bytes_of(copy, cut), &txid, header, &path));
        free(copy);
    }
    for (size_t bit = 36 * 8; bit < 68 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(bitcoin_merkleblock_read(block, &txid, header, &path));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 85 * 8; bit < (block.size - 1) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(bitcoin_merkleblock_read(block, &txid, header, &path));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    json_decref(base);
}

/* ---- EVM ---- */

static const struct expected evm_cases[] = {
    {"good", TALLY_ANCHOR_IS_VERIFIED},
    {"finalized", TALLY_ANCHOR_IS_VERIFIED},
    {"not finalized", TALLY_ANCHOR_IS_NOT_FINAL},
    {"no finality reported", TALLY_ANCHOR_IS_NOT_FINAL},
    {"depth 12 exactly", TALLY_ANCHOR_IS_VERIFIED},
    {"depth 11", TALLY_ANCHOR_IS_DEPTH},
    {"tip below the block", TALLY_ANCHOR_IS_TIP_BELOW},
    {"other root", TALLY_ANCHOR_IS_CONTRACT},
    {"other chain", TALLY_ANCHOR_IS_OTHER_CHAIN},
    {"claims another chain", TALLY_ANCHOR_IS_OTHER_CHAIN},
    {"other contract configured", TALLY_ANCHOR_IS_CONTRACT},
    {"reorganised", TALLY_ANCHOR_IS_REORGED},
    {"block unknown", TALLY_ANCHOR_IS_UNKNOWN_BLOCK},
    {"header altered", TALLY_ANCHOR_IS_REORGED}, /* Its nonce: the tries are the same. */
    {"byte after the header", TALLY_ANCHOR_IS_HEADER},
    {"neighbour's index", TALLY_ANCHOR_IS_PROOF},
    {"transaction node cut", TALLY_ANCHOR_IS_PROOF},
    {"raw transaction altered", TALLY_ANCHOR_IS_TRANSACTION},
    {"transaction hash altered", TALLY_ANCHOR_IS_TRANSACTION},
    {"calldata alone", TALLY_ANCHOR_IS_VERIFIED},
    {"event of a foreign contract", TALLY_ANCHOR_IS_CONTRACT},
    {"call to a plain account", TALLY_ANCHOR_IS_CONTRACT},
    {"reverted", TALLY_ANCHOR_IS_REVERTED},
};

static const json_t *rpc(const json_t *base, const json_t *one, const char *name)
{
    const json_t *set = json_object_get(json_object_get(one, "rpc"), name);
    return set != NULL ? set : json_object_get(json_object_get(base, "rpc"), name);
}

static struct trie_proof proof_of(const json_t *list, uint8_t *bytes)
{
    struct trie_proof proof = {.count = json_array_size(list)};
    assert_true(proof.count <= TRIE_NODES_MAX);
    for (size_t i = 0; i < proof.count; i++) {
        proof.nodes[i] = hex_bytes(json_array_get(list, i), bytes);
        bytes += proof.nodes[i].size;
    }
    return proof;
}

static uint64_t id_of(const json_t *chain)
{
    return strtoull(strchr(json_string_value(chain), ':') + 1, NULL, 10);
}

static enum tally_anchor_reason evm_judge(const json_t *base, const json_t *one)
{
    static uint8_t header[BYTES_MAX], raw[BYTES_MAX], receipt[BYTES_MAX], hash[BYTES_MAX],
        contract[BYTES_MAX], raw_proof[BYTES_MAX], receipt_proof[BYTES_MAX], block[BYTES_MAX];
    struct evm_light light = {
        .header = hex_bytes(member(base, one, "header"), header),
        .raw = hex_bytes(member(base, one, "raw"), raw),
        .receipt = hex_bytes(member(base, one, "receipt"), receipt),
        .index = (uint64_t)json_integer_value(member(base, one, "index")),
        .raw_proof = proof_of(member(base, one, "proof"), raw_proof),
        .receipt_proof = proof_of(member(base, one, "receipt_proof"), receipt_proof),
    };
    struct evm_wanted wanted = {.root = root_of(base, one)};
    assert_int_equal(hex_bytes(member(base, one, "contract"), contract).size, EVM_ADDRESS);
    memcpy(wanted.contract, contract, EVM_ADDRESS);
    struct tally_hash transaction;
    memcpy(transaction.bytes, hex_bytes(member(base, one, "tx"), hash).data, 32);
    struct evm_header found;
    enum tally_anchor_reason reason = evm_light_check(&light, &wanted, &transaction, &found);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    const json_t *depth = json_object_get(one, "min_depth");
    struct evm_policy policy = {.chain = id_of(member(base, one, "chain")),
                                .wait = json_is_string(depth) ? EVM_WAIT_FINAL : EVM_WAIT_DEPTH,
                                .depth = 12};
    struct evm_view view = {.chain = id_of(rpc(base, one, "chain_id")),
                            .tip = (uint64_t)json_integer_value(rpc(base, one, "head")),
                            .reports_final = json_is_integer(rpc(base, one, "finalized")),
                            .final = (uint64_t)json_integer_value(rpc(base, one, "finalized")),
                            .has_block = json_is_string(rpc(base, one, "hash")) &&
                                         (uint64_t)json_integer_value(rpc(base, one, "number")) ==
                                             found.number};
    if (view.has_block)
        memcpy(view.block.bytes, hex_bytes(rpc(base, one, "hash"), block).data, 32);
    return evm_place_check(&view, &policy, &found.hash, found.number);
}

static void evm_anchors_are_judged_as_others_judge_them(void **state)
{
    json_t *base = vectors_json(FOLDER "evm.json");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(base, "cases"), i, one)
    {
        const char *name = vectors_text(one, "name");
        judge(name, one, evm_judge(base, one),
              expected_of(evm_cases, sizeof evm_cases / sizeof *evm_cases, name));
    }
    assert_int_equal(i, sizeof evm_cases / sizeof *evm_cases);
    json_decref(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bitcoin_anchors_are_judged_as_others_judge_them),
        cmocka_unit_test(a_merkleblock_gives_the_path),
        cmocka_unit_test(evm_anchors_are_judged_as_others_judge_them),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

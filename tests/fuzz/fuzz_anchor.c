/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of anchors that strangers write. The first byte chooses the reader. What was taken
 * holds what its header promises: views inside the bytes, a path that folds, numbers that are
 * written again as the same bytes.
 */
#include "core/anchor/evm.h"
#include "core/anchor/headers.h"
#include "core/anchor/keccak.h"
#include "core/anchor/rlp.h"
#include "core/base/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct tally_bytes view, struct tally_bytes whole)
{
    if (view.size > 0 && (view.data < whole.data || view.size > whole.size ||
                          view.data - whole.data > (ptrdiff_t)(whole.size - view.size)))
        abort();
}

static void rlp(struct tally_bytes bytes)
{
    struct rlp_item item;
    struct tally_bytes rest = bytes;
    uint8_t again[9];
    uint64_t number;
    bool good = rlp_good(bytes), taken = rlp_take(&rest, &item);
    if (good && !(taken && rest.size == 0))
        abort();
    if (!taken)
        return;
    inside(item.body, bytes);
    inside(item.whole, bytes);
    if (rlp_number(&item, &number) && (rlp_write_number(number, again) != item.whole.size ||
                                       memcmp(again, item.whole.data, item.whole.size) != 0))
        abort();
}

static void evm(struct tally_bytes bytes)
{
    struct evm_wanted wanted = {{0}, {{0}}};
    struct evm_header header;
    struct evm_call call;
    (void)evm_header_read(bytes, &header);
    (void)evm_receipt_check(bytes, &wanted);
    if (!evm_transaction_read(bytes, &call))
        return;
    inside(call.to, bytes);
    inside(call.data, bytes);
}

/* Nodes, each behind its length in two bytes; the root is that of the first. */
static void trie(struct tally_bytes bytes)
{
    struct trie_proof proof = {0};
    struct tally_hash root = {{0}};
    struct tally_bytes value, rest = bytes;
    while (rest.size >= 3 && proof.count < TRIE_NODES_MAX) {
        size_t size = be16_read(rest.data);
        rest = bytes_of(rest.data + 2, rest.size - 2);
        if (size > rest.size)
            size = rest.size;
        proof.nodes[proof.count++] = bytes_of(rest.data, size);
        rest = bytes_of(rest.data + size, rest.size - size);
    }
    if (proof.count > 0)
        keccak256(proof.nodes[0], &root);
    for (uint64_t index = 0; index < 200; index += 64)
        if (trie_prove(&root, index, &proof, &value))
            inside(value, bytes);
}

static void transaction(struct tally_bytes bytes)
{
    struct tally_hash root = {{0}}, one, other;
    enum tally_anchor_reason with = bitcoin_transaction_check(bytes, &root, &one);
    enum tally_anchor_reason without = bitcoin_transaction_check(bytes, NULL, &other);
    if (with == TALLY_ANCHOR_IS_ROOT)
        with = TALLY_ANCHOR_IS_VERIFIED;
    if (with != without ||
        (with == TALLY_ANCHOR_IS_VERIFIED && memcmp(&one, &other, sizeof one) != 0))
        abort();
}

/* The transaction that a mutation looks for is named in the first bytes. */
static void merkleblock(struct tally_bytes bytes)
{
    struct tally_hash txid, root;
    uint8_t header[BITCOIN_HEADER];
    struct bitcoin_path path;
    if (bytes.size < sizeof txid.bytes)
        return;
    memcpy(txid.bytes, bytes.data, sizeof txid.bytes);
    struct tally_bytes rest = bytes_of(bytes.data + 32, bytes.size - 32);
    if (bitcoin_merkleblock_read(rest, &txid, header, &path) &&
        (!bitcoin_path_fold(&txid, &path, &root) || memcmp(root.bytes, header + 36, 32) != 0))
        abort();
}

static void headers(struct tally_bytes bytes)
{
    static struct bitcoin_header list[64];
    struct bitcoin_headers run;
    bitcoin_headers_init(&run, bitcoin_network_find("regtest"), list, 64);
    if (bytes.size < BITCOIN_HEADER ||
        bitcoin_headers_begin(&run, bytes.data, 0, INT64_C(1) << 32) != TALLY_ANCHOR_IS_VERIFIED)
        return;
    for (size_t at = BITCOIN_HEADER; at + BITCOIN_HEADER <= bytes.size; at += BITCOIN_HEADER)
        (void)bitcoin_headers_add(&run, bytes.data + at, INT64_C(1) << 32);
    const struct bitcoin_header *tip = bitcoin_headers_tip(&run, &list[0]);
    for (uint64_t height = 0; height <= tip->height; height++)
        if (bitcoin_headers_at(&run, tip, height)->height != height)
            abort();
    (void)bitcoin_headers_compete(&run, tip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct tally_bytes) = {rlp,         evm,         trie,
                                                          transaction, merkleblock, headers};
    if (size == 0)
        return 0;
    readers[data[0] % (sizeof readers / sizeof *readers)](bytes_of(data + 1, size - 1));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_EVM_H
#define ANCHOR_EVM_H
/*
 * Anchors on EVM chains, as far as they can be judged without asking anybody (reliability chapter
 * 12.4): what a transaction and its receipt say, and that a block's header holds both. That the
 * header is of the chain a backend says.
 */
#include "core/anchor/trie.h"
#include "tally/anchor.h"

enum { EVM_ADDRESS = 20, EVM_HEADER_LEAST = 15, EVM_HEADER_MOST = 32 };

/* What must be anchored, and by whom. */
struct evm_wanted {
    uint8_t contract[EVM_ADDRESS];
    struct tally_hash root;
};

/* A block's header, as far as it matters. */
struct evm_header {
    struct tally_hash hash; /* Keccak-256 of the bytes as given: forks add fields. */
    struct tally_hash transactions, receipts; /* Roots of the two tries. */
    uint64_t number, time_s;
};
bool evm_header_read(struct tally_bytes rlp, struct evm_header *header);

/* Whom a signed transaction calls, and with what. `to` is empty where it makes a contract. Legacy,
   or of type 1 to 4. */
struct evm_call {
    struct tally_bytes to, data;
};
bool evm_transaction_read(struct tally_bytes raw, struct evm_call *call);

/* Whether it is anchor(bytes32,bytes32,string,bool) of that contract with that root. */
bool evm_call_anchors(const struct evm_call *call, const struct evm_wanted *wanted);

/* Whether it is the event BatchAnchored(bytes32,bytes32,string) of that contract with that root.
   topics: those of the event, 32 bytes each. */
bool evm_event_anchors(struct tally_bytes address, const struct tally_bytes *topics, size_t count,
                       const struct evm_wanted *wanted);

/* The event among those of a receipt, as the trie holds it. FORM, REVERTED, CONTRACT, or VERIFIED.
 */
enum tally_anchor_reason evm_receipt_check(struct tally_bytes receipt,
                                           const struct evm_wanted *wanted);

/* The light form: header, index, and with their nodes transaction and receipt. */
struct evm_light {
    struct tally_bytes header, raw, receipt;
    uint64_t index;
    struct trie_proof raw_proof, receipt_proof;
};

/*
 * Rules 2, 3, 6 (all but canonical), 7 and 8: VERIFIED if this transaction is in the block, went
 * well and anchors the root. Else FORM, HEADER, PROOF, TRANSACTION, REVERTED, CONTRACT.
 */
enum tally_anchor_reason evm_light_check(const struct evm_light *light,
                                         const struct evm_wanted *wanted,
                                         const struct tally_hash *transaction,
                                         struct evm_header *header);

/* What one backend says of its chain, and of the block at the anchor's height. */
struct evm_view {
    uint64_t chain, tip;
    bool reports_final, has_block;
    uint64_t final; /* Height of the newest block that is final. */
    struct tally_hash block;
};

enum evm_wait {
    EVM_WAIT_EITHER, /* For finality where the chain reports it, else for depth. */
    EVM_WAIT_DEPTH,
    EVM_WAIT_FINAL,
};

struct evm_policy {
    uint64_t chain;
    enum evm_wait wait;
    uint64_t depth; /* Blocks above the anchor's own. */
};

/* Rules 1, 4 and the rest of 2 and 6: OTHER_CHAIN, UNKNOWN_BLOCK, REORGED, TIP_BELOW, DEPTH,
   NOT_FINAL or VERIFIED. */
enum tally_anchor_reason evm_place_check(const struct evm_view *view,
                                         const struct evm_policy *policy,
                                         const struct tally_hash *block, uint64_t number);

#endif

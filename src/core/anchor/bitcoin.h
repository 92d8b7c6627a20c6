/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_BITCOIN_H
#define ANCHOR_BITCOIN_H
/*
 * Anchors in Bitcoin (reliability chapter 12.5, rules 1 to 5): a transaction, its output, and the
 * path from it to a block's root. Hashes are in memory order; what people see is reversed.
 */
#include "tally/anchor.h"

enum {
    BITCOIN_TRANSACTION_MAX = 100000,
    BITCOIN_PATH_MAX = 32,
    BITCOIN_HEADER = 80,
    BITCOIN_SCRIPT = 36, /* 6a 22 "RV" root. */
    BITCOIN_BLOCK_MAX = 4000000,
};

/* A hash as people see it, reversed, in 64 digits and a NUL; and back, lower case only. */
void bitcoin_hash_write(const struct tally_hash *hash, char text[65]);
bool bitcoin_hash_read(const char *text, struct tally_hash *hash);

/* SHA-256 of the SHA-256. */
void bitcoin_hash(struct tally_bytes bytes, struct tally_hash *hash);

/*
 * Rules 1 to 3: SIZE, FORM, SIXTY_FOUR; ROOT if no output script is that of the root; VERIFIED.
 * *txid is set but for SIZE and FORM. root NULL: the outputs are not looked at.
 */
enum tally_anchor_reason bitcoin_transaction_check(struct tally_bytes raw,
                                                   const struct tally_hash *root,
                                                   struct tally_hash *txid);

/* Where a transaction is in its block. */
struct bitcoin_path {
    uint32_t index;
    size_t count;
    struct tally_hash sides[BITCOIN_PATH_MAX]; /* From the leaf up. */
};

/* Rule 4: the root that the path leads to; false if it breaks a rule. */
bool bitcoin_path_fold(const struct tally_hash *txid, const struct bitcoin_path *path,
                       struct tally_hash *root);

/*
 * What `gettxoutproof` gives for one transaction (BIP 37): a header, and the hashes around it. The
 * tree is rebuilt, so the path is as long as the block's is (rule 5). False if it is not that, or
 * not of that transaction.
 */
bool bitcoin_merkleblock_read(struct tally_bytes bytes, const struct tally_hash *txid,
                              uint8_t header[BITCOIN_HEADER], struct bitcoin_path *path);

#endif

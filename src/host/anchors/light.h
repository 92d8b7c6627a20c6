/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_LIGHT_H
#define ANCHORS_LIGHT_H
/*
 * Anchors on chains as files: what proves a transaction to whoever knows the chain's headers. JSON,
 * numbers plain, bytes in hex with or without 0x, hashes as people see them.
 *
 *     eip155  chain transaction header index raw proof[] receipt receipt_proof[]
 *     btc     chain transaction header index raw path[]
 */
#include "core/anchor/evm.h"
#include "core/anchor/headers.h"

#include <jansson.h>

/* Whose bytes the views below are. */
struct light {
    json_t *file;
    uint8_t *pool;
    size_t used, size;
};

/* Reads the file as JSON, bounded; which chain and transaction it is of. False: it is not that. End
   with light_end, also then. */
bool light_begin(struct light *light, struct tally_bytes bytes);
void light_end(struct light *light);
bool light_name(const struct light *light, enum tally_anchor_kind *kind,
                char chain[TALLY_ANCHOR_CHAIN_MAX + 1],
                char transaction[TALLY_ANCHOR_TRANSACTION_MAX + 1]);

bool light_evm(struct light *light, struct evm_light *evm);

struct btc_light {
    struct tally_bytes raw;
    uint8_t header[BITCOIN_HEADER];
    struct bitcoin_path path;
};
bool light_btc(struct light *light, struct btc_light *btc);

/* Bytes of a JSON string in hex, with or without 0x, into the pool of a light. */
bool light_hex(struct light *light, const json_t *value, struct tally_bytes *bytes);

/* A number of JSON-RPC: "0x1f", without leading zeros, below 2^64. */
bool light_quantity(const json_t *value, uint64_t *number);

#endif

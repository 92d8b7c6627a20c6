/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_POLICY_H
#define ANCHORS_POLICY_H
/*
 * Whom an operator asks about anchors, and what must be met: anchors.json in the data directory
 * (docs/anchors.md). Nothing is trusted and nobody is asked by default: without the file every
 * anchor stays unreachable. Backends are found by the name of the chain, never by an address that
 * came with an anchor.
 */
#include "core/anchor/evm.h"
#include "host/anchors/token.h"
#include "host/config/complaint.h"

#include <jansson.h>

enum {
    POLICY_FILE_MAX = 64 << 10,
    POLICY_ROWS_MAX = 32,    /* Chains; and authorities. */
    POLICY_BACKENDS_MAX = 8, /* Of one chain. */
    POLICY_NAME_MAX = 32,
};

/* Of "btc:…" or "eip155:…". */
struct policy_chain {
    enum tally_anchor_kind kind;
    char chain[TALLY_ANCHOR_CHAIN_MAX + 1];
    const char *urls[POLICY_BACKENDS_MAX];
    size_t url_count, agree; /* So many must answer. */
    uint64_t depth;
    enum evm_wait wait;
    uint8_t contract[EVM_ADDRESS];
    bool old_tip; /* A chain that stands still is no reason to wait: for networks of one's own. */
};

struct policy_authority {
    char name[POLICY_NAME_MAX + 1];
    const char *url;               /* NULL: it is not asked for time stamps, only believed. */
    struct token_question terms;   /* Policies, accuracy, revoked serials; the rest is zero. */
    struct tally_bytes roots, crl; /* PEM. */
};

struct policy {
    char data[4096]; /* Whose directory it is. */
    json_t *file;    /* Owns the texts above. NULL: there is none. */
    size_t chain_count, authority_count;
    struct policy_chain chains[POLICY_ROWS_MAX];
    struct policy_authority authorities[POLICY_ROWS_MAX];
};

/* Reads DATA/anchors.json. OK also without one. PERMISSION if others may read it (addresses hold
   passwords), MALFORMED with a sentence that names the member, NO_MEMORY, IO. On the heap; free
   with policy_free. */
enum tally_error policy_read(const char *data, struct policy **policy, struct complaint *complaint);
void policy_free(struct policy *policy);

/* NULL: not configured. */
const struct policy_chain *policy_chain(const struct policy *policy, const char *chain);
const struct policy_authority *policy_authority(const struct policy *policy, const char *name);

/* Whether the earliest anchor of a namespace's checkpoints is to be shown first. */
bool policy_prefers_earliest(const struct policy *policy, const char *name_space);

#endif

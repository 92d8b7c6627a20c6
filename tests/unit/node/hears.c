/* SPDX-License-Identifier: Apache-2.0 */
#include "hears.h"

#include "core/base/bytes.h"
#include "core/node/node.h"

void node_hears(struct tally_node *node, const struct tally_key *issuer, const char *type,
                struct tally_bytes body)
{
    struct agreement_place place = {.index = 0};
    memcpy(place.receipt.bytes, issuer->bytes, sizeof place.receipt.bytes);
    fold_hear(&node->federating.fold, issuer, bytes_text(type), body, &place);
}

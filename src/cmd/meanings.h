/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_MEANINGS_H
#define CMD_MEANINGS_H
/* What receipts mean, as a node's own statements say (core/federation/schemas.h): for whoever shows
   a receipt. */
#include "cmd/shelf.h"
#include "core/federation/schemas.h"
#include <jansson.h>

/* The schemas that the owner of a data directory stated, or another party; to be freed. NULL: there
   is no memory, or no key. */
struct schemas *meanings_load(const struct shelf *shelf, const struct tally_key *party);

/* Whether receipts of that kind are known: a schema names them, or they are statements that this
   version reads. */
bool meanings_known(const struct schemas *schemas, struct tally_bytes name_space,
                    struct tally_bytes type);

/* {"name", "version", "hash", "namespace"}; null without. */
json_t *meanings_object(const struct schema *schema);

#endif

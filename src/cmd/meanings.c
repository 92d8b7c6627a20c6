/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/meanings.h"

#include "cmd/print.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"

#include <stdlib.h>

struct schemas *meanings_load(const struct shelf *shelf, const struct tally_key *party)
{
    struct schemas *schemas = schemas_new(SCHEMAS_MAX);
    struct tally_party *parties = calloc(TALLY_PARTIES_MAX, sizeof *parties);
    uint8_t *room = malloc(TALLY_ENTRIES_MAX);
    struct tally_hash origin_hash;
    struct fold fold;
    if (schemas != NULL && parties != NULL && room != NULL) {
        fold_init(&fold, party, parties, TALLY_PARTIES_MAX);
        fold.schemas = schemas;
        replay_origin(party, &origin_hash);
        (void)replay_all(&fold, &shelf->ledger, &origin_hash, room);
    }
    free(parties);
    free(room);
    return schemas;
}

bool meanings_known(const struct schemas *schemas, struct tally_bytes name_space,
                    struct tally_bytes type)
{
    if (bytes_equal(name_space, bytes_text(TALLY_STATEMENTS)))
        return fed_kind_of(type) != FED_UNKNOWN;
    return schema_of(schemas, name_space, type) != NULL;
}

json_t *meanings_object(const struct schema *schema)
{
    if (schema == NULL)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "namespace",
                     schema->everywhere ? json_null() : print_json_text(schema_name_space(schema)),
                     "name", print_json_text(schema_name(schema)), "version",
                     print_json_text(schema_version(schema)), "hash",
                     print_json_hash(&schema->hash));
}

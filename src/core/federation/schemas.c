/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/schemas.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <stdlib.h>

struct schemas *schemas_new(size_t capacity)
{
    struct schemas *schemas = calloc(1, sizeof *schemas);
    if (schemas == NULL)
        return NULL;
    schemas->capacity = capacity;
    schemas->list = calloc(capacity, sizeof *schemas->list);
    if (schemas->list != NULL)
        return schemas;
    free(schemas);
    return NULL;
}

void schemas_free(struct schemas *schemas)
{
    if (schemas != NULL)
        free(schemas->list);
    free(schemas);
}

/* Ours of that namespace, name and version; NULL: none. */
static const struct schema *find(const struct schemas *schemas, const struct tally_fed_schema *said)
{
    for (size_t i = 0; i < schemas->count; i++) {
        const struct schema *one = &schemas->list[i];
        if (one->everywhere != said->has_name_space && bytes_equal(schema_name(one), said->name) &&
            bytes_equal(schema_version(one), said->version) &&
            (one->everywhere || bytes_equal(schema_name_space(one), said->name_space)))
            return one;
    }
    return NULL;
}

enum fold_verdict schema_judge(const struct schemas *schemas, const struct tally_fed_schema *said)
{
    if (!tally_type_valid(said->name) ||
        (said->has_name_space && !tally_namespace_valid(said->name_space)))
        return FOLD_MALFORMED;
    if (find(schemas, said) != NULL)
        return FOLD_FORBIDDEN;
    return schemas->count < schemas->capacity ? FOLD_TAKEN : FOLD_FULL;
}

void schema_apply(struct schemas *schemas, const struct tally_fed_schema *said, uint64_t index)
{
    struct schema *one = &schemas->list[schemas->count++];
    *one = (struct schema){.index = index,
                           .everywhere = !said->has_name_space,
                           .name_size = (uint8_t)said->name.size,
                           .version_size = (uint8_t)said->version.size,
                           .hash = said->hash};
    memcpy(one->name, said->name.data, said->name.size);
    memcpy(one->version, said->version.data, said->version.size);
    if (one->everywhere)
        return;
    one->name_space_size = (uint8_t)said->name_space.size;
    memcpy(one->name_space, said->name_space.data, said->name_space.size);
}

enum schema_relation schema_compare(const struct schemas *schemas,
                                    const struct tally_fed_schema *theirs,
                                    const struct schema **ours)
{
    *ours = schemas != NULL ? find(schemas, theirs) : NULL;
    if (*ours == NULL)
        return SCHEMA_UNKNOWN;
    return hash_equal(&(*ours)->hash, &theirs->hash) ? SCHEMA_SAME : SCHEMA_DIFFERS;
}

const struct schema *schema_of(const struct schemas *schemas, struct tally_bytes name_space,
                               struct tally_bytes type)
{
    for (size_t i = schemas != NULL ? schemas->count : 0; i-- > 0;) {
        const struct schema *one = &schemas->list[i];
        if (bytes_equal(schema_name(one), type) &&
            (one->everywhere || bytes_equal(schema_name_space(one), name_space)))
            return one;
    }
    return NULL;
}

void schema_hash(const struct schemas *schemas, struct tally_hash *hash)
{
    for (size_t i = 0; i < schemas->count; i++) {
        const struct schema *one = &schemas->list[i];
        uint8_t bytes[8 + 4 + TALLY_NAMESPACE_MAX + TALLY_TYPE_MAX + SCHEMA_VERSION_MAX + 32] = {0};
        struct tally_hash before = *hash;
        uint8_t *at = bytes + 12;
        be64_write(bytes, one->index);
        bytes[8] = one->everywhere;
        bytes[9] = one->name_space_size;
        bytes[10] = one->name_size;
        bytes[11] = one->version_size;
        memcpy(at, one->name_space, sizeof one->name_space);
        memcpy(at += sizeof one->name_space, one->name, sizeof one->name);
        memcpy(at += sizeof one->name, one->version, sizeof one->version);
        memcpy(at + sizeof one->version, one->hash.bytes, sizeof one->hash.bytes);
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(bytes, sizeof bytes),
                        hash);
    }
}

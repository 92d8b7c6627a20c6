/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_SCHEMAS_H
#define FEDERATION_SCHEMAS_H
/*
 * What receipts of a type mean to a node: the schemas it stated, by (namespace, name, version),
 * each with the hash of its text (formats 5.4). A version says one thing for ever; another meaning
 * is another version. Receipts of a type that no schema names are kept as they are, and flagged.
 */
#include "core/federation/verdict.h"
#include "core/federation/words.h"
#include "tally/limits.h"
#include "tally/receipt.h"

enum {
    SCHEMAS_MAX = 128,
    SCHEMA_VERSION_MAX = 32,
};

struct schema {
    uint64_t index;  /* Of its statement. */
    bool everywhere; /* In all namespaces. */
    uint8_t name_space_size, name_size, version_size;
    char name_space[TALLY_NAMESPACE_MAX], name[TALLY_TYPE_MAX], version[SCHEMA_VERSION_MAX];
    struct tally_hash hash;
};

struct schemas {
    size_t capacity, count;
    struct schema *list; /* In the order of their statements. */
};

/* NULL without memory. Hosts give SCHEMAS_MAX, as with parties. */
struct schemas *schemas_new(size_t capacity);
void schemas_free(struct schemas *schemas);

/* TAKEN; FORBIDDEN: that version was stated before; FULL. */
enum fold_verdict schema_judge(const struct schemas *schemas, const struct tally_fed_schema *said);
void schema_apply(struct schemas *schemas, const struct tally_fed_schema *said, uint64_t index);

/* How another's schema stands to ours. */
enum schema_relation {
    SCHEMA_SAME,
    SCHEMA_DIFFERS, /* One name and version, two hashes: they are incompatible. */
    SCHEMA_UNKNOWN, /* We have none of that name and version. */
};
enum schema_relation schema_compare(const struct schemas *schemas,
                                    const struct tally_fed_schema *theirs,
                                    const struct schema **ours);

/* The last that was stated for receipts of a type in a namespace; NULL: none names them. */
const struct schema *schema_of(const struct schemas *schemas, struct tally_bytes name_space,
                               struct tally_bytes type);

/* Adds them to a hash of a state; leaves it alone without any. */
void schema_hash(const struct schemas *schemas, struct tally_hash *hash);

static inline struct tally_bytes schema_name(const struct schema *schema)
{
    return (struct tally_bytes){(const uint8_t *)schema->name, schema->name_size};
}

static inline struct tally_bytes schema_version(const struct schema *schema)
{
    return (struct tally_bytes){(const uint8_t *)schema->version, schema->version_size};
}

static inline struct tally_bytes schema_name_space(const struct schema *schema)
{
    return (struct tally_bytes){(const uint8_t *)schema->name_space, schema->name_space_size};
}

#endif

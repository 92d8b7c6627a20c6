/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: what a type of receipts means, said once for each version. */
#include "support/cmocka.h"

#include "says.h"

#include <stdlib.h>

static struct fed_statement schema(const char *name_space, const char *name, const char *version,
                                   uint8_t hash)
{
    struct fed_statement said = {.kind = FED_SCHEMA};
    said.schema.has_name_space = name_space != NULL;
    if (name_space != NULL)
        said.schema.name_space = bytes_text(name_space);
    said.schema.name = bytes_text(name);
    said.schema.version = bytes_text(version);
    memset(&said.schema.hash, hash, sizeof said.schema.hash);
    return said;
}

static enum fold_verdict states(struct teller *teller, const char *name_space, const char *name,
                                const char *version, uint8_t hash)
{
    const struct fed_statement said = schema(name_space, name, version, hash);
    return says(teller, &said);
}

static void bring(struct teller *teller)
{
    teller_init(teller, 'a', 8);
    teller->fold.schemas = schemas_new(4);
    assert_non_null(teller->fold.schemas);
    assert_int_equal(states(teller, NULL, "record", "1.0", 1), FOLD_TAKEN);
    assert_int_equal(states(teller, "audit", "record", "1.0", 2), FOLD_TAKEN);
}

static void a_version_says_one_thing_for_ever(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    bring(&teller);
    fold_hash(&teller.fold, &before);
    assert_int_equal(states(&teller, NULL, "record", "1.0", 1), FOLD_FORBIDDEN);
    assert_int_equal(states(&teller, NULL, "record", "1.0", 9), FOLD_FORBIDDEN);
    assert_int_equal(states(&teller, "not valid", "record", "1.0", 9), FOLD_MALFORMED);
    const struct fed_statement said = schema(NULL, "drill", "1.0", 3);
    assert_int_equal(says_as(&teller, 'b', &said), FOLD_FOREIGN);
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&before, &after));
    assert_int_equal(states(&teller, NULL, "record", "1.1", 9), FOLD_TAKEN);
    fold_hash(&teller.fold, &after);
    assert_false(hash_equal(&before, &after));
    assert_int_equal(states(&teller, NULL, "record", "1.2", 9), FOLD_TAKEN);
    assert_int_equal(states(&teller, NULL, "record", "1.3", 9), FOLD_FULL);
    schemas_free(teller.fold.schemas);
}

static void the_last_that_names_a_type_counts(void **state)
{
    struct teller teller;
    bring(&teller);
    const struct schemas *all = teller.fold.schemas;
    assert_int_equal(schema_of(all, bytes_text("audit"), bytes_text("record"))->hash.bytes[0], 2);
    assert_int_equal(schema_of(all, bytes_text("drills"), bytes_text("record"))->hash.bytes[0], 1);
    assert_null(schema_of(all, bytes_text("audit"), bytes_text("drill")));
    assert_null(schema_of(NULL, bytes_text("audit"), bytes_text("record")));
    schemas_free(teller.fold.schemas);
}

static void two_parties_compare(void **state)
{
    struct teller teller;
    const struct schema *ours;
    bring(&teller);
    static const struct {
        const char *name_space, *name, *version;
        uint8_t hash;
        enum schema_relation relation;
    } cases[] = {
        {NULL, "record", "1.0", 1, SCHEMA_SAME},
        {NULL, "record", "1.0", 2, SCHEMA_DIFFERS},
        {"audit", "record", "1.0", 2, SCHEMA_SAME},
        {"audit", "record", "1.0", 1, SCHEMA_DIFFERS},
        {NULL, "record", "2.0", 1, SCHEMA_UNKNOWN},
        {NULL, "drill", "1.0", 1, SCHEMA_UNKNOWN},
        {"drills", "record", "1.0", 1, SCHEMA_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fed_statement theirs =
            schema(cases[i].name_space, cases[i].name, cases[i].version, cases[i].hash);
        assert_int_equal(schema_compare(teller.fold.schemas, &theirs.schema, &ours),
                         cases[i].relation);
        assert_int_equal(ours != NULL, cases[i].relation != SCHEMA_UNKNOWN);
    }
    schemas_free(teller.fold.schemas);
}

/* What was compared, and whose checkpoint was made a leaf, is kept and changes no state; but only
   of those who may. */
static void notes_are_of_those_who_may(void **state)
{
    struct teller teller;
    struct fed_statement sync = {.kind = FED_SCHEMA_SYNC}, cross = {.kind = FED_CROSS_ANCHOR};
    bring(&teller);
    assert_int_equal(admits(&teller, 'o', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 'v', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 't', TALLY_TRUST_ATTEST, 7), FOLD_TAKEN);
    static const struct {
        char party;
        enum fold_verdict sync, cross;
    } cases[] = {{'o', FOLD_FORBIDDEN, FOLD_FORBIDDEN},
                 {'v', FOLD_NOTED, FOLD_FORBIDDEN},
                 {'t', FOLD_NOTED, FOLD_NOTED},
                 {'z', FOLD_FORBIDDEN, FOLD_FORBIDDEN},
                 {'a', FOLD_SELF, FOLD_SELF}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sync.schema_sync.party = cross.cross_anchor.party = key_of(cases[i].party);
        cross.cross_anchor.note = bytes_text("note");
        assert_int_equal(says(&teller, &sync), cases[i].sync);
        assert_int_equal(says(&teller, &cross), cases[i].cross);
        assert_int_equal(says_as(&teller, 'x', &cross), FOLD_FOREIGN);
    }
    schemas_free(teller.fold.schemas);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_says_one_thing_for_ever),
        cmocka_unit_test(the_last_that_names_a_type_counts),
        cmocka_unit_test(two_parties_compare),
        cmocka_unit_test(notes_are_of_those_who_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tally schema list, show, register, sync: what receipts of a type mean, here and at others. */
#include "cmd/grid.h"
#include "cmd/meanings.h"
#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_FILE_MAX = 4 << 20 };

static const struct grid_column columns[] = {
    {"NAMESPACE", false}, {"NAME", false}, {"VERSION", false}, {"HASH", true}};

enum { COLUMNS = sizeof columns / sizeof *columns };

static void text_of(struct tally_bytes bytes, char text[TALLY_TYPE_MAX + 1])
{
    (void)snprintf(text, TALLY_TYPE_MAX + 1, "%.*s", (int)bytes.size, (const char *)bytes.data);
}

/* ---- list, show ---- */

static void add_row(struct grid *table, const struct schema *one)
{
    char space[TALLY_TYPE_MAX + 1] = "", name[TALLY_TYPE_MAX + 1], version[TALLY_TYPE_MAX + 1];
    char hash[PRINT_HASH];
    if (!one->everywhere)
        text_of(schema_name_space(one), space);
    text_of(schema_name(one), name);
    text_of(schema_version(one), version);
    hex_write(bytes_of(one->hash.bytes, sizeof one->hash.bytes), hash);
    const char *const cells[COLUMNS] = {space, name, version, hash};
    grid_add(table, cells);
}

/* All, or those of a name. */
static enum exit_code print_all(struct trust *trust, const char *name, const char *schema)
{
    struct call *call = trust->shelf.call;
    const struct schemas *all = trust->fold.schemas;
    struct grid *table = call->json ? NULL : grid_new(columns, COLUMNS);
    json_t *items = json_array();
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct schema *one = &all->list[i];
        if (name != NULL && !bytes_equal(schema_name(one), bytes_text(name)))
            continue;
        count++;
        if (table != NULL)
            add_row(table, one);
        (void)json_array_append_new(items, meanings_object(one));
    }
    if (table != NULL)
        grid_print(table);
    if (count == 0 && name != NULL) {
        json_decref(items);
        return call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                              "no schema is named %.80s: receipts of that type are kept as they "
                              "are, and flagged",
                              name);
    }
    if (call->json) {
        json_t *object = print_object(schema);
        (void)json_object_set(object, "items", items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    }
    json_decref(items);
    return EXIT_DONE;
}

enum exit_code verb_schema_list(struct call *call)
{
    struct trust trust;
    enum exit_code code = trust_open(&trust, call, false) ? print_all(&trust, NULL, "schema-list/1")
                                                          : trust.shelf.code;
    trust_close(&trust);
    return code;
}

enum exit_code verb_schema_show(struct call *call)
{
    struct trust trust;
    enum exit_code code = trust_open(&trust, call, false)
                              ? print_all(&trust, call->operands[0], "schema/1")
                              : trust.shelf.code;
    trust_close(&trust);
    return code;
}

/* ---- register ---- */

static bool read_names(struct call *call, struct tally_fed_schema *said, enum exit_code *code)
{
    const char *name = call_option(call, "name"), *version = call_option(call, "version");
    const char *space = call_option(call, "namespace");
    if (name == NULL || version == NULL) {
        *code = call_usage(call, "--name TYPE and --version TEXT are needed: of which receipts it "
                                 "is, and which of its versions");
        return false;
    }
    said->name = bytes_text(name);
    said->version = bytes_text(version);
    said->has_name_space = space != NULL;
    said->name_space = bytes_text(space != NULL ? space : "");
    if (!tally_type_valid(said->name)) {
        *code = call_usage(call, "\"%.80s\" is no type of receipts", name);
        return false;
    }
    if (said->version.size == 0 || said->version.size > SCHEMA_VERSION_MAX ||
        !print_utf8(version)) {
        *code = call_usage(call, "the version is not text of 1 to %d bytes", SCHEMA_VERSION_MAX);
        return false;
    }
    if (space != NULL && !tally_namespace_valid(said->name_space)) {
        *code = call_usage(call, "\"%.80s\" is no namespace", space);
        return false;
    }
    return say_note(call, &said->note, code);
}

static enum exit_code judge(struct call *call, struct trust *trust,
                            const struct fed_statement *said)
{
    enum fold_verdict verdict = fold_judge(&trust->fold, &trust->fold.self, said);
    if (verdict == FOLD_FORBIDDEN)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, call->operands[0],
                              "that version is registered already, and says one thing for ever: "
                              "give another --version");
    if (verdict == FOLD_FULL)
        return call_fail_with(call, EXIT_FAILED, TALLY_TOO_LARGE, call->operands[0],
                              "a node registers at most %d schemas", SCHEMAS_MAX);
    return verdict == FOLD_TAKEN ? EXIT_DONE : call_usage(call, "that is no schema");
}

enum exit_code verb_schema_register(struct call *call)
{
    struct fed_statement said = {.kind = FED_SCHEMA};
    struct door_answer answer;
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    size_t size;
    if (!read_names(call, &said.schema, &code))
        return code;
    uint8_t *bytes = shelf_slurp(call, call->operands[0], SCHEMA_FILE_MAX, &size, &code);
    if (bytes == NULL)
        return code;
    hash_sha256(bytes_of(bytes, size), &said.schema.hash);
    free(bytes);
    code = trust_open(&trust, call, true) ? judge(call, &trust, &said) : trust.shelf.code;
    shelf_close(&trust.shelf);
    if (code == EXIT_DONE)
        code = say(call, &said, trust.shelf.data, &answer);
    if (code == EXIT_DONE && call->json) {
        json_t *object = print_object("schema-register/1");
        (void)json_object_update_new(object, json_pack("{s:o, s:o, s:o, s:I, s:o}", "name",
                                                       print_json_text(said.schema.name), "version",
                                                       print_json_text(said.schema.version), "hash",
                                                       print_json_hash(&said.schema.hash), "index",
                                                       (json_int_t)answer.index, "receipt",
                                                       print_json_hash(&answer.receipt)));
        print_json(object);
    } else if (code == EXIT_DONE) {
        char hash[PRINT_HASH];
        hex_write(bytes_of(said.schema.hash.bytes, sizeof said.schema.hash.bytes), hash);
        (void)printf("%s %s is %s\n", call_option(call, "name"), call_option(call, "version"),
                     hash);
    }
    trust_close(&trust);
    return code;
}

/* ---- sync ---- */

static struct tally_fed_schema as_said(const struct schema *one)
{
    return (struct tally_fed_schema){.has_name_space = !one->everywhere,
                                     .name_space = schema_name_space(one),
                                     .name = schema_name(one),
                                     .version = schema_version(one),
                                     .hash = one->hash};
}

/* In the order of names, whoever stated them first: namespace, name, version. */
static int in_order(const void *a, const void *b)
{
    const struct schema *one = *(const struct schema *const *)a;
    const struct schema *other = *(const struct schema *const *)b;
    const struct tally_bytes left[] = {schema_name_space(one), schema_name(one),
                                       schema_version(one)};
    const struct tally_bytes right[] = {schema_name_space(other), schema_name(other),
                                        schema_version(other)};
    for (size_t i = 0; i < 3; i++) {
        size_t least = left[i].size < right[i].size ? left[i].size : right[i].size;
        int order = memcmp(left[i].data, right[i].data, least);
        if (order != 0 || left[i].size != right[i].size)
            return order != 0 ? order : left[i].size < right[i].size ? -1 : 1;
    }
    return 0;
}

static void digest(const struct schema **same, size_t count, struct tally_hash *hash)
{
    qsort(same, count, sizeof *same, in_order);
    hash_sha256(bytes_text("tally schemas 1\n"), hash);
    for (size_t i = 0; i < count; i++) {
        struct tally_hash before = *hash;
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes),
                        bytes_of(same[i]->hash.bytes, sizeof same[i]->hash.bytes), hash);
    }
}

static void compare(const struct schemas *ours, const struct schemas *theirs,
                    struct tally_fed_schema_sync *result)
{
    const struct schema *same[SCHEMAS_MAX];
    const struct schema *found;
    for (size_t i = 0; i < theirs->count; i++) {
        const struct tally_fed_schema said = as_said(&theirs->list[i]);
        enum schema_relation relation = schema_compare(ours, &said, &found);
        if (relation == SCHEMA_SAME)
            same[result->same++] = found;
        result->differ += relation == SCHEMA_DIFFERS;
        result->theirs += relation == SCHEMA_UNKNOWN;
    }
    for (size_t i = 0; i < ours->count; i++) {
        const struct tally_fed_schema said = as_said(&ours->list[i]);
        result->ours += schema_compare(theirs, &said, &found) == SCHEMA_UNKNOWN;
    }
    digest(same, result->same, &result->digest);
}

static void print_result(const struct call *call, const struct tally_fed_schema_sync *result,
                         const struct door_answer *answer)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(&result->party, did);
    if (!call->json) {
        (void)printf(
            "%s: %u the same, %u incompatible, %u that only it has, %u that only we have\n", did,
            result->same, result->differ, result->theirs, result->ours);
        return;
    }
    json_t *object = print_object("schema-sync/1");
    (void)json_object_update_new(
        object, json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:o, s:I, s:o}", "party", did, "same",
                          (int)result->same, "differ", (int)result->differ, "theirs",
                          (int)result->theirs, "ours", (int)result->ours, "backward_compatible",
                          result->differ == 0, "digest", print_json_hash(&result->digest), "index",
                          (json_int_t)answer->index, "receipt", print_json_hash(&answer->receipt)));
    print_json(object);
}

static enum exit_code sync_with(struct call *call, struct trust *trust, const char *name)
{
    struct fed_statement said = {.kind = FED_SCHEMA_SYNC};
    struct door_answer answer;
    enum exit_code code = EXIT_DONE;
    if (!trust_party(trust, call, name, &said.schema_sync.party, &code))
        return code;
    if (fold_judge(&trust->fold, &trust->fold.self, &said) != FOLD_NOTED)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, name,
                              "%.100s is not admitted at level verify: its statements are not "
                              "taken",
                              name);
    struct schemas *theirs = meanings_load(&trust->shelf, &said.schema_sync.party);
    if (theirs == NULL)
        return call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "out of memory");
    compare(trust->fold.schemas, theirs, &said.schema_sync);
    free(theirs);
    shelf_close(&trust->shelf);
    code = say(call, &said, trust->shelf.data, &answer);
    if (code == EXIT_DONE)
        print_result(call, &said.schema_sync, &answer);
    return code;
}

enum exit_code verb_schema_sync(struct call *call)
{
    struct trust trust;
    const char *name = call_option(call, "mesh");
    if (name == NULL)
        return call_usage(call, "with whom? name the party with --mesh");
    enum exit_code code =
        trust_open(&trust, call, false) ? sync_with(call, &trust, name) : trust.shelf.code;
    trust_close(&trust);
    return code;
}

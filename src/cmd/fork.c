/* SPDX-License-Identifier: Apache-2.0 */
/* tally fork list, show, check: evidence against issuers who contradicted themselves. */
#include "cmd/dispute.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "host/config/keys.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const kinds[] = {[TALLY_FORK_NOTES] = "two checkpoints of one size",
                                    [TALLY_FORK_PREFIX] = "two checkpoints of two sizes",
                                    [TALLY_FORK_RECEIPTS] = "two receipts at one place"};

/* Where the two begin to differ, as our own statement about that evidence says; false: it does not,
   or there is none. */
static bool divergence_of(struct call *call, const struct tally_hash *name, uint64_t *first,
                          enum exit_code *code)
{
    static struct dispute_view view;
    struct trust trust;
    bool found = false;
    if (!trust_open(&trust, call, false))
        *code = trust.shelf.code;
    for (size_t i = 0; *code == EXIT_DONE && !found && i < trust.fold.discrepancies->count; i++) {
        const struct discrepancy *one = &trust.fold.discrepancies->list[i];
        if (one->type != TALLY_DISCREPANCY_FORK || !one->has_evidence ||
            !hash_equal(&one->evidence, name))
            continue;
        dispute_read(&trust, one, &view);
        found = view.whole && view.said.has_divergence;
        *first = view.said.divergence;
    }
    trust_close(&trust);
    return found;
}

static json_t *fork_object(const struct tally_fork *fork, const char *name, const char *path,
                           const char *schema)
{
    char did[TALLY_DID_SIZE + 1];
    json_t *object = schema == NULL ? json_object() : print_object(schema);
    tally_did_write(&fork->issuer, did);
    (void)json_object_update_new(object,
                                 json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "fork", name, "kind",
                                           kinds[fork->kind], "origin", fork->origin, "issuer", did,
                                           "size", (json_int_t)fork->size, "path", path));
    return object;
}

static void show(struct call *call, const struct tally_fork *fork, const char *name,
                 const char *path, const char *schema)
{
    char did[TALLY_DID_SIZE + 1];
    if (call->json) {
        print_json(fork_object(fork, name, path, schema));
        return;
    }
    tally_did_write(&fork->issuer, did);
    (void)printf("a fork is proved: %s signed what contradicts itself\n"
                 "fork       %s\nkind       %s\norigin     %s\nsize       %" PRIu64
                 " or below\nevidence   %s\n",
                 did, name, kinds[fork->kind], fork->origin, fork->size, path);
}

/* --key: of a log whose origin does not name its key. False if it is none, which was said. */
static bool read_key(struct call *call, struct tally_vkey *vkey, enum exit_code *code)
{
    const char *text = call_option(call, "key");
    if (text == NULL || tally_vkey_read(bytes_text(text), vkey))
        return true;
    *code = call_usage(call, "--key \"%.200s\" is no vkey (name+id+base64)", text);
    return false;
}

/* Reads and verifies one file; its name is the hash of its bytes. */
static bool read_fork(struct call *call, const char *path, struct tally_fork *fork,
                      char name[PRINT_HASH], enum exit_code *code)
{
    const struct tally_crypto crypto = keys_verifier();
    struct tally_vkey vkey;
    size_t size;
    if (!read_key(call, &vkey, code))
        return false;
    uint8_t *bytes = shelf_slurp(call, path, TALLY_FORK_MAX, &size, code);
    if (bytes == NULL)
        return false;
    struct tally_hash hash;
    enum tally_drop drop = tally_fork_check(
        bytes_of(bytes, size), call_option(call, "key") != NULL ? &vkey : NULL, &crypto, fork);
    hash_sha256(bytes_of(bytes, size), &hash);
    hex_write(bytes_of(hash.bytes, sizeof hash.bytes), name);
    free(bytes);
    if (drop == TALLY_DROP_NONE)
        return true;
    if (drop == TALLY_DROP_KEY && call_option(call, "key") == NULL)
        *code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, path,
                               "%s is about a log whose origin does not name its key: give the "
                               "log's vkey with tally fork check --key",
                               path);
    else
        *code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, path, "%s proves no fork: %s",
                               path, tally_drop_text(drop));
    return false;
}

enum exit_code verb_fork_check(struct call *call)
{
    struct tally_fork fork;
    char name[PRINT_HASH];
    enum exit_code code = EXIT_FORK;
    if (read_fork(call, call->operands[0], &fork, name, &code))
        show(call, &fork, name, call->operands[0], "fork-check/1");
    return code;
}

static void show_divergence(bool found, uint64_t first)
{
    if (found)
        (void)printf("differs    from receipt %" PRIu64 " on\n", first);
    else
        (void)printf("differs    nobody who holds both was asked where\n");
}

enum exit_code verb_fork_show(struct call *call)
{
    char data[PATHS_MAX], path[PATHS_MAX + 128], name[PRINT_HASH];
    struct tally_hash hash;
    struct tally_fork fork;
    enum exit_code code = EXIT_DONE;
    if (!hex_read(call->operands[0], hash.bytes, sizeof hash.bytes))
        return call_usage(call, "\"%.80s\" is not the hash of a fork: 64 hex digits",
                          call->operands[0]);
    if (!shelf_data(call, data, &code))
        return code;
    hex_write(bytes_of(hash.bytes, sizeof hash.bytes), name);
    (void)snprintf(path, sizeof path, "%s/forks/%s", data, name);
    if (!read_fork(call, path, &fork, name, &code))
        return code;
    uint64_t first = 0;
    bool found = divergence_of(call, &hash, &first, &code);
    if (code != EXIT_DONE)
        return code;
    if (!call->json) {
        show(call, &fork, name, path, "fork/1");
        show_divergence(found, first);
        return code;
    }
    json_t *object = fork_object(&fork, name, path, "fork/1");
    char text[48];
    (void)snprintf(text, sizeof text, "receipt-sequence-%" PRIu64, first);
    (void)json_object_set_new(object, "first_divergence_at",
                              found ? json_string(text) : json_null());
    print_json(object);
    return code;
}

enum exit_code verb_fork_list(struct call *call)
{
    char data[PATHS_MAX], path[PATHS_MAX + 300], name[PRINT_HASH];
    enum exit_code code = EXIT_DONE;
    if (!shelf_data(call, data, &code))
        return code;
    (void)snprintf(path, sizeof path, "%s/forks", data);
    DIR *folder = opendir(path);
    json_t *items = json_array();
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct tally_fork fork;
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/forks/%.255s", data, entry->d_name);
        if (!read_fork(call, path, &fork, name, &code))
            continue;
        if (call->json)
            (void)json_array_append_new(items, fork_object(&fork, name, path, NULL));
        else
            (void)printf("%s %" PRIu64 " %s\n", name, fork.size, fork.origin);
    }
    if (folder != NULL)
        (void)closedir(folder);
    if (call->json && code == EXIT_DONE) {
        json_t *object = print_object("fork-list/1");
        (void)json_object_set(object, "items", items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    }
    json_decref(items);
    return code;
}

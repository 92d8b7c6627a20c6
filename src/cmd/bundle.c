/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally bundle export, import: logs on files, for nodes that no network joins. A bundle is a folder
 * with the logs as a data directory has them; importing is synchronisation with it.
 */
#include "cmd/carry.h"
#include "cmd/copy.h"
#include "cmd/ferry.h"
#include "cmd/print.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "host/config/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder, and the folder of a log in it: its hash in hex. */
enum { LONG_PATH = 2 * PATHS_MAX + 128 };

/* ---- Export ---- */

/* Whether a log goes in when none was named. */
static bool by_default(const struct call *call, const struct shelf_log *log)
{
    if (call_flag(call, "all"))
        return true;
    return log->view.own && strcmp(log->name_space, TALLY_STATEMENTS) != 0;
}

static bool export_one(struct shelf *shelf, const struct shelf_log *log, const char *folder,
                       json_t *items)
{
    char from[LONG_PATH] = "", to[LONG_PATH];
    uint64_t files = 0;
    if (log->view.size == 0)
        return true; /* Nothing of it is under a checkpoint: nothing of it can be proved. */
    (void)store_folder(shelf->store, &log->view.origin_hash, from, sizeof from);
    (void)snprintf(to, sizeof to, "%s/logs/%s", folder, strrchr(from, '/') + 1);
    if (copy_folder(from, to, &files, &shelf->call->complaint) != TALLY_OK) {
        shelf->code = call_fail(shelf->call, to);
        return false;
    }
    (void)json_array_append_new(
        items, json_pack("{s:s, s:I}", "origin", log->origin, "size", (json_int_t)log->view.size));
    if (!shelf->call->json)
        (void)printf("%" PRIu64 " %s\n", log->view.size, log->origin);
    return true;
}

static bool export_all(struct shelf *shelf, const char *folder, json_t *items)
{
    struct call *call = shelf->call;
    struct shelf_log log;
    if (call->operand_count > 1) {
        for (size_t i = 1; i < call->operand_count; i++)
            if (!shelf_find(shelf, call->operands[i], &log) ||
                !export_one(shelf, &log, folder, items))
                return false;
        return true;
    }
    for (size_t i = 0; shelf_log_at(shelf, i, &log); i++)
        if (by_default(call, &log) && !export_one(shelf, &log, folder, items))
            return false;
    return true;
}

static bool make_folder(struct shelf *shelf, const char *folder)
{
    char logs[LONG_PATH];
    size_t size = strlen(folder);
    errno = ENAMETOOLONG;
    if (size < PATHS_MAX) {
        memcpy(logs, folder, size);
        memcpy(logs + size, "/logs", sizeof "/logs");
        if ((mkdir(folder, 0755) == 0 || errno == EEXIST) && mkdir(logs, 0755) == 0)
            return true;
    }
    (void)complain(&shelf->call->complaint, complaint_of_errno(errno),
                   "%.300s cannot be made anew: name a folder that is empty or not there (%s)",
                   folder, strerror(errno));
    shelf->code = call_fail(shelf->call, folder);
    return false;
}

enum exit_code verb_bundle_export(struct call *call)
{
    struct shelf shelf;
    const char *folder = call->operands[0];
    json_t *items = json_array();
    bool good = shelf_open(&shelf, call) && make_folder(&shelf, folder) &&
                export_all(&shelf, folder, items);
    if (good && json_array_size(items) == 0) {
        shelf.code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, folder,
                                    "there is nothing to export: no log of ours has a checkpoint; "
                                    "name one, or say --all");
        good = false;
    }
    if (good && call->json) {
        json_t *object = print_object("bundle-export/1");
        (void)json_object_set_new(object, "folder", json_string(folder));
        (void)json_object_set(object, "items", items);
        print_json(object);
    }
    json_decref(items);
    shelf_close(&shelf);
    return good ? EXIT_DONE : shelf.code;
}

/* ---- Import ---- */

/* What an import needs: the two directories, our key, and whom we admit. Where the node runs, ours
   is only looked at, before and after. */
struct import {
    struct call *call;
    struct trust trust;
    struct keys *keys;
    bool runs;
    struct store *into, *from;
    struct tally_ledger into_ledger, from_ledger;
    enum exit_code code;
};

static bool open_store(struct import *import, const struct store_options *options,
                       struct store **store)
{
    char sentence[COMPLAINT_MAX];
    enum tally_error error = store_open(options, store, sentence, sizeof sentence);
    if (error == TALLY_OK)
        return true;
    (void)complain(&import->call->complaint, error, "%s", sentence);
    import->code = call_fail(import->call, options->dir);
    return false;
}

static bool import_open(struct import *import)
{
    struct call *call = import->call;
    const struct store_options from = {
        .dir = call->operands[0], .read_only = true, .foreign = true};
    if (!trust_open(&import->trust, call, false)) {
        import->code = import->trust.shelf.code;
        return false;
    }
    import->runs = store_holder(import->trust.shelf.data) != 0;
    const struct store_options into = {.dir = import->trust.shelf.data,
                                       .key = &import->trust.shelf.key,
                                       .read_only = import->runs};
    if (!open_store(import, &from, &import->from) || !open_store(import, &into, &import->into))
        return false;
    if (!import->runs && keys_open(into.dir, false, &import->keys, &call->complaint) != TALLY_OK) {
        import->code = call_fail(call, into.dir);
        return false;
    }
    import->from_ledger = store_ledger(import->from);
    import->into_ledger = store_ledger(import->into);
    return true;
}

static void import_close(struct import *import)
{
    keys_free(import->keys);
    store_close(import->from);
    store_close(import->into);
    trust_close(&import->trust);
}

static uint64_t held(const struct import *import, const struct tally_hash *origin_hash)
{
    struct tally_log_view view;
    const struct tally_ledger *ledger = &import->into_ledger;
    return ledger->find(ledger->context, origin_hash, &view) ? view.size : 0;
}

/* How many a log had before; what a bundle holds is not much more than a node may. */
struct before {
    uint64_t *sizes;
    size_t count;
};

static bool look_before(struct import *import, struct before *before)
{
    const struct tally_ledger *ledger = &import->from_ledger;
    struct tally_log_view view;
    for (before->count = 0; ledger->log(ledger->context, before->count, &view); before->count++) {
        uint64_t *more = realloc(before->sizes, (before->count + 1) * sizeof *before->sizes);
        if (more == NULL)
            return false;
        before->sizes = more;
        before->sizes[before->count] = held(import, &view.origin_hash);
    }
    return true;
}

/* What became of each log of the bundle. */
static void print_logs(struct import *import, const struct before *before, json_t *items)
{
    const struct tally_ledger *ledger = &import->from_ledger;
    struct tally_log_view view;
    for (size_t i = 0; i < before->count && ledger->log(ledger->context, i, &view); i++) {
        uint64_t size = held(import, &view.origin_hash);
        enum tally_drop drop = admission(&import->trust.fold, &view.issuer, ADMISSION_CARRY);
        if (view.size == 0)
            continue;
        if (import->call->json)
            (void)json_array_append_new(
                items, json_pack("{s:s, s:I, s:I, s:I, s:s}", "origin", view.origin, "from",
                                 (json_int_t)before->sizes[i], "to", (json_int_t)size, "offered",
                                 (json_int_t)view.size, "verdict",
                                 drop != TALLY_DROP_NONE ? tally_drop_name(drop)
                                 : size < view.size      ? "incomplete"
                                                         : "held"));
        else if (drop != TALLY_DROP_NONE)
            (void)printf("refused     %s: %s\n", view.origin, tally_drop_text(drop));
        else
            (void)printf("%" PRIu64 " to %" PRIu64 " %s\n", before->sizes[i], size, view.origin);
    }
}

/* The sentence for what went wrong; what is good is durable all the same. */
static enum exit_code verdict(struct call *call, const struct carry *carry)
{
    const char *folder = call->operands[0];
    if (carry->error != TALLY_OK)
        return call_fail_with(call, exit_of_error(carry->error), carry->error, NULL,
                              "not all was taken in: %s", tally_error_text(carry->error));
    if (carry->forks > 0)
        return call_fail_with(call, EXIT_FORK, TALLY_FROZEN, folder,
                              "%u logs of the bundle contradict what their issuers signed before: "
                              "tally fork list shows the evidence",
                              carry->forks);
    if (carry->guarded)
        return call_fail_with(call, EXIT_FAILED, TALLY_GUARDED, folder,
                              "the bundle has more of this node's own log than it has itself: this "
                              "data directory is an old copy");
    if (carry->drop != TALLY_DROP_NONE)
        return call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, folder,
                              "the bundle does not verify: %s; what came before that is kept",
                              tally_drop_text(carry->drop));
    return EXIT_DONE;
}

static enum tally_error take_offline(struct import *import, struct carry *carry)
{
    const struct carry_options options = {.into = import->into,
                                          .from = import->from,
                                          .from_ledger = import->from_ledger,
                                          .fold = &import->trust.fold,
                                          .key = import->trust.shelf.key,
                                          .crypto = keys_crypto(import->keys)};
    enum tally_error error = carry_logs(&options, carry);
    return error == TALLY_OK
               ? TALLY_OK
               : complain(&import->call->complaint, error, "%s", tally_error_text(error));
}

/* The node takes it in; then its directory is looked at again, and what it made of whom it admits.
 */
static enum tally_error take_running(struct import *import, struct carry *carry)
{
    struct call *call = import->call;
    const struct store_options into = {
        .dir = import->trust.shelf.data, .key = &import->trust.shelf.key, .read_only = true};
    char sentence[COMPLAINT_MAX];
    bool progress = !call->json && isatty(STDERR_FILENO);
    enum tally_error error = ferry_logs(import->trust.shelf.data, &import->from_ledger, progress,
                                        carry, &call->complaint);
    long holder = error == TALLY_NO_DAEMON ? store_holder(into.dir) : 0;
    if (error == TALLY_NO_DAEMON && holder == 0)
        return complain(&call->complaint, TALLY_CLOSED,
                        "the node on %s has just ended: import it again", into.dir);
    if (error == TALLY_NO_DAEMON)
        return complain(&call->complaint, TALLY_LOCKED,
                        "%s is held by process %ld, which is no node: wait until it has ended",
                        into.dir, holder);
    if (error != TALLY_OK)
        return error;
    store_close(import->into);
    error = store_open(&into, &import->into, sentence, sizeof sentence);
    if (error != TALLY_OK)
        return complain(&call->complaint, error, "%s", sentence);
    import->into_ledger = store_ledger(import->into);
    return TALLY_OK;
}

static enum exit_code import_all(struct import *import)
{
    struct call *call = import->call;
    struct before before = {NULL, 0};
    struct carry carry;
    bool good = look_before(import, &before);
    enum exit_code code = EXIT_DONE;
    json_t *items = json_array();
    if (!good)
        code = call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "out of memory");
    else if (before.count > 0 && (import->runs ? take_running(import, &carry)
                                               : take_offline(import, &carry)) != TALLY_OK)
        code = call_fail(call, call->operands[0]);
    else if (before.count == 0)
        code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, call->operands[0],
                              "%.200s holds no logs: it is no bundle of Tally", call->operands[0]);
    else
        code = verdict(call, &carry);
    if (good && before.count > 0 && import->into != NULL && (code == EXIT_DONE || !call->json))
        print_logs(import, &before, items);
    if (code == EXIT_DONE && call->json) {
        json_t *object = print_object("bundle-import/1");
        (void)json_object_set(object, "items", items);
        print_json(object);
    }
    json_decref(items);
    free(before.sizes);
    return code;
}

enum exit_code verb_bundle_import(struct call *call)
{
    struct import import = {.call = call};
    if (import_open(&import))
        import.code = import_all(&import);
    import_close(&import);
    return import.code;
}

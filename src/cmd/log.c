/* SPDX-License-Identifier: Apache-2.0 */
/* tally log list, show, export. */
#include "cmd/anchor.h"
#include "cmd/copy.h"
#include "cmd/final.h"
#include "cmd/meanings.h"
#include "cmd/print.h"
#include "cmd/receipts.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/config/keys.h"
#include "host/store/store.h"
#include "tally/note.h"
#include "tally/witness.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *state_of(const struct tally_log_view *view)
{
    return view->frozen ? "frozen" : view->own ? "own" : "replica";
}

static json_t *log_object(const struct shelf_log *log, const char *schema)
{
    char did[TALLY_DID_SIZE + 1];
    const struct tally_log_view *view = &log->view;
    json_t *object = schema == NULL ? json_object() : print_object(schema);
    tally_did_write(&view->issuer, did);
    (void)json_object_update_new(
        object, json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:s}", "origin", log->origin,
                          "origin_hash", print_json_hash(&view->origin_hash), "issuer", did,
                          "namespace", log->name_space, "size", (json_int_t)view->size, "pending",
                          (json_int_t)(view->durable - view->size), "root",
                          view->size > 0 ? print_json_hash(&view->root) : json_null(), "state",
                          state_of(view)));
    return object;
}

static void list_row(const struct shelf_log *log)
{
    char root[PRINT_HASH] = "-";
    if (log->view.size > 0)
        hex_write(bytes_of(log->view.root.bytes, sizeof log->view.root.bytes), root);
    (void)printf("%10llu  %7llu  %-7s  %.16s  %s\n", (unsigned long long)log->view.size,
                 (unsigned long long)(log->view.durable - log->view.size), state_of(&log->view),
                 root, log->origin);
}

enum exit_code verb_log_list(struct call *call)
{
    struct shelf shelf;
    struct shelf_log log;
    if (!shelf_open(&shelf, call))
        return shelf.code;
    json_t *items = json_array();
    if (!call->json && isatty(STDOUT_FILENO))
        (void)printf("%10s  %7s  %-7s  %-16s  %s\n", "SIZE", "PENDING", "STATE", "ROOT", "ORIGIN");
    for (size_t i = 0; shelf_log_at(&shelf, i, &log); i++) {
        if (call->json)
            (void)json_array_append_new(items, log_object(&log, NULL));
        else
            list_row(&log);
    }
    if (call->json) {
        json_t *object = print_object("log-list/1");
        (void)json_object_set(object, "items", items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    }
    json_decref(items);
    shelf_close(&shelf);
    return EXIT_DONE;
}

/* The largest tree that the policy makes final: the checkpoint's own, or one before it that more
   cosigned; else what it makes of the checkpoint. False without a policy or a checkpoint. */
static bool judge_final(const struct shelf *shelf, const struct shelf_log *log, const char *note,
                        const struct final *final, struct tally_finality *finality)
{
    static char kept[TALLY_WITNESS_NOTE_MAX];
    const struct tally_crypto crypto = keys_verifier();
    uint64_t now_s = (uint64_t)time(NULL);
    if (final->policy == NULL || note[0] == '\0')
        return false;
    tally_policy_judge(final->policy, bytes_text(note), now_s, &crypto, finality);
    if (finality->verdict == TALLY_FINAL)
        return true;
    size_t size = shelf->ledger.kept(shelf->ledger.context, TALLY_KEPT_COSIGNED,
                                     &log->view.origin_hash, (uint8_t *)kept, sizeof kept);
    struct tally_finality *before = malloc(sizeof *before);
    if (size > 0 && before != NULL) {
        tally_policy_judge(final->policy, bytes_of((const uint8_t *)kept, size), now_s, &crypto,
                           before);
        if (before->verdict == TALLY_FINAL)
            *finality = *before;
    }
    free(before);
    return true;
}

static void show_final(const struct final *final, const struct tally_finality *finality)
{
    char sentence[1024];
    final_sentence(final->policy, finality, sentence, sizeof sentence);
    (void)printf("final      ");
    if (finality->verdict == TALLY_FINAL)
        (void)printf("size %llu: ", (unsigned long long)finality->checkpoint.size);
    print_escaped(stdout, sentence, strlen(sentence));
    (void)printf("\npolicy     %s\n", final->path);
}

static void show(const struct shelf *shelf, const struct shelf_log *log, const char *note,
                 const struct book_record *anchor, const struct final *final)
{
    struct tally_finality finality;
    bool judged = judge_final(shelf, log, note, final, &finality);
    char folder[PATHS_MAX + 128] = "", root[PRINT_HASH] = "-", did[TALLY_DID_SIZE + 1];
    const struct tally_log_view *view = &log->view;
    struct tally_vkey vkey;
    char key[TALLY_VKEY_MAX] = "-"; /* What other people's verifiers of notes are told. */
    if (tally_vkey_of_origin(&vkey, bytes_text(log->origin)))
        (void)tally_vkey_write(&vkey, key);
    (void)store_folder(shelf->store, &view->origin_hash, folder, sizeof folder);
    if (shelf->call->json) {
        json_t *object = log_object(log, "log/1");
        (void)json_object_set_new(object, "path", json_string(folder));
        (void)json_object_set_new(object, "vkey", json_string(key));
        (void)json_object_set_new(object, "anchor",
                                  anchor != NULL ? anchor_object(anchor, NULL) : json_null());
        (void)json_object_set_new(object, "checkpoint",
                                  note[0] != '\0' ? json_string(note) : json_null());
        (void)json_object_set_new(object, "finality",
                                  judged ? final_object(final, &finality) : json_null());
        print_json(object);
        return;
    }
    if (view->size > 0)
        hex_write(bytes_of(view->root.bytes, sizeof view->root.bytes), root);
    tally_did_write(&view->issuer, did);
    (void)printf("origin     %s\nissuer     %s\nnamespace  %s\nstate      %s\nsize       %llu\n"
                 "pending    %llu\nroot       %s\nvkey       %s\npath       %s\n",
                 log->origin, did, log->name_space, state_of(view), (unsigned long long)view->size,
                 (unsigned long long)(view->durable - view->size), root, key, folder);
    if (anchor != NULL)
        (void)printf("anchor     %.12s %s\n", anchor->id, anchor->anchor.chain);
    if (judged)
        show_final(final, &finality);
    if (note[0] != '\0')
        (void)printf("checkpoint\n\n%s", note);
}

enum exit_code verb_log_show(struct call *call)
{
    struct desk desk;
    struct shelf_log log;
    static char note[TALLY_NOTE_MAX + 1];
    struct final final = {.call = call};
    bool good = desk_open(&desk, call, call->operands[0], &log) &&
                final_of(&final, call, desk.shelf.data, &desk.shelf.code);
    if (good) {
        const struct tally_ledger *ledger = &desk.shelf.ledger;
        const struct tally_log_view *view = &log.view;
        size_t size = ledger->checkpoint(ledger->context, &view->origin_hash, (uint8_t *)note,
                                         TALLY_NOTE_MAX);
        note[size] = '\0';
        show(&desk.shelf, &log, note,
             book_of(&desk.list, &view->origin_hash, view->size, &view->root).best, &final);
    }
    final_close(&final);
    desk_close(&desk);
    return good ? EXIT_DONE : desk.shelf.code;
}

/* ---- Export ---- */

/* One JSON line a receipt: what an importer needs, byte by byte. */
static bool export_lines(struct shelf *shelf, const struct shelf_log *log)
{
    struct shelf_receipt receipt;
    for (uint64_t index = 0; index < log->view.size; index++) {
        if (!shelf_receipt(shelf, log, index, &receipt))
            return false;
        json_t *line = receipts_object(shelf, log, &receipt, NULL);
        (void)json_object_set_new(line, "envelope",
                                  print_json_base64(bytes_of(receipt.envelope, receipt.size)));
        print_json(line);
        if (ferror(stdout))
            break;
    }
    return true;
}

enum exit_code verb_log_export(struct call *call)
{
    struct shelf shelf;
    struct shelf_log log;
    const char *to = call_option(call, "to");
    bool good = shelf_open(&shelf, call) && shelf_find(&shelf, call->operands[0], &log);
    if (good && to == NULL) {
        shelf.schemas = meanings_load(&shelf, &shelf.key);
        good = export_lines(&shelf, &log);
    } else if (good) {
        char folder[PATHS_MAX + 128] = "";
        (void)store_folder(shelf.store, &log.view.origin_hash, folder, sizeof folder);
        uint64_t files = 0;
        if (copy_folder(folder, to, &files, &call->complaint) != TALLY_OK) {
            shelf.code = call_fail(call, to);
            good = false;
        } else if (call->json) {
            json_t *object = log_object(&log, "log-export/1");
            (void)json_object_set_new(object, "to", json_string(to));
            (void)json_object_set_new(object, "files", json_integer((json_int_t)files));
            print_json(object);
        } else {
            (void)printf("%llu files of %s copied to %s\n", (unsigned long long)files, log.origin,
                         to);
        }
    }
    shelf_close(&shelf);
    return good ? EXIT_DONE : shelf.code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tally fsck: verifies again all that is on disk. */
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "host/store/store.h"

#include <inttypes.h>
#include <unistd.h>

struct report {
    struct call *call;
    json_t *problems;
    bool progress, shown;
};

static void clear_line(struct report *report)
{
    if (report->shown)
        (void)fprintf(stderr, "\r\033[K");
    report->shown = false;
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct report *report = context;
    if (!report->progress)
        return;
    (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " receipts", done, total);
    report->shown = true;
}

static void on_problem(void *context, const char *path, const char *sentence)
{
    struct report *report = context;
    clear_line(report);
    if (report->call->json)
        (void)json_array_append_new(report->problems,
                                    json_pack("{s:s, s:s}", "path", path, "problem", sentence));
    else
        (void)printf("%s: %s\n", path, sentence);
}

enum exit_code verb_fsck(struct call *call)
{
    struct shelf shelf;
    if (!shelf_open(&shelf, call)) {
        shelf_close(&shelf);
        return shelf.code;
    }
    struct report report = {
        .call = call, .problems = json_array(), .progress = !call->json && isatty(STDERR_FILENO)};
    struct store_fsck fsck = {.context = &report, .progress = on_progress, .report = on_problem};
    enum tally_error error = store_fsck(shelf.store, &fsck);
    clear_line(&report);
    enum exit_code code = exit_of_error(error);
    if (call->json) {
        json_t *object = print_object("fsck/1");
        (void)json_object_update_new(
            object, json_pack("{s:b, s:I, s:I, s:I, s:I, s:O}", "good", error == TALLY_OK, "logs",
                              (json_int_t)fsck.logs, "receipts", (json_int_t)fsck.receipts,
                              "pending", (json_int_t)fsck.pending, "pruned",
                              (json_int_t)fsck.pruned, "problems", report.problems));
        print_json(object);
    } else if (error == TALLY_OK) {
        (void)printf("good: %" PRIu64 " receipts in %" PRIu64 " logs, %" PRIu64
                     " not yet under a checkpoint; every signature, hash and tree verifies\n",
                     fsck.receipts, fsck.logs, fsck.pending);
        if (fsck.pruned > 0)
            (void)printf("%" PRIu64 " bodies are not kept any more, as was agreed with their "
                         "issuers; their hashes are, and are proved\n",
                         fsck.pruned);
    } else {
        code = call_fail_with(
            call, code, error, shelf.data,
            "%s: %" PRIu64 " problem%s in %" PRIu64 " receipts of %" PRIu64 " logs: %s", shelf.data,
            fsck.problems, fsck.problems == 1 ? "" : "s", fsck.receipts, fsck.logs,
            error == TALLY_DAMAGED ? "what is named above does not verify"
                                   : tally_error_text(error));
    }
    json_decref(report.problems);
    shelf_close(&shelf);
    return code;
}

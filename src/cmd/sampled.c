/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/sampled.h"

#include "cmd/ask.h"
#include "cmd/print.h"
#include "cmd/trust.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOGS_MAX = 64, LOOK_MS = 200, PATIENCE_S = 90 };

uint8_t *sampled_read(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                      struct shelf_receipt *receipt, struct tally_fed_witness_event *event)
{
    struct wire_reader reader;
    size_t size = 0;
    if (!shelf_receipt(shelf, log, index, receipt) ||
        !bytes_equal(receipt->receipt.type, bytes_text("fed_witness_event")))
        return NULL;
    uint8_t *body = shelf_body(shelf, log, index, &size);
    wire_reader_init(&reader, bytes_of(body, size));
    tally_fed_witness_event_read(&reader, event);
    if (body != NULL && wire_reader_done(&reader))
        return body;
    free(body);
    return NULL;
}

const char *sampled_result(unsigned result)
{
    return result == 0 ? "verified" : result == 1 ? "failed" : "not_shown";
}

/* ---- Now ---- */

struct wanted {
    char origin[TALLY_ORIGIN_MAX + 1];
    bool told;
};

struct sampling {
    struct call *call;
    struct tally_key party;
    char did[TALLY_DID_SIZE + 1];
    uint64_t from; /* In our log of statements: what came before is not of now. */
    size_t count, told;
    struct wanted logs[LOGS_MAX];
    unsigned worst; /* Of the results. */
    json_t *items;
};

/* Whom --mesh means, and how far our own statements reach. */
static bool begin(struct sampling *sampling, const char *mesh, enum exit_code *code)
{
    struct trust trust;
    struct tally_hash hash;
    struct tally_log_view view;
    bool good = trust_open(&trust, sampling->call, false);
    *code = trust.shelf.code;
    good = good && trust_party(&trust, sampling->call, mesh, &sampling->party, code);
    if (good) {
        replay_origin(&trust.shelf.key, &hash);
        if (trust.shelf.ledger.find(trust.shelf.ledger.context, &hash, &view))
            sampling->from = view.durable;
        tally_did_write(&sampling->party, sampling->did);
    }
    trust_close(&trust);
    return good;
}

/* The party's logs that this node cosigns; of those of statements nothing is sampled. */
static void gather(struct sampling *sampling, const json_t *list, const char *scroll)
{
    size_t index, length = strlen(sampling->did);
    const json_t *item;
    json_array_foreach(json_object_get(list, "witnessed"), index, item)
    {
        const char *origin = text_of(item, "origin");
        if (sampling->count == LOGS_MAX || strncmp(origin, sampling->did, length) != 0 ||
            origin[length] != '/' || strlen(origin) > TALLY_ORIGIN_MAX)
            continue;
        const char *name_space = origin + length + 1;
        if (strcmp(name_space, TALLY_STATEMENTS) == 0 ||
            (scroll != NULL && strcmp(name_space, scroll) != 0))
            continue;
        (void)strcpy(sampling->logs[sampling->count++].origin, origin);
    }
}

static void tell(struct sampling *sampling, const struct tally_fed_witness_event *event)
{
    for (size_t i = 0; i < sampling->count; i++) {
        struct wanted *log = &sampling->logs[i];
        if (log->told || !bytes_equal(event->origin, bytes_text(log->origin)))
            continue;
        log->told = true;
        sampling->told++;
        if (event->result > 0 && sampling->worst != 1)
            sampling->worst = event->result;
        (void)json_array_append_new(sampling->items,
                                    json_pack("{s:s, s:I, s:i, s:s}", "origin", log->origin, "size",
                                              (json_int_t)event->size, "samples",
                                              (int)event->samples_count, "result",
                                              sampled_result(event->result)));
        if (!sampling->call->json)
            (void)printf("%s  size %llu  %zu samples  %s\n", log->origin,
                         (unsigned long long)event->size, event->samples_count,
                         sampled_result(event->result));
    }
}

static bool look(struct sampling *sampling, enum exit_code *code)
{
    struct shelf shelf;
    struct shelf_log log;
    bool good = shelf_open(&shelf, sampling->call);
    *code = shelf.code;
    for (size_t i = 0; good && shelf_log_at(&shelf, i, &log); i++)
        while (log.view.own && strcmp(log.name_space, TALLY_STATEMENTS) == 0 &&
               sampling->from < log.view.durable) {
            struct shelf_receipt receipt;
            struct tally_fed_witness_event event;
            uint8_t *body = sampled_read(&shelf, &log, sampling->from++, &receipt, &event);
            if (body != NULL)
                tell(sampling, &event);
            free(body);
        }
    shelf_close(&shelf);
    return good;
}

static enum exit_code wait_for_all(struct sampling *sampling, unsigned patience_s)
{
    enum exit_code code = EXIT_DONE;
    time_t end = time(NULL) + (time_t)patience_s;
    while (sampling->told < sampling->count && time(NULL) < end) {
        (void)usleep(LOOK_MS * 1000);
        if (!look(sampling, &code))
            return code;
    }
    if (sampling->told < sampling->count || sampling->worst > 1)
        return call_fail_with(sampling->call, EXIT_TIMED_OUT, TALLY_TIMED_OUT, sampling->did,
                              "%s did not show in time what was asked for; tally witness-history "
                              "has what comes later",
                              sampling->did);
    if (sampling->worst == 1)
        return call_fail_with(sampling->call, EXIT_UNVERIFIED, TALLY_MISMATCH, sampling->did,
                              "what %s showed is not in the tree that it signed; tally "
                              "discrepancy list has the evidence",
                              sampling->did);
    if (sampling->call->json) {
        json_t *object = print_object("verify/1");
        (void)json_object_set_new(object, "mesh", json_string(sampling->did));
        (void)json_object_set(object, "items", sampling->items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    }
    return EXIT_DONE;
}

static enum exit_code sample(struct sampling *sampling, const char *scroll, unsigned patience_s)
{
    enum exit_code code = EXIT_DONE;
    char id[PEER_ID_TEXT_MAX];
    json_t *list = ask(sampling->call, "witness", "", &code);
    if (list == NULL)
        return code;
    gather(sampling, list, scroll);
    json_decref(list);
    if (sampling->count == 0)
        return call_fail_with(sampling->call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, sampling->did,
                              "this node cosigned no log%s%.64s of %s: its party is to be at level "
                              "verify or above, and ours there",
                              scroll != NULL ? " " : "", scroll != NULL ? scroll : "",
                              sampling->did);
    (void)peer_id_print_key(&sampling->party, id);
    json_t *answer = ask(sampling->call, "sample", id, &code);
    if (answer == NULL)
        return code;
    json_decref(answer);
    return wait_for_all(sampling, patience_s);
}

enum exit_code sampled_now(struct call *call)
{
    struct sampling *sampling = calloc(1, sizeof *sampling);
    const char *mesh = call_option(call, "mesh"), *timeout = call_option(call, "timeout");
    uint64_t patience_s = PATIENCE_S;
    enum exit_code code = EXIT_USAGE;
    if (mesh == NULL || call->operand_count > 0)
        code = call_usage(call, mesh == NULL ? "--scroll wants --mesh"
                                             : "either a file, or a party with --mesh");
    else if (sampling == NULL)
        code = call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "%s",
                              tally_error_text(TALLY_NO_MEMORY));
    else if (timeout == NULL ||
             call_number(call, "--timeout", timeout, 1, ASK_TIMEOUT_MAX_S, &patience_s)) {
        sampling->call = call;
        sampling->items = json_array();
        if (begin(sampling, mesh, &code))
            code = sample(sampling, call_option(call, "scroll"), (unsigned)patience_s);
        json_decref(sampling->items);
    }
    free(sampling);
    return code;
}

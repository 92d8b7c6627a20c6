/* SPDX-License-Identifier: Apache-2.0 */
/* tally receipt show, list. */
#include "cmd/receipts.h"

#include "cmd/meanings.h"
#include "cmd/statement.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/store.h"

#include <inttypes.h>
#include <stdlib.h>

#define PRUNED                                                                                     \
    "pruned: the time for which its issuer and this node agreed to keep it is over; its hash and " \
    "proofs stay"

enum { PAGE = 100, PAGE_MAX = 1000 }; /* docs/operations.md, limits. */

static json_t *references(const struct tally_receipt *receipt)
{
    json_t *list = json_array();
    for (size_t i = 0; i < receipt->reference_count; i++)
        (void)json_array_append_new(list, json_pack("{s:i, s:o}", "kind",
                                                    (int)receipt->references[i].kind, "hash",
                                                    print_json_hash(&receipt->references[i].hash)));
    return list;
}

json_t *receipts_object(struct shelf *shelf, const struct shelf_log *log,
                        const struct shelf_receipt *found, const char *schema)
{
    const struct tally_receipt *receipt = &found->receipt;
    char time[PRINT_TIME], did[TALLY_DID_SIZE + 1];
    size_t size;
    json_t *object = schema == NULL ? json_object() : print_object(schema);
    uint8_t *body = shelf_body(shelf, log, receipt->sequence, &size);
    struct tally_bytes bytes = bytes_of(body, size);
    bool text = body != NULL && print_bytes_are_text(bytes);
    print_time(receipt->time, time);
    tally_did_write(&receipt->issuer, did);
    (void)json_object_update_new(
        object, json_pack("{s:s, s:I, s:o, s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "origin",
                          log->origin, "index", (json_int_t)receipt->sequence, "receipt",
                          print_json_hash(&found->hash), "sealed",
                          receipt->sequence < log->view.size, "issuer", did, "namespace",
                          log->name_space, "time", time, "type", print_json_text(receipt->type),
                          "profile", print_json_text(receipt->profile), "references",
                          references(receipt), "body_hash", print_json_hash(&receipt->body_hash),
                          "body_bytes", (json_int_t)receipt->body_size));
    struct tally_bytes name_space = bytes_text(log->name_space);
    (void)json_object_set_new(
        object, "type_schema",
        meanings_object(schema_of(shelf->schemas, name_space, receipt->type)));
    (void)json_object_set_new(
        object, "schema_known",
        json_boolean(meanings_known(shelf->schemas, name_space, receipt->type)));
    (void)json_object_set_new(object, "revoked",
                              json_boolean(receipt->sequence >= shelf_limit(shelf, log)));
    json_t *statement = statement_object(name_space, receipt->type, bytes);
    if (statement != NULL)
        (void)json_object_set_new(object, "statement", statement);
    if (text)
        (void)json_object_set_new(object, "body", print_json_text(bytes));
    else if (body != NULL)
        (void)json_object_set_new(object, "body_base64", print_json_base64(bytes));
    else
        (void)json_object_set_new(object, "body_pruned",
                                  json_boolean(receipt->sequence < log->view.pruned));
    free(body);
    return object;
}

static void show_body(const struct shelf *shelf, const struct shelf_log *log,
                      const struct tally_receipt *receipt)
{
    size_t size;
    uint64_t index = receipt->sequence;
    uint8_t *body = shelf_body(shelf, log, index, &size);
    json_t *statement = body == NULL ? NULL
                                     : statement_object(bytes_text(log->name_space), receipt->type,
                                                        bytes_of(body, size));
    if (statement != NULL)
        statement_print(statement);
    else if (body == NULL)
        (void)printf("body       %s\n", index < log->view.pruned ? PRUNED : "not held here");
    else if (!print_bytes_are_text(bytes_of(body, size)))
        (void)printf("body       not text: tally receipt show --body writes it as it is\n");
    else {
        (void)printf("body\n\n");
        for (size_t at = 0, end; at < size; at = end + 1) {
            const uint8_t *line = memchr(body + at, '\n', size - at);
            end = line == NULL ? size : (size_t)(line - body);
            print_escaped(stdout, (const char *)body + at, end - at);
            (void)fputc('\n', stdout);
        }
    }
    json_decref(statement);
    free(body);
}

/* For people only where somebody registers schemas at all. */
static void show_schema(const struct shelf *shelf, const struct shelf_log *log,
                        const struct tally_receipt *receipt)
{
    struct tally_bytes name_space = bytes_text(log->name_space);
    const struct schema *one = schema_of(shelf->schemas, name_space, receipt->type);
    char hash[PRINT_HASH];
    if (one != NULL) {
        hex_write(bytes_of(one->hash.bytes, sizeof one->hash.bytes), hash);
        (void)printf("schema     %.*s, %s\n", (int)one->version_size, one->version, hash);
    } else if (shelf->schemas != NULL && shelf->schemas->count > 0 &&
               !meanings_known(shelf->schemas, name_space, receipt->type)) {
        (void)printf("schema     unknown: it is kept as it is\n");
    }
}

static void show(struct shelf *shelf, const struct shelf_log *log,
                 const struct shelf_receipt *found)
{
    const struct tally_receipt *receipt = &found->receipt;
    char time[PRINT_TIME], hash[PRINT_HASH], body[PRINT_HASH], did[TALLY_DID_SIZE + 1];
    print_time(receipt->time, time);
    tally_did_write(&receipt->issuer, did);
    hex_write(bytes_of(found->hash.bytes, sizeof found->hash.bytes), hash);
    hex_write(bytes_of(receipt->body_hash.bytes, sizeof receipt->body_hash.bytes), body);
    (void)printf("receipt    %s\norigin     %s\nindex      %" PRIu64 "%s\nissuer     %s\n"
                 "time       %s (its issuer's claim)\ntype       %.*s\nprofile    %.*s\n"
                 "body hash  %s\nbody size  %u\n",
                 hash, log->origin, receipt->sequence,
                 receipt->sequence < log->view.size ? "" : " (not yet under a checkpoint)", did,
                 time, (int)receipt->type.size, (const char *)receipt->type.data,
                 (int)receipt->profile.size, (const char *)receipt->profile.data, body,
                 receipt->body_size);
    show_schema(shelf, log, receipt);
    if (receipt->sequence >= shelf_limit(shelf, log))
        (void)printf(
            "revoked    its key is revoked, and this is behind what was good of the log\n");
    for (size_t i = 0; i < receipt->reference_count; i++) {
        hex_write(bytes_of(receipt->references[i].hash.bytes, sizeof(struct tally_hash)), hash);
        (void)printf("reference  kind %u %s\n", receipt->references[i].kind, hash);
    }
    show_body(shelf, log, receipt);
}

/* The place of the receipt an operand names by its hash. */
static bool find_place(struct shelf *shelf, const char *text, struct shelf_log *log,
                       uint64_t *index)
{
    struct tally_hash hash;
    struct store_place place;
    struct tally_log_view view;
    if (!hex_read(text, hash.bytes, sizeof hash.bytes)) {
        shelf->code =
            call_usage(shelf->call, "\"%.80s\" is not a receipt hash of 64 hex digits", text);
        return false;
    }
    enum tally_error error = store_find_receipt(shelf->store, &hash, &place);
    if (error == TALLY_OK && !shelf->ledger.find(shelf->ledger.context, &place.origin_hash, &view))
        error = TALLY_NOT_FOUND;
    if (error != TALLY_OK) {
        (void)complain(&shelf->call->complaint, error,
                       error == TALLY_NOT_FOUND ? "there is no receipt %.64s in %s" : "%.64s in %s",
                       text, shelf->data);
        shelf->code = call_fail(shelf->call, text);
        return false;
    }
    char origin[PRINT_HASH];
    hex_write(bytes_of(place.origin_hash.bytes, sizeof place.origin_hash.bytes), origin);
    *index = place.index;
    return shelf_find(shelf, origin, log);
}

enum exit_code verb_receipt_show(struct call *call)
{
    struct shelf shelf;
    struct shelf_log log;
    struct shelf_receipt receipt;
    uint64_t index = 0;
    bool good = shelf_open(&shelf, call);
    if (good)
        shelf.schemas = meanings_load(&shelf, &shelf.key);
    if (good && call->operand_count == 2)
        good = call_number(call, "index", call->operands[1], 0, INT64_MAX, &index) ||
               (shelf.code = EXIT_USAGE, false);
    if (good)
        good = call->operand_count == 2 ? shelf_find(&shelf, call->operands[0], &log)
                                        : find_place(&shelf, call->operands[0], &log, &index);
    good = good && shelf_receipt(&shelf, &log, index, &receipt);
    if (good && call_flag(call, "body")) {
        size_t size;
        uint8_t *body = shelf_body(&shelf, &log, index, &size);
        if (body != NULL)
            (void)fwrite(body, 1, size, stdout);
        else
            shelf.code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, log.origin,
                                        "the body of receipt %" PRIu64 " is %s", index,
                                        index < log.view.pruned ? PRUNED : "not held here");
        good = body != NULL;
        free(body);
    } else if (good && call->json) {
        print_json(receipts_object(&shelf, &log, &receipt, "receipt/1"));
    } else if (good) {
        show(&shelf, &log, &receipt);
    }
    shelf_close(&shelf);
    return good ? EXIT_DONE : shelf.code;
}

/* ---- List ---- */

static bool list_page(struct shelf *shelf, const struct shelf_log *log, uint64_t from, uint64_t to)
{
    struct shelf_receipt receipt;
    json_t *items = json_array();
    bool good = true;
    for (uint64_t index = from; good && index < to; index++) {
        good = shelf_receipt(shelf, log, index, &receipt);
        if (good && shelf->call->json) {
            (void)json_array_append_new(items, receipts_object(shelf, log, &receipt, NULL));
        } else if (good) {
            char hash[PRINT_HASH], time[PRINT_TIME];
            hex_write(bytes_of(receipt.hash.bytes, sizeof receipt.hash.bytes), hash);
            print_time(receipt.receipt.time, time);
            (void)printf("%" PRIu64 " %s %s %.*s %u\n", index, hash, time,
                         (int)receipt.receipt.type.size, (const char *)receipt.receipt.type.data,
                         receipt.receipt.body_size);
        }
    }
    if (good && shelf->call->json) {
        char next[24];
        (void)snprintf(next, sizeof next, "%" PRIu64, to);
        json_t *object = print_object("receipt-list/1");
        (void)json_object_set(object, "items", items);
        (void)json_object_set_new(object, "next",
                                  to < log->view.durable ? json_string(next) : json_null());
        print_json(object);
    }
    json_decref(items);
    return good;
}

enum exit_code verb_receipt_list(struct call *call)
{
    struct shelf shelf;
    struct shelf_log log;
    uint64_t from = 0, limit = PAGE;
    const char *given = call_option(call, "from"), *most = call_option(call, "limit");
    if (given != NULL && !call_number(call, "--from", given, 0, INT64_MAX, &from))
        return EXIT_USAGE;
    if (most != NULL && !call_number(call, "--limit", most, 1, PAGE_MAX, &limit))
        return EXIT_USAGE;
    bool good = shelf_open(&shelf, call) && shelf_find(&shelf, call->operands[0], &log);
    if (good) {
        shelf.schemas = meanings_load(&shelf, &shelf.key);
        uint64_t end = log.view.durable;
        if (given == NULL && !call->json) /* People want to see the latest. */
            from = end > limit ? end - limit : 0;
        uint64_t to = from >= end ? from : end - from > limit ? from + limit : end;
        good = list_page(&shelf, &log, from, to);
    }
    shelf_close(&shelf);
    return good ? EXIT_DONE : shelf.code;
}

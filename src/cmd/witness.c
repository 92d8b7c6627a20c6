/* SPDX-License-Identifier: Apache-2.0 */
/* tally witness list, request; tally witness-history. */
#include "cmd/ask.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/sampled.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "core/wire/messages.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- List and request: the running node knows ---- */

static const struct grid_column columns[] = {
    {"PARTY", true}, {"LOG", true},     {"SIZE", false},   {"OF", false},
    {"TIME", false}, {"ANSWER", false}, {"STREAM", false}, {"WHY NOT", false}};
enum { COLUMNS = sizeof columns / sizeof *columns, CELL = 32 };

static void list_ours(const json_t *list)
{
    struct grid *grid = grid_new(columns, COLUMNS);
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(list, "items"), index, item)
    {
        char size[CELL], head[CELL];
        (void)snprintf(size, sizeof size, "%lld", number_of(item, "size"));
        (void)snprintf(head, sizeof head, "%lld", number_of(item, "head"));
        const char *url = text_of(item, "url"), *status = text_of(item, "status");
        const char *const cells[COLUMNS] = {
            *url != '\0' ? url : text_of(item, "party"),
            text_of(item, "origin"),
            size,
            head,
            text_of(item, "time"),
            status,
            truth_of(item, "connected") ? "open" : "",
            strcmp(status, "cosigned") == 0 ? "" : text_of(item, "reason")};
        grid_add(grid, cells);
    }
    grid_print(grid);
}

static void list_theirs(const json_t *list)
{
    static const struct grid_column theirs[] = {{"WE WITNESS", true}, {"SIZE", false}};
    struct grid *grid = grid_new(theirs, 2);
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(list, "witnessed"), index, item)
    {
        char size[CELL];
        (void)snprintf(size, sizeof size, "%lld", number_of(item, "size"));
        const char *const cells[2] = {truth_of(item, "damaged") ? text_of(item, "origin_hash")
                                                                : text_of(item, "origin"),
                                      truth_of(item, "damaged") ? "damaged" : size};
        grid_add(grid, cells);
    }
    grid_print(grid);
}

enum exit_code verb_witness_list(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *list = ask(call, "witness", "", &code);
    if (list == NULL)
        return code;
    if (call->json) {
        print_json(list);
        return EXIT_DONE;
    }
    list_ours(list);
    list_theirs(list);
    json_decref(list);
    return EXIT_DONE;
}

enum exit_code verb_witness_request(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *answer = ask(call, "cosign", "", &code);
    if (answer == NULL)
        return code;
    json_decref(answer);
    if (call->json)
        print_json(print_object("witness-request/1"));
    else
        (void)printf("asked; tally witness list shows what they answer\n");
    return EXIT_DONE;
}

/* ---- History: statements, of ours and of those that are held here ---- */

struct history {
    struct call *call;
    struct trust trust;
    bool of_mesh; /* --mesh: only with that party. */
    struct tally_key mesh;
    int64_t since_us;
    json_t *items;
    uint64_t count;
};

static bool read_age(struct call *call, const char *text, int64_t *since_us, enum exit_code *code)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    int64_t unit = strcmp(end, "d") == 0   ? 86400
                   : strcmp(end, "h") == 0 ? 3600
                   : strcmp(end, "m") == 0 ? 60
                   : strcmp(end, "s") == 0 ? 1
                                           : 0;
    if (end == text || *text == '-' || unit == 0 || number > 100000) {
        *code =
            call_usage(call, "--last \"%.40s\" is no duration such as 30d, 12h, 15m or 90s", text);
        return false;
    }
    *since_us = ((int64_t)time(NULL) - (int64_t)number * unit) * 1000000;
    return true;
}

static void show_event(struct history *history, const struct shelf_receipt *receipt,
                       const struct tally_fed_witness_event *event, const struct tally_key *log,
                       bool ours)
{
    char witness[TALLY_DID_SIZE + 1], party[TALLY_DID_SIZE + 1], when[PRINT_TIME];
    tally_did_write(&receipt->receipt.issuer, witness);
    tally_did_write(log, party);
    print_time(receipt->receipt.time, when);
    history->count++;
    if (!history->call->json) {
        (void)printf("%s  %s  %s  %.*s  size %llu  %zu samples  %s\n", when, ours ? "to  " : "from",
                     ours ? party : witness, (int)event->origin.size,
                     (const char *)event->origin.data, (unsigned long long)event->size,
                     event->samples_count, sampled_result(event->result));
        return;
    }
    json_t *samples = json_array();
    for (size_t i = 0; i < event->samples_count; i++)
        (void)json_array_append_new(samples, json_integer((json_int_t)event->samples[i]));
    (void)json_array_append_new(
        history->items,
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:s, s:o, s:o, s:o}", "time", when,
                  "direction", ours ? "given" : "received", "witness", witness, "mesh", party,
                  "origin", print_json_text(event->origin), "size", (json_int_t)event->size, "root",
                  print_json_hash(&event->root), "result", sampled_result(event->result), "samples",
                  samples, "nonce", print_json_base64(bytes_of(event->nonce, sizeof event->nonce)),
                  "receipt", print_json_hash(&receipt->hash)));
}

/* One statement: shown if it is an event between us and the party that was asked for. */
static void take(struct history *history, const struct shelf_log *log, uint64_t index)
{
    struct shelf *shelf = &history->trust.shelf;
    struct shelf_receipt receipt;
    struct tally_fed_witness_event event;
    struct tally_key issuer;
    struct tally_bytes name_space;
    uint8_t *body = sampled_read(shelf, log, index, &receipt, &event);
    bool ours = log->view.own;
    bool good = body != NULL && receipt.receipt.time.us >= history->since_us &&
                tally_origin_read(event.origin, &issuer, &name_space);
    const struct tally_key *other = ours ? &issuer : &log->view.issuer;
    if (good && (ours || key_equal(&issuer, &shelf->key)) &&
        (!history->of_mesh || key_equal(other, &history->mesh)))
        show_event(history, &receipt, &event, &issuer, ours);
    free(body);
}

static void walk(struct history *history)
{
    struct shelf_log log;
    for (size_t i = 0; shelf_log_at(&history->trust.shelf, i, &log); i++) {
        if (strcmp(log.name_space, TALLY_STATEMENTS) != 0)
            continue;
        for (uint64_t index = 0; index < log.view.durable; index++)
            take(history, &log, index);
    }
}

enum exit_code verb_witness_history(struct call *call)
{
    struct history history = {.call = call, .items = json_array(), .since_us = INT64_MIN};
    const char *mesh = call_option(call, "mesh"), *last = call_option(call, "last");
    enum exit_code code = EXIT_DONE;
    if (last != NULL && !read_age(call, last, &history.since_us, &code)) {
        json_decref(history.items);
        return code;
    }
    bool good = trust_open(&history.trust, call, false);
    code = history.trust.shelf.code;
    history.of_mesh = mesh != NULL;
    if (good && mesh != NULL)
        good = trust_party(&history.trust, call, mesh, &history.mesh, &code);
    if (good)
        walk(&history);
    if (good && call->json) {
        json_t *object = print_object("witness-history/1");
        (void)json_object_set(object, "items", history.items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    } else if (good && history.count == 0) {
        (void)fprintf(stderr, "tally: nothing was sampled%s yet\n",
                      last != NULL ? " in that time" : "");
    }
    trust_close(&history.trust);
    json_decref(history.items);
    return good ? EXIT_DONE : code;
}

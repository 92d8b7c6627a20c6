/* SPDX-License-Identifier: Apache-2.0 */
/* tally anchor list, show: what is kept, and what it comes to. */
#include "cmd/anchor.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <inttypes.h>

static json_t *time_or_null(int64_t ms)
{
    char text[PRINT_TIME];
    if (ms == 0)
        return json_null();
    print_time((struct tally_wall){ms * 1000}, text);
    return json_string(text);
}

static bool has_block(const struct tally_anchor *anchor)
{
    static const struct tally_hash none;
    return !hash_equal(&anchor->block, &none);
}

static json_t *publisher(const struct book_record *record)
{
    char did[TALLY_DID_SIZE + 1];
    if (!record->has_publisher)
        return json_null();
    tally_did_write(&record->publisher, did);
    return json_string(did);
}

json_t *anchor_object(const struct book_record *record, const char *schema)
{
    const struct tally_anchor *anchor = &record->anchor;
    json_t *object = schema == NULL ? json_object() : print_object(schema);
    const struct tally_anchor *winner = anchor->winner;
    (void)json_object_update_new(
        object,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:s, s:s, s:s, s:s}", "id", record->id,
                  "kind", tally_anchor_kind_name(anchor->kind), "chain", anchor->chain,
                  "transaction", anchor->transaction, "origin", record->origin, "size",
                  (json_int_t)record->size, "root", print_json_hash(&record->root), "state",
                  tally_anchor_state_name(anchor->state), "verdict",
                  tally_anchor_verdict_name(tally_anchor_verdict_of(anchor->reason)), "reason",
                  tally_anchor_reason_name(anchor->reason), "meaning",
                  tally_anchor_reason_text(anchor->reason)));
    (void)json_object_update_new(
        object,
        json_pack("{s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:s, s:s, s:b, s:s}", "height",
                  (json_int_t)anchor->height, "block",
                  has_block(anchor) ? print_json_hash(&anchor->block) : json_null(), "time",
                  time_or_null(anchor->time_ms), "uncertainty_ms",
                  (json_int_t)anchor->uncertainty_ms, "received", time_or_null(record->received_ms),
                  "checked", time_or_null(record->checked_ms), "verified",
                  time_or_null(record->verified_ms), "backend", record->backend, "authority",
                  record->authority, "alarm", (int)record->alarm, "form",
                  record->note != NULL ? "checkpoint" : "root"));
    (void)json_object_set_new(object, "published_by", publisher(record));
    (void)json_object_set_new(object, "superseded_by",
                              winner == NULL ? json_null()
                                             : json_pack("{s:s, s:s}", "chain", winner->chain,
                                                         "transaction", winner->transaction));
    return object;
}

/* Of two verdicts the one that an operator has to know of. */
void anchor_print(const struct book_record *record)
{
    const struct tally_anchor *anchor = &record->anchor;
    char time[PRINT_TIME] = "-", checked[PRINT_TIME] = "-", root[PRINT_HASH];
    hex_write(bytes_of(record->root.bytes, sizeof record->root.bytes), root);
    if (anchor->time_ms != 0)
        print_time((struct tally_wall){anchor->time_ms * 1000}, time);
    if (record->checked_ms != 0)
        print_time((struct tally_wall){record->checked_ms * 1000}, checked);
    (void)printf("anchor       %s\nchain        %s\ntransaction  %s\norigin       %s\n"
                 "size         %" PRIu64 "\nroot         %s\nstate        %s\n"
                 "reason       %s: %s\nheight       %" PRIu64 "\ntime         %s, within %.3f s\n"
                 "checked      %s\nbackend      ",
                 record->id, anchor->chain, anchor->transaction, record->origin, record->size, root,
                 tally_anchor_state_name(anchor->state), tally_anchor_reason_name(anchor->reason),
                 tally_anchor_reason_text(anchor->reason), anchor->height, time,
                 anchor->uncertainty_ms / 1000.0, checked);
    print_escaped(stdout, record->backend, strlen(record->backend));
    (void)printf("\n");
    if (record->has_publisher) {
        char did[TALLY_DID_SIZE + 1];
        tally_did_write(&record->publisher, did);
        (void)printf("published    by %s, receipt %" PRIu64 " of its log anchors\n", did,
                     record->published);
    }
    if (anchor->winner != NULL)
        (void)printf("superseded   by %s %s\n", anchor->winner->chain, anchor->winner->transaction);
    if (record->alarm)
        (void)printf(
            "alarm        backends contradicted each other: the stricter verdict counts\n");
}

static void add_row(struct grid *grid, const struct book_record *record)
{
    const struct tally_anchor *anchor = &record->anchor;
    char id[13], size[24], height[24], time[PRINT_TIME] = "-", checked[PRINT_TIME] = "-";
    (void)snprintf(id, sizeof id, "%.12s", record->id);
    (void)snprintf(size, sizeof size, "%" PRIu64, record->size);
    (void)snprintf(height, sizeof height, "%" PRIu64, anchor->height);
    if (anchor->time_ms != 0)
        print_time((struct tally_wall){anchor->time_ms * 1000}, time);
    if (record->checked_ms != 0)
        print_time((struct tally_wall){record->checked_ms * 1000}, checked);
    const char *const cells[] = {id,
                                 tally_anchor_state_name(anchor->state),
                                 tally_anchor_reason_name(anchor->reason),
                                 anchor->chain,
                                 height,
                                 time,
                                 checked,
                                 size,
                                 record->origin};
    grid_add(grid, cells);
}

enum exit_code verb_anchor_list(struct call *call)
{
    static const struct grid_column columns[] = {
        {"ID", false},   {"STATE", false},   {"REASON", false}, {"CHAIN", true}, {"HEIGHT", false},
        {"TIME", false}, {"CHECKED", false}, {"SIZE", false},   {"ORIGIN", true}};
    struct desk desk;
    struct shelf_log log;
    bool good = desk_open(&desk, call, call_option(call, "log"), &log);
    json_t *items = json_array();
    struct grid *grid = call->json ? NULL : grid_new(columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; good && i < desk.list.count; i++) {
        if (call->json)
            (void)json_array_append_new(items, anchor_object(desk.list.records[i], NULL));
        else if (grid != NULL)
            add_row(grid, desk.list.records[i]);
    }
    if (good && call->json) {
        json_t *object = print_object("anchor-list/1");
        (void)json_object_set(object, "items", items);
        (void)json_object_set_new(object, "next", json_null());
        print_json(object);
    }
    if (grid != NULL && good)
        grid_print(grid);
    json_decref(items);
    desk_close(&desk);
    return good ? EXIT_DONE : desk.shelf.code;
}

enum exit_code verb_anchor_show(struct call *call)
{
    struct desk desk;
    bool good = desk_open(&desk, call, NULL, NULL);
    const struct book_record *record = good ? desk_find(&desk, call->operands[0]) : NULL;
    if (record != NULL && call->json)
        print_json(anchor_object(record, "anchor/1"));
    else if (record != NULL)
        anchor_print(record);
    desk_close(&desk);
    return record != NULL ? EXIT_DONE : desk.shelf.code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/anchoring.h"

#include "core/base/bytes.h"
#include "host/anchors/judge.h"
#include "host/config/keys.h"
#include "host/uv/inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One record that is due. */
struct due {
    struct book_record *record; /* Of the list. */
    struct judge_checkpoint checkpoint;
    enum tally_anchor_state before;
    bool done;
};

struct anchoring_look {
    struct anchoring *anchoring;
    char data[4096];
    int64_t now_ms;
    struct policy *policy;
    struct book_list list;
    struct due due[ANCHORING_RECORDS];
    size_t count;
    enum tally_error error;
    struct complaint complaint;
};

static int64_t wall_ms(void)
{
    return host_now().wall.us / 1000;
}

static bool is_bad(const struct tally_anchor *anchor)
{
    return anchor->state == TALLY_ANCHOR_QUARANTINED || anchor->state == TALLY_ANCHOR_REORGED;
}

static void look_free(struct anchoring_look *look)
{
    look->anchoring->look = NULL;
    look->anchoring->busy = false;
    book_list_free(&look->list);
    policy_free(look->policy);
    free(look);
}

/* ---- What is due: a worker ---- */

static bool is_due(const struct book_record *record, int64_t now_ms)
{
    return tally_anchor_due_ms(&record->anchor, record->verified_ms, record->checked_ms) <= now_ms;
}

/* Those behind the last look's end, then from the beginning: all have their turn. */
static void choose(struct anchoring_look *look)
{
    size_t first = 0;
    for (size_t i = 0; i < look->list.count; i++)
        if (strcmp(look->list.records[i]->id, look->anchoring->after) == 0)
            first = i + 1;
    for (size_t i = 0; i < look->list.count && look->count < ANCHORING_RECORDS; i++) {
        struct book_record *record = look->list.records[(first + i) % look->list.count];
        if (is_due(record, look->now_ms))
            look->due[look->count++] =
                (struct due){.record = record, .before = record->anchor.state};
    }
}

static void read_book(uv_work_t *work)
{
    struct anchoring_look *look = work->data;
    struct book book;
    look->error = policy_read(look->data, &look->policy, &look->complaint);
    if (look->error != TALLY_OK)
        return;
    look->error = book_open(&book, look->data, false, &look->complaint);
    if (look->error != TALLY_OK)
        return;
    look->error = book_load(&book, NULL, NULL, NULL, &look->list, &look->complaint);
    book_close(&book);
    if (look->error == TALLY_OK)
        choose(look);
}

/* ---- What they are: a worker ---- */

static void judge_due(uv_work_t *work)
{
    struct anchoring_look *look = work->data;
    const struct tally_crypto crypto = keys_verifier();
    struct book book;
    for (size_t i = 0; i < look->count && !atomic_load(&look->anchoring->stop); i++) {
        struct due *due = &look->due[i];
        judge(look->policy, &due->checkpoint, &crypto, look->now_ms, due->record);
        look->error = book_open(&book, look->data, true, &look->complaint);
        if (look->error == TALLY_OK) {
            look->error = book_put(&book, due->record, &look->complaint);
            book_close(&book);
        }
        if (look->error != TALLY_OK)
            return;
        due->done = true;
    }
}

/* ---- What follows: the loop ---- */

static void on_told(void *context, const struct tally_action *answer)
{
    (void)context;
    (void)answer; /* Of our own logs, and of unknown ones, nothing is held against anybody. */
}

/* What is held, or not any more; the evidence is what the book says of it. */
static void tell(struct host *host, const struct book_record *record, bool good)
{
    char text[1024];
    int size = snprintf(text, sizeof text, "%s %s\nsize %" PRIu64 "\nstate %s\nreason %s\n",
                        record->anchor.chain, record->anchor.transaction, record->size,
                        tally_anchor_state_name(record->anchor.state),
                        tally_anchor_reason_name(record->anchor.reason));
    const struct tally_command command = {
        .kind = TALLY_COMMAND_ANCHOR,
        .anchor = {.good = good,
                   .publisher = record->publisher,
                   .index = record->published,
                   .origin_hash = record->origin_hash,
                   .size = record->size,
                   .root = record->root,
                   .finding = bytes_of((const uint8_t *)text, (size_t)size)}};
    bool taken = host_command(host, &command, on_told, NULL);
    (void)taken;
}

/* Whether it was published by who seals the log that it anchors. */
static bool is_issuers(const struct book_record *record)
{
    struct tally_key issuer;
    struct tally_bytes name;
    return tally_origin_read(bytes_text(record->origin), &issuer, &name) &&
           key_equal(&issuer, &record->publisher);
}

/* Whether all that its publisher answers for, in one case, are good: its own of one log; or all
   that it published of the logs of others. */
static bool all_good(const struct book_list *list, const struct book_record *record)
{
    bool own = is_issuers(record);
    for (size_t i = 0; i < list->count; i++) {
        const struct book_record *other = list->records[i];
        if (!other->has_publisher || !key_equal(&other->publisher, &record->publisher) ||
            is_issuers(other) != own)
            continue;
        if ((!own || hash_equal(&other->origin_hash, &record->origin_hash)) &&
            is_bad(&other->anchor))
            return false;
    }
    return true;
}

static void say(struct anchoring *anchoring, const struct due *due)
{
    const struct tally_anchor *anchor = &due->record->anchor;
    anchoring->moved++;
    trace_line(&anchoring->host->tracer, is_bad(anchor) ? TALLY_LEVEL_WARN : TALLY_LEVEL_INFO,
               "anchor-moved anchor=%.12s log=%s size=%" PRIu64 " from=%s to=%s reason=%s",
               due->record->id, due->record->origin, due->record->size,
               tally_anchor_state_name(due->before), tally_anchor_state_name(anchor->state),
               tally_anchor_reason_name(anchor->reason));
}

/* Whether it came to what it is since the last look: by this one, or by a verb meanwhile. */
static bool is_news(const struct anchoring_look *look, const struct book_record *record)
{
    for (size_t i = 0; i < look->count; i++)
        if (look->due[i].record == record)
            return look->due[i].done && record->anchor.state != look->due[i].before;
    return record->checked_ms > look->anchoring->seen_ms - ANCHORING_LATE_MS;
}

static void conclude(struct anchoring_look *look)
{
    struct anchoring *anchoring = look->anchoring;
    for (size_t i = 0; i < look->count; i++) {
        const struct due *due = &look->due[i];
        anchoring->judged += due->done;
        if (due->done && due->record->anchor.state != due->before)
            say(anchoring, due);
    }
    for (size_t i = 0; i < look->list.count; i++) {
        const struct book_record *record = look->list.records[i];
        /* What an operator brought is held against nobody. */
        if (!is_news(look, record) || !record->has_publisher)
            continue;
        if (is_bad(&record->anchor))
            tell(anchoring->host, record, false);
        else if (all_good(&look->list, record))
            tell(anchoring->host, record, true);
    }
    if (look->count > 0)
        memcpy(anchoring->after, look->due[look->count - 1].record->id, sizeof anchoring->after);
    anchoring->seen_ms = look->now_ms;
}

static void finish(struct anchoring_look *look)
{
    struct anchoring *anchoring = look->anchoring;
    if (look->error != TALLY_OK)
        trace_line(&anchoring->host->tracer, TALLY_LEVEL_WARN, "anchors-unread why=\"%s\"",
                   look->complaint.text);
    if (!atomic_load(&anchoring->stop))
        conclude(look);
    anchoring->looks++;
    look_free(look);
}

static void on_judged(uv_work_t *work, int status)
{
    (void)status;
    finish(work->data);
}

static void on_read(uv_work_t *work, int status)
{
    struct anchoring_look *look = work->data;
    struct anchoring *anchoring = look->anchoring;
    const struct tally_ledger ledger = store_ledger(anchoring->host->store);
    bool going = status == 0 && look->error == TALLY_OK && look->count > 0;
    if (!going || atomic_load(&anchoring->stop)) {
        finish(look);
        return;
    }
    for (size_t i = 0; i < look->count; i++)
        judge_checkpoint(&ledger, look->due[i].record->origin, look->due[i].record->size,
                         &look->due[i].checkpoint);
    if (uv_queue_work(&anchoring->host->loop, work, judge_due, on_judged) != 0)
        finish(look);
}

static void on_timer(uv_timer_t *timer)
{
    struct anchoring *anchoring = timer->data;
    struct anchoring_look *look = anchoring->busy ? NULL : calloc(1, sizeof *look);
    if (look == NULL)
        return;
    look->anchoring = anchoring;
    look->now_ms = wall_ms();
    (void)snprintf(look->data, sizeof look->data, "%s", anchoring->host->data);
    anchoring->busy = true;
    anchoring->look = look;
    anchoring->work.data = look;
    if (uv_queue_work(&anchoring->host->loop, &anchoring->work, read_book, on_read) != 0)
        look_free(look);
}

/* ---- Begin and end ---- */

void anchoring_open(struct anchoring *anchoring, struct host *host, unsigned every_ms)
{
    anchoring->host = host;
    anchoring->every_ms = every_ms > 0 ? every_ms : ANCHORING_MS;
    anchoring->seen_ms = wall_ms();
    atomic_init(&anchoring->stop, false);
    (void)uv_timer_init(&host->loop, &anchoring->timer);
    anchoring->timer.data = anchoring;
}

void anchoring_start(struct anchoring *anchoring)
{
    unsigned first =
        anchoring->every_ms < ANCHORING_FIRST_MS ? anchoring->every_ms : ANCHORING_FIRST_MS;
    (void)uv_timer_start(&anchoring->timer, on_timer, first, anchoring->every_ms);
}

void anchoring_stop(struct anchoring *anchoring)
{
    atomic_store(&anchoring->stop, true);
    (void)uv_timer_stop(&anchoring->timer);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/anchor.h"
#include "core/base/bytes.h"
#include "host/config/keys.h"

#include <time.h>

int64_t desk_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool prefers_earliest(void *context, const char *origin)
{
    struct tally_key issuer;
    struct tally_bytes name;
    char text[TALLY_NAMESPACE_MAX + 1];
    if (!tally_origin_read(bytes_text(origin), &issuer, &name) || name.size >= sizeof text)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return policy_prefers_earliest(context, text);
}

bool desk_read(struct desk *desk, const struct tally_hash *origin)
{
    struct call *call = desk->shelf.call;
    struct book book;
    book_list_free(&desk->list);
    enum tally_error error = book_open(&book, desk->shelf.data, false, &call->complaint);
    if (error == TALLY_OK) {
        error =
            book_load(&book, origin, prefers_earliest, desk->policy, &desk->list, &call->complaint);
        book_close(&book);
    }
    if (error != TALLY_OK)
        desk->shelf.code = call_fail(call, desk->shelf.data);
    else if (desk->list.damaged > 0)
        (void)fprintf(stderr,
                      "tally: %zu files below %s/anchors cannot be read, and are left out\n",
                      desk->list.damaged, desk->shelf.data);
    return error == TALLY_OK;
}

bool desk_open(struct desk *desk, struct call *call, const char *log, struct shelf_log *found)
{
    desk->policy = NULL;
    desk->list = (struct book_list){0};
    if (!shelf_open(&desk->shelf, call) || (log != NULL && !shelf_find(&desk->shelf, log, found)))
        return false;
    enum tally_error error = policy_read(desk->shelf.data, &desk->policy, &call->complaint);
    if (error != TALLY_OK) {
        const struct complaint why = call->complaint;
        desk->shelf.code =
            error == TALLY_MALFORMED
                ? call_fail_with(call, EXIT_CONFIGURATION, error, "anchors.json", "%s", why.text)
                : call_fail(call, "anchors.json");
        return false;
    }
    return desk_read(desk, log != NULL ? &found->view.origin_hash : NULL);
}

void desk_close(struct desk *desk)
{
    book_list_free(&desk->list);
    policy_free(desk->policy);
    shelf_close(&desk->shelf);
}

struct book_record *desk_find(struct desk *desk, const char *id)
{
    struct call *call = desk->shelf.call;
    struct book_record *found = NULL;
    for (size_t i = 0; i < desk->list.count; i++) {
        if (strncmp(desk->list.records[i]->id, id, strlen(id)) != 0)
            continue;
        if (found != NULL) {
            desk->shelf.code =
                call_usage(call, "%.64s begins more than one anchor's id: give more of it", id);
            return NULL;
        }
        found = desk->list.records[i];
    }
    if (found == NULL)
        desk->shelf.code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, id,
                                          "there is no anchor %.64s here: tally anchor list shows "
                                          "those there are",
                                          id);
    return found;
}

const struct book_record *desk_known(const struct desk *desk, const char *id)
{
    for (size_t i = 0; i < desk->list.count; i++)
        if (strcmp(desk->list.records[i]->id, id) == 0)
            return desk->list.records[i];
    return NULL;
}

bool desk_is_verified(const struct book_record *record)
{
    return record->anchor.state == TALLY_ANCHOR_VERIFIED ||
           record->anchor.state == TALLY_ANCHOR_ACTIVE ||
           record->anchor.state == TALLY_ANCHOR_SUPERSEDED;
}

bool desk_put(struct desk *desk, const struct book_record *record)
{
    struct call *call = desk->shelf.call;
    struct book book;
    enum tally_error error = book_open(&book, desk->shelf.data, true, &call->complaint);
    if (error == TALLY_OK) {
        error = book_put(&book, record, &call->complaint);
        book_close(&book);
    }
    if (error != TALLY_OK)
        desk->shelf.code = call_fail(call, desk->shelf.data);
    return error == TALLY_OK;
}

void desk_judge(struct desk *desk, struct book_record *record)
{
    const struct tally_crypto crypto = keys_verifier();
    struct judge_checkpoint checkpoint;
    judge_checkpoint(&desk->shelf.ledger, record->origin, record->size, &checkpoint);
    judge(desk->policy, &checkpoint, &crypto, desk_now_ms(), record);
}

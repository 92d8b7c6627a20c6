/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/crossing.h"

#include "core/base/bytes.h"
#include "core/federation/admission.h"
#include "core/federation/cross.h"
#include "core/node/node.h"

#include <stdlib.h>
#include <string.h>

bool crossing_new(struct crossing *crossing, struct tally_now now)
{
    *crossing = (struct crossing){.logs = calloc(CROSSING_LOGS, sizeof *crossing->logs),
                                  .next = {now.mono.ms + CROSSING_FIRST_MS}};
    return crossing->logs != NULL;
}

void crossing_free(struct crossing *crossing)
{
    free(crossing->logs);
}

struct tally_mono crossing_deadline(const struct crossing *crossing)
{
    return crossing->next;
}

/* What was anchored of a log, made if there was nothing; NULL: too many logs for a day. */
static struct crossing_log *find(struct crossing *crossing, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < crossing->count; i++)
        if (hash_equal(&crossing->logs[i].origin_hash, origin_hash))
            return &crossing->logs[i];
    unsigned at =
        crossing->count < CROSSING_LOGS ? crossing->count++ : crossing->turn++ % CROSSING_LOGS;
    crossing->logs[at] = (struct crossing_log){.origin_hash = *origin_hash};
    return &crossing->logs[at];
}

static bool may(const struct tally_node *node, const struct tally_log_view *view)
{
    const struct fold *fold = &node->federating.fold;
    struct admission_log log = admission_log(&view->issuer, view->name_space);
    log.origin_hash = &view->origin_hash;
    return !view->own && !fold_own(fold, &view->issuer) && !view->frozen && view->size > 0 &&
           strcmp(view->name_space, TALLY_STATEMENTS) != 0 &&
           admission(fold, &view->issuer, ADMISSION_CROSS) == TALLY_DROP_NONE &&
           admission_take(fold, &view->issuer, &log) == TALLY_DROP_NONE;
}

/* States one, if it has grown since it was stated last. False: nothing was written. */
static bool anchor(struct tally_node *node, struct tally_now now, const struct tally_log_view *view)
{
    uint8_t body[FED_BODY_MAX];
    struct crossing_log *known = find(&node->crossing, &view->origin_hash);
    size_t size = known->size < view->size ? cross_body(&node->options.ledger, view, body) : 0;
    if (size == 0 || !outbox_room(&node->outbox, 4, 2 * TALLY_ENVELOPE_MAX + FED_BODY_MAX) ||
        issuer_statement(&node->issuer, now, fed_type(FED_CROSS_ANCHOR), NULL, 0,
                         outbox_copy(&node->outbox, bytes_of(body, size)), 0,
                         &node->outbox) != TALLY_OK)
        return false;
    known->size = view->size;
    return true;
}

void crossing_tick(struct tally_node *node, struct tally_now now)
{
    struct crossing *crossing = &node->crossing;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    if (crossing->next.ms > now.mono.ms)
        return;
    while (crossing->spent < CROSSING_LOGS && ledger->log(ledger->context, crossing->at, &view)) {
        crossing->at++;
        if (!may(node, &view) || !anchor(node, now, &view))
            continue;
        crossing->spent++;
        crossing->stated++;
        crossing->next.ms = now.mono.ms + CROSSING_STEP_MS;
        return;
    }
    crossing->at = 0;
    crossing->spent = 0;
    crossing->next.ms = now.mono.ms + CROSSING_DAY_MS;
}

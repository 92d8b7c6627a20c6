/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/pruning.h"

#include "core/base/bytes.h"
#include "core/federation/bond.h"
#include "core/node/node.h"
#include "tally/log.h"

#define DAY_US (INT64_C(86400) * 1000000)

enum { LOGS_A_STEP = 64 }; /* Looked at without reading anything. */

void pruning_start(struct tally_node *node, struct tally_now now)
{
    node->pruning = (struct pruning){.at = {now.mono.ms + PRUNING_FIRST_MS}};
    calendar_start(&node->pruning.calendar, now);
}

struct tally_mono pruning_deadline(const struct tally_node *node)
{
    const struct pruning *pruning = &node->pruning;
    bool idle = pruning->ticket != 0 || node->federating.fold.agreements.count == 0;
    return idle ? TALLY_NEVER : pruning->at;
}

/* For how long bodies of that log are kept; 0: for ever, or it is not ours to prune. */
static uint32_t days_of(const struct tally_node *node, const struct tally_log_view *view)
{
    const struct fold *fold = &node->federating.fold;
    if (view->own || fold_own(fold, &view->issuer) || view->frozen ||
        strcmp(view->name_space, TALLY_STATEMENTS) == 0 ||
        discrepancy_suspends(fold->discrepancies, &view->issuer, &view->origin_hash))
        return 0; /* Ours; or evidence may be needed of it. */
    return agreements_retention_days(&fold->agreements, fold->revoked, &view->issuer,
                                     bytes_text(view->name_space));
}

/* When the newest receipt under the checkpoint was made, by its issuer's word; at the beginning of
   all times if it cannot be read, so that the log waits for a peer who knows what day it is. */
static struct tally_wall newest_of(struct tally_node *node, const struct tally_log_view *view)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t *bytes = node->scratch->sync->entries;
    struct tally_receipt receipt;
    size_t size = ledger->entry(ledger->context, &view->origin_hash, view->size - 1, bytes,
                                TALLY_ENVELOPE_MAX);
    if (size == 0 || tally_receipt_read(bytes_of(bytes, size), &receipt) != TALLY_DROP_NONE)
        return (struct tally_wall){0};
    return receipt.time;
}

/* How many receipts behind `from`, in its bundle, are older than that; *more: all of the bundle. */
static uint64_t count_old(struct tally_node *node, const struct tally_log_view *view, uint64_t from,
                          int64_t before_us, bool *more)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t *bytes = node->scratch->sync->entries;
    uint64_t block = from / TALLY_TILE_WIDTH, start = block * TALLY_TILE_WIDTH, count = 0;
    uint64_t left = view->size - start;
    unsigned width = left < TALLY_TILE_WIDTH ? (unsigned)left : TALLY_TILE_WIDTH;
    struct tally_bytes rest =
        bytes_of(bytes, ledger->entries(ledger->context, &view->origin_hash, block, width, bytes,
                                        TALLY_ENTRIES_MAX));
    size_t skip;
    *more = false;
    if (rest.size == 0 || !tally_entries_skip(rest, (unsigned)(from - start), &skip))
        return 0; /* It cannot be read: the rest waits. */
    for (; from + count < start + width; count++) {
        struct tally_receipt receipt;
        size_t size = 2 + (size_t)be16_read(bytes + skip);
        if (tally_receipt_read(bytes_of(bytes + skip + 2, size - 2), &receipt) != TALLY_DROP_NONE ||
            receipt.time.us > before_us)
            return count;
        skip += size;
    }
    *more = from + count < view->size;
    return count;
}

static void next_log(struct pruning *pruning)
{
    pruning->log++;
    pruning->reached = 0;
}

static void prune(struct tally_node *node, const struct tally_log_view *view)
{
    struct pruning *pruning = &node->pruning;
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_PRUNE);
    action->prune.ticket = pruning->ticket = ++pruning->tickets;
    action->prune.origin_hash = view->origin_hash;
    action->prune.to = pruning->reached;
}

/* Looks at one log; true if that cost a bundle, so that the next waits. */
static bool look(struct tally_node *node, struct tally_now now, const struct tally_log_view *view)
{
    struct pruning *pruning = &node->pruning;
    uint32_t days = days_of(node, view);
    bool more;
    if (pruning->reached < view->pruned)
        pruning->reached = view->pruned;
    if (days == 0 || pruning->reached >= view->size) {
        next_log(pruning);
        return false;
    }
    struct tally_wall today = calendar_latest(&pruning->calendar, now, newest_of(node, view));
    pruning->reached +=
        count_old(node, view, pruning->reached, today.us - (int64_t)days * DAY_US, &more);
    if (more)
        return true;
    if (pruning->reached > view->pruned)
        prune(node, view);
    else
        next_log(pruning);
    return true;
}

static void look_at_clocks(struct tally_node *node, struct tally_now now)
{
    size_t agreeing;
    size_t known = peers_clocks(&node->datagrams.peers, INT64_C(1000) * TALLY_DRIFT_MS, &agreeing);
    calendar_look(&node->pruning.calendar, now, known, agreeing);
}

void pruning_tick(struct tally_node *node, struct tally_now now)
{
    struct pruning *pruning = &node->pruning;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    if (pruning_deadline(node).ms > now.mono.ms || !outbox_room(&node->outbox, 1, 0))
        return;
    look_at_clocks(node, now);
    if (pruning->calendar.disputed) {
        pruning->at.ms = now.mono.ms + PRUNING_WAIT_MS;
        return;
    }
    pruning->at.ms = now.mono.ms + PRUNING_STEP_MS;
    for (unsigned i = 0; i < LOGS_A_STEP; i++) {
        if (!ledger->log(ledger->context, pruning->log, &view)) {
            pruning->log = 0;
            pruning->reached = 0;
            pruning->at.ms = now.mono.ms + PRUNING_EVERY_MS;
            return;
        }
        if (look(node, now, &view))
            return;
    }
}

void pruning_on_pruned(struct tally_node *node, struct tally_now now,
                       const struct tally_event *event)
{
    struct pruning *pruning = &node->pruning;
    if (event->pruned.ticket != pruning->ticket)
        return;
    pruning->ticket = 0;
    pruning->at.ms = now.mono.ms + PRUNING_STEP_MS;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    if (event->pruned.error == TALLY_OK && ledger->log(ledger->context, pruning->log, &view))
        node_trace(node, now,
                   &(struct tally_trace){
                       .kind = TALLY_TRACE_PRUNED, .origin = view.origin, .a = view.pruned});
    next_log(pruning); /* What failed is tried again with the next round. */
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/comparing.h"

#include "core/base/bytes.h"
#include "core/federation/grounds.h"
#include "core/federation/schemas.h"
#include "core/node/node.h"

#include <string.h>

void comparing_start(struct comparing *comparing, struct tally_now now)
{
    *comparing = (struct comparing){.under_way = true, .next = now.mono};
}

struct tally_mono comparing_deadline(const struct comparing *comparing)
{
    return comparing->under_way ? comparing->next : TALLY_NEVER;
}

/* The two statements, as they lie in the two logs, are the evidence: each is signed. */
static void differ(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
                   uint64_t index, struct tally_bytes theirs, const struct schema *ours)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t mine[TALLY_ENVELOPE_MAX], bytes[GROUNDS_MAX];
    size_t size = ledger->entry(ledger->context, &node->federating.origin_hash, ours->index, mine,
                                sizeof mine);
    const struct grounds grounds = {.type = TALLY_DISCREPANCY_SCHEMA_INCOMPATIBLE,
                                    .party = view->issuer,
                                    .time = now.wall,
                                    .receipt = theirs,
                                    .ours = bytes_of(mine, size)};
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &view->issuer,
        .log = &view->origin_hash,
        .has_divergence = true,
        .divergence = index,
        .checked = 1,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = "a schema of one name and version has another hash here",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

static void look(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
                 uint64_t index)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    struct tally_receipt receipt;
    struct fed_statement said;
    const struct schema *ours;
    size_t size =
        ledger->entry(ledger->context, &view->origin_hash, index, envelope, sizeof envelope);
    size_t body_size = 0;
    if (size == 0 || tally_receipt_read(bytes_of(envelope, size), &receipt) != TALLY_DROP_NONE ||
        fed_kind_of(receipt.type) != FED_SCHEMA || receipt.body_size > sizeof body ||
        !ledger->body(ledger->context, &view->origin_hash, index, 0, body, sizeof body,
                      &body_size) ||
        fed_read(receipt.type, bytes_of(body, body_size), &said) != TALLY_DROP_NONE)
        return;
    if (schema_compare(node->federating.fold.schemas, &said.schema, &ours) == SCHEMA_DIFFERS)
        differ(node, now, view, index, bytes_of(envelope, size), ours);
}

static bool is_read(const struct tally_node *node, const struct tally_log_view *view)
{
    const struct fold *fold = &node->federating.fold;
    return !view->own && !fold_own(fold, &view->issuer) &&
           strcmp(view->name_space, TALLY_STATEMENTS) == 0 &&
           admission(fold, &view->issuer, ADMISSION_STATE) == TALLY_DROP_NONE;
}

void comparing_head(struct tally_node *node, struct tally_now now,
                    const struct tally_log_view *view, uint64_t count)
{
    if (node->federating.fold.schemas->count == 0 || !is_read(node, view))
        return;
    if (count > COMPARING_STATEMENTS || count > view->size) {
        comparing_start(&node->comparing, now);
        return;
    }
    for (uint64_t index = view->size - count; index < view->size; index++)
        look(node, now, view, index);
}

void comparing_tick(struct tally_node *node, struct tally_now now)
{
    struct comparing *comparing = &node->comparing;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    if (comparing_deadline(comparing).ms > now.mono.ms)
        return;
    comparing->next.ms = now.mono.ms + COMPARING_STEP_MS;
    comparing->under_way = node->federating.fold.schemas->count > 0;
    for (unsigned most = COMPARING_STATEMENTS; comparing->under_way && most > 0;) {
        comparing->under_way = ledger->log(ledger->context, comparing->log, &view);
        if (!comparing->under_way)
            return;
        if (!is_read(node, &view) || comparing->index >= view.size) {
            comparing->log++;
            comparing->index = 0;
            continue;
        }
        look(node, now, &view, comparing->index++);
        most--;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/comparing.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/federation/grounds.h"
#include "core/federation/schemas.h"
#include "core/node/node.h"

#include <stdlib.h>
#include <string.h>

bool comparing_new(struct comparing *comparing)
{
    *comparing = (struct comparing){.names = calloc(COMPARING_NAMES, sizeof *comparing->names)};
    return comparing->names != NULL;
}

void comparing_free(struct comparing *comparing)
{
    free(comparing->names);
}

void comparing_start(struct comparing *comparing, struct tally_now now)
{
    *comparing = (struct comparing){.under_way = true, .names = comparing->names, .next = now.mono};
}

struct tally_mono comparing_deadline(const struct comparing *comparing)
{
    return comparing->under_way ? comparing->next : TALLY_NEVER;
}

/* The two statements, as they lie in the two logs, are the evidence: each is signed. */
static void differ(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
                   uint64_t index, struct tally_bytes theirs, const struct tally_hash *theirs_hash,
                   const struct schema *ours)
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
        .claimed_root = theirs_hash,
        .computed_root = &ours->hash,
        .has_divergence = true,
        .divergence = index,
        .checked = 1,
        .automatic = true,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = "a schema of one name and version has another hash here",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

/* Reads one statement; how its schema stands to ours. UNKNOWN: it is none, or we have none. */
static enum schema_relation read_schema(const struct tally_node *node,
                                        const struct tally_log_view *view, uint64_t index,
                                        uint8_t envelope[TALLY_ENVELOPE_MAX], size_t *size,
                                        uint8_t body[FED_BODY_MAX], struct fed_statement *said,
                                        const struct schema **ours)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_receipt receipt;
    size_t body_size = 0;
    *size = ledger->entry(ledger->context, &view->origin_hash, index, envelope, TALLY_ENVELOPE_MAX);
    if (*size == 0 || tally_receipt_read(bytes_of(envelope, *size), &receipt) != TALLY_DROP_NONE ||
        fed_kind_of(receipt.type) != FED_SCHEMA || receipt.body_size > FED_BODY_MAX ||
        !ledger->body(ledger->context, &view->origin_hash, index, 0, body, FED_BODY_MAX,
                      &body_size) ||
        fed_read(receipt.type, bytes_of(body, body_size), said) != TALLY_DROP_NONE)
        return SCHEMA_UNKNOWN;
    return schema_compare(node->federating.fold.schemas, &said->schema, ours);
}

static struct tally_hash name_of(const struct tally_fed_schema *schema)
{
    struct tally_hash hash;
    hash_sha256_two(schema->has_name_space ? schema->name_space : bytes_text("*"), schema->name,
                    &hash);
    return hash;
}

/* A name is at odds by its last version of which we have a schema too. */
static void note(struct comparing *comparing, const struct tally_fed_schema *schema, bool differs,
                 uint64_t index)
{
    const struct tally_hash name = name_of(schema);
    unsigned i = 0;
    while (i < comparing->odds && !hash_equal(&comparing->names[i].name, &name))
        i++;
    if (i == COMPARING_NAMES) {
        comparing->many |= differs;
    } else if (differs) {
        comparing->odds += i == comparing->odds;
        comparing->names[i] = (struct comparing_name){name, index};
    } else if (i < comparing->odds) {
        comparing->names[i] = comparing->names[--comparing->odds];
    }
}

static enum schema_relation look(struct tally_node *node, struct tally_now now,
                                 const struct tally_log_view *view, uint64_t index)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    struct fed_statement said;
    const struct schema *ours;
    size_t size;
    enum schema_relation relation =
        read_schema(node, view, index, envelope, &size, body, &said, &ours);
    if (relation == SCHEMA_DIFFERS)
        differ(node, now, view, index, bytes_of(envelope, size), &said.schema.hash, ours);
    return relation;
}

/* The same on the way through a whole log: what is at odds is stated at its end. */
static void pass(struct tally_node *node, const struct tally_log_view *view, uint64_t index)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    struct fed_statement said;
    const struct schema *ours;
    size_t size;
    enum schema_relation relation =
        read_schema(node, view, index, envelope, &size, body, &said, &ours);
    if (relation != SCHEMA_UNKNOWN)
        note(&node->comparing, &said.schema, relation == SCHEMA_DIFFERS, index);
}

/* All of a log was read: what is at odds is stated, if it is not yet; what no longer is, is over.
 */
static void conclude(struct tally_node *node, struct tally_now now,
                     const struct tally_log_view *view)
{
    struct comparing *comparing = &node->comparing;
    const enum tally_discrepancy type = TALLY_DISCREPANCY_SCHEMA_INCOMPATIBLE;
    if (comparing->odds == 0 && !comparing->many)
        disputing_settle(node, now, type, &view->issuer, &view->origin_hash);
    else if (discrepancy_open(node->federating.fold.discrepancies, type, &view->issuer,
                              &view->origin_hash) == NULL)
        (void)look(node, now, view, comparing->names[0].at);
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
    bool more = false;
    if (node->federating.fold.schemas->count == 0 || !is_read(node, view))
        return;
    if (count > COMPARING_STATEMENTS || count > view->size) {
        comparing_start(&node->comparing, now);
        return;
    }
    for (uint64_t index = view->size - count; index < view->size; index++)
        more |= look(node, now, view, index) == SCHEMA_SAME;
    if (more && node->comparing.under_way)
        node->comparing.again = true; /* Whoever states for ever keeps nobody from an end. */
    else if (more)
        comparing_start(&node->comparing, now); /* Something may be over. */
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
        if (!comparing->under_way && comparing->again) {
            comparing_start(comparing, now);
            return;
        }
        if (!comparing->under_way)
            return;
        bool reads = is_read(node, &view);
        if (reads && comparing->index < view.size) {
            pass(node, &view, comparing->index++);
            most--;
            continue;
        }
        if (reads)
            conclude(node, now, &view);
        comparing->log++;
        comparing->index = 0;
        comparing->odds = 0;
        comparing->many = false;
    }
}

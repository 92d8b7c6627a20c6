/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/upholding.h"

#include "core/base/bytes.h"
#include "core/federation/grounds.h"
#include "core/federation/replay.h"
#include "core/log/lines.h"
#include "core/node/node.h"

#include <string.h>

/* ---- What is agreed. ---- */

/* A statement of an agreement, with its body; false if the disk does not give it back. */
static bool read_signed(const struct tally_node *node, const struct tally_key *signer,
                        uint64_t index, uint8_t envelope[TALLY_ENVELOPE_MAX], size_t *size,
                        uint8_t body[FED_BODY_MAX], size_t *body_size)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_hash origin_hash;
    replay_origin(signer, &origin_hash);
    *size = ledger->entry(ledger->context, &origin_hash, index, envelope, TALLY_ENVELOPE_MAX);
    return *size > 0 &&
           ledger->body(ledger->context, &origin_hash, index, 0, body, FED_BODY_MAX, body_size) &&
           *body_size <= FED_BODY_MAX;
}

void upholding_agreed(struct tally_node *node, struct tally_now now, const struct tally_key *party,
                      const struct bond *bond)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    const struct tally_key *self = &node->options.key;
    struct tally_receipt receipt;
    struct fed_statement said;
    size_t size, body_size;
    if (bond->state != TALLY_AGREEMENT_ACTIVE) {
        conduct_end(&node->conducts, party);
        return;
    }
    comparing_start(&node->comparing, now); /* What it states may be read from now on. */
    if (!read_signed(node, self, bond->signature->index, envelope, &size, body, &body_size) ||
        tally_receipt_read(bytes_of(envelope, size), &receipt) != TALLY_DROP_NONE ||
        fed_read(receipt.type, bytes_of(body, body_size), &said) != TALLY_DROP_NONE ||
        (said.kind != FED_ACCEPT && said.kind != FED_ESTABLISH))
        return; /* Our own disk: nobody is judged by terms that we cannot read. */
    (void)conduct_watch(&node->conducts, self, party, &bond->signature->agreement, bond->level,
                        &said.agreement.terms);
}

void upholding_told(struct tally_node *node, const struct tally_key *peer,
                    const struct heartbeat_news *news)
{
    for (size_t i = 0; node->conducts.count > 0 && i < news->log_count; i++)
        conduct_told(&node->conducts, peer, news->logs[i].hint, news->logs[i].size);
}

/* ---- Evidence. ---- */

static void write_line(struct lines *lines, const char *word, uint64_t number)
{
    lines_text(lines, word);
    lines_number(lines, number);
    lines_text(lines, "\n");
}

/* What was asked, when, and what came: our word. */
static size_t write_ours(const struct conduct *one, enum conduct_clause clause,
                         uint8_t bytes[GROUNDS_PART_MAX])
{
    const struct conduct_term *term = &one->terms[clause];
    struct lines lines;
    lines_init(&lines, bytes, GROUNDS_PART_MAX);
    lines_text(&lines, "clause ");
    lines_text(&lines, conduct_clause_name(clause));
    lines_text(&lines, "\nagreement ");
    lines_hash(&lines, &one->agreement);
    lines_text(&lines, "log ");
    lines_hash(&lines, &term->log);
    write_line(&lines, "size ", term->size);
    write_line(&lines, clause == CONDUCT_VERIFIES ? "status " : "held ", term->held);
    if (term->reason != TALLY_DROP_NONE) {
        lines_text(&lines, "refused ");
        lines_text(&lines, tally_drop_name(term->reason));
        lines_text(&lines, "\n");
    }
    write_line(&lines, "times ", term->signs);
    write_line(&lines, "first ", (uint64_t)term->first.us);
    write_line(&lines, "last ", (uint64_t)term->last.us);
    return lines_size(&lines);
}

/* What it signed: its statement under the agreement, and the terms that the receipt is over. */
static const struct signature *signed_by(const struct tally_node *node, const struct conduct *one)
{
    const struct agreements *agreements = &node->federating.fold.agreements;
    const struct agreement_pair *pair = agreements_find(agreements, &one->party);
    struct bond bond = {.signature = NULL};
    if (pair != NULL)
        agreement_bond(pair, agreements->clock, &bond);
    return bond.signature != NULL && hash_equal(&bond.signature->agreement, &one->agreement)
               ? bond.theirs
               : NULL;
}

/* ---- What follows. ---- */

/* Which log a case of that clause is about; NULL: the party. */
static const struct tally_hash *log_of(const struct conduct *one, enum conduct_clause clause,
                                       struct tally_hash *statements)
{
    switch (clause) {
    case CONDUCT_SHARES:
    case CONDUCT_SHOWS:
        return &one->terms[clause].log;
    case CONDUCT_VERIFIES:
        replay_origin(&one->party, statements);
        return statements;
    case CONDUCT_KEEPS:
    case CONDUCT_ASKS:
    case CONDUCT_CLAUSES:
        break;
    }
    return NULL;
}

static bool raise(struct tally_node *node, struct tally_now now, const struct conduct *one,
                  enum conduct_clause clause)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    uint8_t ours[GROUNDS_PART_MAX], bytes[GROUNDS_MAX];
    const struct signature *theirs = signed_by(node, one);
    struct tally_hash statements;
    size_t size = 0, body_size = 0;
    struct grounds grounds = {
        .type = TALLY_DISCREPANCY_TERM_VIOLATION, .party = one->party, .time = now.wall};
    if (theirs != NULL &&
        read_signed(node, &one->party, theirs->index, envelope, &size, body, &body_size)) {
        grounds.receipt = bytes_of(envelope, size);
        grounds.theirs = bytes_of(body, body_size);
    }
    grounds.ours = bytes_of(ours, write_ours(one, clause, ours));
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &one->party,
        .log = log_of(one, clause, &statements),
        .claimed_size = one->terms[clause].size,
        .automatic = clause != CONDUCT_KEEPS,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = conduct_clause_text(clause),
    };
    return discrepancy_open(node->federating.fold.discrepancies, dispute.type, dispute.party,
                            dispute.log) != NULL ||
           discrepancy_raise(node, now, &dispute);
}

/* The other way round, for a case that may be of an earlier life. */
static enum conduct_clause clause_of(const struct conduct *one, const struct discrepancy *about)
{
    struct tally_hash statements;
    replay_origin(&one->party, &statements);
    if (!about->has_log)
        return CONDUCT_ASKS;
    if (hash_equal(&about->log, &statements))
        return CONDUCT_VERIFIES;
    for (unsigned i = 0; i < one->scroll_count; i++)
        if (hash_equal(&about->log, &one->scrolls[i].theirs))
            return CONDUCT_SHARES;
    return CONDUCT_SHOWS;
}

/* It is kept: a case about that is over. */
static void settle(struct tally_node *node, struct tally_now now, const struct conduct *one,
                   enum conduct_clause clause)
{
    const struct discrepancies *all = node->federating.fold.discrepancies;
    for (size_t i = 0; i < all->count; i++) {
        const struct discrepancy *about = &all->list[i];
        if (about->type == TALLY_DISCREPANCY_TERM_VIOLATION &&
            key_equal(&about->party, &one->party) && clause_of(one, about) == clause)
            disputing_settle(node, now, about->type, &one->party,
                             about->has_log ? &about->log : NULL);
    }
}

static void look(struct tally_node *node, struct tally_now now, struct conduct *one)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    struct tally_receipt receipt;
    struct witness_debt debt;
    for (unsigned i = 0; one->looked && i < one->scroll_count; i++)
        if (witness_debt(&node->witness, now, &one->party, &one->scrolls[i].ours, &debt))
            conduct_owes(one, i, debt.owed, debt.good, debt.head, debt.status);
        else
            conduct_owes(one, i, false, 0, 0, 0);
    size_t size = one->pruned ? ledger->entry(ledger->context, &one->pruned_log, one->pruned_index,
                                              envelope, sizeof envelope)
                              : 0;
    if (size > 0 && tally_receipt_read(bytes_of(envelope, size), &receipt) == TALLY_DROP_NONE)
        conduct_judge_pruned(&node->conducts, one, now, receipt.time);
    conduct_look(&node->conducts, one, now);
    for (unsigned i = 0; i < CONDUCT_CLAUSES; i++) {
        struct conduct_term *term = &one->terms[i];
        enum conduct_clause clause = (enum conduct_clause)i;
        if (!term->news)
            continue;
        term->news = term->state == CONDUCT_BROKEN && !raise(node, now, one, clause);
        if (term->state == CONDUCT_KEPT)
            settle(node, now, one, clause);
    }
}

void upholding_settle(struct tally_node *node, struct tally_now now)
{
    struct conducts *conducts = &node->conducts;
    if (!conducts->fresh)
        return;
    conducts->fresh = false;
    for (size_t i = 0; i < conducts->count; i++)
        look(node, now, &conducts->list[i]);
}

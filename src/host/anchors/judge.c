/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/judge.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "core/log/tree.h"
#include "host/anchors/backend.h"
#include "host/anchors/headers_file.h"
#include "tally/log.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- The checkpoint ---- */

/* When the last receipt under it was made, as its issuer says. */
static int64_t sealed_at(const struct tally_ledger *ledger, const struct tally_hash *origin,
                         uint64_t size)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    struct tally_receipt receipt;
    size_t got = ledger->entry(ledger->context, origin, size - 1, envelope, sizeof envelope);
    if (got == 0 || tally_receipt_read(bytes_of(envelope, got), &receipt) != TALLY_DROP_NONE)
        return INT64_MIN;
    return receipt.time.us / 1000;
}

/* The note with the log's own line and no other: cosignatures come and go. */
static void keep_note(const struct tally_ledger *ledger, const char *origin,
                      const struct tally_hash *origin_hash, struct judge_checkpoint *checkpoint)
{
    static uint8_t bytes[TALLY_NOTE_MAX];
    struct tally_vkey key;
    struct tally_note note;
    size_t size = ledger->checkpoint(ledger->context, origin_hash, bytes, sizeof bytes);
    if (!tally_vkey_of_origin(&key, bytes_text(origin)) ||
        tally_note_read(bytes_of(bytes, size), &note) != TALLY_DROP_NONE)
        return;
    for (size_t i = 0; i < note.count; i++) {
        const struct tally_note_line *line = &note.lines[i];
        if (!bytes_equal(line->name, bytes_text(origin)) ||
            memcmp(line->id, key.id, sizeof key.id) != 0 ||
            note.text.size + 1 + line->line.size >= sizeof checkpoint->note_text)
            continue;
        char *text = checkpoint->note_text;
        memcpy(text, note.text.data, note.text.size);
        text[note.text.size] = '\n';
        memcpy(text + note.text.size + 1, line->line.data, line->line.size);
        text[note.text.size + 1 + line->line.size] = '\0';
        hash_sha256(bytes_text(text), &checkpoint->note);
        checkpoint->has_note = true;
        return;
    }
}

void judge_checkpoint(const struct tally_ledger *ledger, const char *origin, uint64_t size,
                      struct judge_checkpoint *checkpoint)
{
    struct tally_hash hash, newest;
    struct tally_log_view view;
    *checkpoint = (struct judge_checkpoint){.sealed_ms = INT64_MIN};
    tally_origin_hash(bytes_text(origin), &hash);
    const struct tree tree = {ledger, &hash};
    if (!ledger->find(ledger->context, &hash, &view) || size == 0 || size > view.size ||
        !tree_root(&tree, view.size, &newest) || !hash_equal(&newest, &view.root) ||
        !tree_root(&tree, size, &checkpoint->root))
        return;
    checkpoint->held = true;
    checkpoint->sealed_ms = sealed_at(ledger, &hash, size);
    if (size == view.size)
        keep_note(ledger, origin, &hash, checkpoint);
}

/* ---- Tokens ---- */

/* 12.1: the two imprints that are ours. A note that was stamped must be a signed checkpoint of this
   very root. */
static void imprints(const struct judge_checkpoint *checkpoint, const struct book_record *record,
                     struct token_question *question)
{
    hash_sha256(bytes_of(checkpoint->root.bytes, 32), &question->imprints[0]);
    question->imprint_count = 1;
    if (record->note != NULL)
        hash_sha256(bytes_text(record->note), &question->imprints[1]);
    else if (checkpoint->has_note)
        question->imprints[1] = checkpoint->note;
    else
        return;
    question->imprint_count = 2;
}

static void keep_name(const struct token_answer *answer, struct book_record *record)
{
    struct tally_anchor *anchor = &record->anchor;
    char hex[65];
    anchor->kind = TALLY_ANCHOR_RFC3161;
    hex_write(bytes_of(answer->signer.bytes, 32), hex);
    (void)snprintf(anchor->chain, sizeof anchor->chain, "rfc3161:%s", hex);
    hex_write(bytes_of(answer->identity.bytes, 32), anchor->transaction);
    book_name(record);
}

static void ask_reader(const struct policy_authority *authority,
                       const struct judge_checkpoint *checkpoint, int64_t now_ms,
                       const struct book_record *record, struct token_answer *answer)
{
    struct token_question question = {0};
    if (authority != NULL)
        question = authority->terms;
    question.now_ms = now_ms;
    /* Rule 11: its signer was valid when we got it, which is evidence of our own. */
    question.held_since_ms = record->received_ms;
    question.nonce = record->nonce;
    imprints(checkpoint, record, &question);
    token_judge(&question, authority != NULL ? authority->roots : bytes_of(NULL, 0),
                authority != NULL ? authority->crl : bytes_of(NULL, 0),
                bytes_of(record->proof, record->proof_size), answer);
}

/* The reason that tells most: of the authority whose root signed, not of those who did not. */
static bool tells_more(enum tally_anchor_reason now, enum tally_anchor_reason before)
{
    return now == TALLY_ANCHOR_IS_VERIFIED || before == TALLY_ANCHOR_IS_NO_BACKEND ||
           (before == TALLY_ANCHOR_IS_UNTRUSTED && now != TALLY_ANCHOR_IS_UNTRUSTED);
}

static void judge_token(const struct policy *policy, const struct judge_checkpoint *checkpoint,
                        int64_t now_ms, struct book_record *record,
                        struct tally_anchor_finding *finding)
{
    struct token_answer best, one;
    const char *who = "";
    ask_reader(NULL, checkpoint, now_ms, record, &best); /* What it is, whoever signed it. */
    for (size_t i = 0; i < policy->authority_count; i++) {
        const struct policy_authority *authority = &policy->authorities[i];
        if (best.reason == TALLY_ANCHOR_IS_VERIFIED || !best.known ||
            (record->authority[0] != '\0' && strcmp(record->authority, authority->name) != 0))
            continue;
        ask_reader(authority, checkpoint, now_ms, record, &one);
        if (tells_more(one.reason, best.reason)) {
            best = one;
            who = authority->name;
        }
    }
    (void)snprintf(record->backend, sizeof record->backend, "%s%s%s", who,
                   who[0] != '\0' ? ": " : "", tally_anchor_reason_text(best.reason));
    if (best.known && record->id[0] == '\0')
        keep_name(&best, record);
    *finding = (struct tally_anchor_finding){.reason = best.reason};
    if (best.reason != TALLY_ANCHOR_IS_VERIFIED)
        return;
    (void)snprintf(record->authority, sizeof record->authority, "%s", who);
    if (best.imprint == 1 && record->note == NULL)
        record->note = strdup(checkpoint->note_text);
    finding->time_ms = best.time_ms;
    finding->uncertainty_ms = best.accuracy_ms;
}

/* A stamped note proves nothing unless the log signed it, for this size and root. */
static bool note_good(const struct judge_checkpoint *checkpoint, const struct book_record *record,
                      const struct tally_crypto *crypto)
{
    struct tally_checkpoint stamped;
    return record->note == NULL ||
           (tally_checkpoint_open(bytes_text(record->note), NULL, crypto, &stamped) ==
                TALLY_DROP_NONE &&
            bytes_equal(stamped.origin, bytes_text(record->origin)) &&
            stamped.size == record->size && hash_equal(&stamped.root, &checkpoint->root));
}

/* ---- All kinds ---- */

static void judge_chain(const struct policy *policy, int64_t now_ms, struct book_record *record,
                        struct tally_anchor_finding *finding)
{
    struct backend_result result;
    struct backend_question question = {.chain = record->anchor.chain,
                                        .transaction = record->anchor.transaction,
                                        .root = record->root,
                                        .proof = bytes_of(record->proof, record->proof_size),
                                        .block = record->anchor.block,
                                        .now_ms = now_ms};
    const struct policy_chain *chain = policy_chain(policy, record->anchor.chain);
    struct complaint complaint = {.text = ""};
    struct headers_file kept = {.read = 0};
    /* Without memory, or a disk that takes no more: then they are asked for again. */
    if (chain != NULL && chain->kind == TALLY_ANCHOR_BTC &&
        headers_file_begin(&kept, policy->data, chain->chain, now_ms / 1000))
        question.kept = &kept.headers;
    backend_judge(chain, &question, &result);
    if (question.kept != NULL)
        (void)headers_file_save(&kept, now_ms / 1000, &complaint);
    headers_file_end(&kept);
    *finding = result.finding;
    record->alarm = result.alarm;
    (void)snprintf(record->backend, sizeof record->backend, "%s", result.asked);
}

void judge(const struct policy *policy, const struct judge_checkpoint *checkpoint,
           const struct tally_crypto *crypto, int64_t now_ms, struct book_record *record)
{
    struct tally_anchor_finding finding = {.reason = TALLY_ANCHOR_IS_NO_CHECKPOINT};
    const enum tally_anchor_state before = record->anchor.state;
    const bool was_verified = before == TALLY_ANCHOR_VERIFIED || before == TALLY_ANCHOR_ACTIVE ||
                              before == TALLY_ANCHOR_SUPERSEDED;
    record->checked_ms = now_ms;
    record->backend[0] = '\0';
    record->alarm = false;
    if (checkpoint->held) {
        finding.reason = TALLY_ANCHOR_IS_ROOT;
        if (hash_equal(&checkpoint->root, &record->root) && note_good(checkpoint, record, crypto)) {
            if (record->anchor.kind == TALLY_ANCHOR_RFC3161)
                judge_token(policy, checkpoint, now_ms, record, &finding);
            else
                judge_chain(policy, now_ms, record, &finding);
        }
    }
    if (finding.reason == TALLY_ANCHOR_IS_VERIFIED)
        finding.reason = tally_anchor_time_check(record->anchor.kind, finding.time_ms,
                                                 checkpoint->sealed_ms, now_ms);
    tally_anchor_judge(&record->anchor, &finding);
    if (finding.reason == TALLY_ANCHOR_IS_VERIFIED && !was_verified)
        record->verified_ms = now_ms;
}

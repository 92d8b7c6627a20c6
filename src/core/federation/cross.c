/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/cross.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/federation/words.h"
#include "core/log/lines.h"

#define CROSS_BEGIN "tally cross 1\n"

_Static_assert((int)CROSS_BODY_MAX == (int)FED_BODY_MAX, "a statement's body");

const char *cross_text(enum cross_verdict verdict)
{
    switch (verdict) {
#define X(name, text)                                                                              \
    case CROSS_##name:                                                                             \
        return text;
        CROSS_VERDICTS(X)
#undef X
    }
    return "unknown";
}

size_t cross_body(const struct tally_ledger *ledger, const struct tally_log_view *view,
                  uint8_t body[CROSS_BODY_MAX])
{
    uint8_t note[TALLY_FED_CROSS_ANCHOR_NOTE_MAX];
    size_t size = ledger->checkpoint(ledger->context, &view->origin_hash, note, sizeof note);
    struct fed_statement said = {.kind = FED_CROSS_ANCHOR};
    said.cross_anchor.party = view->issuer;
    said.cross_anchor.size = view->size;
    said.cross_anchor.root = view->root;
    said.cross_anchor.note = bytes_of(note, size);
    return view->own || size == 0 ? 0 : fed_write(&said, body);
}

/* ---- Form. ---- */

static void put(struct lines *lines, const char *word, struct tally_bytes bytes, bool encoded)
{
    lines_text(lines, word);
    lines_number(lines, bytes.size);
    lines_text(lines, "\n");
    if (!encoded) {
        lines_bytes(lines, bytes);
        return;
    }
    lines_base64(lines, bytes);
    lines_text(lines, "\n");
}

size_t cross_write(const struct cross *cross, uint8_t bytes[CROSS_MAX])
{
    struct lines lines;
    if (cross->proof.size > CROSS_PROOF_MAX || cross->anchor_proof.size > CROSS_PROOF_MAX)
        return 0;
    lines_init(&lines, bytes, CROSS_MAX);
    lines_text(&lines, CROSS_BEGIN);
    put(&lines, "receipt ", cross->receipt, true);
    put(&lines, "proof ", cross->proof, false);
    put(&lines, "anchor ", cross->anchor, true);
    put(&lines, "body ", cross->body, true);
    put(&lines, "proof ", cross->anchor_proof, false);
    return lines_size(&lines);
}

static bool take_size(struct tally_bytes *rest, const char *word, size_t most, uint64_t *size)
{
    struct tally_bytes line;
    return lines_take_text(rest, word) && lines_take(rest, &line) &&
           lines_read_number(line, size) && *size > 0 && *size <= most;
}

static bool take_base64(struct tally_bytes *rest, const char *word, size_t most, uint8_t *room,
                        struct tally_bytes *bytes)
{
    struct tally_bytes line;
    uint64_t size;
    size_t count;
    if (!take_size(rest, word, most, &size) || !lines_take(rest, &line) ||
        !base64_read((const char *)line.data, line.size, room, most, &count) || count != size)
        return false;
    *bytes = bytes_of(room, count);
    return true;
}

static bool take_proof(struct tally_bytes *rest, struct tally_bytes *bytes)
{
    uint64_t size;
    return take_size(rest, "proof ", CROSS_PROOF_MAX, &size) && lines_take_bytes(rest, size, bytes);
}

bool cross_read(struct tally_bytes bytes, struct cross_result *result, struct cross *cross)
{
    struct tally_bytes rest = bytes;
    return bytes.size <= CROSS_MAX && lines_take_text(&rest, CROSS_BEGIN) &&
           take_base64(&rest, "receipt ", TALLY_ENVELOPE_MAX, result->room[0], &cross->receipt) &&
           take_proof(&rest, &cross->proof) &&
           take_base64(&rest, "anchor ", TALLY_ENVELOPE_MAX, result->room[1], &cross->anchor) &&
           take_base64(&rest, "body ", CROSS_BODY_MAX, result->room[2], &cross->body) &&
           take_proof(&rest, &cross->anchor_proof) && rest.size == 0;
}

/* ---- Meaning. ---- */

/* One receipt under one checkpoint, which names the receipt's log. */
static bool proved(struct tally_bytes bytes, struct tally_bytes envelope,
                   const struct tally_crypto *crypto, struct tally_proof *proof,
                   struct tally_checkpoint *checkpoint)
{
    struct tally_hash leaf;
    tally_receipt_leaf(envelope, &leaf);
    return tally_proof_check(bytes, &leaf, NULL, 0, crypto, proof, checkpoint, NULL) ==
           TALLY_PROOF_GOOD;
}

static bool in_place(const struct tally_receipt *receipt, const struct tally_proof *proof,
                     const struct tally_checkpoint *checkpoint)
{
    struct tally_key issuer;
    struct tally_bytes name_space;
    return receipt->sequence == proof->index &&
           tally_origin_read(checkpoint->origin, &issuer, &name_space) &&
           key_equal(&issuer, &receipt->issuer) && bytes_equal(name_space, receipt->name_space);
}

/* Whether the statement is one that anchors this checkpoint: its text, as it was signed. */
static enum cross_verdict check_anchor(const struct cross *cross, const struct cross_result *result,
                                       const struct tally_proof *proof)
{
    struct fed_statement said;
    struct tally_note anchored, shown;
    if (!bytes_equal(result->anchor.type, bytes_text(fed_type(FED_CROSS_ANCHOR))) ||
        !bytes_equal(result->anchor.name_space, bytes_text(TALLY_STATEMENTS)) ||
        tally_receipt_body(&result->anchor, cross->body) != TALLY_DROP_NONE ||
        fed_read(result->anchor.type, cross->body, &said) != TALLY_DROP_NONE)
        return CROSS_BODY;
    const struct tally_fed_cross_anchor *anchor = &said.cross_anchor;
    if (tally_note_read(anchor->note, &anchored) != TALLY_DROP_NONE ||
        tally_note_read(proof->note, &shown) != TALLY_DROP_NONE ||
        !bytes_equal(anchored.text, shown.text) ||
        !key_equal(&anchor->party, &result->receipt.issuer) ||
        anchor->size != result->checkpoint.size ||
        !hash_equal(&anchor->root, &result->checkpoint.root))
        return CROSS_OTHER;
    return key_equal(&anchor->party, &result->anchor.issuer) ? CROSS_ALONE : CROSS_GOOD;
}

enum cross_verdict cross_check(struct tally_bytes bytes, const struct tally_crypto *crypto,
                               struct cross_result *result)
{
    struct cross cross;
    struct tally_proof proof;
    if (!cross_read(bytes, result, &cross))
        return CROSS_FORM;
    if (tally_receipt_verify(cross.receipt, crypto) != TALLY_DROP_NONE ||
        tally_receipt_read(cross.receipt, &result->receipt) != TALLY_DROP_NONE)
        return CROSS_RECEIPT;
    if (!proved(cross.proof, cross.receipt, crypto, &proof, &result->checkpoint))
        return CROSS_PROOF;
    if (tally_receipt_verify(cross.anchor, crypto) != TALLY_DROP_NONE ||
        tally_receipt_read(cross.anchor, &result->anchor) != TALLY_DROP_NONE)
        return CROSS_ANCHOR;
    enum cross_verdict verdict = check_anchor(&cross, result, &proof);
    if (verdict != CROSS_GOOD)
        return verdict;
    if (!proved(cross.anchor_proof, cross.anchor, crypto, &result->proof,
                &result->anchor_checkpoint))
        return CROSS_ANCHOR_PROOF;
    if (!in_place(&result->receipt, &proof, &result->checkpoint) ||
        !in_place(&result->anchor, &result->proof, &result->anchor_checkpoint))
        return CROSS_PLACE;
    tally_receipt_hash(cross.receipt, &result->receipt_hash);
    tally_receipt_hash(cross.anchor, &result->anchor_hash);
    return CROSS_GOOD;
}

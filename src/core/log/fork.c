/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence is a text file: a header line, a line that says what follows, and the contradicting
 * objects as they were signed.
 *
 *     tally fork 1
 *     notes <size of one> <size of other>         two checkpoints of one size
 *     prefix <size of one> <size of other>        two of two sizes, smaller first
 *     receipts                                    two envelopes
 *
 * After `notes` the two notes; after `prefix` the root that the larger tree has at the smaller
 * size, in base64, the hashes of the consistency proof, an empty line and the two notes; after
 * `receipts` the two envelopes in base64, a line each.
 */
#include "core/log/fork.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/lines.h"
#include "tally/log.h"

#include <assert.h>

#define FORK_BEGIN "tally fork 1\n"

/* One side of the contradiction: a checkpoint and the note with the log's signature alone. */
struct side {
    struct tally_checkpoint checkpoint;
    struct tally_bytes note;
    uint8_t bytes[TALLY_CHECKPOINT_MAX];
};

/* The note's text with nothing but the line of that key; false if that does not fit. */
static bool reduce(struct side *side, struct tally_bytes bytes, const struct tally_vkey *vkey)
{
    struct tally_note note;
    if (tally_note_read(bytes, &note) != TALLY_DROP_NONE)
        return false;
    struct lines lines;
    lines_init(&lines, side->bytes, sizeof side->bytes);
    lines_bytes(&lines, note.text);
    lines_text(&lines, "\n");
    for (size_t i = 0; i < note.count; i++) {
        const struct tally_note_line *line = &note.lines[i];
        if (memcmp(line->id, vkey->id, sizeof vkey->id) != 0 ||
            !bytes_equal(line->name, bytes_text(vkey->name)))
            continue;
        lines_bytes(&lines, line->line);
        break;
    }
    side->note = bytes_of(side->bytes, lines_size(&lines));
    return side->note.size > 0;
}

/* Verifies one note with the key, or the one its origin implies, which is then in *own. */
static enum tally_drop side_open(struct side *side, struct tally_bytes bytes,
                                 const struct tally_vkey **vkey, struct tally_vkey *own,
                                 const struct tally_crypto *crypto)
{
    enum tally_drop drop = tally_checkpoint_open(bytes, *vkey, crypto, &side->checkpoint);
    side->note = bytes;
    if (drop == TALLY_DROP_NONE && !*vkey) {
        bool implied = tally_vkey_of_origin(own, side->checkpoint.origin);
        assert(implied); /* It was verified with that key. */
        (void)implied;
        *vkey = own;
    }
    return drop;
}

static bool contradict(const struct side *small, const struct side *large,
                       const struct tally_hash *prefix, const struct tally_hash *proof,
                       size_t count)
{
    const struct tally_checkpoint *a = &small->checkpoint, *b = &large->checkpoint;
    if (!prefix)
        return a->size == b->size && !hash_equal(&a->root, &b->root);
    /* The proof shows what the larger tree began with; the smaller note says otherwise. */
    return a->size > 0 && a->size < b->size && !hash_equal(&a->root, prefix) &&
           tally_consistency_holds(a->size, b->size, proof, count, prefix, &b->root);
}

/* Whether `one` is to stand first: one order, so that the evidence has one form. */
static bool in_order(const struct side *one, const struct side *other)
{
    const struct tally_checkpoint *a = &one->checkpoint, *b = &other->checkpoint;
    if (a->size != b->size)
        return a->size < b->size;
    return memcmp(a->root.bytes, b->root.bytes, sizeof a->root.bytes) < 0;
}

size_t tally_fork_write(struct tally_bytes one, struct tally_bytes other,
                        const struct tally_hash *prefix, const struct tally_hash *proof,
                        size_t count, const struct tally_vkey *vkey,
                        const struct tally_crypto *crypto, uint8_t bytes[TALLY_FORK_MAX])
{
    struct side sides[2];
    struct tally_vkey own;
    if (side_open(&sides[0], one, &vkey, &own, crypto) != TALLY_DROP_NONE ||
        side_open(&sides[1], other, &vkey, &own, crypto) != TALLY_DROP_NONE ||
        !reduce(&sides[0], one, vkey) || !reduce(&sides[1], other, vkey))
        return 0;
    bool ordered = in_order(&sides[0], &sides[1]);
    const struct side *small = &sides[!ordered], *large = &sides[ordered];
    if (!contradict(small, large, prefix, proof, count))
        return 0;
    struct lines lines;
    lines_init(&lines, bytes, TALLY_FORK_MAX);
    lines_text(&lines, prefix ? FORK_BEGIN "prefix " : FORK_BEGIN "notes ");
    lines_number(&lines, small->note.size);
    lines_text(&lines, " ");
    lines_number(&lines, large->note.size);
    lines_text(&lines, "\n");
    if (prefix) {
        lines_hash(&lines, prefix);
        for (size_t i = 0; i < count; i++)
            lines_hash(&lines, &proof[i]);
        lines_text(&lines, "\n");
    }
    lines_bytes(&lines, small->note);
    lines_bytes(&lines, large->note);
    assert(!lines.failed);
    return lines_size(&lines);
}

/* Two envelopes of one place in one log, good and different. */
static enum tally_drop receipts_contradict(struct tally_bytes one, struct tally_bytes other,
                                           const struct tally_crypto *crypto,
                                           struct tally_receipt *receipt)
{
    struct tally_receipt second;
    enum tally_drop drop = tally_receipt_verify(one, crypto);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_verify(other, crypto);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_read(one, receipt);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_read(other, &second);
    if (drop != TALLY_DROP_NONE)
        return drop;
    bool same_place = key_equal(&receipt->issuer, &second.issuer) &&
                      bytes_equal(receipt->name_space, second.name_space) &&
                      receipt->sequence == second.sequence;
    return same_place && !bytes_equal(one, other) ? TALLY_DROP_NONE : TALLY_DROP_PROOF;
}

static bool bytes_before(struct tally_bytes a, struct tally_bytes b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order < 0 || (order == 0 && a.size < b.size);
}

size_t tally_fork_write_receipts(struct tally_bytes one, struct tally_bytes other,
                                 const struct tally_crypto *crypto, uint8_t bytes[TALLY_FORK_MAX])
{
    struct tally_receipt receipt;
    if (receipts_contradict(one, other, crypto, &receipt) != TALLY_DROP_NONE)
        return 0;
    bool ordered = bytes_before(one, other);
    struct lines lines;
    lines_init(&lines, bytes, TALLY_FORK_MAX);
    lines_text(&lines, FORK_BEGIN "receipts\n");
    lines_base64(&lines, ordered ? one : other);
    lines_text(&lines, "\n");
    lines_base64(&lines, ordered ? other : one);
    lines_text(&lines, "\n");
    assert(!lines.failed);
    return lines_size(&lines);
}

static bool take_envelope(struct tally_bytes *rest, uint8_t bytes[TALLY_ENVELOPE_MAX],
                          struct tally_bytes *envelope)
{
    struct tally_bytes line;
    size_t size;
    if (!lines_take(rest, &line) ||
        !base64_read((const char *)line.data, line.size, bytes, TALLY_ENVELOPE_MAX, &size))
        return false;
    *envelope = bytes_of(bytes, size);
    return true;
}

static void name_origin(struct tally_fork *fork, struct tally_bytes origin)
{
    memcpy(fork->origin, origin.data, origin.size);
    fork->origin[origin.size] = 0;
}

static enum tally_drop check_receipts(struct tally_bytes rest, const struct tally_crypto *crypto,
                                      struct tally_fork *fork)
{
    uint8_t bytes[2][TALLY_ENVELOPE_MAX];
    struct tally_bytes one, other;
    struct tally_receipt receipt;
    if (!take_envelope(&rest, bytes[0], &one) || !take_envelope(&rest, bytes[1], &other) ||
        rest.size > 0)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = receipts_contradict(one, other, crypto, &receipt);
    if (drop != TALLY_DROP_NONE)
        return drop;
    fork->kind = TALLY_FORK_RECEIPTS;
    fork->issuer = receipt.issuer;
    fork->size = receipt.sequence + 1;
    tally_origin_write(&receipt.issuer, receipt.name_space, fork->origin);
    return bytes_before(one, other) ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

static bool take_prefix(struct tally_bytes *rest, struct fork_notes *notes)
{
    struct tally_bytes line;
    if (!lines_take(rest, &line) || !lines_read_hash(line, &notes->prefix))
        return false;
    while (lines_take(rest, &line) && line.size > 0) {
        if (notes->count == TALLY_PROOF_MAX || !lines_read_hash(line, &notes->proof[notes->count]))
            return false;
        notes->count++;
    }
    return line.size == 0;
}

static bool take_notes(struct tally_bytes rest, struct fork_notes *notes)
{
    struct tally_bytes line, field;
    uint64_t one_size, other_size;
    notes->count = 0;
    notes->prefixed = lines_take_text(&rest, "prefix ");
    return (notes->prefixed || lines_take_text(&rest, "notes ")) && lines_take(&rest, &line) &&
           lines_take_until(&line, ' ', &field) && lines_read_number(field, &one_size) &&
           lines_read_number(line, &other_size) &&
           (!notes->prefixed || take_prefix(&rest, notes)) &&
           lines_take_bytes(&rest, one_size, &notes->one) &&
           lines_take_bytes(&rest, other_size, &notes->other) && rest.size == 0;
}

bool fork_read_notes(struct tally_bytes bytes, struct fork_notes *notes)
{
    struct tally_bytes rest = bytes;
    return bytes.size <= TALLY_FORK_MAX && lines_take_text(&rest, FORK_BEGIN) &&
           take_notes(rest, notes);
}

static enum tally_drop check_notes(const struct fork_notes *notes, const struct tally_vkey *vkey,
                                   const struct tally_crypto *crypto, struct tally_fork *fork)
{
    struct side sides[2];
    struct tally_vkey own;
    enum tally_drop drop = side_open(&sides[0], notes->one, &vkey, &own, crypto);
    if (drop == TALLY_DROP_NONE)
        drop = side_open(&sides[1], notes->other, &vkey, &own, crypto);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!in_order(&sides[0], &sides[1]) ||
        !contradict(&sides[0], &sides[1], notes->prefixed ? &notes->prefix : NULL, notes->proof,
                    notes->count))
        return TALLY_DROP_PROOF;
    fork->kind = notes->prefixed ? TALLY_FORK_PREFIX : TALLY_FORK_NOTES;
    fork->issuer = vkey->key;
    fork->size = sides[0].checkpoint.size;
    name_origin(fork, sides[0].checkpoint.origin);
    return TALLY_DROP_NONE;
}

enum tally_drop tally_fork_check(struct tally_bytes bytes, const struct tally_vkey *vkey,
                                 const struct tally_crypto *crypto, struct tally_fork *fork)
{
    struct tally_bytes rest = bytes;
    struct fork_notes notes;
    if (bytes.size > TALLY_FORK_MAX || !lines_take_text(&rest, FORK_BEGIN))
        return TALLY_DROP_MALFORMED;
    if (lines_take_text(&rest, "receipts\n"))
        return check_receipts(rest, crypto, fork);
    if (!take_notes(rest, &notes))
        return TALLY_DROP_MALFORMED;
    return check_notes(&notes, vkey, crypto, fork);
}

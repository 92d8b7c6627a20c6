/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/log/lines.h"
#include "tally/log.h"

#define PROOF_BEGIN "c2sp.org/tlog-proof@v1\n"

const char *tally_proof_text(enum tally_proof_verdict verdict)
{
    switch (verdict) {
#define X(name, text)                                                                              \
    case TALLY_PROOF_##name:                                                                       \
        return text;
        TALLY_PROOF_VERDICTS(X)
#undef X
    }
    return "unknown";
}

size_t tally_proof_write(const struct tally_proof *proof, uint8_t *bytes, size_t capacity)
{
    struct lines lines;
    lines_init(&lines, bytes, capacity);
    lines_text(&lines, PROOF_BEGIN "index ");
    lines_number(&lines, proof->index);
    lines_text(&lines, "\n");
    for (size_t i = 0; i < proof->count; i++)
        lines_hash(&lines, &proof->hashes[i]);
    lines_text(&lines, "\n");
    lines_bytes(&lines, proof->note);
    return lines_size(&lines);
}

enum tally_drop tally_proof_read(struct tally_bytes bytes, struct tally_proof *proof)
{
    struct tally_bytes rest = bytes, line;
    if (!lines_take_text(&rest, PROOF_BEGIN) || !lines_take(&rest, &line))
        return TALLY_DROP_MALFORMED;
    /* `extra` is not authenticated: skipped, whatever it says. */
    if (lines_take_text(&line, "extra ") && (line.size == 0 || !lines_take(&rest, &line)))
        return TALLY_DROP_MALFORMED;
    if (!lines_take_text(&line, "index ") || !lines_read_number(line, &proof->index))
        return TALLY_DROP_MALFORMED;
    proof->count = 0;
    while (lines_take(&rest, &line) && line.size > 0) {
        if (proof->count == TALLY_PROOF_MAX || !lines_read_hash(line, &proof->hashes[proof->count]))
            return TALLY_DROP_MALFORMED;
        proof->count++;
    }
    proof->note = rest;
    return rest.size > 0 && line.size == 0 ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

static enum tally_proof_verdict check_note(const struct tally_note *note,
                                           const struct tally_vkey *keys, size_t count,
                                           const struct tally_crypto *crypto,
                                           const struct tally_checkpoint *checkpoint,
                                           struct tally_mark *marks)
{
    struct tally_vkey own;
    struct tally_mark unwanted;
    if (!keys) {
        if (!tally_vkey_of_origin(&own, checkpoint->origin))
            return TALLY_PROOF_ORIGIN;
        keys = &own;
        count = 1;
        marks = &unwanted;
    }
    if (count == 0 || keys[0].type != TALLY_VKEY_LOG ||
        !bytes_equal(checkpoint->origin, bytes_text(keys[0].name)))
        return TALLY_PROOF_ORIGIN;
    /* Cosigners alone do not make a checkpoint: the log's own signature is asked for by itself. */
    struct tally_mark log;
    if (tally_note_verify(note, keys, count, crypto, marks) == TALLY_DROP_FORGED)
        return TALLY_PROOF_FORGED;
    return tally_note_verify(note, keys, 1, crypto, &log) == TALLY_DROP_NONE ? TALLY_PROOF_GOOD
                                                                             : TALLY_PROOF_UNSIGNED;
}

enum tally_proof_verdict tally_proof_check(struct tally_bytes bytes, const struct tally_hash *leaf,
                                           const struct tally_vkey *keys, size_t key_count,
                                           const struct tally_crypto *crypto,
                                           struct tally_proof *proof,
                                           struct tally_checkpoint *checkpoint,
                                           struct tally_mark *marks)
{
    struct tally_note note;
    if (tally_proof_read(bytes, proof) != TALLY_DROP_NONE)
        return TALLY_PROOF_FORM;
    if (tally_note_read(proof->note, &note) != TALLY_DROP_NONE)
        return TALLY_PROOF_NOTE;
    if (tally_checkpoint_read(note.text, checkpoint) != TALLY_DROP_NONE)
        return TALLY_PROOF_CHECKPOINT;
    enum tally_proof_verdict verdict =
        check_note(&note, keys, key_count, crypto, checkpoint, marks);
    if (verdict != TALLY_PROOF_GOOD)
        return verdict;
    if (proof->index >= checkpoint->size)
        return TALLY_PROOF_INDEX;
    return tally_inclusion_holds(proof->index, checkpoint->size, leaf, proof->hashes, proof->count,
                                 &checkpoint->root)
               ? TALLY_PROOF_GOOD
               : TALLY_PROOF_PATH;
}

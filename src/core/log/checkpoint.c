/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/log/lines.h"
#include "core/log/merkle.h"
#include "tally/note.h"

#include <assert.h>

enum tally_drop tally_checkpoint_read(struct tally_bytes text, struct tally_checkpoint *checkpoint)
{
    struct tally_bytes rest = text, size, root, line;
    if (!lines_take(&rest, &checkpoint->origin) || checkpoint->origin.size == 0 ||
        checkpoint->origin.size > TALLY_ORIGIN_MAX || !lines_take(&rest, &size) ||
        !lines_read_number(size, &checkpoint->size) || !lines_take(&rest, &root) ||
        !lines_read_hash(root, &checkpoint->root))
        return TALLY_DROP_MALFORMED;
    checkpoint->extensions = rest;
    while (lines_take(&rest, &line))
        if (line.size == 0)
            return TALLY_DROP_MALFORMED;
    return rest.size == 0 ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

size_t tally_checkpoint_write(const struct tally_checkpoint *checkpoint, uint8_t *text,
                              size_t capacity)
{
    struct lines lines;
    lines_init(&lines, text, capacity);
    lines_bytes(&lines, checkpoint->origin);
    lines_text(&lines, "\n");
    lines_number(&lines, checkpoint->size);
    lines_text(&lines, "\n");
    lines_hash(&lines, &checkpoint->root);
    lines_bytes(&lines, checkpoint->extensions);
    return lines_size(&lines);
}

size_t tally_checkpoint_join(const struct tally_checkpoint *checkpoint,
                             const struct tally_vkey *vkey, const struct tally_signature *signature,
                             uint8_t note[TALLY_CHECKPOINT_MAX])
{
    assert(vkey->type == TALLY_VKEY_LOG);
    assert(bytes_equal(checkpoint->origin, bytes_text(vkey->name)));
    assert(checkpoint->size <= MERKLE_SIZE_MAX);
    assert(checkpoint->extensions.size == 0);
    size_t size = tally_checkpoint_write(checkpoint, note, TALLY_CHECKPOINT_MAX);
    uint8_t field[sizeof vkey->id + sizeof signature->bytes];
    memcpy(field, vkey->id, sizeof vkey->id);
    memcpy(field + sizeof vkey->id, signature->bytes, sizeof signature->bytes);
    struct lines lines;
    lines_init(&lines, note, TALLY_CHECKPOINT_MAX);
    lines.size = size;
    lines_text(&lines, "\n\xe2\x80\x94 ");
    lines_text(&lines, vkey->name);
    lines_text(&lines, " ");
    lines_base64(&lines, bytes_of(field, sizeof field));
    lines_text(&lines, "\n");
    assert(!lines.failed);
    return lines_size(&lines);
}

size_t tally_checkpoint_sign(const struct tally_checkpoint *checkpoint,
                             const struct tally_vkey *vkey, const struct tally_crypto *crypto,
                             uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_signature signature;
    size_t size = tally_checkpoint_write(checkpoint, note, TALLY_CHECKPOINT_MAX);
    crypto->sign(crypto->context, bytes_of(note, size), &signature);
    return tally_checkpoint_join(checkpoint, vkey, &signature, note);
}

enum tally_drop tally_checkpoint_open(struct tally_bytes note, const struct tally_vkey *vkey,
                                      const struct tally_crypto *crypto,
                                      struct tally_checkpoint *checkpoint)
{
    struct tally_note parsed;
    struct tally_vkey own;
    if (tally_note_read(note, &parsed) != TALLY_DROP_NONE ||
        tally_checkpoint_read(parsed.text, checkpoint) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    /* Log chapter 1.3: the empty tree has one root. */
    if (checkpoint->size == 0 && !hash_equal(&checkpoint->root, &merkle_empty))
        return TALLY_DROP_MALFORMED;
    if (!vkey) {
        if (!tally_vkey_of_origin(&own, checkpoint->origin))
            return TALLY_DROP_KEY;
        vkey = &own;
    }
    if (!bytes_equal(checkpoint->origin, bytes_text(vkey->name)))
        return TALLY_DROP_KEY;
    return tally_note_verify(&parsed, vkey, 1, crypto, NULL);
}

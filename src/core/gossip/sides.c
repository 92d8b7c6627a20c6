/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/sides.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "tally/log.h"

/* The signature in the note's line of that key. */
static bool own_signature(const struct tally_note *note, const struct tally_vkey *vkey,
                          uint8_t signature[64])
{
    uint8_t field[4 + 64];
    size_t size;
    for (size_t i = 0; i < note->count; i++) {
        const struct tally_note_line *line = &note->lines[i];
        if (memcmp(line->id, vkey->id, sizeof vkey->id) != 0 ||
            !bytes_equal(line->name, bytes_text(vkey->name)))
            continue;
        if (!base64_read((const char *)line->signature.data, line->signature.size, field,
                         sizeof field, &size) ||
            size != sizeof field)
            return false;
        memcpy(signature, field + 4, 64);
        return true;
    }
    return false;
}

static bool side_read(struct tally_bytes bytes, struct tally_fork_side *side,
                      struct tally_bytes *origin)
{
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    struct tally_vkey vkey;
    if (tally_note_read(bytes, &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE ||
        checkpoint.extensions.size > 0 || !tally_vkey_of_origin(&vkey, checkpoint.origin) ||
        !own_signature(&note, &vkey, side->signature.bytes))
        return false;
    side->size = checkpoint.size;
    side->root = checkpoint.root;
    *origin = checkpoint.origin;
    return true;
}

bool sides_read(struct tally_bytes one, struct tally_bytes other, struct tally_fork_prefix *message)
{
    struct tally_fork_side sides[2];
    struct tally_bytes origin, second;
    if (!side_read(one, &sides[0], &origin) || !side_read(other, &sides[1], &second) ||
        !bytes_equal(origin, second) || sides[0].size == sides[1].size ||
        !tally_origin_read(origin, &message->issuer, &message->name_space))
        return false;
    bool ordered = sides[0].size < sides[1].size;
    message->smaller = sides[!ordered];
    message->larger = sides[ordered];
    return true;
}

static struct tally_bytes side_write(const struct tally_fork_side *side,
                                     const struct tally_vkey *vkey,
                                     uint8_t bytes[TALLY_CHECKPOINT_MAX])
{
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_text(vkey->name), .size = side->size, .root = side->root};
    return bytes_of(bytes, tally_checkpoint_join(&checkpoint, vkey, &side->signature, bytes));
}

bool sides_write(const struct tally_fork_prefix *message, struct sides_notes *notes)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    if (!tally_namespace_valid(message->name_space))
        return false;
    size_t size = tally_origin_write(&message->issuer, message->name_space, origin);
    if (!tally_vkey_of_origin(&vkey, bytes_of(origin, size)))
        return false;
    notes->one = side_write(&message->smaller, &vkey, notes->bytes[0]);
    notes->other = side_write(&message->larger, &vkey, notes->bytes[1]);
    return true;
}

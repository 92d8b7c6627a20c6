/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/cosignature.h"

#include "core/base/bytes.h"
#include "core/log/lines.h"

#include <assert.h>

#define LINE_BEGIN "\xe2\x80\x94 "

/* The longest text a note has, and the two lines in front of it. */
enum { MESSAGE_MAX = TALLY_NOTE_MAX + 64 };

/* cosignature/v1\n time <T>\n <checkpoint text> */
static struct tally_bytes message_write(uint8_t bytes[MESSAGE_MAX], struct tally_bytes text,
                                        uint64_t time_s)
{
    struct lines lines;
    lines_init(&lines, bytes, MESSAGE_MAX);
    lines_text(&lines, "cosignature/v1\ntime ");
    lines_number(&lines, time_s);
    lines_text(&lines, "\n");
    lines_bytes(&lines, text);
    return bytes_of(bytes, lines_size(&lines));
}

bool cosignature_good(struct tally_bytes text, const uint8_t field[COSIGNATURE_FIELD],
                      const struct tally_key *key, const struct tally_crypto *crypto,
                      uint64_t *time_s)
{
    uint8_t message[MESSAGE_MAX];
    struct tally_signature signature;
    *time_s = be64_read(field + 4);
    if (*time_s > INT64_MAX)
        return false;
    memcpy(signature.bytes, field + 12, sizeof signature.bytes);
    return crypto->verify(crypto->context, key, message_write(message, text, *time_s), &signature);
}

size_t tally_cosignature_write(struct tally_bytes text, const struct tally_vkey *vkey,
                               uint64_t time_s, const struct tally_crypto *crypto,
                               uint8_t line[TALLY_COSIGNATURE_MAX])
{
    assert(vkey->type == TALLY_VKEY_COSIGNER);
    assert(time_s <= INT64_MAX);
    struct tally_checkpoint checkpoint;
    if (text.size > TALLY_NOTE_MAX || tally_checkpoint_read(text, &checkpoint) != TALLY_DROP_NONE)
        return 0;
    uint8_t message[MESSAGE_MAX], field[COSIGNATURE_FIELD];
    struct tally_signature signature;
    crypto->sign(crypto->context, message_write(message, text, time_s), &signature);
    memcpy(field, vkey->id, sizeof vkey->id);
    be64_write(field + 4, time_s);
    memcpy(field + 12, signature.bytes, sizeof signature.bytes);
    struct lines lines;
    lines_init(&lines, line, TALLY_COSIGNATURE_MAX);
    lines_text(&lines, LINE_BEGIN);
    lines_text(&lines, vkey->name);
    lines_text(&lines, " ");
    lines_base64(&lines, bytes_of(field, sizeof field));
    lines_text(&lines, "\n");
    assert(!lines.failed);
    return lines_size(&lines);
}

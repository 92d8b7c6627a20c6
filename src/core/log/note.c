/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/note.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/utf8.h"
#include "core/log/cosignature.h"
#include "core/log/lines.h"
#include "core/log/vkey.h"

#include <assert.h>

#define LINE_BEGIN "\xe2\x80\x94 " /* An em dash and a space. */

enum { ID = 4, SIGNATURE = 64 };

/* UTF-8 without control characters but \n. */
static bool text_valid(struct tally_bytes text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t code = text.data[at];
        size_t size = code < 0x80 ? 1 : utf8_read(bytes_of(text.data + at, text.size - at), &code);
        if (size == 0 || (code < 0x20 && code != '\n'))
            return false;
        at += size;
    }
    return true;
}

/* Whether it is base64 of at least one byte after a key id; keys of types we do not know may sign
   at any length, so it is read in pieces. */
static bool signature_valid(struct tally_bytes text, uint8_t id[ID])
{
    uint8_t piece[768];
    size_t count = 0, total = 0;
    for (size_t at = 0; at < text.size; at += BASE64_SIZE(sizeof piece)) {
        size_t size = text.size - at;
        bool last = size <= BASE64_SIZE(sizeof piece);
        if (!last)
            size = BASE64_SIZE(sizeof piece);
        if (!base64_read((const char *)text.data + at, size, piece, sizeof piece, &count) ||
            (!last && count != sizeof piece))
            return false;
        if (at == 0 && count > ID)
            memcpy(id, piece, ID);
        total += count;
    }
    return total > ID;
}

static bool line_read(struct tally_bytes line, struct tally_note_line *out)
{
    out->line = bytes_of(line.data, line.size + 1);
    if (!lines_take_text(&line, LINE_BEGIN) || !lines_take_until(&line, ' ', &out->name))
        return false;
    out->signature = line;
    return vkey_name_valid(out->name) && signature_valid(line, out->id);
}

enum tally_drop tally_note_read(struct tally_bytes bytes, struct tally_note *note)
{
    if (bytes.size > TALLY_NOTE_MAX || !text_valid(bytes))
        return TALLY_DROP_MALFORMED;
    /* C2SP signed-note: the last empty line separates. */
    size_t split = bytes.size;
    while (split >= 2 && (bytes.data[split - 1] != '\n' || bytes.data[split - 2] != '\n'))
        split--;
    if (split < 2)
        return TALLY_DROP_MALFORMED;
    note->text = bytes_of(bytes.data, split - 1);
    note->count = 0;
    struct tally_bytes rest = bytes_of(bytes.data + split, bytes.size - split), line;
    while (lines_take(&rest, &line)) {
        if (note->count == TALLY_NOTE_LINES_MAX || !line_read(line, &note->lines[note->count]))
            return TALLY_DROP_MALFORMED;
        note->count++;
    }
    return rest.size == 0 && note->count > 0 ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

/* Whether a line of that key's name and id is its signature on the text. */
static bool line_good(struct tally_bytes text, const struct tally_note_line *line,
                      const struct tally_vkey *key, const struct tally_crypto *crypto,
                      uint64_t *time_s)
{
    uint8_t bytes[COSIGNATURE_FIELD];
    struct tally_signature signature;
    size_t count;
    if (line->signature.size > BASE64_SIZE(sizeof bytes) ||
        !base64_read((const char *)line->signature.data, line->signature.size, bytes, sizeof bytes,
                     &count))
        return false;
    *time_s = 0;
    switch (key->type) {
    case TALLY_VKEY_LOG:
        memcpy(signature.bytes, bytes + ID, SIGNATURE);
        return count == ID + SIGNATURE &&
               crypto->verify(crypto->context, &key->key, text, &signature);
    case TALLY_VKEY_COSIGNER:
        return count == COSIGNATURE_FIELD &&
               cosignature_good(text, bytes, &key->key, crypto, time_s);
    }
    return false;
}

static const struct tally_vkey *find_key(const struct tally_note_line *line,
                                         const struct tally_vkey *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(line->id, keys[i].id, ID) == 0 &&
            bytes_equal(line->name, bytes_text(keys[i].name)))
            return &keys[i];
    return NULL;
}

enum tally_drop tally_note_verify(const struct tally_note *note, const struct tally_vkey *keys,
                                  size_t count, const struct tally_crypto *crypto,
                                  struct tally_mark *marks)
{
    const struct tally_vkey *seen[TALLY_NOTE_LINES_MAX];
    size_t seen_count = 0;
    for (size_t i = 0; marks && i < count; i++)
        marks[i] = (struct tally_mark){0};
    for (size_t i = 0; i < note->count; i++) {
        const struct tally_vkey *key = find_key(&note->lines[i], keys, count);
        bool again = false;
        for (size_t j = 0; key && j < seen_count; j++)
            again = again || seen[j] == key;
        if (!key || again)
            continue;
        uint64_t time_s;
        if (!line_good(note->text, &note->lines[i], key, crypto, &time_s))
            return TALLY_DROP_FORGED;
        if (marks)
            marks[key - keys] = (struct tally_mark){true, time_s};
        seen[seen_count++] = key;
    }
    return seen_count > 0 ? TALLY_DROP_NONE : TALLY_DROP_KEY;
}

static bool note_has(const struct tally_note *note, const struct tally_note_line *line)
{
    for (size_t i = 0; i < note->count; i++)
        if (memcmp(note->lines[i].id, line->id, ID) == 0 &&
            bytes_equal(note->lines[i].name, line->name))
            return true;
    return false;
}

size_t tally_note_merge(struct tally_bytes one, struct tally_bytes other, uint8_t *bytes,
                        size_t capacity)
{
    struct tally_note first, second;
    if (tally_note_read(one, &first) != TALLY_DROP_NONE ||
        tally_note_read(other, &second) != TALLY_DROP_NONE || !bytes_equal(first.text, second.text))
        return 0;
    struct lines lines;
    lines_init(&lines, bytes, capacity);
    lines_bytes(&lines, one);
    for (size_t i = 0; i < second.count; i++)
        if (!note_has(&first, &second.lines[i]))
            lines_bytes(&lines, second.lines[i].line);
    return lines_size(&lines);
}

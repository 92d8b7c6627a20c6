/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/witness.h"

#include "core/base/bytes.h"
#include "core/log/lines.h"
#include "core/log/merkle.h"

#include <assert.h>

/* ---- Requests. ---- */

enum tally_drop tally_witness_read(struct tally_bytes bytes, struct tally_witness_request *request)
{
    struct tally_bytes rest = bytes, line;
    request->count = 0;
    if (bytes.size > TALLY_WITNESS_REQUEST_MAX || !lines_take_text(&rest, "old ") ||
        !lines_take(&rest, &line) || !lines_read_number(line, &request->old))
        return TALLY_DROP_MALFORMED;
    for (;;) {
        if (!lines_take(&rest, &line))
            return TALLY_DROP_MALFORMED;
        if (line.size == 0)
            break;
        if (request->count == TALLY_PROOF_MAX ||
            !lines_read_hash(line, &request->proof[request->count]))
            return TALLY_DROP_MALFORMED;
        request->count++;
    }
    request->bytes = rest;
    if (tally_note_read(rest, &request->note) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    rest = request->note.text;
    return lines_take(&rest, &request->origin) ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

size_t tally_witness_write(uint64_t old, const struct tally_hash *proof, size_t count,
                           struct tally_bytes note, uint8_t *bytes, size_t capacity)
{
    struct lines lines;
    lines_init(&lines, bytes, capacity);
    lines_text(&lines, "old ");
    lines_number(&lines, old);
    lines_text(&lines, "\n");
    for (size_t i = 0; i < count; i++)
        lines_hash(&lines, &proof[i]);
    lines_text(&lines, "\n");
    lines_bytes(&lines, note);
    return lines_size(&lines);
}

/* ---- The server. ---- */

/* Steps 5 to 10 of tlog-witness, which is the order of log chapter 5.1. */
static enum tally_witness_status judge_tree(const struct tally_witness_request *request,
                                            const struct tally_witnessed *held,
                                            struct tally_witness_verdict *verdict)
{
    const struct tally_checkpoint *checkpoint = &verdict->checkpoint;
    if (request->old > checkpoint->size)
        return TALLY_WITNESS_MALFORMED;
    if (request->old != held->size)
        return TALLY_WITNESS_CONFLICT;
    if (checkpoint->size == 0 && !hash_equal(&checkpoint->root, &merkle_empty))
        return TALLY_WITNESS_UNPROVEN;
    if (request->old == 0)
        return request->count == 0 ? TALLY_WITNESS_COSIGNED : TALLY_WITNESS_UNPROVEN;
    if (request->old == checkpoint->size) {
        verdict->refresh = hash_equal(&checkpoint->root, &held->root);
        verdict->fork = !verdict->refresh;
        return verdict->refresh && request->count == 0 ? TALLY_WITNESS_COSIGNED
                                                       : TALLY_WITNESS_UNPROVEN;
    }
    return tally_consistency_holds(request->old, checkpoint->size, request->proof, request->count,
                                   &held->root, &checkpoint->root)
               ? TALLY_WITNESS_COSIGNED
               : TALLY_WITNESS_UNPROVEN;
}

void tally_witness_judge(const struct tally_witness_request *request, const struct tally_vkey *keys,
                         size_t key_count, const struct tally_witnessed *held,
                         const struct tally_crypto *crypto, struct tally_witness_verdict *verdict)
{
    *verdict = (struct tally_witness_verdict){.status = TALLY_WITNESS_UNSIGNED};
    if (tally_note_verify(&request->note, keys, key_count, crypto, NULL) != TALLY_DROP_NONE)
        return;
    verdict->status = TALLY_WITNESS_MALFORMED;
    if (tally_checkpoint_read(request->note.text, &verdict->checkpoint) == TALLY_DROP_NONE)
        verdict->status = judge_tree(request, held, verdict);
}

static const struct tally_vkey *key_of(const struct tally_note_line *line,
                                       const struct tally_vkey *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(line->id, keys[i].id, sizeof line->id) == 0 &&
            bytes_equal(line->name, bytes_text(keys[i].name)))
            return &keys[i];
    return NULL;
}

size_t tally_witness_sign(const struct tally_witness_request *request,
                          const struct tally_vkey *keys, size_t key_count,
                          const struct tally_vkey *witness, uint64_t time_s,
                          const struct tally_crypto *crypto, struct tally_witnessed *held,
                          uint8_t note[TALLY_WITNESS_NOTE_MAX], struct tally_bytes *line)
{
    struct tally_checkpoint checkpoint;
    uint8_t cosignature[TALLY_COSIGNATURE_MAX];
    enum tally_drop drop = tally_checkpoint_read(request->note.text, &checkpoint);
    assert(drop == TALLY_DROP_NONE); /* It was judged. */
    (void)drop;
    uint64_t time = time_s > held->time_s ? time_s : held->time_s;
    size_t size = tally_cosignature_write(request->note.text, witness, time, crypto, cosignature);
    const struct tally_vkey *seen[TALLY_NOTE_LINES_MAX];
    size_t seen_count = 0;
    struct lines lines;
    lines_init(&lines, note, TALLY_WITNESS_NOTE_MAX);
    lines_bytes(&lines, request->note.text);
    lines_text(&lines, "\n");
    for (size_t i = 0; i < request->note.count; i++) {
        const struct tally_vkey *key = key_of(&request->note.lines[i], keys, key_count);
        bool again = key == NULL; /* A second line of a key was not verified. */
        for (size_t j = 0; j < seen_count; j++)
            again = again || seen[j] == key;
        if (again)
            continue;
        seen[seen_count++] = key;
        lines_bytes(&lines, request->note.lines[i].line);
    }
    lines_bytes(&lines, bytes_of(cosignature, size));
    if (size == 0 || lines.failed)
        return 0;
    *line = bytes_of(note + lines.size - size, size);
    *held = (struct tally_witnessed){checkpoint.size, checkpoint.root, time};
    return lines_size(&lines);
}

enum tally_drop tally_witness_open(struct tally_bytes note, const struct tally_vkey *witness,
                                   const struct tally_crypto *crypto, struct tally_witnessed *held,
                                   struct tally_checkpoint *checkpoint)
{
    struct tally_note read;
    struct tally_mark mark;
    if (tally_note_read(note, &read) != TALLY_DROP_NONE ||
        tally_checkpoint_read(read.text, checkpoint) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = tally_note_verify(&read, witness, 1, crypto, &mark);
    if (drop == TALLY_DROP_NONE)
        *held = (struct tally_witnessed){checkpoint->size, checkpoint->root, mark.time_s};
    return drop;
}

/* ---- The client. ---- */

bool tally_witness_read_size(struct tally_bytes body, uint64_t *size)
{
    struct tally_bytes rest = body, line;
    return lines_take(&rest, &line) && rest.size == 0 && lines_read_number(line, size);
}

/* The good line of the witness in the answer, as a note over the same text; false without one. */
static bool find_line(struct tally_bytes text, struct tally_bytes answer,
                      const struct tally_vkey *witness, uint64_t now_s,
                      const struct tally_crypto *crypto, struct tally_bytes *line, uint64_t *time_s)
{
    struct tally_bytes rest = answer;
    while (lines_take(&rest, line)) {
        uint8_t bytes[TALLY_WITNESS_NOTE_MAX];
        struct tally_note note;
        struct tally_mark mark;
        struct lines lines;
        line->size++; /* With its \n. */
        lines_init(&lines, bytes, sizeof bytes);
        lines_bytes(&lines, text);
        lines_text(&lines, "\n");
        lines_bytes(&lines, *line);
        size_t size = lines_size(&lines);
        if (size == 0 || tally_note_read(bytes_of(bytes, size), &note) != TALLY_DROP_NONE ||
            tally_note_verify(&note, witness, 1, crypto, &mark) != TALLY_DROP_NONE ||
            mark.time_s > now_s + TALLY_WITNESS_AHEAD_S)
            continue;
        *time_s = mark.time_s;
        return true;
    }
    return false;
}

size_t tally_witness_merge(struct tally_bytes note, struct tally_bytes lines,
                           const struct tally_vkey *witness, uint64_t now_s,
                           const struct tally_crypto *crypto, uint8_t *merged, size_t capacity,
                           uint64_t *time_s)
{
    struct tally_note read;
    struct tally_bytes line;
    if (tally_note_read(note, &read) != TALLY_DROP_NONE ||
        !find_line(read.text, lines, witness, now_s, crypto, &line, time_s))
        return 0;
    struct lines out;
    lines_init(&out, merged, capacity);
    lines_bytes(&out, read.text);
    lines_text(&out, "\n");
    for (size_t i = 0; i < read.count; i++)
        if (key_of(&read.lines[i], witness, 1) == NULL)
            lines_bytes(&out, read.lines[i].line);
    lines_bytes(&out, line);
    return lines_size(&out);
}

const char *tally_witness_name(unsigned status)
{
    switch (status) {
    case TALLY_WITNESS_COSIGNED:
        return "cosigned";
    case TALLY_WITNESS_MALFORMED:
        return "malformed";
    case TALLY_WITNESS_UNSIGNED:
        return "unsigned";
    case TALLY_WITNESS_UNKNOWN:
        return "unknown";
    case TALLY_WITNESS_CONFLICT:
        return "conflict";
    case TALLY_WITNESS_TOO_LARGE:
        return "too_large";
    case TALLY_WITNESS_UNPROVEN:
        return "unproven";
    case TALLY_WITNESS_BUSY:
        return "busy";
    case TALLY_WITNESS_UNAVAILABLE:
        return "unavailable";
    }
    return "another";
}

static const char *refusal_words(unsigned status)
{
    switch (status) {
    case TALLY_WITNESS_COSIGNED:
        return "it cosigned";
    case TALLY_WITNESS_MALFORMED:
        return "it does not understand the question";
    case TALLY_WITNESS_UNSIGNED:
        return "it knows no key that signs this log";
    case TALLY_WITNESS_UNKNOWN:
        return "it does not witness this log";
    case TALLY_WITNESS_CONFLICT:
        return "it says that it cosigned another tree last";
    case TALLY_WITNESS_TOO_LARGE:
        return "the question is too large for it";
    case TALLY_WITNESS_UNPROVEN:
        return "it says that the proof does not hold";
    case TALLY_WITNESS_BUSY:
        return "it asks to wait";
    case TALLY_WITNESS_UNAVAILABLE:
        return "it can cosign nothing now";
    }
    return status >= 500                   ? "it failed by itself"
           : status >= 300 && status < 400 ? "it points elsewhere, which is not followed"
                                           : "its answer is none that a witness gives";
}

const char *tally_cosigned_words(const struct tally_cosigned_view *view)
{
    if (view->error != TALLY_OK)
        return tally_error_text(view->error);
    if (view->disbelieved)
        return "no line of its answer is a cosignature of this tree by its key";
    return view->status == 0 ? "" : refusal_words(view->status);
}

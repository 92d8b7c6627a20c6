/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/grounds.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/lines.h"

#define GROUNDS_BEGIN "tally discrepancy 1\n"

/* ---- Writing. ---- */

static void write_base64(struct lines *lines, const char *word, struct tally_bytes bytes)
{
    if (bytes.size == 0)
        return;
    lines_text(lines, word);
    lines_number(lines, bytes.size);
    lines_text(lines, "\n");
    lines_base64(lines, bytes);
    lines_text(lines, "\n");
}

static void write_range(struct lines *lines, const struct grounds *grounds)
{
    lines_text(lines, grounds->is_sample ? "sample " : "range ");
    lines_number(lines, grounds->first);
    lines_text(lines, " ");
    lines_number(lines, grounds->end);
    lines_text(lines, " ");
    lines_number(lines, grounds->size);
    lines_text(lines, "\n");
    lines_hash(lines, &grounds->subtree);
    for (size_t i = 0; i < grounds->proof_count; i++)
        lines_hash(lines, &grounds->proof[i]);
    lines_text(lines, "\n");
}

size_t grounds_write(const struct grounds *grounds, uint8_t bytes[GROUNDS_MAX])
{
    char did[TALLY_DID_SIZE + 1];
    struct lines lines;
    if (grounds->type >= TALLY_DISCREPANCIES || grounds->note.size > GROUNDS_PART_MAX ||
        grounds->receipt.size > GROUNDS_PART_MAX || grounds->theirs.size > GROUNDS_PART_MAX ||
        grounds->ours.size > GROUNDS_PART_MAX || grounds->time.us < 0)
        return 0;
    tally_did_write(&grounds->party, did);
    lines_init(&lines, bytes, GROUNDS_MAX);
    lines_text(&lines, GROUNDS_BEGIN);
    lines_text(&lines, tally_discrepancy_name(grounds->type));
    lines_text(&lines, " ");
    lines_text(&lines, did);
    lines_text(&lines, " ");
    lines_number(&lines, (uint64_t)grounds->time.us);
    lines_text(&lines, "\n");
    if (grounds->note.size > 0) {
        lines_text(&lines, "checkpoint ");
        lines_number(&lines, grounds->note.size);
        lines_text(&lines, "\n");
        lines_bytes(&lines, grounds->note);
    }
    if (grounds->has_range)
        write_range(&lines, grounds);
    write_base64(&lines, "receipt ", grounds->receipt);
    write_base64(&lines, "theirs ", grounds->theirs);
    write_base64(&lines, "ours ", grounds->ours);
    return lines_size(&lines);
}

/* ---- Reading. ---- */

static bool read_type(struct tally_bytes word, enum tally_discrepancy *type)
{
    for (*type = TALLY_DISCREPANCY_ROOT_MISMATCH; *type < TALLY_DISCREPANCIES; (*type)++)
        if (bytes_equal(word, bytes_text(tally_discrepancy_name(*type))))
            return true;
    return false;
}

static bool read_head(struct tally_bytes *rest, struct grounds *grounds)
{
    struct tally_bytes word;
    uint64_t time;
    if (!lines_take_text(rest, GROUNDS_BEGIN) || !lines_take_until(rest, ' ', &word) ||
        !read_type(word, &grounds->type) || !lines_take_until(rest, ' ', &word) ||
        !tally_did_read(word, &grounds->party, NULL) || !lines_take(rest, &word) ||
        !lines_read_number(word, &time))
        return false;
    grounds->time.us = (int64_t)time;
    return true;
}

static bool read_size(struct tally_bytes *rest, uint64_t *size)
{
    struct tally_bytes word;
    return lines_take(rest, &word) && lines_read_number(word, size) && *size > 0 &&
           *size <= GROUNDS_PART_MAX;
}

static bool read_range(struct tally_bytes *rest, struct grounds *grounds)
{
    struct tally_bytes first, end, size, line;
    if (!lines_take_until(rest, ' ', &first) || !lines_take_until(rest, ' ', &end) ||
        !lines_take(rest, &size) || !lines_read_number(first, &grounds->first) ||
        !lines_read_number(end, &grounds->end) || !lines_read_number(size, &grounds->size) ||
        !lines_take(rest, &line) || !lines_read_hash(line, &grounds->subtree))
        return false;
    for (grounds->proof_count = 0; lines_take(rest, &line); grounds->proof_count++) {
        if (line.size == 0)
            return grounds->first < grounds->end && grounds->end <= grounds->size &&
                   (!grounds->is_sample || grounds->end == grounds->first + 1);
        if (grounds->proof_count == TALLY_PROOF_MAX ||
            !lines_read_hash(line, &grounds->proof[grounds->proof_count]))
            return false;
    }
    return false;
}

/* A part in base64, if it is there: one form, as it is written. */
static bool read_base64(struct tally_bytes *rest, const char *word, struct tally_bytes *text)
{
    uint8_t bytes[GROUNDS_PART_MAX];
    uint64_t size;
    size_t count;
    *text = bytes_of(NULL, 0);
    if (!lines_take_text(rest, word))
        return true;
    return read_size(rest, &size) && lines_take(rest, text) &&
           base64_read((const char *)text->data, text->size, bytes, sizeof bytes, &count) &&
           count == size;
}

enum tally_drop grounds_read(struct tally_bytes bytes, struct grounds *grounds)
{
    struct tally_bytes rest = bytes;
    uint64_t size;
    *grounds = (struct grounds){.has_range = false};
    if (bytes.size > GROUNDS_MAX || !read_head(&rest, grounds))
        return TALLY_DROP_MALFORMED;
    if (lines_take_text(&rest, "checkpoint ") &&
        (!read_size(&rest, &size) || !lines_take_bytes(&rest, size, &grounds->note)))
        return TALLY_DROP_MALFORMED;
    grounds->is_sample = lines_take_text(&rest, "sample ");
    grounds->has_range = grounds->is_sample || lines_take_text(&rest, "range ");
    if ((grounds->has_range && !read_range(&rest, grounds)) ||
        !read_base64(&rest, "receipt ", &grounds->receipt) ||
        !read_base64(&rest, "theirs ", &grounds->theirs) ||
        !read_base64(&rest, "ours ", &grounds->ours))
        return TALLY_DROP_MALFORMED;
    return rest.size == 0 ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

/* Whether what is said that it signed is the body of its receipt. */
static bool signed_that(const struct grounds *grounds, const struct tally_receipt *receipt)
{
    uint8_t body[GROUNDS_PART_MAX];
    struct tally_hash hash;
    size_t size = 0;
    (void)base64_read((const char *)grounds->theirs.data, grounds->theirs.size, body, sizeof body,
                      &size);
    hash_sha256(bytes_of(body, size), &hash);
    return key_equal(&receipt->issuer, &grounds->party) && hash_equal(&hash, &receipt->body_hash);
}

static enum tally_drop check_receipt(const struct grounds *grounds,
                                     const struct tally_crypto *crypto)
{
    uint8_t envelope[GROUNDS_PART_MAX];
    struct tally_receipt receipt;
    size_t size = 0;
    (void)base64_read((const char *)grounds->receipt.data, grounds->receipt.size, envelope,
                      sizeof envelope, &size);
    const struct tally_bytes bytes = bytes_of(envelope, size);
    if (grounds->is_sample) {
        struct tally_hash leaf; /* Of whatever was shown: nobody may have signed it. */
        tally_receipt_leaf(bytes, &leaf);
        return hash_equal(&leaf, &grounds->subtree) ? TALLY_DROP_NONE : TALLY_DROP_PROOF;
    }
    enum tally_drop drop = tally_receipt_verify(bytes, crypto);
    bool terms = grounds->type == TALLY_DISCREPANCY_TERM_VIOLATION;
    if (!terms && grounds->type != TALLY_DISCREPANCY_TIMESTAMP_DRIFT)
        return drop;
    if (drop != TALLY_DROP_NONE || tally_receipt_read(bytes, &receipt) != TALLY_DROP_NONE)
        return TALLY_DROP_FORGED;
    if (terms)
        return signed_that(grounds, &receipt) ? TALLY_DROP_NONE : TALLY_DROP_PROOF;
    int64_t ahead = receipt.time.us - grounds->time.us;
    return ahead > (int64_t)TALLY_DRIFT_MS * 1000 ? TALLY_DROP_NONE : TALLY_DROP_PROOF;
}

/* Whether what came leads to the root after all. */
static bool leads(const struct grounds *grounds, const struct tally_hash *root)
{
    if (grounds->is_sample)
        return tally_inclusion_holds(grounds->first, grounds->size, &grounds->subtree,
                                     grounds->proof, grounds->proof_count, root);
    return tally_subtree_holds(grounds->first / TALLY_TILE_WIDTH * TALLY_TILE_WIDTH, grounds->end,
                               grounds->size, grounds->proof, grounds->proof_count,
                               &grounds->subtree, root);
}

enum tally_drop grounds_check(struct tally_bytes bytes, const struct tally_crypto *crypto,
                              struct grounds *grounds)
{
    struct tally_checkpoint checkpoint;
    enum tally_drop drop = grounds_read(bytes, grounds);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (grounds->note.size > 0 &&
        tally_checkpoint_open(grounds->note, NULL, crypto, &checkpoint) != TALLY_DROP_NONE)
        return TALLY_DROP_FORGED;
    if (grounds->has_range && (grounds->note.size == 0 || checkpoint.size != grounds->size ||
                               leads(grounds, &checkpoint.root)))
        return TALLY_DROP_PROOF;
    return grounds->receipt.size > 0 ? check_receipt(grounds, crypto) : TALLY_DROP_NONE;
}

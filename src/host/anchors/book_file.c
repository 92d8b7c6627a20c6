/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/book_file.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "tally/log.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEMA "tally/anchor-file/1"

static json_t *hex_of(const uint8_t *bytes, size_t size)
{
    char text[2 * 64 + 1];
    hex_write(bytes_of(bytes, size), text);
    return json_string(text);
}

static json_t *base64_of(struct tally_bytes bytes)
{
    char *text = malloc(BASE64_SIZE(bytes.size) + 1);
    if (text == NULL)
        return NULL;
    base64_write(bytes, text);
    json_t *value = json_stringn(text, BASE64_SIZE(bytes.size));
    free(text);
    return value;
}

/* Rank is computed, not kept. */
static enum tally_anchor_state kept(enum tally_anchor_state state)
{
    return state == TALLY_ANCHOR_ACTIVE || state == TALLY_ANCHOR_SUPERSEDED ? TALLY_ANCHOR_VERIFIED
                                                                            : state;
}

json_t *book_file_write(const struct book_record *record)
{
    const struct tally_anchor *anchor = &record->anchor;
    json_t *file = json_pack(
        "{s:s, s:s, s:I, s:o, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:I}", "schema", SCHEMA, "origin",
        record->origin, "size", (json_int_t)record->size, "root",
        hex_of(record->root.bytes, sizeof record->root.bytes), "chain", anchor->chain,
        "transaction", anchor->transaction, "state", tally_anchor_state_name(kept(anchor->state)),
        "reason", tally_anchor_reason_name(anchor->reason), "height", (json_int_t)anchor->height,
        "block", hex_of(anchor->block.bytes, sizeof anchor->block.bytes), "time_ms",
        (json_int_t)anchor->time_ms, "uncertainty_ms", (json_int_t)anchor->uncertainty_ms);
    json_t *more = json_pack(
        "{s:I, s:I, s:I, s:b, s:s, s:s, s:o, s:o?, s:s?}", "received_ms",
        (json_int_t)record->received_ms, "checked_ms", (json_int_t)record->checked_ms,
        "verified_ms", (json_int_t)record->verified_ms, "alarm", (int)record->alarm, "authority",
        record->authority, "backend", record->backend, "nonce",
        hex_of(record->nonce.bytes, record->nonce.size), "proof",
        record->proof_size > 0 ? base64_of(bytes_of(record->proof, record->proof_size)) : NULL,
        "note", record->note);
    if (file == NULL || more == NULL || json_object_update(file, more) != 0) {
        json_decref(file);
        file = NULL;
    }
    json_decref(more);
    if (file != NULL && record->has_publisher) {
        char did[TALLY_DID_SIZE + 1];
        tally_did_write(&record->publisher, did);
        (void)json_object_set_new(file, "publisher", json_string(did));
        (void)json_object_set_new(file, "published", json_integer((json_int_t)record->published));
    }
    return file;
}

/* ---- Reading ---- */

static bool text_of(const json_t *file, const char *member, char *text, size_t size)
{
    const char *said = json_string_value(json_object_get(file, member));
    if (said == NULL || strlen(said) >= size)
        return false;
    (void)snprintf(text, size, "%s", said);
    return true;
}

static bool number_of(const json_t *file, const char *member, int64_t *number)
{
    const json_t *value = json_object_get(file, member);
    *number = json_integer_value(value);
    return json_is_integer(value);
}

static bool hash_of(const json_t *file, const char *member, struct tally_hash *hash)
{
    const char *text = json_string_value(json_object_get(file, member));
    return text != NULL && hex_read(text, hash->bytes, sizeof hash->bytes);
}

static bool nonce_of(const json_t *file, struct token_number *nonce)
{
    const char *text = json_string_value(json_object_get(file, "nonce"));
    size_t size = text != NULL ? strlen(text) / 2 : SIZE_MAX;
    if (size > sizeof nonce->bytes)
        return false;
    nonce->size = (uint8_t)size;
    return hex_read(text, nonce->bytes, size);
}

/* Files of before name none. */
static bool publisher_of(const json_t *file, struct book_record *record)
{
    const char *did = json_string_value(json_object_get(file, "publisher"));
    int64_t index;
    record->has_publisher = did != NULL;
    if (did == NULL)
        return json_object_get(file, "publisher") == NULL;
    if (!number_of(file, "published", &index) || index < 0)
        return false;
    record->published = (uint64_t)index;
    return tally_did_read(bytes_text(did), &record->publisher, NULL);
}

/* The two that are of no fixed size. */
static bool rest_of(const json_t *file, struct book_record *record)
{
    const char *proof = json_string_value(json_object_get(file, "proof"));
    const char *note = json_string_value(json_object_get(file, "note"));
    record->note = note != NULL ? strdup(note) : NULL;
    if (proof == NULL)
        return true;
    size_t size = strlen(proof);
    record->proof = malloc(size + 1);
    return record->proof != NULL && size <= BASE64_SIZE(TALLY_ANCHOR_PROOF_MAX) &&
           base64_read(proof, size, record->proof, size, &record->proof_size);
}

static bool anchor_of(const json_t *file, struct tally_anchor *anchor)
{
    int64_t height, uncertainty;
    char state[24], reason[32];
    if (!text_of(file, "chain", anchor->chain, sizeof anchor->chain) ||
        !text_of(file, "transaction", anchor->transaction, sizeof anchor->transaction) ||
        !text_of(file, "state", state, sizeof state) ||
        !text_of(file, "reason", reason, sizeof reason) || !number_of(file, "height", &height) ||
        !number_of(file, "uncertainty_ms", &uncertainty) ||
        !number_of(file, "time_ms", &anchor->time_ms) || !hash_of(file, "block", &anchor->block) ||
        height < 0 || uncertainty < 0 || uncertainty > UINT32_MAX)
        return false;
    anchor->height = (uint64_t)height;
    anchor->uncertainty_ms = (uint32_t)uncertainty;
    return tally_anchor_chain_kind(anchor->chain, &anchor->kind) &&
           tally_anchor_transaction_good(anchor->kind, anchor->transaction) &&
           tally_anchor_state_read(state, &anchor->state) && kept(anchor->state) == anchor->state &&
           tally_anchor_reason_read(reason, &anchor->reason);
}

static bool record_of(const json_t *file, struct book_record *record)
{
    int64_t size;
    char schema[32];
    if (!text_of(file, "schema", schema, sizeof schema) || strcmp(schema, SCHEMA) != 0 ||
        !text_of(file, "origin", record->origin, sizeof record->origin) ||
        !text_of(file, "authority", record->authority, sizeof record->authority) ||
        !text_of(file, "backend", record->backend, sizeof record->backend) ||
        !number_of(file, "size", &size) || size <= 0 || !hash_of(file, "root", &record->root) ||
        !number_of(file, "received_ms", &record->received_ms) ||
        !number_of(file, "checked_ms", &record->checked_ms) ||
        !number_of(file, "verified_ms", &record->verified_ms) || !nonce_of(file, &record->nonce) ||
        !anchor_of(file, &record->anchor) || !publisher_of(file, record) || !rest_of(file, record))
        return false;
    record->size = (uint64_t)size;
    record->alarm = json_is_true(json_object_get(file, "alarm"));
    tally_origin_hash(bytes_text(record->origin), &record->origin_hash);
    return true;
}

struct book_record *book_file_read(struct tally_bytes bytes, const char *id)
{
    json_t *file = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    struct book_record *record = calloc(1, sizeof *record);
    bool good = file != NULL && record != NULL && record_of(file, record);
    if (good)
        book_name(record);
    if (!good || (id != NULL && strcmp(record->id, id) != 0)) {
        book_record_free(record);
        record = NULL;
    }
    json_decref(file);
    return record;
}

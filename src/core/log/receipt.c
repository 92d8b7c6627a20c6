/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/receipt.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/envelope.h"
#include "core/log/merkle.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

#include <assert.h>

static bool alphanumeric(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool tally_namespace_valid(struct tally_bytes name_space)
{
    static const char *const refused[] = {"witness", "mirror", "auditor"};
    if (name_space.size < 1 || name_space.size > TALLY_NAMESPACE_MAX ||
        !alphanumeric(name_space.data[0]))
        return false;
    for (size_t i = 1; i < name_space.size; i++) {
        uint8_t c = name_space.data[i];
        if (!alphanumeric(c) && c != '.' && c != '_' && c != ':' && c != '-')
            return false;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (bytes_equal(name_space, bytes_text(refused[i])))
            return false;
    return true;
}

static bool visible(struct tally_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    return true;
}

bool tally_type_valid(struct tally_bytes type)
{
    return type.size >= 1 && type.size <= TALLY_TYPE_MAX && visible(type);
}

bool tally_profile_valid(struct tally_bytes profile)
{
    return profile.size <= TALLY_PROFILE_MAX && visible(profile);
}

void envelope_read_references(struct wire_reader *r, struct tally_receipt *receipt)
{
    receipt->reference_count = wire_read_array(r, 0, TALLY_REFERENCES_MAX);
    for (size_t i = 0; i < receipt->reference_count; i++) {
        struct tally_reference *reference = &receipt->references[i];
        wire_read_array(r, 2, 2);
        reference->kind = (uint8_t)wire_read_uint(r, 0, UINT8_MAX);
        wire_read_fixed(r, reference->hash.bytes, sizeof reference->hash.bytes);
    }
}

static void read_fields(struct wire_reader *r, struct tally_receipt *receipt)
{
    wire_read_fixed(r, receipt->issuer.bytes, sizeof receipt->issuer.bytes);
    receipt->name_space = wire_read_str(r, 1, TALLY_NAMESPACE_MAX);
    receipt->sequence = wire_read_uint(r, 0, MERKLE_SIZE_MAX - 1);
    memset(&receipt->previous, 0, sizeof receipt->previous);
    if (receipt->sequence == 0)
        wire_read_nil(r);
    else
        wire_read_fixed(r, receipt->previous.bytes, sizeof receipt->previous.bytes);
    receipt->time.us = wire_read_int(r, INT64_MIN, INT64_MAX);
    receipt->type = wire_read_str(r, 1, TALLY_TYPE_MAX);
    receipt->profile = wire_read_str(r, 0, TALLY_PROFILE_MAX);
    envelope_read_references(r, receipt);
    wire_read_fixed(r, receipt->body_hash.bytes, sizeof receipt->body_hash.bytes);
    receipt->body_size = (uint32_t)wire_read_uint(r, 0, TALLY_BODY_MAX);
    wire_read_fixed(r, receipt->signature.bytes, sizeof receipt->signature.bytes);
}

enum tally_drop tally_receipt_read(struct tally_bytes envelope, struct tally_receipt *receipt)
{
    struct wire_reader r;
    if (envelope.size > TALLY_ENVELOPE_MAX)
        return TALLY_DROP_MALFORMED;
    wire_reader_init(&r, envelope);
    wire_read_array(&r, ENVELOPE_FIELDS, ENVELOPE_FIELDS);
    uint64_t version = wire_read_uint(&r, 0, UINT32_MAX);
    if (wire_reader_good(&r) && version != ENVELOPE_VERSION)
        return TALLY_DROP_VERSION;
    read_fields(&r, receipt);
    if (!wire_reader_done(&r) || !tally_namespace_valid(receipt->name_space) ||
        !tally_type_valid(receipt->type) || !tally_profile_valid(receipt->profile))
        return TALLY_DROP_MALFORMED;
    return TALLY_DROP_NONE;
}

/* The sum of the greatest fields. */
_Static_assert(1 + 1 + 34 + 66 + 9 + 34 + 9 + 66 + 34 + 1 + TALLY_REFERENCES_MAX * 37 + 34 + 5 +
                       ENVELOPE_SIGNATURE <=
                   TALLY_ENVELOPE_MAX,
               "every valid receipt fits an envelope");

void envelope_head(struct wire_writer *w, const struct tally_key *issuer,
                   struct tally_bytes name_space)
{
    wire_write_array(w, ENVELOPE_FIELDS);
    wire_write_uint(w, ENVELOPE_VERSION);
    wire_write_fixed(w, issuer->bytes, sizeof issuer->bytes);
    wire_write_str(w, name_space);
}

void envelope_middle(struct wire_writer *w, const struct tally_receipt *receipt)
{
    wire_write_uint(w, receipt->sequence);
    if (receipt->sequence == 0)
        wire_write_nil(w);
    else
        wire_write_fixed(w, receipt->previous.bytes, sizeof receipt->previous.bytes);
    wire_write_int(w, receipt->time.us);
    wire_write_str(w, receipt->type);
    wire_write_str(w, receipt->profile);
    envelope_write_references(w, receipt);
    wire_write_fixed(w, receipt->body_hash.bytes, sizeof receipt->body_hash.bytes);
    wire_write_uint(w, receipt->body_size);
}

void envelope_write_references(struct wire_writer *w, const struct tally_receipt *receipt)
{
    wire_write_array(w, (uint32_t)receipt->reference_count);
    for (size_t i = 0; i < receipt->reference_count; i++) {
        wire_write_array(w, 2);
        wire_write_uint(w, receipt->references[i].kind);
        wire_write_fixed(w, receipt->references[i].hash.bytes,
                         sizeof receipt->references[i].hash.bytes);
    }
}

static void assert_valid(const struct tally_receipt *receipt)
{
    assert(tally_namespace_valid(receipt->name_space));
    assert(tally_type_valid(receipt->type));
    assert(tally_profile_valid(receipt->profile));
    assert(receipt->sequence < MERKLE_SIZE_MAX);
    assert(receipt->reference_count <= TALLY_REFERENCES_MAX);
    assert(receipt->body_size <= TALLY_BODY_MAX);
}

size_t tally_receipt_encode(const struct tally_receipt *receipt,
                            uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    struct wire_writer w;
    assert_valid(receipt);
    wire_writer_init(&w, envelope, TALLY_ENVELOPE_MAX);
    envelope_head(&w, &receipt->issuer, receipt->name_space);
    envelope_middle(&w, receipt);
    wire_write_fixed(&w, receipt->signature.bytes, sizeof receipt->signature.bytes);
    struct tally_bytes bytes = wire_writer_bytes(&w);
    assert(bytes.size > 0);
    return bytes.size;
}

struct tally_bytes envelope_message(struct tally_bytes envelope, uint8_t message[ENVELOPE_MESSAGE])
{
    /* The array of the first eleven, as it would be encoded alone: the same bytes under a header
       that says eleven. */
    size_t domain = strlen(SIGN_DOMAIN_RECEIPT), size = envelope.size - ENVELOPE_SIGNATURE;
    assert(envelope.size > ENVELOPE_SIGNATURE && envelope.size <= TALLY_ENVELOPE_MAX);
    memcpy(message, SIGN_DOMAIN_RECEIPT, domain);
    memcpy(message + domain, envelope.data, size);
    message[domain] = ENVELOPE_SIGNED_HEADER;
    return bytes_of(message, domain + size);
}

size_t tally_receipt_write(struct tally_receipt *receipt, const struct tally_crypto *crypto,
                           uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    uint8_t message[ENVELOPE_MESSAGE];
    size_t size = tally_receipt_encode(receipt, envelope);
    crypto->sign(crypto->context, envelope_message(bytes_of(envelope, size), message),
                 &receipt->signature);
    memcpy(envelope + size - sizeof receipt->signature.bytes, receipt->signature.bytes,
           sizeof receipt->signature.bytes);
    return size;
}

enum tally_drop tally_receipt_verify(struct tally_bytes envelope, const struct tally_crypto *crypto)
{
    struct tally_receipt receipt;
    uint8_t message[ENVELOPE_MESSAGE];
    enum tally_drop drop = tally_receipt_read(envelope, &receipt);
    if (drop != TALLY_DROP_NONE)
        return drop;
    return crypto->verify(crypto->context, &receipt.issuer, envelope_message(envelope, message),
                          &receipt.signature)
               ? TALLY_DROP_NONE
               : TALLY_DROP_FORGED;
}

enum tally_drop tally_receipt_body(const struct tally_receipt *receipt, struct tally_bytes body)
{
    struct tally_hash hash;
    if (body.size != receipt->body_size)
        return TALLY_DROP_BODY;
    hash_sha256(body, &hash);
    return hash_equal(&hash, &receipt->body_hash) ? TALLY_DROP_NONE : TALLY_DROP_BODY;
}

void tally_receipt_hash(struct tally_bytes envelope, struct tally_hash *hash)
{
    hash_sha256(envelope, hash);
}

void tally_receipt_leaf(struct tally_bytes envelope, struct tally_hash *leaf)
{
    merkle_leaf(envelope, leaf);
}

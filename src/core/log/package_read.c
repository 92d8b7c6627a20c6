/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/envelope.h"
#include "core/log/merkle.h"
#include "core/log/package.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"
#include "tally/log.h"

#include <assert.h>

enum { DOMAIN = sizeof SIGN_DOMAIN_RECEIPT - 1 };

/* One package being opened. */
struct opener {
    const struct tally_package_job *job;
    const struct tally_crypto *crypto;
    struct tally_package *package;
    struct wire_reader r;
    struct package_names types, profiles;
    struct tally_receipt receipt; /* The one being rebuilt. */
    struct tally_bytes body;      /* Its body; {NULL, 0} if that is large. */
    /* The signing domain and then the envelope, so that what is signed, what is hashed and, with a
       zero in the domain's last byte, the Merkle leaf are all in one piece. */
    uint8_t message[ENVELOPE_MESSAGE];
    size_t head; /* Size of the fields that all envelopes have in common. */
};

bool tally_package_range(uint64_t first, uint64_t end)
{
    return first < end && end <= MERKLE_SIZE_MAX &&
           first / TALLY_TILE_WIDTH == (end - 1) / TALLY_TILE_WIDTH;
}

uint32_t package_names_find(const struct package_names *table, struct tally_bytes name)
{
    uint32_t i = 0;
    while (i < table->count && !bytes_equal(table->names[i], name))
        i++;
    return i;
}

static void read_names(struct wire_reader *r, size_t least, size_t most,
                       bool (*valid)(struct tally_bytes), struct package_names *table)
{
    uint32_t count = wire_read_array(r, 1, PACKAGE_NAMES_MAX);
    *table = (struct package_names){0};
    for (uint32_t i = 0; i < count; i++) {
        struct tally_bytes name = wire_read_str(r, least, most);
        if (!valid(name) || package_names_find(table, name) < table->count)
            wire_reader_fail(r);
        table->names[table->count++] = name;
    }
}

/* Whether the next item's first byte is in [low, high]; MessagePack's formats are told by it. */
static bool next_is(const struct wire_reader *r, uint8_t low, uint8_t high)
{
    return wire_reader_good(r) && r->at < r->size && r->data[r->at] >= low &&
           r->data[r->at] <= high;
}

static struct tally_bytes read_name(struct wire_reader *r, size_t least, size_t most,
                                    bool (*valid)(struct tally_bytes), struct package_names *table)
{
    if (next_is(r, 0xa0, 0xbf) || next_is(r, 0xd9, 0xd9)) {
        struct tally_bytes name = wire_read_str(r, least, most);
        /* Only what did not fit into the table comes by itself. */
        if (table->used < PACKAGE_NAMES_MAX || !valid(name) ||
            package_names_find(table, name) < table->count)
            wire_reader_fail(r);
        return name;
    }
    uint64_t index = wire_read_uint(r, 0, table->count - 1);
    if (index > table->used)
        wire_reader_fail(r);
    else if (index == table->used)
        table->used++;
    return wire_reader_good(r) ? table->names[index] : (struct tally_bytes){0};
}

/* Body hash and size; the body itself if it is small and was not pruned. Of statements none ever
   is. */
static void read_body(struct opener *o)
{
    struct wire_reader *r = &o->r;
    struct tally_receipt *receipt = &o->receipt;
    if (next_is(r, 0x92, 0x92)) {
        wire_read_array(r, 2, 2);
        wire_read_fixed(r, receipt->body_hash.bytes, sizeof receipt->body_hash.bytes);
        uint32_t least =
            strcmp(o->job->name_space, TALLY_STATEMENTS) == 0 ? TALLY_BODY_INLINE_MAX + 1 : 1;
        receipt->body_size = (uint32_t)wire_read_uint(r, least, TALLY_BODY_MAX);
        o->body = (struct tally_bytes){0};
        return;
    }
    o->body = wire_read_bin(r, 0, TALLY_BODY_INLINE_MAX);
    receipt->body_size = (uint32_t)o->body.size;
    if (wire_reader_good(r))
        hash_sha256(o->body, &receipt->body_hash);
}

static void read_receipt(struct opener *o, unsigned index)
{
    struct tally_receipt *receipt = &o->receipt;
    wire_read_array(&o->r, PACKAGE_RECEIPT_FIELDS, PACKAGE_RECEIPT_FIELDS);
    int64_t delta = wire_read_int(&o->r, INT64_MIN, INT64_MAX);
    if (index == 0 && delta != 0)
        wire_reader_fail(&o->r);
    receipt->time.us = (int64_t)((uint64_t)receipt->time.us + (uint64_t)delta);
    receipt->type = read_name(&o->r, 1, TALLY_TYPE_MAX, tally_type_valid, &o->types);
    receipt->profile = read_name(&o->r, 0, TALLY_PROFILE_MAX, tally_profile_valid, &o->profiles);
    envelope_read_references(&o->r, receipt);
    read_body(o);
    wire_read_fixed(&o->r, receipt->signature.bytes, sizeof receipt->signature.bytes);
}

/* The envelope behind the domain in o->message; its size. */
static size_t write_envelope(struct opener *o)
{
    struct wire_writer w;
    wire_writer_init(&w, o->message + DOMAIN + o->head, TALLY_ENVELOPE_MAX - o->head);
    envelope_middle(&w, &o->receipt);
    wire_write_fixed(&w, o->receipt.signature.bytes, sizeof o->receipt.signature.bytes);
    struct tally_bytes rest = wire_writer_bytes(&w);
    assert(rest.size > 0);
    return o->head + rest.size;
}

static bool signature_good(struct opener *o, size_t size)
{
    uint8_t *header = &o->message[DOMAIN], before = *header;
    *header = ENVELOPE_SIGNED_HEADER;
    bool good = o->crypto->verify(o->crypto->context, &o->job->issuer,
                                  bytes_of(o->message, DOMAIN + size - ENVELOPE_SIGNATURE),
                                  &o->receipt.signature);
    *header = before;
    return good;
}

static void hash_leaf(struct opener *o, size_t size, struct tally_hash *leaf)
{
    uint8_t *prefix = &o->message[DOMAIN - 1], before = *prefix;
    *prefix = 0; /* RFC 6962 section 2.1. */
    hash_sha256(bytes_of(prefix, 1 + size), leaf);
    *prefix = before;
}

static void put_entry(struct tally_package *package, const uint8_t *envelope, size_t size)
{
    uint8_t *at = package->entries + package->entries_size;
    be16_write(at, (uint16_t)size);
    memcpy(at + 2, envelope, size);
    package->entries_size += 2 + size;
}

static void put_body(struct tally_package *package, struct tally_bytes body)
{
    uint8_t *at = package->bodies + package->bodies_size;
    be32_write(at, body.data ? (uint32_t)body.size : TALLY_BODY_ABSENT);
    if (body.size > 0)
        memcpy(at + 4, body.data, body.size);
    package->bodies_size += 4 + body.size;
}

static enum tally_drop open_receipt(struct opener *o, unsigned index)
{
    struct tally_package *package = o->package;
    read_receipt(o, index);
    if (!wire_reader_good(&o->r))
        return TALLY_DROP_MALFORMED;
    size_t size = write_envelope(o);
    if (o->job->signatures && !signature_good(o, size))
        return TALLY_DROP_FORGED;
    const uint8_t *envelope = o->message + DOMAIN;
    hash_leaf(o, size, &package->leaves[index]);
    put_entry(package, envelope, size);
    put_body(package, o->body);
    if (o->receipt.body_size > TALLY_BODY_INLINE_MAX)
        package->large[package->large_count++] = (uint8_t)index;
    o->receipt.sequence++;
    hash_sha256(bytes_of(envelope, size), &o->receipt.previous);
    return TALLY_DROP_NONE;
}

static void open_head(struct opener *o, struct tally_bytes compact)
{
    const struct tally_package_job *job = o->job;
    struct tally_bytes name_space = bytes_text(job->name_space);
    wire_reader_init(&o->r, compact);
    wire_read_array(&o->r, PACKAGE_FIELDS, PACKAGE_FIELDS);
    o->receipt.time.us = wire_read_int(&o->r, INT64_MIN, INT64_MAX);
    if (job->first == 0)
        wire_read_nil(&o->r);
    else
        wire_read_fixed(&o->r, o->receipt.previous.bytes, sizeof o->receipt.previous.bytes);
    o->package->previous = o->receipt.previous;
    read_names(&o->r, 1, TALLY_TYPE_MAX, tally_type_valid, &o->types);
    read_names(&o->r, 0, TALLY_PROFILE_MAX, tally_profile_valid, &o->profiles);
    wire_read_array(&o->r, o->package->count, o->package->count);

    struct wire_writer w;
    memcpy(o->message, SIGN_DOMAIN_RECEIPT, DOMAIN);
    wire_writer_init(&w, o->message + DOMAIN, TALLY_ENVELOPE_MAX);
    envelope_head(&w, &job->issuer, name_space);
    o->head = wire_writer_bytes(&w).size;
}

static void fold_subtree(const struct tally_package_job *job, struct tally_package *package)
{
    struct tally_hash hashes[TALLY_TILE_WIDTH];
    unsigned before = (unsigned)(job->first % TALLY_TILE_WIDTH);
    if (before > 0)
        memcpy(hashes, job->before, before * sizeof *hashes);
    memcpy(hashes + before, package->leaves, package->count * sizeof *hashes);
    merkle_fold(hashes, before + package->count, &package->subtree);
}

enum tally_drop tally_package_open(const struct tally_package_job *job, struct tally_bytes compact,
                                   const struct tally_crypto *crypto, struct tally_package *package)
{
    assert(tally_package_range(job->first, job->end));
    assert(tally_namespace_valid(bytes_text(job->name_space)));
    struct opener o;
    o.job = job;
    o.crypto = crypto;
    o.package = package;
    memset(&o.receipt, 0, sizeof o.receipt);
    o.receipt.sequence = job->first;
    package->entries_size = package->bodies_size = 0;
    package->large_count = 0;
    package->count = (unsigned)(job->end - job->first);
    open_head(&o, compact);
    for (unsigned i = 0; i < package->count; i++) {
        enum tally_drop drop = open_receipt(&o, i);
        if (drop != TALLY_DROP_NONE)
            return drop;
    }
    if (!wire_reader_done(&o.r) || o.types.used != o.types.count ||
        o.profiles.used != o.profiles.count)
        return TALLY_DROP_MALFORMED;
    package->last = o.receipt.previous;
    fold_subtree(job, package);
    return TALLY_DROP_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/log/bundle.h"
#include "core/log/envelope.h"
#include "core/log/package.h"
#include "core/wire/writer.h"

#include <assert.h>

/* The run as a whole: what the receipts have in common, and their names. */
struct run {
    struct tally_receipt first;
    struct package_names types, profiles;
};

static void add_name(struct package_names *table, struct tally_bytes name)
{
    if (table->count < PACKAGE_NAMES_MAX && package_names_find(table, name) == table->count)
        table->names[table->count++] = name;
}

/* Whether the entries are [first, end) of one log. Hashes are not computed again: what is stored
   was verified, and the receiver verifies what it gets. */
static bool survey(uint64_t first, uint64_t end, struct tally_bytes entries, struct run *run)
{
    for (uint64_t i = first; i < end; i++) {
        struct tally_receipt receipt;
        struct tally_bytes envelope;
        if (!bundle_take_entry(&entries, &envelope) ||
            tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE || receipt.sequence != i)
            return false;
        if (i == first)
            run->first = receipt;
        if (!key_equal(&receipt.issuer, &run->first.issuer) ||
            !bytes_equal(receipt.name_space, run->first.name_space))
            return false;
        add_name(&run->types, receipt.type);
        add_name(&run->profiles, receipt.profile);
    }
    return entries.size == 0;
}

static void write_names(struct wire_writer *w, const struct package_names *table)
{
    wire_write_array(w, table->count);
    for (uint32_t i = 0; i < table->count; i++)
        wire_write_str(w, table->names[i]);
}

static void write_name(struct wire_writer *w, const struct package_names *table,
                       struct tally_bytes name)
{
    uint32_t index = package_names_find(table, name);
    if (index < table->count)
        wire_write_uint(w, index);
    else
        wire_write_str(w, name);
}

/* False if it is not the body that the receipt speaks of. */
static bool write_body(struct wire_writer *w, const struct tally_receipt *receipt,
                       struct tally_bytes body)
{
    bool small = receipt->body_size <= TALLY_BODY_INLINE_MAX;
    bool pruned = !body.data && receipt->body_size > 0 &&
                  !bytes_equal(receipt->name_space, bytes_text(TALLY_STATEMENTS));
    if (small && !pruned) {
        wire_write_bin(w, body);
        return body.data && body.size == receipt->body_size;
    }
    wire_write_array(w, 2);
    wire_write_fixed(w, receipt->body_hash.bytes, sizeof receipt->body_hash.bytes);
    wire_write_uint(w, receipt->body_size);
    return !body.data;
}

static bool write_receipt(struct wire_writer *w, const struct run *run, struct tally_bytes envelope,
                          struct tally_bytes body, struct tally_wall *time)
{
    struct tally_receipt receipt;
    enum tally_drop drop = tally_receipt_read(envelope, &receipt);
    assert(drop == TALLY_DROP_NONE); /* survey read it. */
    wire_write_array(w, PACKAGE_RECEIPT_FIELDS);
    wire_write_int(w, (int64_t)((uint64_t)receipt.time.us - (uint64_t)time->us));
    *time = receipt.time;
    write_name(w, &run->types, receipt.type);
    write_name(w, &run->profiles, receipt.profile);
    envelope_write_references(w, &receipt);
    bool good = write_body(w, &receipt, body);
    wire_write_fixed(w, receipt.signature.bytes, sizeof receipt.signature.bytes);
    return good;
}

enum tally_drop tally_package_write(uint64_t first, uint64_t end, struct tally_bytes entries,
                                    struct tally_bytes bodies, uint8_t *compact, size_t capacity,
                                    size_t *size)
{
    assert(tally_package_range(first, end));
    struct run run = {0};
    if (!survey(first, end, entries, &run))
        return TALLY_DROP_CHAIN;
    struct wire_writer w;
    wire_writer_init(&w, compact, capacity);
    wire_write_array(&w, PACKAGE_FIELDS);
    wire_write_int(&w, run.first.time.us);
    if (first == 0)
        wire_write_nil(&w);
    else
        wire_write_fixed(&w, run.first.previous.bytes, sizeof run.first.previous.bytes);
    write_names(&w, &run.types);
    write_names(&w, &run.profiles);
    wire_write_array(&w, (uint32_t)(end - first));
    struct tally_wall time = run.first.time;
    struct tally_bytes envelope, body;
    while (bundle_take_entry(&entries, &envelope))
        if (!bundle_take_body(&bodies, &body) || !write_receipt(&w, &run, envelope, body, &time))
            return TALLY_DROP_BODY;
    *size = wire_writer_bytes(&w).size;
    return bodies.size > 0 ? TALLY_DROP_BODY : *size == 0 ? TALLY_DROP_BUSY : TALLY_DROP_NONE;
}

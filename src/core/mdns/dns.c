/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mdns/dns.h"

#include "core/base/bytes.h"

#include <assert.h>

enum { POINTER = 0xc0, OFFSET_MAX = 0x3fff, TOP_BIT = 0x8000, RECORD_FIXED = 10 };

/* ---- Names. ---- */

void dns_name_make(struct dns_name *name, const char *text)
{
    name->size = 0;
    while (*text != '\0') {
        const char *dot = strchr(text, '.');
        size_t size = dot == NULL ? strlen(text) : (size_t)(dot - text);
        assert(size > 0 && size <= DNS_LABEL_MAX && name->size + size + 2 <= DNS_NAME_MAX);
        name->bytes[name->size++] = (uint8_t)size;
        memcpy(name->bytes + name->size, text, size);
        name->size = (uint8_t)(name->size + size);
        text += size;
        text += *text == '.';
    }
    name->bytes[name->size++] = 0;
}

void dns_name_join(struct dns_name *name, struct tally_bytes label, const char *rest)
{
    struct dns_name tail;
    dns_name_make(&tail, rest);
    assert(label.size > 0 && label.size <= DNS_LABEL_MAX);
    assert(label.size + 1 + tail.size <= DNS_NAME_MAX);
    name->bytes[0] = (uint8_t)label.size;
    memcpy(name->bytes + 1, label.data, label.size);
    memcpy(name->bytes + 1 + label.size, tail.bytes, tail.size);
    name->size = (uint8_t)(1 + label.size + tail.size);
}

/* Lengths are below 64 and letters are not: the whole name can be folded at once. */
static uint8_t fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

static bool equal_folded(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (fold(a[i]) != fold(b[i]))
            return false;
    return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return a->size == b->size && equal_folded(a->bytes, b->bytes, a->size);
}

struct tally_bytes dns_name_label(const struct dns_name *name)
{
    return bytes_of(name->bytes + 1, name->bytes[0]);
}

bool dns_name_follows(const struct dns_name *name, const struct dns_name *rest)
{
    size_t skip = (size_t)name->bytes[0] + 1;
    return skip > 1 && name->size - skip == rest->size &&
           equal_folded(name->bytes + skip, rest->bytes, rest->size);
}

/* ---- Reading. ---- */

static bool take(struct dns_reader *r, size_t size, const uint8_t **bytes)
{
    if (r->bad || r->size - r->at < size) {
        r->bad = true;
        return false;
    }
    *bytes = r->data + r->at;
    r->at += size;
    return true;
}

/*
 * RFC 1035 section 4.1.4. A pointer leads strictly before the place where the part it ends began,
 * so that no chain of them can turn in a circle; the count of steps bounds what a name costs.
 */
static bool name_read(struct dns_reader *r, struct dns_name *name)
{
    size_t at = r->at, begin = r->at;
    bool jumped = false;
    name->size = 0;
    for (unsigned step = 0; step < DNS_STEPS_MAX && at < r->size; step++) {
        size_t length = r->data[at++];
        if (length >= POINTER) {
            if (at == r->size)
                break;
            size_t target = (length & ~(size_t)POINTER) << 8 | r->data[at++];
            if (!jumped)
                r->at = at;
            jumped = true;
            if (target < DNS_HEADER || target >= begin)
                break;
            at = begin = target;
            continue;
        }
        /* Lengths from 64 on are kinds of labels that nobody has. */
        if (length > DNS_LABEL_MAX || r->size - at < length ||
            name->size + length + (length > 0 ? 2 : 1) > DNS_NAME_MAX)
            break;
        name->bytes[name->size++] = (uint8_t)length;
        if (length == 0) {
            if (!jumped)
                r->at = at;
            return true;
        }
        memcpy(name->bytes + name->size, r->data + at, length);
        name->size = (uint8_t)(name->size + length);
        at += length;
    }
    r->bad = true;
    return false;
}

bool dns_header_read(struct dns_reader *r, struct tally_bytes packet, struct dns_header *header)
{
    const uint8_t *bytes;
    *r = (struct dns_reader){.data = packet.data, .size = packet.size};
    if (!take(r, DNS_HEADER, &bytes))
        return false;
    header->id = be16_read(bytes);
    header->flags = be16_read(bytes + 2);
    size_t records = 0;
    for (unsigned i = 0; i < DNS_SECTIONS; i++) {
        header->counts[i] = be16_read(bytes + 4 + 2 * i);
        records += i == DNS_QUESTIONS ? 0 : header->counts[i];
    }
    r->bad = header->counts[DNS_QUESTIONS] > DNS_QUESTIONS_MAX || records > DNS_RECORDS_MAX;
    return !r->bad;
}

bool dns_question_read(struct dns_reader *r, struct dns_question *question)
{
    const uint8_t *bytes;
    if (r->bad || !name_read(r, &question->name) || !take(r, 4, &bytes))
        return false;
    question->type = be16_read(bytes);
    question->unicast = (be16_read(bytes + 2) & TOP_BIT) != 0;
    question->class = be16_read(bytes + 2) & (uint16_t)~TOP_BIT;
    return true;
}

bool dns_record_read(struct dns_reader *r, struct dns_record *record)
{
    const uint8_t *bytes;
    if (r->bad || !name_read(r, &record->name) || !take(r, RECORD_FIXED, &bytes))
        return false;
    record->type = be16_read(bytes);
    record->class = be16_read(bytes + 2) & (uint16_t)~TOP_BIT;
    record->ttl_s = be32_read(bytes + 4);
    record->data.size = be16_read(bytes + 8);
    return take(r, record->data.size, &record->data.data);
}

bool dns_target_read(const struct dns_reader *r, const struct dns_record *record,
                     struct dns_name *target)
{
    size_t at = (size_t)(record->data.data - r->data), end = at + record->data.size;
    /* What lies behind the record is not its own, what lies before it may be pointed to. */
    struct dns_reader inside = {.data = r->data, .size = end, .at = at};
    return name_read(&inside, target) && inside.at == end;
}

bool dns_text_next(struct tally_bytes *data, struct tally_bytes *string)
{
    if (data->size == 0 || data->size - 1 < data->data[0])
        return false;
    *string = bytes_of(data->data + 1, data->data[0]);
    *data = bytes_of(string->data + string->size, data->size - 1 - string->size);
    return true;
}

/* ---- Writing. ---- */

/* Room for so many bytes, or NULL. */
static uint8_t *grow(struct dns_writer *w, size_t size)
{
    if (w->full || w->capacity - w->size < size) {
        w->full = true;
        return NULL;
    }
    uint8_t *bytes = w->data + w->size;
    w->size += size;
    return bytes;
}

void dns_u16_write(struct dns_writer *w, uint16_t value)
{
    uint8_t *bytes = grow(w, 2);
    if (bytes != NULL)
        be16_write(bytes, value);
}

void dns_bytes_write(struct dns_writer *w, struct tally_bytes bytes)
{
    uint8_t *place = grow(w, bytes.size);
    if (place != NULL && bytes.size > 0)
        memcpy(place, bytes.data, bytes.size);
}

void dns_writer_init(struct dns_writer *w, uint8_t *data, size_t capacity, bool compress,
                     uint16_t id, uint16_t flags)
{
    assert(capacity >= DNS_HEADER);
    *w = (struct dns_writer){.data = data, .capacity = capacity, .compress = compress};
    memset(grow(w, DNS_HEADER), 0, DNS_HEADER);
    be16_write(data, id);
    be16_write(data + 2, flags);
}

/* Where an equal end of a name was written, or 0. Case is kept, so it must be the same. */
static size_t place_find(const struct dns_writer *w, const uint8_t *tail, size_t size)
{
    for (size_t i = 0; i < w->place_count; i++) {
        struct dns_reader r = {.data = w->data, .size = w->size, .at = w->places[i]};
        struct dns_name earlier;
        if (name_read(&r, &earlier) && earlier.size == size &&
            memcmp(earlier.bytes, tail, size) == 0)
            return w->places[i];
    }
    return 0;
}

void dns_name_write(struct dns_writer *w, const struct dns_name *name)
{
    size_t at = 0;
    while (name->bytes[at] != 0) {
        size_t place = w->compress ? place_find(w, name->bytes + at, name->size - at) : 0;
        if (place != 0) {
            dns_u16_write(w, (uint16_t)(POINTER << 8 | place));
            return;
        }
        if (w->place_count < DNS_PLACES && w->size <= OFFSET_MAX)
            w->places[w->place_count++] = (uint16_t)w->size;
        size_t size = (size_t)name->bytes[at] + 1;
        dns_bytes_write(w, bytes_of(name->bytes + at, size));
        at += size;
    }
    dns_bytes_write(w, bytes_of("", 1));
}

/* Last of all, so that a writer can be put back to before something that did not fit. */
static void count(struct dns_writer *w, enum dns_section section)
{
    uint8_t *place = w->data + 4 + 2 * section;
    if (!w->full)
        be16_write(place, (uint16_t)(be16_read(place) + 1));
}

void dns_question_write(struct dns_writer *w, const struct dns_name *name, enum dns_type type)
{
    dns_name_write(w, name);
    dns_u16_write(w, (uint16_t)type);
    dns_u16_write(w, DNS_CLASS_IN);
    count(w, DNS_QUESTIONS);
}

size_t dns_record_begin(struct dns_writer *w, const struct dns_name *name, enum dns_type type,
                        uint32_t ttl_s)
{
    dns_name_write(w, name);
    size_t begun = w->size;
    uint8_t *bytes = grow(w, RECORD_FIXED);
    if (bytes == NULL)
        return begun;
    be16_write(bytes, (uint16_t)type);
    be16_write(bytes + 2, DNS_CLASS_IN);
    be32_write(bytes + 4, ttl_s);
    return begun;
}

void dns_record_end(struct dns_writer *w, enum dns_section section, size_t begun)
{
    if (!w->full)
        be16_write(w->data + begun + 8, (uint16_t)(w->size - begun - RECORD_FIXED));
    count(w, section);
}

struct tally_bytes dns_writer_bytes(const struct dns_writer *w)
{
    return w->full ? bytes_of(w->data, 0) : bytes_of(w->data, w->size);
}

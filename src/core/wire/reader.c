/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/reader.h"

#include "core/base/bytes.h"

#include <assert.h>

/* First bytes of the MessagePack specification's formats. */
enum {
    FIX_ARRAY = 0x90,
    FIX_STR = 0xa0,
    NIL = 0xc0,
    FALSE = 0xc2,
    TRUE = 0xc3,
    BIN8 = 0xc4,
    UINT8 = 0xcc,
    INT8 = 0xd0,
    STR8 = 0xd9,
    ARRAY16 = 0xdc,
    ARRAY32 = 0xdd,
    FIX_NEGATIVE = 0xe0,
};

void wire_reader_init(struct wire_reader *r, struct tally_bytes bytes)
{
    static const uint8_t nothing[1];
    *r =
        (struct wire_reader){.data = bytes.data == NULL ? nothing : bytes.data, .size = bytes.size};
}

bool wire_reader_good(const struct wire_reader *r)
{
    return !r->failed;
}

bool wire_reader_done(const struct wire_reader *r)
{
    if (r->failed || r->at != r->size)
        return false;
    for (size_t i = 0; i < r->depth; i++)
        if (r->left[i] != 0)
            return false;
    return true;
}

void wire_reader_fail(struct wire_reader *r)
{
    r->failed = true;
}

size_t wire_reader_mark(const struct wire_reader *r)
{
    return r->at;
}

struct tally_bytes wire_reader_since(const struct wire_reader *r, size_t mark)
{
    assert(mark <= r->at);
    if (r->failed)
        return (struct tally_bytes){0};
    return bytes_of(r->data + mark, r->at - mark);
}

/* The next size bytes, or NULL. */
static const uint8_t *take(struct wire_reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->data + r->at;
    r->at += size;
    return bytes;
}

/* The first byte of the next item, counted in the innermost array that still has items to come. */
static const uint8_t *take_item(struct wire_reader *r)
{
    const uint8_t *first = take(r, 1);
    while (r->depth > 0 && r->left[r->depth - 1] == 0)
        r->depth--;
    if (r->depth > 0)
        r->left[r->depth - 1]--;
    return first;
}

/* A big-endian number of 1, 2, 4 or 8 bytes, refused if a shorter form would have held it. */
static uint64_t take_number(struct wire_reader *r, size_t width, uint64_t least)
{
    const uint8_t *bytes = take(r, width);
    if (bytes == NULL)
        return 0;
    uint64_t value = width == 1   ? bytes[0]
                     : width == 2 ? be16_read(bytes)
                     : width == 4 ? be32_read(bytes)
                                  : be64_read(bytes);
    if (value < least) {
        r->failed = true;
        return 0;
    }
    return value;
}

/* The least number that needs 1, 2, 4 or 8 bytes behind the first, given what the first holds. */
static uint64_t least_of_width(size_t width, uint64_t first_holds)
{
    return width == 1 ? first_holds + 1 : (uint64_t)1 << (width * 4);
}

/* What follows one of the first bytes base, base + 1, ... for widths 1, 2, 4, ... */
static uint64_t take_wide(struct wire_reader *r, unsigned step, uint64_t first_holds)
{
    size_t width = (size_t)1 << step;
    return take_number(r, width, least_of_width(width, first_holds));
}

uint32_t wire_read_array(struct wire_reader *r, uint32_t least, uint32_t most)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return 0;
    uint64_t count = 0;
    if ((*first & 0xf0) == FIX_ARRAY)
        count = *first & 0x0f;
    else if (*first == ARRAY16)
        count = take_number(r, 2, 16);
    else if (*first == ARRAY32)
        count = take_number(r, 4, 1 << 16);
    else
        r->failed = true;
    /* An item is a byte at least, so no count promises more than there is. */
    if (count < least || count > most || count > r->size - r->at || r->depth == WIRE_DEPTH_MAX)
        r->failed = true;
    if (r->failed)
        return 0;
    r->left[r->depth++] = (uint32_t)count;
    return (uint32_t)count;
}

uint64_t wire_read_uint(struct wire_reader *r, uint64_t least, uint64_t most)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return 0;
    uint64_t value = *first;
    if (*first >= UINT8 && *first < UINT8 + 4)
        value = take_wide(r, *first - UINT8, 0x7f);
    else if (*first > 0x7f)
        r->failed = true;
    if (value < least || value > most)
        r->failed = true;
    return r->failed ? 0 : value;
}

/* The negative integer behind one of the first bytes INT8.. for widths 1, 2, 4, 8. */
static int64_t take_negative(struct wire_reader *r, unsigned step)
{
    size_t width = (size_t)1 << step;
    uint64_t raw = take_number(r, width, 0);
    uint64_t sign = (uint64_t)1 << (width * 8 - 1);
    int64_t value = (int64_t)((raw ^ sign) - sign);
    int64_t greatest = width == 1 ? -33 : -1 - ((int64_t)1 << (width * 4 - 1));
    if (value > greatest)
        r->failed = true;
    return value;
}

int64_t wire_read_int(struct wire_reader *r, int64_t least, int64_t most)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return 0;
    int64_t value = *first;
    if (*first >= UINT8 && *first < UINT8 + 4) {
        uint64_t wide = take_wide(r, *first - UINT8, 0x7f);
        if (wide > INT64_MAX)
            r->failed = true;
        value = r->failed ? 0 : (int64_t)wide;
    } else if (*first >= INT8 && *first < INT8 + 4) {
        value = take_negative(r, *first - INT8);
    } else if (*first >= FIX_NEGATIVE) {
        value = (int64_t)*first - 256;
    } else if (*first > 0x7f) {
        r->failed = true;
    }
    if (value < least || value > most)
        r->failed = true;
    return r->failed ? 0 : value;
}

bool wire_read_bool(struct wire_reader *r)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return false;
    if (*first != TRUE && *first != FALSE)
        r->failed = true;
    return *first == TRUE;
}

void wire_read_nil(struct wire_reader *r)
{
    const uint8_t *first = take_item(r);
    if (first != NULL && *first != NIL)
        r->failed = true;
}

bool wire_read_if_nil(struct wire_reader *r)
{
    if (r->failed || r->at == r->size || r->data[r->at] != NIL)
        return false;
    take_item(r);
    return true;
}

struct tally_bytes wire_read_bin(struct wire_reader *r, size_t least, size_t most)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return (struct tally_bytes){0};
    uint64_t size = 0;
    if (*first == BIN8)
        size = take_number(r, 1, 0);
    else if (*first == BIN8 + 1 || *first == BIN8 + 2)
        size = take_wide(r, *first - BIN8, 0);
    else
        r->failed = true;
    if (size < least || size > most)
        r->failed = true;
    const uint8_t *bytes = take(r, (size_t)size);
    return bytes == NULL ? (struct tally_bytes){0} : bytes_of(bytes, (size_t)size);
}

void wire_read_fixed(struct wire_reader *r, uint8_t *out, size_t size)
{
    struct tally_bytes bytes = wire_read_bin(r, size, size);
    if (bytes.data != NULL)
        memcpy(out, bytes.data, size);
    else
        memset(out, 0, size);
}

/* How many bytes the character at the front has, 0 if it is not one (RFC 3629 section 4). */
static size_t utf8_character(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t size = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool above = p[0] == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || above ? 0 : size;
}

static bool utf8_good(struct tally_bytes text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_character(text.data + at, text.size - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

struct tally_bytes wire_read_str(struct wire_reader *r, size_t least, size_t most)
{
    const uint8_t *first = take_item(r);
    if (first == NULL)
        return (struct tally_bytes){0};
    uint64_t size = 0;
    if ((*first & 0xe0) == FIX_STR)
        size = *first & 0x1f;
    else if (*first >= STR8 && *first < STR8 + 3)
        size = take_wide(r, *first - STR8, 31);
    else
        r->failed = true;
    if (size < least || size > most)
        r->failed = true;
    const uint8_t *bytes = take(r, (size_t)size);
    if (bytes == NULL)
        return (struct tally_bytes){0};
    struct tally_bytes text = bytes_of(bytes, (size_t)size);
    if (!utf8_good(text)) {
        r->failed = true;
        return (struct tally_bytes){0};
    }
    return text;
}

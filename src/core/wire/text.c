/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/text.h"

#include "core/base/bytes.h"

#include <assert.h>

enum { SHOWN_MAX = 64 };

static const char digits[] = "0123456789abcdef";

void wire_text_init(struct wire_text *t, char *data, size_t size)
{
    assert(size > 0);
    *t = (struct wire_text){.data = data, .size = size};
    data[0] = '\0';
}

static void put(struct wire_text *t, char c)
{
    if (t->used + 1 >= t->size) {
        t->cut = true;
        return;
    }
    t->data[t->used++] = c;
    t->data[t->used] = '\0';
}

void wire_text_add(struct wire_text *t, const char *text)
{
    while (*text != '\0')
        put(t, *text++);
}

void wire_text_uint(struct wire_text *t, uint64_t value)
{
    char reversed[20];
    size_t count = 0;
    do
        reversed[count++] = digits[value % 10];
    while ((value /= 10) != 0);
    while (count > 0)
        put(t, reversed[--count]);
}

void wire_text_int(struct wire_text *t, int64_t value)
{
    if (value < 0)
        put(t, '-');
    wire_text_uint(t, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void put_byte(struct wire_text *t, uint8_t byte)
{
    put(t, digits[byte >> 4]);
    put(t, digits[byte & 15]);
}

void wire_text_hex(struct wire_text *t, struct tally_bytes bytes)
{
    for (size_t i = 0; i < bytes.size && i < SHOWN_MAX; i++)
        put_byte(t, bytes.data[i]);
    if (bytes.size <= SHOWN_MAX)
        return;
    wire_text_add(t, "...(");
    wire_text_uint(t, bytes.size);
    put(t, ')');
}

void wire_text_quote(struct wire_text *t, struct tally_bytes text)
{
    put(t, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            put(t, (char)c);
            continue;
        }
        wire_text_add(t, "\\x");
        put_byte(t, c);
    }
    put(t, '"');
}

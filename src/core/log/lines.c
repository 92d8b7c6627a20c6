/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/lines.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"

void lines_init(struct lines *lines, uint8_t *data, size_t capacity)
{
    *lines = (struct lines){.data = data, .capacity = capacity};
}

size_t lines_size(const struct lines *lines)
{
    return lines->failed ? 0 : lines->size;
}

/* Room for so many bytes more, or NULL. */
static uint8_t *grow(struct lines *lines, size_t size)
{
    if (lines->failed || size > lines->capacity - lines->size) {
        lines->failed = true;
        return NULL;
    }
    uint8_t *at = lines->data + lines->size;
    lines->size += size;
    return at;
}

void lines_bytes(struct lines *lines, struct tally_bytes bytes)
{
    uint8_t *at = grow(lines, bytes.size);
    if (at && bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
}

void lines_text(struct lines *lines, const char *text)
{
    lines_bytes(lines, bytes_text(text));
}

void lines_number(struct lines *lines, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    lines_bytes(lines, bytes_of(digits + at, sizeof digits - at));
}

void lines_base64(struct lines *lines, struct tally_bytes bytes)
{
    uint8_t *at = grow(lines, BASE64_SIZE(bytes.size));
    if (at)
        base64_write(bytes, (char *)at);
}

void lines_hash(struct lines *lines, const struct tally_hash *hash)
{
    lines_base64(lines, bytes_of(hash->bytes, sizeof hash->bytes));
    lines_text(lines, "\n");
}

bool lines_take_until(struct tally_bytes *rest, char end, struct tally_bytes *field)
{
    const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->data, end, rest->size);
    if (!at)
        return false;
    *field = bytes_of(rest->data, (size_t)(at - rest->data));
    *rest = bytes_of(at + 1, rest->size - field->size - 1);
    return true;
}

bool lines_take(struct tally_bytes *rest, struct tally_bytes *line)
{
    return lines_take_until(rest, '\n', line);
}

bool lines_take_bytes(struct tally_bytes *rest, uint64_t size, struct tally_bytes *bytes)
{
    if (size > rest->size)
        return false;
    *bytes = bytes_of(rest->data, (size_t)size);
    *rest = bytes_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

bool lines_take_text(struct tally_bytes *rest, const char *text)
{
    struct tally_bytes ahead = *rest, front;
    if (!lines_take_bytes(&ahead, strlen(text), &front) || !bytes_equal(front, bytes_text(text)))
        return false;
    *rest = ahead;
    return true;
}

bool lines_read_number(struct tally_bytes field, uint64_t *value)
{
    /* 19 digits hold every number below 2^63, and no more than 64 bits. */
    if (field.size == 0 || field.size > 19 || (field.data[0] == '0' && field.size > 1))
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < field.size; i++) {
        if (field.data[i] < '0' || field.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(field.data[i] - '0');
    }
    *value = number;
    return number <= INT64_MAX;
}

bool lines_read_hash(struct tally_bytes field, struct tally_hash *hash)
{
    size_t count;
    return field.size == BASE64_SIZE(sizeof hash->bytes) &&
           base64_read((const char *)field.data, field.size, hash->bytes, sizeof hash->bytes,
                       &count) &&
           count == sizeof hash->bytes;
}

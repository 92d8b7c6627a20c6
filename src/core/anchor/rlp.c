/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/rlp.h"

#include "core/base/bytes.h"

/* Above so many bytes the length has a length of its own. */
enum { SHORT_MAX = 55 };

/* A length of `width` bytes: shortest, so it begins with no zero and is above 55. */
static bool read_length(struct tally_bytes bytes, size_t width, size_t *length)
{
    if (width > sizeof(uint32_t) || bytes.size < width || bytes.data[0] == 0)
        return false;
    *length = 0;
    for (size_t i = 0; i < width; i++)
        *length = *length << 8 | bytes.data[i];
    return *length > SHORT_MAX;
}

bool rlp_take(struct tally_bytes *rest, struct rlp_item *item)
{
    if (rest->size == 0)
        return false;
    uint8_t first = rest->data[0];
    size_t head = 1, length = 0;
    item->list = first >= 0xc0;
    if (first < 0x80) {
        head = 0;
        length = 1;
    } else {
        length = (size_t)first - (item->list ? 0xc0 : 0x80);
        if (length > SHORT_MAX) {
            head += length - SHORT_MAX;
            if (!read_length(bytes_of(rest->data + 1, rest->size - 1), head - 1, &length))
                return false;
        }
    }
    if (length > rest->size - head)
        return false;
    item->body = bytes_of(rest->data + head, length);
    item->whole = bytes_of(rest->data, head + length);
    /* A single byte below 0x80 is its own encoding. */
    if (!item->list && head == 1 && length == 1 && item->body.data[0] < 0x80)
        return false;
    *rest = bytes_of(rest->data + head + length, rest->size - head - length);
    return true;
}

bool rlp_good(struct tally_bytes bytes)
{
    struct tally_bytes rests[RLP_DEPTH_MAX + 1] = {bytes};
    struct rlp_item item;
    size_t depth = 0, count = 0;
    for (;;) {
        if (rests[depth].size == 0) {
            if (depth == 0)
                return count == 1;
            depth--;
            continue;
        }
        if (!rlp_take(&rests[depth], &item))
            return false;
        count += depth == 0;
        if (item.list && item.body.size > 0) {
            if (depth == RLP_DEPTH_MAX)
                return false;
            rests[++depth] = item.body;
        }
    }
}

size_t rlp_list(struct tally_bytes bytes, struct rlp_item *items, size_t most)
{
    struct rlp_item list;
    size_t count = 0;
    if (!rlp_take(&bytes, &list) || !list.list || bytes.size > 0)
        return SIZE_MAX;
    for (struct tally_bytes rest = list.body; rest.size > 0; count++)
        if (count == most || !rlp_take(&rest, &items[count]))
            return SIZE_MAX;
    return count;
}

bool rlp_number(const struct rlp_item *item, uint64_t *number)
{
    *number = 0;
    if (item->list || item->body.size > sizeof *number ||
        (item->body.size > 0 && item->body.data[0] == 0))
        return false;
    for (size_t i = 0; i < item->body.size; i++)
        *number = *number << 8 | item->body.data[i];
    return true;
}

size_t rlp_write_number(uint64_t number, uint8_t bytes[9])
{
    size_t width = 0;
    while (width < 8 && number >> 8 * width != 0)
        width++;
    if (width == 1 && number < 0x80) {
        bytes[0] = (uint8_t)number;
        return 1;
    }
    bytes[0] = (uint8_t)(0x80 + width);
    for (size_t i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(number >> 8 * (width - 1 - i));
    return 1 + width;
}

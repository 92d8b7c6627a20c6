/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/ip.h"

#include "core/base/bytes.h"

bool decimal_parse(struct tally_bytes text, uint32_t greatest, uint32_t *value)
{
    uint64_t sum = 0;
    if (text.size == 0 || text.size > 10 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text.data[i] - '0');
    }
    *value = (uint32_t)sum;
    return sum <= greatest;
}

size_t decimal_print(uint32_t value, char *text)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
    } while ((value /= 10) > 0);
    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    text[count] = '\0';
    return count;
}

bool ip4_parse(struct tally_bytes text, uint8_t ip[4])
{
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t begin = at;
        uint32_t part;
        while (at < text.size && text.data[at] != '.')
            at++;
        if (!decimal_parse(bytes_of(text.data + begin, at - begin), 255, &part))
            return false;
        ip[i] = (uint8_t)part;
        /* A dot after each but the last. */
        if (i < 3 ? at++ == text.size : at != text.size)
            return false;
    }
    return true;
}

size_t ip4_print(const uint8_t ip[4], char text[IP4_TEXT_MAX])
{
    size_t size = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            text[size++] = '.';
        size += decimal_print(ip[i], text + size);
    }
    return size;
}

static bool group_parse(const uint8_t *text, size_t size, uint8_t *out)
{
    unsigned value = 0;
    if (size == 0 || size > 4)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i] >= 'A' && text[i] <= 'F' ? (uint8_t)(text[i] + 32) : text[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    be16_write(out, (uint16_t)value);
    return true;
}

/* Groups between colons into out; the last may be dotted decimal. *size is bytes, at most 16. */
static bool groups_parse(struct tally_bytes text, uint8_t *out, size_t *size)
{
    *size = 0;
    for (size_t at = 0; text.size > 0; at++) {
        size_t begin = at;
        while (at < text.size && text.data[at] != ':')
            at++;
        const struct tally_bytes group = {text.data + begin, at - begin};
        bool last = at == text.size;
        if (*size <= 14 && group_parse(group.data, group.size, out + *size))
            *size += 2;
        else if (*size <= 12 && last && ip4_parse(group, out + *size))
            *size += 4;
        else
            return false;
        if (last)
            return true;
    }
    return true;
}

bool ip6_parse(struct tally_bytes text, uint8_t ip[16])
{
    uint8_t tail[16];
    size_t gap = 0, before, after;
    while (gap + 1 < text.size && !(text.data[gap] == ':' && text.data[gap + 1] == ':'))
        gap++;
    if (gap + 1 >= text.size)
        return groups_parse(text, ip, &before) && before == 16;
    if (!groups_parse(bytes_of(text.data, gap), ip, &before) ||
        !groups_parse(bytes_of(text.data + gap + 2, text.size - gap - 2), tail, &after))
        return false;
    /* "::" stands for one group of zeros at least; dotted decimal is at the very end only. */
    if (before + after > 14 || memchr(text.data, '.', gap) != NULL)
        return false;
    memset(ip + before, 0, 16 - before - after);
    memcpy(ip + 16 - after, tail, after);
    return true;
}

/* RFC 5952 section 4.2.3: the longest run of zero groups, the first of equals, never one alone. */
static void longest_zeros(const uint8_t ip[16], unsigned *first, unsigned *count)
{
    *first = 8;
    *count = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned run = 0;
        while (i + run < 8 && be16_read(ip + 2 * (size_t)(i + run)) == 0)
            run++;
        if (run > *count) {
            *first = i;
            *count = run;
        }
    }
}

size_t ip6_print(const uint8_t ip[16], char text[IP6_TEXT_MAX])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const char hex[] = "0123456789abcdef";
    unsigned first, count;
    size_t size = 0;
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        memcpy(text, "::ffff:", 7);
        return 7 + ip4_print(ip + 12, text + 7);
    }
    longest_zeros(ip, &first, &count);
    for (unsigned i = 0; i < 8; i++) {
        if (i == first) {
            text[size++] = ':';
            text[size++] = ':';
            i += count - 1;
            continue;
        }
        if (size > 0 && text[size - 1] != ':')
            text[size++] = ':';
        unsigned value = be16_read(ip + 2 * (size_t)i);
        for (unsigned shift = 16; shift > 0; shift -= 4)
            if (shift == 4 || value >> (shift - 4) != 0)
                text[size++] = hex[value >> (shift - 4) & 15];
    }
    text[size] = '\0';
    return size;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/print.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "tally/log.h"

#include <stdlib.h>
#include <time.h>

/* Bytes of the UTF-8 character at p (RFC 3629), 0 if there is none. */
static size_t character(const uint8_t *p, size_t size)
{
    if (p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                    : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                   : 0;
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

void print_escaped(FILE *file, const char *text, size_t size)
{
    const uint8_t *p = (const uint8_t *)text;
    while (size > 0) {
        size_t length = character(p, size);
        /* C0, DEL, and C1 (c2 80 .. c2 9f), which terminals obey too. */
        bool control =
            length == 0 || *p < 0x20 || *p == 0x7f || (length == 2 && p[0] == 0xc2 && p[1] < 0xa0);
        if (control) {
            (void)fprintf(file, "\\x%02x", *p);
            length = 1;
        } else {
            (void)fwrite(p, 1, length, file);
        }
        p += length;
        size -= length;
    }
}

bool print_bytes_are_text(struct tally_bytes bytes)
{
    for (size_t at = 0, length; at < bytes.size; at += length) {
        length = character(bytes.data + at, bytes.size - at);
        if (length == 0 || bytes.data[at] == 0)
            return false;
    }
    return true;
}

bool print_utf8(const char *text)
{
    return print_bytes_are_text(bytes_text(text));
}

void print_json(json_t *value)
{
    if (value == NULL || json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        (void)fprintf(stderr, "tally: the answer cannot be written as JSON\n");
    else
        (void)fputc('\n', stdout);
    json_decref(value);
}

json_t *print_object(const char *schema)
{
    char name[64];
    (void)snprintf(name, sizeof name, "tally/%s", schema);
    return json_pack("{s:s}", "schema", name);
}

json_t *print_json_text(struct tally_bytes text)
{
    if (!print_bytes_are_text(text))
        return json_null();
    return json_stringn((const char *)text.data, text.size);
}

json_t *print_json_hash(const struct tally_hash *hash)
{
    char text[PRINT_HASH];
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), text);
    return json_string(text);
}

json_t *print_json_base64(struct tally_bytes bytes)
{
    size_t size = BASE64_SIZE(bytes.size);
    char *text = malloc(size + 1);
    if (text == NULL)
        return NULL;
    base64_write(bytes, text);
    json_t *value = json_stringn(text, size);
    free(text);
    return value;
}

void print_time(struct tally_wall wall, char text[PRINT_TIME])
{
    int64_t micros = wall.us % 1000000;
    time_t seconds = (time_t)(wall.us / 1000000);
    struct tm parts;
    char whole[32] = "";
    if (micros < 0) {
        micros += 1000000;
        seconds--;
    }
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(text, PRINT_TIME, "%lld us", (long long)wall.us);
        return;
    }
    (void)snprintf(text, PRINT_TIME, "%s.%06dZ", whole, (int)micros);
}

json_t *print_json_did(const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    if (key == NULL)
        return json_null();
    tally_did_write(key, did);
    return json_string(did);
}

json_t *print_json_time(struct tally_wall wall)
{
    char time[PRINT_TIME];
    print_time(wall, time);
    return json_string(time);
}

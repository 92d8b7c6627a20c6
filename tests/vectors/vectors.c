/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *vectors_path(const char *name)
{
    static char path[4096];
    const char *shared = getenv("TALLY_SHARED");
    snprintf(path, sizeof path, "%s/vectors/%s", shared ? shared : "../shared", name);
    return path;
}

void vectors_or_skip(void)
{
    if (access(vectors_path("README.md"), R_OK) == 0)
        return;
    puts("1..0 # SKIP the folder of foreign vectors is not there (TALLY_SHARED)");
    exit(0);
}

json_t *vectors_json(const char *name)
{
    json_error_t error;
    json_t *root = json_load_file(vectors_path(name), 0, &error);
    if (!root)
        fail_msg("%s: %s", name, error.text);
    return root;
}

char *vectors_bytes(const char *name, size_t *size)
{
    FILE *file = fopen(vectors_path(name), "rb");
    if (!file)
        fail_msg("%s is not there", name);
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)end + 1);
    *size = fread(bytes, 1, (size_t)end, file);
    assert_int_equal(*size, end);
    bytes[end] = 0;
    fclose(file);
    return bytes;
}

const char *vectors_text(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    if (!text)
        fail_msg("no text «%s»", member);
    return text;
}

struct tally_bytes vectors_text_bytes(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    assert_true(json_is_string(value));
    return bytes_of(json_string_value(value), json_string_length(value));
}

size_t vectors_hex(const json_t *object, const char *member, uint8_t *bytes, size_t capacity)
{
    const char *text = vectors_text(object, member);
    size_t size = strlen(text) / 2;
    assert_true(size <= capacity);
    assert_true(hex_read(text, bytes, size));
    return size;
}

uint64_t vectors_number(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

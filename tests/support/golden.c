/* SPDX-License-Identifier: Apache-2.0 */
#include "support/golden.h"

#include "core/base/hex.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

/* The bytes of «93 5a*1000», to be freed. */
static uint8_t *bytes_read(const char *path, const char *text, size_t *size)
{
    size_t capacity = 64;
    uint8_t *bytes = malloc(capacity);
    *size = 0;
    while (*text != '\0') {
        size_t digits = strcspn(text, " *");
        size_t times = text[digits] == '*' ? strtoul(text + digits + 1, NULL, 10) : 1;
        char *word = strndup(text, digits);
        while (capacity < *size + digits / 2 * times)
            bytes = realloc(bytes, capacity *= 2);
        for (size_t i = 0; i < times; i++, *size += digits / 2)
            if (!hex_read(word, bytes + *size, digits / 2))
                stop(path, text);
        free(word);
        text += digits + strcspn(text + digits, " ");
        text += strspn(text, " ");
    }
    return bytes;
}

static size_t visit_list(const char *path, json_t *entry, const char *verdict, golden_visit *visit,
                         void *context)
{
    size_t i;
    json_t *pair, *list = json_object_get(entry, verdict);
    json_array_foreach(list, i, pair)
    {
        struct golden golden = {
            .message = json_string_value(json_object_get(entry, "message")),
            .what = json_string_value(json_array_get(pair, 0)),
            .verdict = verdict,
        };
        const char *text = json_string_value(json_array_get(pair, 1));
        if (golden.message == NULL || golden.what == NULL || text == NULL)
            stop(path, "a vector is not [what, bytes]");
        uint8_t *bytes = bytes_read(path, text, &golden.bytes.size);
        golden.bytes.data = bytes;
        visit(context, &golden);
        free(bytes);
    }
    return json_array_size(list);
}

size_t golden_each(const char *path, golden_visit *visit, void *context)
{
    json_error_t error;
    json_t *entry, *root = json_load_file(path, 0, &error);
    if (root == NULL)
        stop(path, error.text);
    size_t i, count = 0;
    json_array_foreach(json_object_get(root, "messages"), i, entry)
    {
        count += visit_list(path, entry, "good", visit, context);
        count += visit_list(path, entry, "malformed", visit, context);
        count += visit_list(path, entry, "unknown", visit, context);
    }
    json_decref(root);
    return count;
}

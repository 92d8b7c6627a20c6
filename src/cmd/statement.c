/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/statement.h"

#include "cmd/print.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "tally/log.h"

#include <stdlib.h>

enum { COLUMN = 18 }; /* Width of the names of members. */

json_t *statement_object(struct tally_bytes name_space, struct tally_bytes type,
                         struct tally_bytes body)
{
    if (!bytes_equal(name_space, bytes_text(TALLY_STATEMENTS)))
        return NULL;
    for (const struct statement_form *form = statement_forms; form->type != NULL; form++)
        if (bytes_equal(type, bytes_text(form->type)))
            return form->show(body);
    return NULL;
}

static void print_value(const json_t *value)
{
    if (json_is_string(value) && json_string_length(value) > 0)
        print_escaped(stdout, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        (void)printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        (void)fputs(json_is_true(value) ? "yes" : "no", stdout);
    else
        (void)fputc('-', stdout);
}

static void print_members(const json_t *object, int indent);

static void print_member(const char *name, const json_t *value, int indent)
{
    size_t index;
    const json_t *item;
    if (json_is_object(value)) {
        (void)printf("%*s%s\n", indent, "", name);
        print_members(value, indent + 2);
        return;
    }
    (void)printf("%*s%-*s ", indent, "", COLUMN - indent, name);
    if (json_is_array(value))
        json_array_foreach(value, index, item)
        {
            (void)fputs(index > 0 ? ", " : "", stdout);
            print_value(json_is_object(item) ? json_object_get(item, "origin") : item);
            if (json_is_object(item))
                (void)printf(" to %" JSON_INTEGER_FORMAT,
                             json_integer_value(json_object_get(item, "size")));
        }
    else
        print_value(value);
    (void)fputc('\n', stdout);
}

static void print_members(const json_t *object, int indent)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) print_member(name, value, indent);
}

void statement_print(const json_t *statement)
{
    (void)printf("says\n");
    print_members(statement, 2);
}

json_t *statement_hex(struct tally_bytes bytes)
{
    char hex[2 * sizeof(struct tally_signature) + 1];
    if (bytes.size > sizeof(struct tally_signature))
        return NULL;
    hex_write(bytes, hex);
    return json_string(hex);
}

json_t *statement_text(struct tally_bytes text)
{
    return print_bytes_are_text(text) ? print_json_text(text) : print_json_base64(text);
}

json_t *statement_roles(uint8_t roles)
{
    json_t *list = json_array();
    for (unsigned bit = 0; bit < 3; bit++) {
        char name[TALLY_ROLES_TEXT];
        uint8_t role = (uint8_t)(1u << bit);
        if ((roles & role) == 0)
            continue;
        tally_roles_write(role, name);
        (void)json_array_append_new(list, json_string(name));
    }
    return list;
}

json_t *statement_time(uint64_t us)
{
    return print_json_time((struct tally_wall){.us = (int64_t)us});
}

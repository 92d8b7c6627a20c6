/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PRINT_H
#define CMD_PRINT_H
/* What goes to people and programs: text that strangers wrote is escaped, JSON is one object. */
#include "tally/types.h"
#include <jansson.h>
#include <stdio.h>

enum { PRINT_HASH = 65, PRINT_TIME = 40 };

/* Text from outside: control characters and what is not UTF-8 become \xNN. */
void print_escaped(FILE *file, const char *text, size_t size);

/* Whether it is well-formed UTF-8 (RFC 3629) without NUL. */
bool print_utf8(const char *text);
bool print_bytes_are_text(struct tally_bytes bytes);

/* Prints a value and ends its life; NULL (no memory) is said so. */
void print_json(json_t *value);

/* An object with its schema: "tally/<name>". */
json_t *print_object(const char *schema);

/* A view as a JSON string; what is not text becomes null. */
json_t *print_json_text(struct tally_bytes text);
json_t *print_json_hash(const struct tally_hash *hash);
json_t *print_json_base64(struct tally_bytes bytes);
json_t *print_json_did(const struct tally_key *key); /* NULL: null. */
json_t *print_json_time(struct tally_wall wall);

/* RFC 3339 in UTC with microseconds. */
void print_time(struct tally_wall wall, char text[PRINT_TIME]);

#endif

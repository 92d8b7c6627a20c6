/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_STATEMENT_H
#define CMD_STATEMENT_H
/* What a statement says, for people and programs: the members of proto/federation.cddl by their
   names. The readers are generated from it (statements.c, by tools/schema_json.py). */
#include "tally/discrepancy.h"
#include "tally/federation.h"
#include <jansson.h>

/* By the type of a receipt; ends with a type of NULL. show: a new object, NULL if the body is not
   of the one form that is allowed. */
struct statement_form {
    const char *type;
    json_t *(*show)(struct tally_bytes body);
};
extern const struct statement_form statement_forms[];

/* A new object; NULL if a receipt of that type there is no statement that this version reads. */
json_t *statement_object(struct tally_bytes name_space, struct tally_bytes type,
                         struct tally_bytes body);

/* A line a member, what is inside another one further to the right. */
void statement_print(const json_t *statement);

/* Of the generated readers. */
json_t *statement_hex(struct tally_bytes bytes);
json_t *statement_text(struct tally_bytes text); /* In base64 if it is none. */
json_t *statement_roles(uint8_t roles);
json_t *statement_time(uint64_t us); /* Microseconds since 1970 UTC; to RFC 3339. */

#endif

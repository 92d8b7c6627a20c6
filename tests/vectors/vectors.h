/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VECTORS_H
#define VECTORS_H
/* Foreign test vectors: JSON files below the folder that TALLY_SHARED names. */
#include "tally/types.h"

#include <jansson.h>

/* Ends the program with `1..0 # SKIP` if the folder of vectors is not there. */
void vectors_or_skip(void);

/* Path of a file of the vectors in a buffer that the next call overwrites. */
const char *vectors_path(const char *name);

/* The file as JSON, or its bytes (malloc, *size without the NUL behind them); the test fails if it
   is not there. */
json_t *vectors_json(const char *name);
char *vectors_bytes(const char *name, size_t *size);

/* A string member of a JSON object as it stands, in hex, or base64; the test fails otherwise. */
const char *vectors_text(const json_t *object, const char *member);
struct tally_bytes vectors_text_bytes(const json_t *object, const char *member);
size_t vectors_hex(const json_t *object, const char *member, uint8_t *bytes, size_t capacity);
uint64_t vectors_number(const json_t *object, const char *member);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
/* RFC 4648 section 4, padded, no line breaks; non-canonical trailing bits are refused. */
#include "tally/types.h"

#define BASE64_SIZE(bytes) (((size_t)(bytes) + 2) / 3 * 4)

/* Writes BASE64_SIZE(bytes.size) characters and no NUL into text, which has room for them. */
void base64_write(struct tally_bytes bytes, char *text);

/* Reads size characters; false if they are not the one form or do not fit into capacity. */
bool base64_read(const char *text, size_t size, uint8_t *bytes, size_t capacity, size_t *count);

#endif

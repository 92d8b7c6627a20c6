/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HEX_H
#define BASE_HEX_H
/* Lower-case hexadecimal. */
#include "tally/types.h"

/* Writes 2 * bytes.size digits and a NUL into text, which has room for them. */
void hex_write(struct tally_bytes bytes, char *text);

/* Reads exactly 2 * size digits, either case, and nothing after. False if text is not that. */
bool hex_read(const char *text, uint8_t *bytes, size_t size);

#endif

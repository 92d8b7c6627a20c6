/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
/* UTF-8 (RFC 3629): shortest forms only, no surrogates, nothing above U+10FFFF. */
#include "tally/types.h"

/* The character at the front of text, not empty: its size in bytes and its code point; 0 if it is
   not well-formed. */
size_t utf8_read(struct tally_bytes text, uint32_t *code);

#endif

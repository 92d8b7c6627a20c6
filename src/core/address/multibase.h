/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_MULTIBASE_H
#define ADDRESS_MULTIBASE_H
/* Multibase: one letter names the base of the rest. Read: b base32, k base36, u base64url,
   z base58btc; letters of base32 and base36 in either case. */
#include "tally/types.h"

/* Bytes of text, prefix included; false for other bases, wrong digits, or too many bytes. */
bool multibase_read(struct tally_bytes text, uint8_t *bytes, size_t capacity, size_t *count);

/* "u" and base64url without padding, no NUL; characters written, 0 if they do not fit. */
size_t multibase_write_base64url(struct tally_bytes bytes, char *text, size_t capacity);

#endif

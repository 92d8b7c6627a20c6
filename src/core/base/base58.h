/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE58_H
#define BASE_BASE58_H
/* base58btc: a big-endian number in 58 digits, one '1' per leading zero byte. */
#include "tally/types.h"

enum { BASE58_BYTES_MAX = 128 }; /* Peer ids and did:keys are below 40. */

/* Digits without the NUL that is written too; 0 if bytes are more than BASE58_BYTES_MAX or the
   text does not fit into capacity. */
size_t base58_write(struct tally_bytes bytes, char *text, size_t capacity);

/* A number in as many digits as the alphabet has, its first one standing for a leading zero byte:
   base58btc and its like. Bytes read from size characters; false if one is no digit, or the result
   is more than BASE58_BYTES_MAX or capacity. */
bool base_number_read(const char *alphabet, const char *text, size_t size, uint8_t *bytes,
                      size_t capacity, size_t *count);

/* Bytes read from size characters; false if one is no digit or the result does not fit. */
bool base58_read(const char *text, size_t size, uint8_t *bytes, size_t capacity, size_t *count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_COSIGNATURE_H
#define LOG_COSIGNATURE_H
/* C2SP tlog-cosignature, Ed25519 cosignature/v1: what a witness signs, and its field in a note. */
#include "tally/note.h"

enum { COSIGNATURE_FIELD = 4 + 8 + 64 }; /* Key id, u64 seconds, signature. */

/* Whether the field is the key's cosignature on the text; *time_s is when. */
bool cosignature_good(struct tally_bytes text, const uint8_t field[COSIGNATURE_FIELD],
                      const struct tally_key *key, const struct tally_crypto *crypto,
                      uint64_t *time_s);

#endif

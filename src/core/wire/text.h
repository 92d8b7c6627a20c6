/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H
/* Messages for people: appends text to a buffer of the caller's. What does not fit is cut off, and
   told; the text always ends with a NUL. */
#include "tally/types.h"

struct wire_text {
    char *data;
    size_t size, used; /* Bytes of the buffer; bytes written, without the NUL. */
    bool cut;
};

/* size is at least 1. */
void wire_text_init(struct wire_text *t, char *data, size_t size);

void wire_text_add(struct wire_text *t, const char *text);
void wire_text_uint(struct wire_text *t, uint64_t value);
void wire_text_int(struct wire_text *t, int64_t value);

/* Lower-case hex; of more than 64 bytes only the first 64 and, in brackets, how many there are. */
void wire_text_hex(struct wire_text *t, struct tally_bytes bytes);

/* In quotes; what is not printable ASCII as \xhh, so that a stranger's text cannot draw. */
void wire_text_quote(struct wire_text *t, struct tally_bytes text);

#endif

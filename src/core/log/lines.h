/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_LINES_H
#define LOG_LINES_H
/*
 * Lines of text, written and read in one form: what notes, checkpoints, proof files and evidence
 * consist of. \n is the only line end; numbers are decimal without sign and leading zeros; base64
 * is padded and canonical.
 */
#include "tally/types.h"

/* Writes into a buffer of the caller's. Too little room sticks; ask lines_size once, at the end. */
struct lines {
    uint8_t *data;
    size_t capacity, size;
    bool failed;
};

void lines_init(struct lines *lines, uint8_t *data, size_t capacity);
size_t lines_size(const struct lines *lines); /* 0 if it did not fit. */
void lines_bytes(struct lines *lines, struct tally_bytes bytes);
void lines_text(struct lines *lines, const char *text);
void lines_number(struct lines *lines, uint64_t value);
void lines_base64(struct lines *lines, struct tally_bytes bytes);
void lines_hash(struct lines *lines, const struct tally_hash *hash); /* With a \n. */

/* Takes the next line off the front, without its \n; false if there is no \n any more. */
bool lines_take(struct tally_bytes *rest, struct tally_bytes *line);

/* Takes a text, or `size` bytes, off the front; false if they are not there. */
bool lines_take_text(struct tally_bytes *rest, const char *text);
bool lines_take_bytes(struct tally_bytes *rest, uint64_t size, struct tally_bytes *bytes);

/* Takes what stands before the first `end` off the front, and that too; false if there is none. */
bool lines_take_until(struct tally_bytes *rest, char end, struct tally_bytes *field);

/* Read the whole of a field, a number below 2^63 or 32 bytes in base64. */
bool lines_read_number(struct tally_bytes field, uint64_t *value);
bool lines_read_hash(struct tally_bytes field, struct tally_hash *hash);

#endif

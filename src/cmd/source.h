/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SOURCE_H
#define CMD_SOURCE_H
/* Where bodies of receipts come from: lines of files or of standard input, or whole files. */
#include "host/config/complaint.h"
#include "tally/types.h"

struct source {
    const char *const *paths; /* "-" is standard input. */
    size_t count, next;       /* The next one to be opened. */
    bool lines;
    int fd;           /* -1: none is open. */
    const char *path; /* What is open, for messages. */
    uint64_t line;    /* Number of the line given last, from 1; 0 with whole files. */
    uint64_t skipped; /* Empty lines. */
    bool ended;       /* The open file has nothing more to read. */
    uint8_t *bytes;
    size_t start, size, capacity;
};

enum source_state {
    SOURCE_BODY, /* *body is the next, valid until the next call. */
    SOURCE_WAIT, /* source_read is needed first; source.fd can be waited for. */
    SOURCE_END,
    SOURCE_BAD, /* The complaint says what is wrong. */
};

void source_init(struct source *source, const char *const *paths, size_t count, bool lines);
enum source_state source_next(struct source *source, struct tally_bytes *body,
                              struct complaint *complaint);

/* Reads what is there; waits if there is nothing. */
enum tally_error source_read(struct source *source, struct complaint *complaint);

void source_free(struct source *source);

#endif

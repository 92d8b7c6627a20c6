/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_GOLDEN_H
#define SUPPORT_GOLDEN_H
/* The golden vectors of proto/vectors: JSON whose bytes are hex with runs, «93 5a*1000». */
#include "tally/types.h"

struct golden {
    const char *message; /* The rule, as in wire_codecs. */
    const char *what;
    const char *verdict; /* "good", "malformed" or "unknown". */
    struct tally_bytes bytes;
};

typedef void golden_visit(void *context, const struct golden *golden);

/* Visits all vectors of a file; how many there were. Stops the program if the file is not right. */
size_t golden_each(const char *path, golden_visit *visit, void *context);

#endif

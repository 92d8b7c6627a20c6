/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_BOOK_FILE_H
#define ANCHORS_BOOK_FILE_H
/* A record as JSON, and back. */
#include "host/anchors/book.h"

#include <jansson.h>

/* NULL without memory. */
json_t *book_file_write(const struct book_record *record);

/* A record on the heap; NULL: it is not of that form, or its name (NULL: any) is not what it
   says. */
struct book_record *book_file_read(struct tally_bytes bytes, const char *id);

#endif

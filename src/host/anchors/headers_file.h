/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_HEADERS_FILE_H
#define ANCHORS_HEADERS_FILE_H
/*
 * Bitcoin's headers that were seen, kept: DATA/anchors/btc-NETWORK.headers.
 *
 *     "tally headers 1\n", then for each header, the lower before the higher:
 *     its height (4 bytes, little endian), the header (80 bytes)
 *
 * They prove themselves, and are checked again whenever they are read: a file that somebody changed
 * is worth what is good of it, and one that is lost costs questions. At most HEADERS_FILE_MAX of
 * them; the lowest go first.
 */
#include "core/anchor/headers.h"
#include "host/config/complaint.h"

enum { HEADERS_FILE_MAX = 8192, HEADERS_FILE_ENTRY = 4 + BITCOIN_HEADER };

struct headers_file {
    struct bitcoin_headers headers; /* Where more are added; its list is owned here. */
    char data[4096], path[128];     /* path: below data. */
    size_t read;                    /* So many were there. */
    size_t damaged;                 /* Of the file's, those that are no headers of any run. */
};

/* Reads what is kept of that chain, "btc:…", whose network is known. False without memory. Ends
   with headers_file_end. */
bool headers_file_begin(struct headers_file *file, const char *data, const char *chain,
                        int64_t now_s);

/* Keeps what was added: durable when it returns OK. What another process kept meanwhile is kept
   too. Takes the lock of the anchors (book.h) for that. */
enum tally_error headers_file_save(struct headers_file *file, int64_t now_s,
                                   struct complaint *complaint);
void headers_file_end(struct headers_file *file);

/* Adds what the bytes of such a file hold; how many of them are headers of no run. For
   headers_file_begin, and for whoever tries what a file may be. */
size_t headers_file_read(struct bitcoin_headers *headers, struct tally_bytes bytes, int64_t now_s);

#endif

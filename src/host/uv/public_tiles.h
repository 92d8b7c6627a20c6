/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_PUBLIC_TILES_H
#define UV_PUBLIC_TILES_H
/*
 * The logs of this node as C2SP tlog-tiles, for whoever has their URL (log chapter 6):
 *
 *     /logs/<sha256 of origin in hex>/checkpoint                   cached for seconds
 *     /logs/<sha256 of origin in hex>/tile/<L>/<N>[.p/<W>]         immutable
 *     /logs/<sha256 of origin in hex>/tile/entries/<N>[.p/<W>]     immutable
 *
 * The paths are those of the data directory, so that the folder behind any web server answers
 * alike. Nothing is told that the stored checkpoint does not cover, no body, and nothing of a log
 * that is suspended. A path has one form, that of the specification; every other is not there.
 */
#include "tally/log.h"
#include "tally/node.h"

enum public_logs {
    PUBLIC_LOGS_OWN,  /* Those that this node signs. */
    PUBLIC_LOGS_ALL,  /* Also those that it holds of others. */
    PUBLIC_LOGS_NONE, /* It is a witness only. */
    PUBLIC_LOGS_KINDS
};

/* "own", "all", "none". */
const char *public_logs_name(enum public_logs logs);

/* What is at a path. */
struct public_file {
    const char *type;  /* Of its content. */
    const char *cache; /* Cache-Control. */
    uint8_t *bytes;    /* On the heap, the caller's. */
    size_t size;
};

/* False: there is nothing, or it is not to be shown. Reads at most one bundle of the disk. */
bool public_file_find(const struct tally_ledger *ledger, const struct tally_node *node,
                      enum public_logs logs, const char *path, struct public_file *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_FETCH_H
#define LIBP2P_FETCH_H
/* The messages of /libp2p/fetch/0.0.1 (libp2p chapter, section 11), behind their length. */
#include "tally/types.h"

enum {
    FETCH_REQUEST_MAX = 1024,
    FETCH_DATA_MAX = (4 << 20) - 64, /* js buffers a whole response of at most 4 MiB. */
    FETCH_HEAD_MAX = 16,             /* What stands before the data of a response. */
};

/* The identifier asked for; false if message, without its length, is no request. */
bool fetch_request_read(struct tally_bytes message, struct tally_bytes *identifier);

/* What goes before size bytes of data, length included; bytes written. An empty data field is not
   written, nor is status 0. */
size_t fetch_head_write(unsigned status, size_t size, uint8_t out[FETCH_HEAD_MAX]);

#endif

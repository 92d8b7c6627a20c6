/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_DELIMITED_H
#define LIBP2P_DELIMITED_H
/* Messages behind a uvarint length, gathered from pieces of any size: identify and fetch. */
#include "core/address/varint.h"

struct delimited {
    uint8_t head[VARINT_MAX];
    uint8_t head_size;
    bool sized;
    size_t size, have;
};

enum delimited_verdict { DELIMITED_MORE, DELIMITED_DONE, DELIMITED_BAD };

/*
 * Takes from the front of *bytes into buffer, of capacity bytes, up to the end of one message.
 * DONE: *message is a view into buffer, and the next call begins another one. BAD: a length that is
 * none, or above capacity. Begin with all zero.
 */
enum delimited_verdict delimited_take(struct delimited *delimited, uint8_t *buffer, size_t capacity,
                                      struct tally_bytes *bytes, struct tally_bytes *message);

#endif

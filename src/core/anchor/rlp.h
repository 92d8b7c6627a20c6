/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_RLP_H
#define ANCHOR_RLP_H
/*
 * RLP, Ethereum's encoding (yellow paper, appendix B), strictly: the shortest lengths only, nothing
 * after the end, lists at most eight deep. Views into the bytes that were given; nothing recurses.
 */
#include "tally/types.h"

enum { RLP_DEPTH_MAX = 8 };

struct rlp_item {
    bool list;
    struct tally_bytes body;  /* What it holds: bytes, or its items one after the other. */
    struct tally_bytes whole; /* With its head. */
};

/* Whether that is one item, of the one form, all through. To be asked once, before the others. */
bool rlp_good(struct tally_bytes bytes);

/* The next item of several, taken off *rest. False if there is none, or none of that form. */
bool rlp_take(struct tally_bytes *rest, struct rlp_item *item);

/* The items of a list: how many, at most `most`, into items; SIZE_MAX if it is no list or has more.
 */
size_t rlp_list(struct tally_bytes bytes, struct rlp_item *items, size_t most);

/* A number below 2^64 without leading zeros. */
bool rlp_number(const struct rlp_item *item, uint64_t *number);

/* An index as a trie's key: bytes written, at most 9. */
size_t rlp_write_number(uint64_t number, uint8_t bytes[9]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_HEADERS_H
#define ANCHOR_HEADERS_H
/*
 * Bitcoin's headers, in runs from any one on, which prove themselves by their work (reliability
 * chapter 12.5, rules 6 to 8). In each run the branch with most work is the chain, not the longest.
 * Memory is lent, and bounded; a host keeps the bytes, and adds them again in the order of their
 * heights. Where a run begins is on somebody's word, and so are all heights in it: what it proves
 * is order and work.
 */
#include "core/anchor/bitcoin.h"

/* What differs from network to network. */
struct bitcoin_network {
    const char *name; /* As in "btc:mainnet". */
    uint32_t limit;   /* The easiest target, compact. */
    bool retargets;   /* Every 2016 blocks by the time they took; else the target never changes. */
};
/* NULL for one that is not known. */
const struct bitcoin_network *bitcoin_network_find(const char *name);

/* 256 bits, the least significant limb first. */
struct wide {
    uint32_t limbs[8];
};

struct bitcoin_header {
    struct tally_hash hash, root;
    struct wide work; /* Of all from the first of the run to here. */
    uint32_t before;  /* Place of the one it builds on; its own for the first. */
    uint32_t run;     /* Place of the first. */
    uint32_t time_s, bits;
    uint64_t height;
    uint8_t bytes[BITCOIN_HEADER];
};

struct bitcoin_headers {
    const struct bitcoin_network *network;
    struct bitcoin_header *list;
    size_t capacity, count;
};

/* None yet. */
void bitcoin_headers_init(struct bitcoin_headers *headers, const struct bitcoin_network *network,
                          struct bitcoin_header *list, size_t capacity);

/*
 * Begins a run with a header that somebody vouches for, at its height; or, if it builds on one that
 * is here, adds it there. If somebody vouches for another height of one that is here, its run gets
 * that: the last word counts. WORK, SIZE, VERIFIED, and what bitcoin_headers_add says.
 */
enum tally_anchor_reason bitcoin_headers_begin(struct bitcoin_headers *headers,
                                               const uint8_t first[BITCOIN_HEADER], uint64_t height,
                                               int64_t now_s);

/*
 * One more: UNKNOWN_BLOCK (builds on none of these), WORK (target out of bounds, hash above it, or
 * not the target that the rule wants), HEADER (time not above the median of eleven, where the run
 * reaches back so far), FUTURE (more
 * than two hours ahead of now_s), SIZE (full), VERIFIED; also one that is there already. The rule
 * for targets is held as far as the run reaches back; where it does not, a step of at most four
 * times is allowed at the end of a period, none within. A run that begins right behind it becomes
 * part of its own.
 */
enum tally_anchor_reason bitcoin_headers_add(struct bitcoin_headers *headers,
                                             const uint8_t header[BITCOIN_HEADER], int64_t now_s);

/* NULL: not among them. */
const struct bitcoin_header *bitcoin_headers_find(const struct bitcoin_headers *headers,
                                                  const struct tally_hash *hash);

/* The last of the branch with most work in the run of that one; the first to reach it. */
const struct bitcoin_header *bitcoin_headers_tip(const struct bitcoin_headers *headers,
                                                 const struct bitcoin_header *one);

/* The header of that height on the branch that ends in `tip`; NULL: out of the run. */
const struct bitcoin_header *bitcoin_headers_at(const struct bitcoin_headers *headers,
                                                const struct bitcoin_header *tip, uint64_t height);

/* Whether that one is on the branch with most work of its run. */
bool bitcoin_headers_best(const struct bitcoin_headers *headers, const struct bitcoin_header *one);

/* Whether another branch ends within six blocks of the tip's height (rule 8). */
bool bitcoin_headers_compete(const struct bitcoin_headers *headers,
                             const struct bitcoin_header *tip);

/* What a transaction's place is judged by. */
struct bitcoin_policy {
    uint64_t depth; /* Blocks, its own counted; at least 1. */
    int64_t now_s;
    bool old_tip; /* The tip's age is not looked at: its chain stands still (tests, regtest). */
};

/*
 * Rules 4 to 8 for a transaction whose raw bytes were checked: UNKNOWN_BLOCK, REORGED, PATH, DEPTH,
 * TIP_OLD, COMPETING, or VERIFIED, with the block it is in.
 */
enum tally_anchor_reason
bitcoin_place_check(const struct bitcoin_headers *headers, const struct bitcoin_policy *policy,
                    const struct tally_hash *txid, const struct tally_hash *block,
                    const struct bitcoin_path *path, const struct bitcoin_header **found);

#endif

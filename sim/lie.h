/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_LIE_H
#define SIM_LIE_H
/* Ways to lie; adversary.h tells them. */

/* What a slot's node does against the rules; its key is good. */
enum lie {
    LIE_NONE,
    LIE_AHEAD,     /* Claims receipts it lacks. */
    LIE_ROOT,      /* Signs a root that is not its log's. */
    LIE_FORK,      /* Shows one half of the world another log than the other. */
    LIE_GAP,       /* Leaves one receipt out of what it serves. */
    LIE_SILENT,    /* Offers, and never sends. */
    LIE_FORGED,    /* Has a receipt with a wrong signature below a good root. */
    LIE_COLLUDE,   /* Answers the DHT's questions, and names only others that collude. */
    LIE_REWIND,    /* Comes back from an old copy of its disk, and means well. */
    LIE_REWRITE,   /* Signs another history of the same length. */
    LIE_FLOOD,     /* Sends bogus datagrams beside each good one. */
    LIE_REPLAY,    /* Sends what it sent before, to those it was for and to others. */
    LIE_SPOOF,     /* Sends from other nodes' addresses, so that answers go there. */
    LIE_PERJURY,   /* States what is not true, in its own log. */
    LIE_REVOKED,   /* Goes on under a key that it has revoked. */
    LIE_AMENDS,    /* Shows what it withheld: its lie is over, and not forgotten. */
    LIE_GARBLED,   /* Writes other bytes to streams than the protocol's. */
    LIE_HALF_OPEN, /* Dials, and says nothing. */
};

struct adversary_memory; /* What a liar on the network remembers. */

#endif

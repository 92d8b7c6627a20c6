/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_SIDES_H
#define GOSSIP_SIDES_H
/*
 * Two notes of one log in one datagram, without what they have in common: a checkpoint of ours is
 * its origin, size and root, and its signature line is made of the origin's key. So what was left
 * out is put back byte for byte, and room for a consistency proof is gained.
 */
#include "core/wire/messages.h"
#include "tally/limits.h"

struct sides_notes {
    struct tally_bytes one, other; /* The smaller, the larger; views of what is below. */
    uint8_t bytes[2][TALLY_CHECKPOINT_MAX];
};

/* Both sides, the issuer and the namespace (a view of `one`), the smaller size first; false if the
   notes are not two sizes of one log, each with a line of its key. Nothing is verified. */
bool sides_read(struct tally_bytes one, struct tally_bytes other,
                struct tally_fork_prefix *message);

/* The notes again, with the issuer's signatures alone; false if no note names such a log. */
bool sides_write(const struct tally_fork_prefix *message, struct sides_notes *notes);

#endif

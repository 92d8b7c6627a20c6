/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_FORK_H
#define LOG_FORK_H
/* What lies in evidence of a fork (tally/log.h), for who tells it in another form. */
#include "tally/log.h"

/* Two checkpoints; views of the evidence. */
struct fork_notes {
    struct tally_bytes one, other; /* The smaller first. */
    bool prefixed; /* Of two sizes: what the larger tree begins with, and a proof. */
    struct tally_hash prefix, proof[TALLY_PROOF_MAX];
    size_t count;
};

/* Verifies nothing; false if it is no such evidence, or two receipts. */
bool fork_read_notes(struct tally_bytes bytes, struct fork_notes *notes);

#endif

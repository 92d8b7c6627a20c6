/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_DISPUTE_H
#define CMD_DISPUTE_H
/* Discrepancies of a data directory, as verbs read and show them. */
#include "cmd/trust.h"

/* A case with what its statement says. */
struct dispute_view {
    const struct discrepancy *one;
    bool whole; /* The statement could be read; else only what was folded is known. */
    struct tally_fed_discrepancy said;
    uint8_t body[FED_BODY_MAX]; /* Where views of `said` lie. */
    struct tally_hash receipt;
    struct tally_wall time;
};

/* Reads the statement of a case. */
void dispute_read(struct trust *trust, const struct discrepancy *one, struct dispute_view *view);

/* The case that an operand names: its index, or its receipt's hash in hex. NULL: it was said why,
   and *code is the exit code. */
const struct discrepancy *dispute_find(struct trust *trust, const char *word, enum exit_code *code);

/* "did:key:…/audit", or the hash of an origin that is not held: into room for TALLY_ORIGIN_MAX + 1.
   Empty: it is about no log. */
void dispute_log(const struct trust *trust, const struct discrepancy *one,
                 char text[TALLY_ORIGIN_MAX + 1]);

#endif

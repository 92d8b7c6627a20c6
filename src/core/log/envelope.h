/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_ENVELOPE_H
#define LOG_ENVELOPE_H
/*
 * The parts of an envelope, for who writes many of one log: a package is opened by writing
 * the head once and the rest for each receipt.
 */
#include "tally/receipt.h"

struct wire_reader;
struct wire_writer;

enum {
    ENVELOPE_VERSION = 1,
    ENVELOPE_FIELDS = 12,
    ENVELOPE_SIGNATURE = 2 + 64,                /* The last field: bin 64. */
    ENVELOPE_SIGNED_HEADER = 0x9b,              /* MessagePack array of eleven. */
    ENVELOPE_MESSAGE = 16 + TALLY_ENVELOPE_MAX, /* The domain, and what is signed. */
};

/* Fields 1 to 3 with the array's header; fields 4 to 11. */
void envelope_head(struct wire_writer *w, const struct tally_key *issuer,
                   struct tally_bytes name_space);
void envelope_middle(struct wire_writer *w, const struct tally_receipt *receipt);

/* Field 9. */
void envelope_write_references(struct wire_writer *w, const struct tally_receipt *receipt);
void envelope_read_references(struct wire_reader *r, struct tally_receipt *receipt);

/* The bytes that the signature of an envelope of valid form is over. */
struct tally_bytes envelope_message(struct tally_bytes envelope, uint8_t message[ENVELOPE_MESSAGE]);

#endif

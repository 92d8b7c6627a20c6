/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_TERMS_H
#define FEDERATION_TERMS_H
/*
 * What two parties agree on, and the statements that carry it (proto/federation.cddl). Terms have
 * one form only, so an agreement has one hash, whoever writes it down: scrolls rise byte by byte,
 * each once, and none is `federation`, for statements are no party's to share.
 *
 *     scrolls         access: what each lets the other read of its own logs
 *     shares          or one of the two alone
 *     verify-s        a schedule for the witness of the other's logs
 *     retention-days  bodies may be pruned after it; proofs never
 *     notice-days     between a revocation and its effect
 *     the rest        stored and shown
 */
#include "core/federation/words.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

enum {
    TERMS_NOTICE_DAYS = 30, /* Where nothing else is said (formats 5.3). */
    TERMS_EXPIRES_DAYS = 7, /* An offer holds so long (formats 12). */
    TERMS_SCROLL_ID = 16,
    /* Whose logs are read: bits of `shares`. */
    TERMS_PROPOSER = 1,
    TERMS_ACCEPTOR = 2,
    TERMS_BOTH = 3,
};

/* The bodies of the kinds of agreements. What is read and not of the one form fails the reader;
   writers take what they are given. */
void terms_read(struct wire_reader *r, struct fed_statement *statement);
void terms_write(const struct fed_statement *statement, struct wire_writer *w);

/* Puts scrolls into their order; false if one is there twice or may not be shared. */
bool terms_sort(struct tally_fed_terms *terms);

/* SHA-256 over "tally agreement 1\n" and the agreement as it stands in both parties' statements. */
void terms_hash(const struct tally_fed_agreement *agreement, struct tally_hash *hash);

/* The agreement that an offer comes to, once it is accepted: its receipt, by whom, as it was read.
 */
struct tally_fed_agreement terms_offered(const struct fed_statement *proposal,
                                         const struct tally_key *proposer,
                                         const struct tally_hash *receipt);

/* Names of scrolls, each the front of its SHA-256: a set that needs no text. */
struct terms_scrolls {
    uint8_t count;
    uint8_t shares;
    uint8_t ids[TALLY_FED_TERMS_SCROLLS_MAX][TERMS_SCROLL_ID];
};
void terms_scrolls(const struct tally_fed_terms *terms, struct terms_scrolls *scrolls);
bool terms_share(const struct terms_scrolls *scrolls, struct tally_bytes name_space);

/* The same two, where the other one proposes. */
uint8_t terms_turned(uint8_t shares);

#endif

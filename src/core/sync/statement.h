/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_STATEMENT_H
#define SYNC_STATEMENT_H
/*
 * Each transfer leaves a receipt on both sides (formats 6.1): who sent states SYNC_EVENT, who
 * received states SYNC_CONFIRMED and cites it. Bodies are JSON in the canonical form of RFC 8785:
 *
 *     {"logs":[{"from":0,"origin":"did:key:…/audit","root":"<hex>","to":40}],
 *      "source":"did:key:…","target":"did:key:…","type":"SYNC_EVENT"}
 *
 * SYNC_CONFIRMED has "sync_hash":"<hex>" besides, the receipt hash of the event.
 */
#include "core/sync/sync.h"

#define STATEMENT_SYNC_EVENT     "SYNC_EVENT"
#define STATEMENT_SYNC_CONFIRMED "SYNC_CONFIRMED"

/* Asks the node to append our statement about these ranges. */
void statement_event(struct sync *sync, struct sync_server *server, const struct sync_range *ranges,
                     unsigned count, struct outbox *out);
void statement_confirm(struct sync *sync, struct sync_asker *asker, struct outbox *out);

/* Whether envelope and body are such a statement by that issuer, citing that receipt (or NULL). */
enum tally_drop statement_check(struct tally_bytes envelope, struct tally_bytes body,
                                const struct tally_key *issuer, const char *type,
                                const struct tally_hash *cited, const struct tally_crypto *crypto);

/* Whether the peer's SYNC_EVENT says of our transfer what we told it. */
bool statement_agrees(struct sync *sync, const struct sync_asker *asker, struct tally_bytes body);

/* Writes our statement at that index as `confirm`, or as `confirmed`, and tells its receipt hash;
   0 if it cannot be read. */
size_t statement_compose(struct sync *sync, uint64_t index, uint32_t request, bool confirmed,
                         uint8_t *frame, size_t capacity, struct tally_hash *receipt);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SAMPLED_H
#define CMD_SAMPLED_H
/* Statements about samples (fed_witness_event), as they lie in logs `federation`. */
#include "cmd/shelf.h"
#include "core/wire/messages.h"

/* Reads the receipt of that index, if it is such a statement. Its body, to be freed, into which the
   event is a view; NULL if it is none. */
uint8_t *sampled_read(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                      struct shelf_receipt *receipt, struct tally_fed_witness_event *event);

/* "verified", "failed", "not_shown". */
const char *sampled_result(unsigned result);

/* tally verify --mesh: the running node samples a party's logs now; shows what came of it. */
enum exit_code sampled_now(struct call *call);

#endif

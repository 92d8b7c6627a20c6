/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_RECEIPTS_H
#define CMD_RECEIPTS_H
/* A receipt for people and programs. */
#include "cmd/print.h"
#include "cmd/shelf.h"

/* With its body, if it is held. schema NULL: an item of a list. */
json_t *receipts_object(struct shelf *shelf, const struct shelf_log *log,
                        const struct shelf_receipt *receipt, const char *schema);

#endif

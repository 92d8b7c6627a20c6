/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_FERRY_H
#define CMD_FERRY_H
/* Logs on files for a node that runs: it asks, through the admin socket, and the files answer. */
#include "cmd/carry.h"
#include "host/config/complaint.h"

/* As carry_logs; the checks are the node's. BUSY: it takes none now. NO_DAEMON, CLOSED: it ended,
   and what it took in is durable. */
enum tally_error ferry_logs(const char *data, const struct tally_ledger *from, bool progress,
                            struct carry *carry, struct complaint *complaint);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_NODE_LOGS_H
#define FUZZ_NODE_LOGS_H
/* Logs on the disks of the node's harness. */
#include "disk.h"

/* An own log with so many receipts, signed; some bodies are large. */
void node_log_make(struct disk *disk, unsigned count);

/* Whether all that is durable verifies: signatures, bodies, the root. */
bool node_log_true(const struct disk_log *log, const struct tally_crypto *crypto);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_HELD_H
#define SYNC_HELD_H
/* What an asker says it holds, in heads_want (stream.cddl). For this folder only. */
#include "core/sync/state.h"

/* The heads of our logs; those beyond SYNC_HELD are not said, and will be told. */
struct tally_bytes held_write(const struct tally_ledger *ledger,
                              uint8_t ids[SYNC_HELD][SYNC_HELD_ID]);

/* Takes what a peer says; false: it is malformed. */
bool held_read(struct sync_server *server, struct tally_bytes held);

/* Whether the peer said that it holds that head. */
bool held_has(struct sync_server *server, const struct tally_log_view *view);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_SERVER_H
#define SYNC_SERVER_H
/* The serving side: answers what peers ask on their streams, from the ledger. For this folder. */
#include "core/sync/sync.h"

/* A frame of a peer that asks. */
enum tally_drop server_receive(struct sync *sync, struct tally_now now, struct sync_server *server,
                               const struct tally_sync_frame *frame, struct outbox *out);

/* Answers a request with refuse; BUSY if too many are open already. */
enum tally_drop server_refuse(struct sync_server *server, uint32_t request, enum tally_drop reason);

/* Whether there is a frame to send and how large it may be; writes the next. */
size_t server_wants(const struct sync_server *server);
size_t server_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                      size_t capacity);

/* Its buffers are free for others. */
void server_end(struct sync *sync, struct sync_server *server);

#endif

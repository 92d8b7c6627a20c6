/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_NOTE_FIT_H
#define GOSSIP_NOTE_FIT_H
/* Stored checkpoints carry as many cosignatures as came; a datagram has room for some. */
#include "tally/types.h"

enum { NOTE_STORED_MAX = 16 << 10 }; /* A stored note that is larger is not told in datagrams. */

/* The note with its log's own signature and as many others as fit into capacity; 0 if even that
   does not fit or it is no checkpoint. */
size_t note_fit(struct tally_bytes note, uint8_t *fitted, size_t capacity);

#endif

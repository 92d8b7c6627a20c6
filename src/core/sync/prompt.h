/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_PROMPT_H
#define SYNC_PROMPT_H
/* What makes us ask a peer: sync_start, at once; sync_told, if it is still so a short while later.
   For this folder only. */
#include "core/sync/sync.h"

/* A free asker for that peer, without a state; NULL: all are busy. */
struct sync_asker *asker_new(struct sync *sync, const struct tally_key *peer);

/* It asks for heads, and wants a stream for it. */
void asker_stream(struct sync *sync, struct tally_now now, struct sync_asker *asker);

/* Looks at what peers are said to hold: for each thing that we lack still one of them is asked. */
void prompt_look(struct sync *sync, struct tally_now now);

/* It is asked for all of that now; and that is over. */
void prompt_asked(struct sync_asker *asker);
void prompt_answered(struct sync_asker *asker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITNESS_STREAM_H
#define WITNESS_STREAM_H
/* Frames of /tally/federation/1.0.0: a minimal uvarint length and one MessagePack array. */
#include "core/witness/state.h"

/* Writes the message with its length in front; bytes of the whole, 0 if they do not fit. */
size_t stream_frame_put(const struct tally_federation_frame *message, uint8_t *bytes,
                        size_t capacity);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_FRAME_H
#define SYNC_FRAME_H
/* Frames of /tally/sync/1.0.0: a minimal uvarint length and one MessagePack array of at most
   TALLY_FRAME_MAX bytes (protocols 9). */
#include "core/wire/messages.h"
#include "tally/limits.h"
#include "tally/types.h"

enum {
    SYNC_NOTE_MAX = 1024,    /* A checkpoint in `heads`: 680 and some cosignatures. */
    SYNC_LENGTH_MAX = 3,     /* A uvarint below 2^16. */
    SYNC_BUNDLE_MAX = 57344, /* Bytes of a package in one `bundle`. */
};

/* Puts frames together that come in any chunking. */
struct sync_inbox {
    uint32_t length; /* Of the frame, once length_bytes says it is known. */
    uint32_t got;
    uint8_t shift;  /* Bits of the length read so far. */
    bool known;     /* The length is complete. */
    uint8_t *bytes; /* TALLY_FRAME_MAX; the owner's. */
};

/*
 * Takes from *rest until a frame is whole. A frame that lies whole in *rest is not copied. With
 * NONE: frame->data is NULL if more bytes are needed, else the frame is valid until the next call.
 * Else the length is 0, too large or not minimal: MALFORMED.
 */
enum tally_drop sync_inbox_next(struct sync_inbox *inbox, struct tally_bytes *rest,
                                struct tally_bytes *frame);
void sync_inbox_init(struct sync_inbox *inbox, uint8_t bytes[TALLY_FRAME_MAX]);
void sync_inbox_clear(struct sync_inbox *inbox);

/* Writes the message with its length in front; bytes of the whole. capacity is enough for it (an
   assertion): the greatest is TALLY_FRAME_MAX + SYNC_LENGTH_MAX. */
size_t sync_frame_put(const struct tally_sync_frame *message, uint8_t *frame, size_t capacity);

#endif

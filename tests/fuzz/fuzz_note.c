/* SPDX-License-Identifier: Apache-2.0 */
/* A note keeps all of its bytes through a merge with itself; a checkpoint is written as it was
   read. Signatures are taken as good, so that what lies behind them is reached too. */
#include "core/base/bytes.h"
#include "tally/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accept(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return message.size > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tally_crypto crypto = {.verify = accept};
    static uint8_t again[TALLY_NOTE_MAX];
    struct tally_bytes bytes = bytes_of(data, size);
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    if (tally_note_read(bytes, &note) != TALLY_DROP_NONE)
        return 0;
    if (tally_note_merge(bytes, bytes, again, sizeof again) != size ||
        memcmp(again, data, size) != 0)
        abort();
    if (tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return 0;
    if (tally_checkpoint_write(&checkpoint, again, sizeof again) != note.text.size ||
        memcmp(again, note.text.data, note.text.size) != 0)
        abort();
    (void)!tally_checkpoint_open(bytes, NULL, &crypto, &checkpoint);
    return 0;
}

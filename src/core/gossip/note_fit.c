/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/note_fit.h"

#include "core/base/bytes.h"
#include "tally/log.h"

size_t note_fit(struct tally_bytes note, uint8_t *fitted, size_t capacity)
{
    struct tally_note read;
    struct tally_checkpoint checkpoint;
    if (tally_note_read(note, &read) != TALLY_DROP_NONE ||
        tally_checkpoint_read(read.text, &checkpoint) != TALLY_DROP_NONE ||
        read.text.size + 1 > capacity)
        return 0;
    memcpy(fitted, read.text.data, read.text.size);
    fitted[read.text.size] = '\n';
    size_t size = read.text.size + 1, lines = 0;
    /* The log's own line first, in a second round what else there is room for. */
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < read.count; i++) {
            bool own = bytes_equal(read.lines[i].name, checkpoint.origin);
            if (own != (round == 0) || read.lines[i].line.size > capacity - size)
                continue;
            memcpy(fitted + size, read.lines[i].line.data, read.lines[i].line.size);
            size += read.lines[i].line.size;
            lines++;
        }
        if (lines == 0)
            return 0;
    }
    return size;
}

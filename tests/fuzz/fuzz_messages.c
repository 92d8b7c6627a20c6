/* SPDX-License-Identifier: Apache-2.0 */
/* Every message and frame of proto/: what reads is written again as the same bytes. */
#include "core/base/bytes.h"
#include "core/wire/codecs.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *again = malloc(size + 1);
    for (const struct wire_codec *codec = wire_codecs; codec->name != NULL; codec++) {
        char shown[512];
        struct wire_text text;
        struct wire_writer w;
        wire_text_init(&text, shown, sizeof shown);
        wire_writer_init(&w, again, size);
        if (codec->again(bytes_of(data, size), &w, &text) != TALLY_DROP_NONE)
            continue;
        assert(bytes_equal(wire_writer_bytes(&w), bytes_of(data, size)));
    }
    free(again);
    return 0;
}

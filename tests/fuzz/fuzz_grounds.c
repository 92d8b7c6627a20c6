/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence files, as anybody may hand them over: what is read is of one form, and is written again
   as the same bytes; what is checked was read. */
#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/federation/grounds.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return true; /* So that what is behind signatures is reached. */
}

/* A part as it was before it was written. */
static struct tally_bytes decoded(struct tally_bytes text, uint8_t bytes[GROUNDS_PART_MAX])
{
    size_t size = 0;
    if (text.size > 0)
        assert(base64_read((const char *)text.data, text.size, bytes, GROUNDS_PART_MAX, &size));
    return bytes_of(bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[GROUNDS_MAX], parts[3][GROUNDS_PART_MAX];
    const struct tally_crypto crypto = {.verify = verify};
    struct grounds grounds, checked;
    enum tally_drop drop = grounds_read(bytes_of(data, size), &grounds);
    enum tally_drop verdict = grounds_check(bytes_of(data, size), &crypto, &checked);
    if (drop != TALLY_DROP_NONE) {
        assert(verdict == drop);
        return 0;
    }
    grounds.receipt = decoded(grounds.receipt, parts[0]);
    grounds.theirs = decoded(grounds.theirs, parts[1]);
    grounds.ours = decoded(grounds.ours, parts[2]);
    assert(bytes_equal(bytes_of(again, grounds_write(&grounds, again)), bytes_of(data, size)));
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A proof file that is read, and has no `extra`, is written again as the same bytes. */
#include "core/base/bytes.h"
#include "tally/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accept(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char extra[] = "c2sp.org/tlog-proof@v1\nextra ";
    static const struct tally_crypto crypto = {.verify = accept};
    static const struct tally_hash leaf;
    static uint8_t again[1 << 20];
    struct tally_proof proof;
    struct tally_checkpoint checkpoint;
    struct tally_bytes bytes = bytes_of(data, size);
    tally_proof_check(bytes, &leaf, NULL, 0, &crypto, &proof, &checkpoint, NULL);
    if (size > sizeof again || tally_proof_read(bytes, &proof) != TALLY_DROP_NONE)
        return 0;
    size_t written = tally_proof_write(&proof, again, sizeof again);
    bool same = written == size && memcmp(again, data, size) == 0;
    if (!same && memcmp(data, extra, sizeof extra - 1) != 0)
        abort();
    return 0;
}

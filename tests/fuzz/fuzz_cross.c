/* SPDX-License-Identifier: Apache-2.0 */
/* Two proofs, chained, as anybody may hand them over: what is read is of one form, and is written
   again as the same bytes; what is good says where its views lie. */
#include "core/base/bytes.h"
#include "core/federation/cross.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accept(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return true; /* So that what is behind signatures is reached. */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cross_result result;
    static uint8_t again[CROSS_MAX];
    const struct tally_crypto crypto = {.verify = accept};
    struct tally_bytes bytes = bytes_of(data, size);
    struct cross cross;
    enum cross_verdict verdict = cross_check(bytes, &crypto, &result);
    assert((verdict == CROSS_FORM) == !cross_read(bytes, &result, &cross));
    if (verdict == CROSS_FORM)
        return 0;
    assert(bytes_equal(bytes_of(again, cross_write(&cross, again)), bytes));
    if (verdict != CROSS_GOOD)
        return 0;
    assert(result.receipt.sequence < result.checkpoint.size);
    assert(result.anchor.sequence < result.anchor_checkpoint.size);
    assert(!key_equal(&result.receipt.issuer, &result.anchor.issuer));
    return 0;
}

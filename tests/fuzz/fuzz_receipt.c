/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope that is read is written again as the same bytes. */
#include "core/base/bytes.h"
#include "tally/receipt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_receipt receipt;
    uint8_t again[TALLY_ENVELOPE_MAX];
    if (tally_receipt_read(bytes_of(data, size), &receipt) != TALLY_DROP_NONE)
        return 0;
    if (tally_receipt_encode(&receipt, again) != size || memcmp(again, data, size) != 0)
        abort();
    return 0;
}

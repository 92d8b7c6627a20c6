/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence: whatever is read, an origin that is named ends inside its buffer. */
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
    static const struct tally_crypto crypto = {.verify = accept};
    struct tally_fork fork;
    if (tally_fork_check(bytes_of(data, size), NULL, &crypto, &fork) == TALLY_DROP_NONE &&
        memchr(fork.origin, 0, sizeof fork.origin) == NULL)
        abort();
    return 0;
}

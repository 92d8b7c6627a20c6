/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes say which run is asked for, the rest is the compact package. One that opens
   is packed again, from the bundles it filled, as the same bytes. */
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
    static const struct tally_hash before[TALLY_TILE_WIDTH];
    static uint8_t entries[TALLY_ENTRIES_MAX], bodies[TALLY_BODIES_MAX], again[TALLY_PACKAGE_MAX];
    static struct tally_package package = {.entries = entries, .bodies = bodies};
    if (size < 2 || size - 2 > sizeof again)
        return 0;
    struct tally_package_job job = {.name_space = "audit",
                                    .first = data[0],
                                    .end = (uint64_t)data[0] + data[1],
                                    .signatures = true,
                                    .before = before};
    struct tally_bytes compact = bytes_of(data + 2, size - 2);
    size_t written = 0;
    if (!tally_package_range(job.first, job.end) ||
        tally_package_open(&job, compact, &crypto, &package) != TALLY_DROP_NONE)
        return 0;
    if (tally_package_write(job.first, job.end, bytes_of(entries, package.entries_size),
                            bytes_of(bodies, package.bodies_size), again, sizeof again,
                            &written) != TALLY_DROP_NONE ||
        !bytes_equal(compact, bytes_of(again, written)))
        abort();
    return 0;
}

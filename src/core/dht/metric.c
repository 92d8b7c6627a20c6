/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/metric.h"

#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"

void metric_point(const struct tally_key *key, struct tally_hash *point)
{
    struct peer_id id;
    peer_id_of_key(key, &id);
    hash_sha256(bytes_of(id.bytes, id.size), point);
}

unsigned metric_shared(const struct tally_hash *a, const struct tally_hash *b)
{
    for (unsigned i = 0; i < sizeof a->bytes; i++) {
        unsigned bits = i * 8;
        for (unsigned differ = a->bytes[i] ^ b->bytes[i]; differ != 0; differ <<= 1, bits++)
            if (differ & 0x80)
                return bits;
    }
    return METRIC_BITS;
}

int metric_compare(const struct tally_hash *target, const struct tally_hash *a,
                   const struct tally_hash *b)
{
    /* Where a and b first differ decides: there one of them agrees with the target. */
    for (size_t i = 0; i < sizeof target->bytes; i++)
        if (a->bytes[i] != b->bytes[i])
            return (a->bytes[i] ^ target->bytes[i]) - (b->bytes[i] ^ target->bytes[i]);
    return 0;
}

uint64_t metric_near(const struct tally_hash *a, const struct tally_hash *b)
{
    return be64_read(a->bytes) ^ be64_read(b->bytes);
}

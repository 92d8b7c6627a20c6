/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocations as they come by datagram or lie in a file: pieces of the input, each two bytes for
 * the size in front. What is read is written again as the same bytes; without
 * their signatures all are taken, in two orders: the invariants hold, and unless a key said more
 * than is kept both come to the same.
 */
#include "core/base/bytes.h"
#include "core/federation/revoked.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES = 8 };

static enum tally_drop give(struct revoked *revoked, struct tally_bytes bytes)
{
    struct revocation revocation;
    if (revocation_read(bytes, &revocation) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    uint8_t again[TALLY_SIGNED_BODY_MAX];
    size_t size = revocation_write(revocation.envelope, revocation.body, again);
    assert(bytes_equal(bytes, bytes_of(again, size)));
    enum tally_drop drop = revoked_judge(revoked, &revocation, true);
    if (drop == TALLY_DROP_NONE)
        revoked_take(revoked, &revocation, bytes, true);
    assert(revoked_holds(revoked));
    assert(revoked_find(revoked, &revocation.party) != NULL || drop == TALLY_DROP_BUSY);
    if (drop == TALLY_DROP_NONE)
        assert(revoked_judge(revoked, &revocation, true) != TALLY_DROP_NONE);
    const struct tally_key *heir = revoked_successor(revoked, &revocation.party);
    assert(heir == NULL || revoked_elder(revoked, heir) != NULL);
    return drop;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_bytes pieces[PIECES];
    size_t count = 0;
    bool full = false;
    struct revoked one, other;
    bool made = revoked_new(&one, PIECES) && revoked_new(&other, PIECES);
    assert(made);
    /* A seed is one as it stands. */
    if (size <= TALLY_SIGNED_BODY_MAX)
        pieces[count++] = bytes_of(data, size);
    while (size >= 2 && count < PIECES) {
        size_t length = be16_read(data) % (TALLY_SIGNED_BODY_MAX + 1);
        length = length < size - 2 ? length : size - 2;
        pieces[count++] = bytes_of(data + 2, length);
        data += 2 + length;
        size -= 2 + length;
    }
    for (size_t i = 0; i < count; i++) {
        full |= give(&one, pieces[i]) == TALLY_DROP_BUSY;
        full |= give(&other, pieces[count - 1 - i]) == TALLY_DROP_BUSY;
    }
    assert(full || memcmp(one.fingerprint, other.fingerprint, sizeof one.fingerprint) == 0);
    revoked_free(&one);
    revoked_free(&other);
    return 0;
}

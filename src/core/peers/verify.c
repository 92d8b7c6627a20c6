/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/verify.h"

void verifier_init(struct verifier *verifier, const struct tally_crypto *crypto,
                   struct tally_now now)
{
    *verifier = (struct verifier){.crypto = *crypto};
    bucket_init(&verifier->budget, TALLY_VERIFY_RATE, TALLY_VERIFY_RATE, now.mono);
}

bool verifier_pay(struct verifier *verifier, struct tally_now now)
{
    if (!bucket_take(&verifier->budget, now.mono))
        return false;
    verifier->checks++;
    return true;
}

enum tally_drop verifier_datagram(struct verifier *verifier, struct tally_now now,
                                  const struct datagram *datagram)
{
    if (!verifier_pay(verifier, now))
        return TALLY_DROP_BUSY;
    return datagram_verify(datagram, &verifier->crypto) ? TALLY_DROP_NONE : TALLY_DROP_FORGED;
}

enum tally_drop verifier_time(struct tally_now now, uint64_t wall_ms)
{
    /* The wire bounds wall_ms so that microseconds fit. */
    return (int64_t)wall_ms * 1000 - now.wall.us > (int64_t)TALLY_DRIFT_MS * 1000
               ? TALLY_DROP_DRIFTED
               : TALLY_DROP_NONE;
}

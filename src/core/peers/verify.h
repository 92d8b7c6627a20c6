/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_VERIFY_H
#define PEERS_VERIFY_H
/* Signatures on datagrams, from a budget of a quarter of a core (protocols 2.4, checks 11, 12). */
#include "core/base/bucket.h"
#include "core/wire/datagram.h"
#include "tally/windows.h"

struct verifier {
    struct bucket budget;
    struct tally_crypto crypto;
    uint64_t checks; /* Signatures checked. */
};

void verifier_init(struct verifier *verifier, const struct tally_crypto *crypto,
                   struct tally_now now);

/* NONE, BUSY or FORGED: the sender's signature over the datagram or record as it stands. */
enum tally_drop verifier_datagram(struct verifier *verifier, struct tally_now now,
                                  const struct datagram *datagram);

/* Pays for one more signature, which the caller checks. */
bool verifier_pay(struct verifier *verifier, struct tally_now now);

/* NONE, or DRIFTED if a time of theirs is more than TALLY_DRIFT_MS ahead of ours. */
enum tally_drop verifier_time(struct tally_now now, uint64_t wall_ms);

#endif

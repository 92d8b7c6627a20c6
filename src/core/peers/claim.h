/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_CLAIM_H
#define PEERS_CLAIM_H
/*
 * What an announce claims (protocols 3.2), whoever brings it: gossip as news, the DHT as the value
 * of a log. Two signatures stand behind it, the identity's over the record and the log's over the
 * checkpoint; all else is judged before either is looked at.
 */
#include "core/peers/verify.h"
#include "tally/note.h"

/* The message and the checkpoint in it. Views are into the record. */
struct claim {
    struct tally_announce message;
    struct tally_checkpoint checkpoint; /* Its size is above 0. */
    struct tally_bytes name_space;
    struct tally_hash origin;
};

/* NONE, MALFORMED, or KEY: log key, namespace, sender and origin do not belong together. The tag of
   a namespace is a hash of the network and the name. */
enum tally_drop claim_read(const struct datagram *datagram, const uint8_t network[8],
                           struct claim *claim);

/* Both signatures: NONE, BUSY, FORGED, or KEY if the log's is not there. */
enum tally_drop claim_verify(struct verifier *verifier, struct tally_now now,
                             const struct datagram *datagram, const struct claim *claim);

#endif

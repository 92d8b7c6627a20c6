/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_RECORD_H
#define LIBP2P_RECORD_H
/* The signed peer record (libp2p chapter, section 10): a peer's addresses under its signature. */
#include "tally/error.h"
#include "tally/types.h"
#include "tally/windows.h"

struct record {
    uint64_t seq;               /* A later record has a greater one; usually Unix time. */
    struct tally_bytes payload; /* The PeerRecord: a view into the envelope. */
};

/* Opens an envelope and checks that `peer` signed it and that it is about `peer`. MALFORMED, FORGED
   or IDENTITY otherwise. */
enum tally_drop record_open(struct tally_bytes envelope, const struct tally_key *peer,
                            const struct tally_crypto *crypto, struct record *record);

/* The next address of a record, binary; *at begins with 0. False after the last. */
bool record_address(const struct record *record, size_t *at, struct tally_bytes *multiaddr);

/* The bytes that the signature is of; bytes written, 0 if they are above capacity. */
size_t record_signed_bytes(struct tally_bytes type, struct tally_bytes payload, uint8_t *out,
                           size_t capacity);

#endif

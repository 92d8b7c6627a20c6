/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_REVOCATION_H
#define FEDERATION_REVOCATION_H
/*
 * A revocation as it proves itself (reliability 9): the receipt `fed_revoke` and its body, in one
 * message of at most TALLY_SIGNED_BODY_MAX bytes. It is signed by the key that is revoked, or by
 * the recovery key, and then carries the key's own signature over the name of that one; with a
 * successor it carries that one's signature as well. So it convinces whoever never met the key, and
 * nobody else can make one.
 */
#include "core/federation/words.h"
#include "tally/receipt.h"

struct revocation {
    struct tally_key party;  /* The key that is no more. */
    struct tally_key signer; /* That key, or the recovery key. */
    bool recovery;
    uint64_t index; /* Of the statement, in the signer's log. */
    struct tally_wall time;
    struct fed_revoke said;
    struct tally_bytes note, envelope, body; /* Views into what was read. */
};

/* The form: NONE, MALFORMED, or KEY (signed by a key that has no say). Nothing is verified. */
enum tally_drop revocation_read(struct tally_bytes bytes, struct revocation *revocation);

/* How many signatures revocation_verify checks. */
unsigned revocation_signatures(const struct revocation *revocation);

/* All of them: NONE or FORGED. */
enum tally_drop revocation_verify(const struct revocation *revocation,
                                  const struct tally_crypto *crypto);

/* The message of a receipt and its body; its size, 0 if they are none. */
size_t revocation_write(struct tally_bytes envelope, struct tally_bytes body,
                        uint8_t bytes[TALLY_SIGNED_BODY_MAX]);

/* What a successor signs: that it takes over from `key`. What an identity signs: that its recovery
   key may revoke it. */
enum { REVOCATION_MESSAGE = 17 + 64 };
struct tally_bytes revocation_handover(const struct tally_key *key,
                                       const struct tally_key *successor,
                                       uint8_t message[REVOCATION_MESSAGE]);
struct tally_bytes revocation_authority(const struct tally_key *key,
                                        const struct tally_key *recovery,
                                        uint8_t message[REVOCATION_MESSAGE]);

/* Sets the limit of a log, in the order of the wire; false if there are too many. */
bool revocation_limit(struct fed_revoke *revoke, const struct tally_hash *origin, uint64_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H
/*
 * Ed25519 (RFC 8032) as libsodium has it. Every message begins with the domain of its use, so that
 * a signature of one kind never passes for another (log chapter, section 9).
 */
#include "tally/types.h"

#define SIGN_DOMAIN_RECEIPT   "tally receipt 1\n"
#define SIGN_DOMAIN_DATAGRAM  "tally datagram 1\n"
#define SIGN_DOMAIN_HANDOVER  "tally handover 1\n"  /* By a successor: the old key, the new one. */
#define SIGN_DOMAIN_RECOVERY  "tally recovery 1\n"  /* By an identity: its key, the recovery key. */
#define SIGN_DOMAIN_BACKUP    "tally backup 1\n"    /* Begins the manifest of a backup. */
#define SIGN_DOMAIN_PCP_NONCE "tally pcp nonce 1\n" /* Such a signature is never shown. */

/* libsodium's rule: refuses small-order and non-canonical points, and S above the order. */
bool sign_verify(const struct tally_key *key, struct tally_bytes message,
                 const struct tally_signature *signature);

/* Signs with a 32-byte seed; slow (derives the key each time): hosts with a key use libsodium. */
void sign_with_seed(const uint8_t seed[32], struct tally_bytes message,
                    struct tally_signature *signature);

/* The public key of a seed. */
void sign_key(const uint8_t seed[32], struct tally_key *key);

#endif

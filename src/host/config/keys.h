/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H
/*
 * The identity key of a node: keys/identity.key in its data directory.
 *
 * The file is one line of base64 (RFC 4648 section 4): the libp2p protobuf of an Ed25519 private
 * key, 08 01 12 40 || seed 32 || public 32, as every libp2p reads it. It has mode 0600 and stands
 * in a folder of mode 0700, both of the user who runs the node; anything wider is refused.
 *
 * Secrets are in sodium_malloc memory: locked where the system allows it, behind guard pages,
 * wiped when freed, on every path.
 */
#include "host/config/complaint.h"
#include "tally/windows.h"

struct keys;

/* In a data directory that was put back without its key: the did of the one that is wanted. */
#define KEYS_WANTED "key-wanted"

/* Reads the identity key of a data directory; with `create` it makes one where there is none.
   NOT_FOUND without one, PERMISSION for a wide mode or another owner, MALFORMED for a damaged
   file, MISMATCH if its halves do not belong together. Free with keys_free. */
enum tally_error keys_open(const char *data, bool create, struct keys **keys,
                           struct complaint *complaint);

/* The same for another key of its own file in keys/, named by a word of ours: "witness.key". */
enum tally_error keys_open_named(const char *data, const char *name, bool create,
                                 struct keys **keys, struct complaint *complaint);

/* Whether a data directory that wants a key wants this one, or none: MISMATCH. */
enum tally_error keys_wanted(const char *data, const struct tally_key *key,
                             struct complaint *complaint);

/* Wipes and frees; NULL is allowed. */
void keys_free(struct keys *keys);

/* The public half: the node's identity. Valid until keys_free. */
const struct tally_key *keys_identity(const struct keys *keys);

/* The window over the secret half; its context is keys, which must outlive it. sign and verify may
   be called from several threads at once. */
struct tally_crypto keys_crypto(struct keys *keys);

/* The window of somebody without a key: verify works, sign and exchange are NULL. */
struct tally_crypto keys_verifier(void);

/* Unpredictable bytes from the kernel, through libsodium. */
struct tally_secret keys_secret(void);

/* Makes the process leave no memory behind: not dumpable, no core file. Call first. */
void keys_harden(void);

#endif

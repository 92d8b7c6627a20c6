/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_RECOVERY_H
#define CONFIG_RECOVERY_H
/*
 * The recovery key of an identity: a file that is kept away from the node, on paper or on a stick,
 * and alone can replace the key when it was stolen (reliability 9 rule 2).
 *
 *     tally recovery key 1
 *     identity did:key:z6Mk...
 *     authority BASE64            the identity's signature over both keys: it may revoke it
 *     secret BASE64               seed 32 || public 32; or, with a passphrase:
 *     sealed OPS KIB SALT NONCE BOX       Argon2id and XSalsa20-Poly1305, as libsodium has them
 *
 * Secrets are in sodium_malloc memory and wiped on every path.
 */
#include "host/config/complaint.h"
#include "tally/windows.h"

struct recovery;

/* Makes a key for the identity whose window `crypto` is, and the file, of mode 0600, where there is
   none. passphrase: a file whose first line it is; NULL: none. */
enum tally_error recovery_make(const char *path, const char *passphrase,
                               const struct tally_key *identity, const struct tally_crypto *crypto,
                               struct recovery **recovery, struct complaint *complaint);

/* NOT_FOUND, PERMISSION (a wide mode), MALFORMED, MISMATCH (another passphrase, or halves that do
   not belong together). Free with recovery_free. */
enum tally_error recovery_open(const char *path, const char *passphrase, struct recovery **recovery,
                               struct complaint *complaint);

/* Wipes and frees; NULL is allowed. */
void recovery_free(struct recovery *recovery);

const struct tally_key *recovery_key(const struct recovery *recovery);
const struct tally_key *recovery_identity(const struct recovery *recovery);
const struct tally_signature *recovery_authority(const struct recovery *recovery);

/* The window of the recovery key; its context is recovery, which must outlive it. */
struct tally_crypto recovery_crypto(struct recovery *recovery);

#endif

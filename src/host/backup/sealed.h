/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_SEALED_H
#define BACKUP_SEALED_H
/*
 * The folder keys/ of a data directory under a passphrase: one line,
 *
 *     sealed keys 1 OPS KIB SALT NONCE BOX      Argon2id and XSalsa20-Poly1305, in base64
 *
 * In the box each file is u16 size of its name, name, u16 size, bytes. Secrets are in sodium_malloc
 * memory and wiped on every path.
 */
#include "host/config/passphrase.h"
#include "tally/types.h"

struct sealed;

enum { SEALED_TEXT_MAX = 64 << 10 };

/* Reads the keys of a data directory. */
enum tally_error sealed_gather(const char *data, struct sealed **sealed,
                               struct complaint *complaint);

/* The line, to be freed; it is no secret. NULL: the complaint says why. */
char *sealed_write(const struct sealed *sealed, const struct passphrase *passphrase,
                   struct complaint *complaint);

/* MISMATCH: another passphrase, or other bytes. DAMAGED: no such line, or no keys of that node. */
enum tally_error sealed_open(struct tally_bytes text, const struct passphrase *passphrase,
                             const struct tally_key *node, struct sealed **sealed,
                             struct complaint *complaint);

/* Makes the folder keys in a directory, whole or not at all, durable; it was not there. */
enum tally_error sealed_put(const struct sealed *sealed, int root, struct complaint *complaint);

/* Wipes and frees; NULL is allowed. */
void sealed_free(struct sealed *sealed);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BACKUP_LISTED_H
#define TEST_BACKUP_LISTED_H
/* A folder with some files, and the list of them. */
#include "host/backup/manifest.h"

/* Signs with a seed of ours; its key. */
extern const struct tally_crypto listed_crypto;
struct tally_key listed_key(void);
struct tally_signature listed_sign(struct tally_bytes text);

/* A new folder, open; with files of sizes about those of blocks, and a manifest of them. */
int listed_folder(char path[64], struct manifest *manifest);
void listed_put(int root, const char *path, size_t size, unsigned seed);

#endif

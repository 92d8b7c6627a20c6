/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_ARCHIVE_H
#define BACKUP_ARCHIVE_H
/*
 * A backup as one file: a tar archive (POSIX.1-1988 ustar) that tar(1) can list. The manifest comes
 * first, then its files in its order; each byte of the archive follows from the manifest and the
 * contents, so that one bit of difference anywhere is found, and its place told.
 */
#include "host/backup/manifest.h"

/* Packs a folder that has a manifest into a new file; durable when it returns OK. */
enum tally_error archive_pack(int root, const struct manifest *manifest, int file,
                              struct complaint *complaint);

/*
 * Reads all of an archive. *manifest is filled first (manifest_free, on an error too), then `take`
 * (or NULL) gets what is in it. DAMAGED with the first thing that is wrong.
 */
enum tally_error archive_read(int file, struct manifest *manifest, manifest_take *take,
                              void *context, struct complaint *complaint);

/* The manifest alone, from the beginning of the file. */
enum tally_error archive_manifest(int file, struct manifest *manifest, struct complaint *complaint);

#endif

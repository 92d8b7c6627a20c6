/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H
/*
 * The files of one log: reading them (any thread), and writing bundles, tiles and notes (worker).
 * Reading is one path for the ledger, for the read-back before a root is signed, and for fsck.
 *
 * A reader that misses a partial tile takes a wider one and its first hashes (log chapter 6). A
 * tile or bundle whose length is not what its name says is not there.
 */
#include "core/log/tile.h"
#include "host/store/disk.h"

enum { FOLDER_HEX = 64 };

/* A log's folder is logs/<hex>. */
struct folder {
    int root; /* The data directory. */
    char hex[FOLDER_HEX + 1];
};

void folder_init(struct folder *folder, int root, const struct tally_hash *origin);

/* logs/<hex>/<name>. */
void folder_path(const struct folder *folder, const char *name, char path[DISK_PATH_MAX]);
void folder_tile_path(const struct folder *folder, const struct tile *tile,
                      char path[DISK_PATH_MAX]);
void folder_blob_path(const struct folder *folder, const struct tally_hash *body,
                      char path[DISK_PATH_MAX]);

/* The first tile->width hashes of it. */
bool folder_hashes(const struct folder *folder, const struct tile *tile, struct tally_hash *hashes);

/* The first tile->width entries or bodies of a bundle. Bytes read; 0 if it is not held, not of the
   form, or larger than capacity. */
size_t folder_bundle(const struct folder *folder, const struct tile *tile, uint8_t *bytes,
                     size_t capacity);

/* The checkpoint or another small file of the log; 0 if it is not there or does not fit. */
size_t folder_file(const struct folder *folder, const char *name, uint8_t *bytes, size_t capacity);

/* Bytes of the first `count` items of a bundle; false if there are fewer. */
bool folder_skip(enum tile_kind kind, struct tally_bytes bundle, unsigned count, size_t *size);

/* Item `index` of a bundle. False if it is not there; a body that is absent gives data NULL. */
bool folder_item(enum tile_kind kind, struct tally_bytes bundle, unsigned index,
                 struct tally_bytes *item);

/*
 * Puts a tile or bundle. `held` of its width were there before (0..width): what lies beyond them,
 * left over from a crash or from a copy that turned out wrong, is removed first.
 */
STORE_CHECKED enum tally_error folder_put(struct disk *disk, const struct folder *folder,
                                          const struct tile *tile, unsigned held,
                                          const struct tally_bytes *parts, size_t count);

/* Removes all forms of a tile or bundle but this one, which is durable. */
STORE_CHECKED enum tally_error folder_only(struct disk *disk, const struct folder *folder,
                                           const struct tile *tile);

/* Removes the partial forms of a full tile or bundle that is durable. */
void folder_tidy(const struct folder *folder, const struct tile *full);

#endif

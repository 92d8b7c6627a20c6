/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_MANIFEST_H
#define BACKUP_MANIFEST_H
/*
 * What a backup holds, signed by the node it is of. The file `manifest` is text:
 *
 *     tally backup 1
 *     node did:key:z6Mk...
 *     made 1796030400                     Unix time in seconds
 *     version 0.1.0                       of the tally that made it
 *     keys sealed | none                  whether the file keys.sealed is there (sealed.h)
 *     file SHA256 SIZE PATH               each file, in the order of the bytes of its path
 *     signature BASE64                    Ed25519 over all that stands above
 *
 * There is one form of each line, and nothing else in it.
 */
#include "host/backup/tree.h"
#include "tally/windows.h"

#define MANIFEST_FILE   "manifest"
#define MANIFEST_SEALED "keys.sealed"

enum { MANIFEST_MAX = 1 << 30, MANIFEST_VERSION_MAX = 32 };

struct manifest_file {
    char path[TREE_PATH_MAX];
    uint64_t size;
    struct tally_hash hash;
};

struct manifest {
    struct tally_key node;
    int64_t made_s;
    char version[MANIFEST_VERSION_MAX];
    bool sealed;
    struct manifest_file *files;
    size_t count, capacity;
    uint64_t bytes; /* Of all files. */
};

/* Fills in the files of a folder, but for the manifest and the file `but`; each is read. */
enum tally_error manifest_list(struct manifest *manifest, int root, const char *but,
                               struct complaint *complaint);

/* Its text with its signature, to be freed; NULL without memory. */
char *manifest_write(const struct manifest *manifest, const struct tally_crypto *crypto);

/* Takes the text apart and verifies its signature: DAMAGED, NEWER (another form of manifest). */
enum tally_error manifest_read(struct tally_bytes text, struct manifest *manifest,
                               struct complaint *complaint);
void manifest_free(struct manifest *manifest);

/* The file of that path; NULL if there is none. */
const struct manifest_file *manifest_find(const struct manifest *manifest, const char *path);

/* What may be done with the bytes of a file, in order; the last time with size 0, once its hash was
   found good. A file whose hash is wrong was taken when that is found. */
typedef enum tally_error manifest_take(void *context, const struct manifest_file *file,
                                       struct tally_bytes bytes);

/* Whether a folder holds exactly these files, whose bytes `take` (or NULL) gets: DAMAGED with the
   first that differs. */
enum tally_error manifest_compare(const struct manifest *manifest, int root, manifest_take *take,
                                  void *context, struct complaint *complaint);

#endif

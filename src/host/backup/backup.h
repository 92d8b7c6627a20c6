/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H
/*
 * Backups of a data directory (operations 3.17): a folder, or one file that holds the same
 * (archive.h). What is in one is a data directory without its secrets, as it was at one moment
 * (store/snapshot.h), and a list that its node signed (manifest.h).
 *
 * Nothing here needs the node, or minds that it runs. What was begun and not ended has a file
 * `unfinished` in it, is refused, and goes when it is begun again.
 */
#include "host/backup/manifest.h"

#define BACKUP_UNFINISHED "unfinished"

enum backup_phase { BACKUP_COPIES, BACKUP_CHECKS };

struct backup_options {
    const char *data;       /* The data directory; NULL for a check. */
    bool keys;              /* CREATE: with them. RESTORE: put them back, if there are any. */
    const char *passphrase; /* A file whose first line it is; NULL: as passphrase_get finds it. */
    const char *scratch; /* A folder with room to unpack a file for a check; NULL: where it is. */
    void *context;
    /* So many receipts of so many; may be NULL. */
    void (*progress)(void *context, enum backup_phase phase, uint64_t done, uint64_t total);
};

/* Where the key of a directory is that was put back. */
enum backup_keys { BACKUP_KEYS_WANTED, BACKUP_KEYS_THERE, BACKUP_KEYS_RESTORED };

struct backup_about {
    struct tally_key node;
    int64_t made_s;
    char version[MANIFEST_VERSION_MAX];
    bool folder, sealed; /* The form; whether it has keys. */
    bool opened;         /* CHECK: the keys were opened, and are those of the node. */
    uint64_t files, bytes;
    uint64_t logs, receipts, pending, pruned;
    enum backup_keys keys; /* RESTORE. */
};

/*
 * Makes a backup: a folder if `path` ends in a slash or is one, which must be empty; else a file,
 * which must not be there. Success means that it was read again and that all in it verifies. On an
 * error nothing is left of it. Beside the errors of the disk: NOT_FOUND (no data directory),
 * IN_USE (something is there), DAMAGED (the data directory itself is).
 */
enum tally_error backup_create(const char *path, const struct backup_options *options,
                               struct backup_about *about, struct complaint *complaint);

/* Verifies everything: the list and its signature, each file, and what the files say, as fsck does;
   the keys if a passphrase is given. DAMAGED with the first thing that is wrong; MISMATCH for a
   wrong passphrase; NOT_FOUND, NEWER. */
enum tally_error backup_check(const char *path, const struct backup_options *options,
                              struct backup_about *about, struct complaint *complaint);

/*
 * Puts a backup back into options->data, which is not there, or empty, or holds keys only, or what
 * an earlier call did not end. What comes is verified as by a check; until all of it is durable
 * nobody opens the directory. MISMATCH: the keys there are another node's.
 */
enum tally_error backup_restore(const char *path, const struct backup_options *options,
                                struct backup_about *about, struct complaint *complaint);

#endif

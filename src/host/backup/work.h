/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_WORK_H
#define BACKUP_WORK_H
/* What backup.c and restore.c share: a folder that is being filled, and where backups are read. */
#include "host/backup/backup.h"
#include "host/config/paths.h"
#include "host/store/store.h"

/* What errno says about a path. */
enum tally_error work_failed(const char *path, struct complaint *complaint);

/* A small file, and its name, durable. */
enum tally_error work_put(int root, const char *name, struct tally_bytes bytes,
                          struct complaint *complaint);

/* All of a small file, to be freed; NULL: the complaint says why. */
uint8_t *work_get(int root, const char *name, size_t most, size_t *size,
                  struct complaint *complaint);

/* A folder with a mark in it, which says that it is not finished. */
struct work {
    char path[PATHS_MAX];
    const char *mark;
    const char *keep; /* An entry that is not ours to take away; NULL. */
    int root, lock;
    bool ours; /* The folder's name is of our making: in the end it goes, whoever made it. */
    bool made; /* We made the folder. */
};

/*
 * Opens the folder, making it if it is not there; what was left unfinished in it goes, and but for
 * `keep` it is empty then, with the mark in it. IN_USE: it holds something else; LOCKED: somebody
 * else is at it.
 */
enum tally_error work_begin(struct work *work, struct complaint *complaint);
/* All in it is durable, and the mark goes. */
enum tally_error work_finish(struct work *work, struct complaint *complaint);
/* Takes all away that is ours; after work_finish it only closes. */
void work_end(struct work *work);

/* A backup that is read. */
struct stock {
    const char *path;
    int fd;
    bool folder;
    struct manifest manifest;
};

/* Opens it and reads its list. */
enum tally_error stock_open(struct stock *stock, const char *path, struct complaint *complaint);
/* Reads all that the list names, through `take` or NULL. */
enum tally_error stock_read(struct stock *stock, manifest_take *take, void *context,
                            struct complaint *complaint);
void stock_close(struct stock *stock);

/* Files of a backup go to a folder. */
struct unpack {
    int root, file; /* -1: none is open. */
    const char *path;
    struct tally_bytes sealed; /* Of the keys, which are not put there; memory of ours. */
    uint8_t *box;
    struct complaint *complaint;
};
manifest_take unpack_take;
/* Those that every data directory has, for none may be empty in a backup that is a file. */
enum tally_error unpack_folders(struct unpack *unpack);
void unpack_end(struct unpack *unpack);

/* fsck of what is in a folder; DAMAGED with the first problem. Fills in the counts. */
enum tally_error work_verify(const char *folder, const struct tally_key *node,
                             const struct backup_options *options, struct backup_about *about,
                             struct complaint *complaint);

void work_tell(const struct manifest *manifest, struct backup_about *about);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_DISK_H
#define STORE_DISK_H
/*
 * Files that appear whole or not at all: written beside, fsynced, renamed, folder fsynced
 * (reliability chapter 5.6). Many files share one flush. Paths are relative to the data directory
 * and made of our own words and hex of hashes, never of a peer's text.
 */
#include "host/store/store.h"

#include <stdatomic.h>

enum {
    DISK_PATH_MAX = 160,   /* logs/ + 64 hex digits + the longest tile path + .new, with its NUL. */
    DISK_FILES_MAX = 128,  /* Open at a time; a batch of 16 packages puts 48. */
    DISK_FOLDERS_MAX = 64, /* Changed since the last flush. */
    DISK_FOLDERS_DEEP = 16, /* Changed by one file at most: those above it. */
};

struct disk_file {
    int fd; /* Of the file beside; -1 for a move. */
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
};

struct disk {
    int root;              /* The data directory. */
    atomic_bool broken;    /* A write or fsync failed: nothing that was cached can be believed. */
    enum tally_error lost; /* Why files were forgotten before their flush; OK: none were. */
    unsigned long many;    /* The kernel's context for many fsyncs at once; 0: none yet. */
    size_t count;
    struct disk_file files[DISK_FILES_MAX];
    size_t folder_count;
    char folders[DISK_FOLDERS_MAX][DISK_PATH_MAX];
};

/* Writes a file beside its place and asks the kernel to begin; missing folders are made. It is
   there, and durable, after disk_flush. FULL leaves nothing of it; IO breaks the disk. */
STORE_CHECKED enum tally_error disk_put(struct disk *disk, const char *path,
                                        const struct tally_bytes *parts, size_t count);

/* Moves a durable file with the next flush. */
STORE_CHECKED enum tally_error disk_move(struct disk *disk, const char *from, const char *to);

/* Whether a file of that path was put or moved and waits for the flush. */
bool disk_waits(const struct disk *disk, const char *path);

/* Removes a file now if it is there; durable after disk_flush. */
STORE_CHECKED enum tally_error disk_remove(struct disk *disk, const char *path);

/* Makes all that was put and moved appear, durable. On an error none of it may be counted on. */
STORE_CHECKED enum tally_error disk_flush(struct disk *disk);

/* The same amid a batch. If it fails, so does the next disk_flush: what was put before is gone. */
STORE_CHECKED enum tally_error disk_make_room(struct disk *disk);

/* Forgets what was put since the last flush, and what was lost. */
void disk_forget(struct disk *disk);

/* Ends it: what was not flushed is forgotten, the directory closed. */
void disk_end(struct disk *disk);

/* Makes a folder and those above it, durable after disk_flush. */
STORE_CHECKED enum tally_error disk_folder(struct disk *disk, const char *path);

/* Reads a whole file of at most capacity bytes: OK, NOT_FOUND, TOO_LARGE or IO. */
STORE_CHECKED enum tally_error disk_read(int root, const char *path, uint8_t *bytes,
                                         size_t capacity, size_t *size);

/* Reads up to size bytes from an offset; fewer only at the end of the file. False on an error. */
bool disk_read_at(int fd, uint8_t *bytes, size_t size, uint64_t offset, size_t *got);

/* Removes all files in a folder, and the folder itself, as far as it goes; not made durable. */
void disk_sweep(int root, const char *folder, bool itself);

/* What errno says, as an error of ours. */
enum tally_error disk_error(int number);

/*
 * For the crash tests, which must be able to find a fault: a store built with STORE_PLANT makes the
 * mistake that the environment variable of that name tells. The product has no such switch.
 */
#ifdef STORE_PLANT
bool disk_planted(const char *mistake);
#else
#define disk_planted(mistake) false
#endif

#endif

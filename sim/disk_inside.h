/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DISK_INSIDE_H
#define SIM_DISK_INSIDE_H
/* What the files of the disk share: one log's receipts, packages. */
#include "disk.h"

struct disk_log *disk_log_new(struct disk *disk, const struct tally_log_id *id);
void disk_log_free(struct disk_log *log);

/* One more receipt, durable. body_held false: the body is large and did not come. */
void disk_log_append(struct disk_log *log, struct tally_bytes envelope, struct tally_bytes body,
                     bool body_held);

/* PRUNE: drops the bodies of the first `to` receipts of a replica. */
enum tally_error disk_log_prune(struct disk_log *log, uint64_t to);

/* KEEP; and what the window shows of it. */
enum tally_error disk_keep(struct disk *disk, const struct tally_action *action);
void disk_kept_free(struct disk *disk);
size_t disk_kept(void *context, enum tally_kept kind, const struct tally_hash *origin_hash,
                 uint8_t *note, size_t capacity);
bool disk_kept_at(void *context, enum tally_kept kind, size_t index,
                  struct tally_hash *origin_hash);

/* Cuts off what came after `size`: an append that was not whole. */
void disk_log_cut(struct disk_log *log, uint64_t size);

/* A package by the ticket of its VERIFY: where it hangs (NULL there if there is none); taken out of
   the disk; begun. */
struct disk_package **disk_package_place(struct disk *disk, uint64_t ticket);
struct disk_package *disk_package_take(struct disk *disk, uint64_t ticket);
struct disk_package *disk_package_begin(struct disk *disk, uint64_t ticket,
                                        const struct tally_package_job *job);
void disk_package_free(struct disk_package *package);

/* The large body of that receipt, begun if it was not. */
struct disk_body *disk_package_body(struct disk_package *package, uint64_t index);

/* The envelope of one receipt of an opened package. */
struct tally_bytes disk_package_envelope(const struct disk_package *package, uint64_t index);

/* Adds a piece to bytes that grow. */
void disk_bytes_add(uint8_t **bytes, size_t *size, size_t *capacity, struct tally_bytes more);

/* What becomes of a write, drawn when it is asked for: whether it fails, and how much longer it
   takes. Nothing is drawn for a disk without faults. */
uint64_t disk_fate(const struct disk *disk, struct random *chance, bool *fails);

/* An operation of the store that failed: what its node is told; false if it is told nothing. */
bool disk_failed(struct disk *disk, const struct disk_operation *operation,
                 struct tally_event *event);

/* Half of the first write that a crash found under way. */
void disk_tear(struct disk *disk, struct random *chance);

#endif

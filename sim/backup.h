/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_BACKUP_H
#define SIM_BACKUP_H
/* Disks that are copied, and put back (operations, «Backups, and the guard»). */
#include "world.h"

/* What is durable now, instead of an earlier copy; and whom its node was linked with until now. */
void world_backup(struct world *world, uint32_t slot);
void world_forget_backup(struct slot *at);

/* Whether a guard can help if the copy is put back now; else why not. Who rotated its key since has
   to begin with the new one, in an empty directory. And an epoch is the time of a start, or one
   more than the last that the disk knows: where the clock was set back, or within a second, a copy
   begins with one that was, and others take what it says for stale until the clock is right. */
bool world_restorable(const struct world *world, uint32_t slot, const char **why);

/* The node starts anew over the copy, which stays; faults are the disk's and stay too. False: there
   is none. */
bool world_restore(struct world *world, uint32_t slot);

/* The operator's `tally log recover`; to a node that does not run nothing is said. */
void world_recover(struct world *world, uint32_t slot);

#endif

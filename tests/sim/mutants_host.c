/* SPDX-License-Identifier: Apache-2.0 */
/* What a host can do wrong to a core that does all right. */
#include "adversary.h"
#include "disk_inside.h"
#include "mutants.h"

WRAP(void, disk_recover, struct disk *disk)
{
    __real_disk_recover(disk);
    for (size_t i = 0; i < disk->log_count; i++) {
        struct disk_log *log = disk->logs[i];
        if (broken == MUTANT_ACKNOWLEDGED && log->own && simtree_size(&log->tree) > 0)
            disk_log_cut(log, simtree_size(&log->tree) - 1);
        if (broken == MUTANT_BACK && log->own)
            log->size = 0;
    }
    if (broken == MUTANT_REMEMBERED)
        disk->file_count = 0;
    if (broken == MUTANT_EPOCH)
        disk->epoch = 0;
}

WRAP(bool, adversary_begin, struct world *world, uint32_t slot, enum lie lie, uint32_t count)
{
    bool good = __real_adversary_begin(world, slot, lie, count);
    if (broken == MUTANT_ROOTS) /* Nobody means any harm. */
        world->slots[slot].lie = world->slots[world->slots[slot].second].lie = LIE_NONE;
    return good;
}

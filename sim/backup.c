/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"
#include "memory.h"

void world_forget_backup(struct slot *at)
{
    if (at->backup != NULL)
        disk_free(at->backup);
    memory_free(at->backup);
    at->backup = NULL;
}

void world_backup(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    world_forget_backup(at);
    at->backup = memory_new(1, sizeof *at->backup);
    at->met_backup = at->met_count;
    disk_copy(at->backup, &at->disk, &at->signer);
}

/* Nobody answers under a key that ended, and the copy does not know that it did. */
static bool is_of_ended_key(const struct slot *at)
{
    return at->backup != NULL && disk_ended(&at->disk) && !disk_ended(at->backup);
}

bool world_restorable(const struct world *world, uint32_t slot, const char **why)
{
    const struct slot *at = &world->slots[slot];
    if (world_clock(world, slot).wall.us / 1000000 <= at->disk.epoch)
        *why = "its clock is behind its last start";
    else if (is_of_ended_key(at))
        *why = "its key ended since it was copied";
    else if (!checker_held(&world->checker, world, slot, at->backup))
        *why = "not all hold what it signed";
    else
        return true;
    return false;
}

bool world_restore(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->backup == NULL)
        return false;
    world_crash(world, slot);
    const struct disk_options options =
        at->disk.options; /* Faults are the disk's, not the copy's. */
    disk_free(&at->disk);
    disk_copy(&at->disk, at->backup, &at->signer);
    at->disk.options = options;
    at->restored = true;
    checker_restored(&world->checker, world, slot);
    at->met_count = at->met_backup;
    world_wake(world, slot);
    return true;
}

void world_recover(struct world *world, uint32_t slot)
{
    const struct tally_event event = {.kind = TALLY_EVENT_COMMAND,
                                      .command = {.kind = TALLY_COMMAND_RECOVER}};
    if (world->slots[slot].node != NULL)
        world_step(world, slot, &event);
}

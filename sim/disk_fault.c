/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are slow, full, refuse a write, or lose power in the midst of one. */
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "disk_inside.h"
#include "memory.h"

enum { SLOW_LEAST_US = 1000000, SLOW_MORE_US = 2000000 };

static bool lucky(struct random *chance, uint32_t per_100000)
{
    return per_100000 > 0 && random_below(chance, 100 * PERCENT) < per_100000;
}

void disk_set(struct disk *disk, const struct disk_setting *setting)
{
    const struct disk_options *values = &setting->values;
    if (setting->sync)
        disk->options.sync_us = values->sync_us;
    if (setting->full)
        disk->options.capacity = values->capacity;
    if (setting->failed)
        disk->options.failed = values->failed;
    if (setting->slow)
        disk->options.slow = values->slow;
    if (setting->torn)
        disk->options.torn = values->torn;
}

bool disk_has_room(const struct disk *disk)
{
    return disk->full && (disk->options.capacity == 0 || disk->bytes < disk->options.capacity);
}

uint64_t disk_fate(const struct disk *disk, struct random *chance, bool *fails)
{
    *fails = lucky(chance, disk->options.failed);
    if (!lucky(chance, disk->options.slow))
        return 0;
    return SLOW_LEAST_US + random_below(chance, SLOW_MORE_US + 1);
}

bool disk_failed(struct disk *disk, const struct disk_operation *operation,
                 struct tally_event *event)
{
    disk->broken = true;
    if (operation->kind == TALLY_ACTION_APPEND) {
        event->kind = TALLY_EVENT_APPENDED;
        event->appended.ticket = operation->ticket;
        event->appended.error = TALLY_IO;
    } else if (operation->kind == TALLY_ACTION_SEAL) {
        event->kind = TALLY_EVENT_SEALED;
        event->sealed.ticket = operation->ticket;
        event->sealed.error = TALLY_IO;
    } else if (operation->kind == TALLY_ACTION_PUBLISH) {
        event->kind = TALLY_EVENT_PUBLISHED;
        event->published.ticket = operation->ticket;
        event->published.error = TALLY_IO;
    } else if (operation->kind == TALLY_ACTION_KEEP) {
        event->kind = TALLY_EVENT_KEPT;
        event->kept.ticket = operation->ticket;
        event->kept.error = TALLY_IO;
    } else if (operation->kind == TALLY_ACTION_PRUNE) {
        event->kind = TALLY_EVENT_PRUNED;
        event->pruned.ticket = operation->ticket;
        event->pruned.error = TALLY_IO;
    } else {
        return false;
    }
    return true;
}

void disk_tear(struct disk *disk, struct random *chance)
{
    const struct disk_operation *operation = disk->lanes[DISK_STORE].first;
    if (operation == NULL || operation->package == NULL || !lucky(chance, disk->options.torn))
        return;
    const struct disk_package *package = operation->package;
    struct disk_log *log = disk_find(disk, &operation->action.append.log.origin_hash);
    uint64_t first = package->job.first, count = package->job.end - first;
    if (log == NULL || simtree_size(&log->tree) != first || package->opened.entries == NULL)
        return;
    disk->torn.log = log;
    disk->torn.first = first;
    for (uint64_t i = 0; i <= random_below(chance, (uint32_t)count); i++)
        disk_log_append(log, disk_package_envelope(package, first + i), bytes_of(NULL, 0), false);
}

void disk_recover(struct disk *disk)
{
    if (disk->torn.log != NULL)
        disk_log_cut(disk->torn.log, disk->torn.first);
    disk->torn.log = NULL;
    disk->broken = disk->full = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Packages on their way from VERIFY to APPEND. */
#include "core/base/bytes.h"
#include "disk_inside.h"
#include "memory.h"

void disk_package_free(struct disk_package *package)
{
    if (package == NULL)
        return;
    while (package->bodies != NULL) {
        struct disk_body *body = package->bodies;
        package->bodies = body->next;
        memory_free(body->bytes);
        memory_free(body);
    }
    memory_free(package->opened.entries);
    memory_free(package->opened.bodies);
    memory_free(package->compact);
    memory_free(package);
}

struct disk_package **disk_package_place(struct disk *disk, uint64_t ticket)
{
    struct disk_package **place = &disk->packages;
    while (*place != NULL && (*place)->ticket != ticket)
        place = &(*place)->next;
    return place;
}

struct disk_package *disk_package_take(struct disk *disk, uint64_t ticket)
{
    struct disk_package **place = disk_package_place(disk, ticket), *package = *place;
    if (package != NULL)
        *place = package->next;
    return package;
}

struct disk_package *disk_package_begin(struct disk *disk, uint64_t ticket,
                                        const struct tally_package_job *job)
{
    /* 17 kB, most of which is written by whoever opens it. */
    struct disk_package *package = memory_raw(sizeof *package);
    memset(package, 0, offsetof(struct disk_package, before));
    package->compact = NULL;
    package->compact_size = package->compact_capacity = 0;
    package->opened.entries = package->opened.bodies = NULL;
    package->opened.entries_size = package->opened.bodies_size = 0;
    package->bodies = NULL;
    package->ticket = ticket;
    package->job = *job;
    strncpy(package->name_space, job->name_space, TALLY_NAMESPACE_MAX);
    package->job.name_space = package->name_space;
    if (job->before != NULL)
        memcpy(package->before, job->before,
               job->first % TALLY_TILE_WIDTH * sizeof *package->before);
    package->job.before = package->before;
    package->next = disk->packages;
    disk->packages = package;
    return package;
}

void disk_bytes_add(uint8_t **bytes, size_t *size, size_t *capacity, struct tally_bytes more)
{
    *bytes = memory_room(*bytes, capacity, *size + more.size, 1);
    if (more.size > 0)
        memcpy(*bytes + *size, more.data, more.size);
    *size += more.size;
}

struct disk_body *disk_package_body(struct disk_package *package, uint64_t index)
{
    for (struct disk_body *body = package->bodies; body != NULL; body = body->next)
        if (body->index == index)
            return body;
    struct disk_body *body = memory_new(1, sizeof *body);
    body->index = index;
    body->next = package->bodies;
    package->bodies = body;
    return body;
}

/* The envelope of one receipt of an opened package. */
struct tally_bytes disk_package_envelope(const struct disk_package *package, uint64_t index)
{
    const uint8_t *at = package->opened.entries;
    for (uint64_t i = package->job.first; i < index; i++)
        at += 2 + be16_read(at);
    return bytes_of(at + 2, be16_read(at));
}

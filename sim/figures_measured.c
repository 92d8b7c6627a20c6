/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "figures_inside.h"
#include "memory.h"
#include <stdlib.h>

enum { LOGS_MAX = 4096 };

/* ---- Logs by a number. ---- */

/* The log of that hash; UINT32_MAX: not kept. */
static uint32_t log_find(const struct figures *figures, const struct tally_hash *hash)
{
    for (uint32_t i = 0; i < figures->log_count; i++)
        if (hash_equal(&figures->logs[i].origin_hash, hash))
            return i;
    return UINT32_MAX;
}

/* The log of an origin, added if it was not there; UINT32_MAX: no room. */
static uint32_t log_add(struct figures *figures, const char *origin)
{
    struct tally_hash hash;
    tally_origin_hash(bytes_text(origin), &hash);
    uint32_t log = log_find(figures, &hash);
    if (log != UINT32_MAX || figures->log_count == LOGS_MAX)
        return log;
    figures->logs = memory_room(figures->logs, &figures->log_capacity, figures->log_count + 1,
                                sizeof *figures->logs);
    figures->logs[figures->log_count].origin_hash = hash;
    return (uint32_t)figures->log_count++;
}

/* ---- Seals: heard of, held. ---- */

static void on_sealed(struct figures *figures, uint32_t slot, const struct tally_trace *trace)
{
    const struct world *world = figures->world;
    uint32_t nodes = world->options.nodes;
    if (world->slots[slot].lie != LIE_NONE)
        return;
    uint32_t log = log_add(figures, trace->origin);
    if (log == UINT32_MAX || figures->seal_count == FIGURES_SEALS ||
        (figures->seal_count + 1) * nodes > FIGURES_CELLS) {
        figures->seals_left_out++;
        return;
    }
    figures->seals = memory_room(figures->seals, &figures->seal_capacity, figures->seal_count + 1,
                                 sizeof *figures->seals);
    struct figure_seal *seal = &figures->seals[figures->seal_count++];
    *seal = (struct figure_seal){
        .us = world->now_us,
        .size = trace->a,
        .log = log,
        .heard = memory_new(nodes, sizeof *seal->heard),
        .held = memory_new(nodes, sizeof *seal->held),
    };
    for (uint32_t other = 0; other < nodes; other++) {
        bool wanted = other != slot && world_counts(world, other);
        seal->wanted += wanted;
        /* Not waited for: it was not there. */
        seal->heard[other] = seal->held[other] = wanted ? 0 : UINT32_MAX;
    }
}

static void reaches(struct figures *figures, uint32_t slot, const struct tally_trace *trace,
                    const struct tally_hash *hash, bool held)
{
    uint32_t log = log_find(figures, hash);
    uint32_t shown = figures->world->slots[slot].shown;
    for (size_t i = figures->seal_count; log != UINT32_MAX && i-- > 0;) {
        struct figure_seal *seal = &figures->seals[i];
        if (seal->log != log || seal->size > trace->a)
            continue;
        uint32_t ms = (uint32_t)((figures->world->now_us - seal->us) / 1000) + 1;
        if (seal->heard[shown] == 0)
            seal->heard[shown] = ms;
        if (!held || seal->held[shown] == UINT32_MAX)
            continue;
        if (seal->held[shown] != 0)
            break; /* And so it is with all that are older. */
        seal->held[shown] = ms;
        seal->held_count++;
    }
}

static void on_synced(struct figures *figures, uint32_t slot, const struct tally_trace *trace)
{
    struct tally_hash hash;
    tally_origin_hash(bytes_text(trace->origin), &hash);
    reaches(figures, slot, trace, &hash, true);
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static void spread_of(const struct figures *figures, bool held, struct figure_spread *spread)
{
    size_t nodes = figures->node_count;
    uint32_t *all = memory_raw(figures->seal_count * nodes * sizeof *all);
    *spread = (struct figure_spread){0};
    for (size_t i = 0; i < figures->seal_count; i++)
        for (size_t slot = 0; slot < nodes; slot++) {
            const struct figure_seal *seal = &figures->seals[i];
            uint32_t ms = held ? seal->held[slot] : seal->heard[slot];
            if (ms == 0)
                spread->missing++;
            else if (ms != UINT32_MAX)
                all[spread->count++] = ms - 1;
        }
    if (spread->count > 0) {
        qsort(all, spread->count, sizeof *all, by_number);
        spread->p50 = all[(spread->count - 1) * 50 / 100];
        spread->p90 = all[(spread->count - 1) * 90 / 100];
        spread->p99 = all[(spread->count - 1) * 99 / 100];
        spread->most = all[spread->count - 1];
    }
    memory_free(all);
}

void figures_sum(struct figures *figures)
{
    spread_of(figures, false, &figures->heard);
    spread_of(figures, true, &figures->held);
}

/* ---- Heals. ---- */

static void height(struct figure_heal *heal, const struct disk_log *log)
{
    for (size_t i = 0; i < heal->height_count; i++)
        if (hash_equal(&heal->heights[i].origin_hash, &log->origin_hash)) {
            if (heal->heights[i].size < log->size)
                heal->heights[i].size = log->size;
            return;
        }
    heal->heights = memory_room(heal->heights, &heal->height_capacity, heal->height_count + 1,
                                sizeof *heal->heights);
    heal->heights[heal->height_count++] = (struct figure_height){log->origin_hash, log->size};
}

void figures_heal_begin(struct figures *figures)
{
    const struct world *world = figures->world;
    figures->heals = memory_room(figures->heals, &figures->heal_capacity, figures->heal_count + 1,
                                 sizeof *figures->heals);
    struct figure_heal *heal = &figures->heals[figures->heal_count++];
    *heal = (struct figure_heal){.us = world->now_us};
    /* An honest issuer's own disk holds the largest of its checkpoints. */
    for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
        const struct disk *disk = &world->slots[slot].disk;
        for (size_t i = 0; world_counts(world, slot) && i < disk->log_count; i++)
            if (disk->logs[i]->own && disk->logs[i]->size > 0)
                height(heal, disk->logs[i]);
    }
}

static bool reached(const struct disk *disk, const struct figure_heal *heal)
{
    for (size_t i = 0; i < heal->height_count; i++) {
        const struct disk_log *log = disk_find(disk, &heal->heights[i].origin_hash);
        if (log == NULL || log->size < heal->heights[i].size)
            return false;
    }
    return true;
}

bool figures_heal_look(struct figures *figures)
{
    const struct world *world = figures->world;
    bool waits = false;
    for (size_t i = 0; i < figures->heal_count; i++) {
        struct figure_heal *heal = &figures->heals[i];
        if (heal->healed_us != 0)
            continue;
        while (heal->slot < world->options.nodes &&
               (!world_counts(world, heal->slot) || reached(&world->slots[heal->slot].disk, heal)))
            heal->slot++;
        if (heal->slot == world->options.nodes)
            heal->healed_us = world->now_us;
        else
            waits = true;
    }
    return waits;
}

/* ---- Forks. ---- */

void figures_lie(struct figures *figures, uint32_t slot)
{
    figures->forks = memory_room(figures->forks, &figures->fork_capacity, figures->fork_count + 1,
                                 sizeof *figures->forks);
    figures->forks[figures->fork_count++] =
        (struct figure_fork){.liar = slot, .lied_us = figures->world->now_us};
}

static void on_forked(struct figures *figures, const struct tally_trace *trace)
{
    struct tally_key issuer;
    struct tally_bytes name;
    uint32_t slot;
    if (trace->origin == NULL || !tally_origin_read(bytes_text(trace->origin), &issuer, &name) ||
        !world_find(figures->world, &issuer, &slot))
        return;
    for (size_t i = 0; i < figures->fork_count; i++) {
        struct figure_fork *fork = &figures->forks[i];
        if (fork->liar != slot)
            continue;
        if (fork->first_us == 0)
            fork->first_us = figures->world->now_us;
        fork->last_us = figures->world->now_us;
        fork->nodes++;
    }
}

void figures_trace(struct figures *figures, uint32_t slot, const struct tally_trace *trace)
{
    if (trace->kind == TALLY_TRACE_SEALED)
        on_sealed(figures, slot, trace);
    else if (trace->kind == TALLY_TRACE_AHEAD && trace->log != NULL)
        reaches(figures, slot, trace, trace->log, false);
    else if (trace->kind == TALLY_TRACE_SYNCED && trace->origin != NULL)
        on_synced(figures, slot, trace);
    else if (trace->kind == TALLY_TRACE_FORKED && world_counts(figures->world, slot))
        on_forked(figures, trace);
}

void figures_measured_free(struct figures *figures)
{
    for (size_t i = 0; i < figures->seal_count; i++) {
        memory_free(figures->seals[i].heard);
        memory_free(figures->seals[i].held);
    }
    for (size_t i = 0; i < figures->heal_count; i++)
        memory_free(figures->heals[i].heights);
    memory_free(figures->logs);
    memory_free(figures->seals);
    memory_free(figures->heals);
    memory_free(figures->forks);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"
#include "memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SECOND_US = 1000000,
    LOOK_EVENTS = 4096, /* Steps between two looks at the real clock. */
    BAR = 32,
};

struct scale {
    struct world world;
    const struct scale_options *options;
    bool terminal;       /* Somebody watches. */
    double begin, drawn; /* Real seconds. */
    uint64_t whole_us;
    const char *phase;
};

void scale_defaults(struct scale_options *options)
{
    *options = (struct scale_options){
        .world = {.seed = 1,
                  .nodes = 1000,
                  .crypto = PROVIDER_FAST,
                  .peers_max = 4,
                  .known_max = 24,
                  .links_max = 24,
                  .dht_values_max = 16,
                  .logs_max = 8,
                  .own_logs_max = 2,
                  .pending_max = 8,
                  .seen_max = 128,
                  .records_max = 4,
                  .senders_max = 32,
                  .datagrams_only = true},
        .birth_s = 10,
        .settle_s = 30,
        .idle_s = 60,
    };
}

/* ---- What is real. ---- */

/* Bytes of this process that are resident. */
static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long whole = 0, pages = 0;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &whole, &pages) != 2)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void bar_draw(struct scale *scale)
{
    double now = scale->options->seconds();
    if (!scale->terminal || now - scale->drawn < 0.2)
        return;
    scale->drawn = now;
    double share = (double)scale->world.now_us / (double)scale->whole_us;
    int full = (int)(share * BAR);
    fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %s, %.1f s virtual, %.0f s real ", full,
            "################################", BAR - full, "", share * 100, scale->phase,
            (double)scale->world.now_us / SECOND_US, now - scale->begin);
}

static void bar_clear(const struct scale *scale)
{
    if (scale->terminal)
        fprintf(stderr, "\r%*s\r", BAR + 60, "");
}

/* ---- Time. ---- */

static bool run_until(struct scale *scale, uint64_t us)
{
    uint64_t look = scale->world.events + LOOK_EVENTS;
    while (world_next(&scale->world, us))
        if (scale->world.events >= look) {
            look += LOOK_EVENTS;
            bar_draw(scale);
        }
    return !scale->world.checker.broken;
}

static bool births(struct scale *scale)
{
    uint32_t nodes = scale->options->world.nodes;
    scale->phase = "birth";
    for (uint32_t slot = 0; slot < nodes; slot++) {
        if (!run_until(scale, (uint64_t)scale->options->birth_s * SECOND_US * slot / nodes))
            return false;
        world_wake(&scale->world, slot);
    }
    return run_until(scale, (uint64_t)scale->options->birth_s * SECOND_US);
}

/* ---- What is told. ---- */

static int double_order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values are sorted. */
static double quantile(const double *values, size_t count, double share)
{
    size_t at = (size_t)(share * (double)count);
    return values[at < count ? at : count - 1];
}

static void tell_traffic(const struct scale *scale, double *before)
{
    uint32_t nodes = scale->options->world.nodes;
    for (uint32_t slot = 0; slot < nodes; slot++)
        before[slot] =
            ((double)scale->world.slots[slot].sent_bytes - before[slot]) / scale->options->idle_s;
    qsort(before, nodes, sizeof *before, double_order);
    printf("traffic   median %.0f, p99 %.0f, most %.0f bytes a second sent by an idle node\n",
           quantile(before, nodes, 0.5), quantile(before, nodes, 0.99), before[nodes - 1]);
}

static bool idle(struct scale *scale)
{
    const struct scale_options *options = scale->options;
    uint32_t nodes = options->world.nodes;
    double *sent = memory_new(nodes, sizeof *sent);
    for (uint32_t slot = 0; slot < nodes; slot++)
        sent[slot] = (double)scale->world.slots[slot].sent_bytes;
    uint64_t events = scale->world.events;
    double begin = options->seconds();
    scale->phase = "idle";
    bool good = run_until(scale, scale->world.now_us + (uint64_t)options->idle_s * SECOND_US);
    double seconds = options->seconds() - begin, count = (double)(scale->world.events - events);
    bar_clear(scale);
    printf("idle      %" PRIu32 " s virtual in %.1f s: %.2f times real time, %.2f million events a "
           "second, %.2f us each\n",
           options->idle_s, seconds, options->idle_s / seconds, count / seconds / 1e6,
           seconds / count * 1e6);
    tell_traffic(scale, sent);
    memory_free(sent);
    return good;
}

bool scale_run(const struct scale_options *options)
{
    struct scale *scale = memory_new(1, sizeof *scale);
    double empty = resident();
    uint32_t nodes = options->world.nodes;
    scale->options = options;
    scale->terminal = isatty(STDERR_FILENO) != 0;
    scale->begin = options->seconds();
    scale->whole_us =
        (uint64_t)(options->birth_s + options->settle_s + options->idle_s) * SECOND_US;
    world_init(&scale->world, &options->world);
    scale->world.transcript.light = true;
    scale->world.checker.light = true;
    bool good = births(scale);
    double born = options->seconds() - scale->begin;
    scale->phase = "settle";
    good = good && run_until(scale, scale->world.now_us + (uint64_t)options->settle_s * SECOND_US);
    bar_clear(scale);
    printf("%" PRIu32 " nodes born in %.1f s, settled after %.1f s\n", nodes, born,
           options->seconds() - scale->begin);
    good = good && idle(scale);
    double bytes = resident() - empty;
    printf("memory    %.1f kB a node, %.2f GB in all\n", bytes / nodes / 1e3, bytes / 1e9);
    char id[33];
    transcript_id(&scale->world.transcript, id);
    printf("id        %s\n", id);
    if (!good)
        printf("%s\n", scale->world.checker.message);
    /* Not taken apart: the process ends, and it would take as long as many seconds of life. */
    return good;
}

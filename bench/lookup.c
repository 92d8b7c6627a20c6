/* SPDX-License-Identifier: Apache-2.0 */
/* What lookups cost in a DHT of many nodes, some dead, some colluding: see overlay.h. */
#include "bench.h"
#include "overlay.h"

#include <stdio.h>

enum { NODES = 10000, LOOKUPS = 1000, SEED = 7 };

/* What the design says of a network of 100,000 nodes (protocols 5.1), by its own simulation. */
static const char reference_is[] = "the design, 1e5 nodes";

struct wish {
    const char *name, *unit, *wanted_is;
    double value, reference, wanted;
};

static void report(const char *scenario, const struct wish *wishes, size_t count)
{
    char name[64];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s, %s", scenario, wishes[i].name);
        bench_report(&(struct bench_figure){.name = name,
                                            .unit = wishes[i].unit,
                                            .value = wishes[i].value,
                                            .reference_is = reference_is,
                                            .reference = wishes[i].reference,
                                            .wanted_is = wishes[i].wanted_is,
                                            .wanted = wishes[i].wanted});
    }
}

#define REPORT(scenario, wishes) report(scenario, wishes, sizeof(wishes) / sizeof *(wishes))

static bool measure(const struct overlay_options *options, struct overlay_figures *figures)
{
    bench_progress("lookup: %u nodes, %u %% dead, %u %% colluding, %u keys next to the target",
                   options->nodes, options->dead, options->liars, options->sybils);
    return overlay_measure(options, figures);
}

static bool honest(struct overlay_options options)
{
    struct overlay_figures warm, cold;
    options.cold = false;
    if (!measure(&options, &warm))
        return false;
    options.cold = true;
    if (!measure(&options, &cold))
        return false;
    const struct wish links[] = {
        {"messages", "", "value <=", warm.messages, 32, 32},
        {"hops", "", "value <=", warm.hops, 3, 3},
        {"first answer p50", "ms", "value <=", warm.first_p50, 172, 200},
        {"first answer p95", "ms", "value <=", warm.first_p95, 273, 300},
        {"end p50", "ms", "value <=", warm.end_p50, 640, 640},
        {"end p95", "ms", "value <=", warm.end_p95, 990, 990},
    };
    const struct wish none[] = {
        {"messages", "", "value <=", cold.messages, 33, 33},
        {"first answer p50", "ms", "value <=", cold.first_p50, 274, 300},
        {"first answer p95", "ms", "value <=", cold.first_p95, 439, 500},
        {"end p50", "ms", "value <=", cold.end_p50, 940, 940},
        {"end p95", "ms", "value <=", cold.end_p95, 1310, 1300},
    };
    REPORT("links warm", links);
    REPORT("cold", none);
    return true;
}

static bool colluders(struct overlay_options options, unsigned percent, double reached)
{
    struct overlay_figures figures;
    char scenario[32];
    options.cold = true;
    options.liars = percent;
    if (!measure(&options, &figures))
        return false;
    snprintf(scenario, sizeof scenario, "cold, %u %% collude", percent);
    const struct wish wishes[] = {
        {"messages", "", "value <=", figures.messages, 33, 62},
        {"first answer p50", "ms", "value <=", figures.first_p50, 230, 450},
        {"end p95", "ms", "value <=", figures.end_p95, 1480, 1800},
        {"honest reached", "%", "value >=", 100 * figures.reached, reached, reached},
    };
    REPORT(scenario, wishes);
    return true;
}

/* One puts, another looks; both among keys that were searched for. */
static bool values(struct overlay_options options)
{
    struct overlay_figures liars, sybils;
    options.cold = options.value = true;
    options.liars = 30;
    if (!measure(&options, &liars))
        return false;
    options.liars = 0;
    options.sybils = 60;
    options.lookups /= 4;
    if (!measure(&options, &sybils))
        return false;
    const struct wish wishes[] = {
        {"30 % collude, found", "%", "value >=", 100 * liars.reached, 100, 99.5},
        {"30 % collude, p50", "ms", "value <=", liars.end_p50, 230, 300},
        {"60 keys beside it, found", "%", "value >=", 100 * sybils.reached, 95, 95},
        {"60 keys beside it, p50", "ms", "value <=", sybils.end_p50, 230, 300},
    };
    REPORT("value", wishes);
    return true;
}

bool bench_lookup(const struct bench_options *options)
{
    const struct overlay_options base = {.nodes = options->count > 0 ? options->count : NODES,
                                         .lookups = LOOKUPS,
                                         .dead = 10,
                                         .end = LOOKUP_END_FIND,
                                         .seed = SEED};
    bool good = honest(base) && colluders(base, 10, 100) && colluders(base, 20, 99.5) &&
                colluders(base, 30, 95.3) && values(base);
    bench_note("%u nodes, 10 %% of them dead in all tables; %u lookups a line; round trips "
               "log-normal, 80 ms median, sigma 0.5",
               base.nodes, base.lookups);
    return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A linked pair without traffic: what a node costs that has nothing to do. */
#include "bench.h"
#include "node.h"

#include <poll.h>
#include <stdio.h>

enum { SETTLE_S = 3, WATCH_S = 20 };

static bool watch(const struct node *node, unsigned seconds)
{
    struct node_usage before, after;
    poll(NULL, 0, SETTLE_S * 1000);
    if (!node_usage(node, &before))
        return false;
    for (unsigned i = 0; i < seconds; i++) {
        bench_progress("idle: %u of %u s", i, seconds);
        poll(NULL, 0, 1000);
    }
    if (!node_usage(node, &after))
        return false;
    bench_report(&(struct bench_figure){.name = "idle, resident",
                                        .unit = "MB",
                                        .value = after.resident_mb,
                                        .reference_is = "at the start",
                                        .reference = before.resident_mb,
                                        .wanted_is = "value <=",
                                        .wanted = 20});
    bench_report(&(struct bench_figure){.name = "idle, CPU",
                                        .unit = "% of core",
                                        .value = 100 * (after.cpu_s - before.cpu_s) / seconds,
                                        .reference_is = "a whole core",
                                        .reference = 100,
                                        .wanted_is = "value <=",
                                        .wanted = 0.5});
    return true;
}

bool bench_idle(const struct bench_options *options)
{
    char folder[NODE_TEXT], a[NODE_TEXT + 8], b[NODE_TEXT + 8];
    struct node first, second = {0};
    if (!node_folder(folder))
        return false;
    snprintf(a, sizeof a, "%s/a", folder);
    snprintf(b, sizeof b, "%s/b", folder);
    bool good = node_start(&first, options->tally, a, NULL, NULL);
    if (good) {
        good = node_start(&second, options->tally, b, first.address, NULL) &&
               watch(&second, options->count > 0 ? options->count : WATCH_S);
        node_stop(&second);
        node_stop(&first);
    }
    node_folder_remove(folder);
    return good;
}

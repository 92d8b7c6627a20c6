/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of an overlay of many nodes, what it costs, and what is left when half of it vanishes:
   measure COUNT [MINUTES] [SEED]. The figures of docs/protocol.md come from here. */
#include "crowd.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

static void shape_print(const struct crowd *crowd, const char *when)
{
    struct crowd_shape shape;
    crowd_shape(crowd, &shape);
    printf("%-22s up %u, in one part %u (%.2f %%), degree %u..%u mean %.2f, "
           "came to it: deviation %.2f, most %u, one-sided %u\n   degrees",
           when, shape.up, shape.component, 100.0 * shape.component / shape.up, shape.least,
           shape.most, shape.mean, shape.came_deviation, shape.came_most, shape.one_sided);
    for (unsigned i = 0; i < 65; i++)
        if (shape.degrees[i] > 0)
            printf(" %u:%u", i, shape.degrees[i]);
    printf("\n");
}

static void bytes_print(const struct crowd *crowd, double seconds)
{
    double nodes = 0;
    for (uint32_t i = 0; i < crowd->options.count; i++)
        nodes += crowd->nodes[i].up;
    printf("   sent by a node each second: %.0f bytes;",
           (double)crowd_sent(crowd, 0) / nodes / seconds);
    for (unsigned kind = 1; kind < CROWD_KINDS; kind++)
        if (crowd_sent(crowd, kind) > 0)
            printf(" %u: %.1f", kind, (double)crowd_sent(crowd, kind) / nodes / seconds);
    printf("\n");
    uint64_t wrong = 0, right = 0, dropped = 0, gone = 0;
    for (uint32_t i = 0; i < crowd->options.count; i++) {
        wrong += crowd->nodes[i].suspected_wrong;
        right += crowd->nodes[i].suspected_right;
        dropped += crowd->nodes[i].dropped_wrong;
        gone += crowd->nodes[i].dropped_right;
    }
    printf("   suspected: %llu rightly, %llu wrongly; ended: %llu rightly, %llu wrongly; "
           "to nobody %llu\n",
           (unsigned long long)right, (unsigned long long)wrong, (unsigned long long)gone,
           (unsigned long long)dropped, (unsigned long long)crowd->nobody);
}

int main(int count, char **words)
{
    uint32_t nodes = count > 1 ? (uint32_t)atoi(words[1]) : 1000;
    unsigned minutes = count > 2 ? (unsigned)atoi(words[2]) : 10;
    const struct crowd_options options = {.count = nodes,
                                          .peers_max = 64,
                                          .seed = count > 3 ? (uint64_t)atoi(words[3]) : 1,
                                          .profile = TALLY_PROFILE_AUTO};
    struct crowd *crowd = crowd_new(&options);
    /* All know the first, and come at 50 a second. Here nobody fetches anything, so all hold the
       same from the start, or heartbeats would never become calm: two logs of each of three. */
    for (uint32_t i = 0; i < nodes; i++) {
        crowd_boot(crowd, i, i);
        if (i > 0)
            crowd_bootstrap(crowd, i, 0);
        for (uint32_t j = 0; j < 3 && j < nodes; j++) {
            crowd_hold(crowd, i, j, "audit", 100 + j);
            crowd_hold(crowd, i, j, "federation", 10);
        }
        /* Beacons cost by the logs of all, and these are few. */
        crowd->nodes[i].datagrams.beacon.next = TALLY_NEVER;
        if (i % 50 == 49)
            crowd_run(crowd, 1000);
    }
    for (unsigned i = 0; i < 3; i++) {
        shape_print(crowd, "growing");
        crowd_run(crowd, 20000);
    }
    crowd_run(crowd, 60000);
    shape_print(crowd, "grown");
    bytes_print(crowd, 120);
    crowd_run(crowd, minutes * 60000 / 2);
    crowd_forget(crowd);
    crowd_run(crowd, minutes * 60000 / 2);
    shape_print(crowd, "idle");
    bytes_print(crowd, minutes * 60.0 / 2);
    for (uint32_t i = 0; i < nodes; i++)
        if (random_below(&crowd->chance, 2) == 0)
            crowd_vanish(crowd, i);
    crowd_forget(crowd);
    shape_print(crowd, "half vanished, at once");
    for (unsigned i = 0; i < 6; i++) {
        crowd_run(crowd, 10000);
        shape_print(crowd, "10 s later");
    }
    bytes_print(crowd, 60);
    crowd_free(crowd);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>

uint32_t overlay_root(uint32_t *parents, uint32_t slot)
{
    while (parents[slot] != slot) {
        parents[slot] = parents[parents[slot]];
        slot = parents[slot];
    }
    return slot;
}

static void links_look(const struct world *world, uint32_t slot, uint32_t *parents, uint32_t *links,
                       struct overlay *overlay)
{
    struct tally_peer_view view;
    for (size_t i = 0; tally_node_peer(world->slots[slot].node, i, &view); i++) {
        uint32_t other;
        if (view.state != TALLY_PEER_LINKED || !view.mesh || !world_find(world, &view.key, &other))
            continue;
        if (world->slots[other].node == NULL) {
            overlay->stale++;
            continue;
        }
        links[slot]++;
        parents[overlay_root(parents, slot)] = overlay_root(parents, other);
    }
}

static int order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void count(const struct world *world, uint32_t *parents, uint32_t *links,
                  struct overlay *overlay)
{
    uint32_t nodes = world->options.nodes, *sizes = memory_new(nodes, sizeof *sizes);
    for (uint32_t slot = 0; slot < nodes; slot++) {
        if (world->slots[slot].node == NULL)
            continue;
        uint32_t size = ++sizes[overlay_root(parents, slot)];
        if (size > overlay->largest)
            overlay->largest = size;
        overlay->alone += links[slot] == 0;
        links[overlay->running++] = links[slot];
    }
    memory_free(sizes);
    if (overlay->running == 0)
        return;
    qsort(links, overlay->running, sizeof *links, order);
    overlay->least = links[0];
    overlay->median = links[overlay->running / 2];
    overlay->most = links[overlay->running - 1];
}

void overlay_look(const struct world *world, struct overlay *overlay)
{
    uint32_t nodes = world->options.nodes;
    uint32_t *parents = memory_new(nodes, sizeof *parents);
    uint32_t *links = memory_new(nodes, sizeof *links);
    memset(overlay, 0, sizeof *overlay);
    for (uint32_t slot = 0; slot < nodes; slot++)
        parents[slot] = slot;
    for (uint32_t slot = 0; slot < nodes; slot++)
        if (world->slots[slot].node != NULL)
            links_look(world, slot, parents, links, overlay);
    count(world, parents, links, overlay);
    memory_free(parents);
    memory_free(links);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "story_place.h"
#include "memory.h"
#include <stdio.h>

static bool on_nat(struct world *world, const struct line *line, char *why, size_t size)
{
    if (!line->each)
        return lan_nat(world, line->who, &line->box, why, size);
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
        if (!lan_nat(world, (struct range){slot, slot}, &line->box, why, size))
            return false;
    return true;
}

static bool on_gateway(struct world *world, const struct line *line, char *why, size_t size)
{
    struct lan *before = NULL;
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        struct lan *lan = lan_of(world, slot);
        if (lan == before && lan != NULL)
            continue; /* Neighbours have one box. */
        before = lan;
        if (!lan_restart(world, slot, line->silent, line->renumber)) {
            snprintf(why, size, "n%u is behind no box", slot + 1);
            return false;
        }
    }
    return true;
}

static void on_bootstrap(struct world *world, const struct line *line)
{
    memory_free(world->bootstraps);
    world->bootstraps = memory_copy(line->list, line->list_count * sizeof *line->list);
    world->bootstrap_count = line->list_count;
}

static void on_flap(struct world *world, const struct line *line)
{
    struct network *network = &world->network;
    network->flaps = memory_room(network->flaps, &network->flap_capacity, network->flap_count + 1,
                                 sizeof *network->flaps);
    network->flaps[network->flap_count++] = (struct link_flap){
        .a = line->who,
        .b = line->other,
        .since_us = world->now_us,
        .open_us = line->us,
        .closed_us = line->closed_us,
    };
}

bool story_place(struct world *world, const struct line *line, char *why, size_t size)
{
    if (line->verb == VERB_NAT)
        return on_nat(world, line, why, size);
    if (line->verb == VERB_LAN)
        return lan_segment(world, line->who, why, size);
    if (line->verb == VERB_MOVE)
        return lan_move(world, line->who, line->other.from, why, size);
    if (line->verb == VERB_GATEWAY)
        return on_gateway(world, line, why, size);
    if (line->verb == VERB_BOOTSTRAP)
        on_bootstrap(world, line);
    else if (line->verb == VERB_DOMAIN)
        service_domain(world, line->domain, line->list, line->list_count, line->silent,
                       line->keyless);
    else if (line->verb == VERB_FLAP)
        on_flap(world, line);
    for (uint32_t slot = line->who.from; line->verb == VERB_PROFILE && slot <= line->who.to; slot++)
        world->slots[slot].profile = line->profile;
    return true;
}

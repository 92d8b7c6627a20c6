/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and death of a world's nodes. */
#include "core/base/bytes.h"
#include "world.h"
#include <assert.h>

static void say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    struct slot *at = context;
    struct world *world = at->world;
    uint32_t peer;
    if (trace->kind == TALLY_TRACE_CONFIRMED && world->confirmed != NULL && trace->peer != NULL &&
        world_find(world, trace->peer, &peer))
        world->confirmed[(size_t)at->shown * world->options.nodes + peer] = 1;
    transcript_trace(&world->transcript, world, at->index, trace);
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct random *secret = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(secret) >> 32);
}

static void tell_peer(struct world *world, uint32_t slot, uint32_t peer)
{
    if (peer == world->slots[slot].shown)
        return;
    checker_configured(&world->checker, slot, peer);
    world_step(world, slot,
               &(struct tally_event){
                   .kind = TALLY_EVENT_COMMAND,
                   .command = {.kind = TALLY_COMMAND_PEER,
                               .peer = {world->slots[peer].signer.key, network_address(peer)}}});
}

/* The peers an operator configured: of those that were there before, so that one of two dials. A
   node that comes back also knows who dialled it, as the daemon does from its file of peers. */
static void tell_peers(struct world *world, uint32_t slot, bool again)
{
    uint32_t shown = world->slots[slot].shown, most = world->options.peers_max;
    uint32_t others = again ? world->options.nodes : shown;
    if (others <= most) {
        for (uint32_t peer = 0; peer < others; peer++)
            tell_peer(world, slot, peer);
        return;
    }
    struct random chance = {world->options.seed ^ (uint64_t)shown << 20};
    for (uint32_t i = 0; i < most; i++)
        tell_peer(world, slot, random_below(&chance, others));
}

void world_wake(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    const struct world_options *options = &world->options;
    assert(at->node == NULL);
    struct tally_now now = world_clock(world, slot);
    uint32_t seconds = (uint32_t)(now.wall.us / 1000000);
    bool again = at->disk.epoch > 0;
    at->disk.epoch = at->disk.epoch >= seconds ? at->disk.epoch + 1 : seconds;
    at->life++;
    at->tick_us = UINT64_MAX;
    at->next_stream = 1;
    checker_start(&world->checker, world, slot);
    const struct tally_node_options node = {
        .key = at->signer.key,
        .epoch = at->disk.epoch,
        .seed = random_next(&at->chance),
        .verify = options->verify,
        .listen = network_address(at->shown),
        .peers_max = options->known_max,
        .links_max = options->links_max,
        .dht_values_max = options->dht_values_max,
        .connections_max = options->connections_max,
        .logs_max = options->logs_max,
        .own_logs_max = options->own_logs_max,
        .pending_max = options->pending_max,
        .seen_max = options->seen_max,
        .seal_receipts = options->seal_receipts,
        .seal_ms = options->seal_ms,
        .ledger = disk_ledger(&at->disk),
        .secret = {&at->secret, draw},
        .crypto = signer_window(&at->signer),
        .trace = {at, say},
        .datagrams_only = options->datagrams_only,
        .scratch = world->scratch,
    };
    at->node = tally_node_new(&node, now);
    assert(at->node != NULL);
    world_wake_at(world, slot, tally_node_deadline(at->node));
    tell_peers(world, slot, again);
}

void world_start(struct world *world)
{
    for (uint32_t slot = 0; slot < world->options.nodes; slot++)
        world_wake(world, slot);
}

static void on_late_change(void *context, const struct disk_change *change)
{
    const struct slot *at = context;
    checker_change(&at->world->checker, at->world, at->index, change);
}

void world_crash(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->node == NULL)
        return;
    network_crash(world, slot);
    disk_crash(&at->disk, &at->chance, on_late_change, at);
    tally_node_free(at->node);
    at->node = NULL;
    at->life++;
    at->suspended_us = 0;
}

void world_restart(struct world *world, uint32_t slot)
{
    world_crash(world, slot);
    world_wake(world, slot);
}

void world_suspend(struct world *world, uint32_t slot, uint64_t us)
{
    world->slots[slot].suspended_us = world->now_us + us;
}

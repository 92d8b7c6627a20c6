/* SPDX-License-Identifier: Apache-2.0 */
#include "stand_in.h"
#include "tally/discrepancy.h"
#include "tally/witness.h"
#include <stdlib.h>
#include <string.h>

struct tally_node {
    uint32_t slot;
    struct tally_action actions[16];
    size_t count, taken;
};

struct stand_in stand_in;
static struct tally_node *nodes[STAND_IN_SLOTS];

void stand_in_reset(void)
{
    memset(&stand_in, 0, sizeof stand_in);
    stand_in.holds = true;
}

struct tally_node *tally_node_new(const struct tally_node_options *options, struct tally_now now)
{
    struct tally_node *node = calloc(1, sizeof *node);
    const struct slot *at = options->trace.context;
    if (node == NULL || at->index >= STAND_IN_SLOTS)
        abort();
    node->slot = at->index;
    stand_in.profiles[node->slot] = options->profile;
    nodes[node->slot] = node;
    return node;
}

void tally_node_free(struct tally_node *node)
{
    nodes[node->slot] = NULL;
    free(node);
}

void tally_node_step(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    node->count = node->taken = 0;
    stand_in.ticks += event->kind == TALLY_EVENT_TICK;
    if (stand_in.allocates) {
        void *volatile memory = malloc(1);
        free(memory);
    }
    if (stand_in.deadline_ms[node->slot] <= now.mono.ms)
        stand_in.deadline_ms[node->slot] = 0;
    if (stand_in.react != NULL)
        stand_in.react(node->slot, event);
}

void tally_node_expect(const struct tally_node *node, struct tally_bytes datagram,
                       enum tally_expect when)
{
}

bool tally_node_next(struct tally_node *node, struct tally_action *action)
{
    if (node->taken == node->count)
        return false;
    *action = node->actions[node->taken++];
    return true;
}

struct tally_mono tally_node_deadline(const struct tally_node *node)
{
    uint64_t ms = stand_in.deadline_ms[node->slot];
    return ms == 0 ? TALLY_NEVER : (struct tally_mono){ms};
}

bool tally_node_holds(const struct tally_node *node)
{
    return stand_in.holds;
}

bool tally_node_discrepancy(const struct tally_node *node, size_t index,
                            struct tally_discrepancy_view *view)
{
    return false;
}

void tally_node_trust(const struct tally_node *node, struct tally_trust_status *trust)
{
    *trust = (struct tally_trust_status){.parties = 0};
}

uint64_t tally_node_dropped(const struct tally_node *node)
{
    return stand_in.drops[node->slot];
}

bool tally_node_awaited(const struct tally_node *node, size_t index, struct tally_key *key)
{
    return false;
}

enum tally_guard tally_node_guard(const struct tally_node *node)
{
    (void)node;
    return stand_in.guard;
}

const char *tally_guard_name(enum tally_guard guard)
{
    return guard == TALLY_GUARD_PASSED ? "passed" : "other";
}

void tally_node_status(const struct tally_node *node, struct tally_node_status *status)
{
    memset(status, 0, sizeof *status);
    status->drops[TALLY_DROP_FORGED] = stand_in.drops[node->slot];
}

bool tally_node_cosigned(const struct tally_node *node, size_t index,
                         struct tally_cosigned_view *view)
{
    return false;
}

bool tally_node_peer(const struct tally_node *node, size_t index, struct tally_peer_view *view)
{
    if (index >= STAND_IN_SLOTS || stand_in.world == NULL || index >= stand_in.world->options.nodes)
        return false;
    *view = (struct tally_peer_view){.key = stand_in.world->slots[index].signer.key};
    view->mesh = true;
    view->state = stand_in.linked[node->slot][index] ? TALLY_PEER_LINKED : TALLY_PEER_IDLE;
    return true;
}

bool tally_node_own_address(const struct tally_node *node, size_t index,
                            struct tally_own_address *address)
{
    return false;
}

void stand_in_add(uint32_t slot, const struct tally_action *action)
{
    struct tally_node *node = nodes[slot];
    if (node->count == sizeof node->actions / sizeof *node->actions)
        abort();
    node->actions[node->count++] = *action;
}

void stand_in_send(uint32_t slot, uint32_t to, struct tally_bytes bytes)
{
    stand_in_add(slot, &(struct tally_action){.kind = TALLY_ACTION_SEND,
                                              .send = {network_address(to), bytes}});
}

void stand_in_world(struct world *world, uint32_t count)
{
    const struct world_options options = {.seed = 7, .nodes = count, .crypto = PROVIDER_MEMO};
    world_init(world, &options);
    world_start(world);
}

bool stand_in_run(struct world *world, uint64_t ms)
{
    uint64_t until_us = world->now_us + ms * 1000;
    while (world_next(world, until_us))
        continue;
    return !world->checker.broken;
}

void stand_in_poke(struct world *world, uint32_t slot)
{
    world_step(world, slot, &(struct tally_event){.kind = TALLY_EVENT_TICK});
}

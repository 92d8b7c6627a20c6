/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/carrying.h"

#include "core/base/bytes.h"
#include "core/node/node.h"

#include <stdlib.h>

/* Above all that connections give to their streams (++last_handle). */
#define STREAM UINT32_MAX

static const struct tally_key nobody = {{0}};

bool carrying_new(struct carrying *carrying)
{
    *carrying = (struct carrying){.forked = calloc(CARRYING_FORKS, sizeof *carrying->forked)};
    return carrying->forked != NULL;
}

void carrying_free(struct carrying *carrying)
{
    free(carrying->forked);
}

static void reset(struct carrying *carrying)
{
    *carrying = (struct carrying){.state = CARRYING_OFF, .forked = carrying->forked};
}

void carrying_command(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command)
{
    struct carrying *carrying = &node->carrying;
    bool taken = carrying->state == CARRYING_OFF && sync_carry(&node->sync, now, STREAM);
    if (taken)
        carrying->state = CARRYING_ON;
    node_answer(node, command->ticket, taken ? TALLY_OK : TALLY_BUSY);
}

static void over(struct tally_node *node, enum tally_drop drop)
{
    node->carrying.state = CARRYING_OVER;
    node->carrying.drop = drop;
}

void carrying_receive(struct tally_node *node, struct tally_now now,
                      const struct tally_event *event)
{
    struct carrying *carrying = &node->carrying;
    if (carrying->state == CARRYING_OFF)
        return;
    if (event->carry.bytes.size == 0) {
        sync_closed(&node->sync, now, &nobody, STREAM, &node->outbox);
        reset(carrying);
        return;
    }
    if (carrying->state == CARRYING_OVER)
        return;
    enum tally_drop drop =
        sync_receive(&node->sync, now, STREAM, event->carry.bytes, &node->outbox);
    if (drop == TALLY_DROP_NONE)
        return;
    sync_closed(&node->sync, now, &nobody, STREAM, &node->outbox);
    node_drop(node, now, drop, NULL);
    over(node, drop);
}

static void round_over(struct tally_node *node, struct tally_now now)
{
    struct carrying *carrying = &node->carrying;
    if (carrying->moved > 0 && carrying->rounds++ < CARRYING_ROUNDS) {
        carrying->moved = 0;
        sync_start(&node->sync, now, &nobody, 0);
        return;
    }
    sync_closed(&node->sync, now, &nobody, STREAM, &node->outbox);
    over(node, TALLY_DROP_NONE);
}

/* The evidence is on its way to the disk, and until it is there each round finds it anew. */
static bool was_forked(struct carrying *carrying, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < carrying->forks && i < CARRYING_FORKS; i++)
        if (hash_equal(&carrying->forked[i], origin_hash))
            return true;
    if (carrying->forks < CARRYING_FORKS)
        carrying->forked[carrying->forks] = *origin_hash;
    carrying->forks++;
    return false;
}

bool carrying_news(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    struct carrying *carrying = &node->carrying;
    if (carrying->state != CARRYING_ON || !key_equal(&news->peer, &nobody))
        return false;
    switch (news->kind) {
    case SYNC_NEWS_HEAD:
        carrying->logs++;
        carrying->moved++;
        return false;
    case SYNC_NEWS_FORK:
        return was_forked(carrying, &news->origin_hash);
    case SYNC_NEWS_LOCATED:
        return false; /* A fork that is in a file is stated as any. */
    case SYNC_NEWS_GUARD:
        carrying->guarded = true;
        guarding_larger(node, now, NULL, &news->origin_hash, news->size);
        return true;
    case SYNC_NEWS_CLOSE:
        if (news->drop != TALLY_DROP_NONE)
            node_drop(node, now, news->drop, NULL);
        over(node, news->drop);
        return true;
    case SYNC_NEWS_ROUND:
        round_over(node, now);
        return true;
    case SYNC_NEWS_FAILED:
    case SYNC_NEWS_ANSWERED:
    case SYNC_NEWS_STREAM:
    case SYNC_NEWS_CONFIRMED:
    case SYNC_NEWS_STATE:
        break; /* There is no party to it. */
    }
    return true;
}

static void tell_over(struct tally_node *node)
{
    struct carrying *carrying = &node->carrying;
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_CARRY);
    action->carry.drop = carrying->drop;
    action->carry.logs = carrying->logs;
    action->carry.forks = carrying->forks;
    action->carry.guarded = carrying->guarded;
    action->carry.error = node->sync.writable ? TALLY_OK : TALLY_FULL;
    reset(carrying);
}

void carrying_flush(struct tally_node *node, struct tally_now now)
{
    const struct carrying *carrying = &node->carrying;
    struct outbox *out = &node->outbox;
    size_t size;
    while (carrying->state == CARRYING_ON && (size = sync_wants(&node->sync, STREAM)) > 0 &&
           outbox_room(out, 1, size)) {
        uint8_t *frame = outbox_take(out, size);
        size_t used = sync_compose(&node->sync, now, STREAM, frame, size);
        if (used == 0)
            break;
        outbox_add(out, TALLY_ACTION_CARRY)->carry.bytes = bytes_of(frame, used);
    }
    if (carrying->state == CARRYING_OVER && outbox_room(out, 1, 0))
        tell_over(node);
}

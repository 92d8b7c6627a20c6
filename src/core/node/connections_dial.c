/* SPDX-License-Identifier: Apache-2.0 */
/* Whom connections are opened to, and by which way. */
#include "core/node/connections.h"

#include "core/base/bytes.h"
#include "core/node/node.h"

static bool under_way(const struct connections *connections, const struct tally_key *peer)
{
    for (unsigned i = 0; i < connections->end; i++) {
        const struct connection *connection = &connections->list[i];
        if (connection->stream != 0 && connection->dialled && !connection->secured &&
            !connection->check && key_equal(&connection->peer, peer))
            return true;
    }
    return false;
}

bool connections_dial(struct connections *connections, struct tally_now now,
                      const struct connection_dial *dial)
{
    struct tally_node *node = connections->node;
    struct connection *connection = connections_place(connections);
    if (connection == NULL || node->stopping || !outbox_room(&node->outbox, 1, 0))
        return false;
    connections->last_dialled += 2;
    *connection = (struct connection){.memory = connection->memory,
                                      .stream = connections->last_dialled,
                                      .dialled = true,
                                      .initiator = dial->initiator,
                                      .expected = true,
                                      .check = dial->check,
                                      .remote = dial->address,
                                      .peer = dial->peer,
                                      .since = now.mono,
                                      .stirred = true};
    connections->count++;
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_DIAL);
    action->dial.stream = connection->stream;
    action->dial.to = dial->address;
    action->dial.punch = dial->punch;
    reach_dialled(&node->datagrams.reaching.reach, &dial->address, now);
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_DIALLED,
                                     .peer = &connection->peer,
                                     .a = connection->stream});
    return true;
}

void connections_unreached(struct connections *connections, struct tally_now now,
                           const struct tally_key *peer)
{
    struct tally_node *node = connections->node;
    sync_closed(&node->sync, now, peer, 0, &node->outbox);
    witness_closed(&node->witness, now, peer, 0);
}

void connections_want(struct connections *connections, struct tally_now now,
                      const struct tally_key *peer)
{
    struct tally_node *node = connections->node;
    if (admission(&node->federating.fold, peer, ADMISSION_SERVE) != TALLY_DROP_NONE)
        sync_closed(&node->sync, now, peer, 0, &node->outbox); /* Not any more. */
    else
        connections_reach(connections, now, peer);
}

void connections_reach(struct connections *connections, struct tally_now now,
                       const struct tally_key *peer)
{
    struct tally_node *node = connections->node;
    struct connection_dial dial = {.peer = *peer, .initiator = true};
    struct connection *connection = (struct connection *)connections_find(connections, peer);
    if (connection != NULL) {
        connections_offer(connections, now, connection);
        return;
    }
    /* Where both dial at once nobody waits for one dial that hangs. */
    if (node_awaits(node, now, peer) || under_way(connections, peer))
        return;
    if (!node_address(node, now, peer, &dial.address) || !connections_dial(connections, now, &dial))
        connections_unreached(connections, now, peer);
}

void connections_missed(struct connections *connections, struct tally_now now,
                        const struct tally_key *peer)
{
    if (connections_find(connections, peer) == NULL)
        connections_unreached(connections, now, peer);
}

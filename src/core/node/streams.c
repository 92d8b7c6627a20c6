/* SPDX-License-Identifier: Apache-2.0 */
/* How we come to streams where dialling is not enough, and what streams tell of how we are reached
   (protocols 7.2, 7.3). */
#include "core/base/bytes.h"
#include "core/node/node.h"

enum { DIAL_REST_MS = 600000 }; /* So long a peer that could not be dialled is asked to dial. */

void node_awaited(struct tally_node *node, struct connection *connection)
{
    const struct tally_key *peer =
        meet_initiates(&node->datagrams.reaching.meet, &node->datagrams.peers, &connection->remote);
    if (peer == NULL)
        return;
    connection->initiator = connection->expected = true;
    connection->peer = *peer;
}

void node_secured(struct tally_node *node, struct tally_now now,
                  const struct connection *connection)
{
    struct reaching *reaching = &node->datagrams.reaching;
    struct peers *peers = &node->datagrams.peers;
    struct peer *peer = peers_find(peers, &connection->peer);
    if (!connection->dialled)
        reach_stream(&reaching->reach, now, &connection->peer, &connection->remote, peer);
    meet_connected(&reaching->meet, &connection->peer);
    if (peer == NULL)
        return;
    peer->rare->stream_error = TALLY_OK;
    if (connection->dialled)
        peer->rare->stream_after.ms = 0;
}

void node_stream_observed(struct tally_node *node, struct tally_now now,
                          const struct connection *connection, const struct tally_address *observed)
{
    if (!connection->dialled)
        reach_stream_observed(&node->datagrams.reaching.reach, now, &connection->peer,
                              &connection->remote, observed,
                              peers_find(&node->datagrams.peers, &connection->peer));
}

bool node_awaits(struct tally_node *node, struct tally_now now, const struct tally_key *peer)
{
    struct reaching *reaching = &node->datagrams.reaching;
    const struct peer *found = peers_find(&node->datagrams.peers, peer);
    if (found == NULL || (!found->link.punched && now.mono.ms >= found->rare->stream_after.ms))
        return false;
    return reaching_stream(reaching, now, &node->datagrams.peers, found, &node->outbox);
}

bool node_dial_failed(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                      const struct tally_address *address, enum tally_error error)
{
    struct reaching *reaching = &node->datagrams.reaching;
    struct peer *found = peers_find(&node->datagrams.peers, peer);
    struct tally_address there;
    if (found == NULL)
        return false;
    found->rare->stream_error = error;
    /* It moved while it was dialled: that says nothing of where it is now. */
    bool moved = node_address(node, now, peer, &there) && !address_equal(&there, address);
    if (moved && !meet_busy(&reaching->meet, peer))
        return false;
    /* Without a link nobody could be asked, and the dial says nothing of the way: it was away. */
    if (found->link.state == LINK_LINKED)
        found->rare->stream_after.ms = now.mono.ms + DIAL_REST_MS;
    if (meet_busy(&reaching->meet, peer)) {
        reaching_stir(reaching);
        meet_dial_failed(&reaching->meet, now, peer);
        return true;
    }
    return reaching_stream(reaching, now, &node->datagrams.peers, found, &node->outbox);
}

static void met(struct tally_node *node, struct tally_now now, const struct meet_news *news)
{
    const struct connection_dial dial = {.peer = news->key,
                                         .address = news->address,
                                         .punch = news->punch,
                                         .initiator = news->initiate};
    struct peer *peer = peers_find(&node->datagrams.peers, &news->key);
    bool failed = news->kind == MEET_NEWS_FAILED;
    if (failed && peer != NULL && peer->rare->stream_error == TALLY_OK)
        peer->rare->stream_error = TALLY_TIMED_OUT;
    if (failed)
        connections_missed(&node->connections, now, &news->key);
    else if (!connections_dial(&node->connections, now, &dial))
        meet_dial_failed(&node->datagrams.reaching.meet, now, &news->key);
}

void wire_reaching(struct tally_node *node, struct tally_now now)
{
    struct reaching *reaching = &node->datagrams.reaching;
    struct reach_news reach;
    struct meet_news meet;
    bool changed = false;
    while (reach_next_news(&reaching->reach, &reach)) {
        changed = true;
        if (reach.kind == REACH_NEWS_CHECKED)
            node_answer(node, reach.ticket, reach.error);
    }
    if (changed)
        node_tell_addresses(node, now);
    while (meet_next_news(&reaching->meet, &meet)) {
        reaching_stir(reaching);
        met(node, now, &meet);
    }
    if (reaching->dial.any) {
        const struct connection_dial dial = {.peer = reaching->dial.key,
                                             .address = reaching->dial.address,
                                             .initiator = true,
                                             .check = true};
        reaching->dial.any = false;
        (void)connections_dial(&node->connections, now, &dial);
    }
}

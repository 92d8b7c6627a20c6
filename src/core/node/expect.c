/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is about to read, asked for ahead of it: among 100,000 nodes nothing is in a cache,
   and a step would wait for memory thirty times, one after the other. */
#include "core/node/node.h"

#include "core/base/bytes.h"

enum { LINE = 64, SENDER_AT = 5, SENDER_END = SENDER_AT + 32 };

static void fetch(const void *at, size_t size)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < size; i += LINE)
        __builtin_prefetch(bytes + i);
}

/* What every step looks at: who and when. */
static void fetch_node(const struct tally_node *node)
{
    const struct datagrams *datagrams = &node->datagrams;
    const struct dht *dht = &datagrams->dht;
    fetch(&node->options, offsetof(struct tally_node_options, datagrams_only));
    fetch(&node->outbox, sizeof node->outbox);
    fetch(&datagrams->peers, offsetof(struct peers, blind));
    fetch(&datagrams->peers.wake, 1);
    fetch(&datagrams->suspect, LINE);
    fetch(&datagrams->heads, LINE);
    fetch(&datagrams->heartbeat.next, 1);
    fetch(&datagrams->announce.next, 1);
    fetch(&datagrams->beacon, LINE);
    fetch(&datagrams->spread.flush, 1);
    fetch(&datagrams->reaching.reach.news_first, 1);
    fetch(&datagrams->reaching.meet.news_first, 1);
    fetch(&datagrams->reaching.wake, LINE);
    fetch(&datagrams->overlay.refill, LINE);
    fetch(&dht->on, 1);
    fetch(&dht->table.rest, 1);
    fetch(&dht->publish, 1);
    fetch(&dht->advertise.wake, 1);
    fetch(&dht->request_count, 1);
    fetch(&dht->task_count, LINE);
    fetch(&dht->reachable, LINE);
    fetch(&datagrams->verifier, 2 * LINE);
    fetch(&datagrams->drops, 1);
    fetch(&datagrams->datagrams_in, 1);
    fetch(&node->issuer, LINE);
    fetch(&node->federating.fold.ended, 1);
    fetch(&node->federating.fold.parties, 1);
    fetch(&node->federating.revoked, 4 * LINE);
    fetch(&node->disputing, LINE);
    fetch(&node->crossing, LINE);
    fetch(&node->guarding, LINE);
    fetch(&node->guarding.told, 1);
    fetch(&node->sync.news_first, 1);
    fetch(&node->witness.options.servers, 1);
    fetch(&node->witness.news_count, 1);
    fetch(&node->joining.next, 1);
    fetch(&node->mapping, sizeof node->mapping);
    fetch(&node->mdns, 2 * LINE);
    fetch(&node->stepped, LINE);
}

void tally_node_expect(const struct tally_node *node, struct tally_bytes datagram, bool close)
{
    const struct peers *peers = &node->datagrams.peers;
    if (!close) {
        fetch_node(node);
        return;
    }
    if (datagram.size < SENDER_END)
        return;
    struct tally_key sender;
    memcpy(sender.bytes, datagram.data + SENDER_AT, sizeof sender.bytes);
    const struct peer *peer = peers_find(peers, &sender);
    if (peer == NULL)
        return;
    fetch(peer, sizeof *peer);
    fetch(peer->link.window.bits, LINE);
}

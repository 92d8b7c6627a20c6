/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is about to read, asked for ahead of it: among 100,000 nodes nothing is in a cache,
   and a step would wait for memory thirty times, one after the other. */
#include "core/node/node.h"

#include "core/base/bytes.h"

enum { LINE = 64, SENDER_AT = 5, SENDER_END = SENDER_AT + 32, SLOTS_MOST = 2 * LINE };

/* Tables begin anywhere in a line. */
static void fetch(const void *at, size_t size)
{
    const uint8_t *end = (const uint8_t *)at + size;
    const uint8_t *line = (const uint8_t *)((uintptr_t)at & ~(uintptr_t)(LINE - 1));
    for (; line < end; line += LINE)
        __builtin_prefetch(line);
}

/* What every step looks at: the head of the node, whom it admits, and its peers. */
static void fetch_node(const struct tally_node *node)
{
    fetch(node, offsetof(struct tally_node, federating));
    fetch(&node->federating.revoked.count, 2 * LINE);
    fetch(&node->datagrams,
          offsetof(struct datagrams, peers) + offsetof(struct peers, options.epoch));
}

/* What a tick asks besides: when each module wants the next one (due.c). */
static void fetch_deadlines(const struct tally_node *node)
{
    fetch(&node->datagrams.spread,
          offsetof(struct datagrams, reaching) + LINE - offsetof(struct datagrams, spread));
    fetch(&node->datagrams.notice, LINE);
    fetch(&node->issuer, sizeof node->issuer);
    fetch(&node->disputing, (size_t)((const char *)&node->sync - (const char *)&node->disputing));
    fetch(&node->witness, LINE);
    fetch(&node->connections, LINE);
    fetch(&node->joining, sizeof node->joining);
}

/* Where peers are found: by key, or all of the mesh. */
static void fetch_tables(const struct tally_node *node, bool datagram)
{
    const struct peers *peers = &node->datagrams.peers;
    if (datagram) {
        fetch(peers->slots, SLOTS_MOST);
        return;
    }
    fetch(peers->wakes, 3 * LINE);
    fetch(peers->meshed, 2 * LINE);
    fetch(&peers->wakes, 3 * LINE);
    fetch(&node->datagrams.heartbeat, sizeof node->datagrams.heartbeat);
}

/* Whom a datagram comes from, as it says: with some luck the first place of its key. */
static void fetch_sender(const struct peers *peers, struct tally_bytes datagram)
{
    struct tally_key sender;
    if (datagram.size < SENDER_END)
        return;
    memcpy(sender.bytes, datagram.data + SENDER_AT, sizeof sender.bytes);
    const struct peer *peer = peers_expected(peers, &sender);
    if (peer == NULL)
        return;
    fetch(peer, offsetof(struct peer, link.probe_at));
    fetch(peers->windows + (size_t)(peer - peers->list) * replay_words(peers->options.window),
          LINE);
}

/* A tick: most are heartbeats, to all of the mesh. */
static void fetch_mesh(const struct peers *peers)
{
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1))
        fetch(&peers->list[i].link, offsetof(struct link, probe_nonce));
}

void tally_node_expect(const struct tally_node *node, struct tally_bytes datagram,
                       enum tally_expect when)
{
    switch (when) {
    case TALLY_EXPECT_FAR:
        fetch_node(node);
        if (datagram.size == 0)
            fetch_deadlines(node);
        return;
    case TALLY_EXPECT_NEAR:
        fetch_tables(node, datagram.size > 0);
        return;
    case TALLY_EXPECT_CLOSE:
        if (datagram.size > 0)
            fetch_sender(&node->datagrams.peers, datagram);
        else
            fetch_mesh(&node->datagrams.peers);
        return;
    }
}

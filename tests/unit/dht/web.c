/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include "core/base/bytes.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

#include <stdlib.h>

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct random *random = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(random) >> 32);
}

/* The same for both, and nobody else's business. */
static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    const struct person *person = context;
    for (size_t i = 0; i < 32; i++)
        shared[i] = person->key.bytes[i] ^ peer->bytes[i];
    return true;
}

static bool no_log(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    return false;
}

static size_t no_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                            size_t capacity)
{
    return 0;
}

void web_boot(struct web *web, unsigned number, const struct dht_options *options)
{
    struct web_node *node = &web->nodes[number];
    if (!node->is_new)
        datagrams_free(&node->datagrams);
    node->is_new = false;
    node->policy = (struct address_policy){.profile = options->profile};
    struct datagrams_options datagrams = {
        .peers = {.key = node->person.key,
                  .epoch = node->person.epoch++,
                  .caps = PEERS_CAPS_STREAMS,
                  .seed = number + 1,
                  .peers_max = node->peers_max != 0 ? node->peers_max : 256,
                  .policy = &node->policy,
                  .secret = {&node->random, draw},
                  .crypto = node->person.crypto},
        .reaching = {.policy = &node->policy, .listen = {.port = 4001}},
        .dht = *options,
        .ledger = {.find = no_log, .checkpoint = no_checkpoint},
        .named_only = true,
        .logs_max = 8,
        .seen_max = 64,
    };
    derive_network_tag(bytes_text("tally"), datagrams.peers.network);
    memcpy(datagrams.dht.network, datagrams.peers.network, sizeof datagrams.dht.network);
    datagrams.dht.key = node->person.key;
    datagrams.dht.secret = datagrams.peers.secret;
    datagrams.dht.crypto = node->person.crypto;
    datagrams.dht.policy = &node->policy;
    if (datagrams.dht.ledger.find == NULL)
        datagrams.dht.ledger = datagrams.ledger;
    assert_true(datagrams_new(&node->datagrams, &datagrams, web->now));
    outbox_init(&node->outbox, node->actions, WEB_ACTIONS, node->arena,
                (size_t)WEB_ACTIONS * TALLY_DATAGRAM_MAX);
    node->up = true;
}

struct web *web_new(unsigned count, unsigned servers)
{
    struct web *web = calloc(1, sizeof *web);
    assert_non_null(web);
    web->count = count;
    web->now = people_now(0);
    web->random.state = 17;
    web->capacity = 1024 + 256 * (size_t)count;
    web->nodes = calloc(count, sizeof *web->nodes);
    web->queue = calloc(web->capacity, sizeof *web->queue);
    assert_true(web->nodes != NULL && web->queue != NULL);
    for (unsigned i = 0; i < count; i++) {
        struct web_node *node = &web->nodes[i];
        person_crowd(&node->person, i + 1, people_ip4(20 + i / 200, i % 200, 7, 9));
        node->person.crypto.exchange = exchange;
        node->random.state = i + 1;
        node->is_new = true;
        node->actions = calloc(WEB_ACTIONS, sizeof *node->actions);
        node->arena = malloc((size_t)WEB_ACTIONS * TALLY_DATAGRAM_MAX);
        assert_true(node->actions != NULL && node->arena != NULL);
        const struct dht_options options = {.profile = i < servers ? TALLY_PROFILE_SERVER
                                                                   : TALLY_PROFILE_AUTO,
                                            .values_max = 128,
                                            .seed = i + 1};
        web_boot(web, i, &options);
        if (i < servers)
            web_reach(web, i, true);
    }
    return web;
}

void web_free(struct web *web)
{
    assert_false(web->told_unproved);
    for (unsigned i = 0; i < web->count; i++) {
        assert_true(datagrams_holds(&web->nodes[i].datagrams));
        datagrams_free(&web->nodes[i].datagrams);
        free(web->nodes[i].actions);
        free(web->nodes[i].arena);
    }
    free(web->nodes);
    free(web->queue);
    free(web);
}

/* ---- Packets. ---- */

static bool before(const struct web_packet *a, const struct web_packet *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void queue_put(struct web *web, const struct web_packet *packet)
{
    assert_true(web->queued < web->capacity);
    size_t at = web->queued++;
    for (; at > 0 && before(packet, &web->queue[(at - 1) / 2]); at = (at - 1) / 2)
        web->queue[at] = web->queue[(at - 1) / 2];
    web->queue[at] = *packet;
}

static struct web_packet queue_take(struct web *web)
{
    struct web_packet first = web->queue[0], last = web->queue[--web->queued];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < web->queued && before(&web->queue[child + 1], &web->queue[child]))
            child++;
        if (child >= web->queued || !before(&web->queue[child], &last))
            break;
        web->queue[at] = web->queue[child];
        at = child;
    }
    web->queue[at] = last;
    return first;
}

static void flush(struct web *web, struct web_node *node)
{
    struct tally_action action;
    while (outbox_next(&node->outbox, &action)) {
        if (action.kind != TALLY_ACTION_SEND)
            continue;
        struct web_packet packet = {.at = web->now.mono.ms +
                                          random_jitter(&web->random, WEB_DELAY_MS, 20),
                                    .number = web->number++,
                                    .from = node->person.address,
                                    .to = action.send.to,
                                    .size = (uint16_t)action.send.bytes.size};
        memcpy(packet.bytes, action.send.bytes.data, packet.size);
        node->sent += packet.size + 28u;
        if (web->hook == NULL || web->hook(web, &packet))
            queue_put(web, &packet);
    }
    assert_int_equal(node->outbox.lost, 0);
    node->deadline = datagrams_deadline(&node->datagrams);
}

static struct web_node *node_at(struct web *web, const struct tally_address *address)
{
    for (unsigned i = 0; i < web->count; i++)
        if (address_equal(&web->nodes[i].person.address, address))
            return &web->nodes[i];
    return NULL;
}

/* ---- Steps. ---- */

static struct tally_bytes note_keep(uint8_t to[TALLY_CHECKPOINT_MAX], struct tally_bytes note)
{
    memcpy(to, note.data, note.size);
    return bytes_of(to, note.size);
}

static void take_news(struct web_node *node)
{
    struct dht_news news;
    while (dht_next_news(&node->datagrams.dht, &news)) {
        if (news.kind == DHT_NEWS_FORK) {
            node->forks++;
            node->second = note_keep(node->notes[1], news.second);
        }
        node->told += news.kind == DHT_NEWS_NOTE;
        if (news.kind == DHT_NEWS_FORK || news.kind == DHT_NEWS_NOTE)
            node->first = note_keep(node->notes[0], news.first);
        node->news[node->news_count++ % WEB_NEWS] = news;
    }
}

static void deliver(struct web *web, const struct web_packet *packet)
{
    struct web_node *node = node_at(web, &packet->to);
    struct datagrams_news news;
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    if (node == NULL || !node->up)
        return;
    node->received += packet->size + 28u;
    event.datagram.from = packet->from;
    event.datagram.bytes = bytes_of(packet->bytes, packet->size);
    outbox_clear(&node->outbox);
    (void)datagrams_receive(&node->datagrams, web->now, &event, &news, &node->outbox);
    take_news(node);
    flush(web, node);
}

static void tick(struct web *web, struct web_node *node)
{
    struct peers_ended ended;
    outbox_clear(&node->outbox);
    datagrams_tick(&node->datagrams, web->now, &ended, &node->outbox);
    take_news(node);
    flush(web, node);
}

void web_run(struct web *web, uint64_t ms)
{
    uint64_t end = web->now.mono.ms + ms, checked = 0;
    for (unsigned i = 0; i < web->count; i++) /* Something may have been asked of it. */
        web->nodes[i].deadline = datagrams_deadline(&web->nodes[i].datagrams);
    for (;;) {
        uint64_t next = web->queued > 0 ? web->queue[0].at : end;
        for (unsigned i = 0; i < web->count; i++) {
            if (web->nodes[i].up && web->nodes[i].deadline.ms < next)
                next = web->nodes[i].deadline.ms;
        }
        if (next > end)
            next = end;
        if (next > web->now.mono.ms) {
            web->now.wall.us += (int64_t)(next - web->now.mono.ms) * 1000;
            web->now.mono.ms = next;
        }
        bool moved = false;
        while (web->queued > 0 && web->queue[0].at <= web->now.mono.ms) {
            struct web_packet packet = queue_take(web);
            deliver(web, &packet);
            moved = true;
        }
        for (unsigned i = 0; i < web->count; i++) {
            struct web_node *node = &web->nodes[i];
            if (!node->up || node->deadline.ms > web->now.mono.ms)
                continue;
            tick(web, node);
            moved = true;
            if (checked++ % 256 == 0)
                assert_true(datagrams_holds(&node->datagrams));
        }
        if (web->now.mono.ms >= end && !moved)
            return;
    }
}

/* ---- What one does, and asks. ---- */

void web_introduce(struct web *web, unsigned a, unsigned b)
{
    assert_true(peers_configure(&web->nodes[a].datagrams.peers, &web->nodes[b].person.key,
                                &web->nodes[b].person.address, web->now));
}

void web_reach(struct web *web, unsigned number, bool reachable)
{
    struct web_node *node = &web->nodes[number];
    struct tally_own_address own = node->person.own;
    const struct dht_step step = web_step(web, number);
    own.state = reachable ? TALLY_REACH_REACHABLE : TALLY_REACH_UNREACHABLE;
    own.global = true;
    dht_addresses(&node->datagrams.dht, &step, &own, 1);
}

void web_say(struct web *web, unsigned from, unsigned to, enum tally_kind kind,
             struct wire_writer *w)
{
    struct web_node *node = &web->nodes[from];
    struct parcel parcel;
    outbox_clear(&node->outbox);
    parcel_make(&node->datagrams.peers, kind, wire_writer_bytes(w), true, &parcel);
    peers_send(&node->datagrams.peers, web_peer(web, from, to), &parcel, &node->outbox);
    flush(web, node);
}

struct dht *web_dht(struct web *web, unsigned node)
{
    return &web->nodes[node].datagrams.dht;
}

struct dht_step web_step(struct web *web, unsigned number)
{
    struct web_node *node = &web->nodes[number];
    return (struct dht_step){.now = web->now,
                             .peers = &node->datagrams.peers,
                             .verifier = &node->datagrams.verifier,
                             .out = &node->outbox};
}

bool web_find_peer(struct web *web, unsigned node, const struct tally_key *key, uint64_t ticket)
{
    const struct dht_step step = web_step(web, node);
    return dht_find_peer(web_dht(web, node), &step, ticket, key);
}

bool web_find_namespace(struct web *web, unsigned node, const char *name_space, uint64_t ticket)
{
    const struct dht_step step = web_step(web, node);
    return dht_find_namespace(web_dht(web, node), &step, ticket, bytes_text(name_space));
}

struct peer *web_peer(struct web *web, unsigned a, unsigned b)
{
    return peers_find(&web->nodes[a].datagrams.peers, &web->nodes[b].person.key);
}

unsigned web_found(const struct web *web, unsigned number, uint64_t ticket)
{
    const struct web_node *node = &web->nodes[number];
    unsigned found = 0;
    for (unsigned i = 0; i < node->news_count && i < WEB_NEWS; i++)
        found += node->news[i].kind == DHT_NEWS_FOUND && node->news[i].ticket == ticket;
    return found;
}

bool web_ended(const struct web *web, unsigned number, uint64_t ticket, unsigned *found)
{
    const struct web_node *node = &web->nodes[number];
    for (unsigned i = 0; i < node->news_count && i < WEB_NEWS; i++)
        if (node->news[i].kind == DHT_NEWS_ENDED && node->news[i].ticket == ticket) {
            *found = node->news[i].count;
            return true;
        }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "town.h"

#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

#include <stdlib.h>

/* ---- Nodes. ---- */

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct town_node *node = context;
    struct random random = {node->random};
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(&random) >> 32);
    node->random = random.state;
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    (void)context;
    hash_blake2b(bytes_of("a signature for all", 19), &message, 1, signature->bytes, 64);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    struct tally_signature right;
    (void)key;
    sign(context, message, &right);
    return memcmp(right.bytes, signature->bytes, 64) == 0;
}

/* The same for both, and nobody else's business. */
static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    const struct town_node *node = context;
    for (size_t i = 0; i < 32; i++)
        shared[i] = node->key.bytes[i] ^ peer->bytes[i];
    return true;
}

static size_t no_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                            size_t capacity)
{
    (void)context, (void)origin, (void)note, (void)capacity;
    return 0;
}

static void boot(struct town *town, struct town_node *node)
{
    node->policy = (struct address_policy){.profile = TALLY_PROFILE_AUTO};
    node->interface =
        (struct tally_interface){.index = 1, .prefix_bits = 120, .address = node->address};
    node->interface.address.port = 0;
    address_policy_links(&node->policy, &node->interface, 1);
    struct datagrams_options options = {
        .peers = {.key = node->key,
                  .epoch = 1000,
                  .caps = PEERS_CAPS_STREAMS | PEERS_CAPS_INTRODUCES,
                  .seed = node->seed,
                  .peers_max = 64,
                  .policy = &node->policy,
                  .secret = {node, draw},
                  .crypto = {node, sign, verify, exchange, NULL}},
        .reaching = {.policy = &node->policy,
                     .listen = {.port = TOWN_PORT},
                     .by_itself =
                         town->check == TOWN_ALL_CHECK ||
                         (town->check == TOWN_LAST_CHECKS && node == &town->nodes[town->count - 1]),
                     .serves = true},
        .ledger = {.context = node, .checkpoint = no_checkpoint},
        .named_only = true, /* Who knows whom is each story's own. */
        .logs_max = 8,
        .seen_max = 64,
    };
    derive_network_tag(bytes_text("tally"), options.peers.network);
    assert_true(datagrams_new(&node->datagrams, &options, town->now));
    outbox_init(&node->outbox, node->actions, TOWN_ACTIONS, node->arena, sizeof node->arena);
    node->up = true;
}

static struct tally_address ip4(unsigned a, unsigned b, unsigned c, unsigned d, uint16_t port)
{
    return (struct tally_address){{[10] = 0xff,
                                   [11] = 0xff,
                                   [12] = (uint8_t)a,
                                   [13] = (uint8_t)b,
                                   [14] = (uint8_t)c,
                                   [15] = (uint8_t)d},
                                  port};
}

struct tally_address town_victim(size_t index)
{
    return ip4(60, 0, (unsigned)(index / 256), (unsigned)(index % 256), 5000);
}

struct town *town_new(size_t count, uint64_t seed)
{
    struct town *town = calloc(1, sizeof *town);
    assert_non_null(town);
    assert_true(count <= TOWN_NODES);
    town->nodes = calloc(count, sizeof *town->nodes);
    town->queue = calloc(TOWN_QUEUE, sizeof *town->queue);
    town->victims = calloc(TOWN_VICTIMS, sizeof *town->victims);
    assert_true(town->nodes != NULL && town->queue != NULL && town->victims != NULL);
    town->count = count;
    town->now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    town->random.state = seed;
    town->delay_ms = 20;
    for (size_t i = 0; i < count; i++) {
        struct town_node *node = &town->nodes[i];
        node->seed = random_next(&town->random);
        node->random = node->seed + 1;
        for (size_t j = 0; j < 32; j += 8)
            be64_write(node->key.bytes + j, random_next(&town->random));
        node->address = ip4(11 + (unsigned)i, (unsigned)i, 0, 1, TOWN_PORT);
        node->nat = TOWN_NONE;
    }
    return town;
}

/* A node is made when it is first needed: until then it may be moved. */
static struct town_node *up(struct town *town, size_t node)
{
    if (!town->nodes[node].up)
        boot(town, &town->nodes[node]);
    return &town->nodes[node];
}

void town_free(struct town *town)
{
    for (size_t i = 0; i < town->count; i++)
        if (town->nodes[i].up)
            datagrams_free(&town->nodes[i].datagrams);
    free(town->nodes);
    free(town->queue);
    free(town->victims);
    free(town);
}

void town_behind(struct town *town, size_t node, int nat, enum nat_kind kind)
{
    struct nat *box = &town->nats[nat];
    town->nodes[node].nat = nat;
    town->nodes[node].address = ip4(10, (unsigned)nat, 0, 2 + (unsigned)node, TOWN_PORT);
    box->kind = kind;
    box->outer = ip4(31 + (unsigned)nat, (unsigned)nat, 0, 1, 0);
    box->timeout_ms = 30000; /* Linux: 30 s, and 120 s once both sides have spoken. */
    box->next = 40000;
}

void town_move(struct town *town, size_t node, struct tally_address address)
{
    assert_false(town->nodes[node].up);
    town->nodes[node].address = address;
}

/* ---- NATs. ---- */

static bool lives(const struct town *town, const struct nat_mapping *mapping)
{
    return mapping->used && (mapping->fixed || mapping->until > town->now.mono.ms);
}

static bool port_taken(const struct town *town, const struct nat *nat, uint16_t port)
{
    for (size_t i = 0; i < TOWN_MAPPINGS; i++)
        if (lives(town, &nat->mappings[i]) && nat->mappings[i].port == port)
            return true;
    return false;
}

/* wish: the port it would like, as NATs keep ports that are free; 0: any. */
static struct nat_mapping *mapping_new(struct town *town, struct nat *nat,
                                       const struct tally_address *inner, uint16_t wish)
{
    for (size_t i = 0; i < TOWN_MAPPINGS; i++) {
        struct nat_mapping *mapping = &nat->mappings[i];
        if (mapping->used && (mapping->fixed || mapping->until > town->now.mono.ms))
            continue;
        mapping->used = false;
        uint16_t port = wish != 0 && !port_taken(town, nat, wish) ? wish : nat->next++;
        while (port_taken(town, nat, port))
            port = nat->next++;
        *mapping = (struct nat_mapping){.used = true, .inner = *inner, .port = port};
        return mapping;
    }
    fail_msg("the NAT has no room");
    return NULL;
}

void town_open(struct town *town, size_t node, uint16_t port)
{
    struct nat *nat = &town->nats[town->nodes[node].nat];
    struct nat_mapping *mapping = mapping_new(town, nat, &town->nodes[node].address, port);
    mapping->fixed = true;
}

/* From inside: the mapping it goes out by. */
static struct nat_mapping *way_out(struct town *town, struct nat *nat,
                                   const struct tally_address *inner,
                                   const struct tally_address *to)
{
    struct nat_mapping *found = NULL;
    bool each = nat->kind == NAT_SYMMETRIC;
    for (size_t i = 0; i < TOWN_MAPPINGS && found == NULL; i++) {
        struct nat_mapping *mapping = &nat->mappings[i];
        if (lives(town, mapping) && address_equal(&mapping->inner, inner) &&
            (mapping->fixed || mapping->to.port == 0 || address_equal(&mapping->to, to)) &&
            (!each || mapping->fixed || address_equal(&mapping->to, to)))
            found = mapping;
    }
    if (found == NULL) {
        found = mapping_new(town, nat, inner, each ? 0 : inner->port);
        if (each)
            found->to = *to;
    }
    found->until = town->now.mono.ms + nat->timeout_ms;
    struct nat_way *way = NULL;
    for (size_t i = 0; i < TOWN_WAYS && way == NULL; i++)
        if (address_equal(&found->ways[i].to, to))
            way = &found->ways[i];
    if (way == NULL)
        way = &found->ways[found->way_turn++ % TOWN_WAYS];
    *way = (struct nat_way){*to, found->until};
    return found;
}

static bool lets_in(const struct town *town, const struct nat *nat,
                    const struct nat_mapping *mapping, const struct tally_address *from)
{
    if (mapping->fixed || nat->kind == NAT_FULL)
        return true;
    for (size_t i = 0; i < TOWN_WAYS; i++) {
        const struct nat_way *way = &mapping->ways[i];
        if (way->until > town->now.mono.ms && address_same_prefix(&way->to, from, 128) &&
            (nat->kind == NAT_ADDRESS || way->to.port == from->port))
            return true;
    }
    return false;
}

/* From outside: the node it gets to, or NULL. */
static struct nat_mapping *way_in(struct town *town, struct nat *nat,
                                  const struct town_packet *packet)
{
    for (size_t i = 0; i < TOWN_MAPPINGS; i++) {
        struct nat_mapping *mapping = &nat->mappings[i];
        if (lives(town, mapping) && mapping->port == packet->to.port &&
            lets_in(town, nat, mapping, &packet->from))
            return mapping;
    }
    if (nat->spoils) {
        /* From now on a datagram to that peer gets another port. */
        struct tally_address inner = ip4(10, (unsigned)(nat - town->nats), 0, 0, packet->to.port);
        for (size_t i = 0; i < town->count; i++)
            if (town->nodes[i].nat == (int)(nat - town->nats))
                inner = town->nodes[i].address;
        struct nat_mapping *spoilt = mapping_new(town, nat, &inner, 0);
        spoilt->to = packet->from;
        spoilt->until = town->now.mono.ms + nat->timeout_ms;
    }
    return NULL;
}

/* ---- The network. ---- */

static struct town_node *node_at(struct town *town, const struct tally_address *address, int inside)
{
    for (size_t i = 0; i < town->count; i++)
        if (town->nodes[i].nat == inside && address_equal(&town->nodes[i].address, address))
            return &town->nodes[i];
    return NULL;
}

static struct nat *nat_at(struct town *town, const struct tally_address *address)
{
    for (size_t i = 0; i < TOWN_NATS; i++)
        if (town->nats[i].outer.ip[10] == 0xff &&
            address_same_prefix(&town->nats[i].outer, address, 128))
            return &town->nats[i];
    return NULL;
}

static void count_stray(struct town *town, const struct tally_address *to)
{
    size_t index = (size_t)to->ip[14] * 256 + to->ip[15];
    if (to->ip[12] == 60 && to->ip[13] == 0 && index < TOWN_VICTIMS)
        town->victims[index]++;
    else if (address_scope_of(to) != ADDRESS_GLOBAL)
        town->private ++;
    else
        town->strays++;
}

static void queue_put(struct town *town, const struct town_packet *packet)
{
    uint64_t delay = town->delay_ms + random_below(&town->random, town->jitter_ms + 1);
    if (random_below(&town->random, 1000) < town->loss)
        return;
    for (size_t i = 0; i < TOWN_QUEUE; i++) {
        if (town->queue[i].at != 0)
            continue;
        town->queue[i] = *packet;
        town->queue[i].at = town->now.mono.ms + delay;
        return;
    }
    fail_msg("the queue of the town is full");
}

static void go_out(struct town *town, const struct town_node *node, struct town_packet *packet)
{
    packet->from = node->address;
    packet->inside = node->nat;
    if (node->nat != TOWN_NONE && node_at(town, &packet->to, node->nat) == NULL) {
        struct nat *nat = &town->nats[node->nat];
        bool back = address_same_prefix(&nat->outer, &packet->to, 128);
        const struct nat_mapping *mapping = way_out(town, nat, &node->address, &packet->to);
        if (back && !nat->hairpin)
            return;
        packet->from = nat->outer;
        packet->from.port = mapping->port;
        packet->inside = TOWN_NONE;
    }
    queue_put(town, packet);
}

static void flush(struct town *town, struct town_node *node)
{
    struct tally_action action;
    size_t index = (size_t)(node - town->nodes);
    while (outbox_next(&node->outbox, &action)) {
        assert_int_equal(action.kind, TALLY_ACTION_SEND);
        static struct town_packet packet;
        packet = (struct town_packet){.to = action.send.to, .size = action.send.bytes.size};
        memcpy(packet.bytes, action.send.bytes.data, packet.size);
        town->sent[index]++;
        if (town->hook == NULL || town->hook(town, index, &packet))
            go_out(town, node, &packet);
    }
    assert_true(datagrams_holds(&node->datagrams));
}

/* A stream for somebody's check: it opens if the address is a node's, or a port opened by hand. */
static void dial(struct town *town, struct town_node *node)
{
    struct dialback_dial *wish = &node->datagrams.reaching.dial;
    if (!wish->any)
        return;
    wish->any = false;
    node->streams++;
    struct tally_address from = town_outer(town, (size_t)(node - town->nodes));
    from.port = 33333;
    reach_dialled(&node->datagrams.reaching.reach, &wish->address, town->now);
    struct town_node *to = node_at(town, &wish->address, TOWN_NONE);
    struct nat *nat = to == NULL ? nat_at(town, &wish->address) : NULL;
    for (size_t i = 0; nat != NULL && i < TOWN_MAPPINGS; i++)
        if (nat->mappings[i].fixed && nat->mappings[i].port == wish->address.port)
            to = node_at(town, &nat->mappings[i].inner, (int)(nat - town->nats));
    if (to == NULL && nat == NULL)
        count_stray(town, &wish->address);
    if (to == NULL || !to->up || !key_equal(&to->key, &wish->key))
        return;
    struct peer *known = peers_find(&to->datagrams.peers, &node->key);
    reach_stream(&to->datagrams.reaching.reach, town->now, &node->key, &from, known);
}

static void learn(struct town *town, struct town_node *node)
{
    struct reach_news news;
    while (reach_next_news(&node->datagrams.reaching.reach, &news))
        if (node->reached_count < sizeof node->reached / sizeof *node->reached)
            node->reached[node->reached_count++] = news;
    dial(town, node);
}

static enum tally_drop deliver(struct town *town, struct town_node *node,
                               const struct tally_address *from, struct tally_bytes bytes)
{
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    struct datagrams_news news;
    event.datagram.from = *from;
    event.datagram.bytes = bytes;
    outbox_clear(&node->outbox);
    enum tally_drop drop =
        datagrams_receive(&node->datagrams, town->now, &event, &news, &node->outbox);
    node->linked += news.links.linked != NULL;
    flush(town, node);
    learn(town, node);
    return drop;
}

static void arrive(struct town *town, struct town_packet *packet)
{
    struct town_node *node = node_at(town, &packet->to, packet->inside);
    struct nat *nat = packet->inside == TOWN_NONE ? nat_at(town, &packet->to) : NULL;
    if (node == NULL && nat != NULL) {
        const struct nat_mapping *mapping = way_in(town, nat, packet);
        if (mapping == NULL)
            return;
        node = node_at(town, &mapping->inner, (int)(nat - town->nats));
    }
    if (node == NULL)
        count_stray(town, &packet->to);
    else if (node->up)
        (void)deliver(town, node, &packet->from, bytes_of(packet->bytes, packet->size));
}

static void now_do(struct town *town)
{
    for (size_t i = 0; i < TOWN_QUEUE; i++) {
        if (town->queue[i].at == 0 || town->queue[i].at > town->now.mono.ms)
            continue;
        struct town_packet packet = town->queue[i];
        town->queue[i].at = 0;
        arrive(town, &packet);
    }
    for (size_t i = 0; i < town->count; i++) {
        struct town_node *node = &town->nodes[i];
        if (!node->up || datagrams_deadline(&node->datagrams).ms > town->now.mono.ms)
            continue;
        struct peers_ended ended;
        outbox_clear(&node->outbox);
        datagrams_tick(&node->datagrams, town->now, &ended, &node->outbox);
        flush(town, node);
        learn(town, node);
    }
}

void town_run(struct town *town, uint64_t ms)
{
    uint64_t end = town->now.mono.ms + ms;
    for (size_t i = 0; i < town->count; i++)
        (void)up(town, i);
    while (town->now.mono.ms < end) {
        now_do(town);
        uint64_t next = end;
        for (size_t i = 0; i < TOWN_QUEUE; i++)
            if (town->queue[i].at != 0 && town->queue[i].at < next)
                next = town->queue[i].at;
        for (size_t i = 0; i < town->count; i++)
            if (datagrams_deadline(&town->nodes[i].datagrams).ms < next)
                next = datagrams_deadline(&town->nodes[i].datagrams).ms;
        if (next <= town->now.mono.ms)
            next = town->now.mono.ms + 1;
        town->now.wall.us += (int64_t)(next - town->now.mono.ms) * 1000;
        town->now.mono.ms = next;
    }
}

/* ---- For stories. ---- */

void town_flush(struct town *town, size_t node)
{
    flush(town, &town->nodes[node]);
}

struct tally_address town_outer(const struct town *town, size_t node)
{
    const struct town_node *at = &town->nodes[node];
    if (at->nat == TOWN_NONE)
        return at->address;
    struct tally_address address = town->nats[at->nat].outer;
    address.port = TOWN_PORT;
    return address;
}

void town_introduce(struct town *town, size_t a, size_t b)
{
    struct tally_address address = town_outer(town, b);
    assert_true(
        peers_configure(&up(town, a)->datagrams.peers, &town->nodes[b].key, &address, town->now));
}

void town_settle(struct town *town, size_t apart)
{
    for (size_t a = 0; a < town->count; a++)
        for (size_t b = 0; b < town->count - apart; b++)
            if (a != b && town->nodes[b].nat == TOWN_NONE)
                town_introduce(town, a, b);
    town_run(town, 40000);
}

struct peer *town_peer(const struct town *town, size_t a, size_t b)
{
    return peers_find(&town->nodes[a].datagrams.peers, &town->nodes[b].key);
}

bool town_linked(const struct town *town, size_t a, size_t b)
{
    const struct peer *one = town_peer(town, a, b), *other = town_peer(town, b, a);
    return one != NULL && other != NULL && one->link.state == LINK_LINKED &&
           other->link.state == LINK_LINKED &&
           memcmp(one->link.current.send_key, other->link.current.receive_key, 32) == 0;
}

enum tally_drop town_say(struct town *town, size_t a, size_t b, enum tally_kind kind,
                         struct tally_bytes body)
{
    struct town_node *from = &town->nodes[a], *to = &town->nodes[b];
    struct tally_action action;
    struct parcel parcel;
    outbox_clear(&from->outbox);
    parcel_make(&from->datagrams.peers, kind, body, true, &parcel);
    peers_send(&from->datagrams.peers, town_peer(town, a, b), &parcel, &from->outbox);
    assert_true(outbox_next(&from->outbox, &action));
    uint8_t bytes[TALLY_DATAGRAM_MAX];
    size_t size = action.send.bytes.size;
    memcpy(bytes, action.send.bytes.data, size);
    struct tally_address seen = town_peer(town, b, a)->link.address;
    return deliver(town, to, &seen, bytes_of(bytes, size));
}

uint64_t town_drops(const struct town *town, size_t node, enum tally_drop drop)
{
    return town->nodes[node].datagrams.drops[drop];
}

bool town_own(const struct town *town, size_t node, enum tally_transport transport,
              enum tally_own_source source, struct tally_own_address *view)
{
    const struct reach *reach = &town->nodes[node].datagrams.reaching.reach;
    for (size_t i = 0; reach_view(reach, i, town->now, view); i++)
        if (view->transport == transport && view->source == source)
            return true;
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/wire/derive.h"
#include "tally/log.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>

enum { ACTIONS = 1024, FIRST_PORT = 4001 };

/* A datagram on its way, or a tick. */
struct crowd_event {
    uint64_t at, order;
    uint32_t node;
    struct packet *packet; /* NULL: a tick. */
};

struct packet {
    struct tally_address from;
    size_t size;
    uint8_t bytes[];
};

/* ---- Windows. ---- */

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct crowd_node *node = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(&node->secret) >> 32);
}

static void seal(const struct tally_key *key, struct tally_bytes message, uint8_t bytes[64])
{
    struct tally_hash hash;
    hash_sha256_two(bytes_of(key->bytes, 32), message, &hash);
    memcpy(bytes, hash.bytes, 32);
    memcpy(bytes + 32, hash.bytes, 32);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct crowd_node *node = context;
    seal(&node->key, message, signature->bytes);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    uint8_t right[64];
    (void)context;
    seal(key, message, right);
    return memcmp(right, signature->bytes, sizeof right) == 0;
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    const struct crowd_node *node = context;
    const struct tally_key *low = &node->key, *high = peer;
    struct tally_hash hash;
    if (memcmp(low->bytes, high->bytes, 32) > 0) {
        low = peer;
        high = &node->key;
    }
    hash_sha256_two(bytes_of(low->bytes, 32), bytes_of(high->bytes, 32), &hash);
    memcpy(shared, hash.bytes, 32);
    return true;
}

static size_t checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                         size_t capacity)
{
    const struct crowd_node *node = context;
    for (size_t i = 0; i < node->note_count; i++) {
        const struct crowd_note *held = &node->notes[i];
        if (hash_equal(&held->origin, origin) && held->size <= capacity) {
            memcpy(note, held->bytes, held->size);
            return held->size;
        }
    }
    return 0;
}

/* The key of a node begins with its number. */
static uint32_t number_of(const struct tally_key *key)
{
    return be32_read(key->bytes);
}

static bool there(const struct crowd *crowd, const struct tally_key *key)
{
    uint32_t node = number_of(key);
    return node < crowd->options.count && crowd->nodes[node].up &&
           crowd->nodes[node].asleep_until <= crowd->now.mono.ms;
}

static void say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    struct crowd_node *node = context;
    (void)now;
    if (trace->kind == TALLY_TRACE_SUSPECTED && there(node->crowd, trace->peer))
        node->suspected_wrong++;
    else if (trace->kind == TALLY_TRACE_SUSPECTED)
        node->suspected_right++;
}

/* ---- The heap of what is to come. ---- */

static bool sooner(const struct crowd_event *a, const struct crowd_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct crowd *crowd, uint64_t at, uint32_t node, struct packet *packet)
{
    if (crowd->heap_count == crowd->heap_capacity) {
        crowd->heap_capacity = crowd->heap_capacity * 2 + 1024;
        crowd->heap = realloc(crowd->heap, crowd->heap_capacity * sizeof *crowd->heap);
        assert_non_null(crowd->heap);
    }
    struct crowd_event event = {at, crowd->sequence++, node, packet};
    size_t i = crowd->heap_count++;
    for (; i > 0 && sooner(&event, &crowd->heap[(i - 1) / 2]); i = (i - 1) / 2)
        crowd->heap[i] = crowd->heap[(i - 1) / 2];
    crowd->heap[i] = event;
}

static struct crowd_event take(struct crowd *crowd)
{
    struct crowd_event first = crowd->heap[0], last = crowd->heap[--crowd->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= crowd->heap_count)
            break;
        if (child + 1 < crowd->heap_count && sooner(&crowd->heap[child + 1], &crowd->heap[child]))
            child++;
        if (!sooner(&crowd->heap[child], &last))
            break;
        crowd->heap[i] = crowd->heap[child];
        i = child;
    }
    crowd->heap[i] = last;
    return first;
}

/* ---- Nodes. ---- */

struct crowd *crowd_new(const struct crowd_options *options)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert_non_null(crowd);
    crowd->options = *options;
    if (crowd->options.peers_max == 0)
        crowd->options.peers_max = 64;
    crowd->nodes = calloc(options->count, sizeof *crowd->nodes);
    assert_non_null(crowd->nodes);
    crowd->now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    crowd->chance.state = options->seed;
    outbox_init(&crowd->outbox, calloc(ACTIONS, sizeof(struct tally_action)), ACTIONS,
                malloc((size_t)ACTIONS * TALLY_DATAGRAM_MAX), (size_t)ACTIONS * TALLY_DATAGRAM_MAX);
    for (uint32_t i = 0; i < options->count; i++) {
        struct crowd_node *node = &crowd->nodes[i];
        node->crowd = crowd;
        node->secret.state = options->seed + i;
        draw(node, node->key.bytes, sizeof node->key.bytes);
        be32_write(node->key.bytes, i);
        node->policy.profile = options->profile;
        const uint8_t ip4[4] = {(uint8_t)(44 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 1};
        crowd_place(crowd, i, ip4, FIRST_PORT);
    }
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->options.count; i++) {
        if (crowd->nodes[i].datagrams.peers.list != NULL)
            datagrams_free(&crowd->nodes[i].datagrams);
        free(crowd->nodes[i].notes);
    }
    for (size_t i = 0; i < crowd->heap_count; i++)
        free(crowd->heap[i].packet);
    free(crowd->outbox.actions);
    free(crowd->outbox.arena);
    free(crowd->heap);
    free(crowd->nodes);
    free(crowd);
}

void crowd_place(struct crowd *crowd, uint32_t node, const uint8_t ip4[4], uint16_t port)
{
    struct tally_address *address = &crowd->nodes[node].address;
    *address = (struct tally_address){.ip = {[10] = 0xff, [11] = 0xff}, .port = port};
    memcpy(address->ip + 12, ip4, 4);
}

uint32_t crowd_at(const struct crowd *crowd, const struct tally_address *address)
{
    uint32_t guess =
        (uint32_t)(address->ip[12] - 44) << 16 | (uint32_t)address->ip[13] << 8 | address->ip[14];
    if (guess < crowd->options.count && address_equal(&crowd->nodes[guess].address, address))
        return guess;
    for (uint32_t i = 0; i < crowd->options.count && crowd->options.count <= 256; i++)
        if (address_equal(&crowd->nodes[i].address, address))
            return i;
    return UINT32_MAX;
}

void crowd_boot(struct crowd *crowd, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i <= to; i++) {
        struct crowd_node *node = &crowd->nodes[i];
        struct datagrams_options options = {
            .peers = {.key = node->key,
                      .epoch = (uint32_t)(crowd->now.mono.ms / 1000),
                      .caps = PEERS_CAPS_STREAMS,
                      .seed = random_next(&crowd->chance),
                      .peers_max = i == 0 ? TALLY_PEERS_MAX : crowd->options.peers_max,
                      .policy = &node->policy,
                      .secret = {node, draw},
                      .crypto = {node, sign, verify, exchange, NULL},
                      .trace = {node, say}},
            .ledger = {.context = node, .checkpoint = checkpoint},
            .logs_max = 16,
            .seen_max = 16,
            .records_max = 8,
            .senders_max = 16,
        };
        derive_network_tag(bytes_text("tally"), options.peers.network);
        if (node->datagrams.peers.list != NULL)
            datagrams_free(&node->datagrams);
        assert_true(datagrams_new(&node->datagrams, &options, crowd->now));
        node->up = true;
        node->asleep_until = node->tick_at = 0;
    }
}

void crowd_vanish(struct crowd *crowd, uint32_t node)
{
    crowd->nodes[node].up = false;
}

void crowd_sleep(struct crowd *crowd, uint32_t node, uint64_t ms)
{
    crowd->nodes[node].asleep_until = crowd->now.mono.ms + ms;
}

/* The next tick the node wants. */
void crowd_wake(struct crowd *crowd, uint32_t index)
{
    struct crowd_node *node = &crowd->nodes[index];
    uint64_t at = datagrams_deadline(&node->datagrams).ms;
    if (at == UINT64_MAX)
        return;
    if (at <= crowd->now.mono.ms)
        at = crowd->now.mono.ms + 1;
    if (node->tick_at != 0 && node->tick_at <= at)
        return;
    node->tick_at = at;
    put(crowd, at, index, NULL);
}

static void send(struct crowd *crowd, uint32_t from, const struct tally_address *address,
                 struct tally_bytes bytes)
{
    struct crowd_node *node = &crowd->nodes[from];
    unsigned kind = bytes.data[2] < CROWD_KINDS ? bytes.data[2] : 0;
    uint32_t to = crowd_at(crowd, address);
    node->sent[kind]++;
    node->sent_bytes[kind] += bytes.size + UDP_HEADERS;
    if (to == UINT32_MAX) {
        crowd->nobody++;
        return;
    }
    if ((crowd->loss > 0 && random_below(&crowd->chance, 1000) < crowd->loss) ||
        (crowd->hook != NULL && !crowd->hook(crowd, from, to, kind)))
        return;
    struct packet *packet = malloc(sizeof *packet + bytes.size);
    assert_non_null(packet);
    packet->from = node->address;
    packet->size = bytes.size;
    memcpy(packet->bytes, bytes.data, bytes.size);
    put(crowd,
        crowd->now.mono.ms + CROWD_DELAY_MS / 2 + random_below(&crowd->chance, CROWD_DELAY_MS), to,
        packet);
}

/* What a step asked for goes onto the wire. */
static void flush(struct crowd *crowd, uint32_t index)
{
    struct tally_action action;
    while (outbox_next(&crowd->outbox, &action)) {
        assert_int_equal(action.kind, TALLY_ACTION_SEND);
        send(crowd, index, &action.send.to, action.send.bytes);
    }
    if (crowd->checked)
        assert_true(datagrams_holds(&crowd->nodes[index].datagrams));
    crowd_wake(crowd, index);
}

static void tick(struct crowd *crowd, uint32_t index)
{
    struct crowd_node *node = &crowd->nodes[index];
    struct peers_ended ended;
    node->tick_at = 0;
    if (datagrams_deadline(&node->datagrams).ms <= crowd->now.mono.ms) {
        datagrams_tick(&node->datagrams, crowd->now, &ended, &crowd->outbox);
        for (size_t i = 0; i < ended.count; i++) {
            const struct peer *peer = ended.list[i].peer;
            bool silent = !ended.list[i].failed && peer->last_error == TALLY_DROP_SILENT;
            unsigned dropped = node->dropped_right + node->dropped_wrong;
            node->failed += ended.list[i].failed;
            if (silent && dropped < CROWD_DROPS)
                node->dropped_at[dropped] = crowd->now.mono.ms;
            node->dropped_wrong += silent && there(crowd, &peer->key);
            node->dropped_right += silent && !there(crowd, &peer->key);
        }
    }
    flush(crowd, index);
}

static void deliver(struct crowd *crowd, uint32_t index, const struct packet *packet)
{
    struct crowd_node *node = &crowd->nodes[index];
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    struct datagrams_news news;
    event.datagram.from = packet->from;
    event.datagram.bytes = bytes_of(packet->bytes, packet->size);
    node->received_bytes += packet->size + UDP_HEADERS;
    (void)datagrams_receive(&node->datagrams, crowd->now, &event, &news, &crowd->outbox);
    node->linked += news.links.linked != NULL;
    flush(crowd, index);
}

void crowd_run(struct crowd *crowd, uint64_t ms)
{
    uint64_t end = crowd->now.mono.ms + ms;
    while (crowd->heap_count > 0 && crowd->heap[0].at <= end) {
        struct crowd_event event = take(crowd);
        struct crowd_node *node = &crowd->nodes[event.node];
        crowd->now.wall.us += (int64_t)(event.at - crowd->now.mono.ms) * 1000;
        crowd->now.mono.ms = event.at;
        if (node->up && node->asleep_until > event.at) {
            /* In the order it came: when it wakes, all of it is there. */
            put(crowd, node->asleep_until, event.node, event.packet);
            if (event.packet == NULL)
                node->tick_at = node->asleep_until;
            continue;
        }
        outbox_clear(&crowd->outbox);
        if (node->up && event.packet != NULL)
            deliver(crowd, event.node, event.packet);
        else if (node->up && node->tick_at == event.at)
            tick(crowd, event.node);
        free(event.packet);
    }
    crowd->now.wall.us += (int64_t)(end - crowd->now.mono.ms) * 1000;
    crowd->now.mono.ms = end;
}

void crowd_bootstrap(struct crowd *crowd, uint32_t a, uint32_t b)
{
    struct datagrams *datagrams = &crowd->nodes[a].datagrams;
    assert_true(overlay_bootstrap(&datagrams->overlay, crowd->now, &datagrams->peers,
                                  &crowd->nodes[b].key, &crowd->nodes[b].address,
                                  TALLY_SOURCE_CONFIGURED));
    crowd_wake(crowd, a);
}

void crowd_configure(struct crowd *crowd, uint32_t a, uint32_t b)
{
    assert_true(peers_configure(&crowd->nodes[a].datagrams.peers, &crowd->nodes[b].key,
                                &crowd->nodes[b].address, crowd->now));
    crowd_wake(crowd, a);
}

void crowd_say(struct crowd *crowd, uint32_t from, uint32_t to, enum tally_kind kind,
               struct tally_bytes body)
{
    struct peers *peers = &crowd->nodes[from].datagrams.peers;
    outbox_clear(&crowd->outbox);
    peers_tell(peers, crowd_peer(crowd, from, to), kind, body, &crowd->outbox);
    flush(crowd, from);
}

void crowd_hold(struct crowd *crowd, uint32_t node, uint32_t issuer, const char *name_space,
                uint64_t size)
{
    struct crowd_node *holder = &crowd->nodes[node], *author = &crowd->nodes[issuer];
    struct head head = {.issuer = author->key, .size = size, .own = node == issuer};
    struct tally_crypto crypto = {author, sign, verify, exchange, NULL};
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    if (holder->notes == NULL)
        holder->notes = calloc(CROWD_NOTES, sizeof *holder->notes);
    assert_true(holder->notes != NULL && holder->note_count < CROWD_NOTES);
    size_t length = tally_origin_write(&author->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_of(origin, length), &head.origin);
    memset(head.root.bytes, (int)size, sizeof head.root.bytes);
    derive_namespace_tag(holder->datagrams.peers.options.network, bytes_text(name_space),
                         head.name_space);
    const struct tally_checkpoint said = {
        .origin = bytes_of(origin, length), .size = size, .root = head.root};
    struct crowd_note *note = &holder->notes[holder->note_count++];
    note->origin = head.origin;
    assert_true(tally_vkey_of_origin(&vkey, said.origin));
    note->size = tally_checkpoint_sign(&said, &vkey, &crypto, note->bytes);
    assert_true(datagrams_head(&holder->datagrams, crowd->now, &head, false));
    crowd_wake(crowd, node);
}

struct peer *crowd_peer(const struct crowd *crowd, uint32_t a, uint32_t b)
{
    return peers_find(&crowd->nodes[a].datagrams.peers, &crowd->nodes[b].key);
}

bool crowd_meshed(const struct crowd *crowd, uint32_t a, uint32_t b)
{
    const struct peer *one = crowd_peer(crowd, a, b), *other = crowd_peer(crowd, b, a);
    return one != NULL && other != NULL && one->mesh && other->mesh;
}

void crowd_come(struct crowd *crowd, uint32_t from, uint32_t to, uint32_t first)
{
    for (uint32_t i = from; i <= to; i++) {
        crowd_boot(crowd, i, i);
        if (i != first)
            crowd_bootstrap(crowd, i, first);
        crowd_run(crowd, 300);
    }
}

struct peers *crowd_peers(const struct crowd *crowd, uint32_t node)
{
    return &crowd->nodes[node].datagrams.peers;
}

uint64_t crowd_drops(const struct crowd *crowd, uint32_t node, enum tally_drop drop)
{
    return crowd->nodes[node].datagrams.drops[drop];
}

unsigned crowd_links_with(const struct crowd *crowd, uint32_t node, uint32_t from, uint32_t to)
{
    unsigned count = 0;
    for (uint32_t i = from; i <= to; i++) {
        const struct peer *peer = i == node ? NULL : crowd_peer(crowd, node, i);
        count += peer != NULL && peer->mesh;
    }
    return count;
}

/* ---- Looking at all. ---- */

static uint32_t root_of(uint32_t *parents, uint32_t node)
{
    while (parents[node] != node)
        node = parents[node] = parents[parents[node]];
    return node;
}

static void degrees_take(const struct crowd *crowd, const struct crowd_node *node,
                         uint32_t *parents, struct crowd_shape *shape, double *square)
{
    const struct peers *peers = &node->datagrams.peers;
    unsigned degree = 0, came = 0;
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *peer = &peers->list[i];
        uint32_t other = peer->mesh ? number_of(&peer->key) : UINT32_MAX;
        if (other >= crowd->options.count || !crowd->nodes[other].up)
            continue;
        const struct peer *back = peers_find(&crowd->nodes[other].datagrams.peers, &node->key);
        if (back == NULL || !back->mesh) {
            shape->one_sided++;
            continue;
        }
        degree++;
        came += !peer->chosen;
        parents[root_of(parents, number_of(&node->key))] = root_of(parents, other);
    }
    shape->degrees[degree < 64 ? degree : 64]++;
    shape->mean += degree;
    *square += (double)came * came;
    shape->came_deviation += came;
    shape->came_most = came > shape->came_most ? came : shape->came_most;
    shape->least = degree < shape->least ? degree : shape->least;
    shape->most = degree > shape->most ? degree : shape->most;
}

void crowd_shape(const struct crowd *crowd, struct crowd_shape *shape)
{
    uint32_t count = crowd->options.count, *parents = calloc(count, sizeof *parents);
    uint32_t *sizes = calloc(count, sizeof *sizes);
    double square = 0;
    assert_true(parents != NULL && sizes != NULL);
    *shape = (struct crowd_shape){.least = UINT32_MAX};
    for (uint32_t i = 0; i < count; i++)
        parents[i] = i;
    for (uint32_t i = 0; i < count; i++)
        if (crowd->nodes[i].up) {
            shape->up++;
            degrees_take(crowd, &crowd->nodes[i], parents, shape, &square);
        }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t root = root_of(parents, i);
        if (crowd->nodes[i].up && ++sizes[root] > shape->component)
            shape->component = sizes[root];
    }
    double came = shape->came_deviation / shape->up;
    shape->mean /= shape->up;
    shape->came_deviation = sqrt(square / shape->up - came * came);
    free(parents);
    free(sizes);
}

uint64_t crowd_sent(const struct crowd *crowd, unsigned kind)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < crowd->options.count; i++)
        for (unsigned k = 0; k < CROWD_KINDS; k++)
            if (crowd->nodes[i].up && (kind == 0 || kind == k))
                sum += crowd->nodes[i].sent_bytes[k];
    return sum;
}

void crowd_forget(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->options.count; i++) {
        struct crowd_node *node = &crowd->nodes[i];
        memset(node->sent, 0, sizeof node->sent);
        memset(node->sent_bytes, 0, sizeof node->sent_bytes);
        node->received_bytes = 0;
        node->suspected_right = node->suspected_wrong = 0;
        node->dropped_right = node->dropped_wrong = node->linked = node->failed = 0;
    }
}

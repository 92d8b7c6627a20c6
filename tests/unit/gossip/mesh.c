/* SPDX-License-Identifier: Apache-2.0 */
#include "mesh.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/dh.h"
#include "core/crypto/sign.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"
#include "tally/log.h"

#include "support/cmocka.h"

#include <stdlib.h>

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct mesh_node *node = context;
    struct random random = {node->random};
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&random);
    node->random = random.state;
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    struct mesh_node *node = context;
    node->signs++;
    sign_with_seed(node->seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    struct mesh_node *node = context;
    node->verifies++;
    return sign_verify(key, message, signature);
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    struct mesh_node *node = context;
    uint8_t secret[32], public[32];
    node->exchanges++;
    dh_secret_of_seed(node->seed, secret);
    return dh_public_of_key(peer, public) && dh_shared(secret, public, shared);
}

static size_t checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                         size_t capacity)
{
    const struct mesh_node *node = context;
    for (size_t i = 0; i < node->note_count; i++) {
        const struct mesh_note *held = &node->notes[i];
        if (hash_equal(&held->origin, origin) && held->size <= capacity) {
            memcpy(note, held->bytes, held->size);
            return held->size;
        }
    }
    return 0;
}

static struct tally_now now_of(const struct mesh *mesh, const struct mesh_node *node)
{
    struct tally_now now = mesh->now;
    now.wall.us += node->clock_us;
    return now;
}

static void boot(struct mesh *mesh, struct mesh_node *node)
{
    struct datagrams_options options = {
        .peers = {.key = node->key,
                  .epoch = ++node->epoch,
                  .caps = PEERS_CAPS_STREAMS,
                  .seed = node->random,
                  .peers_max = 16,
                  .secret = {node, draw},
                  .crypto = {node, sign, verify, exchange, NULL}},
        .ledger = {.context = node, .checkpoint = checkpoint},
        .logs_max = 32,
        .seen_max = 64,
    };
    derive_network_tag(bytes_text("tally"), options.peers.network);
    assert_true(datagrams_new(&node->datagrams, &options, now_of(mesh, node)));
    outbox_init(&node->outbox, node->actions, MESH_ACTIONS, node->arena, sizeof node->arena);
    node->up = true;
}

struct mesh *mesh_new(size_t count)
{
    struct mesh *mesh = calloc(1, sizeof *mesh);
    assert_non_null(mesh);
    mesh->nodes = calloc(count, sizeof *mesh->nodes);
    mesh->queue = calloc(MESH_QUEUE, sizeof *mesh->queue);
    assert_true(mesh->nodes != NULL && mesh->queue != NULL && count <= MESH_NODES);
    mesh->count = count;
    mesh->now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    mesh->delay_ms = 20;
    for (size_t i = 0; i < count; i++) {
        struct mesh_node *node = &mesh->nodes[i];
        memset(node->seed, (int)i + 1, sizeof node->seed);
        sign_key(node->seed, &node->key);
        node->address = (struct tally_address){{[10] = 0xff, [11] = 0xff, 10, (uint8_t)i, 0, 1},
                                               (uint16_t)(4000 + i)};
        node->epoch = 1000;
        node->random = i + 1;
        boot(mesh, node);
    }
    return mesh;
}

void mesh_free(struct mesh *mesh)
{
    for (size_t i = 0; i < mesh->count; i++)
        datagrams_free(&mesh->nodes[i].datagrams);
    free(mesh->nodes);
    free(mesh->queue);
    free(mesh);
}

struct mesh_node *mesh_at(const struct mesh *mesh, const struct tally_address *address)
{
    for (size_t i = 0; i < mesh->count; i++)
        if (address_equal(&mesh->nodes[i].address, address))
            return &mesh->nodes[i];
    return NULL;
}

void mesh_inject(struct mesh *mesh, const struct mesh_packet *packet)
{
    for (size_t i = 0; i < MESH_QUEUE; i++) {
        if (mesh->queue[i].at != 0)
            continue;
        mesh->queue[i] = *packet;
        mesh->queue[i].at = mesh->now.mono.ms + mesh->delay_ms;
        return;
    }
    fail_msg("the queue of the mesh is full");
}

/* What a step asked for goes onto the wire. */
static void flush(struct mesh *mesh, struct mesh_node *node)
{
    struct tally_action action;
    while (outbox_next(&node->outbox, &action)) {
        assert_int_equal(action.kind, TALLY_ACTION_SEND);
        struct mesh_packet packet = {
            .from = node->address, .to = action.send.to, .size = action.send.bytes.size};
        assert_true(packet.size > 0 && packet.size <= TALLY_DATAGRAM_MAX);
        memcpy(packet.bytes, action.send.bytes.data, packet.size);
        struct mesh_node *to = mesh_at(mesh, &packet.to);
        if (to != NULL) {
            size_t a = (size_t)(node - mesh->nodes), b = (size_t)(to - mesh->nodes);
            mesh->sent[a][b] += packet.size;
            if (mesh->cut[a][b])
                continue;
        }
        if (mesh->hook == NULL || mesh->hook(mesh, &packet))
            mesh_inject(mesh, &packet);
    }
    assert_true(datagrams_holds(&node->datagrams));
}

static void learn(struct mesh_node *node, const struct datagrams_news *news, enum tally_drop drop)
{
    node->linked += news->links.linked != NULL;
    node->unlinked += news->links.unlinked != NULL;
    if (node->told_count < MESH_TOLD)
        node->told[node->told_count++] = drop;
    if (drop != TALLY_DROP_NONE)
        return;
    node->last = *news;
    node->heartbeats += news->has_heartbeat;
    node->announces += news->has_announce;
    if (news->has_heartbeat)
        node->heartbeat = news->heartbeat;
    if (news->has_announce)
        node->announce = news->announce;
    if (news->has_yours)
        node->yours = news->yours;
}

enum tally_drop mesh_deliver(struct mesh *mesh, size_t index, const struct mesh_packet *packet)
{
    struct mesh_node *node = &mesh->nodes[index];
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    event.datagram.from = packet->from;
    event.datagram.bytes = bytes_of(packet->bytes, packet->size);
    struct datagrams_news news;
    outbox_clear(&node->outbox);
    enum tally_drop drop =
        datagrams_receive(&node->datagrams, now_of(mesh, node), &event, &news, &node->outbox);
    learn(node, &news, drop);
    flush(mesh, node);
    return drop;
}

static void tick(struct mesh *mesh, struct mesh_node *node)
{
    struct peers_ended ended;
    outbox_clear(&node->outbox);
    datagrams_tick(&node->datagrams, now_of(mesh, node), &ended, &node->outbox);
    for (size_t i = 0; i < ended.count; i++) {
        node->unlinked += !ended.list[i].failed;
        node->failed += ended.list[i].failed;
    }
    flush(mesh, node);
}

/* Delivers what is due now, the oldest place first, and ticks who wants it. */
static void now_do(struct mesh *mesh)
{
    for (size_t i = 0; i < MESH_QUEUE; i++) {
        if (mesh->queue[i].at == 0 || mesh->queue[i].at > mesh->now.mono.ms)
            continue;
        struct mesh_packet packet = mesh->queue[i];
        mesh->queue[i].at = 0;
        struct mesh_node *node = mesh_at(mesh, &packet.to);
        if (node != NULL && node->up)
            (void)mesh_deliver(mesh, (size_t)(node - mesh->nodes), &packet);
    }
    for (size_t i = 0; i < mesh->count; i++) {
        struct mesh_node *node = &mesh->nodes[i];
        if (node->up && datagrams_deadline(&node->datagrams).ms <= mesh->now.mono.ms)
            tick(mesh, node);
    }
}

void mesh_run(struct mesh *mesh, uint64_t ms)
{
    uint64_t end = mesh->now.mono.ms + ms;
    for (;;) {
        now_do(mesh);
        uint64_t next = end;
        for (size_t i = 0; i < MESH_QUEUE; i++)
            if (mesh->queue[i].at != 0 && mesh->queue[i].at < next)
                next = mesh->queue[i].at;
        for (size_t i = 0; i < mesh->count; i++) {
            uint64_t at = datagrams_deadline(&mesh->nodes[i].datagrams).ms;
            if (mesh->nodes[i].up && at < next)
                next = at;
        }
        if (next <= mesh->now.mono.ms)
            next = mesh->now.mono.ms + 1; /* A full step was not enough: the next comes soon. */
        if (next > end)
            next = end;
        mesh->now.wall.us += (int64_t)(next - mesh->now.mono.ms) * 1000;
        mesh->now.mono.ms = next;
        if (next == end)
            return;
    }
}

void mesh_restart(struct mesh *mesh, size_t index)
{
    struct mesh_node *node = &mesh->nodes[index];
    datagrams_free(&node->datagrams);
    node->note_count = 0;
    boot(mesh, node);
}

void mesh_introduce(struct mesh *mesh, size_t a, size_t b)
{
    struct mesh_node *node = &mesh->nodes[a];
    assert_true(peers_configure(&node->datagrams.peers, &mesh->nodes[b].key,
                                &mesh->nodes[b].address, now_of(mesh, node)));
}

/* ---- Logs. ---- */

static struct head head_of(const struct mesh *mesh, size_t issuer, const char *name_space,
                           uint64_t size, uint8_t branch)
{
    const struct mesh_node *node = &mesh->nodes[issuer];
    struct head head = {.issuer = node->key, .size = size};
    char origin[TALLY_ORIGIN_MAX + 1];
    size_t length = tally_origin_write(&node->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_of(origin, length), &head.origin);
    memset(head.root.bytes, branch, sizeof head.root.bytes);
    be64_write(head.root.bytes, size);
    derive_namespace_tag(node->datagrams.peers.options.network, bytes_text(name_space),
                         head.name_space);
    return head;
}

/* The issuer's signature over the head, as the holder's ledger keeps it. */
static void note_put(struct mesh *mesh, size_t holder, size_t issuer, const char *name_space,
                     const struct head *head)
{
    struct mesh_node *node = &mesh->nodes[holder];
    char origin[TALLY_ORIGIN_MAX + 1];
    size_t length = tally_origin_write(&mesh->nodes[issuer].key, bytes_text(name_space), origin);
    struct tally_checkpoint said = {
        .origin = bytes_of(origin, length), .size = head->size, .root = head->root};
    struct tally_vkey vkey;
    struct tally_crypto crypto = {&mesh->nodes[issuer], sign, verify, exchange, NULL};
    assert_true(tally_vkey_of_origin(&vkey, said.origin));
    size_t i = 0;
    while (i < node->note_count && !hash_equal(&node->notes[i].origin, &head->origin))
        i++;
    assert_true(i < MESH_NOTES);
    node->notes[i].origin = head->origin;
    node->notes[i].size = tally_checkpoint_sign(&said, &vkey, &crypto, node->notes[i].bytes);
    assert_true(node->notes[i].size > 0);
    if (i == node->note_count)
        node->note_count++;
}

struct head mesh_seal(struct mesh *mesh, size_t index, const char *name_space, uint64_t size,
                      uint8_t branch)
{
    struct mesh_node *node = &mesh->nodes[index];
    struct head head = head_of(mesh, index, name_space, size, branch);
    head.own = true;
    note_put(mesh, index, index, name_space, &head);
    assert_true(datagrams_head(&node->datagrams, now_of(mesh, node), &head, true));
    return head;
}

void mesh_hold(struct mesh *mesh, size_t index, size_t issuer, const char *name_space,
               uint64_t size, uint8_t branch)
{
    struct mesh_node *node = &mesh->nodes[index];
    struct head head = head_of(mesh, issuer, name_space, size, branch);
    note_put(mesh, index, issuer, name_space, &head);
    assert_true(datagrams_head(&node->datagrams, now_of(mesh, node), &head, false));
}

struct peer *mesh_peer(const struct mesh *mesh, size_t a, size_t b)
{
    return peers_find(&mesh->nodes[a].datagrams.peers, &mesh->nodes[b].key);
}

bool mesh_linked(const struct mesh *mesh, size_t a, size_t b)
{
    const struct peer *one = mesh_peer(mesh, a, b), *other = mesh_peer(mesh, b, a);
    return one != NULL && other != NULL && one->link.state == LINK_LINKED &&
           other->link.state == LINK_LINKED &&
           memcmp(one->link.current.send_key, other->link.current.receive_key, 32) == 0 &&
           memcmp(one->link.current.receive_key, other->link.current.send_key, 32) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One server of the DHT, and two with good keys who do what the input says: a peer that is linked,
 * and a stranger that greets with a question, comes back without memory, or says things without a
 * link. They ask, put, place and answer, rightly but for what the input bends, or wholly in the
 * input's own bytes; what they name are addresses where nobody lives, near and far.
 *
 * After each step the invariants hold and nothing was allocated. Nobody without a link gets more
 * than he sent. Who is linked gets three answers at most to each question he may ask. Where nobody
 * has greeted, hellos go alone, to addresses of the wide network, a few.
 *
 *     input = *( what u8, how u8, [ more ] )
 */
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/dht/metric.h"
#include "core/node/datagrams.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"
#include "memory.h"
#include "tally/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ACTIONS = 512,
    VICTIMS = 64,
    FEW = 24, /* Hellos to one address: three rounds of a greeting in each of a few hours. */
    NAMED = 40,
    OWN_LOG = 5,
    ANSWERS = 3, /* At most, to one question: two with ads, and nodes. */
};

struct side {
    struct datagrams datagrams;
    struct tally_key key;
    struct tally_address address;
    struct outbox outbox;
    struct tally_action actions[ACTIONS];
    uint8_t arena[ACTIONS * TALLY_DATAGRAM_MAX];
    struct random random;
    uint64_t answers; /* That it got from the node. */
};

static struct side node, friend, stranger;
static struct address_policy policy;
static struct tally_now now;
static struct {
    struct tally_address address;
    unsigned hellos;
} victims[VICTIMS];
static uint8_t again[TALLY_DATAGRAM_MAX]; /* The last datagram of the friend. */
static size_t again_size;
static const uint8_t *data;
static size_t left;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t next_byte(void)
{
    if (left == 0)
        return 0;
    left--;
    return *data++;
}

static struct tally_bytes next_bytes(size_t most)
{
    size_t size = (size_t)next_byte() * 5;
    size = size < most ? size : most;
    size = size < left ? size : left;
    struct tally_bytes bytes = bytes_of(data, size);
    data += size;
    left -= size;
    return bytes;
}

/* ---- Windows. ---- */

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct side *side = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&side->random);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    hash_blake2b(bytes_of("fuzz fuzz fuzz fuzz", 16), &message, 1, signature->bytes, 64);
    signature->bytes[0] = 1;
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return signature->bytes[0] != 0;
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    const struct side *side = context;
    for (size_t i = 0; i < 32; i++)
        shared[i] = side->key.bytes[i] ^ peer->bytes[i];
    return true;
}

static struct tally_crypto crypto_of(struct side *side)
{
    return (struct tally_crypto){side, sign, verify, exchange, NULL};
}

/* A log of that side, at a size, with a root of its own choice. */
static size_t note_write(struct side *side, uint64_t size, uint8_t root, uint8_t *note)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    const struct tally_crypto crypto = crypto_of(side);
    size_t written = tally_origin_write(&side->key, bytes_text("audit"), origin);
    struct tally_checkpoint checkpoint = {.origin = bytes_of(origin, written), .size = size};
    memset(checkpoint.root.bytes, root, sizeof checkpoint.root);
    must(tally_vkey_init(&vkey, checkpoint.origin, TALLY_VKEY_LOG, &side->key));
    return tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
}

static struct tally_hash origin_of(const struct side *side)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash hash;
    size_t written = tally_origin_write(&side->key, bytes_text("audit"), origin);
    tally_origin_hash(bytes_of(origin, written), &hash);
    return hash;
}

static bool log_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    const struct side *side = context;
    const struct tally_hash own = origin_of(side);
    *view = (struct tally_log_view){.origin_hash = own,
                                    .issuer = side->key,
                                    .origin = "fuzz",
                                    .name_space = "audit",
                                    .size = OWN_LOG,
                                    .durable = OWN_LOG,
                                    .own = true};
    return hash_equal(origin, &own);
}

static size_t log_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                             size_t capacity)
{
    struct tally_log_view view;
    uint8_t written[TALLY_CHECKPOINT_MAX];
    if (!log_find(context, origin, &view))
        return 0;
    size_t size = note_write(context, OWN_LOG, 7, written);
    if (size > capacity)
        return 0;
    memcpy(note, written, size);
    return size;
}

static bool log_tile(void *context, const struct tally_hash *origin, unsigned level, uint64_t index,
                     unsigned width, struct tally_hash *hashes)
{
    memset(hashes, (int)level + 1, width * sizeof *hashes);
    return index == 0;
}

/* ---- The world. ---- */

static void side_init(struct side *side, uint8_t number)
{
    struct datagrams_options options = {
        .peers = {.epoch = 7,
                  .peers_max = 48,
                  .caps = PEERS_CAPS_STREAMS,
                  .seed = number,
                  .policy = &policy,
                  .secret = {side, draw},
                  .crypto = crypto_of(side)},
        .reaching = {.policy = &policy, .listen = {.port = 4001}},
        .dht = {.profile = TALLY_PROFILE_SERVER,
                .contacts_max = 64,
                .values_max = 8,
                .requests_max = 24,
                .pending_max = 4,
                .seed = number,
                .policy = &policy},
        .ledger = {.context = side,
                   .find = log_find,
                   .checkpoint = log_checkpoint,
                   .tile = log_tile},
        .named_only = true,
        .logs_max = 8,
        .seen_max = 16,
    };
    memset(side->key.bytes, number, sizeof side->key.bytes);
    side->random.state = number;
    side->answers = 0;
    side->address = (struct tally_address){
        {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)(30 + number), [15] = 1}, 4001};
    options.peers.key = options.dht.key = side->key;
    derive_network_tag(bytes_text("tally"), options.peers.network);
    memcpy(options.dht.network, options.peers.network, sizeof options.dht.network);
    options.dht.ledger = options.ledger;
    options.dht.secret = options.peers.secret;
    options.dht.crypto = options.peers.crypto;
    must(datagrams_new(&side->datagrams, &options, now));
    outbox_init(&side->outbox, side->actions, ACTIONS, side->arena, sizeof side->arena);
}

static struct side *side_at(const struct tally_address *address)
{
    return address_equal(&friend.address, address)     ? &friend
           : address_equal(&stranger.address, address) ? &stranger
           : address_equal(&node.address, address)     ? &node
                                                       : NULL;
}

/* A datagram to where nobody asked for anything. */
static void victim_gets(const struct tally_address *to, struct tally_bytes bytes)
{
    must(address_scope_of(to) == ADDRESS_GLOBAL && bytes.data[2] == TALLY_KIND_HELLO);
    size_t place = 0;
    while (place < VICTIMS - 1 && victims[place].hellos > 0 &&
           !address_equal(&victims[place].address, to))
        place++;
    victims[place].address = *to;
    must(++victims[place].hellos <= FEW || place == VICTIMS - 1);
}

/* Whether there is a link, or one is being made: the node may have greeted by itself. */
static bool linked(const struct side *side)
{
    const struct peer *peer = peers_find(&node.datagrams.peers, &side->key);
    return peer != NULL && (peer->link.state != LINK_IDLE || peer->link.next != NULL);
}

static void node_holds(void)
{
    struct dht_news news;
    while (dht_next_news(&node.datagrams.dht, &news))
        must(news.first.size <= TALLY_CHECKPOINT_MAX && news.second.size <= TALLY_CHECKPOINT_MAX);
    must(datagrams_holds(&node.datagrams) && dht_holds(&node.datagrams.dht, now));
}

static void take(struct side *from);

static void deliver(struct side *to, const struct tally_address *from, struct tally_bytes bytes)
{
    struct datagrams_news news;
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    uint8_t copy[TALLY_DATAGRAM_MAX];
    memcpy(copy, bytes.data, bytes.size);
    event.datagram.from = *from;
    event.datagram.bytes = bytes_of(copy, bytes.size);
    const bool before = to != &node || (side_at(from) != NULL && linked(side_at(from)));
    outbox_clear(&to->outbox);
    memory_watch_begin();
    (void)datagrams_receive(&to->datagrams, now, &event, &news, &to->outbox);
    must(memory_watch_end() == 0);
    const struct side *asker = side_at(from);
    if (to == &node && asker != NULL && !before && !linked(asker))
        must(to->outbox.used <= bytes.size); /* No answer above the question's size. */
    if (to == &node)
        node_holds();
    take(to);
}

/* Where a side's datagrams go. */
static void take(struct side *from)
{
    static const uint8_t answers[] = {TALLY_KIND_NODES, TALLY_KIND_FOUND_RECORD,
                                      TALLY_KIND_LOG_STATE, TALLY_KIND_REGISTERED, TALLY_KIND_ADS};
    struct tally_action action;
    uint8_t(*copies)[TALLY_DATAGRAM_MAX] = NULL;
    size_t count = 0, sizes[ACTIONS];
    struct tally_address to[ACTIONS];
    while (outbox_next(&from->outbox, &action)) {
        if (copies == NULL) /* Of its size: this is called for each datagram. */
            must((copies = malloc(from->outbox.count * sizeof *copies)) != NULL);
        memcpy(copies[count], action.send.bytes.data, action.send.bytes.size);
        to[count] = action.send.to;
        sizes[count++] = action.send.bytes.size;
    }
    for (size_t i = 0; i < count; i++) {
        struct side *side = side_at(&to[i]);
        unsigned kind = copies[i][2];
        for (size_t k = 0; from == &node && side != NULL && k < sizeof answers; k++)
            side->answers += kind == answers[k];
        if (side == NULL && from == &node)
            victim_gets(&to[i], bytes_of(copies[i], sizes[i]));
        /* Both greet and answer greetings; what they say besides is the input's. */
        if (side != NULL && (kind <= TALLY_KIND_ECHO || kind == TALLY_KIND_YOURS))
            deliver(side, &from->address, bytes_of(copies[i], sizes[i]));
    }
    free(copies);
}

static void tick(struct side *side)
{
    struct peers_ended ended;
    outbox_clear(&side->outbox);
    memory_watch_begin();
    datagrams_tick(&side->datagrams, now, &ended, &side->outbox);
    must(memory_watch_end() == 0);
    if (side == &node)
        node_holds();
    take(side);
}

static void wait_ms(uint64_t ms)
{
    now.mono.ms += ms;
    now.wall.us += (int64_t)ms * 1000;
    tick(&node);
    tick(&friend);
}

/* ---- What is said. ---- */

/* Over the link, if there is one. */
static void speak(struct side *side, enum tally_kind kind, struct tally_bytes body)
{
    struct parcel parcel;
    struct tally_action action;
    struct peer *to = peers_find(&side->datagrams.peers, &node.key);
    if (to == NULL || to->link.state != LINK_LINKED || body.size > TALLY_DATAGRAM_MAX - 100)
        return;
    outbox_clear(&side->outbox);
    parcel_make(&side->datagrams.peers, kind, body, true, &parcel);
    peers_send(&side->datagrams.peers, to, &parcel, &side->outbox);
    must(outbox_next(&side->outbox, &action));
    again_size = action.send.bytes.size;
    memcpy(again, action.send.bytes.data, again_size);
    deliver(&node, &side->address, bytes_of(again, again_size));
}

/* Contacts of the input's choice: of the wide network, of one of its networks, of a home. */
static struct tally_bytes contacts(uint8_t how, uint8_t list[16][38])
{
    size_t count = how % 17;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = next_byte();
        static const uint8_t starts[4][3] = {{60, 1, 1}, {61, 2, 2}, {192, 168, 1}, {62, 3, 3}};
        memset(list[i], byte, 32);
        list[i][31] = (uint8_t)(byte % NAMED);
        memcpy(list[i] + 32, starts[byte / 64], 3);
        if (byte / 64 == 1)
            list[i][33] = (uint8_t)(byte % NAMED); /* Else all of one network. */
        list[i][35] = (uint8_t)(byte % 7);
        be16_write(list[i] + 36, byte % 16 == 0 ? 53 : 4001);
    }
    return bytes_of(list, count * sizeof *list);
}

static struct tally_bytes record_of(struct side *side, enum tally_kind kind,
                                    struct tally_bytes body, uint8_t bytes[TALLY_RECORD_MAX])
{
    const struct tally_crypto crypto = crypto_of(side);
    size_t tag_at;
    const struct datagram_draft draft = {.kind = kind,
                                         .sender = side->key,
                                         .epoch = 7,
                                         .counter = side->datagrams.peers.counter++,
                                         .body = body};
    return bytes_of(bytes, datagram_write(&draft, &crypto, bytes, TALLY_RECORD_MAX, &tag_at));
}

static struct tally_bytes announce_of(struct side *side, uint64_t size, uint8_t root,
                                      uint8_t bytes[TALLY_RECORD_MAX])
{
    uint8_t note[TALLY_CHECKPOINT_MAX], body[TALLY_SIGNED_BODY_MAX];
    struct tally_announce message = {.wall_ms = (uint64_t)now.wall.us / 1000,
                                     .log_key = side->key,
                                     .checkpoint = {note, note_write(side, size, root, note)},
                                     .size_to = size};
    struct wire_writer w;
    derive_namespace_tag(side->datagrams.peers.options.network, bytes_text("audit"),
                         message.name_space);
    wire_writer_init(&w, body, sizeof body);
    tally_announce_write(&message, &w);
    return record_of(side, TALLY_KIND_ANNOUNCE, wire_writer_bytes(&w), bytes);
}

static struct tally_bytes peer_record_of(struct side *side, uint8_t how,
                                         uint8_t bytes[TALLY_RECORD_MAX])
{
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct tally_peer_record message = {.wall_ms = (uint64_t)now.wall.us / 1000,
                                        .ttl_s = how * 400u,
                                        .caps = how,
                                        .endpoints_count = 1};
    struct wire_writer w;
    message.endpoints[0].transport = TALLY_TRANSPORT_UDP;
    message.endpoints[0].address = side->address;
    wire_writer_init(&w, body, sizeof body);
    tally_peer_record_write(&message, &w);
    return record_of(side, TALLY_KIND_PEER_RECORD, wire_writer_bytes(&w), bytes);
}

static struct tally_bytes ad_of(struct side *side, const struct tally_hash *topic,
                                uint8_t bytes[TALLY_RECORD_MAX])
{
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct tally_topic_ad message = {.topic = *topic,
                                     .wall_ms = (uint64_t)now.wall.us / 1000,
                                     .ttl_s = 900,
                                     .endpoints_count = 1};
    struct wire_writer w;
    message.endpoints[0].transport = TALLY_TRANSPORT_UDP;
    message.endpoints[0].address = side->address;
    wire_writer_init(&w, body, sizeof body);
    tally_topic_ad_write(&message, &w);
    return record_of(side, TALLY_KIND_TOPIC_AD, wire_writer_bytes(&w), bytes);
}

/* A question that is well formed. */
static enum tally_kind question(struct side *side, uint8_t how, struct wire_writer *w)
{
    uint8_t bytes[TALLY_RECORD_MAX], number = next_byte();
    struct tally_hash target = {{how}};
    switch (how % 7) {
    case 0: {
        const struct tally_find_node ask = {{number}, target, (uint8_t)(1 + how % 16)};
        tally_find_node_write(&ask, w);
        return TALLY_KIND_FIND_NODE;
    }
    case 1: {
        const struct tally_get_record ask = {{number}, how % 2 == 0 ? friend.key : stranger.key};
        tally_get_record_write(&ask, w);
        return TALLY_KIND_GET_RECORD;
    }
    case 2: {
        const struct tally_find_log ask = {{number}, origin_of(side)};
        tally_find_log_write(&ask, w);
        return TALLY_KIND_FIND_LOG;
    }
    case 3: {
        const struct tally_topic_query ask = {{number}, target, (uint8_t)(1 + how % 10)};
        tally_topic_query_write(&ask, w);
        return TALLY_KIND_TOPIC_QUERY;
    }
    case 4: {
        const struct tally_put_log put = {{number},
                                          announce_of(side, 1 + next_byte() % 32, how / 64, bytes)};
        tally_put_log_write(&put, w);
        return TALLY_KIND_PUT_LOG;
    }
    case 5: {
        const struct tally_put_record put = {{number}, peer_record_of(side, how, bytes)};
        tally_put_record_write(&put, w);
        return TALLY_KIND_PUT_RECORD;
    }
    default: {
        target.bytes[0] = how / 64;
        const struct tally_register ask = {
            .request = {number}, .topic = target, .ad = ad_of(side, &target, bytes)};
        tally_register_write(&ask, w);
        return TALLY_KIND_REGISTER;
    }
    }
}

/* An answer to a question of the node that is under way to that side; true but for its contents. */
static void answer(struct side *side, uint8_t how)
{
    const struct dht *dht = &node.datagrams.dht;
    const struct dht_request *asked = NULL;
    uint8_t list[16][38], bytes[TALLY_RECORD_MAX], body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    unsigned turn = how % 8;
    for (size_t i = 0; i < 2 * dht->request_count; i++) {
        const struct dht_request *request = dht->requests[i % dht->request_count];
        if (key_equal(&request->key, &side->key)) {
            asked = request;
            if (turn-- == 0)
                break;
        }
    }
    if (asked == NULL)
        return;
    wire_writer_init(&w, body, sizeof body);
    enum tally_kind kind = TALLY_KIND_NODES;
    if (how % 5 == 0 || how % 5 == 1) {
        struct tally_nodes nodes = {.v4 = contacts(next_byte(), list)};
        memcpy(nodes.request, asked->number, sizeof nodes.request);
        tally_nodes_write(&nodes, &w);
    } else if (how % 5 == 2) {
        struct tally_found_record found = {
            .record = how % 2 == 0 ? announce_of(how % 4 == 0 ? &node : side, next_byte() % 16 + 1,
                                                 how, bytes)
                                   : peer_record_of(side, how, bytes)};
        memcpy(found.request, asked->number, sizeof found.request);
        tally_found_record_write(&found, &w);
        kind = TALLY_KIND_FOUND_RECORD;
    } else if (how % 5 == 3) {
        struct tally_log_state state = {
            .verdict = how % 4, .size = next_byte() % 8, .has_ticket = how % 2 == 0};
        struct tally_registered registered = {
            .wait_s = how, .has_ticket = true, .expires_s = next_byte()};
        memcpy(state.request, asked->number, sizeof state.request);
        memcpy(registered.request, asked->number, sizeof registered.request);
        bool places = asked->wire == TALLY_KIND_REGISTER;
        if (places)
            tally_registered_write(&registered, &w);
        else
            tally_log_state_write(&state, &w);
        kind = places ? TALLY_KIND_REGISTERED : TALLY_KIND_LOG_STATE;
    } else {
        struct tally_ads ads = {.last = how % 2 == 0, .ads_count = 1};
        ads.ads[0] = ad_of(side, &asked->target, bytes);
        memcpy(ads.request, asked->number, sizeof ads.request);
        tally_ads_write(&ads, &w);
        kind = TALLY_KIND_ADS;
    }
    speak(side, kind, wire_writer_bytes(&w));
}

/* The stranger greets, its question rides along. It may have forgotten a link that the node still
   remembers. */
static void greet(uint8_t how)
{
    struct peers_news news = {.linked = NULL};
    struct peers *peers = &stranger.datagrams.peers;
    struct peer *to = peers_take(peers, &node.key, now);
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    must(to != NULL);
    if (to->link.state != LINK_IDLE)
        link_end(peers, to, TALLY_DROP_NONE, now, &news);
    to->addresses[0].hellos = 0;
    to->addresses[0].greeted.ms = 0;
    peer_address_add(to, &node.address, TALLY_SOURCE_DNS, false, now);
    wire_writer_init(&w, body, sizeof body);
    enum tally_kind kind = question(&stranger, (uint8_t)(how % 4), &w);
    outbox_clear(&stranger.outbox);
    (void)peers_ask(peers, to, kind, wire_writer_bytes(&w), now, &stranger.outbox);
    tick(&stranger);
}

/* What the node's own operator and logs do meanwhile. */
static void operate(uint8_t how)
{
    struct dht *dht = &node.datagrams.dht;
    const struct dht_step step = {.now = now,
                                  .peers = &node.datagrams.peers,
                                  .verifier = &node.datagrams.verifier,
                                  .out = &node.outbox};
    const struct advertise_namespace name = {bytes_text("audit"), false};
    const struct tally_hash origin = origin_of(&node);
    const struct tally_own_address own = {.address = node.address,
                                          .transport = TALLY_TRANSPORT_UDP,
                                          .global = true,
                                          .state = how % 2 == 0 ? TALLY_REACH_REACHABLE
                                                                : TALLY_REACH_UNREACHABLE};
    struct tally_key key = {{how}};
    outbox_clear(&node.outbox);
    memory_watch_begin();
    if (how % 5 == 0)
        (void)dht_find_peer(dht, &step, how, how % 2 == 0 ? &friend.key : &key);
    else if (how % 5 == 1)
        (void)dht_find_namespace(dht, &step, how, bytes_text("audit"));
    else if (how % 5 == 2)
        dht_sealed(dht, now, &origin);
    else if (how % 5 == 3)
        dht_follow(dht, now, &name, how / 5 % 2);
    else
        dht_addresses(dht, &step, &own, 1);
    must(memory_watch_end() == 0);
    node_holds();
}

static void one(uint8_t what, uint8_t how)
{
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    struct side *side = what >= 128 ? &stranger : &friend;
    wire_writer_init(&w, body, sizeof body);
    switch (what % 8) {
    case 0:
        wait_ms((uint64_t)how * how);
        return;
    case 1: {
        enum tally_kind kind = question(side, how, &w);
        speak(side, kind, wire_writer_bytes(&w));
        return;
    }
    case 2:
    case 3:
        answer(side, how);
        return;
    case 4:
        speak(side, (enum tally_kind)(TALLY_KIND_FIND_NODE + how % 15), next_bytes(1000));
        return;
    case 5:
        greet(how);
        return;
    case 6:
        operate(how);
        return;
    default:
        if (how % 2 == 0 && again_size > 0)
            deliver(&node, &side->address, bytes_of(again, again_size));
        else
            deliver(&node, &stranger.address, next_bytes(TALLY_DATAGRAM_MAX));
        return;
    }
}

/* ---- Beginning and end. ---- */

static void begin(void)
{
    now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    memset(victims, 0, sizeof victims);
    again_size = 0;
    policy = (struct address_policy){.profile = TALLY_PROFILE_SERVER};
    side_init(&node, 1);
    side_init(&friend, 2);
    side_init(&stranger, 3);
    must(peers_configure(&friend.datagrams.peers, &node.key, &node.address, now));
    tick(&friend);
    must(linked(&friend));
    wait_ms(2000);
}

/* They are not barred for what they say: there is more to say. */
static void forgive(struct side *side)
{
    struct peer *peer = peers_find(&node.datagrams.peers, &side->key);
    if (peer != NULL && peer_standing(peer) != 0)
        peer->rare->standing = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    data = input;
    left = size;
    begin();
    uint64_t begun = now.mono.ms;
    while (left > 1) {
        uint8_t what = next_byte(), how = next_byte();
        one(what, how);
        forgive(&friend);
        forgive(&stranger);
        uint64_t questions = 4 * DHT_RATE + (now.mono.ms - begun + 3000) * DHT_RATE / 1000;
        must(friend.answers <= ANSWERS * questions && stranger.answers <= ANSWERS * questions);
    }
    datagrams_free(&node.datagrams);
    datagrams_free(&friend.datagrams);
    datagrams_free(&stranger.datagrams);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How we are reached and how we get through, said by three linked peers who say what they like: a
 * run of messages of the kinds dial_back, punch, dial_me and dialled. Whatever they say, nothing
 * goes to an address that is not of the wide network, strangers get hellos alone, a few each, and
 * streams are dialled to the peers' own addresses or as a check.
 *
 *     input = *( who u8, kind u8, later u8, length u8, bytes )
 */
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/node/datagrams.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS = 256, PEERS = 3, STRANGERS = 64, FEW = 6, LATER_MS = 1000 };

struct side {
    struct datagrams datagrams;
    struct tally_key key;
    struct tally_address address;
    struct outbox outbox;
    struct tally_action actions[ACTIONS];
    uint8_t arena[ACTIONS * TALLY_DATAGRAM_MAX];
    struct random random;
};

static struct side node, peers[PEERS];
static struct address_policy policy;
static struct tally_now now;
static struct {
    struct tally_address address;
    unsigned hellos;
    uint64_t since;
} strangers[STRANGERS];

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct side *side = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&side->random);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    hash_blake2b(bytes_of("fuzz fuzz fuzz fuzz", 16), &message, 1, signature->bytes, 64);
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

static size_t checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                         size_t capacity)
{
    return 0;
}

static void side_init(struct side *side, uint8_t number)
{
    struct datagrams_options options = {
        .peers = {.epoch = 7,
                  .peers_max = 32,
                  .caps = PEERS_CAPS_STREAMS | PEERS_CAPS_INTRODUCES,
                  .seed = number,
                  .policy = &policy,
                  .secret = {side, draw},
                  .crypto = {side, sign, verify, exchange, NULL}},
        .reaching = {.policy = &policy,
                     .listen = {.port = 4001},
                     .by_itself = true,
                     .serves = true},
        .ledger = {.context = side, .checkpoint = checkpoint},
        .logs_max = 8,
        .seen_max = 16,
    };
    memset(side->key.bytes, number, sizeof side->key.bytes);
    side->random.state = number;
    side->address = (struct tally_address){
        {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)(30 + number), [15] = 1}, 4001};
    options.peers.key = side->key;
    derive_network_tag(bytes_text("tally"), options.peers.network);
    if (!datagrams_new(&side->datagrams, &options, now))
        abort();
    outbox_init(&side->outbox, side->actions, ACTIONS, side->arena, sizeof side->arena);
}

static struct side *side_at(const struct tally_address *address)
{
    for (size_t i = 0; i < PEERS; i++)
        if (address_equal(&peers[i].address, address))
            return &peers[i];
    return address_equal(&node.address, address) ? &node : NULL;
}

/* A datagram to somebody who has not asked for anything. */
static void stranger_gets(const struct tally_address *to, struct tally_bytes bytes)
{
    if (address_scope_of(to) != ADDRESS_GLOBAL || bytes.data[2] != TALLY_KIND_HELLO)
        abort();
    size_t place = 0;
    for (size_t i = 0; i < STRANGERS; i++) {
        if (address_equal(&strangers[i].address, to)) {
            place = i;
            break;
        }
        if (strangers[i].since < strangers[place].since)
            place = i;
    }
    if (!address_equal(&strangers[place].address, to) ||
        now.mono.ms - strangers[place].since >= PUNCH_REST_MS) {
        strangers[place].address = *to;
        strangers[place].hellos = 0;
        strangers[place].since = now.mono.ms;
    }
    if (++strangers[place].hellos > FEW)
        abort();
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
    outbox_clear(&to->outbox);
    (void)datagrams_receive(&to->datagrams, now, &event, &news, &to->outbox);
    if (!datagrams_holds(&to->datagrams))
        abort();
    take(to);
}

/* Where a side's datagrams go; only the node's are watched. */
static void take(struct side *from)
{
    struct tally_action actions[ACTIONS];
    uint8_t arena[sizeof from->arena];
    size_t count = 0, used = 0;
    while (outbox_next(&from->outbox, &actions[count])) {
        struct tally_bytes *bytes = &actions[count++].send.bytes;
        memcpy(arena + used, bytes->data, bytes->size);
        *bytes = bytes_of(arena + used, bytes->size);
        used += bytes->size;
    }
    for (size_t i = 0; i < count; i++) {
        struct side *to = side_at(&actions[i].send.to);
        if (to == NULL && from == &node)
            stranger_gets(&actions[i].send.to, actions[i].send.bytes);
        /* Peers answer greetings; what they say besides is the fuzzer's. */
        unsigned kind = actions[i].send.bytes.data[2];
        if (to != NULL && (kind <= TALLY_KIND_ECHO || kind == TALLY_KIND_YOURS))
            deliver(to, &from->address, actions[i].send.bytes);
    }
}

static void look_at_streams(void)
{
    struct reaching *reaching = &node.datagrams.reaching;
    struct meet_news meet;
    struct reach_news reach;
    while (reach_next_news(&reaching->reach, &reach))
        continue;
    if (reaching->dial.any && address_scope_of(&reaching->dial.address) != ADDRESS_GLOBAL)
        abort();
    reaching->dial.any = false;
    while (meet_next_news(&reaching->meet, &meet)) {
        bool own = meet.kind == MEET_NEWS_FAILED;
        for (size_t i = 0; i < PEERS; i++)
            own = own || address_same_prefix(&meet.address, &peers[i].address, 128);
        if (!own)
            abort();
        meet_dial_failed(&reaching->meet, now, &meet.key);
    }
}

static void tick(struct side *side)
{
    struct peers_ended ended;
    outbox_clear(&side->outbox);
    datagrams_tick(&side->datagrams, now, &ended, &side->outbox);
    if (!datagrams_holds(&side->datagrams))
        abort();
    take(side);
}

static void speak(struct side *peer, uint8_t kind, struct tally_bytes body)
{
    struct parcel parcel;
    struct tally_action action;
    struct peer *to = peers_find(&peer->datagrams.peers, &node.key);
    outbox_clear(&peer->outbox);
    parcel_make(&peer->datagrams.peers, (enum tally_kind)(TALLY_KIND_DIAL_BACK + kind % 4), body,
                true, &parcel);
    if (to != NULL)
        peers_send(&peer->datagrams.peers, to, &parcel, &peer->outbox);
    if (outbox_next(&peer->outbox, &action)) {
        uint8_t bytes[TALLY_DATAGRAM_MAX];
        size_t size = action.send.bytes.size;
        memcpy(bytes, action.send.bytes.data, size);
        deliver(&node, &peer->address, bytes_of(bytes, size));
    }
}

static void begin(void)
{
    now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    memset(strangers, 0, sizeof strangers);
    policy = (struct address_policy){.profile = TALLY_PROFILE_AUTO};
    side_init(&node, 1);
    for (size_t i = 0; i < PEERS; i++) {
        side_init(&peers[i], (uint8_t)(2 + i));
        if (!peers_configure(&peers[i].datagrams.peers, &node.key, &node.address, now))
            abort();
        tick(&peers[i]);
    }
    if (node.datagrams.peers.links != PEERS)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    while (size >= 4) {
        uint8_t who = data[0], kind = data[1], later = data[2];
        size_t length = data[3] < size - 4 ? data[3] : size - 4;
        now.mono.ms += (uint64_t)later * LATER_MS / 64;
        tick(&node);
        /* Those who are asked answer with what they were asked for, if the fuzzer likes. */
        uint8_t body[256];
        memcpy(body, data + 4, length);
        if (who >= 128 && length >= 11 && node.datagrams.reaching.reach.check.entry != NULL)
            memcpy(body + 3, node.datagrams.reaching.reach.check.nonce, 8);
        speak(&peers[who % PEERS], kind, bytes_of(body, length));
        look_at_streams();
        data += 4 + length;
        size -= 4 + length;
    }
    datagrams_free(&node.datagrams);
    for (size_t i = 0; i < PEERS; i++)
        datagrams_free(&peers[i].datagrams);
    return 0;
}

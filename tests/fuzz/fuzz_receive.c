/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way of a datagram: bounds, greeting, tags, bodies, gossip. A node with one linked peer
 * takes a run of inputs; invariants are checked after each. The first byte of a piece says what is
 * done with the rest: delivered as it stands from a stranger or from the peer's address, or as the
 * body of a datagram that the peer tags and signs, so that the fuzzer gets behind every check.
 *
 *     input = *( how u8, kind u8, length u16, bytes )
 */
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/node/datagrams.h"
#include "core/peers/greet.h"
#include "core/wire/derive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS = 256 };

struct side {
    struct datagrams datagrams;
    struct tally_key key;
    struct tally_address address;
    struct outbox outbox;
    struct tally_action actions[ACTIONS];
    uint8_t arena[ACTIONS * TALLY_DATAGRAM_MAX];
    struct random random;
};

static struct tally_now now = {{1000}, {INT64_C(1763700000000000)}};

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct side *side = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&side->random);
}

/* A stand-in: fast, and a fuzzer can make what it likes of it. */
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
    static const struct address_policy policy = {.profile = TALLY_PROFILE_AUTO};
    struct datagrams_options options = {
        .peers = {.epoch = 7,
                  .peers_max = 8,
                  .policy = &policy, /* It looks for others, and so believes contacts. */
                  .seed = number,
                  .secret = {side, draw},
                  .crypto = {side, sign, verify, exchange, NULL}},
        .ledger = {.context = side, .checkpoint = checkpoint},
        .logs_max = 8,
        .seen_max = 16,
    };
    memset(side->key.bytes, number, sizeof side->key.bytes);
    side->random.state = number;
    side->address = (struct tally_address){{[10] = 0xff, [11] = 0xff, 45, number, 0, 1}, 4001};
    options.peers.key = side->key;
    derive_network_tag(bytes_text("tally"), options.peers.network);
    if (!datagrams_new(&side->datagrams, &options, now))
        abort();
    outbox_init(&side->outbox, side->actions, ACTIONS, side->arena, sizeof side->arena);
    struct head head = {.size = 10, .issuer = side->key, .own = true};
    memset(head.origin.bytes, number, sizeof head.origin.bytes);
    (void)datagrams_head(&side->datagrams, now, &head, false);
}

static void deliver(struct side *to, const struct tally_address *from, struct tally_bytes bytes)
{
    struct datagrams_news news;
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    event.datagram.from = *from;
    event.datagram.bytes = bytes;
    outbox_clear(&to->outbox);
    (void)datagrams_receive(&to->datagrams, now, &event, &news, &to->outbox);
    struct sides_notes notes;
    struct alarm alarm;
    if (news.has_alarm && alarm_open(&news.alarm, &notes, &alarm) &&
        (alarm.first.size == 0 || alarm.second.size == 0))
        abort();
    if (!datagrams_holds(&to->datagrams))
        abort();
}

static void tick(struct side *side)
{
    struct peers_ended ended;
    outbox_clear(&side->outbox);
    datagrams_tick(&side->datagrams, now, &ended, &side->outbox);
}

/* Four messages, as in life. */
static void link(struct side *a, struct side *b)
{
    if (!peers_configure(&a->datagrams.peers, &b->key, &b->address, now))
        abort();
    tick(a);
    for (unsigned turn = 0; turn < 8; turn++) {
        struct side *from = turn % 2 == 0 ? a : b, *to = turn % 2 == 0 ? b : a;
        struct tally_action action;
        if (outbox_next(&from->outbox, &action))
            deliver(to, &from->address, action.send.bytes);
    }
    if (a->datagrams.peers.links != 1 || b->datagrams.peers.links != 1)
        abort();
}

/* The peer says these bytes as the body of that kind, tagged, and signed where the kind is. */
static void speak(struct side *peer, struct side *node, uint8_t kind, struct tally_bytes body)
{
    struct parcel parcel;
    struct tally_action action;
    bool known = (kind >= 1 && kind <= 9) || (kind >= 16 && kind <= 26) || kind == 28;
    if (!known || body.size > TALLY_SIGNED_BODY_MAX)
        return;
    outbox_clear(&peer->outbox);
    parcel_make(&peer->datagrams.peers, (enum tally_kind)kind, body, kind > 2, &parcel);
    peers_send(&peer->datagrams.peers, peers_find(&peer->datagrams.peers, &node->key), &parcel,
               &peer->outbox);
    if (outbox_next(&peer->outbox, &action))
        deliver(node, &peer->address, action.send.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct side node, peer;
    const struct tally_address stranger = {{[0] = 0x20, [15] = 1}, 9};
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    side_init(&node, 1);
    side_init(&peer, 2);
    link(&peer, &node);
    while (size >= 4) {
        uint8_t how = data[0], kind = data[1];
        size_t length = be16_read(data + 2) % (TALLY_DATAGRAM_MAX + 2);
        data += 4;
        size -= 4;
        if (length > size)
            length = size;
        if (how % 8 == 0)
            deliver(&node, &stranger, bytes_of(data, length));
        else if (how % 8 == 1)
            deliver(&node, &peer.address, bytes_of(data, length));
        else
            speak(&peer, &node, kind, bytes_of(data, length));
        now.mono.ms += how * 16;
        now.wall.us += how * 16000;
        if (how >= 128)
            tick(&node);
        data += length;
        size -= length;
    }
    datagrams_free(&node.datagrams);
    datagrams_free(&peer.datagrams);
    return 0;
}

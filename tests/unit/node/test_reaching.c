/* SPDX-License-Identifier: Apache-2.0 */
/* Two whole nodes that want a stream where dialling is not enough; what operators hear and see. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/crypto/dh.h"
#include "core/crypto/sign.h"
#include "core/node/node.h"

#include <stdlib.h>

enum { A, D, NODES, QUEUE = 256, ROOM = 1 << 16, STREAMS = 16, DELAY_MS = 20 };

struct end {
    uint32_t number; /* The node's; 0: free. */
    size_t node;
    int other; /* Index of the other end; -1: none yet. */
    bool listening;
};

struct message {
    uint64_t at;
    size_t node;
    enum { DATAGRAM, OPENED, ACCEPTED, BYTES, CLOSED } kind;
    struct tally_address from;
    uint32_t stream;
    uint8_t *bytes;
    size_t size;
};

struct pair {
    struct tally_node *nodes[NODES];
    struct tally_address addresses[NODES];
    struct tally_key keys[NODES];
    struct seat {
        uint8_t seed[32];
        struct random random;
    } seats[NODES];
    struct tally_now now;
    struct message queue[QUEUE];
    struct end ends[STREAMS];
    uint32_t accepted[NODES];
    bool refuses[NODES];   /* Lets nobody in that simply dials. */
    bool listens[NODES];   /* Who dials from the port it listens on gets in all the same. */
    unsigned plain[NODES]; /* Dials. */
    unsigned punched[NODES];
    unsigned asked[NODES]; /* Datagrams that ask to be dialled. */
    enum tally_error answers[8];
    uint64_t answered;
};

/* ---- Nodes that hold nothing. ---- */

static bool log_none(void *context, size_t index, struct tally_log_view *view)
{
    (void)context, (void)index, (void)view;
    return false;
}

static bool find_none(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    (void)context, (void)origin, (void)view;
    return false;
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct seat *seat = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(&seat->random) >> 32);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(((struct seat *)context)->seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    (void)context;
    return sign_verify(key, message, signature);
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    uint8_t secret[32], public[32];
    dh_secret_of_seed(((struct seat *)context)->seed, secret);
    return dh_public_of_key(peer, public) && dh_shared(secret, public, shared);
}

/* ---- What is between them. ---- */

static void put(struct pair *pair, const struct message *message)
{
    for (size_t i = 0; i < QUEUE; i++) {
        if (pair->queue[i].at != 0)
            continue;
        pair->queue[i] = *message;
        pair->queue[i].at = pair->now.mono.ms + DELAY_MS;
        pair->queue[i].bytes = NULL;
        if (message->size > 0) {
            pair->queue[i].bytes = malloc(message->size);
            assert_non_null(pair->queue[i].bytes);
            memcpy(pair->queue[i].bytes, message->bytes, message->size);
        }
        return;
    }
    fail_msg("too much at once");
}

static int end_of(const struct pair *pair, size_t node, uint32_t number)
{
    for (int i = 0; i < STREAMS; i++)
        if (pair->ends[i].number == number && pair->ends[i].node == node)
            return i;
    return -1;
}

static int end_new(struct pair *pair, size_t node, uint32_t number, bool listening)
{
    int i;
    for (i = 0; i < STREAMS && pair->ends[i].number != 0; i++)
        continue;
    assert_true(i < STREAMS);
    pair->ends[i] = (struct end){number, node, -1, listening};
    return i;
}

static void join(struct pair *pair, int one, int other)
{
    pair->ends[one].other = other;
    pair->ends[other].other = one;
}

static void dial(struct pair *pair, size_t node, const struct tally_action *action)
{
    size_t to = 1 - node;
    bool punch = action->dial.punch;
    int own = end_new(pair, node, action->dial.stream, punch), met = -1;
    (punch ? pair->punched : pair->plain)[node]++;
    for (int i = 0; punch && i < STREAMS; i++)
        if (pair->ends[i].number != 0 && pair->ends[i].node == to && pair->ends[i].listening &&
            pair->ends[i].other < 0)
            met = i;
    struct message message = {.node = node, .stream = action->dial.stream, .kind = OPENED};
    message.from = pair->addresses[to];
    if (met >= 0) { /* Both SYNs meet (RFC 9293 section 3.5). */
        join(pair, own, met);
        put(pair, &message);
        message = (struct message){.node = to,
                                   .stream = pair->ends[met].number,
                                   .kind = OPENED,
                                   .from = pair->addresses[node]};
        put(pair, &message);
        return;
    }
    if (punch ? pair->listens[to] : !pair->refuses[to]) {
        pair->accepted[to] += 2;
        int other = end_new(pair, to, pair->accepted[to] - 1, false);
        join(pair, own, other);
        put(pair, &message);
        message = (struct message){.node = to,
                                   .stream = pair->ends[other].number,
                                   .kind = ACCEPTED,
                                   .from = pair->addresses[node]};
        put(pair, &message);
    } else if (!punch) {
        message.kind = CLOSED;
        put(pair, &message);
    } /* Else it waits for the other's. */
}

static void close_end(struct pair *pair, size_t node, uint32_t number)
{
    int i = end_of(pair, node, number);
    if (i < 0)
        return;
    struct message message = {.node = node, .stream = number, .kind = CLOSED};
    put(pair, &message);
    if (pair->ends[i].other >= 0) {
        const struct end *other = &pair->ends[pair->ends[i].other];
        message = (struct message){.node = other->node, .stream = other->number, .kind = CLOSED};
        put(pair, &message);
    }
}

static void perform(struct pair *pair, size_t node)
{
    struct tally_action action;
    while (tally_node_next(pair->nodes[node], &action)) {
        struct message message = {.node = 1 - node, .from = pair->addresses[node]};
        if (action.kind == TALLY_ACTION_SEND) {
            message.kind = DATAGRAM;
            message.bytes = (uint8_t *)(uintptr_t)action.send.bytes.data;
            message.size = action.send.bytes.size;
            pair->asked[node] += message.bytes[2] == TALLY_KIND_DIAL_ME;
            if (address_equal(&action.send.to, &pair->addresses[1 - node]))
                put(pair, &message);
        } else if (action.kind == TALLY_ACTION_DIAL) {
            dial(pair, node, &action);
        } else if (action.kind == TALLY_ACTION_CLOSE) {
            close_end(pair, node, action.close.stream);
        } else if (action.kind == TALLY_ACTION_WRITE) {
            int i = end_of(pair, node, action.write.stream);
            if (i < 0 || pair->ends[i].other < 0)
                continue;
            message.kind = BYTES;
            message.stream = pair->ends[pair->ends[i].other].number;
            message.bytes = (uint8_t *)(uintptr_t)action.write.bytes.data;
            message.size = action.write.bytes.size;
            put(pair, &message);
        } else if (action.kind == TALLY_ACTION_ANSWER) {
            pair->answers[action.answer.ticket % 8] = action.answer.error;
            pair->answered |= UINT64_C(1) << action.answer.ticket % 8;
        }
    }
    assert_true(tally_node_holds(pair->nodes[node]));
}

static void step(struct pair *pair, size_t node, const struct tally_event *event)
{
    tally_node_step(pair->nodes[node], pair->now, event);
    perform(pair, node);
}

static void tell_room(struct pair *pair, size_t node, uint32_t stream)
{
    const struct tally_event event = {.kind = TALLY_EVENT_STREAM_ROOM,
                                      .stream_room = {.stream = stream, .room = ROOM}};
    step(pair, node, &event);
}

static void deliver(struct pair *pair, const struct message *message)
{
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    switch (message->kind) {
    case DATAGRAM:
        event.datagram.from = message->from;
        event.datagram.bytes = bytes_of(message->bytes, message->size);
        break;
    case OPENED:
    case ACCEPTED:
        event.kind = TALLY_EVENT_STREAM_OPEN;
        event.stream_open.stream = message->stream;
        event.stream_open.dialled = message->kind == OPENED;
        event.stream_open.remote = message->from;
        break;
    case BYTES:
        event.kind = TALLY_EVENT_STREAM_BYTES;
        event.stream_bytes.stream = message->stream;
        event.stream_bytes.bytes = bytes_of(message->bytes, message->size);
        break;
    case CLOSED:
        event.kind = TALLY_EVENT_STREAM_CLOSED;
        event.stream_closed.stream = message->stream;
        event.stream_closed.error = TALLY_REFUSED;
        break;
    }
    int i = message->kind == DATAGRAM ? -1 : end_of(pair, message->node, message->stream);
    if (message->kind != DATAGRAM && i < 0)
        return;
    if (message->kind == CLOSED)
        pair->ends[i].number = 0;
    step(pair, message->node, &event);
    if (message->kind != DATAGRAM && message->kind != CLOSED)
        tell_room(pair, message->node, message->stream);
}

static void run(struct pair *pair, uint64_t ms)
{
    for (uint64_t end = pair->now.mono.ms + ms; pair->now.mono.ms < end;) {
        for (size_t i = 0; i < QUEUE; i++) {
            if (pair->queue[i].at == 0 || pair->queue[i].at > pair->now.mono.ms)
                continue;
            struct message message = pair->queue[i];
            pair->queue[i].at = 0;
            deliver(pair, &message);
            free(message.bytes);
        }
        for (size_t i = 0; i < NODES; i++)
            if (tally_node_deadline(pair->nodes[i]).ms <= pair->now.mono.ms) {
                const struct tally_event tick = {.kind = TALLY_EVENT_TICK};
                step(pair, i, &tick);
            }
        pair->now.mono.ms++;
        pair->now.wall.us += 1000;
    }
}

/* ---- A pair with a link, and no stream. ---- */

static void node_setup(struct pair *pair, size_t i, enum tally_profile profile)
{
    struct seat *seat = &pair->seats[i];
    memset(seat->seed, (int)i + 1, sizeof seat->seed);
    seat->random.state = i + 99;
    sign_key(seat->seed, &pair->keys[i]);
    pair->addresses[i] = (struct tally_address){
        {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)(31 + i), [15] = 1}, (uint16_t)(4001 + i)};
    const struct tally_node_options options = {
        .key = pair->keys[i],
        .epoch = 1,
        .seed = i,
        .profile = profile,
        .listen = {.port = pair->addresses[i].port},
        .connections_max = 8,
        .ledger = {.log = log_none, .find = find_none},
        .secret = {seat, draw},
        .crypto = {seat, sign, verify, exchange, NULL},
    };
    pair->nodes[i] = tally_node_new(&options, pair->now);
    assert_non_null(pair->nodes[i]);
    struct tally_interface interface = {.index = 1, .prefix_bits = 120};
    interface.address = pair->addresses[i];
    interface.address.port = 0;
    const struct tally_event links = {.kind = TALLY_EVENT_LINKS,
                                      .links = {.list = &interface, .count = 1}};
    step(pair, i, &links);
}

static struct peer *peer_of(struct pair *pair, size_t node)
{
    return peers_find(&pair->nodes[node]->datagrams.peers, &pair->keys[1 - node]);
}

static struct pair *pair_new(enum tally_profile profile)
{
    struct pair *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->now = (struct tally_now){{1000000}, {INT64_C(1763700000000000)}};
    pair->refuses[A] = pair->refuses[D] = true;
    for (size_t i = 0; i < NODES; i++)
        node_setup(pair, i, profile);
    const struct tally_event peer = {
        .kind = TALLY_EVENT_COMMAND,
        .command = {.kind = TALLY_COMMAND_PEER,
                    .ticket = 1,
                    .peer = {.key = pair->keys[D], .address = pair->addresses[D]}}};
    step(pair, A, &peer);
    return pair;
}

static void pair_free(struct pair *pair)
{
    for (size_t i = 0; i < NODES; i++)
        tally_node_free(pair->nodes[i]);
    for (size_t i = 0; i < QUEUE; i++)
        if (pair->queue[i].at != 0)
            free(pair->queue[i].bytes);
    free(pair);
}

static bool connected(struct pair *pair, size_t node)
{
    return connections_find(&pair->nodes[node]->connections, &pair->keys[1 - node]) != NULL;
}

/* ---- Stories. ---- */

static void who_can_be_dialled_asks_to_be(void **state)
{
    struct pair *pair = pair_new(TALLY_PROFILE_AUTO);
    struct tally_peer_view view;
    (void)state;
    /* D lets nobody in; A is proved to be reachable, and D knows no address of it. */
    pair->refuses[A] = false;
    run(pair, 50);
    struct own *own = &pair->nodes[A]->datagrams.reaching.reach.own;
    struct own_entry *entry = own_find(own, TALLY_TRANSPORT_TCP, &pair->addresses[A]);
    assert_non_null(entry);
    own_move(entry, TALLY_REACH_REACHABLE, pair->now);
    pair->nodes[D]->connections.capacity = 0; /* D does not dial by itself just now. */
    run(pair, 60);
    assert_int_equal(peer_of(pair, A)->link.state, LINK_LINKED);
    pair->nodes[D]->connections.capacity = 8;
    run(pair, 3000);
    assert_true(pair->plain[A] >= 1);
    assert_true(pair->asked[A] >= 1);
    assert_int_equal(pair->punched[A] + pair->punched[D], 0);
    assert_true(connected(pair, A));
    assert_true(connected(pair, D));
    assert_true(tally_node_peer(pair->nodes[A], 0, &view));
    assert_int_equal(view.path, TALLY_PATH_DIRECT);
    assert_int_equal(view.stream_error, TALLY_OK);
    pair_free(pair);
}

static void two_that_were_punched_meet(void **state)
{
    (void)state;
    /* The SYNs meet; or each gets to the other's listener; or only one of them does. */
    for (unsigned i = 0; i < 4; i++) {
        struct pair *pair = pair_new(TALLY_PROFILE_AUTO);
        pair->listens[A] = (i & 1) != 0;
        pair->listens[D] = (i & 2) != 0;
        while (peer_of(pair, A)->link.state != LINK_LINKED)
            run(pair, 1);
        peer_of(pair, A)->link.punched = true;
        peer_of(pair, D)->link.punched = true;
        run(pair, 15000);
        assert_true(pair->punched[A] + pair->punched[D] >= 1);
        assert_true(pair->asked[A] + pair->asked[D] >= 2);
        assert_true(connected(pair, A));
        assert_true(connected(pair, D));
        /* One begins Noise, the other does not: else there would be no stream. */
        const struct connection *a = connections_find(&pair->nodes[A]->connections, &pair->keys[D]);
        const struct connection *d = connections_find(&pair->nodes[D]->connections, &pair->keys[A]);
        assert_int_not_equal(a->initiator, d->initiator);
        assert_int_equal(pair->nodes[A]->drops[TALLY_DROP_IDENTITY], 0);
        assert_int_equal(pair->nodes[D]->drops[TALLY_DROP_IDENTITY], 0);
        pair_free(pair);
    }
}

/* Streams of punched links that lead nowhere. */
static void where_there_is_no_way_it_is_said(void **state)
{
    struct pair *pair = pair_new(TALLY_PROFILE_AUTO);
    struct tally_peer_view view;
    (void)state;
    run(pair, 10000);
    assert_int_equal(peer_of(pair, A)->link.state, LINK_LINKED);
    assert_true(tally_node_peer(pair->nodes[A], 0, &view));
    assert_false(view.connected);
    assert_int_equal(view.stream_error, TALLY_REFUSED);
    pair_free(pair);
}

/* Both were away: when they link again each dials, instead of waiting for the other to. */
static void a_dial_without_a_link_says_nothing_of_the_way(void **state)
{
    struct pair *pair = pair_new(TALLY_PROFILE_STATIC);
    struct peer *peer = peer_of(pair, A);
    struct tally_address there = peer->addresses[0].address;
    (void)state;
    assert_int_not_equal(peer->link.state, LINK_LINKED);
    (void)node_dial_failed(pair->nodes[A], pair->now, &pair->keys[D], &there, TALLY_TIMED_OUT);
    assert_int_equal(peer->rare->stream_after.ms, 0);
    assert_int_equal(peer->rare->stream_error, TALLY_TIMED_OUT);
    while (peer->link.state != LINK_LINKED)
        run(pair, 1);
    assert_true(node_address(pair->nodes[A], pair->now, &pair->keys[D], &there));
    (void)node_dial_failed(pair->nodes[A], pair->now, &pair->keys[D], &there, TALLY_REFUSED);
    assert_true(peer->rare->stream_after.ms > pair->now.mono.ms);
    pair_free(pair);
}

static struct tally_event check(uint64_t ticket)
{
    return (struct tally_event){.kind = TALLY_EVENT_COMMAND,
                                .command = {.kind = TALLY_COMMAND_CHECK, .ticket = ticket}};
}

static void an_operator_asks(void **state)
{
    struct pair *pair = pair_new(TALLY_PROFILE_STATIC);
    struct tally_own_address own;
    struct tally_event event = check(2);
    (void)state;
    /* There are addresses to be asked about, and nobody who helps: D serves nobody. */
    run(pair, 1000);
    step(pair, A, &event);
    run(pair, 10);
    assert_true(pair->answered & 4);
    assert_int_equal(pair->answers[2], TALLY_NOT_FOUND);
    assert_true(tally_node_own_address(pair->nodes[A], 0, &own));
    assert_int_equal(own.state, TALLY_REACH_CANDIDATE);
    assert_true(own.global);
    /* D was greeted, which it had not invited. */
    assert_true(tally_node_own_address(pair->nodes[D], 0, &own));
    assert_int_equal(own.state, TALLY_REACH_REACHABLE);
    assert_true(own.weak);
    event = check(3);
    step(pair, D, &event);
    run(pair, 10);
    assert_true(pair->answered & 8);
    assert_int_equal(pair->answers[3], TALLY_OK);
    assert_false(tally_node_own_address(pair->nodes[A], 2, &own));
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_can_be_dialled_asks_to_be),
        cmocka_unit_test(two_that_were_punched_meet),
        cmocka_unit_test(where_there_is_no_way_it_is_said),
        cmocka_unit_test(a_dial_without_a_link_says_nothing_of_the_way),
        cmocka_unit_test(an_operator_asks),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("reaching", tests, NULL, NULL);
}

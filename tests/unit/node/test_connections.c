/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a connection, and for how long it may be on its way. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/crypto/dh.h"
#include "core/crypto/sign.h"
#include "core/node/node.h"

enum { CONNECTIONS = 12 };

static const uint8_t seed[32] = {1};

struct fixture {
    struct tally_node *node;
    struct tally_now now;
    uint64_t draws;
    unsigned closed, dialled;
    uint32_t dial; /* Number of the last stream dialled. */
};

/* ---- A node that holds nothing. ---- */

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
    struct fixture *fixture = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(fixture->draws++ * 37);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    (void)context;
    sign_with_seed(seed, message, signature);
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
    (void)context;
    dh_secret_of_seed(seed, secret);
    return dh_public_of_key(peer, public) && dh_shared(secret, public, shared);
}

static void setup(struct fixture *fixture)
{
    struct tally_node_options options = {
        .epoch = 1,
        .connections_max = CONNECTIONS,
        .ledger = {.log = log_none, .find = find_none},
        .secret = {fixture, draw},
        .crypto = {fixture, sign, verify, exchange, NULL},
    };
    *fixture = (struct fixture){.now = {{1000000}, {1700000000000000}}};
    sign_key(seed, &options.key);
    fixture->node = tally_node_new(&options, fixture->now);
    assert_non_null(fixture->node);
}

static void step(struct fixture *fixture, const struct tally_event *event)
{
    struct tally_action action;
    tally_node_step(fixture->node, fixture->now, event);
    fixture->closed = fixture->dialled = 0;
    while (tally_node_next(fixture->node, &action)) {
        fixture->closed += action.kind == TALLY_ACTION_CLOSE;
        if (action.kind == TALLY_ACTION_DIAL) {
            fixture->dialled++;
            fixture->dial = action.dial.stream;
        }
    }
    assert_true(tally_node_holds(fixture->node));
}

static void tick(struct fixture *fixture, uint64_t ms)
{
    const struct tally_event event = {.kind = TALLY_EVENT_TICK};
    fixture->now.mono.ms += ms;
    step(fixture, &event);
}

/* Somebody connects from there; whether it is taken in. */
static bool accepted(struct fixture *fixture, uint32_t stream, struct tally_address from)
{
    const struct tally_event event = {.kind = TALLY_EVENT_STREAM_OPEN,
                                      .stream_open = {.stream = stream, .remote = from}};
    step(fixture, &event);
    return fixture->closed == 0;
}

static struct tally_address ip6(uint8_t site, uint8_t host)
{
    struct tally_address address = {.port = 4001};
    address.ip[0] = 0x20;
    address.ip[5] = site;
    address.ip[15] = host;
    address.ip[13] = host; /* Another /120 each. */
    return address;
}

/* ---- Stories. ---- */

static void one_site_cannot_take_all_handshakes(void **state)
{
    struct fixture fixture;
    (void)state;
    setup(&fixture);
    unsigned taken = 0;
    for (uint8_t host = 0; host < 12; host++)
        taken += accepted(&fixture, 2 * host + 1U, ip6(1, host));
    assert_int_equal(taken, TALLY_HALF_OPEN_PER_PREFIX);
    assert_true(accepted(&fixture, 101, ip6(2, 1)));
    tally_node_free(fixture.node);
}

static void strangers_leave_room_for_dialling(void **state)
{
    struct fixture fixture;
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND,
                                .command = {.kind = TALLY_COMMAND_PEER, .ticket = 1}};
    uint8_t other[32] = {2};
    (void)state;
    setup(&fixture);
    unsigned taken = 0;
    for (uint8_t site = 0; site < 20; site++)
        taken += accepted(&fixture, 2 * site + 1U, ip6(site, 1));
    assert_int_equal(taken, CONNECTIONS - CONNECTIONS / 4);

    sign_key(other, &event.command.peer.key);
    event.command.peer.address = ip6(30, 1);
    step(&fixture, &event);
    sync_start(&fixture.node->sync, fixture.now, &event.command.peer.key, 0);
    tick(&fixture, 0);
    assert_int_equal(fixture.dialled, 1);
    tally_node_free(fixture.node);
}

static void a_dial_that_hangs_is_given_up(void **state)
{
    struct fixture fixture;
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND,
                                .command = {.kind = TALLY_COMMAND_PEER, .ticket = 1}};
    uint8_t other[32] = {2};
    (void)state;
    setup(&fixture);
    sign_key(other, &event.command.peer.key);
    event.command.peer.address = ip6(30, 1);
    step(&fixture, &event);
    sync_start(&fixture.node->sync, fixture.now, &event.command.peer.key, 0);
    tick(&fixture, 0);
    assert_int_equal(fixture.dialled, 1);
    assert_true(tally_node_deadline(fixture.node).ms <= fixture.now.mono.ms + TALLY_UPGRADE_MS);
    tick(&fixture, TALLY_UPGRADE_MS - 1);
    assert_int_equal(fixture.closed, 0);
    tick(&fixture, 1);
    assert_int_equal(fixture.closed, 1);
    /* Success that comes too late changes nothing; the end frees the place, and it is tried again.
     */
    event = (struct tally_event){.kind = TALLY_EVENT_STREAM_OPEN,
                                 .stream_open = {.stream = fixture.dial, .dialled = true}};
    step(&fixture, &event);
    assert_int_equal(fixture.closed, 0);
    event = (struct tally_event){.kind = TALLY_EVENT_STREAM_CLOSED,
                                 .stream_closed = {.stream = fixture.dial}};
    step(&fixture, &event);
    assert_int_equal(fixture.node->connections.count, 0);
    tick(&fixture, 1000);
    assert_int_equal(fixture.dialled, 1);
    tally_node_free(fixture.node);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_site_cannot_take_all_handshakes),
        cmocka_unit_test(strangers_leave_room_for_dialling),
        cmocka_unit_test(a_dial_that_hangs_is_given_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}

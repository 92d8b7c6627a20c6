/* SPDX-License-Identifier: Apache-2.0 */
/* The whole node and its ports at the gateway: who asks, for which addresses, what it says of it,
   and that it gives back what it holds. The lease itself is told of in unit/nat. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "core/node/node.h"

enum { MAPS = 8, TRACES = 16 };

struct fixture {
    struct tally_node *node;
    struct tally_now now;
    struct tally_action maps[MAPS]; /* Of the last step. */
    size_t map_count;
    struct tally_trace traces[TRACES]; /* Of leases, all of them. */
    size_t trace_count;
    uint8_t seed;
};

static struct fixture f;

/* ---- A node that holds nothing. ---- */

static bool log_none(void *context, size_t index, struct tally_log_view *view)
{
    return false;
}

static bool find_none(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    return false;
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    memset(bytes, 7, size);
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct fixture *fixture = context;
    uint8_t seed[32] = {fixture->seed};
    sign_with_seed(seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    return false;
}

static void say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    struct fixture *fixture = context;
    if (trace->kind != TALLY_TRACE_LEASED && trace->kind != TALLY_TRACE_UNLEASED &&
        trace->kind != TALLY_TRACE_NO_LEASE && trace->kind != TALLY_TRACE_BEHIND_NAT)
        return;
    assert_true(fixture->trace_count < TRACES);
    fixture->traces[fixture->trace_count++] = *trace;
}

static struct tally_address ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct tally_address){.ip = {[10] = 0xff, 0xff, a, b, c, d}, .port = port};
}

static const struct tally_address everywhere = {.port = 4001};

static void setup(enum tally_profile profile, struct tally_address listen, uint8_t seed)
{
    f = (struct fixture){.now = {{1000000}, {1700000000000000}}, .seed = seed};
    struct tally_node_options options = {
        .epoch = 1,
        .profile = profile,
        .listen = listen,
        .connections_max = 4,
        .ledger = {.log = log_none, .find = find_none},
        .secret = {&f, draw},
        .crypto = {&f, sign, verify, exchange, NULL},
        .trace = {&f, say},
    };
    uint8_t key[32] = {seed};
    sign_key(key, &options.key);
    f.node = tally_node_new(&options, f.now);
    assert_non_null(f.node);
}

static void step(const struct tally_event *event)
{
    struct tally_action action;
    tally_node_step(f.node, f.now, event);
    f.map_count = 0;
    while (tally_node_next(f.node, &action))
        if (action.kind == TALLY_ACTION_MAP) {
            assert_true(f.map_count < MAPS);
            f.maps[f.map_count++] = action;
        }
    assert_true(tally_node_holds(f.node));
}

static void links(const struct tally_address *addresses, size_t count)
{
    struct tally_interface list[8] = {{.index = 1}};
    for (size_t i = 0; i < count; i++)
        list[i] = (struct tally_interface){.index = 1, .address = addresses[i]};
    step(&(struct tally_event){.kind = TALLY_EVENT_LINKS, .links = {list, count}});
}

static void link_home(void)
{
    const struct tally_address home = ip4(192, 168, 1, 7, 0);
    links(&home, 1);
}

/* The gateway grants the request of the last step. */
static void grant(struct tally_address outer)
{
    assert_int_equal(f.map_count, 1);
    step(&(struct tally_event){.kind = TALLY_EVENT_MAPPED,
                               .mapped = {.ticket = f.maps[0].map.ticket,
                                          .protocol = f.maps[0].map.protocol,
                                          .outer = outer,
                                          .lifetime_s = 7200,
                                          .epoch_s = 100,
                                          .gateway = ip4(192, 168, 1, 1, 0)}});
}

/* ---- Stories. ---- */

static void only_profile_auto_asks(void **state)
{
    for (int profile = TALLY_PROFILE_STATIC; profile <= TALLY_PROFILE_OFFLINE; profile++) {
        setup((enum tally_profile)profile, everywhere, 1);
        link_home();
        assert_int_equal(f.map_count, profile == TALLY_PROFILE_AUTO);
        tally_node_free(f.node);
    }
    setup(TALLY_PROFILE_AUTO, (struct tally_address){.port = 0}, 1); /* Listens nowhere. */
    link_home();
    assert_int_equal(f.map_count, 0);
    tally_node_free(f.node);
}

/* Where we listen, what this machine has, and which families are asked for. */
static void addresses_that_are_worth_it(void **state)
{
    const struct tally_address v6 = {.ip = {0x2a, 0x0f, [15] = 1}};
    const struct tally_address ula = {.ip = {0xfd, [15] = 1}}, ll = {.ip = {0xfe, 0x80, [15] = 1}};
    const struct {
        struct tally_address listen, own;
        bool ipv4, ipv6;
    } cases[] = {
        {{.port = 4001}, ip4(192, 168, 1, 7, 0), true, false},
        {{.port = 4001}, ip4(11, 0, 0, 7, 0), true, false},
        {{.port = 4001}, ip4(100, 64, 0, 7, 0), true, false},
        {{.port = 4001}, ip4(127, 0, 0, 1, 0), false, false},
        {{.port = 4001}, ip4(169, 254, 0, 1, 0), false, false},
        {{.port = 4001}, v6, false, true},
        {{.port = 4001}, ula, false, false},
        {{.port = 4001}, ll, false, false},
        {ip4(0, 0, 0, 0, 4001), ip4(10, 0, 0, 7, 0), true, false},
        {ip4(0, 0, 0, 0, 4001), v6, false, false},
        {ip4(127, 0, 0, 1, 4001), ip4(10, 0, 0, 7, 0), false, false},
        {ip4(10, 0, 0, 7, 4001), ip4(10, 0, 0, 7, 0), true, false},
        {ip4(10, 0, 0, 8, 4001), ip4(10, 0, 0, 7, 0), false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setup(TALLY_PROFILE_AUTO, cases[i].listen, 1);
        links(&cases[i].own, 1);
        assert_int_equal(f.map_count, cases[i].ipv4 + cases[i].ipv6);
        if (f.map_count > 0) {
            assert_int_equal(f.maps[0].map.ipv6, cases[i].ipv6);
            assert_int_equal(f.maps[0].map.inner_port, 4001);
        }
        tally_node_free(f.node);
    }
}

static void it_is_shown_and_told(void **state)
{
    struct tally_node_status status;
    struct lease_view view;
    setup(TALLY_PROFILE_AUTO, everywhere, 1);
    tally_node_status(f.node, &status);
    assert_int_equal(status.lease, TALLY_LEASE_NONE);
    assert_false(mapping_find(&f.node->mapping, 0, &view));
    link_home();
    tally_node_status(f.node, &status);
    assert_int_equal(status.lease, TALLY_LEASE_ASKING);
    grant(ip4(11, 0, 0, 1, 4002));
    grant(ip4(11, 0, 0, 1, 4002));
    assert_int_equal(f.map_count, 0);
    tally_node_status(f.node, &status);
    const struct tally_address outer = ip4(11, 0, 0, 1, 4002), gateway = ip4(192, 168, 1, 1, 0);
    assert_int_equal(status.lease, TALLY_LEASE_HELD);
    assert_int_equal(status.lease_error, TALLY_OK);
    assert_int_equal(status.mapping, TALLY_MAPPING_PCP);
    assert_true(address_equal(&status.outer, &outer));
    assert_true(address_equal(&status.gateway, &gateway));
    for (size_t i = 0; i < 2; i++) {
        assert_true(mapping_find(&f.node->mapping, i, &view));
        assert_int_equal(view.transport, i);
        assert_true(address_equal(&view.outer, &outer));
    }
    assert_false(mapping_find(&f.node->mapping, 2, &view));
    assert_int_equal(f.trace_count, 2);
    assert_int_equal(f.traces[0].kind, TALLY_TRACE_LEASED);
    assert_int_equal(f.traces[0].a, 4002);
    assert_int_equal(f.traces[0].b, 0);
    assert_int_equal(f.traces[1].b, 4002);
    /* The cable is pulled. */
    links(NULL, 0);
    assert_int_equal(f.trace_count, 4);
    assert_int_equal(f.traces[3].kind, TALLY_TRACE_UNLEASED);
    assert_int_equal(f.traces[3].b, TALLY_UNREACHABLE);
    tally_node_free(f.node);
}

static void another_nat_is_told(void **state)
{
    setup(TALLY_PROFILE_AUTO, everywhere, 1);
    link_home();
    grant(ip4(100, 64, 3, 3, 4001));
    grant(ip4(100, 64, 3, 3, 4001));
    assert_int_equal(f.trace_count, 3);
    assert_int_equal(f.traces[1].kind, TALLY_TRACE_BEHIND_NAT);
    tally_node_free(f.node);
}

static void stop_gives_back(void **state)
{
    const struct tally_event stop = {.kind = TALLY_EVENT_COMMAND,
                                     .command = {.kind = TALLY_COMMAND_STOP}};
    setup(TALLY_PROFILE_AUTO, everywhere, 1);
    link_home();
    grant(ip4(11, 0, 0, 1, 4001));
    grant(ip4(11, 0, 0, 1, 4001));
    step(&stop);
    assert_int_equal(f.map_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f.maps[i].map.lifetime_s, 0);
        assert_int_equal(f.maps[i].map.transport, i);
    }
    /* Its answer is no matter any more, nor is a network that comes now. */
    step(&(struct tally_event){.kind = TALLY_EVENT_MAPPED,
                               .mapped = {.ticket = f.maps[0].map.ticket}});
    link_home();
    assert_int_equal(f.map_count, 0);
    tally_node_free(f.node);
}

/* After a crash the gateway still holds the mapping of our last life, under its nonce. */
static void the_nonce_is_the_key_s_own(void **state)
{
    uint8_t nonces[3][PCP_NONCE_SIZE];
    static const uint8_t seeds[] = {1, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        setup(TALLY_PROFILE_AUTO, everywhere, seeds[i]);
        link_home();
        memcpy(nonces[i], f.maps[0].map.nonce, PCP_NONCE_SIZE);
        grant(ip4(11, 0, 0, 1, 4001));
        assert_memory_not_equal(f.maps[0].map.nonce, nonces[i], PCP_NONCE_SIZE);
        tally_node_free(f.node);
    }
    assert_memory_equal(nonces[0], nonces[1], PCP_NONCE_SIZE);
    assert_memory_not_equal(nonces[0], nonces[2], PCP_NONCE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_profile_auto_asks), cmocka_unit_test(addresses_that_are_worth_it),
        cmocka_unit_test(it_is_shown_and_told),   cmocka_unit_test(another_nat_is_told),
        cmocka_unit_test(stop_gives_back),        cmocka_unit_test(the_nonce_is_the_key_s_own),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}

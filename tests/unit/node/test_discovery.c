/* SPDX-License-Identifier: Apache-2.0 */
/* A node on a LAN: what it says and whom it greets, by profile, and that a step of it is no
   allocation. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/mdns/mdns.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct tally_node *node;
static struct tally_now now;
static struct random chance;
static unsigned packets, sends;
static struct tally_address sent_to;
static uint8_t said[TALLY_MDNS_PACKET_MAX];
static size_t said_size;

static const struct tally_interface links[] = {
    {1, "lo", {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}, 0}, 104, false},
    {2, "eth0", {{[10] = 0xff, [11] = 0xff, 10, 7, 0, 1}, 0}, 120, true},
};
static const struct tally_key neighbour = {{7, 7}};

static void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&chance);
}

static void node_start(enum tally_profile profile)
{
    static const uint8_t seed[32] = {1};
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    chance.state = 1;
    packets = sends = 0;
    provider_init(&provider, PROVIDER_REAL);
    signer_init(&signer, &provider, seed);
    disk_init(&disk, &signer);
    const struct tally_node_options options = {.key = signer.key,
                                               .epoch = 1,
                                               .profile = profile,
                                               .listen = {.port = 4001},
                                               .connections_max = 4,
                                               .ledger = disk_ledger(&disk),
                                               .secret = {NULL, draw},
                                               .crypto = signer_window(&signer)};
    node = tally_node_new(&options, now);
    assert_non_null(node);
}

static void node_end(void)
{
    tally_node_free(node);
    disk_free(&disk);
    provider_free(&provider);
}

static void step(const struct tally_event *event)
{
    struct tally_action action;
    memory_watch_begin();
    tally_node_step(node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(tally_node_holds(node));
    while (tally_node_next(node, &action)) {
        if (action.kind == TALLY_ACTION_MULTICAST) {
            assert_int_equal(action.multicast.interface, 2);
            packets++;
            said_size = action.multicast.bytes.size;
            memcpy(said, action.multicast.bytes.data, said_size);
        }
        if (action.kind == TALLY_ACTION_SEND) {
            sends++;
            sent_to = action.send.to;
        }
    }
}

static void wait(uint64_t ms)
{
    const struct tally_event tick = {.kind = TALLY_EVENT_TICK};
    uint64_t end = now.mono.ms + ms;
    while (tally_node_deadline(node).ms <= end) {
        uint64_t at = tally_node_deadline(node).ms;
        now.wall.us += at > now.mono.ms ? (int64_t)(at - now.mono.ms) * 1000 : 0;
        now.mono.ms = at > now.mono.ms ? at : now.mono.ms;
        step(&tick);
    }
    now.wall.us += (int64_t)(end - now.mono.ms) * 1000;
    now.mono.ms = end;
}

static void tell_links(void)
{
    const struct tally_event event = {.kind = TALLY_EVENT_LINKS,
                                      .links = {.list = links, .count = 2}};
    step(&event);
}

/* The neighbour speaks of itself, from and with an address that ends in `last`. */
static void hear(const struct tally_key *key, uint8_t last, uint16_t udp_port)
{
    struct card card = {.label = "neighbour",
                        .label_size = 9,
                        .key = *key,
                        .service_port = 4001,
                        .udp_port = udp_port,
                        .addresses = {links[1].address},
                        .count = 1};
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
    card.addresses[0].ip[15] = last;
    card.addresses[0].port = 4001;
    event.multicast.interface = 2;
    event.multicast.group = true;
    event.multicast.from = card.addresses[0];
    event.multicast.from.port = MDNS_PORT;
    event.multicast.bytes =
        bytes_of(packet, card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet));
    step(&event);
    wait(0);
}

static struct tally_peer_view peer_of(const struct tally_key *key)
{
    struct tally_peer_view view;
    for (size_t i = 0; tally_node_peer(node, i, &view); i++)
        if (key_equal(&view.key, key))
            return view;
    return (struct tally_peer_view){.key = {{0}}};
}

static void a_neighbour_is_greeted(void **state)
{
    struct tally_node_status status;
    node_start(TALLY_PROFILE_AUTO);
    wait(60000);
    assert_int_equal(packets, 0); /* Nothing is said before it knows where it is. */
    tell_links();
    wait(2000);
    assert_true(packets >= 4); /* Twice «here I am», and two questions. */
    assert_int_equal(sends, 0);
    hear(&neighbour, 9, 4002);
    assert_int_equal(sends, 1);
    assert_int_equal(sent_to.ip[15], 9);
    assert_int_equal(sent_to.port, 4002);
    assert_int_equal(peer_of(&neighbour).state, TALLY_PEER_GREETING);
    assert_int_equal(peer_of(&neighbour).configured, false);
    tally_node_status(node, &status);
    assert_int_equal(status.mdns_in, 1);
    assert_true(status.mdns_out >= 4);
    assert_int_equal(status.mdns_refused, 0);
    assert_int_equal(status.profile, TALLY_PROFILE_AUTO);
    node_end();
}

/* However often it speaks, and whatever it claims: one hello in 10 s to an address. */
static void it_is_not_greeted_all_the_time(void **state)
{
    node_start(TALLY_PROFILE_LAN);
    tell_links();
    for (unsigned i = 0; i < 600; i++) {
        hear(&neighbour, 9, 4001);
        wait(100);
    }
    assert_in_range(sends, 1, 7);
    node_end();
}

static void others_are_not_greeted(void **state)
{
    struct tally_node_status status;
    node_start(TALLY_PROFILE_AUTO);
    tell_links();
    hear(&signer.key, 9, 4001); /* Somebody says to be us. */
    hear(&neighbour, 9, 0);     /* No Tally node. */
    struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
    event.multicast.interface = 2;
    event.multicast.group = true;
    event.multicast.from = (struct tally_address){{0x20, 0x01}, MDNS_PORT};
    event.multicast.bytes = bytes_of(said, said_size);
    step(&event); /* Nobody of this link. */
    tally_node_status(node, &status);
    assert_int_equal(sends, 0);
    assert_int_equal(status.drops[TALLY_DROP_SELF], 1);
    assert_int_equal(status.drops[TALLY_DROP_SCOPE], 1);
    assert_int_equal(status.mdns_refused, 2);
    node_end();
}

static void only_these_profiles_speak(void **state)
{
    static const enum tally_profile profiles[] = {TALLY_PROFILE_STATIC, TALLY_PROFILE_SERVER,
                                                  TALLY_PROFILE_OFFLINE};
    for (size_t i = 0; i < 3; i++) {
        node_start(profiles[i]);
        tell_links();
        wait(60000);
        hear(&neighbour, 9, 4001);
        wait(60000);
        assert_int_equal(packets + sends, 0);
        node_end();
    }
}

static void it_says_goodbye(void **state)
{
    const struct tally_event stop = {.kind = TALLY_EVENT_COMMAND,
                                     .command = {.kind = TALLY_COMMAND_STOP}};
    struct dns_reader r;
    struct dns_header header;
    struct card_heard heard;
    node_start(TALLY_PROFILE_AUTO);
    tell_links();
    wait(5000);
    packets = 0;
    step(&stop);
    assert_int_equal(packets, 1);
    assert_true(dns_header_read(&r, bytes_of(said, said_size), &header));
    assert_int_equal(card_read(&r, &header, &heard), TALLY_DROP_NONE);
    assert_int_equal(heard.ttl_s, 0);
    assert_true(key_equal(&heard.key, &signer.key));
    /* And nothing more, not even to who asks. */
    hear(&neighbour, 9, 4001);
    tell_links();
    wait(60000);
    assert_int_equal(packets, 1);
    assert_int_equal(sends, 0);
    node_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_neighbour_is_greeted), cmocka_unit_test(it_is_not_greeted_all_the_time),
        cmocka_unit_test(others_are_not_greeted), cmocka_unit_test(only_these_profiles_speak),
        cmocka_unit_test(it_says_goodbye),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("node: discovery", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* mDNS packets that js and go sent on a link, and the one layout that all accept. */
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/mdns/mdns.h"

#include "support/cmocka.h"
#include "vectors.h"

#include <stdio.h>

#define PACKETS "libp2p/mdns-packets.json"

static const struct tally_now now = {{1000000}, {INT64_C(1763700000000000)}};
static const struct tally_address host = {{[10] = 0xff, [11] = 0xff, 10, 77, 0, 1},
                                          0}; /* Who sent them all. */

static struct tally_key key_of(const json_t *root)
{
    struct tally_key key;
    assert_true(peer_id_parse_key(vectors_text(root, "peer_id"), &key));
    return key;
}

/* The name of the instance in a packet: the target of its PTR record. */
static const char *instance_of(const json_t *packet)
{
    json_t *record;
    size_t i;
    json_array_foreach(json_object_get(packet, "answers"), i, record)
    {
        if (strcmp(vectors_text(record, "name"), CARD_SERVICE) == 0)
            return vectors_text(record, "data");
    }
    fail_msg("no instance");
    return NULL;
}

/* A packet comes in on a node of the same subnet, which takes it for a neighbour. */
static void take(const json_t *root, const json_t *packet, size_t addresses)
{
    static struct mdns mdns;
    static struct mdns_interface interfaces[2];
    static struct tally_action actions[16];
    static uint8_t arena[16 * TALLY_MDNS_PACKET_MAX], bytes[TALLY_MDNS_READ_MAX];
    struct address_policy policy = {.profile = TALLY_PROFILE_LAN};
    struct tally_interface own = {
        .index = 3, .address = host, .prefix_bits = 96 + 24, .multicast = true};
    const struct mdns_options options = {.listen = {.port = 4001}, .seed = 1};
    struct outbox out;
    struct mdns_news news;
    struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
    struct tally_key key = key_of(root);
    own.address.ip[15] = 2;
    outbox_init(&out, actions, 16, arena, sizeof arena);
    address_policy_links(&policy, &own, 1);
    memset(interfaces, 0, sizeof interfaces);
    mdns_init(&mdns, &options, interfaces, 2);
    mdns_links(&mdns, now, &own, 1, &out);
    event.multicast.interface = 3;
    event.multicast.from = host;
    event.multicast.from.port = MDNS_PORT;
    event.multicast.group = true;
    event.multicast.bytes = bytes_of(bytes, vectors_hex(packet, "hex", bytes, sizeof bytes));
    assert_int_equal(mdns_receive(&mdns, now, &event, &policy, &news, &out), TALLY_DROP_NONE);
    assert_true(news.any && news.fresh);
    assert_true(key_equal(&news.key, &key));
    assert_int_equal(news.count, addresses);
    assert_int_equal(news.udp_port, 0); /* None of them is a Tally node. */
    for (size_t i = 0; i < addresses; i++) {
        assert_memory_equal(news.addresses[i].ip, host.ip, sizeof host.ip);
        assert_int_equal(news.addresses[i].port, 4101 + i);
    }
    const struct mdns_known *known = &mdns.list[0].known[0];
    const char *instance = instance_of(packet);
    assert_memory_equal(known->label, instance, known->label_size);
    assert_string_equal(instance + known->label_size, "." CARD_SERVICE);
    assert_true(mdns_holds(&mdns));
}

static void answers_of_others(void **state)
{
    static const struct {
        const char *name;
        size_t index, addresses;
    } cases[] = {
        {"response_js", 0, 2}, {"response_go", 0, 2},          {"announce_go", 0, 1},
        {"announce_go", 1, 1}, {"response_recommended", 0, 2},
    };
    json_t *root = vectors_json(PACKETS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *list = json_object_get(root, cases[i].name);
        assert_true(json_is_array(list) && json_array_size(list) > cases[i].index);
        take(root, json_array_get(list, cases[i].index), cases[i].addresses);
    }
    json_decref(root);
}

static void questions_of_others(void **state)
{
    json_t *root = vectors_json(PACKETS);
    const json_t *go = json_array_get(json_object_get(root, "query_go"), 0);
    const struct card card = {.label = {'x'}, .label_size = 1, .count = 1, .addresses = {host}};
    uint8_t bytes[2][64];
    const struct tally_bytes packets[] = {
        bytes_of(bytes[0], vectors_hex(root, "query_js", bytes[0], sizeof bytes[0])),
        bytes_of(bytes[1], vectors_hex(go, "hex", bytes[1], sizeof bytes[1])),
    };
    for (size_t i = 0; i < 2; i++) {
        struct dns_reader r;
        struct dns_header header;
        struct dns_question question;
        assert_true(dns_header_read(&r, packets[i], &header));
        assert_int_equal(header.counts[DNS_QUESTIONS], 1);
        assert_true(dns_question_read(&r, &question));
        assert_int_equal(r.at, packets[i].size);
        assert_int_equal(card_asked(&card, &question), CARD_ASKED_SERVICE);
    }
    json_decref(root);
}

/* Byte for byte, the label apart, which is drawn, and our own string, which they do not have. */
static void the_layout_that_all_accept(void **state)
{
    json_t *root = vectors_json(PACKETS);
    const json_t *wanted = json_array_get(json_object_get(root, "response_recommended"), 0);
    const json_t *service = json_array_get(json_object_get(wanted, "additionals"), 0);
    const char *instance = instance_of(wanted);
    struct card card = {
        .key = key_of(root),
        .service_port = (uint16_t)vectors_number(json_object_get(service, "data"), "port"),
        .addresses = {host, host},
        .count = 2,
        .label_size = CARD_LABEL,
    };
    uint8_t bytes[TALLY_MDNS_PACKET_MAX], packet[TALLY_MDNS_PACKET_MAX];
    memcpy(card.label, instance, CARD_LABEL);
    card.addresses[0].port = 4101;
    card.addresses[1].port = 4102;
    size_t size = vectors_hex(wanted, "hex", bytes, sizeof bytes);
    assert_int_equal(card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet), size);
    assert_memory_equal(packet, bytes, size);

    /* With the port of datagrams it is just that much longer, and nothing else moves. */
    card.udp_port = 4001;
    size_t more = card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    assert_int_equal(more, size + strlen("\016tally=udp/4001"));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_others),
        cmocka_unit_test(questions_of_others),
        cmocka_unit_test(the_layout_that_all_accept),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("vectors: mdns", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is answered to whom: by multicast, by unicast, as by a common server, or not at all. */
#include "segment.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

#include <stdio.h>

enum { MINUTE = 60 * 1000 };

static struct segment lan;

static int set_up(void **state)
{
    segment_init(&lan);
    return 0;
}

static int tear_down(void **state)
{
    segment_free(&lan);
    return 0;
}

static const char *label_of(const struct segment_node *node)
{
    static char text[DNS_LABEL_MAX + 1];
    const struct card *card = &node->mdns.list[0].card;
    memcpy(text, card->label, card->label_size);
    text[card->label_size] = '\0';
    return text;
}

struct reply {
    struct dns_header header;
    uint16_t types[16];
    uint32_t ttl_s;
    size_t count;
};

/* The last packet sent, taken apart. */
static struct reply reply_read(void)
{
    struct reply reply = {.count = 0};
    struct dns_reader r;
    struct dns_question question;
    struct dns_record record;
    assert_true(dns_header_read(&r, bytes_of(lan.last.bytes, lan.last.size), &reply.header));
    for (size_t i = 0; i < reply.header.counts[DNS_QUESTIONS]; i++)
        assert_true(dns_question_read(&r, &question));
    while (r.at < r.size && reply.count < 16) {
        assert_true(dns_record_read(&r, &record));
        reply.types[reply.count++] = record.type;
        reply.ttl_s = record.ttl_s;
    }
    return reply;
}

static enum tally_drop ask(const char *name, uint16_t type, bool unicast, uint16_t port, bool group)
{
    uint8_t packet[512];
    size_t size = segment_question(name, type, unicast, packet);
    struct tally_address from = segment_address4(0, 9);
    from.port = port;
    be16_write(packet, 0x1234);
    return segment_give(&lan, 1, 0, &from, group, bytes_of(packet, size));
}

static void direct_questions_are_answered(void **state)
{
    char instance[128], host[128];
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 5 * MINUTE);
    (void)snprintf(instance, sizeof instance, "%s._p2p._udp.local", label_of(a));
    (void)snprintf(host, sizeof host, "%s.local", label_of(a));
    const struct {
        const char *name;
        uint16_t type;
        size_t answers, others;
        uint16_t first, last;
    } cases[] = {
        {CARD_SERVICE, DNS_PTR, 1, 3, DNS_PTR, DNS_A},
        {CARD_SERVICE, DNS_ANY, 1, 3, DNS_PTR, DNS_A},
        {"_P2P._UDP.Local", DNS_PTR, 1, 3, DNS_PTR, DNS_A},
        {CARD_SERVICES, DNS_PTR, 1, 0, DNS_PTR, DNS_PTR},
        {instance, DNS_SRV, 1, 1, DNS_SRV, DNS_A},
        {instance, DNS_TXT, 1, 0, DNS_TXT, DNS_TXT},
        {instance, DNS_ANY, 2, 1, DNS_SRV, DNS_A},
        {host, DNS_A, 1, 0, DNS_A, DNS_A},
        {host, DNS_ANY, 1, 0, DNS_A, DNS_A},
        {host, DNS_AAAA, 0, 0, 0, 0}, /* There is none. */
        {CARD_SERVICE, DNS_TXT, 0, 0, 0, 0},
        {"_p2p-X._udp.local", DNS_PTR, 0, 0, 0, 0}, /* A private network's. */
        {"other._p2p._udp.local", DNS_SRV, 0, 0, 0, 0},
        {"local", DNS_ANY, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t sent = a->sent[0];
        assert_int_equal(ask(cases[i].name, cases[i].type, false, MDNS_PORT, true),
                         TALLY_DROP_NONE);
        segment_run(&lan, 200);
        assert_int_equal(a->sent[0], sent + (cases[i].answers > 0));
        if (cases[i].answers > 0) {
            struct reply reply = reply_read();
            assert_int_equal(reply.header.id, 0);
            assert_int_equal(reply.header.flags, 0x8400);
            assert_int_equal(reply.header.counts[DNS_QUESTIONS], 0);
            assert_int_equal(reply.header.counts[DNS_ANSWERS], cases[i].answers);
            assert_int_equal(reply.header.counts[DNS_ADDITIONALS], cases[i].others);
            assert_int_equal(reply.types[0], cases[i].first);
            assert_int_equal(reply.types[reply.count - 1], cases[i].last);
            assert_int_equal(lan.last.to.port, MDNS_PORT);
            assert_int_equal(lan.last.to.ip[12], 224);
        }
        segment_run(&lan, 90 * 1000);
    }
}

static void a_stranger_to_mdns_is_answered_as_by_a_server(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 5 * MINUTE);
    uint64_t sent = a->sent[0];
    assert_int_equal(ask(CARD_SERVICE, DNS_PTR, false, 40000, true), TALLY_DROP_NONE);
    assert_int_equal(a->sent[0], sent + 1); /* At once. */
    struct reply reply = reply_read();
    assert_int_equal(reply.header.id, 0x1234);
    assert_int_equal(reply.header.counts[DNS_QUESTIONS], 1);
    assert_int_equal(reply.ttl_s, CARD_LEGACY_TTL_S);
    assert_int_equal(lan.last.to.port, 40000);
    /* Rust asks so and hears only the group. */
    segment_run(&lan, 200);
    assert_int_equal(a->sent[0], sent + 2);
    reply = reply_read();
    assert_int_equal(reply.header.id, 0);
    assert_int_equal(reply.ttl_s, CARD_TTL_S);
    assert_int_equal(lan.last.to.ip[12], 224);
}

static void who_wants_it_by_unicast_gets_both(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 5 * MINUTE);
    uint64_t sent = a->sent[0];
    assert_int_equal(ask(CARD_SERVICE, DNS_PTR, true, MDNS_PORT, true), TALLY_DROP_NONE);
    assert_int_equal(a->sent[0], sent + 1);
    struct reply reply = reply_read();
    assert_int_equal(reply.header.id, 0);
    assert_int_equal(reply.header.counts[DNS_QUESTIONS], 0);
    assert_int_equal(reply.ttl_s, CARD_TTL_S);
    assert_int_equal(lan.last.to.ip[15], 9);
    segment_run(&lan, 200);
    assert_int_equal(a->sent[0], sent + 2);
    assert_int_equal(lan.last.to.ip[12], 224);
    /* Asked alone, it answers alone. */
    assert_int_equal(ask(CARD_SERVICE, DNS_PTR, false, MDNS_PORT, false), TALLY_DROP_NONE);
    segment_run(&lan, 200);
    assert_int_equal(a->sent[0], sent + 3);
    assert_int_equal(lan.last.to.ip[15], 9);
}

static void what_was_just_said_is_not_said_again(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 5 * MINUTE);
    uint64_t sent = a->sent[0];
    for (unsigned i = 0; i < 5; i++) /* Five ask at once: one answer. */
        assert_int_equal(ask(CARD_SERVICE, DNS_PTR, false, MDNS_PORT, true), TALLY_DROP_NONE);
    segment_run(&lan, 500);
    assert_int_equal(a->sent[0], sent + 1);
    assert_int_equal(ask(CARD_SERVICE, DNS_PTR, false, MDNS_PORT, true), TALLY_DROP_SEEN);
    /* Another question may be answered. */
    assert_int_equal(ask(CARD_SERVICES, DNS_PTR, false, MDNS_PORT, true), TALLY_DROP_NONE);
    segment_run(&lan, 2000);
    assert_int_equal(a->sent[0], sent + 2);
    assert_int_equal(ask(CARD_SERVICE, DNS_PTR, false, MDNS_PORT, true), TALLY_DROP_NONE);
    assert_int_equal(a->mdns.refused, 0);
}

/* A host with both families asks on both at once, and is answered on each in turn. */
static void families_take_turns(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    unsigned six = 0;
    segment_run(&lan, 5 * MINUTE);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t packet[512];
        size_t size = segment_question(CARD_SERVICE, DNS_PTR, false, packet);
        struct tally_address four = segment_address4(0, 9), other = segment_address6(0, 9);
        four.port = other.port = MDNS_PORT;
        uint64_t sent = a->sent[0];
        (void)segment_give(&lan, 1, 0, &four, true, bytes_of(packet, size));
        (void)segment_give(&lan, 1, 0, &other, true, bytes_of(packet, size));
        segment_run(&lan, 20 * 1000);
        assert_int_equal(a->sent[0], sent + 1);
        six += lan.last.to.ip[0] == 0xff;
    }
    assert_int_equal(six, 2);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(direct_questions_are_answered),
        STORY(a_stranger_to_mdns_is_answered_as_by_a_server),
        STORY(who_wants_it_by_unicast_gets_both),
        STORY(what_was_just_said_is_not_said_again),
        STORY(families_take_turns),
    };
#undef STORY
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("mdns answers", tests, NULL, NULL);
}

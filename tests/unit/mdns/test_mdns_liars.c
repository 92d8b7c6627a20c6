/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours that do not mean well, or whose program is broken: each is refused for its reason, and
   none of them costs more than the budgets allow. */
#include "segment.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "core/base/random.h"

#include "support/cmocka.h"

#include <stdio.h>

static struct segment lan;
static struct segment_node *us;

static int set_up(void **state)
{
    segment_init(&lan);
    us = segment_start(&lan, 1, 1);
    segment_run(&lan, 5 * 60 * 1000);
    return 0;
}

static int tear_down(void **state)
{
    segment_free(&lan);
    return 0;
}

static struct tally_address neighbour(unsigned n)
{
    struct tally_address address = segment_address4(0, n);
    address.port = MDNS_PORT;
    return address;
}

static struct card card_of(unsigned n, const char *label)
{
    struct card card = {.key = segment_key(n),
                        .service_port = 4001,
                        .udp_port = 4001,
                        .addresses = {segment_address4(0, n)},
                        .count = 1,
                        .label_size = (uint8_t)strlen(label)};
    memcpy(card.label, label, card.label_size);
    card.addresses[0].port = 4001;
    return card;
}

static enum tally_drop hear(const struct tally_address *from, struct tally_bytes bytes)
{
    return segment_give(&lan, 1, 0, from, true, bytes);
}

static enum tally_drop hear_card(unsigned n, const struct card *card)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct tally_address from = neighbour(n);
    size_t size = card_write(card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    return hear(&from, bytes_of(packet, size));
}

/* ---- Where it comes from. ---- */

static void strangers_to_the_link_are_not_heard(void **state)
{
    struct card card = card_of(7, "seven");
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    size_t size = card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    const struct tally_bytes bytes = bytes_of(packet, size);
    struct tally_address near = neighbour(7), far = segment_address4(3, 7);
    struct tally_address global = {{0x20, 0x01, 0x0d, 0xb9, [15] = 1}, MDNS_PORT};
    assert_int_equal(hear(&far, bytes), TALLY_DROP_SCOPE);
    assert_int_equal(hear(&global, bytes), TALLY_DROP_SCOPE);
    assert_int_equal(segment_give(&lan, 1, 1, &near, true, bytes), TALLY_DROP_SCOPE);
    /* To us alone: nobody was asked for that. */
    assert_int_equal(segment_give(&lan, 1, 0, &near, false, bytes), TALLY_DROP_UNASKED);
    assert_int_equal(us->found_count, 0);
    assert_int_equal(us->mdns.refused, 4);
    assert_int_equal(hear(&near, bytes), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 1);
}

static void addresses_elsewhere_are_not_taken(void **state)
{
    struct card card = card_of(7, "seven");
    card.addresses[0] = segment_address4(9, 1); /* A subnet we are not on. */
    card.addresses[0].port = 4001;
    assert_int_equal(hear_card(7, &card), TALLY_DROP_SCOPE);
    card.addresses[0] = (struct tally_address){{[10] = 0xff, [11] = 0xff, 8, 8, 8, 8}, 53};
    assert_int_equal(hear_card(7, &card), TALLY_DROP_SCOPE);
    assert_int_equal(us->found_count, 0);
    /* Among good ones it is left out. */
    card.addresses[1] = segment_address4(0, 7);
    card.addresses[1].port = 4001;
    card.count = 2;
    assert_int_equal(hear_card(7, &card), TALLY_DROP_NONE);
    assert_int_equal(us->found[0].count, 1);
    assert_memory_equal(us->found[0].addresses[0].ip, card.addresses[1].ip, 16);
}

/* ---- What it says. ---- */

static void nobody_else_is_us(void **state)
{
    struct card card = card_of(1, "somebody");
    assert_int_equal(hear_card(7, &card), TALLY_DROP_SELF);
    /* Under our name, with another key: an echo as far as we can tell. */
    card = us->mdns.list[0].card;
    card.key = segment_key(7);
    assert_int_equal(hear_card(7, &card), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 0);
}

/* A response made by hand: a PTR record for each target, then a TXT record of the first. */
static enum tally_drop hear_texts(const char *const *targets, size_t target_count,
                                  const char *const *texts, size_t text_count)
{
    uint8_t packet[4096];
    struct dns_writer w;
    struct dns_name service, instance;
    struct tally_address from = neighbour(7);
    dns_name_make(&service, CARD_SERVICE);
    dns_writer_init(&w, packet, sizeof packet, false, 0, DNS_FLAG_RESPONSE);
    for (size_t i = 0; i < target_count; i++) {
        dns_name_make(&instance, targets[i]);
        size_t begun = dns_record_begin(&w, &service, DNS_PTR, 120);
        dns_name_write(&w, &instance);
        dns_record_end(&w, DNS_ANSWERS, begun);
    }
    dns_name_make(&instance, targets[0]);
    for (size_t i = 0; i < text_count; i++) {
        const uint8_t size = (uint8_t)strlen(texts[i]);
        size_t begun = dns_record_begin(&w, &instance, DNS_TXT, 120);
        dns_bytes_write(&w, bytes_of(&size, 1));
        dns_bytes_write(&w, bytes_text(texts[i]));
        dns_record_end(&w, DNS_ADDITIONALS, begun);
    }
    assert_false(w.full);
    return hear(&from, dns_writer_bytes(&w));
}

static void one_packet_speaks_of_one_node(void **state)
{
    static const char *const names[] = {"a._p2p._udp.local", "b._p2p._udp.local"};
    static const char *const same[] = {"a._p2p._udp.local", "A._P2P._udp.local"};
    struct tally_key one = segment_key(7), two = segment_key(8);
    struct tally_address address = segment_address4(0, 7);
    char texts[2][256] = {"dnsaddr=", "dnsaddr="};
    address.port = 4001;
    (void)multiaddr_write_text(&address, MULTIADDR_TCP, &one, texts[0] + 8, 240);
    (void)multiaddr_write_text(&address, MULTIADDR_TCP, &two, texts[1] + 8, 240);
    const char *const both[] = {texts[0], texts[1]};
    assert_int_equal(hear_texts(names, 1, both, 2), TALLY_DROP_MALFORMED);
    assert_int_equal(hear_texts(names, 2, both, 1), TALLY_DROP_MALFORMED);
    assert_int_equal(us->found_count, 0);
    assert_int_equal(hear_texts(same, 2, both, 1), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 1);
}

static void what_cannot_be_dialled_is_skipped(void **state)
{
    static const char *const rust[] = {"justalabel"}; /* Rust's form: no service behind it. */
    static const char *const odd[] = {"a.b.local"};
    struct tally_key key = segment_key(7);
    struct tally_address address = segment_address4(0, 7);
    char good[256] = "DnsAddr=", quic[256], other[256];
    address.port = 4001;
    (void)multiaddr_write_text(&address, MULTIADDR_TCP, &key, good + 8, 240);
    const char *id = strstr(good, "/p2p/");
    (void)snprintf(quic, sizeof quic, "dnsaddr=/ip4/10.0.0.7/udp/4001/quic-v1%s", id);
    (void)snprintf(other, sizeof other, "dnsaddr=/dns4/seven.local/tcp/4001%s", id);
    const char *const texts[] = {"dnsaddr=",
                                 "dnsaddr=/ip4/10.0.0.7",
                                 "dnsaddr=/nonsense/1",
                                 quic,
                                 other,
                                 "tally=udp/70000",
                                 "tally=x",
                                 "unrelated",
                                 good,
                                 "tally=udp/4002"};
    assert_int_equal(hear_texts(odd, 1, texts, 10), TALLY_DROP_MALFORMED);
    assert_int_equal(hear_texts(rust, 1, texts, 8), TALLY_DROP_SCOPE); /* An id, no address. */
    assert_int_equal(hear_texts(rust, 1, texts, 10), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 1);
    assert_int_equal(us->found[0].count, 1);
    assert_int_equal(us->found[0].udp_port, 4002);
    assert_true(key_equal(&us->found[0].key, &key));
    /* No Tally node, and a peer with a key of another kind: nothing is wrong. */
    assert_int_equal(hear_texts(rust, 1, texts + 8, 1), TALLY_DROP_NONE);
    assert_int_equal(us->found[1].udp_port, 0);
    static const char *const rsa[] = {
        "dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"};
    assert_int_equal(hear_texts(rust, 1, rsa, 1), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 2);
}

static void other_kinds_of_message_are_ignored(void **state)
{
    uint8_t packet[512];
    struct tally_address from = neighbour(7);
    size_t size = segment_question(CARD_SERVICE, DNS_PTR, false, packet);
    packet[2] = 0x28; /* An update. */
    assert_int_equal(hear(&from, bytes_of(packet, size)), TALLY_DROP_UNKNOWN);
    packet[2] = 0x84;
    packet[3] = 3; /* No such domain. */
    assert_int_equal(hear(&from, bytes_of(packet, size)), TALLY_DROP_UNKNOWN);
    memset(packet, 0, sizeof packet);
    assert_int_equal(hear(&from, bytes_of(packet, 11)), TALLY_DROP_MALFORMED);
    static uint8_t long_packet[TALLY_MDNS_READ_MAX + 1];
    assert_int_equal(hear(&from, bytes_of(long_packet, sizeof long_packet)), TALLY_DROP_MALFORMED);
    /* A printer speaks of itself: none of our business, and no fault. */
    struct dns_writer w;
    struct dns_name printer;
    dns_name_make(&printer, "_ipp._tcp.local");
    dns_writer_init(&w, packet, sizeof packet, false, 0, DNS_FLAG_RESPONSE);
    size_t begun = dns_record_begin(&w, &printer, DNS_PTR, 120);
    dns_name_write(&w, &printer);
    dns_record_end(&w, DNS_ANSWERS, begun);
    assert_int_equal(hear(&from, dns_writer_bytes(&w)), TALLY_DROP_NONE);
}

static void a_cut_packet_is_refused_wherever_it_is_cut(void **state)
{
    struct card card = card_of(7, "seven");
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct tally_address from = neighbour(7);
    size_t size = card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(hear(&from, bytes_of(packet, cut)), TALLY_DROP_MALFORMED);
        segment_run(&lan, 20);
    }
    assert_int_equal(us->found_count, 0);
}

/* Each byte changed in each way that matters: no crash, no answer, nobody found but who is there.
 */
static void flipped_bits_do_no_harm(void **state)
{
    struct card card = card_of(7, "seven");
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct tally_address from = neighbour(7);
    size_t size = card_write(&card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    for (size_t at = 0; at < size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            packet[at] ^= (uint8_t)(1u << bit);
            (void)hear(&from, bytes_of(packet, size));
            packet[at] ^= (uint8_t)(1u << bit);
            segment_run(&lan, 20);
        }
    for (size_t i = 0; i < us->found_count && i < SEGMENT_FOUND; i++)
        assert_true(us->found[i].count <= CARD_HEARD_MAX);
}

/* ---- How much of it. ---- */

static void a_flood_of_questions_is_answered_as_one(void **state)
{
    enum { SECONDS = 59, RATE = 6000 };
    uint8_t packet[512];
    size_t size = segment_question(CARD_SERVICE, DNS_PTR, true, packet);
    uint64_t sent = us->sent[0], busy = us->drops[TALLY_DROP_BUSY];
    for (unsigned i = 0; i < SECONDS * RATE; i++) {
        struct tally_address from = neighbour(2 + i % 200);
        (void)hear(&from, bytes_of(packet, size));
        if (i % (RATE / 1000) == 0)
            segment_run(&lan, 1);
    }
    sent = us->sent[0] - sent;
    busy = us->drops[TALLY_DROP_BUSY] - busy;
    print_message("# %d questions a second for a minute: %u packets in return, %u not even read\n",
                  RATE, (unsigned)sent, (unsigned)busy);
    assert_true(sent <= 2 * MDNS_ANSWER_MIN);
    assert_true(sent >= 2);
    assert_true(busy >= SECONDS * (RATE - MDNS_PARSE_RATE) - MDNS_PARSE_RATE);
    /* It is over, and a new neighbour is found at once. */
    segment_run(&lan, 1000);
    struct card card = card_of(7, "seven");
    assert_int_equal(hear_card(7, &card), TALLY_DROP_NONE);
    assert_int_equal(us->found_count, 1);
}

static void budgets_are_of_one_interface(void **state)
{
    uint8_t packet[512];
    size_t size = segment_question(CARD_SERVICE, DNS_PTR, false, packet);
    us = segment_start(&lan, 1, 2);
    segment_run(&lan, 5 * 60 * 1000);
    struct tally_address here = neighbour(7), there = segment_address4(1, 7);
    there.port = MDNS_PORT;
    for (unsigned i = 0; i < 1000; i++)
        (void)segment_give(&lan, 1, 0, &here, true, bytes_of(packet, size));
    assert_int_equal(segment_give(&lan, 1, 0, &here, true, bytes_of(packet, size)),
                     TALLY_DROP_BUSY);
    assert_int_equal(segment_give(&lan, 1, 1, &there, true, bytes_of(packet, size)),
                     TALLY_DROP_NONE);
}

static void made_up_names_are_bounded(void **state)
{
    enum { SECONDS = 30, RATE = 50 };
    unsigned fresh = 0;
    for (unsigned i = 0; i < SECONDS * RATE; i++) {
        char label[16];
        (void)snprintf(label, sizeof label, "liar%u", i);
        struct card card = card_of(7, label);
        be32_write(card.key.bytes + 4, i);
        size_t before = us->found_count;
        enum tally_drop drop = hear_card(7, &card);
        assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_BUSY);
        fresh += us->found_count > before;
        segment_run(&lan, 1000 / RATE);
    }
    print_message("# %d made-up nodes: %u were news\n", SECONDS * RATE, fresh);
    assert_true(fresh <= MDNS_FIND_BURST + SECONDS * MDNS_FIND_RATE);
    /* Our question still fits, however many we know. */
    segment_run(&lan, 60 * 60 * 1000);
}

/* It would keep whoever has that name from answering us. */
static void nobody_is_known_for_ever(void **state)
{
    struct card card = card_of(7, "seven");
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct tally_address from = neighbour(7);
    struct dns_reader r;
    struct dns_header header;
    size_t size = card_write(&card, CARD_ASKED_SERVICE, UINT32_MAX, NULL, packet);
    assert_int_equal(hear(&from, bytes_of(packet, size)), TALLY_DROP_NONE);
    segment_run(&lan, 10 * 60 * 1000);
    assert_true(dns_header_read(&r, bytes_of(lan.last.bytes, lan.last.size), &header));
    assert_int_equal(header.counts[DNS_ANSWERS], 2); /* The liar's friend, and we. */
    segment_run(&lan, 3 * 60 * 60 * 1000);
    assert_true(dns_header_read(&r, bytes_of(lan.last.bytes, lan.last.size), &header));
    assert_int_equal(header.counts[DNS_QUESTIONS], 1);
    assert_int_equal(header.counts[DNS_ANSWERS], 1);
}

/* Chance, packets of the right form and of none, at what rate ever: invariants are checked after
   each, and no more is sent than the budgets allow. */
static void chance_finds_nothing(void **state)
{
    struct random random = {7};
    uint64_t sent = us->sent[0], minutes = 20;
    for (unsigned i = 0; i < minutes * 60 * 20; i++) {
        static const char *const names[] = {CARD_SERVICE, CARD_SERVICES, "x._p2p._udp.local"};
        static const uint16_t types[] = {DNS_PTR, DNS_ANY, DNS_TXT, DNS_A};
        uint8_t packet[TALLY_MDNS_PACKET_MAX];
        struct card card = random_below(&random, 2) == 0 ? us->mdns.list[0].card : card_of(7, "x");
        size_t size = card_write(&card, 1 + random_below(&random, 63), random_below(&random, 400),
                                 NULL, packet);
        if (random_below(&random, 2) == 0)
            size =
                segment_question(names[random_below(&random, 3)], types[random_below(&random, 4)],
                                 random_below(&random, 2) == 0, packet);
        struct tally_address from = neighbour(2 + random_below(&random, 3));
        from.port = random_below(&random, 2) == 0 ? MDNS_PORT : 40000;
        for (unsigned flips = random_below(&random, 4); flips > 0; flips--)
            packet[random_below(&random, (uint32_t)size)] = (uint8_t)random_next(&random);
        if (random_below(&random, 2) == 0)
            packet[2] &= 0x7f; /* As a query. */
        (void)hear(&from, bytes_of(packet, size));
        segment_run(&lan, 50);
    }
    print_message("# %u packets in %u minutes of nonsense\n", (unsigned)(us->sent[0] - sent),
                  (unsigned)minutes);
    assert_true(us->sent[0] - sent <= minutes * 2 * MDNS_ANSWER_MIN + 8);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(strangers_to_the_link_are_not_heard),
        STORY(addresses_elsewhere_are_not_taken),
        STORY(nobody_else_is_us),
        STORY(one_packet_speaks_of_one_node),
        STORY(what_cannot_be_dialled_is_skipped),
        STORY(other_kinds_of_message_are_ignored),
        STORY(a_cut_packet_is_refused_wherever_it_is_cut),
        STORY(flipped_bits_do_no_harm),
        STORY(a_flood_of_questions_is_answered_as_one),
        STORY(budgets_are_of_one_interface),
        STORY(made_up_names_are_bounded),
        STORY(nobody_is_known_for_ever),
        STORY(chance_finds_nothing),
    };
#undef STORY
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("mdns liars", tests, NULL, NULL);
}

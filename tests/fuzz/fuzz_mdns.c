/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What anybody on the link may send to port 5353. The first byte says how: a packet for the reader
 * alone, whose names come out again the same, or a minute of packets for a node, which must keep
 * its invariants and its budgets whatever they say.
 */
#include "core/base/bytes.h"
#include "core/mdns/mdns.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- The reader. ---- */

/* A name that was taken is one that can be written, and read again. */
static void again(const struct dns_name *name)
{
    for (int compress = 0; compress < 2; compress++) {
        uint8_t packet[DNS_HEADER + 2 * (DNS_NAME_MAX + 4)];
        struct dns_writer w;
        struct dns_reader r;
        struct dns_header header;
        struct dns_question question;
        dns_writer_init(&w, packet, sizeof packet, compress == 1, 0, 0);
        dns_question_write(&w, name, DNS_ANY);
        dns_question_write(&w, name, DNS_ANY);
        assert(dns_header_read(&r, dns_writer_bytes(&w), &header));
        for (int i = 0; i < 2; i++) {
            assert(dns_question_read(&r, &question));
            assert(question.name.size == name->size);
            assert(memcmp(question.name.bytes, name->bytes, name->size) == 0);
        }
        assert(r.at == w.size);
    }
}

static void read(struct tally_bytes packet)
{
    struct dns_reader r;
    struct dns_header header;
    struct dns_question question;
    struct dns_record record;
    struct dns_name target;
    struct card_heard heard;
    if (!dns_header_read(&r, packet, &header))
        return;
    for (unsigned i = 0; i < header.counts[DNS_QUESTIONS]; i++) {
        if (!dns_question_read(&r, &question))
            return;
        again(&question.name);
    }
    struct dns_reader records = r;
    while (dns_record_read(&r, &record)) {
        again(&record.name);
        assert(record.data.data >= packet.data && record.data.size <= packet.size);
        struct tally_bytes text = record.data, string;
        while (dns_text_next(&text, &string))
            assert(string.data + string.size <= record.data.data + record.data.size);
        if (dns_target_read(&r, &record, &target))
            again(&target);
    }
    if (card_read(&records, &header, &heard) == TALLY_DROP_NONE && heard.any)
        assert(heard.label_size > 0 && heard.count <= CARD_HEARD_MAX);
}

/* ---- A node. ---- */

static size_t perform(struct outbox *out)
{
    struct tally_action action;
    size_t count = 0;
    while (outbox_next(out, &action)) {
        struct dns_reader r;
        struct dns_header header;
        assert(action.kind == TALLY_ACTION_MULTICAST);
        assert(action.multicast.bytes.size <= TALLY_MDNS_PACKET_MAX);
        assert(dns_header_read(&r, action.multicast.bytes, &header));
        count++;
    }
    outbox_clear(out);
    return count;
}

/* Pieces: interface and flags, how the address ends, 100 ms each, size (2), bytes. */
static void live(struct tally_bytes input)
{
    static const struct tally_interface links[] = {
        {1, "eth0", {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, 0}, 120, true},
        {1, "eth0", {{0xfe, 0x80, [15] = 1}, 0}, 64, true},
        {2, "docker0", {{[10] = 0xff, [11] = 0xff, 172, 17, 0, 1}, 0}, 112, false},
    };
    static struct tally_action actions[64];
    static uint8_t arena[64 * TALLY_MDNS_PACKET_MAX];
    struct mdns *mdns = malloc(sizeof *mdns);
    struct mdns_interface *interfaces = calloc(MDNS_INTERFACES, sizeof *interfaces);
    struct address_policy policy = {.profile = TALLY_PROFILE_LAN};
    const struct mdns_options options = {.key = {{1}}, .listen = {.port = 4001}, .seed = 1};
    struct tally_now now = {{1000}, {1000000}};
    struct outbox out;
    size_t sent = 0;
    outbox_init(&out, actions, 64, arena, sizeof arena);
    address_policy_links(&policy, links, 3);
    mdns_init(mdns, &options, interfaces, MDNS_INTERFACES);
    mdns_links(mdns, now, links, 3, &out);
    while (input.size >= 5 && now.mono.ms < 60000) {
        const uint8_t *head = input.data;
        struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
        struct mdns_news news;
        size_t size = be16_read(head + 3);
        input = bytes_of(input.data + 5, input.size - 5);
        size = size < input.size ? size : input.size;
        event.multicast.interface = head[0] & 3;
        event.multicast.group = (head[0] & 4) == 0;
        event.multicast.from = links[head[0] >> 3 & 1].address;
        event.multicast.from.ip[15] = head[1];
        event.multicast.from.port = (head[0] & 16) == 0 ? MDNS_PORT : 40000;
        event.multicast.bytes = bytes_of(input.data, size);
        input = bytes_of(input.data + size, input.size - size);
        (void)mdns_receive(mdns, now, &event, &policy, &news, &out);
        assert(!news.any || (news.count > 0 && news.count <= CARD_HEARD_MAX));
        now.mono.ms += (uint64_t)head[2] * 100;
        mdns_tick(mdns, now, &out);
        assert(mdns_holds(mdns));
        assert(mdns_deadline(mdns).ms > now.mono.ms);
        sent += perform(&out);
    }
    /* Four announcements, at most seven questions on each family, and the answers of a minute. */
    assert(sent <= 4 + 14 + 2 * MDNS_ANSWER_MIN);
    mdns_stop(mdns, &out);
    (void)perform(&out);
    free(interfaces);
    free(mdns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        read(bytes_of(data + 1, size - 1));
    else
        live(bytes_of(data + 1, size - 1));
    return 0;
}

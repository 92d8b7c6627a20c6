/* SPDX-License-Identifier: Apache-2.0 */
#include "segment.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"

#include "support/cmocka.h"

#include <stdlib.h>

enum { TRANSIT_MS = 1, PREFIX4 = 96 + 24, PREFIX6 = 64, PORT = 4001 };

void segment_init(struct segment *segment)
{
    memset(segment, 0, sizeof *segment);
    segment->now_ms = 1000000;
    segment->packets = calloc(SEGMENT_PACKETS, sizeof *segment->packets);
    assert_non_null(segment->packets);
}

void segment_free(struct segment *segment)
{
    free(segment->packets);
}

struct tally_now segment_now(const struct segment *segment)
{
    return (struct tally_now){{segment->now_ms}, {(int64_t)segment->now_ms * 1000}};
}

struct tally_key segment_key(unsigned node)
{
    return (struct tally_key){{(uint8_t)node, 1}};
}

struct tally_address segment_address4(unsigned segment, unsigned node)
{
    return (struct tally_address){
        {[10] = 0xff, [11] = 0xff, 10, (uint8_t)segment, 0, (uint8_t)node}, 0};
}

struct tally_address segment_address6(unsigned segment, unsigned node)
{
    return (struct tally_address){{0xfe, 0x80, [14] = (uint8_t)segment, (uint8_t)node}, 0};
}

size_t segment_interface(unsigned segment, unsigned node, struct tally_interface list[2])
{
    list[0] = (struct tally_interface){.index = segment + 1,
                                       .name = "eth",
                                       .address = segment_address4(segment, node),
                                       .prefix_bits = PREFIX4,
                                       .multicast = true};
    list[1] = list[0];
    list[1].address = segment_address6(segment, node);
    list[1].prefix_bits = PREFIX6;
    return 2;
}

/* ---- What a node does. ---- */

static void put(struct segment *segment, unsigned at, const struct tally_address *from,
                const struct tally_address *to, struct tally_bytes bytes)
{
    assert_true(segment->packet_count < SEGMENT_PACKETS);
    struct segment_packet *packet = &segment->packets[segment->packet_count++];
    packet->at_ms = segment->now_ms + TRANSIT_MS;
    packet->segment = at;
    packet->from = *from;
    packet->to = *to;
    packet->size = bytes.size;
    memcpy(packet->bytes, bytes.data, bytes.size);
    bool group = to->ip[0] == 0xff || to->ip[12] == 224;
    segment->multicast += group;
}

static void perform(struct segment *segment, unsigned number)
{
    struct segment_node *node = &segment->nodes[number];
    struct tally_action action;
    while (outbox_next(&node->outbox, &action)) {
        assert_int_equal(action.kind, TALLY_ACTION_MULTICAST);
        assert_true(action.multicast.bytes.size <= TALLY_MDNS_PACKET_MAX);
        unsigned at = action.multicast.interface - 1;
        struct tally_address from = address_is_ip4(&action.multicast.to)
                                        ? segment_address4(at, number)
                                        : segment_address6(at, number);
        from.port = MDNS_PORT;
        node->sent[at]++;
        node->answers += (action.multicast.bytes.data[2] & 0x80) != 0;
        put(segment, at, &from, &action.multicast.to, action.multicast.bytes);
        segment->last = segment->packets[segment->packet_count - 1];
    }
    outbox_clear(&node->outbox);
    assert_true(mdns_holds(&node->mdns));
}

struct segment_node *segment_start(struct segment *segment, unsigned number, unsigned segments)
{
    struct segment_node *node = &segment->nodes[number];
    struct tally_interface list[2 * SEGMENTS_MAX];
    const struct mdns_options options = {
        .key = segment_key(number), .listen = {.port = PORT}, .seed = segment->now_ms + number};
    memset(node, 0, sizeof *node);
    node->used = true;
    node->policy.profile = TALLY_PROFILE_LAN;
    outbox_init(&node->outbox, node->actions, 64, node->arena, sizeof node->arena);
    mdns_init(&node->mdns, &options, node->interfaces, MDNS_INTERFACES);
    for (unsigned i = 0; i < segments; i++)
        (void)segment_interface(i, number, &list[2 * i]);
    segment_links(segment, number, list, 2 * (size_t)segments);
    return node;
}

void segment_links(struct segment *segment, unsigned number, const struct tally_interface *list,
                   size_t count)
{
    struct segment_node *node = &segment->nodes[number];
    assert_true(count <= sizeof node->links / sizeof *node->links);
    if (count > 0)
        memcpy(node->links, list, count * sizeof *list);
    address_policy_links(&node->policy, node->links, count);
    mdns_links(&node->mdns, segment_now(segment), list, count, &node->outbox);
    perform(segment, number);
}

enum tally_drop segment_give(struct segment *segment, unsigned number, unsigned at_segment,
                             const struct tally_address *from, bool group, struct tally_bytes bytes)
{
    struct segment_node *node = &segment->nodes[number];
    struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
    struct mdns_news news;
    /* A copy of just that size: whoever reads beyond it is caught. */
    uint8_t *copy = malloc(bytes.size + 1);
    memcpy(copy, bytes.data, bytes.size);
    event.multicast.interface = at_segment + 1;
    event.multicast.from = *from;
    event.multicast.group = group;
    event.multicast.bytes = bytes_of(copy, bytes.size);
    enum tally_drop drop = mdns_receive(&node->mdns, segment_now(segment), &event, &node->policy,
                                        &news, &node->outbox);
    free(copy);
    node->drops[drop]++;
    if (news.any) {
        assert_int_equal(drop, TALLY_DROP_NONE);
        node->found[node->found_count++ % SEGMENT_FOUND] = news;
        node->found_at_ms = segment->now_ms;
        if (news.key.bytes[0] < SEGMENT_NODES_MAX)
            node->heard[news.key.bytes[0]] = true;
    }
    perform(segment, number);
    return drop;
}

const struct mdns_news *segment_found(const struct segment_node *node, const struct tally_key *key)
{
    size_t kept = node->found_count < SEGMENT_FOUND ? node->found_count : SEGMENT_FOUND;
    for (size_t i = 0; i < kept; i++) {
        const struct mdns_news *news = &node->found[(node->found_count - 1 - i) % SEGMENT_FOUND];
        if (key_equal(&news->key, key))
            return news;
    }
    return NULL;
}

/* ---- Time. ---- */

static void deliver(struct segment *segment)
{
    const struct segment_packet packet = segment->packets[0];
    memmove(segment->packets, segment->packets + 1,
            --segment->packet_count * sizeof *segment->packets);
    const struct tally_bytes bytes = bytes_of(packet.bytes, packet.size);
    bool v4 = address_is_ip4(&packet.to),
         group = packet.to.ip[0] == 0xff || packet.to.ip[12] == 224;
    for (unsigned i = 1; i < SEGMENT_NODES_MAX; i++) {
        bool own = packet.to.ip[15] == i && !group;
        if (segment->nodes[i].used && (group || own) && (v4 || !segment->nodes[i].v4_only))
            (void)segment_give(segment, i, packet.segment, &packet.from, group, bytes);
    }
    if (!segment->router[packet.segment] || packet.from.ip[15] == SEGMENT_ROUTER || !group)
        return;
    struct tally_address router = v4 ? segment_address4(packet.segment, SEGMENT_ROUTER)
                                     : segment_address6(packet.segment, SEGMENT_ROUTER);
    router.port = MDNS_PORT;
    put(segment, packet.segment, &router, &packet.to, bytes);
}

/* When something happens next. Packets lie in the order of their arrival. */
static uint64_t next(const struct segment *segment)
{
    uint64_t at = segment->packet_count > 0 ? segment->packets[0].at_ms : UINT64_MAX;
    for (unsigned i = 1; i < SEGMENT_NODES_MAX; i++) {
        const struct segment_node *node = &segment->nodes[i];
        if (node->used && mdns_deadline(&node->mdns).ms < at)
            at = mdns_deadline(&node->mdns).ms;
    }
    return at;
}

void segment_run(struct segment *segment, uint64_t ms)
{
    uint64_t end = segment->now_ms + ms;
    for (uint64_t at = next(segment); at <= end; at = next(segment)) {
        segment->now_ms = at > segment->now_ms ? at : segment->now_ms;
        if (segment->packet_count > 0 && segment->packets[0].at_ms <= segment->now_ms)
            deliver(segment);
        for (unsigned i = 1; i < SEGMENT_NODES_MAX; i++) {
            struct segment_node *node = &segment->nodes[i];
            if (!node->used || mdns_deadline(&node->mdns).ms > segment->now_ms)
                continue;
            mdns_tick(&node->mdns, segment_now(segment), &node->outbox);
            assert_true(mdns_deadline(&node->mdns).ms > segment->now_ms);
            perform(segment, i);
        }
    }
    segment->now_ms = end;
}

size_t segment_question(const char *name, uint16_t type, bool unicast, uint8_t packet[512])
{
    struct dns_writer w;
    struct dns_name asked;
    dns_name_make(&asked, name);
    dns_writer_init(&w, packet, 512, false, 0, 0);
    dns_question_write(&w, &asked, (enum dns_type)type);
    assert_false(w.full);
    if (unicast)
        packet[w.size - 2] |= 0x80;
    return w.size;
}

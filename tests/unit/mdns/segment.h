/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_MDNS_SEGMENT_H
#define UNIT_MDNS_SEGMENT_H
/*
 * Nodes on LAN segments in virtual time: nothing of them but their mDNS. A packet to the group
 * reaches all on the segment that speak its family a millisecond later, the sender too (multicast
 * loop). A segment may have a router that echoes whatever it hears.
 *
 * Node n is 10.S.0.n and fe80::S:n on segment S, which is its interface S + 1.
 */
#include "core/mdns/mdns.h"

enum {
    SEGMENTS_MAX = 20,
    SEGMENT_NODES_MAX = 100,
    SEGMENT_PACKETS = 4096, /* On their way. */
    SEGMENT_FOUND = 256,    /* News kept of a node, the last ones. */
    SEGMENT_ROUTER = 250,   /* The last byte of its addresses. */
};

struct segment_packet {
    uint64_t at_ms;
    unsigned segment;
    struct tally_address from, to;
    size_t size;
    uint8_t bytes[TALLY_MDNS_READ_MAX];
};

struct segment_node {
    bool used, v4_only;
    struct mdns mdns;
    struct mdns_interface interfaces[MDNS_INTERFACES];
    struct address_policy policy;
    struct tally_interface links[2 * SEGMENTS_MAX]; /* Of the policy. */
    struct outbox outbox;
    struct tally_action actions[64];
    uint8_t arena[64 * TALLY_MDNS_PACKET_MAX];
    uint64_t sent[SEGMENTS_MAX], drops[TALLY_DROP_COUNT];
    uint64_t answers; /* Responses among what it sent by multicast. */
    struct mdns_news found[SEGMENT_FOUND];
    size_t found_count;
    bool heard[SEGMENT_NODES_MAX]; /* Nodes there was ever news of. */
    uint64_t found_at_ms;          /* The last. */
};

struct segment {
    uint64_t now_ms;
    struct segment_node nodes[SEGMENT_NODES_MAX];
    bool router[SEGMENTS_MAX];
    struct segment_packet *packets;
    size_t packet_count;
    uint64_t multicast; /* Packets to the group, of nodes and routers. */
    /* What was last sent, also by unicast, by a node. */
    struct segment_packet last;
};

void segment_init(struct segment *segment);
void segment_free(struct segment *segment);
struct tally_now segment_now(const struct segment *segment);

struct tally_key segment_key(unsigned node);
struct tally_address segment_address4(unsigned segment, unsigned node);
struct tally_address segment_address6(unsigned segment, unsigned node); /* Link-local. */

/* Starts a node (1..) on segments 0..segments - 1, IPv4 and IPv6. */
struct segment_node *segment_start(struct segment *segment, unsigned node, unsigned segments);

/* The event LINKS of a node. */
void segment_links(struct segment *segment, unsigned node, const struct tally_interface *list,
                   size_t count);

/* The usual two addresses of a node on a segment. */
size_t segment_interface(unsigned segment, unsigned node, struct tally_interface list[2]);

/* Lets time pass; all that is due happens in order. */
void segment_run(struct segment *segment, uint64_t ms);

/* A packet from an address, or of a liar, to one node at once. The drop it gave. */
enum tally_drop segment_give(struct segment *segment, unsigned node, unsigned at_segment,
                             const struct tally_address *from, bool group,
                             struct tally_bytes bytes);

/* The news of a key that a node heard last; NULL: none. */
const struct mdns_news *segment_found(const struct segment_node *node, const struct tally_key *key);

/* A question for one name as one packet; a unicast answer is asked for with `unicast`. */
size_t segment_question(const char *name, uint16_t type, bool unicast, uint8_t packet[512]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that were found, and the network they are found in. */
#include "core/node/node.h"

#include "core/base/bytes.h"

#include <stdlib.h>

static bool speaks_mdns(const struct tally_node *node)
{
    enum tally_profile profile = node->options.profile;
    return !node->stopping && node->options.listen.port != 0 &&
           (profile == TALLY_PROFILE_AUTO || profile == TALLY_PROFILE_LAN);
}

/* Each interface has an address of each family, or more. */
static size_t policy_max(const struct tally_node *node)
{
    size_t wanted = 2 * (size_t)node->options.interfaces_max;
    return wanted > 0 && wanted < TALLY_INTERFACES_MAX ? wanted : TALLY_INTERFACES_MAX;
}

bool node_discovery_new(struct tally_node *node)
{
    const struct mdns_options mdns = {
        .key = node->options.key, .listen = node->options.listen, .seed = node->options.seed + 3};
    size_t wanted = node->options.interfaces_max;
    size_t count = !speaks_mdns(node) ? 0 : wanted > 0 ? wanted : MDNS_INTERFACES;
    struct mdns_interface *interfaces = calloc(count, sizeof *interfaces);
    node->interfaces = calloc(policy_max(node), sizeof *node->interfaces);
    if (interfaces == NULL || node->interfaces == NULL) {
        free(interfaces);
        return false;
    }
    node->policy.profile = node->options.profile;
    mdns_init(&node->mdns, &mdns, interfaces, count);
    return true;
}

void node_links(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    size_t count = event->links.count < policy_max(node) ? event->links.count : policy_max(node);
    if (count > 0)
        memcpy(node->interfaces, event->links.list, count * sizeof *node->interfaces);
    address_policy_links(&node->policy, node->interfaces, count);
    reach_links(&node->datagrams.reaching.reach, now);
    peers_doubt(&node->datagrams.peers);
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_LINKS, .a = node->policy.interface_count});
    if (speaks_mdns(node))
        mdns_links(&node->mdns, now, node->policy.interfaces, node->policy.interface_count,
                   &node->outbox);
}

void node_multicast(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    struct mdns_news news;
    if (!speaks_mdns(node))
        return;
    enum tally_drop drop =
        mdns_receive(&node->mdns, now, event, &node->policy, &news, &node->outbox);
    if (drop != TALLY_DROP_NONE && drop != TALLY_DROP_SEEN)
        node_drop(node, now, drop, NULL);
    if (!news.any)
        return;
    if (news.fresh)
        node_trace(node, now,
                   &(struct tally_trace){
                       .kind = TALLY_TRACE_DISCOVERED, .peer = &news.key, .a = TALLY_SOURCE_MDNS});
    /* Other programs that speak libp2p are neighbours too, but take no datagrams. */
    for (size_t i = 0; news.udp_port != 0 && i < news.count; i++) {
        struct tally_address address = news.addresses[i];
        address.port = news.udp_port;
        node_found(node, now, &news.key, &address, TALLY_SOURCE_MDNS);
    }
}

void node_found(struct tally_node *node, struct tally_now now, const struct tally_key *key,
                const struct tally_address *address, enum tally_source source)
{
    if (key_equal(key, &node->options.key))
        return;
    enum tally_hygiene hygiene = address_may_dial(&node->policy, address, source);
    if (hygiene != TALLY_HYGIENE_ALLOWED) {
        node->refused[hygiene]++;
        return;
    }
    (void)overlay_found(&node->datagrams.overlay, now, &node->datagrams.peers, key, address,
                        source);
}

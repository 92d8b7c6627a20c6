/* SPDX-License-Identifier: Apache-2.0 */
#include "node_network.h"

#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "tally/limits.h"

#include <string.h>

void network_begin(struct node_network *network)
{
    *network = (struct node_network){.map_count = 0};
}

static uint8_t byte_at(struct tally_bytes bytes, size_t at)
{
    return at < bytes.size ? bytes.data[at] : 0;
}

/* An address of three bytes: of the wide network, of a LAN, of this machine, of IPv6. */
static struct tally_address address_at(struct tally_bytes bytes, size_t at)
{
    static const uint8_t starts[][4] = {{60}, {10, 0}, {192, 168}, {127}, {100, 64}, {169, 254}};
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 4001};
    uint8_t kind = byte_at(bytes, at);
    if (kind % 8 < 6) {
        memcpy(address.ip + 12, starts[kind % 8], 2);
    } else {
        static const uint8_t wide[16] = {0x20, 0x01, 0x48, 0x60}, near[16] = {0xfe, 0x80};
        memcpy(address.ip, kind % 8 == 6 ? wide : near, 16);
    }
    address.ip[14] = byte_at(bytes, at + 1);
    address.ip[15] = byte_at(bytes, at + 2);
    if (kind / 8 % 8 == 1)
        address.port = 53;
    return address;
}

/* ---- What happens. ---- */

static void links(struct node_network *network, struct tally_bytes bytes, struct tally_event *event)
{
    event->kind = TALLY_EVENT_LINKS;
    network->interface_count = byte_at(bytes, 0) % (NETWORK_INTERFACES + 1);
    for (size_t i = 0; i < network->interface_count; i++) {
        struct tally_interface *interface = &network->interfaces[i];
        *interface = (struct tally_interface){.index = 1 + byte_at(bytes, 1 + 5 * i) % 4,
                                              .name = "fuzz0",
                                              .address = address_at(bytes, 2 + 5 * i),
                                              .prefix_bits = byte_at(bytes, 5 + 5 * i) % 129,
                                              .multicast = byte_at(bytes, 1 + 5 * i) < 128};
        interface->address.port = 0;
    }
    event->links.list = network->interfaces;
    event->links.count = network->interface_count;
}

static void multicast(struct tally_bytes bytes, uint8_t how, struct tally_event *event)
{
    event->kind = TALLY_EVENT_MULTICAST;
    event->multicast.interface = 1 + how / 8 % 4;
    event->multicast.from = address_at(bytes, 0);
    event->multicast.from.port = how % 2 == 0 ? 5353 : 4001;
    event->multicast.group = how / 2 % 2 == 0;
    event->multicast.bytes = bytes;
}

static uint64_t ticket_of(uint64_t *list, size_t *count, uint8_t which)
{
    if (*count == 0)
        return which;
    size_t at = which % *count;
    uint64_t ticket = list[at];
    list[at] = list[--*count];
    return ticket;
}

static void mapped(struct node_network *network, struct tally_bytes bytes,
                   struct tally_event *event)
{
    static const enum tally_error errors[] = {TALLY_OK,        TALLY_OK,          TALLY_OK,
                                              TALLY_TIMED_OUT, TALLY_UNREACHABLE, TALLY_NEWER,
                                              TALLY_REFUSED,   TALLY_IN_USE,      TALLY_TOO_LARGE,
                                              TALLY_MISMATCH,  TALLY_MALFORMED};
    event->kind = TALLY_EVENT_MAPPED;
    event->mapped.ticket = ticket_of(network->maps, &network->map_count, byte_at(bytes, 0));
    event->mapped.error = errors[byte_at(bytes, 1) % (sizeof errors / sizeof *errors)];
    event->mapped.protocol = byte_at(bytes, 2) % 2 == 0 ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP;
    event->mapped.lifetime_s = (uint32_t)byte_at(bytes, 3) * byte_at(bytes, 3) * 200;
    event->mapped.epoch_s = (uint32_t)byte_at(bytes, 4) * 60;
    event->mapped.outer = address_at(bytes, 5);
    event->mapped.gateway = address_at(bytes, 8);
    if (byte_at(bytes, 1) >= 200)
        event->mapped.gateway = (struct tally_address){.port = 0};
}

static void gateway(struct tally_bytes bytes, struct tally_event *event)
{
    event->kind = TALLY_EVENT_GATEWAY;
    event->gateway.protocol = byte_at(bytes, 0) % 2 == 0 ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP;
    event->gateway.epoch_s = (uint32_t)byte_at(bytes, 1) * 60;
    event->gateway.gateway = address_at(bytes, 2);
    event->gateway.outer = address_at(bytes, 5);
    event->gateway.outer.port = 0;
}

static void resolved(struct node_network *network, struct tally_bytes bytes,
                     struct tally_event *event)
{
    static const enum tally_error errors[] = {TALLY_OK, TALLY_OK, TALLY_NOT_FOUND, TALLY_TIMED_OUT};
    event->kind = TALLY_EVENT_RESOLVED;
    event->resolved.ticket =
        ticket_of(network->resolves, &network->resolve_count, byte_at(bytes, 0));
    event->resolved.error = errors[byte_at(bytes, 1) % 4];
    event->resolved.list = network->resolved;
    event->resolved.count =
        event->resolved.error == TALLY_OK ? byte_at(bytes, 2) % (NETWORK_RESOLVED + 1) : 0;
    for (size_t i = 0; i < event->resolved.count; i++) {
        struct tally_resolved *one = &network->resolved[i];
        uint8_t kind = byte_at(bytes, 3 + 4 * i);
        *one = (struct tally_resolved){.has_key = kind % 2 == 0,
                                       .key = {{kind, 1}},
                                       .address = address_at(bytes, 4 + 4 * i),
                                       .transport = kind % 4 < 2 ? TALLY_TRANSPORT_UDP
                                                                 : TALLY_TRANSPORT_TCP};
    }
}

void network_event(struct node_network *network, uint8_t how, struct tally_bytes bytes,
                   struct tally_event *event)
{
    *event = (struct tally_event){.kind = TALLY_EVENT_TICK};
    switch (how % 8) {
    case 0:
        links(network, bytes, event);
        return;
    case 1:
        mapped(network, bytes, event);
        return;
    case 2:
        gateway(bytes, event);
        return;
    case 3:
        resolved(network, bytes, event);
        return;
    case 4: /* The operator names somebody, or a domain. */
        event->kind = TALLY_EVENT_COMMAND;
        event->command.kind = how < 128 ? TALLY_COMMAND_BOOTSTRAP : TALLY_COMMAND_DOMAIN;
        event->command.ticket = how;
        if (how >= 128) {
            event->command.domain.name = how % 16 == 4 ? "nodes.example" : "more.example";
            return;
        }
        event->command.bootstrap.address = address_at(bytes, 0);
        event->command.bootstrap.has_key = byte_at(bytes, 3) % 2 == 0;
        event->command.bootstrap.key.bytes[0] = byte_at(bytes, 3);
        event->command.bootstrap.source =
            byte_at(bytes, 4) % 2 == 0 ? TALLY_SOURCE_CONFIGURED : TALLY_SOURCE_REMEMBERED;
        return;
    case 5: /* Or wants to know. */
        event->kind = TALLY_EVENT_COMMAND;
        event->command.kind = how < 64 ? TALLY_COMMAND_CHECK : TALLY_COMMAND_FIND;
        event->command.ticket = how;
        event->command.find.peer = how % 16 < 8;
        event->command.find.key.bytes[0] = byte_at(bytes, 0);
        event->command.find.name_space = bytes_text(byte_at(bytes, 0) % 2 == 0 ? "audit" : "other");
        return;
    default:
        multicast(bytes, how, event);
        return;
    }
}

/* ---- What is asked. ---- */

static bool attached(const struct node_network *network, const struct tally_address *address)
{
    for (size_t i = 0; i < network->interface_count; i++)
        if (address_same_prefix(&network->interfaces[i].address, address,
                                network->interfaces[i].prefix_bits))
            return true;
    return false;
}

/* A question that nobody answers is forgotten: the network is as it is. */
static void remember(uint64_t *list, size_t *count, uint64_t ticket)
{
    if (*count == NETWORK_QUESTIONS)
        memmove(list, list + 1, --*count * sizeof *list);
    list[(*count)++] = ticket;
}

bool network_asked(struct node_network *network, const struct tally_action *action)
{
    if (action->kind == TALLY_ACTION_MAP) {
        remember(network->maps, &network->map_count, action->map.ticket);
        return action->map.timeout_ms > 0 && action->map.inner_port != 0;
    }
    if (action->kind == TALLY_ACTION_RESOLVE) {
        remember(network->resolves, &network->resolve_count, action->resolve.ticket);
        return strlen(action->resolve.name) <= TALLY_DOMAIN_MAX;
    }
    if (action->kind == TALLY_ACTION_MULTICAST) {
        bool known = false;
        for (size_t i = 0; i < network->interface_count; i++)
            known = known || network->interfaces[i].index == action->multicast.interface;
        return known && action->multicast.bytes.size <= TALLY_MDNS_PACKET_MAX;
    }
    const struct tally_address *to =
        action->kind == TALLY_ACTION_SEND ? &action->send.to : &action->dial.to;
    return address_scope_of(to) == ADDRESS_GLOBAL || attached(network, to);
}

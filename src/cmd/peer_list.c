/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/peer_list.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define EXPECTED "expected /ip4/192.0.2.1/udp/4001/p2p/12D3KooW..."

/* What one text says, and in what it may be wrong. */
struct reading {
    struct call *call;
    const char *option; /* "peer", "bootstrap". */
    const char *text;
    struct multiaddr multiaddr;
    struct multiaddr_target target;
};

/* A name is looked up once, at the start. */
static bool resolve(struct call *call, struct tally_bytes name, struct tally_address *address)
{
    char text[256];
    struct addrinfo *found = NULL;
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    (void)snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    int code = getaddrinfo(text, NULL, &wanted, &found);
    uint16_t port = address->port;
    bool good = code == 0 && address_of_socket(found->ai_addr, address);
    address->port = port;
    if (found != NULL)
        freeaddrinfo(found);
    if (!good)
        (void)call_fail_with(call, EXIT_FAILED, TALLY_UNREACHABLE, text,
                             "the name %s of a --peer is not known: %s", text, gai_strerror(code));
    return good;
}

/* What follows /p2p/ is the usual mistake, and worth its own sentence. */
static bool id_is_wrong(const char *text)
{
    struct multiaddr before;
    const char *id = strstr(text, "/p2p/");
    return id != NULL && multiaddr_parse(bytes_of(text, (size_t)(id - text)), &before);
}

/* The wildcard, multicast and broadcast are for listening or for many. */
static bool one_can_answer(const struct tally_address *address)
{
    bool four = address_is_v4(address);
    uint8_t first = four ? address->ip[12] : address->ip[0];
    return address->port != 0 && !address_is_any(address) &&
           (four ? first != 0 && first < 224 : first != 0xff);
}

/* An address of one node, with an id of ours if it has one. False, and that was said. */
static bool read_target(struct reading *reading)
{
    const char *option = reading->option, *text = reading->text;
    struct multiaddr_target *target = &reading->target;
    struct tally_key key;
    if (!multiaddr_parse(bytes_text(text), &reading->multiaddr)) {
        (void)call_usage(reading->call,
                         id_is_wrong(text)
                             ? "--%s \"%.199s\" is not a multiaddr: what follows /p2p/ must be "
                               "a whole peer id, as tally run prints it"
                             : "--%s \"%.199s\" is not a multiaddr: " EXPECTED,
                         option, text);
        return false;
    }
    if (!multiaddr_target(bytes_of(reading->multiaddr.bytes, reading->multiaddr.size), target) ||
        target->transport == MULTIADDR_NONE || target->zone.size > 0) {
        (void)call_usage(reading->call,
                         "--%s \"%.200s\" is no address that can be dialled: " EXPECTED, option,
                         text);
        return false;
    }
    if (target->address.port == 0 ||
        (target->name.size == 0 && !one_can_answer(&target->address))) {
        (void)call_usage(reading->call,
                         "--%s \"%.200s\" is no address of one node: it needs a port that is "
                         "not 0 and an IP that is neither 0.0.0.0, multicast nor broadcast",
                         option, text);
        return false;
    }
    if (target->has_peer && !peer_id_key(&target->peer, &key)) {
        (void)call_usage(reading->call,
                         "--%s \"%.200s\" is not of an Ed25519 key: ids of nodes begin "
                         "with 12D3KooW",
                         option, text);
        return false;
    }
    return true;
}

/* ---- --peer ---- */

static bool read_peer(struct call *call, const char *text, struct tally_key *key,
                      struct tally_address *address, enum exit_code *code)
{
    struct reading reading = {.call = call, .option = "peer", .text = text};
    const struct multiaddr_target *target = &reading.target;
    *code = EXIT_USAGE;
    if (!read_target(&reading))
        return false;
    if (!target->has_peer) {
        (void)call_usage(call,
                         "--peer \"%.200s\" has no /p2p/12D3KooW... at its end, which says whom to "
                         "expect there",
                         text);
        return false;
    }
    (void)peer_id_key(&target->peer, key);
    *address = target->address;
    if (target->name.size > 0 && !resolve(call, target->name, address)) {
        *code = EXIT_FAILED;
        return false;
    }
    return true;
}

bool peer_list_read(struct call *call, struct peer_list *peers, enum exit_code *code)
{
    const char *text;
    peers->count = 0;
    for (size_t i = 0; (text = call_option_at(call, "peer", i)) != NULL; i++) {
        if (peers->count == PEER_LIST_MAX) {
            *code = call_usage(call, "more than %d times --peer", PEER_LIST_MAX);
            return false;
        }
        if (!read_peer(call, text, &peers->list[i].key, &peers->list[i].address, code))
            return false;
        peers->count++;
    }
    return true;
}

/* ---- --bootstrap ---- */

static bool copy_name(struct call *call, const char *text, struct tally_bytes name,
                      char copy[TALLY_DOMAIN_MAX + 1])
{
    (void)snprintf(copy, TALLY_DOMAIN_MAX + 1, "%.*s", (int)name.size, (const char *)name.data);
    if (name.size <= TALLY_DOMAIN_MAX && dns_name_valid(copy))
        return true;
    (void)call_usage(call,
                     "--bootstrap \"%.200s\" has no name that DNS knows: labels of letters, digits "
                     "and dashes, with dots between them, as example.org",
                     text);
    return false;
}

static enum dns_family family_of(const char *text)
{
    if (strncmp(text, "/dns4/", 6) == 0)
        return DNS_IP4;
    return strncmp(text, "/dns6/", 6) == 0 ? DNS_IP6 : DNS_ANY;
}

static bool read_bootstrap(struct call *call, const char *text, struct host_bootstrap *bootstrap)
{
    struct reading reading = {.call = call, .option = "bootstrap", .text = text};
    const struct multiaddr_target *target = &reading.target;
    struct dns_question *question = &bootstrap->question;
    *bootstrap = (struct host_bootstrap){.text = text, .kind = HOST_BOOTSTRAP_ADDRESS};
    if (strncmp(text, "dns:", 4) == 0) {
        bootstrap->kind = HOST_BOOTSTRAP_DOMAIN;
        question->domain = true;
        return copy_name(call, text, bytes_text(text + 4), question->name);
    }
    if (strncmp(text, "/dnsaddr/", 9) == 0) {
        (void)call_usage(call, "--bootstrap \"%.200s\" names a domain: say dns:%.200s", text,
                         text + 9);
        return false;
    }
    if (!read_target(&reading))
        return false;
    question->has_key = target->has_peer && peer_id_key(&target->peer, &question->key);
    question->family = family_of(text);
    question->port = target->address.port;
    question->transport =
        target->transport == MULTIADDR_TCP ? TALLY_TRANSPORT_TCP : TALLY_TRANSPORT_UDP;
    bootstrap->address = target->address;
    if (target->name.size == 0)
        return true;
    bootstrap->kind = HOST_BOOTSTRAP_NAME;
    return copy_name(call, text, target->name, question->name);
}

bool bootstrap_list_read(struct call *call, struct bootstrap_list *bootstraps, enum exit_code *code)
{
    const char *text;
    bootstraps->count = 0;
    *code = EXIT_USAGE;
    for (size_t i = 0; (text = call_option_at(call, "bootstrap", i)) != NULL; i++) {
        if (bootstraps->count == HOST_BOOTSTRAPS_MAX) {
            *code = call_usage(call, "more than %d times --bootstrap", HOST_BOOTSTRAPS_MAX);
            return false;
        }
        if (!read_bootstrap(call, text, &bootstraps->list[i]))
            return false;
        bootstraps->count++;
    }
    return true;
}

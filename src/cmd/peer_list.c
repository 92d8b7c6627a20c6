/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/peer_list.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"

#include <netdb.h>
#include <stdio.h>

#define EXPECTED "expected /ip4/192.0.2.1/udp/4001/p2p/12D3KooW..."

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

static bool read_one(struct call *call, const char *text, struct tally_key *key,
                     struct tally_address *address, enum exit_code *code)
{
    struct multiaddr multiaddr;
    struct multiaddr_target target;
    *code = EXIT_USAGE;
    if (!multiaddr_parse(bytes_text(text), &multiaddr)) {
        (void)call_usage(call,
                         id_is_wrong(text)
                             ? "--peer \"%.199s\" is not a multiaddr: what follows /p2p/ must be "
                               "a whole peer id, as tally run prints it"
                             : "--peer \"%.199s\" is not a multiaddr: " EXPECTED,
                         text);
        return false;
    }
    if (!multiaddr_target((struct tally_bytes){multiaddr.bytes, multiaddr.size}, &target) ||
        target.transport == MULTIADDR_NONE || target.zone.size > 0) {
        (void)call_usage(call, "--peer \"%.200s\" is no address that can be dialled: " EXPECTED,
                         text);
        return false;
    }
    if (target.name.size == 0 && !one_can_answer(&target.address)) {
        (void)call_usage(call,
                         "--peer \"%.200s\" is no address of one node: it needs a port that is "
                         "not 0 and an IP that is neither 0.0.0.0, multicast nor broadcast",
                         text);
        return false;
    }
    if (!target.has_peer) {
        (void)call_usage(call,
                         "--peer \"%.200s\" has no /p2p/12D3KooW... at its end, which says whom to "
                         "expect there",
                         text);
        return false;
    }
    if (!peer_id_key(&target.peer, key)) {
        (void)call_usage(call,
                         "--peer \"%.200s\" is not of an Ed25519 key: ids of nodes begin "
                         "with 12D3KooW",
                         text);
        return false;
    }
    *address = target.address;
    if (target.name.size > 0 && !resolve(call, target.name, address)) {
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
        if (!read_one(call, text, &peers->list[i].key, &peers->list[i].address, code))
            return false;
        peers->count++;
    }
    return true;
}

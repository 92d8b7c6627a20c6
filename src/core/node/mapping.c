/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/mapping.h"

#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"

static bool is_v4(const struct tally_address *address)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, v4, sizeof v4) == 0;
}

static bool is_any(const struct tally_address *address)
{
    return address_scope_of(address) == ADDRESS_NOWHERE;
}

/*
 * The nonce must be the same in our next life: a gateway that still holds a mapping of this one
 * refuses another (RFC 6887 section 11.3). So it is made of the key, by a signature that nobody
 * ever sees: whoever could guess it could sign for us.
 */
static void nonce_draw(const struct tally_crypto *crypto, bool ipv6, enum tally_transport transport,
                       uint8_t nonce[PCP_NONCE_SIZE])
{
    static const char domain[] = SIGN_DOMAIN_PCP_NONCE;
    uint8_t message[sizeof domain + 1];
    struct tally_signature signature;
    struct tally_hash hash;
    memcpy(message, domain, sizeof domain - 1);
    message[sizeof domain - 1] = ipv6;
    message[sizeof domain] = (uint8_t)transport;
    crypto->sign(crypto->context, bytes_of(message, sizeof message), &signature);
    hash_sha256(bytes_of(signature.bytes, sizeof signature.bytes), &hash);
    memcpy(nonce, hash.bytes, PCP_NONCE_SIZE);
    hash_wipe(&signature, sizeof signature);
    hash_wipe(&hash, sizeof hash);
}

void mapping_init(struct mapping *mapping, const struct tally_node_options *options)
{
    *mapping =
        (struct mapping){.listen = options->listen,
                         .on = options->profile == TALLY_PROFILE_AUTO && options->listen.port != 0};
    for (unsigned i = 0; i < MAPPING_FAMILIES; i++) {
        struct lease_options lease = {
            .port = options->listen.port, .ipv6 = i == MAPPING_IPV6, .seed = options->seed + 3 + i};
        for (unsigned j = 0; j < LEASE_TRANSPORTS && mapping->on; j++)
            nonce_draw(&options->crypto, lease.ipv6, (enum tally_transport)j, lease.nonces[j]);
        lease_init(&mapping->leases[i], &lease);
    }
}

/* An own address that is worth mapping: of that family, where we listen, and such that others
   behind the gateway could use it. */
static bool is_usable(const struct mapping *mapping, const struct tally_address *address, bool ipv6)
{
    enum address_scope scope = address_scope_of(address);
    const struct tally_address *listen = &mapping->listen;
    if (is_v4(address) == ipv6 || (ipv6 && is_v4(listen)))
        return false;
    if (!is_any(listen) && !address_same_prefix(address, listen, 128))
        return false;
    /* An IPv6 gateway maps nothing, it only lets in: private addresses stay private. */
    return ipv6 ? scope == ADDRESS_GLOBAL
                : scope != ADDRESS_NOWHERE && scope != ADDRESS_LOOPBACK &&
                      scope != ADDRESS_LINK_LOCAL;
}

static bool any_usable(const struct mapping *mapping, const struct tally_event *event, bool ipv6)
{
    for (size_t i = 0; i < event->links.count; i++)
        if (is_usable(mapping, &event->links.list[i].address, ipv6))
            return true;
    return false;
}

void mapping_on_event(struct mapping *mapping, struct tally_now now,
                      const struct tally_event *event, struct lease_news *news)
{
    for (unsigned i = 0; i < MAPPING_FAMILIES && mapping->on; i++) {
        struct lease *lease = &mapping->leases[i];
        if (event->kind == TALLY_EVENT_LINKS)
            lease_links(lease, now, any_usable(mapping, event, i == MAPPING_IPV6), &news[i]);
        else if (event->kind == TALLY_EVENT_MAPPED)
            lease_on_mapped(lease, now, event, &news[i]);
        else if (event->kind == TALLY_EVENT_GATEWAY)
            lease_on_gateway(lease, now, event);
    }
}

struct tally_mono mapping_deadline(const struct mapping *mapping)
{
    struct tally_mono a = lease_deadline(&mapping->leases[MAPPING_IPV4]);
    struct tally_mono b = lease_deadline(&mapping->leases[MAPPING_IPV6]);
    return a.ms < b.ms ? a : b;
}

void mapping_tick(struct mapping *mapping, struct tally_now now, struct lease_news *news,
                  struct outbox *out)
{
    for (unsigned i = 0; i < MAPPING_FAMILIES; i++)
        lease_tick(&mapping->leases[i], now, &news[i], out);
}

void mapping_stop(struct mapping *mapping, struct outbox *out)
{
    for (unsigned i = 0; i < MAPPING_FAMILIES; i++)
        lease_stop(&mapping->leases[i], out);
}

bool mapping_find(const struct mapping *mapping, size_t index, struct lease_view *view)
{
    for (unsigned i = 0; i < MAPPING_FAMILIES * LEASE_TRANSPORTS; i++)
        if (lease_view(&mapping->leases[i / LEASE_TRANSPORTS],
                       (enum tally_transport)(i % LEASE_TRANSPORTS), view) &&
            index-- == 0)
            return true;
    return false;
}

void mapping_status(const struct mapping *mapping, struct tally_node_status *status)
{
    struct lease_view view;
    /* IPv4 is what needs it; IPv6 only where it alone has something to tell. */
    const struct lease *lease = &mapping->leases[MAPPING_IPV4];
    if (lease_state(lease) == TALLY_LEASE_NONE &&
        lease_state(&mapping->leases[MAPPING_IPV6]) == TALLY_LEASE_HELD)
        lease = &mapping->leases[MAPPING_IPV6];
    status->lease = lease_state(lease);
    status->lease_error = lease->error;
    status->gateway = lease->gateway;
    if (lease_view(lease, TALLY_TRANSPORT_UDP, &view) ||
        lease_view(lease, TALLY_TRANSPORT_TCP, &view)) {
        status->mapping = view.protocol;
        status->outer = view.outer;
    }
}

bool mapping_holds(const struct mapping *mapping)
{
    return lease_holds(&mapping->leases[MAPPING_IPV4]) &&
           lease_holds(&mapping->leases[MAPPING_IPV6]);
}

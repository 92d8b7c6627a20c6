/* SPDX-License-Identifier: Apache-2.0 */
#include "nat.h"
#include "core/base/bytes.h"
#include "memory.h"

enum { SECOND_US = 1000000, PORT_LEAST = 1024 };

static const struct tally_address nowhere;

void nat_init(struct nat *nat, const struct nat_options *options, uint64_t now_us, uint64_t seed)
{
    *nat = (struct nat){.options = *options, .chance = {seed}, .began_us = now_us};
    if (nat->options.timeout_us == 0)
        nat->options.timeout_us = (uint64_t)NAT_TIMEOUT_S * SECOND_US;
}

void nat_free(struct nat *nat)
{
    memory_free(nat->mappings);
    memory_free(nat->flows);
}

static bool same_host(const struct tally_address *a, const struct tally_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static uint64_t until_us(const struct nat *nat, uint64_t now_us, enum tally_transport transport)
{
    return now_us + (transport == TALLY_TRANSPORT_UDP ? nat->options.timeout_us
                                                      : (uint64_t)NAT_TCP_TIMEOUT_S * SECOND_US);
}

/* ---- Mappings. ---- */

static bool port_taken(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
                       uint16_t port)
{
    for (size_t i = 0; i < nat->mapping_count; i++) {
        const struct nat_mapping *mapping = &nat->mappings[i];
        if (mapping->outer_port == port && mapping->transport == transport &&
            mapping->until_us > now_us)
            return true;
    }
    return false;
}

/* The port that is wished for, if it is free; else one that is. */
static uint16_t port_draw(struct nat *nat, uint64_t now_us, enum tally_transport transport,
                          uint16_t wish)
{
    uint16_t port = wish;
    while (port < PORT_LEAST || port_taken(nat, now_us, transport, port))
        port = (uint16_t)(PORT_LEAST + random_below(&nat->chance, UINT16_MAX - PORT_LEAST));
    return port;
}

static struct nat_mapping *mapping_add(struct nat *nat, uint64_t now_us)
{
    if (nat->mapping_count == nat->mapping_capacity) {
        size_t kept = 0;
        for (size_t i = 0; i < nat->mapping_count; i++)
            if (nat->mappings[i].until_us > now_us)
                nat->mappings[kept++] = nat->mappings[i];
        nat->mapping_count = kept;
        nat->mappings = memory_room(nat->mappings, &nat->mapping_capacity, kept + kept / 2 + 1,
                                    sizeof *nat->mappings);
    }
    return &nat->mappings[nat->mapping_count++];
}

static struct nat_mapping *lease_find(const struct nat *nat, uint64_t now_us,
                                      enum tally_transport transport,
                                      const struct tally_address *inner)
{
    for (size_t i = 0; i < nat->mapping_count; i++) {
        struct nat_mapping *mapping = &nat->mappings[i];
        if (mapping->leased && mapping->transport == transport && mapping->until_us > now_us &&
            address_equal(&mapping->inner, inner))
            return mapping;
    }
    return NULL;
}

static struct nat_mapping *mapping_find(const struct nat *nat, uint64_t now_us,
                                        enum tally_transport transport,
                                        const struct tally_address *inner,
                                        const struct tally_address *remote)
{
    for (size_t i = 0; i < nat->mapping_count; i++) {
        struct nat_mapping *mapping = &nat->mappings[i];
        if (!mapping->leased && mapping->transport == transport && mapping->until_us > now_us &&
            address_equal(&mapping->inner, inner) && address_equal(&mapping->remote, remote))
            return mapping;
    }
    return NULL;
}

/* ---- Flows. ---- */

static struct nat_flow *flow_find(const struct nat *nat, enum tally_transport transport,
                                  uint16_t outer_port, const struct tally_address *remote)
{
    for (size_t i = 0; i < nat->flow_count; i++) {
        struct nat_flow *flow = &nat->flows[i];
        if (flow->outer_port == outer_port && flow->transport == transport &&
            address_equal(&flow->remote, remote))
            return flow;
    }
    return NULL;
}

static void flow_take(struct nat *nat, uint64_t now_us, enum tally_transport transport,
                      uint16_t outer_port, const struct tally_address *remote)
{
    struct nat_flow *flow = flow_find(nat, transport, outer_port, remote);
    if (flow == NULL) {
        if (nat->flow_count == nat->flow_capacity) {
            size_t kept = 0;
            for (size_t i = 0; i < nat->flow_count; i++)
                if (nat->flows[i].until_us > now_us)
                    nat->flows[kept++] = nat->flows[i];
            nat->flow_count = kept;
            nat->flows =
                memory_room(nat->flows, &nat->flow_capacity, kept + kept / 2 + 1, sizeof *flow);
        }
        flow = &nat->flows[nat->flow_count++];
        *flow =
            (struct nat_flow){.remote = *remote, .transport = transport, .outer_port = outer_port};
    }
    flow->until_us = until_us(nat, now_us, transport);
}

/* Whether something was sent from that port to the remote, or with any_port to its IP. */
static bool flowed(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
                   uint16_t outer_port, const struct tally_address *remote, bool any_port)
{
    for (size_t i = 0; i < nat->flow_count; i++) {
        const struct nat_flow *flow = &nat->flows[i];
        if (flow->outer_port == outer_port && flow->transport == transport &&
            flow->until_us > now_us && same_host(&flow->remote, remote) &&
            (any_port || flow->remote.port == remote->port))
            return true;
    }
    return false;
}

/* ---- Packets. ---- */

uint16_t nat_out(struct nat *nat, uint64_t now_us, enum tally_transport transport,
                 const struct tally_address *inner, const struct tally_address *remote)
{
    struct nat_mapping *mapping = lease_find(nat, now_us, transport, inner);
    bool symmetric = nat->options.type == NAT_SYMMETRIC;
    if (mapping == NULL) {
        const struct tally_address *of = symmetric ? remote : &nowhere;
        mapping = mapping_find(nat, now_us, transport, inner, of);
        if (mapping == NULL) {
            uint16_t port = port_draw(nat, now_us, transport, symmetric ? 0 : inner->port);
            mapping = mapping_add(nat, now_us);
            *mapping = (struct nat_mapping){
                .inner = *inner, .remote = *of, .transport = transport, .outer_port = port};
        }
        mapping->until_us = until_us(nat, now_us, transport);
    }
    flow_take(nat, now_us, transport, mapping->outer_port, remote);
    return mapping->outer_port;
}

static const struct nat_mapping *mapping_at(const struct nat *nat, uint64_t now_us,
                                            enum tally_transport transport, uint16_t outer_port)
{
    for (size_t i = 0; i < nat->mapping_count; i++) {
        const struct nat_mapping *mapping = &nat->mappings[i];
        if (mapping->outer_port == outer_port && mapping->transport == transport &&
            mapping->until_us > now_us)
            return mapping;
    }
    return NULL;
}

static bool may_enter(const struct nat *nat, uint64_t now_us, const struct nat_mapping *mapping,
                      const struct tally_address *remote)
{
    if (mapping->leased)
        return true;
    switch (nat->options.type) {
    case NAT_NONE:
    case NAT_FULL:
        return true;
    case NAT_ADDRESS:
    case NAT_PORT:
        return flowed(nat, now_us, mapping->transport, mapping->outer_port, remote,
                      nat->options.type == NAT_ADDRESS);
    case NAT_SYMMETRIC:
        return address_equal(&mapping->remote, remote);
    }
    return false;
}

bool nat_in(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
            uint16_t outer_port, const struct tally_address *remote, struct tally_address *inner,
            bool *asked)
{
    const struct nat_mapping *mapping = mapping_at(nat, now_us, transport, outer_port);
    if (mapping == NULL || !may_enter(nat, now_us, mapping, remote))
        return false;
    *inner = mapping->inner;
    *asked = flowed(nat, now_us, transport, outer_port, remote, false);
    return true;
}

bool nat_owner(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
               uint16_t outer_port, struct tally_address *inner)
{
    const struct nat_mapping *mapping = mapping_at(nat, now_us, transport, outer_port);
    if (mapping != NULL)
        *inner = mapping->inner;
    return mapping != NULL;
}

/* ---- The gateway. ---- */

uint32_t nat_epoch_s(const struct nat *nat, uint64_t now_us)
{
    return (uint32_t)((now_us - nat->began_us) / SECOND_US);
}

static unsigned lease_count(const struct nat *nat, uint64_t now_us)
{
    unsigned count = 0;
    for (size_t i = 0; i < nat->mapping_count; i++)
        count += nat->mappings[i].leased && nat->mappings[i].until_us > now_us;
    return count;
}

static uint32_t granted_s(uint32_t wished_s)
{
    if (wished_s < NAT_LEASE_LEAST_S)
        return NAT_LEASE_LEAST_S;
    return wished_s < NAT_LEASE_LONGEST_S ? wished_s : NAT_LEASE_LONGEST_S;
}

/* A port that is taken is not refused: another one is granted, the next that is free. */
static uint16_t port_near(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
                          uint16_t wish)
{
    uint16_t port = wish < PORT_LEAST ? PORT_LEAST : wish;
    while (port_taken(nat, now_us, transport, port))
        port = port == UINT16_MAX ? PORT_LEAST : (uint16_t)(port + 1);
    return port;
}

struct nat_grant nat_map(struct nat *nat, uint64_t now_us, const struct tally_address *host,
                         const struct nat_request *request)
{
    struct nat_grant grant = {.epoch_s = nat_epoch_s(nat, now_us)};
    struct tally_address inner = *host;
    inner.port = request->inner_port;
    if (nat->options.gateway == TALLY_MAPPING_NONE) {
        grant.error = TALLY_TIMED_OUT;
        return grant;
    }
    if (nat->options.gateway != request->protocol) {
        grant.error = TALLY_NEWER; /* «Unsupported version» in both. */
        return grant;
    }
    struct nat_mapping *lease = lease_find(nat, now_us, request->transport, &inner);
    bool pcp = request->protocol == TALLY_MAPPING_PCP;
    if (lease != NULL && pcp && memcmp(lease->nonce, request->nonce, sizeof lease->nonce) != 0) {
        grant.error = TALLY_REFUSED; /* RFC 6887 section 11.3: NOT_AUTHORIZED. */
        return grant;
    }
    if (request->lifetime_s == 0) {
        if (lease != NULL)
            lease->until_us = now_us;
        return grant;
    }
    if (lease == NULL && lease_count(nat, now_us) == NAT_LEASES_MAX) {
        grant.error = TALLY_TOO_LARGE;
        return grant;
    }
    if (lease == NULL) {
        /* What went out before under this port is the same host's: the lease takes its place. */
        struct nat_mapping *before =
            mapping_find(nat, now_us, request->transport, &inner, &nowhere);
        if (before != NULL)
            before->until_us = now_us;
        uint16_t port = port_near(nat, now_us, request->transport, request->outer_port);
        lease = mapping_add(nat, now_us);
        *lease = (struct nat_mapping){
            .inner = inner, .transport = request->transport, .outer_port = port, .leased = true};
        memcpy(lease->nonce, request->nonce, sizeof lease->nonce);
    }
    grant.outer_port = lease->outer_port;
    grant.lifetime_s = granted_s(request->lifetime_s);
    lease->until_us = now_us + (uint64_t)grant.lifetime_s * SECOND_US;
    return grant;
}

void nat_restart(struct nat *nat, uint64_t now_us)
{
    nat->mapping_count = nat->flow_count = 0;
    nat->began_us = now_us;
    nat->restarts++;
}

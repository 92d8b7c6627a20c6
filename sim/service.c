/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"
#include "core/base/bytes.h"
#include "memory.h"
#include "world.h"

static void post(struct world *world, uint32_t slot, struct letter *letter, uint32_t least_ms,
                 uint32_t most_ms)
{
    uint64_t us = least_ms * 1000u +
                  random_below(&world->slots[slot].chance, (most_ms - least_ms) * 1000u + 1);
    world_put(world, slot, slot, world->now_us + us, HAPPENING_LETTER, letter);
}

static struct letter *letter_new(const struct tally_event *event, size_t count)
{
    struct letter *letter = memory_new(1, sizeof *letter + count * sizeof *letter->list);
    letter->event = *event;
    return letter;
}

/* ---- The gateway. ---- */

/* The first host of the LAN: the inside of its box. */
static struct tally_address gateway_address(const struct lan *lan)
{
    struct tally_address address = {.ip = {[10] = 0xff, [11] = 0xff}};
    be32_write(address.ip + 12, lan->base + 1);
    return address;
}

void service_map(struct world *world, uint32_t slot, const struct tally_action *action)
{
    const struct slot *at = &world->slots[slot];
    struct lan *lan = lan_of(world, slot);
    struct tally_event event = {
        .kind = TALLY_EVENT_MAPPED,
        .mapped = {.ticket = action->map.ticket, .protocol = action->map.protocol}};
    if (lan == NULL) {
        /* A router that is silent; or none at all, where nothing leads out. */
        event.mapped.error = at->lan == 0 ? TALLY_TIMED_OUT : TALLY_UNREACHABLE;
    } else {
        struct nat_request request = {.protocol = action->map.protocol,
                                      .transport = action->map.transport,
                                      .inner_port = action->map.inner_port,
                                      .outer_port = action->map.outer_port,
                                      .lifetime_s = action->map.lifetime_s};
        memcpy(request.nonce, action->map.nonce, sizeof request.nonce);
        struct nat_grant grant = nat_map(&lan->nat, world->now_us, &at->own, &request);
        event.mapped.error = grant.error;
        event.mapped.lifetime_s = grant.lifetime_s;
        event.mapped.epoch_s = grant.epoch_s;
        event.mapped.outer = lan->outer;
        event.mapped.outer.port = grant.outer_port;
        event.mapped.gateway = gateway_address(lan);
    }
    struct letter *letter = letter_new(&event, 0);
    if (event.mapped.error == TALLY_TIMED_OUT)
        post(world, slot, letter, action->map.timeout_ms, action->map.timeout_ms);
    else
        post(world, slot, letter, GATEWAY_LEAST_MS, GATEWAY_MOST_MS);
}

void service_tell_gateway(struct world *world, uint32_t slot)
{
    const struct lan *lan = lan_of(world, slot);
    if (lan == NULL)
        return;
    const struct tally_event event = {.kind = TALLY_EVENT_GATEWAY,
                                      .gateway = {.protocol = lan->nat.options.gateway,
                                                  .epoch_s = nat_epoch_s(&lan->nat, world->now_us),
                                                  .gateway = gateway_address(lan)}};
    post(world, slot, letter_new(&event, 0), GATEWAY_LEAST_MS, GATEWAY_MOST_MS);
}

/* ---- DNS. ---- */

static struct world_domain *domain_find(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->domain_count; i++)
        if (strcmp(world->domains[i].name, name) == 0)
            return &world->domains[i];
    return NULL;
}

void service_domain(struct world *world, const char *name, const uint32_t *slots, size_t count,
                    bool silent, bool keyless)
{
    struct world_domain *domain = domain_find(world, name);
    if (domain == NULL) {
        world->domains = memory_room(world->domains, &world->domain_capacity,
                                     world->domain_count + 1, sizeof *domain);
        domain = &world->domains[world->domain_count++];
        *domain = (struct world_domain){.name = world_name(world, name)};
    }
    memory_free(domain->slots);
    domain->slots = memory_copy(slots, count * sizeof *slots);
    domain->count = count;
    domain->silent = silent;
    domain->keyless = keyless;
}

void service_resolve(struct world *world, uint32_t slot, const struct tally_action *action)
{
    const struct world_domain *domain = domain_find(world, action->resolve.name);
    size_t count = domain == NULL ? 0 : domain->count;
    if (count > DNS_NODES_MAX)
        count = DNS_NODES_MAX;
    struct tally_event event = {.kind = TALLY_EVENT_RESOLVED,
                                .resolved = {.ticket = action->resolve.ticket,
                                             .error = count > 0 ? TALLY_OK : TALLY_NOT_FOUND,
                                             .count = count * 2}};
    if (domain != NULL && domain->silent) {
        event.resolved.error = TALLY_TIMED_OUT;
        event.resolved.count = count = 0;
    }
    struct letter *letter = letter_new(&event, count * 2);
    for (size_t i = 0; i < count; i++)
        for (unsigned transport = 0; transport < 2; transport++) {
            struct tally_resolved *one = &letter->list[2 * i + transport];
            /* What the world is told is where the wide network finds it, be the asker next door. */
            *one = (struct tally_resolved){.has_key = !domain->keyless,
                                           .address = lan_outer_address(world, domain->slots[i]),
                                           .transport = (enum tally_transport)transport};
            if (one->has_key)
                one->key = world->slots[domain->slots[i]].signer.key;
        }
    letter->event.resolved.list = letter->list;
    if (event.resolved.error == TALLY_TIMED_OUT)
        post(world, slot, letter, DNS_TIMEOUT_MS, DNS_TIMEOUT_MS);
    else
        post(world, slot, letter, DNS_LEAST_MS, DNS_MOST_MS);
}

/* ---- The machine. ---- */

void service_tell_links(struct world *world, uint32_t slot)
{
    struct tally_interface interface;
    lan_interface(world, slot, &interface);
    world_step(world, slot,
               &(struct tally_event){.kind = TALLY_EVENT_LINKS, .links = {&interface, 1}});
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/joining.h"

#include "core/base/bytes.h"
#include "core/node/node.h"

#include <stdlib.h>

bool joining_new(struct joining *joining, uint64_t seed)
{
    *joining = (struct joining){.backoff = {.first_ms = JOINING_AGAIN_MS, .cap_ms = JOINING_CAP_MS},
                                .random = {seed}};
    joining->domains = calloc(JOINING_DOMAINS, sizeof *joining->domains);
    return joining->domains != NULL;
}

void joining_free(struct joining *joining)
{
    free(joining->domains);
    joining->domains = NULL;
}

static bool poor(const struct tally_node *node)
{
    return overlay_poor(&node->datagrams.peers);
}

/* ---- Commands. ---- */

enum tally_error joining_bootstrap(struct tally_node *node, struct tally_now now,
                                   const struct tally_command *command)
{
    struct datagrams *datagrams = &node->datagrams;
    const struct tally_address *address = &command->bootstrap.address;
    enum tally_source source = command->bootstrap.source;
    enum tally_hygiene hygiene = address_may_dial(&node->policy, address, source);
    if (hygiene != TALLY_HYGIENE_ALLOWED)
        return TALLY_REFUSED;
    bool taken = command->bootstrap.has_key
                     ? overlay_bootstrap(&datagrams->overlay, now, &datagrams->peers,
                                         &command->bootstrap.key, address, source)
                     : peers_greet_address(&datagrams->peers, address, source, now);
    return taken ? TALLY_OK : TALLY_BUSY;
}

enum tally_error joining_domain(struct tally_node *node, struct tally_now now, const char *name)
{
    struct joining *joining = &node->joining;
    size_t size = strlen(name);
    if (size == 0 || size > TALLY_DOMAIN_MAX)
        return TALLY_BAD_NAME;
    for (size_t i = 0; i < joining->domain_count; i++)
        if (strcmp(joining->domains[i].name, name) == 0)
            return TALLY_OK;
    if (joining->domain_count == JOINING_DOMAINS)
        return TALLY_BUSY;
    struct joining_domain *domain = &joining->domains[joining->domain_count++];
    memcpy(domain->name, name, size + 1);
    domain->ticket = 0;
    joining->next.ms = now.mono.ms + random_jitter(&joining->random, JOINING_DNS_MS, 20);
    return TALLY_OK;
}

/* ---- DNS. ---- */

static void resolved_take(struct tally_node *node, struct tally_now now,
                          const struct tally_resolved *one)
{
    struct datagrams *datagrams = &node->datagrams;
    /* Links are datagrams; who takes streams alone is no help. */
    if (one->transport != TALLY_TRANSPORT_UDP ||
        address_may_dial(&node->policy, &one->address, TALLY_SOURCE_DNS) != TALLY_HYGIENE_ALLOWED)
        return;
    if (!one->has_key)
        (void)peers_greet_address(&datagrams->peers, &one->address, TALLY_SOURCE_DNS, now);
    else
        (void)overlay_found(&datagrams->overlay, now, &datagrams->peers, &one->key, &one->address,
                            TALLY_SOURCE_DNS);
}

void joining_resolved(struct tally_node *node, struct tally_now now,
                      const struct tally_event *event)
{
    struct joining *joining = &node->joining;
    struct joining_domain *domain = NULL;
    for (size_t i = 0; i < joining->domain_count; i++)
        if (joining->domains[i].ticket != 0 && joining->domains[i].ticket == event->resolved.ticket)
            domain = &joining->domains[i];
    if (domain == NULL)
        return;
    domain->ticket = 0;
    /* Not always the first of them: a zone may name more than are wanted. */
    size_t count = event->resolved.count;
    size_t first = count == 0 ? 0 : random_below(&joining->random, (uint32_t)count);
    for (size_t i = 0; i < count && i < JOINING_RESOLVED_MAX; i++)
        resolved_take(node, now, &event->resolved.list[(first + i) % count]);
}

static void domains_ask(struct tally_node *node, struct tally_now now)
{
    struct joining *joining = &node->joining;
    for (size_t i = 0; i < joining->domain_count; i++) {
        if (joining->domains[i].ticket != 0 || !outbox_room(&node->outbox, 1, 0))
            continue;
        joining->domains[i].ticket = ++joining->tickets;
        struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_RESOLVE);
        action->resolve.ticket = joining->domains[i].ticket;
        action->resolve.name = joining->domains[i].name;
    }
    joining->asked = now.mono;
    joining->next.ms = now.mono.ms + backoff_next(&joining->backoff, &joining->random);
}

/* ---- Without the mesh. ---- */

static bool pulls(const struct tally_node *node)
{
    return node->datagrams.peers.links == 0 && node->datagrams.peers.light > 0;
}

/* Nobody's mesh has a place for us, so nobody tells us what is new: we ask. */
static void pull(struct tally_node *node, struct tally_now now)
{
    const struct peers *peers = &node->datagrams.peers;
    const struct peer *chosen = NULL;
    uint32_t met = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->link.state != LINK_LINKED || (chosen != NULL && chosen->configured))
            continue;
        if (peer->configured || random_below(&node->joining.random, ++met) == 0)
            chosen = peer;
    }
    node->joining.pull.ms = now.mono.ms + random_jitter(&node->joining.random, JOINING_PULL_MS, 20);
    if (chosen != NULL)
        sync_start(&node->sync, now, &chosen->key, 0);
}

/* ---- Time. ---- */

struct tally_mono joining_deadline(const struct tally_node *node)
{
    const struct joining *joining = &node->joining;
    struct tally_mono next = TALLY_NEVER;
    if (joining->domain_count > 0 && poor(node))
        next = joining->next;
    if (pulls(node) && joining->pull.ms < next.ms)
        next = joining->pull;
    return next;
}

void joining_tick(struct tally_node *node, struct tally_now now)
{
    struct joining *joining = &node->joining;
    if (!poor(node)) {
        /* When links are wanting again it is asked at once, but not all the time. */
        backoff_reset(&joining->backoff);
        joining->next.ms = joining->asked.ms == 0 ? 0 : joining->asked.ms + JOINING_AGAIN_MS;
    } else if (joining->domain_count > 0 && now.mono.ms >= joining->next.ms) {
        domains_ask(node, now);
    }
    if (!pulls(node))
        joining->pull.ms = now.mono.ms + JOINING_PULL_MS;
    else if (now.mono.ms >= joining->pull.ms)
        pull(node, now);
}

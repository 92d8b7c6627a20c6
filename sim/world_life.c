/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and death of a world's nodes. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "memory.h"
#include "world.h"
#include "world_keys.h"
#include <assert.h>

enum { MET_MAX = 64 }; /* As many as a host remembers (REMEMBER_MAX). */

/* A host writes down whom it is linked with; how soon is its own affair, and here it is at once. Of
   very many nodes none has memory for that. */
static void meet(struct slot *at, const struct tally_key *peer)
{
    if (at->world->checker.light || at->met_count == MET_MAX)
        return;
    for (size_t i = 0; i < at->met_count; i++)
        if (key_equal(&at->met[i], peer))
            return;
    at->met = memory_room(at->met, &at->met_capacity, at->met_count + 1, sizeof *at->met);
    at->met[at->met_count++] = *peer;
}

static void say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    struct slot *at = context;
    struct world *world = at->world;
    uint32_t peer;
    if (trace->kind == TALLY_TRACE_LINKED && trace->peer != NULL)
        meet(at, trace->peer);
    if (trace->kind == TALLY_TRACE_CONFIRMED && world->confirmed != NULL && trace->peer != NULL &&
        world_find(world, trace->peer, &peer))
        world->confirmed[(size_t)at->shown * world->options.nodes + peer] = 1;
    if (world->ear.trace != NULL)
        world->ear.trace(world->ear.context, at->index, trace);
    transcript_trace(&world->transcript, world, at->index, trace);
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct random *secret = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(secret) >> 32);
}

static struct slot_keys *keys_of(struct slot *at)
{
    if (at->keys == NULL)
        at->keys = memory_new(1, sizeof *at->keys);
    return at->keys;
}

/* A node's witness key follows from its own, and is made when it is needed: most never are. */
static bool cosigner_key(void *context, bool make, struct tally_key *key)
{
    struct slot *at = context;
    if (!make && (at->keys == NULL || at->keys->cosigner.provider == NULL))
        return false;
    struct signer *cosigner = &keys_of(at)->cosigner;
    if (cosigner->provider == NULL) {
        uint8_t seed[32];
        const struct tally_bytes part = bytes_text("tally-sim cosigner");
        hash_blake2b(bytes_of(at->signer.seed, sizeof at->signer.seed), &part, 1, seed,
                     sizeof seed);
        signer_init(cosigner, at->signer.provider, seed);
    }
    *key = cosigner->key;
    return true;
}

static void cosigner_sign(void *context, struct tally_bytes message,
                          struct tally_signature *signature)
{
    struct slot *at = context;
    const struct tally_crypto crypto = signer_window(&at->keys->cosigner);
    crypto.sign(crypto.context, message, signature);
}

/* ---- Whom an operator tells it of. ---- */

static void tell(struct world *world, uint32_t slot, const struct tally_command *command)
{
    world_step(world, slot,
               &(struct tally_event){.kind = TALLY_EVENT_COMMAND, .command = *command});
}

static void tell_peer(struct world *world, uint32_t slot, uint32_t peer)
{
    if (peer == world->slots[slot].shown)
        return;
    struct tally_address address = lan_address(world, slot, peer);
    checker_configured(&world->checker, slot, &address);
    tell(world, slot,
         &(struct tally_command){.kind = TALLY_COMMAND_PEER,
                                 .peer = {world->slots[peer].signer.key, address}});
}

/* The peers an operator configured: of those that were there before, so that one of two dials. A
   node that comes back also knows who dialled it, as the daemon does from its file of peers. */
static uint32_t peer_count(const struct world *world, uint32_t slot, uint32_t *others,
                           struct random *chance)
{
    const struct slot *at = &world->slots[slot];
    *others = at->again ? world->options.nodes : at->shown;
    *chance = (struct random){world->options.seed ^ (uint64_t)at->shown << 20};
    return *others < world->options.peers_max ? *others : world->options.peers_max;
}

/* The one of that index: all, where that is not too many, else some, drawn one after the other; of
   all there are not itself, or it might be told of nobody else. */
static uint32_t peer_at(const struct world *world, uint32_t slot, uint32_t others, uint32_t index,
                        struct random *chance)
{
    uint32_t shown = world->slots[slot].shown;
    if (others <= world->options.peers_max)
        return index;
    uint32_t peer = random_below(chance, others > shown ? others - 1 : others);
    return peer + (others > shown && peer >= shown);
}

static void tell_peers(struct world *world, uint32_t slot)
{
    uint32_t others;
    struct random chance;
    uint32_t count = peer_count(world, slot, &others, &chance);
    for (uint32_t i = 0; i < count; i++)
        tell_peer(world, slot, peer_at(world, slot, others, i, &chance));
}

static bool listed(const uint32_t *slots, size_t count, uint32_t slot)
{
    for (size_t i = 0; i < count; i++)
        if (slots[i] == slot)
            return true;
    return false;
}

static void tell_bootstraps(struct world *world, uint32_t slot)
{
    for (size_t i = 0; i < world->bootstrap_count; i++) {
        uint32_t other = world->bootstraps[i];
        if (other == world->slots[slot].shown)
            continue;
        struct tally_address address = lan_address(world, slot, other);
        checker_configured(&world->checker, slot, &address);
        tell(world, slot,
             &(struct tally_command){.kind = TALLY_COMMAND_BOOTSTRAP,
                                     .bootstrap = {.has_key = true,
                                                   .key = world->slots[other].signer.key,
                                                   .address = address,
                                                   .source = TALLY_SOURCE_CONFIGURED}});
    }
}

/* As the daemon does where its profile makes use of it. */
static void tell_remembered(struct world *world, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->met_count && at->profile != TALLY_PROFILE_STATIC; i++) {
        uint32_t other;
        if (!world_find(world, &at->met[i], &other))
            continue;
        struct tally_address address = lan_address(world, slot, other);
        checker_configured(&world->checker, slot, &address);
        tell(world, slot,
             &(struct tally_command){.kind = TALLY_COMMAND_BOOTSTRAP,
                                     .bootstrap = {.has_key = true,
                                                   .key = at->met[i],
                                                   .address = address,
                                                   .source = TALLY_SOURCE_REMEMBERED}});
    }
}

static void tell_domains(struct world *world, uint32_t slot)
{
    for (size_t i = 0; i < world->domain_count; i++) {
        const struct world_domain *domain = &world->domains[i];
        if (!listed(domain->slots, domain->count, world->slots[slot].shown))
            tell(world, slot,
                 &(struct tally_command){.kind = TALLY_COMMAND_DOMAIN,
                                         .domain = {.name = domain->name}});
    }
}

bool world_told(const struct world *world, uint32_t a, uint32_t b)
{
    if (listed(world->bootstraps, world->bootstrap_count, b))
        return true;
    for (size_t i = 0; i < world->domain_count; i++)
        if (listed(world->domains[i].slots, world->domains[i].count, b) &&
            !listed(world->domains[i].slots, world->domains[i].count, a))
            return true;
    return world->bootstrap_count == 0 && world->domain_count == 0 && world->options.peers_max > 0;
}

bool world_named(const struct world *world, uint32_t a, uint32_t b)
{
    uint32_t others;
    struct random chance;
    uint32_t count = peer_count(world, a, &others, &chance);
    if (world->bootstrap_count > 0 || world->domain_count > 0)
        return world_told(world, a, b);
    for (uint32_t i = 0; i < count; i++)
        if (peer_at(world, a, others, i, &chance) == b)
            return true;
    return false;
}

/* ---- Birth. ---- */

/* What each may take of anything. */
static void limits(struct tally_node_options *node, const struct world_options *options)
{
    node->links_max = options->links_max;
    node->passive_max = options->passive_max;
    node->addresses_max = options->addresses_max;
    node->replay_window = options->replay_window;
    node->dht_values_max = options->dht_values_max;
    node->dht_records_max = options->dht_records_max;
    node->dht_placements_max = options->dht_placements_max;
    node->namespaces_max = options->namespaces_max;
    node->dht_contacts_max = options->dht_contacts_max;
    node->dht_requests_max = options->dht_requests_max;
    node->dht_pending_max = options->dht_pending_max;
    node->connections_max = options->connections_max;
    node->logs_max = options->logs_max;
    node->own_logs_max = options->own_logs_max;
    node->pending_max = options->pending_max;
    node->seen_max = options->seen_max;
    node->records_max = options->records_max;
    node->senders_max = options->senders_max;
    node->own_addresses_max = options->own_addresses_max;
    /* Stories speak of few, and worlds have many nodes. */
    node->parties_max = 64;
    node->discrepancies_max = 32;
    node->schemas_max = 4;
    node->witness_urls_max = 1;
    node->witnessed_max = 64;
}

/* What a node is told when it begins. */
static void introduce(struct world *world, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    /* A static node in the wide network has no use for it, and its stories are as they were. */
    if (at->profile != TALLY_PROFILE_STATIC || at->lan != 0)
        service_tell_links(world, slot);
    if (world->bootstrap_count == 0 && world->domain_count == 0)
        tell_peers(world, slot);
    tell_bootstraps(world, slot);
    tell_domains(world, slot);
    tell_remembered(world, slot);
}

static void begin_life(const struct world *world, struct slot *at, uint32_t seconds)
{
    disk_recover(&at->disk);
    at->told_full = false;
    at->disk.epoch = at->disk.epoch >= seconds ? at->disk.epoch + 1 : seconds;
    at->life++;
    at->tick_us = UINT64_MAX;
    at->next_stream = 1;
    at->reached = false;
    at->marks[0] = at->marks[1] = (struct slot_mark){world->now_us, at->sent_bytes};
}

const struct signer *world_successor(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    uint8_t seed[32];
    const struct tally_bytes part = bytes_text("tally-sim successor");
    struct slot_keys *keys = keys_of(at);
    if (keys->elder.provider != NULL || keys->next.provider != NULL)
        return NULL;
    hash_blake2b(bytes_of(at->signer.seed, sizeof at->signer.seed), &part, 1, seed, sizeof seed);
    signer_init(&keys->next, &world->provider, seed);
    return &keys->next;
}

const struct tally_key *world_elder(const struct world *world, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    return at->keys != NULL && at->keys->elder.provider != NULL ? &at->keys->elder.key
                                                                : &at->signer.key;
}

/* The operator's `tally key rotate` ends here, or waits for another start: the old key's logs have
   to be sealed, for it signs no more. */
static void take_over(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    struct slot_keys *keys = at->keys;
    if (keys == NULL || keys->next.provider == NULL || !disk_rekey(&at->disk, &keys->next.key))
        return;
    const struct signer next = keys->next;
    *keys = (struct slot_keys){.elder = at->signer};
    at->signer = next;
    world_key_put(world, slot, &at->signer.key);
}

/* Whether somebody may know how far its logs had got, as far as its host can tell: a copy's host
   cannot, and its operator named somebody. */
static bool known(const struct world *world, const struct slot *at)
{
    bool named =
        world->options.peers_max > 0 || world->bootstrap_count > 0 || world->domain_count > 0;
    return at->restored ? named : world->checker.light && at->again;
}

static enum tally_past past_of(const struct slot *at)
{
    return at->restored ? TALLY_PAST_COPY : TALLY_PAST_OWN;
}

void world_wake(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    const struct world_options *options = &world->options;
    assert(at->node == NULL);
    struct tally_now now = world_clock(world, slot);
    uint32_t seconds = (uint32_t)(now.wall.us / 1000000);
    at->again = at->disk.epoch > 0;
    begin_life(world, at, seconds);
    take_over(world, slot);
    checker_start(&world->checker, world, slot);
    const struct tally_address everywhere = {.port = at->own.port};
    struct tally_node_options node = {
        .key = at->signer.key,
        .epoch = at->disk.epoch,
        .seed = random_next(&at->chance),
        .verify = options->verify,
        .profile = at->profile,
        .past = past_of(at),
        .known = known(world, at),
        .remembered = at->met,
        .remembered_count = at->met_count,
        /* As tally run does: wherever it is, also after it moved. */
        .listen = at->profile == TALLY_PROFILE_STATIC ? at->own : everywhere,
        /* Whom all are told of has room for all. */
        .peers_max = listed(world->bootstraps, world->bootstrap_count, at->shown)
                         ? TALLY_PEERS_MAX
                         : options->known_max,
        .interfaces_max = 1, /* No node here has more. */
        .seal_receipts = options->seal_receipts,
        .seal_ms = options->seal_ms,
        .seal_quiet_ms = options->seal_quiet_ms,
        .ledger = disk_ledger(&at->disk),
        .secret = {&at->secret, draw},
        .crypto = signer_window(&at->signer),
        .sealing = provider_sealing(&world->provider),
        .cosigner = {at, cosigner_key, cosigner_sign},
        .trace = {at, say},
        .datagrams_only = options->datagrams_only,
        .scratch = world->scratch,
    };
    limits(&node, options);
    at->node = tally_node_new(&node, now);
    assert(at->node != NULL);
    world_wake_at(world, slot, tally_node_deadline(at->node));
    introduce(world, slot);
}

void world_start(struct world *world)
{
    for (uint32_t slot = 0; slot < world->options.nodes; slot++)
        if (!world->slots[slot].late)
            world_wake(world, slot);
}

/* ---- Death. ---- */

static void on_late_change(void *context, const struct disk_change *change)
{
    const struct slot *at = context;
    checker_change(&at->world->checker, at->world, at->index, change);
}

void world_crash(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->node == NULL)
        return;
    network_crash(world, slot);
    disk_crash(&at->disk, &at->chance, on_late_change, at);
    tally_node_free(at->node);
    at->node = NULL;
    at->life++;
    at->suspended_us = 0;
}

static void tell_space(struct world *world, uint32_t slot, bool writable)
{
    world->slots[slot].told_full = !writable;
    world_step(world, slot,
               &(struct tally_event){.kind = TALLY_EVENT_SPACE, .space = {.writable = writable}});
}

void world_look_at_disk(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->node == NULL)
        return;
    if (at->disk.broken) {
        world_crash(world, slot);
    } else if (at->disk.full && !at->told_full) {
        tell_space(world, slot, false);
    } else if (disk_has_room(&at->disk) && at->told_full) {
        at->disk.full = false;
        tell_space(world, slot, true);
    }
}

void world_leave(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    if (at->node == NULL)
        return;
    tell(world, slot, &(struct tally_command){.kind = TALLY_COMMAND_STOP});
    for (unsigned lane = 0; lane < DISK_LANES; lane++) {
        struct tally_event event;
        struct disk_change change;
        while (at->disk.lanes[lane].first != NULL) {
            (void)disk_complete(&at->disk, (enum disk_lane)lane, &event, &change);
            checker_change(&world->checker, world, slot, &change);
        }
    }
    world_crash(world, slot);
}

void world_restart(struct world *world, uint32_t slot)
{
    world_crash(world, slot);
    world_wake(world, slot);
}

void world_suspend(struct world *world, uint32_t slot, uint64_t us)
{
    world->slots[slot].suspended_us = world->now_us + us;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include "adversary.h"
#include "ahead.h"
#include "backup.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "memory.h"
#include "service.h"
#include "world_keys.h"
#include <assert.h>
#include <stdio.h>

enum {
    RETRY_US = 100000,     /* A busy node is asked again. */
    MARK_US = 30000000,    /* Between two marks of what a node sent. */
    TIMER_US = 1000,       /* No host wakes a node sooner. */
    MAP_BYTES = 60,        /* Of a request to the gateway (RFC 6887 section 11.1). */
    CONFIRMED_NODES = 1024 /* Up to so many, who confirmed to whom is remembered. */
};

/* ---- The ten lines. ---- */

static uint64_t mono_base_ms(uint32_t slot)
{
    /* No two nodes have the same monotonic clock, so that nobody compares them. */
    return 1000000 + (uint64_t)slot * 1000003;
}

struct tally_now world_clock(const struct world *world, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    int64_t us = (int64_t)world->now_us;
    return (struct tally_now){
        .mono = {mono_base_ms(slot) + world->now_us / 1000},
        .wall = {WORLD_EPOCH_US + us + us / 1000000 * at->drift_ppm + at->offset_us},
    };
}

void world_wake_at(struct world *world, uint32_t slot, struct tally_mono deadline)
{
    struct slot *at = &world->slots[slot];
    if (deadline.ms == TALLY_NEVER.ms)
        return;
    uint64_t base_ms = mono_base_ms(slot);
    uint64_t us = deadline.ms > base_ms ? (deadline.ms - base_ms) * 1000 : 0;
    if (us <= world->now_us)
        us = world->now_us + TIMER_US;
    if (us >= at->tick_us)
        return;
    at->tick_us = us;
    world_put(world, slot, slot, us, HAPPENING_TICK, NULL);
}

static void on_answer(struct world *world, uint32_t slot, const struct tally_action *action)
{
    uint64_t ticket = action->answer.ticket;
    if (ticket == 0 || ticket > world->append_count)
        return;
    if (action->answer.error == TALLY_OK)
        world->acknowledged++;
    else if (action->answer.error == TALLY_BUSY)
        world_put(world, slot, slot, world->now_us + RETRY_US, HAPPENING_APPEND,
                  (void *)(uintptr_t)ticket);
    else
        world->refused++;
}

/* It sends so much, and what lies below. */
static void sends(struct world *world, struct slot *at, size_t size, size_t headers)
{
    at->sent_bytes += size + headers;
    if (world->now_us - at->marks[1].us < MARK_US)
        return;
    at->marks[0] = at->marks[1];
    at->marks[1] = (struct slot_mark){world->now_us, at->sent_bytes};
}

static void perform(struct world *world, uint32_t slot, const struct tally_action *action)
{
    struct slot *at = &world->slots[slot];
    enum disk_lane lane;
    uint64_t due_us;
    transcript_action(&world->transcript, world->now_us, slot, action);
    if (world->ear.action != NULL)
        world->ear.action(world->ear.context, slot, action);
    if (at->lie == LIE_NONE)
        checker_action(&world->checker, world, slot, action);
    switch (action->kind) {
    case TALLY_ACTION_SEND:
        sends(world, at, action->send.bytes.size, UDP_HEADERS);
        network_send(world, slot, &action->send.to, action->send.bytes);
        if (at->lie != LIE_NONE)
            adversary_sends(world, slot, &action->send.to, action->send.bytes);
        break;
    case TALLY_ACTION_DIAL:
        network_dial(world, slot, action->dial.stream, &action->dial.to, action->dial.punch);
        break;
    case TALLY_ACTION_WRITE:
        sends(world, at, action->write.bytes.size, TCP_HEADERS);
        if (at->lie == LIE_GARBLED)
            adversary_garbles(world, slot, action->write.stream, action->write.bytes);
        else if (at->lie != LIE_SILENT)
            network_write(world, slot, action->write.stream, action->write.bytes);
        break;
    case TALLY_ACTION_CLOSE:
        network_close(world, slot, action->close.stream);
        break;
    case TALLY_ACTION_ANSWER:
        on_answer(world, slot, action);
        break;
    case TALLY_ACTION_MULTICAST:
        sends(world, at, action->multicast.bytes.size, UDP_HEADERS);
        network_multicast(world, slot, action->multicast.interface, &action->multicast.to,
                          action->multicast.bytes);
        break;
    case TALLY_ACTION_MAP:
        sends(world, at, MAP_BYTES, UDP_HEADERS);
        service_map(world, slot, action);
        break;
    case TALLY_ACTION_RESOLVE:
        service_resolve(world, slot, action);
        break;
    case TALLY_ACTION_FOUND:
    case TALLY_ACTION_HTTP:  /* Nobody states a witness outside of the mesh. */
    case TALLY_ACTION_CARRY: /* No story has files. */
        break;
    case TALLY_ACTION_APPEND:
    case TALLY_ACTION_SEAL:
    case TALLY_ACTION_PUBLISH:
    case TALLY_ACTION_VERIFY:
    case TALLY_ACTION_BODY:
    case TALLY_ACTION_RELEASE:
    case TALLY_ACTION_EVIDENCE:
    case TALLY_ACTION_KEEP:
    case TALLY_ACTION_PRUNE:
        if (disk_perform(&at->disk, action, world->now_us, &at->chance, &lane, &due_us))
            world_put(world, slot, slot, due_us, HAPPENING_DISK, (void *)(uintptr_t)lane);
        break;
    }
}

/* A heartbeat goes to ten nodes, none of which is in a cache: they are fetched together. */
static void perform_all(struct world *world, uint32_t slot)
{
    enum { TOGETHER = 16 };
    struct tally_action actions[TOGETHER];
    size_t count = TOGETHER;
    while (count == TOGETHER) {
        for (count = 0;
             count < TOGETHER && tally_node_next(world->slots[slot].node, &actions[count]); count++)
            if (actions[count].kind == TALLY_ACTION_SEND)
                __builtin_prefetch(&world->slots[network_near(world, &actions[count].send.to)]);
        for (size_t i = 0; i < count; i++)
            perform(world, slot, &actions[i]);
    }
}

void world_step(struct world *world, uint32_t slot, const struct tally_event *event)
{
    struct slot *at = &world->slots[slot];
    bool watched = at->lie == LIE_NONE;
    /* Actions live in the scratch of all nodes: one step is over before the next begins. */
    assert(!world->stepping);
    world->stepping = true;
    world->events++;
    transcript_event(&world->transcript, world->now_us, slot, event);
    if (watched)
        checker_before(&world->checker, world, slot, event);
    memory_watch_begin();
    tally_node_step(at->node, world_clock(world, slot), event);
    uint64_t allocations = memory_watch_end();
    if (watched)
        checker_after(&world->checker, world, slot, event, allocations);
    perform_all(world, slot);
    world->stepping = false;
    world_wake_at(world, slot, tally_node_deadline(at->node));
}

/* ---- Happenings. ---- */

void world_put(struct world *world, uint32_t source, uint32_t slot, uint64_t us,
               enum happening_kind kind, void *data)
{
    queue_put(&world->queue, &(struct happening){
                                 .us = us,
                                 .source = source,
                                 .slot = slot,
                                 .sequence = world->slots[source].sequence++,
                                 .life = world->slots[slot].life,
                                 .kind = kind,
                                 .data = data,
                             });
}

static void on_disk(struct world *world, uint32_t slot, enum disk_lane lane)
{
    struct tally_event event;
    struct disk_change change;
    bool answered = disk_complete(&world->slots[slot].disk, lane, &event, &change);
    checker_change(&world->checker, world, slot, &change);
    if (answered)
        world_step(world, slot, &event);
    world_look_at_disk(world, slot);
}

static void deliver(struct world *world, uint32_t slot, const struct datagram *datagram)
{
    struct tally_bytes bytes = bytes_of(datagram->bytes, datagram->size);
    world->network.delivered++;
    if (datagram->interface != 0)
        world_step(world, slot,
                   &(struct tally_event){
                       .kind = TALLY_EVENT_MULTICAST,
                       .multicast = {datagram->interface, datagram->from, datagram->group, bytes}});
    else
        world_step(world, slot,
                   &(struct tally_event){.kind = TALLY_EVENT_DATAGRAM,
                                         .datagram = {datagram->from, bytes}});
}

static void on_datagram(struct world *world, const struct happening *happening)
{
    struct datagram *datagram = happening->data;
    uint32_t slot = happening->slot;
    bool entered = network_enter(world, datagram, &slot);
    if (entered && world->slots[slot].suspended_us > world->now_us) {
        /* It waits in front of the sleeping process. */
        struct happening later = *happening;
        later.us = world->slots[slot].suspended_us;
        later.slot = slot;
        queue_put(&world->queue, &later);
        return;
    }
    if (entered && world->slots[slot].node != NULL && !adversary_deaf(world, slot, datagram))
        deliver(world, slot, datagram);
    network_give(&world->network, datagram);
}

static void on_letter(struct world *world, uint32_t slot, bool lives, struct letter *letter)
{
    if (lives)
        world_step(world, slot, &letter->event);
    memory_free(letter);
}

static void dispatch(struct world *world, const struct happening *happening)
{
    struct slot *at = &world->slots[happening->slot];
    bool lives = at->node != NULL && at->life == happening->life;
    switch (happening->kind) {
    case HAPPENING_STREAM:
        network_on_stream(world, happening->slot, happening->data);
        break;
    case HAPPENING_ROOM:
        network_on_room(world, happening->slot, happening->data);
        break;
    case HAPPENING_DATAGRAM:
        on_datagram(world, happening);
        break;
    case HAPPENING_TICK:
        if (!lives || happening->us != at->tick_us)
            break;
        at->tick_us = UINT64_MAX;
        world_step(world, happening->slot, &(struct tally_event){.kind = TALLY_EVENT_TICK});
        break;
    case HAPPENING_DISK:
        if (lives)
            on_disk(world, happening->slot, (enum disk_lane)(uintptr_t)happening->data);
        break;
    case HAPPENING_LETTER:
        on_letter(world, happening->slot, lives, happening->data);
        break;
    case HAPPENING_APPEND:
        if (lives) {
            struct world_append append = world->appends[(uintptr_t)happening->data - 1];
            world_append(world, append.slot, append.name_space, append.body_size);
        }
        break;
    }
}

bool world_next(struct world *world, uint64_t until_us)
{
    if (world->checker.broken)
        return false;
    if (queue_next_us(&world->queue) > until_us) {
        world->now_us = until_us;
        return false;
    }
    struct happening happening;
    queue_take(&world->queue, &happening);
    ahead_look(world);
    world->now_us = happening.us;
    struct slot *at = &world->slots[happening.slot];
    /* These look themselves whom they concern. */
    bool network = happening.kind == HAPPENING_STREAM || happening.kind == HAPPENING_ROOM ||
                   happening.kind == HAPPENING_DATAGRAM;
    if (at->suspended_us > world->now_us && !network) {
        /* It waits in front of the sleeping process. */
        if (happening.kind == HAPPENING_TICK && happening.us == at->tick_us)
            at->tick_us = at->suspended_us;
        happening.us = at->suspended_us;
        queue_put(&world->queue, &happening);
    } else {
        dispatch(world, &happening);
    }
    return !world->checker.broken;
}

/* ---- Commands. ---- */

const char *world_name(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->name_count; i++)
        if (strcmp(world->names[i], name) == 0)
            return world->names[i];
    world->names = memory_room(world->names, &world->name_capacity, world->name_count + 1,
                               sizeof *world->names);
    return world->names[world->name_count++] = memory_copy(name, strlen(name) + 1);
}

void world_append(struct world *world, uint32_t slot, const char *name_space, uint32_t body_size)
{
    if (world->slots[slot].node == NULL) {
        world->refused++;
        return;
    }
    world->appends = memory_room(world->appends, &world->append_capacity, world->append_count + 1,
                                 sizeof *world->appends);
    struct world_append *append = &world->appends[world->append_count++];
    *append = (struct world_append){slot, body_size, world_name(world, name_space)};
    uint64_t ticket = world->append_count;
    if (world->slots[slot].suspended_us > world->now_us) {
        world_put(world, slot, slot, world->slots[slot].suspended_us, HAPPENING_APPEND,
                  (void *)(uintptr_t)ticket);
        return;
    }
    uint8_t *body = memory_new(1, body_size + 1u);
    int head =
        snprintf((char *)body, body_size + 1u, "n%u %s %u", slot + 1, name_space, (unsigned)ticket);
    struct random chance = {world->options.seed ^ ticket};
    for (size_t i = (size_t)(head < 0 ? 0 : head); i < body_size; i++)
        body[i] = (uint8_t)('a' + random_below(&chance, 26));
    world_step(
        world, slot,
        &(struct tally_event){.kind = TALLY_EVENT_COMMAND,
                              .command = {.kind = TALLY_COMMAND_APPEND,
                                          .ticket = ticket,
                                          .append = {.name_space = bytes_text(append->name_space),
                                                     .type = bytes_text("sim"),
                                                     .profile = bytes_text(""),
                                                     .body = bytes_of(body, body_size)}}});
    memory_free(body);
}

void world_seal(struct world *world, uint32_t slot)
{
    if (world->slots[slot].node != NULL)
        world_step(world, slot,
                   &(struct tally_event){.kind = TALLY_EVENT_COMMAND,
                                         .command = {.kind = TALLY_COMMAND_SEAL}});
}

/* ---- Questions. ---- */

uint32_t world_face(const struct world *world, uint32_t from, uint32_t to)
{
    uint32_t second = world->slots[to].second;
    return second != UINT32_MAX && from >= world->options.nodes / 2 ? second : to;
}

bool world_counts(const struct world *world, uint32_t slot)
{
    return world->slots[slot].node != NULL && world->slots[slot].lie == LIE_NONE;
}

bool world_linked(const struct world *world, uint32_t a, uint32_t b)
{
    struct tally_peer_view view;
    const struct slot *at = &world->slots[a];
    for (size_t i = 0; at->node != NULL && tally_node_peer(at->node, i, &view); i++)
        if (key_equal(&view.key, &world->slots[b].signer.key))
            return view.state == TALLY_PEER_LINKED;
    return false;
}

uint64_t world_traffic(const struct world *world, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    uint64_t us = world->now_us - at->marks[0].us;
    return (at->sent_bytes - at->marks[0].sent_bytes) * 1000000 / (us < 1000000 ? 1000000 : us);
}

bool world_confirmed(const struct world *world, uint32_t a, uint32_t b)
{
    return world->confirmed != NULL && world->confirmed[(size_t)a * world->options.nodes + b] != 0;
}

static bool has_key(const struct slot *at, const struct tally_key *key)
{
    return key_equal(&at->signer.key, key) ||
           (at->keys != NULL && at->keys->elder.provider != NULL &&
            key_equal(&at->keys->elder.key, key));
}

static size_t key_place(const struct world *world, const struct tally_key *key)
{
    size_t at = (size_t)be64_read(key->bytes) & (world->key_count - 1);
    while (world->keys[at] != 0 && !has_key(&world->slots[world->keys[at] - 1], key))
        at = (at + 1) & (world->key_count - 1);
    return at;
}

void world_key_put(struct world *world, uint32_t slot, const struct tally_key *key)
{
    world->keys[key_place(world, key)] = slot + 1;
}

bool world_find(const struct world *world, const struct tally_key *key, uint32_t *slot)
{
    uint32_t found = world->keys[key_place(world, key)];
    *slot = found - 1;
    return found != 0;
}

/* ---- The world itself. ---- */

void world_slot_init(struct world *world, uint32_t slot, uint32_t shown)
{
    struct slot *at = &world->slots[slot];
    memset(at, 0, sizeof *at);
    at->world = world;
    at->index = slot;
    at->shown = shown;
    at->second = UINT32_MAX;
    at->tick_us = UINT64_MAX;
    at->own = network_address(shown);
    if (shown != slot) {
        const struct slot *face = &world->slots[shown];
        at->own = face->own;
        at->lan = face->lan;
        at->segment = face->segment;
        at->profile = face->profile;
    }
    uint8_t key[32], place[8];
    be64_write(place, (uint64_t)shown);
    struct random seed = {world->options.seed};
    uint8_t salt[8];
    be64_write(salt, random_next(&seed));
    const struct tally_bytes parts[] = {bytes_text("tally-sim key"), bytes_of(salt, 8),
                                        bytes_of(place, 8)};
    hash_blake2b(bytes_of(NULL, 0), parts, 3, key, sizeof key);
    signer_init(&at->signer, &world->provider, key);
    disk_init(&at->disk, &at->signer);
    at->chance.state = be64_read(salt) ^ (uint64_t)(slot + 1) * 0x9e3779b97f4a7c15;
    at->secret.state = be64_read(key) ^ slot;
}

void world_init(struct world *world, const struct world_options *options)
{
    memset(world, 0, sizeof *world);
    world->options = *options;
    queue_init(&world->queue);
    network_init(&world->network);
    provider_init(&world->provider, options->crypto);
    transcript_init(&world->transcript);
    checker_init(&world->checker);
    world->scratch = tally_scratch_new(options->nodes + WORLD_FACES_MAX);
    assert(world->scratch != NULL);
    world->checker.light = options->nodes >= WORLD_LIGHT_MIN;
    world->checker.every = world->checker.light ? CHECKER_EVERY_LIGHT : 1;
    world->count = options->nodes;
    world->capacity = options->nodes + WORLD_FACES_MAX;
    world->slots = memory_new(world->capacity, sizeof *world->slots);
    for (world->key_count = 16;
         world->key_count < 3u * options->nodes;) /* Each may get one more. */
        world->key_count *= 2;
    world->keys = memory_new(world->key_count, sizeof *world->keys);
    for (uint32_t slot = 0; slot < options->nodes; slot++) {
        world_slot_init(world, slot, slot);
        world_key_put(world, slot, &world->slots[slot].signer.key);
    }
    if (options->nodes <= CONFIRMED_NODES)
        world->confirmed = memory_new((size_t)options->nodes * options->nodes, 1);
}

void world_free(struct world *world)
{
    for (uint32_t slot = 0; slot < world->count; slot++) {
        struct slot *at = &world->slots[slot];
        network_crash(world, slot);
        if (at->node != NULL)
            tally_node_free(at->node);
        at->node = NULL;
        at->life++;
    }
    struct happening happening;
    while (queue_take(&world->queue, &happening)) {
        if (happening.kind == HAPPENING_DATAGRAM)
            network_give(&world->network, happening.data);
        else if (happening.kind == HAPPENING_LETTER)
            memory_free(happening.data);
        else if (happening.kind == HAPPENING_STREAM || happening.kind == HAPPENING_ROOM)
            network_forget(happening.data);
    }
    for (uint32_t slot = 0; slot < world->count; slot++) {
        disk_free(&world->slots[slot].disk);
        world_forget_backup(&world->slots[slot]);
        memory_free(world->slots[slot].pipes);
        memory_free(world->slots[slot].kept);
        memory_free(world->slots[slot].met);
        memory_free(world->slots[slot].keys);
    }
    for (size_t i = 0; i < world->name_count; i++)
        memory_free(world->names[i]);
    memory_free(world->names);
    for (size_t i = 0; i < world->lan_count; i++)
        lan_free(&world->lans[i]);
    memory_free(world->lans);
    for (size_t i = 0; i < world->domain_count; i++)
        memory_free(world->domains[i].slots);
    memory_free(world->domains);
    memory_free(world->bootstraps);
    memory_free(world->appends);
    memory_free(world->keys);
    memory_free(world->confirmed);
    memory_free(world->slots);
    queue_free(&world->queue);
    network_free(&world->network);
    provider_free(&world->provider);
    transcript_free(&world->transcript);
    checker_free(&world->checker);
    tally_scratch_free(world->scratch);
}

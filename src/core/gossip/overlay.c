/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/overlay.h"

#include "core/base/bytes.h"
#include "core/gossip/overlay_inside.h"

/* Sources are asked one after the other, then side by side (protocols 5.5): so much later than the
   start, milliseconds. What is told over a link comes later by itself. */
static const uint16_t head_start_ms[TALLY_SOURCES] = {
    [TALLY_SOURCE_REMEMBERED] = 250,
    [TALLY_SOURCE_MDNS] = 500,
    [TALLY_SOURCE_DNS] = 1000,
    [TALLY_SOURCE_DHT] = 2000,
};

enum {
    JOINS_FIRST_MS = 10000,
    JOINS_CAP_MS = 300000,
    ASKS_CAP_MS = 30000,
    WANTED_MS = 60000,    /* A link that comes up so late was still wanted. */
    BEGIN_MS = 3000,      /* In this time the next source has its turn, ... */
    BEGIN_AGAIN_MS = 250, /* ... looked for so often. */
};

bool overlay_new(struct overlay *overlay, const struct overlay_options *options,
                 struct tally_now now)
{
    *overlay = (struct overlay){
        .named_only = options->named_only,
        .random = {options->seed},
        .begun = now.mono,
        .poor = now.mono,
        .refill = TALLY_NEVER,
        .look = TALLY_NEVER,
        .shuffle = TALLY_NEVER,
        .tend = TALLY_NEVER,
        .joins = {.first_ms = JOINS_FIRST_MS, .cap_ms = JOINS_CAP_MS},
        .asks = {.first_ms = OVERLAY_ASK_MS, .cap_ms = ASKS_CAP_MS},
        .crowds = {.first_ms = OVERLAY_CROWD_MS, .cap_ms = OVERLAY_CROWD_CAP_MS},
    };
    bucket_init(&overlay->greetings, OVERLAY_GREET_RATE, OVERLAY_GREET_BURST, now.mono);
    if (passive_new(&overlay->passive, options->passive_max))
        return true;
    overlay_free(overlay);
    return false;
}

void overlay_free(struct overlay *overlay)
{
    passive_free(&overlay->passive);
}

bool overlay_active(const struct overlay *overlay, const struct peers *peers)
{
    const struct address_policy *policy = peers->options.policy;
    if (policy == NULL || peers->stopping || overlay->named_only)
        return false;
    switch (policy->profile) {
    case TALLY_PROFILE_AUTO:
    case TALLY_PROFILE_LAN:
    case TALLY_PROFILE_SERVER:
        return true;
    case TALLY_PROFILE_STATIC:
    case TALLY_PROFILE_OFFLINE:
        return false;
    }
    return false;
}

bool overlay_poor(const struct peers *peers)
{
    return peers->links - peers->guests < MESH_LEAST;
}

bool overlay_urgent(struct overlay *overlay, const struct peers *peers, struct tally_now now)
{
    if (!overlay_poor(peers))
        overlay->poor = TALLY_NEVER;
    else if (overlay->poor.ms == TALLY_NEVER.ms)
        overlay->poor = now.mono;
    return overlay_poor(peers) && now.mono.ms - overlay->poor.ms >= OVERLAY_PATIENCE_MS;
}

unsigned overlay_lacking(const struct peers *peers)
{
    struct mesh_count count;
    mesh_count(peers, &count);
    if (count.links < MESH_WANTED)
        return MESH_WANTED - count.links;
    unsigned own = count.pinned + count.chosen;
    return own < MESH_CHOSEN ? MESH_CHOSEN - own : 0;
}

struct peer *overlay_any(struct overlay *overlay, struct peers *peers, const struct peer *except,
                         const struct peer *other)
{
    struct peer *any = NULL;
    uint32_t met = 0;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (!peer->guest && peer != except && peer != other &&
            random_below(&overlay->random, ++met) == 0)
            any = peer;
    }
    return any;
}

/* Not asked for a while, each time longer. */
static void rest(struct overlay *overlay, struct peer *peer, struct tally_now now)
{
    uint64_t cap = peer->configured ? PEERS_GREET_CAP_MS : OVERLAY_REST_CAP_MS;
    uint64_t ms = backoff_doubled(OVERLAY_REST_MS, cap, peer->overlay.refusals);
    peer->overlay.rest.ms = now.mono.ms + random_jitter(&overlay->random, ms, 20);
    peer->overlay.asked = (struct tally_mono){0};
    if (peer->overlay.refusals < UINT8_MAX)
        peer->overlay.refusals++;
}

/* ---- Refilling the active view. ---- */

void overlay_hurry(struct overlay *overlay, struct tally_now now)
{
    if (overlay->look.ms == TALLY_NEVER.ms)
        overlay->look.ms = now.mono.ms + OVERLAY_LOOK_MS;
    if (now.mono.ms < overlay->refill.ms)
        overlay->refill = now.mono;
}

/* There is reason to hope, or to hurry: others are asked without a pause. */
static void eager(struct overlay *overlay)
{
    backoff_reset(&overlay->asks);
    overlay->patience = (struct tally_mono){0};
}

bool overlay_returns(const struct peer *peer)
{
    for (size_t i = 0; i < peer->address_count && peer->bootstrap; i++)
        if (peer->addresses[i].answered)
            return true;
    return false;
}

/* Greets a peer for the mesh, or asks it over the light link there is. */
static void want(struct overlay *overlay, struct tally_now now, struct peers *peers,
                 struct peer *peer, bool once, struct outbox *out)
{
    peer->overlay.asked = now.mono;
    if (peer->link.state == LINK_LINKED)
        activate_send(overlay, peers, peer, now, out);
    else if (once || overlay_returns(peer))
        peers_greet_once(peers, peer, PEER_WANTS_MESH, now);
    else
        peers_greet(peers, peer, PEER_WANTS_MESH, now);
}

void overlay_ask(struct overlay *overlay, struct tally_now now, struct peers *peers,
                 struct candidate *candidate, enum overlay_why why, struct outbox *out)
{
    struct peer *peer = peers_take(peers, &candidate->key, now);
    candidate->rest.ms = now.mono.ms + OVERLAY_AGAIN_MS;
    if (peer == NULL)
        return;
    peer_address_add(peer, &candidate->address, candidate->source, false, now);
    peer->overlay.came = why != OVERLAY_CHOSEN;
    if (why == OVERLAY_MET)
        peer->overlay.needy.ms = now.mono.ms + OVERLAY_NEEDY_MS;
    want(overlay, now, peers, peer, why == OVERLAY_MET, out);
}

/* A bootstrap did not answer: at most three hellos in ten minutes (protocols 5.5). To one that was
   there once they go one by one, after one minute and three more: a partition may end, or it
   may begin anew, and who has nobody else waits for nothing but that. */
static void rest_bootstrap(struct overlay *overlay, struct peer *peer, struct tally_now now)
{
    static const uint32_t between_ms[PEERS_HELLO_TRIES - 1] = {60000, 180000};
    if (overlay_returns(peer) && peer->overlay.vain < PEERS_HELLO_TRIES - 1) {
        uint32_t ms = between_ms[peer->overlay.vain++];
        peer->overlay.rest.ms = now.mono.ms + random_jitter(&overlay->random, ms, 10);
        return;
    }
    peer->overlay.vain = 0;
    rest(overlay, peer, now);
    if (peer->overlay.rest.ms < now.mono.ms + PASSIVE_REST_MS)
        peer->overlay.rest.ms = now.mono.ms + PASSIVE_REST_MS;
}

/* It was asked so lately that it may still answer. */
static bool waits_for(const struct peer *peer, struct tally_now now)
{
    return !peer->mesh && peer->overlay.asked.ms != 0 &&
           now.mono.ms - peer->overlay.asked.ms < OVERLAY_ASK_MS;
}

static unsigned asking(const struct peers *peers, struct tally_now now)
{
    unsigned count = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        count += peer->used && waits_for(peer, now);
    }
    return count;
}

static bool may_want(const struct overlay *overlay, struct tally_now now, const struct peers *peers,
                     const struct candidate *one)
{
    if (!one->used || now.mono.ms < one->rest.ms ||
        now.mono.ms < overlay->begun.ms + head_start_ms[one->source])
        return false;
    const struct peer *peer = peers_find(peers, &one->key);
    if (peer != NULL && (peer->mesh || peer->configured || (peer->wants & PEER_WANTS_MESH) != 0 ||
                         peer_barred(peer, now) || now.mono.ms < peer->overlay.rest.ms))
        return false;
    return admission(peers->options.fold, &one->key, ADMISSION_LINK) == TALLY_DROP_NONE &&
           address_may_dial(peers->options.policy, &one->address, one->source) ==
               TALLY_HYGIENE_ALLOWED &&
           mesh_room(peers, peer, &one->address, MESH_OURS, now) == TALLY_DROP_NONE;
}

/* One of the passive view, evenly, so that nobody can tell whom we take; but whoever has next to
   nobody takes those first that are sure to be there. `own`: nobody that those who came to us told
   of, or one of them. */
static struct candidate *choose(struct overlay *overlay, struct tally_now now,
                                const struct peers *peers, bool own)
{
    struct candidate *chosen = NULL, *sure = NULL;
    uint32_t met = 0, sure_met = 0;
    for (size_t i = 0; i < overlay->passive.capacity; i++) {
        struct candidate *one = &overlay->passive.list[i];
        if (!may_want(overlay, now, peers, one) || (own && one->came))
            continue;
        if (random_below(&overlay->random, ++met) == 0)
            chosen = one;
        if (one->dialled.ms != 0 && random_below(&overlay->random, ++sure_met) == 0)
            sure = one;
    }
    return sure != NULL && overlay_poor(peers) ? sure : chosen;
}

/* A few at a time, whoever chance names: each knows others, and all who come at once after a power
   cut would else ask all of them, and again all the more the less time those have. */
static struct peer *choose_bootstrap(struct overlay *overlay, struct tally_now now,
                                     struct peers *peers)
{
    struct peer *chosen = NULL;
    uint32_t met = 0, asked = 0, evasive = 0;
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        if (!peer->used || !peer->bootstrap || peer->mesh || peer->configured)
            continue;
        asked += waits_for(peer, now);
        evasive += peer->evasive;
        if (peer->wants != 0 || peer_barred(peer, now) || now.mono.ms < peer->overlay.rest.ms)
            continue;
        enum tally_source source = peer->address_count > 0
                                       ? (enum tally_source)peer->addresses[0].source
                                       : TALLY_SOURCE_CONFIGURED;
        if (now.mono.ms >= overlay->begun.ms + head_start_ms[source] &&
            random_below(&overlay->random, ++met) == 0)
            chosen = peer;
    }
    bool crowd = evasive > 0 && now.mono.ms < overlay->crowd.ms;
    return asked < OVERLAY_BOOTSTRAPS_ASKED && !crowd ? chosen : NULL;
}

/* Asks one more, whoever there is. False if there is nobody now. */
static bool refill_one(struct overlay *overlay, struct tally_now now, struct peers *peers,
                       struct outbox *out)
{
    struct mesh_count count;
    mesh_count(peers, &count);
    bool own = count.pinned + count.chosen < MESH_CHOSEN;
    struct candidate *candidate = choose(overlay, now, peers, own);
    enum overlay_why why = OVERLAY_CHOSEN;
    struct peer *bootstrap = NULL;
    if (candidate == NULL)
        bootstrap = choose_bootstrap(overlay, now, peers);
    if (candidate == NULL && bootstrap == NULL && own && count.links < MESH_WANTED) {
        candidate = choose(overlay, now, peers, false);
        why = OVERLAY_FILLS;
    }
    if ((candidate == NULL && bootstrap == NULL) || !bucket_take(&overlay->greetings, now.mono))
        return false;
    if (candidate != NULL) {
        overlay_ask(overlay, now, peers, candidate, why, out);
    } else {
        want(overlay, now, peers, bootstrap, false, out);
        bootstrap->overlay.came = false;
        bootstrap->overlay.rest.ms = now.mono.ms + OVERLAY_LOOK_MS;
        if (now.mono.ms >= overlay->crowd.ms)
            overlay->crowd.ms = now.mono.ms + backoff_next(&overlay->crowds, &overlay->random);
    }
    return true;
}

static void refill_tick(struct overlay *overlay, struct tally_now now, struct peers *peers,
                        struct outbox *out)
{
    overlay->refill = TALLY_NEVER;
    unsigned lacking = peers->stopping ? 0 : overlay_lacking(peers);
    if (lacking == 0)
        return;
    if (!overlay_poor(peers) && now.mono.ms < overlay->patience.ms) {
        overlay->refill = overlay->patience;
        return;
    }
    unsigned before = asking(peers, now), asked = before;
    while (asked < lacking && refill_one(overlay, now, peers, out))
        asked++;
    if (asked > before)
        overlay->patience.ms = now.mono.ms + backoff_next(&overlay->asks, &overlay->random);
    /* Answers hurry us; else others are asked as well, or it is looked again with the rest. */
    if (now.mono.ms - overlay->begun.ms < BEGIN_MS)
        overlay->refill.ms = now.mono.ms + BEGIN_AGAIN_MS;
    else if (asked > 0)
        overlay->refill.ms = now.mono.ms + OVERLAY_ASK_MS;
}

/* ---- What the peers tell. ---- */

/* A peer we have, or had, a link with. Where it dialled us from nobody else may get through. */
static struct candidate *remember(struct overlay *overlay, struct tally_now now,
                                  const struct peers *peers, const struct peer *peer)
{
    const struct address_policy *policy = peers->options.policy;
    if (!overlay_active(overlay, peers) || peer->configured || peer_barred(peer, now) ||
        address_may_dial(policy, &peer->link.address, TALLY_SOURCE_LINK) != TALLY_HYGIENE_ALLOWED)
        return NULL;
    const struct candidate candidate = {
        .key = peer->key,
        .address = peer->link.address,
        .source = TALLY_SOURCE_LINK,
        .local = address_attached(policy, &peer->link.address, 0),
        .came = !peer->link.initiated,
        .heard = peer->link.heard,
        .dialled = {peer->link.initiated ? peer->link.heard.ms : 0},
    };
    return passive_put(&overlay->passive, &candidate, &overlay->random, now);
}

void overlay_meshed(struct overlay *overlay, struct peer *peer)
{
    struct candidate *known = passive_find(&overlay->passive, &peer->key);
    eager(overlay);
    backoff_reset(&overlay->crowds);
    peer->overlay.asked = (struct tally_mono){0};
    if (known != NULL)
        passive_remove(&overlay->passive, known);
}

void overlay_leave(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct peer *peer)
{
    if (peer->mesh) {
        link_mesh(peers, peer, false, false, now);
        eager(overlay);
        (void)remember(overlay, now, peers, peer);
    }
    rest(overlay, peer, now);
    overlay_hurry(overlay, now);
}

/* A partition may be over: the others we lost may be there as well. */
static void found_again(struct overlay *overlay, struct candidate *found, struct tally_now now)
{
    found->lost = false;
    for (size_t i = 0; i < overlay->passive.capacity; i++)
        if (overlay->passive.list[i].lost && overlay->passive.list[i].rest.ms > now.mono.ms)
            overlay->passive.list[i].rest = now.mono;
}

void overlay_linked(struct overlay *overlay, struct tally_now now, struct peers *peers,
                    struct peer *peer, struct outbox *out)
{
    struct candidate *known = passive_find(&overlay->passive, &peer->key);
    bool asked = peer->overlay.asked.ms != 0 && now.mono.ms - peer->overlay.asked.ms < WANTED_MS;
    bool wanted = peer->configured || asked;
    overlay_hurry(overlay, now);
    peer->overlay.vain = 0;
    if (peer->mesh) {
        peer->chosen = peer->chosen && !peer->overlay.came;
        overlay_meshed(overlay, peer);
    } else {
        /* Whom we greeted for another reason, the DHT's, is none of ours. */
        if (known != NULL || !peer->link.initiated)
            known = remember(overlay, now, peers, peer);
        if (known != NULL && peer->link.initiated)
            passive_dialled(known, now);
        if (known != NULL && known->lost) {
            wanted = true;
            found_again(overlay, known, now);
        }
        /* It had no place for us; perhaps if we ask, or it knows others. */
        if (wanted)
            activate_send(overlay, peers, peer, now, out);
    }
    if (!overlay_active(overlay, peers))
        return;
    if (overlay->shuffle.ms == TALLY_NEVER.ms)
        overlay->shuffle.ms = now.mono.ms + random_jitter(&overlay->random, OVERLAY_SHUFFLE_MS, 20);
    if (overlay->tend.ms == TALLY_NEVER.ms)
        overlay->tend.ms = now.mono.ms + random_jitter(&overlay->random, OVERLAY_TEND_MS, 20);
    if (overlay_poor(peers) && (peer->mesh || wanted) && now.mono.ms >= overlay->wander.ms)
        join_send(overlay, now, peers, peer, out);
    if (peer->mesh && overlay->passive.count < overlay->passive.capacity / 2)
        shuffle_send(overlay, now, peers, peer, out);
}

void overlay_ended(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct peer *peer, bool failed)
{
    struct candidate *known = passive_find(&overlay->passive, &peer->key);
    (void)overlay_urgent(overlay, peers, now);
    overlay_hurry(overlay, now);
    peer->overlay.asked = (struct tally_mono){0};
    if (failed && known != NULL)
        passive_failed(&overlay->passive, known, &overlay->random, now);
    if (failed && peer->bootstrap)
        rest_bootstrap(overlay, peer, now);
    /* One of the mesh may come back, as after a partition; but not at once. */
    if (failed || peer->rare->left.ms != now.mono.ms)
        return;
    eager(overlay);
    known = remember(overlay, now, peers, peer);
    if (known == NULL)
        return;
    known->lost = peer->last_error == TALLY_DROP_SILENT;
    known->rest.ms = now.mono.ms + random_jitter(&overlay->random, OVERLAY_GONE_MS, 20);
    /* A bootstrap that began anew does not know us: who has next to nobody tries it soon, and it
       rests when that was in vain. */
    if (peer->bootstrap)
        peer->overlay.rest.ms =
            overlay_poor(peers) ? known->rest.ms : now.mono.ms + PASSIVE_REST_MS;
}

enum tally_drop overlay_found(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              const struct tally_key *key, const struct tally_address *address,
                              enum tally_source source)
{
    const struct peer *peer = peers_find(peers, key);
    if (key_equal(key, &peers->options.key))
        return TALLY_DROP_SELF;
    if (!overlay_active(overlay, peers) ||
        address_may_dial(peers->options.policy, address, source) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    if (peer != NULL && (peer->mesh || peer->configured))
        return TALLY_DROP_NONE;
    const struct candidate candidate = {
        .key = *key,
        .address = *address,
        .source = (uint8_t)source,
        .local = address_attached(peers->options.policy, address, 0),
        .heard = now.mono,
    };
    if (passive_put(&overlay->passive, &candidate, &overlay->random, now) == NULL)
        return TALLY_DROP_BUSY;
    overlay_hurry(overlay, now);
    return TALLY_DROP_NONE;
}

bool overlay_bootstrap(struct overlay *overlay, struct tally_now now, struct peers *peers,
                       const struct tally_key *key, const struct tally_address *address,
                       enum tally_source source)
{
    unsigned count = 0;
    for (size_t i = 0; i < peers->end; i++)
        count += peers->list[i].used && peers->list[i].bootstrap;
    struct peer *peer = peers_find(peers, key);
    bool known = peer != NULL && peer->bootstrap;
    if (key_equal(key, &peers->options.key) || (!known && count >= OVERLAY_BOOTSTRAPS))
        return false;
    if (peer == NULL)
        peer = peers_take(peers, key, now);
    if (peer == NULL)
        return false;
    peer->bootstrap = true;
    peer_address_add(peer, address, source, false, now);
    overlay_hurry(overlay, now);
    return true;
}

/* ---- Time. ---- */

static struct tally_mono earlier(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

struct tally_mono overlay_deadline(const struct overlay *overlay)
{
    return earlier(earlier(overlay->refill, overlay->look),
                   earlier(overlay->shuffle, overlay->tend));
}

void overlay_tick(struct overlay *overlay, struct tally_now now, struct peers *peers,
                  struct outbox *out)
{
    if (peers->stopping) {
        overlay->look = overlay->shuffle = overlay->tend = overlay->refill = TALLY_NEVER;
        return;
    }
    overlay_attend(overlay, now, peers, out);
    if (overlay->refill.ms <= now.mono.ms)
        refill_tick(overlay, now, peers, out);
}

bool overlay_holds(const struct overlay *overlay)
{
    return passive_holds(&overlay->passive);
}

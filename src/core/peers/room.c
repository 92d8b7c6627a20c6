/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/room.h"

#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>

void link_count(struct peers *peers, struct peer *peer, bool linked, bool mesh)
{
    peers->links -= peer->mesh;
    peers->light -= peer->link.state == LINK_LINKED && !peer->mesh;
    peers->guests -= peer->guest;
    peer->mesh = linked && mesh;
    const size_t index = (size_t)(peer - peers->list);
    const uint64_t bit = UINT64_C(1) << index % 64;
    peers->meshed[index / 64] =
        peer->mesh ? peers->meshed[index / 64] | bit : peers->meshed[index / 64] & ~bit;
    peer->guest = peer->guest && peer->mesh;
    peers->guests += peer->guest;
    peers->links += peer->mesh;
    peers->light += linked && !peer->mesh;
}

bool link_wait(struct peers *peers, struct link *link)
{
    if (link->next == NULL)
        link->next = blocks_take(&peers->loan->nexts);
    return link->next != NULL;
}

void link_wait_end(struct peers *peers, struct link *link)
{
    if (link->next == NULL)
        return;
    hash_wipe(link->next, sizeof *link->next);
    blocks_give(&peers->loan->nexts, link->next);
    link->next = NULL;
}

/* A place in the mesh that was promised in a greeting which is not over. */
static bool promised(const struct peer *peer)
{
    return !peer->mesh && peer->link.next != NULL && peer->link.next->mesh;
}

void mesh_count(const struct peers *peers, struct mesh_count *count)
{
    *count = (struct mesh_count){.links = peers->links - peers->guests};
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        const struct peer *peer = &peers->list[i];
        count->pinned += peer->configured && !peer->guest;
        count->chosen += !peer->configured && peer->chosen;
    }
}

bool link_room(const struct peers *peers, const struct peer *peer)
{
    bool configured = peer != NULL && peer->configured;
    unsigned awaited = 0;
    if (peer != NULL && peer->mesh)
        return true;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *other = &peers->list[i];
        if (other == peer || other->mesh)
            continue;
        awaited += promised(other) || (other->configured && !configured);
    }
    return peers->links + awaited < peers->options.links_max;
}

/* Neighbours on a cable or in a machine have one prefix and are not to be told apart by it. */
static bool prefix_counts(const struct peers *peers, const struct tally_address *address)
{
    enum address_scope scope = address_scope_of(address);
    if (scope == ADDRESS_LOOPBACK || scope == ADDRESS_LINK_LOCAL)
        return false;
    return peers->options.policy == NULL || !address_attached(peers->options.policy, address, 0);
}

static bool same_network(const struct tally_address *a, const struct tally_address *b)
{
    return memcmp(a->ip, b->ip, address_prefix(b)) == 0;
}

/* A place that is its own. */
static enum tally_drop place_room(const struct peers *peers, const struct peer *peer,
                                  const struct tally_address *address, enum mesh_claim claim)
{
    bool counts = prefix_counts(peers, address);
    unsigned others = 0, came = 0, near = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *other = &peers->list[i];
        bool waits = promised(other);
        if (other == peer || other->configured || other->guest || !(other->mesh || waits))
            continue;
        others++;
        came += waits || !other->chosen;
        const struct tally_address *at = waits ? &other->link.next->address : &other->link.address;
        near += same_network(at, address);
    }
    if (counts && near >= MESH_PREFIX)
        return TALLY_DROP_CROWDED;
    unsigned most = claim == MESH_ASKED ? MESH_TAKEN : MESH_MOST;
    bool limited = claim == MESH_ASKED || claim == MESH_URGENT;
    if (limited && (others >= most || came >= MESH_MOST - MESH_CHOSEN))
        return TALLY_DROP_BUSY;
    return TALLY_DROP_NONE;
}

enum tally_drop mesh_room(const struct peers *peers, const struct peer *peer,
                          const struct tally_address *address, enum mesh_claim claim,
                          struct tally_now now)
{
    if (peer != NULL && now.mono.ms < peer->rare->mute.ms)
        return TALLY_DROP_REFUSED;
    if (!link_room(peers, peer))
        return TALLY_DROP_BUSY;
    /* A guest that greets anew still is one. */
    if (peer != NULL && (peer->configured || peer->guest))
        return TALLY_DROP_NONE;
    return place_room(peers, peer, address, claim);
}

/* ---- Guests. ---- */

static unsigned guests_most(const struct peers *peers)
{
    unsigned share = peers->options.links_max / MESH_GUEST_SHARE;
    return share < MESH_GUESTS ? share : MESH_GUESTS;
}

/* Guests of the network of an address. */
static unsigned guests_near(const struct peers *peers, const struct tally_address *address)
{
    unsigned near = 0;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1))
        near += peers->list[i].guest && same_network(&peers->list[i].link.address, address);
    return near;
}

enum tally_drop guest_room(const struct peers *peers, const struct peer *peer, struct tally_now now)
{
    if (now.mono.ms < peer->rare->mute.ms)
        return TALLY_DROP_REFUSED;
    if (!link_room(peers, peer))
        return TALLY_DROP_BUSY;
    return peers->guests < guests_most(peers) &&
                   guests_near(peers, &peer->link.address) < MESH_GUESTS_NEAR
               ? TALLY_DROP_NONE
               : TALLY_DROP_CROWDED;
}

struct peer *guest_over(const struct peers *peers, const struct peer *peer, struct tally_now now)
{
    bool near = guests_near(peers, &peer->link.address) >= MESH_GUESTS_NEAR;
    struct peer *over = NULL;
    if (now.mono.ms < peer->rare->mute.ms)
        return NULL;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *guest = &peers->list[i];
        if (guest->guest && now.mono.ms >= guest->overlay.needy.ms &&
            (!near || same_network(&guest->link.address, &peer->link.address)) &&
            (over == NULL || guest->overlay.needy.ms < over->overlay.needy.ms))
            over = guest;
    }
    return over;
}

void link_guest(struct peers *peers, struct peer *peer, struct tally_now now)
{
    link_mesh(peers, peer, true, false, now);
    peers->guests += !peer->guest;
    peer->guest = true;
}

void guests_settle(struct peers *peers)
{
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (!peer->guest || (!peer->configured && place_room(peers, peer, &peer->link.address,
                                                             MESH_ASKED) != TALLY_DROP_NONE))
            continue;
        peer->guest = false;
        peers->guests--;
    }
}

void link_mesh(struct peers *peers, struct peer *peer, bool mesh, bool chosen, struct tally_now now)
{
    struct link *link = &peer->link;
    assert(link->state == LINK_LINKED);
    assert(!mesh || link_room(peers, peer));
    peer->chosen = mesh && chosen;
    if (peer->mesh == mesh)
        return;
    link_count(peers, peer, true, mesh);
    link->meshed = now.mono;
    link->suspicion = (struct suspicion){.state = SUSPICION_NONE};
    if (!mesh) {
        peer->rare->left = now.mono;
    } else {
        link->heard = now.mono; /* From now on its silence counts. */
        link->interval_ms = TALLY_HEARTBEAT_MS;
        link->heartbeat = (struct tally_mono){0};
    }
    link->probe_at = now.mono;
    peers_wake(peers, peer, now.mono);
}

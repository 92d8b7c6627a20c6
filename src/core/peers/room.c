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
    peer->mesh = linked && mesh;
    peers->links += peer->mesh;
    peers->light += linked && !peer->mesh;
}

bool link_wait(struct peers *peers, struct link *link)
{
    if (link->next == NULL)
        link->next = blocks_take(peers->nexts);
    return link->next != NULL;
}

void link_wait_end(struct peers *peers, struct link *link)
{
    if (link->next != NULL)
        hash_wipe(link->next, sizeof *link->next);
    blocks_give(peers->nexts, link->next);
    link->next = NULL;
}

/* A place in the mesh that was promised in a greeting which is not over. */
static bool promised(const struct peer *peer)
{
    return !peer->mesh && peer->link.next != NULL && peer->link.next->mesh;
}

void mesh_count(const struct peers *peers, struct mesh_count *count)
{
    *count = (struct mesh_count){.links = peers->links};
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *peer = &peers->list[i];
        count->pinned += peer->mesh && peer->configured;
        count->chosen += peer->mesh && !peer->configured && peer->chosen;
    }
}

bool link_room(const struct peers *peers, const struct peer *peer)
{
    bool configured = peer != NULL && peer->configured;
    unsigned awaited = 0;
    if (peer != NULL && peer->mesh)
        return true;
    for (size_t i = 0; i < peers->capacity; i++) {
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

enum tally_drop mesh_room(const struct peers *peers, const struct peer *peer,
                          const struct tally_address *address, enum mesh_claim claim,
                          struct tally_now now)
{
    if (peer != NULL && now.mono.ms < peer->overlay.mute.ms)
        return TALLY_DROP_REFUSED;
    if (!link_room(peers, peer))
        return TALLY_DROP_BUSY;
    if (peer != NULL && peer->configured)
        return TALLY_DROP_NONE;
    bool counts = prefix_counts(peers, address);
    unsigned others = 0, came = 0, near = 0;
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *other = &peers->list[i];
        bool waits = promised(other);
        if (other == peer || other->configured || !(other->mesh || waits))
            continue;
        others++;
        came += waits || !other->chosen;
        const struct tally_address *at = waits ? &other->link.next->address : &other->link.address;
        near += memcmp(at->ip, address->ip, address_prefix(address)) == 0;
    }
    if (counts && near >= MESH_PREFIX)
        return TALLY_DROP_CROWDED;
    unsigned most = claim == MESH_ASKED ? MESH_TAKEN : MESH_MOST;
    bool limited = claim == MESH_ASKED || claim == MESH_URGENT;
    if (limited && (others >= most || came >= MESH_MOST - MESH_CHOSEN))
        return TALLY_DROP_BUSY;
    return TALLY_DROP_NONE;
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
        peer->overlay.left = now.mono;
    } else {
        link->heard = now.mono; /* From now on its silence counts. */
        link->interval_ms = TALLY_HEARTBEAT_MS;
        link->heartbeat = (struct tally_mono){0};
    }
    link->probe_at = now.mono;
    peers_wake(peers, peer, now.mono);
}

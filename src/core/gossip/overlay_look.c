/* SPDX-License-Identifier: Apache-2.0 */
/* Looking after the views: what no message brings about, and what is done from time to time. */
#include "core/gossip/overlay_inside.h"

/* A peer that is silent as a peer, though it answers probes, only takes a place. */
static bool mute(const struct peer *peer, struct tally_now now)
{
    const struct link *link = &peer->link;
    uint64_t since = link->heartbeat.ms > link->meshed.ms ? link->heartbeat.ms : link->meshed.ms;
    uint64_t most = 4 * (uint64_t)link->interval_ms;
    return now.mono.ms - since >= (most > OVERLAY_MUTE_MS ? most : OVERLAY_MUTE_MS);
}

static void mutes_look(struct overlay *overlay, struct tally_now now, struct peers *peers,
                       struct outbox *out)
{
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (mute(peer, now)) {
            peer->rare->mute.ms = now.mono.ms + OVERLAY_MUTE_REST_MS;
            overlay_leave(overlay, now, peers, peer);
            prune_send(overlay, now, peers, peer, OVERLAY_PRUNE_FULL, out);
        } else if (now.mono.ms - peer->link.meshed.ms >= OVERLAY_REST_CAP_MS) {
            peer->overlay.refusals = 0;
        }
    }
}

/* A light link on which nobody answers us is none: the other end forgot it. The next time we greet.
 */
static void unanswered_look(struct overlay *overlay, struct tally_now now, struct peers *peers)
{
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        struct peers_news news = {.linked = NULL};
        if (peer->mesh || peer->link.state != LINK_LINKED || peer->overlay.asked.ms == 0 ||
            now.mono.ms - peer->overlay.asked.ms < OVERLAY_ANSWER_MS)
            continue;
        bool heard = peer->link.heard.ms > peer->overlay.asked.ms;
        peer->overlay.asked = (struct tally_mono){0};
        if (heard)
            continue;
        link_end(peers, peer, TALLY_DROP_SILENT, now, &news);
        overlay_ended(overlay, now, peers, peer, false);
    }
}

/* Configured peers keep a link of the mesh, whatever the views say. */
static void pinned_look(struct overlay *overlay, struct tally_now now, struct peers *peers,
                        struct outbox *out)
{
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        if (!peer->configured || peer->mesh || peer->link.state != LINK_LINKED ||
            now.mono.ms < peer->overlay.rest.ms || !link_room(peers, peer))
            continue;
        activate_send(overlay, peers, peer, now, out);
        peer->overlay.rest.ms = now.mono.ms + OVERLAY_LOOK_MS;
    }
}

/* With more than there is place for, one that came to us goes; not one that needs us. True while
   there are more. */
static bool shrink(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct outbox *out)
{
    struct peer *chosen = NULL;
    uint32_t met = 0;
    struct mesh_count count;
    mesh_count(peers, &count);
    if (count.links - count.pinned <= MESH_MOST)
        return false;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (!peer->configured && !peer->chosen && !peer->guest &&
            now.mono.ms >= peer->overlay.needy.ms && random_below(&overlay->random, ++met) == 0)
            chosen = peer;
    }
    if (chosen == NULL)
        return true;
    overlay_leave(overlay, now, peers, chosen);
    prune_send(overlay, now, peers, chosen, OVERLAY_PRUNE_SHRINKING, out);
    return true;
}

/* Whoever has next to nobody wanders again, with whatever link there is. */
static void wander(struct overlay *overlay, struct tally_now now, struct peers *peers,
                   struct outbox *out)
{
    struct peer *any = NULL;
    uint32_t met = 0;
    if (!overlay_active(overlay, peers) || !overlay_poor(peers)) {
        backoff_reset(&overlay->joins);
        return;
    }
    if (now.mono.ms < overlay->wander.ms)
        return;
    for (size_t i = 0; i < peers->end; i++)
        if (peers->list[i].link.state == LINK_LINKED && random_below(&overlay->random, ++met) == 0)
            any = &peers->list[i];
    if (any != NULL)
        join_send(overlay, now, peers, any, out);
}

/* Greets a candidate for a light link, to see if it lives. */
static void visit(struct overlay *overlay, struct tally_now now, struct peers *peers,
                  struct candidate *candidate)
{
    struct peer *peer = peers_find(peers, &candidate->key);
    bool rests = peer != NULL && peer->bootstrap && now.mono.ms < peer->overlay.rest.ms;
    if (rests || !bucket_take(&overlay->greetings, now.mono))
        return;
    if (peer == NULL)
        peer = peers_take(peers, &candidate->key, now);
    candidate->rest.ms = now.mono.ms + OVERLAY_AGAIN_MS;
    if (peer == NULL || peer->link.state != LINK_IDLE || peer_barred(peer, now))
        return;
    peer_address_add(peer, &candidate->address, candidate->source, false, now);
    /* Whom only others told of gets one hello: it may be somebody's victim. */
    if (overlay_returns(peer) ||
        (candidate->dialled.ms == 0 && candidate->source == TALLY_SOURCE_EXCHANGE))
        peers_greet_once(peers, peer, PEER_WANTS_LINK, now);
    else
        peers_greet(peers, peer, PEER_WANTS_LINK, now);
}

static bool may_visit(const struct peers *peers, const struct candidate *one, struct tally_now now)
{
    return one->used && now.mono.ms >= one->rest.ms &&
           address_may_dial(peers->options.policy, &one->address, one->source) ==
               TALLY_HYGIENE_ALLOWED;
}

/* Whom we lost is looked for, though others have its place by now: after a partition the two sides
   are strangers else. True while there is somebody. */
static bool search(struct overlay *overlay, struct tally_now now, struct peers *peers)
{
    bool any = false;
    for (size_t i = 0; i < overlay->passive.capacity; i++) {
        struct candidate *one = &overlay->passive.list[i];
        any = any || one->lost;
        if (one->lost && may_visit(peers, one, now))
            visit(overlay, now, peers, one);
    }
    return any;
}

/* The candidate we know least about, so that the view is of the living. */
static void tend(struct overlay *overlay, struct tally_now now, struct peers *peers)
{
    struct candidate *oldest = NULL;
    for (size_t i = 0; i < overlay->passive.capacity; i++) {
        struct candidate *one = &overlay->passive.list[i];
        if (may_visit(peers, one, now) && (oldest == NULL || one->dialled.ms < oldest->dialled.ms))
            oldest = one;
    }
    if (oldest != NULL &&
        (oldest->dialled.ms == 0 || now.mono.ms - oldest->dialled.ms >= LINK_LIGHT_MS))
        visit(overlay, now, peers, oldest);
}

/* How much sooner something is done with a heartbeat: no more than one interval, or it waits
 * longer.
 */
static uint64_t early_ms(const struct overlay *overlay)
{
    return overlay->beat_ms > OVERLAY_EARLY_MS ? overlay->beat_ms : OVERLAY_EARLY_MS;
}

static void shuffle_tick(struct overlay *overlay, struct tally_now now, struct peers *peers,
                         struct outbox *out)
{
    struct peer *any = overlay_any(overlay, peers, NULL, NULL);
    uint64_t wait = OVERLAY_SHUFFLE_BEATS * overlay->beat_ms;
    if (wait < OVERLAY_SHUFFLE_MS)
        wait = OVERLAY_SHUFFLE_MS;
    overlay->shuffle.ms =
        now.mono.ms + random_jitter(&overlay->random, wait, 20) + early_ms(overlay) / 2;
    if (any != NULL && any->mesh)
        shuffle_send(overlay, now, peers, any, out);
}

void overlay_beat(struct overlay *overlay, struct tally_now now, uint64_t interval)
{
    overlay->beat_ms = interval;
    struct tally_mono *const waits[] = {&overlay->look, &overlay->shuffle, &overlay->tend};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (waits[i]->ms != TALLY_NEVER.ms && waits[i]->ms <= now.mono.ms + early_ms(overlay))
            *waits[i] = now.mono;
}

/* In need, with too many, or while somebody is looked for, heartbeats are not waited for. */
static void look_later(struct overlay *overlay, struct tally_now now, const struct peers *peers,
                       bool busy)
{
    uint64_t wait = OVERLAY_LOOK_MS;
    if (!busy && !overlay_poor(peers) && wait < overlay->beat_ms)
        wait = overlay->beat_ms;
    overlay->look.ms = now.mono.ms + wait + OVERLAY_EARLY_MS / 2;
}

void overlay_attend(struct overlay *overlay, struct tally_now now, struct peers *peers,
                    struct outbox *out)
{
    if (overlay->look.ms <= now.mono.ms) {
        (void)overlay_urgent(overlay, peers, now);
        mutes_look(overlay, now, peers, out);
        unanswered_look(overlay, now, peers);
        pinned_look(overlay, now, peers, out);
        guests_settle(peers);
        bool crowded = shrink(overlay, now, peers, out);
        wander(overlay, now, peers, out);
        bool lost = search(overlay, now, peers);
        overlay_hurry(overlay, now);
        look_later(overlay, now, peers, lost || crowded);
    }
    if (overlay->shuffle.ms <= now.mono.ms)
        shuffle_tick(overlay, now, peers, out);
    if (overlay->tend.ms <= now.mono.ms) {
        overlay->tend.ms = now.mono.ms + random_jitter(&overlay->random, OVERLAY_TEND_MS, 20) +
                           early_ms(overlay) / 2;
        tend(overlay, now, peers);
    }
}

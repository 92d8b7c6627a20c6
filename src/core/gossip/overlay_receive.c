/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay's messages: how links become and cease to be of the mesh, and who tells of whom. */
#include "core/base/bytes.h"
#include "core/gossip/overlay_inside.h"

/* ---- Writing. ---- */

void activate_send(struct overlay *overlay, struct peers *peers, struct peer *peer,
                   struct tally_now now, struct outbox *out)
{
    const struct tally_activate message = {.urgent = overlay_urgent(overlay, peers, now)};
    uint8_t body[TALLY_ACTIVATE_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_activate_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_ACTIVATE, wire_writer_bytes(&w), out);
    if (!peer->mesh)
        peer->overlay.asked = now.mono;
}

void prune_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
                struct peer *peer, unsigned reason, struct outbox *out)
{
    if (peer->overlay.pruned.ms != 0 && now.mono.ms - peer->overlay.pruned.ms < OVERLAY_PRUNE_MS)
        return;
    peer->overlay.pruned = now.mono;
    struct tally_prune message = {.reason = (uint8_t)reason};
    /* Who came here lately looks for places as well, and has some. Were all told of those that we
       know best, these would be greeted by everybody. */
    const struct contacts_wanted wanted = {.active = OVERLAY_ACTIVE,
                                           .passive = OVERLAY_CONTACTS - OVERLAY_ACTIVE,
                                           .came = OVERLAY_CAME};
    message.contacts_count = contacts_offer(overlay, now, peers, peer, &wanted, message.contacts);
    uint8_t body[TALLY_PRUNE_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_prune_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_PRUNE, wire_writer_bytes(&w), out);
}

void shuffle_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
                  struct peer *peer, struct outbox *out)
{
    struct tally_shuffle message;
    const struct contacts_wanted wanted = {.active = OVERLAY_ACTIVE, .passive = OVERLAY_PASSIVE};
    message.contacts_count = contacts_offer(overlay, now, peers, peer, &wanted, message.contacts);
    /* Nothing to tell, and of a peer that may tell no address of its own kind nothing to learn. */
    if (message.contacts_count == 0 && !contact_may_be_told(&peer->link.address))
        return;
    uint8_t body[TALLY_SHUFFLE_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_shuffle_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_SHUFFLE, wire_writer_bytes(&w), out);
    peer->overlay.shuffling = true;
}

static void join_tell(struct peers *peers, const struct peer *to, const struct tally_join *message,
                      struct outbox *out)
{
    uint8_t body[TALLY_JOIN_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_join_write(message, &w);
    peers_tell(peers, to, TALLY_KIND_JOIN, wire_writer_bytes(&w), out);
}

void join_send(struct overlay *overlay, struct tally_now now, struct peers *peers,
               const struct peer *peer, struct outbox *out)
{
    const struct tally_join message = {.ttl = OVERLAY_TTL, .newcomer = {.key = peers->options.key}};
    overlay->wander.ms = now.mono.ms + backoff_next(&overlay->joins, &overlay->random);
    join_tell(peers, peer, &message, out);
}

/* ---- activate, prune. ---- */

static bool lately(struct tally_mono at, struct tally_now now, uint64_t ms)
{
    return at.ms != 0 && now.mono.ms - at.ms < ms;
}

/* A light link becomes one of the mesh, if there is room. */
static enum tally_drop become_mesh(struct overlay *overlay, struct tally_now now,
                                   struct peers *peers, struct peer *peer, enum mesh_claim claim,
                                   struct overlay_news *news)
{
    enum tally_drop drop = mesh_room(peers, peer, &peer->link.address, claim, now);
    if (drop != TALLY_DROP_NONE)
        return drop;
    link_mesh(peers, peer, true, claim == MESH_OURS && !peer->overlay.came, now);
    overlay_meshed(overlay, peer);
    news->meshed = peer;
    return TALLY_DROP_NONE;
}

/* One of too many of a network, in need: a guest, once there is nobody to go to. While we have
   others it was told of them, and may take its time to find them; if that was in vain, it is taken
   although we have. */
static enum tally_drop take_guest(struct overlay *overlay, struct tally_now now,
                                  struct peers *peers, struct peer *peer, struct overlay_news *news,
                                  struct outbox *out)
{
    struct mesh_count count;
    mesh_count(peers, &count);
    if (peer->rare->crowded.ms == 0)
        peer->rare->crowded = now.mono;
    if (count.links >= MESH_WANTED && now.mono.ms - peer->rare->crowded.ms < OVERLAY_CROWDED_MS)
        return TALLY_DROP_CROWDED;
    enum tally_drop drop = guest_room(peers, peer, now);
    struct peer *over = drop == TALLY_DROP_CROWDED ? guest_over(peers, peer, now) : NULL;
    if ((drop != TALLY_DROP_NONE && over == NULL) ||
        !pace_take(&overlay->guests, OVERLAY_GUEST_RATE, now.mono))
        return TALLY_DROP_CROWDED;
    if (over != NULL) {
        overlay_leave(overlay, now, peers, over);
        prune_send(overlay, now, peers, over, OVERLAY_PRUNE_SHRINKING, out);
    }
    link_guest(peers, peer, now);
    overlay_meshed(overlay, peer);
    peer->overlay.needy.ms = now.mono.ms + OVERLAY_NEEDY_MS;
    news->meshed = peer;
    return TALLY_DROP_NONE;
}

/* A peer that has next to nobody gets a place although all are taken, one in a while. If it comes
   again for that, it keeps it longer. */
static enum tally_drop make_place(struct overlay *overlay, struct tally_now now,
                                  struct peers *peers, struct peer *peer, struct overlay_news *news)
{
    enum tally_drop drop = become_mesh(overlay, now, peers, peer, MESH_URGENT, news);
    if (drop == TALLY_DROP_BUSY && pace_take(&overlay->extra, OVERLAY_EXTRA_RATE, now.mono))
        drop = become_mesh(overlay, now, peers, peer, MESH_EXTRA, news);
    if (drop != TALLY_DROP_NONE)
        return drop;
    uint64_t keep = OVERLAY_NEEDY_MS;
    for (unsigned i = 0; i < peer->overlay.needs && keep < OVERLAY_NEEDY_CAP_MS; i++)
        keep *= 2;
    peer->overlay.needy.ms = now.mono.ms + keep;
    if (peer->overlay.needs < UINT8_MAX)
        peer->overlay.needs++;
    return TALLY_DROP_NONE;
}

static enum tally_drop on_activate(struct overlay *overlay, struct tally_now now,
                                   struct peers *peers, struct peer *from, struct wire_reader *r,
                                   struct overlay_news *news, struct outbox *out)
{
    struct tally_activate message;
    tally_activate_read(r, &message);
    if (!wire_reader_done(r))
        return TALLY_DROP_MALFORMED;
    if (from->mesh) {
        /* It missed our answer; a heartbeat says the same. */
        news->waits = true;
        return TALLY_DROP_NONE;
    }
    bool asked = lately(from->overlay.asked, now, OVERLAY_ANSWER_MS);
    /* It just said no itself. */
    if (!asked && lately(from->overlay.refused, now, OVERLAY_REST_MS))
        return TALLY_DROP_BUSY;
    bool wanted = asked || from->configured;
    enum tally_drop drop =
        become_mesh(overlay, now, peers, from, wanted ? MESH_OURS : MESH_ASKED, news);
    if (drop == TALLY_DROP_BUSY && message.urgent)
        drop = make_place(overlay, now, peers, from, news);
    if (drop == TALLY_DROP_CROWDED && message.urgent)
        drop = take_guest(overlay, now, peers, from, news, out);
    if (drop != TALLY_DROP_NONE)
        prune_send(overlay, now, peers, from, OVERLAY_PRUNE_FULL, out);
    else if (!asked)
        activate_send(overlay, peers, from, now, out);
    return drop;
}

static enum tally_drop on_prune(struct overlay *overlay, struct tally_now now, struct peers *peers,
                                struct peer *from, struct wire_reader *r, struct peers_news *links)
{
    struct tally_prune message;
    tally_prune_read(r, &message);
    if (!wire_reader_done(r))
        return TALLY_DROP_MALFORMED;
    if (message.reason == OVERLAY_PRUNE_LAZY)
        return TALLY_DROP_UNKNOWN;
    if (!from->mesh && from->overlay.asked.ms == 0) {
        /* Both pruned at once, or it tells us twice: no fault, but nothing to believe either. */
        if (lately(from->rare->left, now, OVERLAY_ANSWER_MS))
            return TALLY_DROP_SEEN;
        return TALLY_DROP_UNASKED;
    }
    from->overlay.refused = now.mono;
    overlay_leave(overlay, now, peers, from);
    return contacts_take(overlay, now, peers, from, message.contacts, message.contacts_count,
                         links);
}

/* The light link of a peer that believes it is one of the mesh. */
enum tally_drop overlay_stray(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              struct peer *from, struct overlay_news *news, struct outbox *out)
{
    bool wanted = from->configured || lately(from->overlay.asked, now, OVERLAY_ANSWER_MS);
    bool pruned = lately(from->overlay.pruned, now, OVERLAY_PRUNE_MS) ||
                  lately(from->overlay.refused, now, OVERLAY_REST_MS);
    if (!pruned && become_mesh(overlay, now, peers, from, wanted ? MESH_OURS : MESH_ASKED, news) ==
                       TALLY_DROP_NONE)
        return TALLY_DROP_NONE;
    prune_send(overlay, now, peers, from, OVERLAY_PRUNE_FULL, out);
    return TALLY_DROP_REFUSED;
}

/* ---- join ---- */

static void join_forward(struct overlay *overlay, struct peers *peers, const struct peer *from,
                         const struct tally_join *message, struct outbox *out)
{
    const struct peer *newcomer = peers_find(peers, &message->newcomer.key);
    const struct peer *to = overlay_any(overlay, peers, from, newcomer);
    if (to != NULL)
        join_tell(peers, to, message, out);
}

/* A newcomer begins to wander here. Its address is the one we know it by; if that is of our own
   network only, there is nobody to send it to. */
static enum tally_drop join_begin(struct overlay *overlay, struct tally_now now,
                                  struct peers *peers, struct peer *from,
                                  struct tally_join *message, struct outbox *out)
{
    if (lately(from->rare->joined, now, OVERLAY_JOIN_MS))
        return TALLY_DROP_BUSY;
    from->rare->joined = now.mono;
    message->newcomer.address = from->link.address;
    message->newcomer.age_min = 0;
    if (!overlay_active(overlay, peers) || !contact_may_be_told(&message->newcomer.address))
        return TALLY_DROP_NONE;
    for (unsigned i = 0; i < OVERLAY_WALKS && i < peers->links; i++)
        join_forward(overlay, peers, from, message, out);
    return TALLY_DROP_NONE;
}

/* The end of the walk: the newcomer is greeted, if there is any place. */
static void join_end(struct overlay *overlay, struct tally_now now, struct peers *peers,
                     const struct peer *from, const struct tally_contact *newcomer,
                     struct outbox *out)
{
    struct candidate *candidate = contact_put(overlay, now, peers, from, newcomer);
    if (candidate != NULL && candidate->rest.ms <= now.mono.ms &&
        peers->links - peers->guests < MESH_MOST + OVERLAY_WANDERERS &&
        mesh_room(peers, NULL, &newcomer->address, MESH_OURS, now) == TALLY_DROP_NONE &&
        pace_take(&overlay->met, OVERLAY_MET_RATE, now.mono))
        overlay_ask(overlay, now, peers, candidate, OVERLAY_MET, out);
}

static enum tally_drop on_join(struct overlay *overlay, struct tally_now now, struct peers *peers,
                               struct peer *from, struct wire_reader *r, struct peers_news *links,
                               struct outbox *out)
{
    struct tally_join message;
    tally_join_read(r, &message);
    if (!wire_reader_done(r))
        return TALLY_DROP_MALFORMED;
    const struct tally_contact *newcomer = &message.newcomer;
    unsigned ttl = message.ttl < OVERLAY_TTL ? message.ttl : OVERLAY_TTL;
    message.ttl = (uint8_t)(ttl > 0 ? ttl - 1 : 0);
    if (key_equal(&newcomer->key, &from->key))
        return join_begin(overlay, now, peers, from, &message, out);
    if (key_equal(&newcomer->key, &peers->options.key))
        return TALLY_DROP_SELF;
    if (!from->mesh || peer_standing(from) < 0)
        return TALLY_DROP_REFUSED;
    if (!overlay_active(overlay, peers))
        return TALLY_DROP_NONE;
    if (!contact_may_be_told(&newcomer->address)) {
        peers_judge(peers, from, OVERLAY_BAD_CONTACT, now, links);
        return TALLY_DROP_SCOPE;
    }
    if (ttl == 0 || peers->links < 2) {
        join_end(overlay, now, peers, from, newcomer, out);
        return TALLY_DROP_NONE;
    }
    if (ttl == OVERLAY_TTL_PASSIVE)
        (void)contact_put(overlay, now, peers, from, newcomer);
    join_forward(overlay, peers, from, &message, out);
    return TALLY_DROP_NONE;
}

/* ---- shuffle ---- */

static enum tally_drop on_shuffle(struct overlay *overlay, struct tally_now now,
                                  struct peers *peers, struct peer *from, struct wire_reader *r,
                                  struct peers_news *links, struct outbox *out)
{
    struct tally_shuffle message;
    tally_shuffle_read(r, &message);
    if (!wire_reader_done(r))
        return TALLY_DROP_MALFORMED;
    if (!from->mesh)
        return TALLY_DROP_REFUSED;
    struct tally_shuffled answer;
    const struct contacts_wanted wanted = {.active = OVERLAY_ACTIVE, .passive = OVERLAY_PASSIVE};
    answer.contacts_count = contacts_offer(overlay, now, peers, from, &wanted, answer.contacts);
    uint8_t body[TALLY_SHUFFLED_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_shuffled_write(&answer, &w);
    peers_tell(peers, from, TALLY_KIND_SHUFFLED, wire_writer_bytes(&w), out);
    return contacts_take(overlay, now, peers, from, message.contacts, message.contacts_count,
                         links);
}

static enum tally_drop on_shuffled(struct overlay *overlay, struct tally_now now,
                                   struct peers *peers, struct peer *from, struct wire_reader *r,
                                   struct peers_news *links)
{
    struct tally_shuffled message;
    tally_shuffled_read(r, &message);
    if (!wire_reader_done(r))
        return TALLY_DROP_MALFORMED;
    if (!from->overlay.shuffling)
        return TALLY_DROP_UNASKED;
    from->overlay.shuffling = false;
    return contacts_take(overlay, now, peers, from, message.contacts, message.contacts_count,
                         links);
}

/* ---- All. ---- */

enum tally_drop overlay_receive(struct overlay *overlay, struct tally_now now, struct peers *peers,
                                struct peer *from, const struct datagram *datagram,
                                struct overlay_news *news, struct peers_news *links,
                                struct outbox *out)
{
    struct wire_reader r;
    enum tally_drop drop = TALLY_DROP_UNKNOWN;
    wire_reader_init(&r, datagram->body);
    bool answers = datagram->kind == TALLY_KIND_SHUFFLED || datagram->kind == TALLY_KIND_PRUNE;
    if (from->link.state != LINK_LINKED)
        return TALLY_DROP_STRANGER;
    if (!answers && !bucket_word_take(&from->link.requests, LINK_REQUEST_RATE, now.mono))
        return TALLY_DROP_BUSY;
    if (datagram->kind == TALLY_KIND_ACTIVATE)
        drop = on_activate(overlay, now, peers, from, &r, news, out);
    else if (datagram->kind == TALLY_KIND_PRUNE)
        drop = on_prune(overlay, now, peers, from, &r, links);
    else if (datagram->kind == TALLY_KIND_JOIN)
        drop = on_join(overlay, now, peers, from, &r, links, out);
    else if (datagram->kind == TALLY_KIND_SHUFFLE)
        drop = on_shuffle(overlay, now, peers, from, &r, links, out);
    else if (datagram->kind == TALLY_KIND_SHUFFLED)
        drop = on_shuffled(overlay, now, peers, from, &r, links);
    if (drop == TALLY_DROP_UNASKED)
        peers_judge(peers, from, OVERLAY_UNASKED, now, links);
    return drop;
}

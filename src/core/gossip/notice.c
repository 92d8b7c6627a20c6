/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/notice.h"

#include "core/base/bytes.h"
#include "core/federation/fold.h"

#include <stdlib.h>

bool notice_new(struct notice *notice, size_t peers_max, uint64_t seed, struct tally_now now)
{
    *notice = (struct notice){.link_count = peers_max,
                              .tell = TALLY_NEVER,
                              .set = TALLY_NEVER,
                              .knock = TALLY_NEVER,
                              .random = {seed}};
    bucket_init(&notice->passes, NOTICE_PASS_RATE, NOTICE_PASS_BURST, now.mono);
    bucket_init(&notice->knocks, NOTICE_KNOCK_RATE, NOTICE_KNOCK_BURST, now.mono);
    notice->links = calloc(peers_max, sizeof *notice->links);
    return notice->links != NULL;
}

void notice_free(struct notice *notice)
{
    free(notice->links);
}

static const struct revoked *revoked_of(const struct peers *peers)
{
    return peers->options.fold != NULL ? peers->options.fold->revoked : NULL;
}

/* ---- Telling. ---- */

void notice_send(struct peers *peers, struct spread *spread, struct tally_now now,
                 struct tally_bytes bytes, struct outbox *out)
{
    struct parcel parcel;
    parcel_make(peers, TALLY_KIND_REVOCATION, bytes, false, &parcel);
    spread_put(spread, peers, NULL, now, bytes_of(parcel.bytes, parcel.size), 0, SPREAD_URGENT,
               false, out);
}

static void set_send(struct peers *peers, const struct peer *peer, bool want, struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    struct tally_revoked_set message = {.count = (uint16_t)revoked->count, .want = want};
    uint8_t body[TALLY_REVOKED_SET_SIZE_MAX];
    struct wire_writer w;
    memcpy(message.fingerprint, revoked->fingerprint, sizeof message.fingerprint);
    wire_writer_init(&w, body, sizeof body);
    tally_revoked_set_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_REVOKED_SET, wire_writer_bytes(&w), out);
}

static struct notice_link *link_of(struct notice *notice, const struct peers *peers,
                                   const struct peer *peer)
{
    struct notice_link *link = &notice->links[peer - peers->list];
    if (link->since_ms != peer->link.meshed.ms)
        *link = (struct notice_link){.since_ms = peer->link.meshed.ms};
    return link;
}

void notice_wake(struct notice *notice, const struct peers *peers, struct tally_now now)
{
    if (notice->knock.ms == TALLY_NEVER.ms &&
        revoked_elder(revoked_of(peers), &peers->options.key) != NULL)
        notice->knock.ms = now.mono.ms + NOTICE_TELL_MS; /* Peers are named after the start. */
    if (notice->set.ms == TALLY_NEVER.ms)
        notice->set.ms = now.mono.ms + NOTICE_SET_MS;
}

void notice_linked(struct notice *notice, struct peers *peers, const struct peer *peer,
                   struct tally_now now, struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    if (revoked == NULL || revoked->count == 0 || peer->link.state != LINK_LINKED)
        return;
    notice_wake(notice, peers, now);
    if (outbox_room(out, 1, TALLY_DATAGRAM_MAX))
        set_send(peers, peer, false, out);
}

enum tally_drop notice_on_set(struct notice *notice, struct peers *peers, const struct peer *peer,
                              struct tally_now now, const struct datagram *datagram,
                              struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    struct wire_reader r;
    struct tally_revoked_set message;
    wire_reader_init(&r, datagram->body);
    tally_revoked_set_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (revoked == NULL ||
        memcmp(message.fingerprint, revoked->fingerprint, sizeof message.fingerprint) == 0)
        return TALLY_DROP_NONE;
    if (!message.want) {
        if (outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            set_send(peers, peer, true, out);
        return TALLY_DROP_NONE;
    }
    struct notice_link *link = link_of(notice, peers, peer);
    if (link->telling || now.mono.ms < link->again.ms)
        return TALLY_DROP_BUSY;
    link->telling = revoked->evidence_count > 0;
    link->told = 0;
    link->again.ms = now.mono.ms + NOTICE_AGAIN_MS;
    if (link->telling)
        notice->tell = now.mono;
    return TALLY_DROP_NONE;
}

/* To one link, in the form in which everybody passes it on. */
static void relay(struct peers *peers, const struct peer *peer, struct tally_bytes bytes,
                  struct outbox *out)
{
    uint8_t body[TALLY_RELAY_SIZE_MAX];
    struct parcel parcel;
    struct wire_writer w;
    parcel_make(peers, TALLY_KIND_REVOCATION, bytes, false, &parcel);
    const struct tally_relay message = {.class = SPREAD_URGENT,
                                        .record = bytes_of(parcel.bytes, parcel.size)};
    wire_writer_init(&w, body, sizeof body);
    tally_relay_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_RELAY, wire_writer_bytes(&w), out);
}

/* The next few; true if there are more. */
static bool tell(struct notice_link *link, struct peers *peers, const struct peer *peer,
                 struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    for (unsigned i = 0; i < NOTICE_TELL && link->told < revoked->evidence_count; i++) {
        const struct revoked_evidence *evidence = &revoked->evidence[link->told];
        if (!outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            return true;
        relay(peers, peer, bytes_of(evidence->bytes, evidence->size), out);
        link->told++;
    }
    return link->told < revoked->evidence_count;
}

struct tally_mono notice_deadline(const struct notice *notice)
{
    struct tally_mono next = notice->tell.ms < notice->set.ms ? notice->tell : notice->set;
    return next.ms < notice->knock.ms ? next : notice->knock;
}

/* One of the mesh, drawn. */
static const struct peer *draw(struct notice *notice, const struct peers *peers)
{
    const struct peer *drawn = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->used && peer->mesh && peer->link.state == LINK_LINKED &&
            random_below(&notice->random, ++count) == 0)
            drawn = peer;
    }
    return drawn;
}

/* Which of what is known handed us our standing, to one who does not answer us. */
static void knock(const struct peer *peer, struct peers *peers, struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    for (size_t i = 0; i < revoked->evidence_count; i++) {
        const struct tally_bytes bytes =
            bytes_of(revoked->evidence[i].bytes, revoked->evidence[i].size);
        struct revocation revocation;
        struct parcel parcel;
        if (revocation_read(bytes, &revocation) != TALLY_DROP_NONE ||
            !revoked_precedes(revoked, &revocation.party, &peers->options.key) ||
            !outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            continue;
        parcel_make(peers, TALLY_KIND_REVOCATION, bytes, false, &parcel);
        outbox_send(out, &peer->addresses[0].address, bytes_of(parcel.bytes, parcel.size));
    }
}

static void knock_all(struct notice *notice, struct peers *peers, struct tally_now now,
                      struct outbox *out)
{
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->used && peer->configured && peer->link.state != LINK_LINKED &&
            peer->address_count > 0)
            knock(peer, peers, out);
    }
    notice->knock.ms = now.mono.ms + NOTICE_KNOCK_MS;
}

void notice_tick(struct notice *notice, struct peers *peers, struct tally_now now,
                 struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    bool more = false;
    if (now.mono.ms >= notice->knock.ms)
        knock_all(notice, peers, now, out);
    if (now.mono.ms >= notice->set.ms) {
        const struct peer *peer = draw(notice, peers);
        if (peer != NULL && revoked->count > 0 && outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            set_send(peers, peer, false, out);
        notice->set.ms = now.mono.ms + NOTICE_SET_MS * 4 / 5 +
                         random_below(&notice->random, NOTICE_SET_MS * 2 / 5);
    }
    if (now.mono.ms < notice->tell.ms)
        return;
    for (size_t i = 0; i < peers->capacity; i++) {
        const struct peer *peer = &peers->list[i];
        if (!notice->links[i].telling)
            continue;
        if (!peer->used || peer->link.state != LINK_LINKED ||
            peer->link.meshed.ms != notice->links[i].since_ms)
            notice->links[i].telling = false;
        else
            notice->links[i].telling = tell(&notice->links[i], peers, peer, out);
        more |= notice->links[i].telling;
    }
    notice->tell = more ? (struct tally_mono){now.mono.ms + NOTICE_TELL_MS} : TALLY_NEVER;
}

/* ---- Hearing. ---- */

bool notice_known(const struct peers *peers, const struct heads *heads, const struct tally_key *key)
{
    const struct fold *fold = peers->options.fold;
    const struct peer *peer = peers_find(peers, key);
    if (key_equal(key, &peers->options.key) || (fold != NULL && fold_standing(fold, key) != NULL) ||
        (peer != NULL && (peer->configured || peer->link.state == LINK_LINKED)))
        return true;
    for (size_t i = 0; i < heads->count; i++)
        if (key_equal(&heads->list[i].issuer, key))
            return true;
    return false;
}

enum tally_drop notice_receive(struct notice *notice, struct verifier *verifier,
                               const struct peers *peers, const struct heads *heads,
                               struct tally_now now, const struct datagram *datagram,
                               struct notice_news *news)
{
    const struct revoked *revoked = revoked_of(peers);
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    enum tally_drop drop = revocation_read(datagram->body, &news->revocation);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (revoked == NULL)
        return TALLY_DROP_UNKNOWN;
    news->bytes = datagram->body;
    news->known = notice_known(peers, heads, &news->revocation.party);
    drop = revoked_judge(revoked, &news->revocation, news->known);
    news->keep = drop == TALLY_DROP_NONE;
    if (drop != TALLY_DROP_NONE &&
        (drop != TALLY_DROP_BUSY || news->known || !bucket_has(&notice->passes, now.mono)))
        return drop;
    drop = verifier_datagram(verifier, now, datagram);
    for (unsigned i = 0; drop == TALLY_DROP_NONE && i < revocation_signatures(&news->revocation);
         i++)
        if (!verifier_pay(verifier, now))
            drop = TALLY_DROP_BUSY;
    if (drop == TALLY_DROP_NONE)
        drop = revocation_verify(&news->revocation, &verifier->crypto);
    if (drop == TALLY_DROP_NONE && !news->keep)
        (void)bucket_take(&notice->passes, now.mono);
    return drop;
}

enum tally_drop notice_knocked(struct notice *notice, struct verifier *verifier,
                               const struct peers *peers, const struct heads *heads,
                               struct tally_now now, const struct datagram *datagram,
                               struct notice_news *news)
{
    struct revocation revocation;
    enum tally_drop drop = revocation_read(datagram->body, &revocation);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!notice_known(peers, heads, &revocation.party))
        return TALLY_DROP_STRANGER;
    if (!bucket_take(&notice->knocks, now.mono))
        return TALLY_DROP_BUSY;
    return notice_receive(notice, verifier, peers, heads, now, datagram, news);
}

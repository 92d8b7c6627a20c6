/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/notice.h"

#include "core/base/bytes.h"
#include "core/federation/fold.h"

#include <stdlib.h>

bool notice_new(struct notice *notice, size_t peers_max, size_t forks_max, uint64_t seed,
                struct tally_now now)
{
    *notice = (struct notice){.link_count = peers_max,
                              .tell = TALLY_NEVER,
                              .set = TALLY_NEVER,
                              .knock = TALLY_NEVER,
                              .random = {seed}};
    bucket_init(&notice->passes, NOTICE_PASS_RATE, NOTICE_PASS_BURST, now.mono);
    bucket_init(&notice->knocks, NOTICE_KNOCK_RATE, NOTICE_KNOCK_BURST, now.mono);
    if (!alarms_new(&notice->alarms, forks_max))
        return false;
    notice->links = calloc(peers_max, sizeof *notice->links);
    if (notice->links == NULL)
        alarms_free(&notice->alarms);
    return notice->links != NULL;
}

void notice_free(struct notice *notice)
{
    alarms_free(&notice->alarms);
    free(notice->links);
}

static const struct revoked *revoked_of(const struct peers *peers)
{
    return peers->options.fold != NULL ? peers->options.fold->revoked : NULL;
}

/* What is known of one kind. */
struct known {
    size_t count, records;
    const uint8_t *fingerprint; /* NULL: of this kind nothing is ever known here. */
};

static struct known known_of(const struct notice *notice, const struct peers *peers,
                             enum notice_about about)
{
    const struct alarms *alarms = &notice->alarms;
    const struct revoked *revoked = revoked_of(peers);
    if (about == NOTICE_FORKED)
        return (struct known){alarms->count, alarms->count, alarms->fingerprint};
    if (revoked == NULL)
        return (struct known){0};
    return (struct known){revoked->count, revoked->evidence_count, revoked->fingerprint};
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

static void set_send(struct peers *peers, const struct peer *peer, enum notice_about about,
                     const struct known *known, bool want, struct outbox *out)
{
    struct tally_urgent_set message = {
        .about = (uint8_t)about, .count = (uint16_t)known->count, .want = want};
    uint8_t body[TALLY_URGENT_SET_SIZE_MAX];
    struct wire_writer w;
    if (!outbox_room(out, 1, TALLY_DATAGRAM_MAX))
        return;
    memcpy(message.fingerprint, known->fingerprint, sizeof message.fingerprint);
    wire_writer_init(&w, body, sizeof body);
    tally_urgent_set_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_URGENT_SET, wire_writer_bytes(&w), out);
}

/* Of what kinds something is known; false if of none. */
static bool sets_send(const struct notice *notice, struct peers *peers, const struct peer *peer,
                      struct outbox *out)
{
    bool any = false;
    for (unsigned about = 0; about < NOTICE_SETS; about++) {
        const struct known known = known_of(notice, peers, about);
        any |= known.count > 0;
        if (known.count > 0 && peer != NULL)
            set_send(peers, peer, about, &known, false, out);
    }
    return any;
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
    if (peer->link.state == LINK_LINKED && sets_send(notice, peers, peer, out))
        notice_wake(notice, peers, now);
}

/* It asks for all. While the same two sets differ each rest is twice as long. */
static enum tally_drop begin(struct notice_told *told, const struct known *known,
                             const struct tally_urgent_set *message, struct tally_now now)
{
    uint32_t differed = be32_read(message->fingerprint) ^ be32_read(known->fingerprint);
    bool same = told->differed == differed;
    if (told->telling || now.mono.ms < told->soon.ms || (same && now.mono.ms < told->again.ms))
        return TALLY_DROP_BUSY;
    told->rests = (uint8_t)(!same ? 0 : told->rests + (told->rests < NOTICE_RESTS));
    told->telling = known->records > 0;
    told->told = 0;
    told->differed = differed;
    told->soon.ms = now.mono.ms + NOTICE_AGAIN_MS;
    told->again.ms = now.mono.ms + ((uint64_t)NOTICE_AGAIN_MS << told->rests);
    return TALLY_DROP_NONE;
}

enum tally_drop notice_on_set(struct notice *notice, struct peers *peers, const struct peer *peer,
                              struct tally_now now, const struct datagram *datagram,
                              struct outbox *out)
{
    struct wire_reader r;
    struct tally_urgent_set message;
    wire_reader_init(&r, datagram->body);
    tally_urgent_set_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    const struct known known = known_of(notice, peers, message.about);
    if (known.fingerprint == NULL ||
        memcmp(message.fingerprint, known.fingerprint, sizeof message.fingerprint) == 0)
        return TALLY_DROP_NONE;
    if (!message.want) {
        set_send(peers, peer, message.about, &known, true, out);
        return TALLY_DROP_NONE;
    }
    struct notice_told *told = &link_of(notice, peers, peer)->sets[message.about];
    enum tally_drop drop = begin(told, &known, &message, now);
    if (told->telling)
        notice->tell = now.mono;
    return drop;
}

/* To one link, in the form in which everybody passes it on. */
static void relay(struct peers *peers, const struct peer *peer, enum tally_kind kind,
                  struct tally_bytes bytes, struct outbox *out)
{
    uint8_t body[TALLY_RELAY_SIZE_MAX];
    struct parcel parcel;
    struct wire_writer w;
    parcel_make(peers, kind, bytes, false, &parcel);
    const struct tally_relay message = {.class = SPREAD_URGENT,
                                        .record = bytes_of(parcel.bytes, parcel.size)};
    wire_writer_init(&w, body, sizeof body);
    tally_relay_write(&message, &w);
    peers_tell(peers, peer, TALLY_KIND_RELAY, wire_writer_bytes(&w), out);
}

/* The next few; true if there are more. */
static bool tell(const struct notice *notice, struct notice_told *told, enum notice_about about,
                 struct peers *peers, const struct peer *peer, struct outbox *out)
{
    const struct revoked *revoked = revoked_of(peers);
    size_t records = known_of(notice, peers, about).records;
    for (unsigned i = 0; i < NOTICE_TELL && told->told < records; i++) {
        if (!outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            return true;
        if (about == NOTICE_FORKED) {
            const struct alarms_entry *entry = &notice->alarms.list[told->told++];
            relay(peers, peer, entry->kind, bytes_of(entry->bytes, entry->size), out);
        } else {
            const struct revoked_evidence *evidence = &revoked->evidence[told->told++];
            relay(peers, peer, TALLY_KIND_REVOCATION, bytes_of(evidence->bytes, evidence->size),
                  out);
        }
    }
    return told->told < records;
}

/* The same of all kinds. */
static bool tell_all(struct notice *notice, struct notice_link *link, struct peers *peers,
                     const struct peer *peer, struct outbox *out)
{
    bool holds =
        peer->used && peer->link.state == LINK_LINKED && peer->link.meshed.ms == link->since_ms;
    bool more = false;
    for (unsigned about = 0; about < NOTICE_SETS; about++) {
        struct notice_told *told = &link->sets[about];
        told->telling = told->telling && holds && tell(notice, told, about, peers, peer, out);
        more |= told->telling;
    }
    return more;
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
    for (size_t i = 0; i < peers->end; i++) {
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
    for (size_t i = 0; i < peers->end; i++) {
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
    bool more = false;
    if (now.mono.ms >= notice->knock.ms)
        knock_all(notice, peers, now, out);
    if (now.mono.ms >= notice->set.ms) {
        (void)sets_send(notice, peers, draw(notice, peers), out);
        notice->set.ms = now.mono.ms + NOTICE_SET_MS * 4 / 5 +
                         random_below(&notice->random, NOTICE_SET_MS * 2 / 5);
    }
    if (now.mono.ms < notice->tell.ms)
        return;
    for (size_t i = 0; i < peers->end; i++)
        more |= tell_all(notice, &notice->links[i], peers, &peers->list[i], out);
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

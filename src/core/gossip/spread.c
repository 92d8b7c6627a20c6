/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/spread.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool spread_new(struct spread *spread, const struct spread_options *options, struct tally_now now)
{
    *spread = (struct spread){.flush = TALLY_NEVER, .wake = TALLY_NEVER};
    spread->capacity = options->records_max == 0 ? SPREAD_RECORDS : options->records_max;
    spread->link_count = options->peers_max;
    spread->random.state = options->seed;
    bucket_init(&spread->grafts, SPREAD_GRAFT_RATE, 2 * SPREAD_GRAFT_RATE, now.mono);
    spread->records = calloc(spread->capacity, sizeof *spread->records);
    spread->links = calloc(spread->link_count, sizeof *spread->links);
    spread->missing_max = options->seen_max < SPREAD_MISSING ? options->seen_max : SPREAD_MISSING;
    spread->missing = calloc(spread->missing_max, sizeof *spread->missing);
    if (spread->records != NULL && spread->links != NULL && spread->missing != NULL &&
        seen_new(&spread->seen, options->seen_max, options->hash_key, now))
        return true;
    spread_free(spread);
    return false;
}

void spread_free(struct spread *spread)
{
    seen_free(&spread->seen);
    free(spread->records);
    free(spread->links);
    free(spread->missing);
    hash_wipe(spread, sizeof *spread);
}

static size_t index_of(const struct peers *peers, const struct peer *peer)
{
    return (size_t)(peer - peers->list);
}

/* The state of a peer's link; a new link, or a new peer in that place, begins eager and has heard
   of nothing before it: anti-entropy brings that. */
static struct spread_link *link_of(struct spread *spread, const struct peers *peers,
                                   const struct peer *peer)
{
    struct spread_link *link = &spread->links[index_of(peers, peer)];
    if (link->since_ms != peer->link.meshed.ms)
        *link = (struct spread_link){.since_ms = peer->link.meshed.ms, .told = spread->next};
    return link;
}

static bool is_lazy(const struct spread *spread, const struct peers *peers, const struct peer *peer)
{
    const struct spread_link *link = &spread->links[index_of(peers, peer)];
    return link->since_ms == peer->link.meshed.ms && link->lazy;
}

unsigned spread_eager(const struct spread *spread, const struct peers *peers)
{
    unsigned count = 0;
    for (size_t i = 0; i < peers->end; i++)
        count += peers->list[i].mesh && !is_lazy(spread, peers, &peers->list[i]);
    return count;
}

bool spread_seen(const struct spread *spread, struct tally_now now, const uint8_t id[SEEN_ID])
{
    return seen_find(&spread->seen, now, id);
}

static void wake_at(struct spread *spread, struct tally_mono at)
{
    if (at.ms < spread->wake.ms)
        spread->wake = at;
}

/* ---- Passing on. ---- */

static void relay_make(struct peers *peers, const struct spread_record *record,
                       struct parcel *parcel)
{
    const struct tally_relay message = {
        .hops = record->hops,
        .class = record->urgent ? SPREAD_URGENT : SPREAD_NORMAL,
        .record = bytes_of(record->bytes, record->size),
    };
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_relay_write(&message, &w);
    parcel_make(peers, TALLY_KIND_RELAY, wire_writer_bytes(&w), true, parcel);
}

/* To whom it goes at once: eager links, of urgent records all; not where it came from, nor to the
   one who signed it. */
static void pass_on(struct spread *spread, struct peers *peers, const struct spread_record *record,
                    const struct tally_key *signer, struct outbox *out)
{
    struct parcel parcel = {.size = 0};
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        if (!peer->mesh)
            continue;
        struct spread_link *link = link_of(spread, peers, peer);
        bool theirs = record->from == i + 1 || key_equal(&peer->key, signer);
        if (link->lazy && !record->urgent && !theirs)
            continue;
        if (!theirs) {
            if (parcel.size == 0)
                relay_make(peers, record, &parcel);
            peers_send(peers, peer, &parcel, out);
            spread->relayed++;
        }
        /* An eager link is told of every record by the record itself. */
        if (!link->lazy)
            link->told = spread->next;
    }
}

static void missing_end(struct spread *spread, struct spread_missing *missing)
{
    missing->used = false;
    spread->missing_count--;
}

static void missing_found(struct spread *spread, const uint8_t id[SEEN_ID])
{
    for (size_t i = 0; i < spread->missing_max && spread->missing_count > 0; i++) {
        struct spread_missing *missing = &spread->missing[i];
        if (!missing->used || memcmp(missing->hint, id, sizeof missing->hint) != 0)
            continue;
        missing_end(spread, missing);
    }
}

void spread_put(struct spread *spread, struct peers *peers, const struct peer *from,
                struct tally_now now, struct tally_bytes bytes, unsigned hops,
                enum spread_class class, bool slow, struct outbox *out)
{
    struct datagram datagram;
    struct spread_record *record = &spread->records[spread->next % spread->capacity];
    assert(bytes.size <= sizeof record->bytes);
    bool good = datagram_read_record(bytes, &datagram) == TALLY_DROP_NONE;
    assert(good);
    record->size = (uint16_t)bytes.size;
    memcpy(record->bytes, bytes.data, bytes.size);
    datagram_record_id(bytes, record->id);
    record->hops = (uint8_t)(hops < SPREAD_HOPS_MAX ? hops : SPREAD_HOPS_MAX);
    record->urgent = class == SPREAD_URGENT;
    record->slow = slow;
    record->from = from == NULL ? 0 : (uint16_t)(index_of(peers, from) + 1);
    record->at = now.mono;
    spread->next++;
    seen_put(&spread->seen, now, record->id);
    missing_found(spread, record->id);
    if (hops >= SPREAD_HOPS_MAX)
        return;
    pass_on(spread, peers, record, &datagram.sender, out);
    uint64_t at = now.mono.ms + (slow ? SPREAD_SLOW_MS : SPREAD_FLUSH_MS);
    if (at < spread->flush.ms)
        spread->flush.ms = at;
}

/* ---- Which links are eager. ---- */

static void prune_send(struct peers *peers, const struct peer *peer, struct outbox *out)
{
    const struct tally_prune message = {.reason = 0};
    uint8_t body[16];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_prune_write(&message, &w);
    parcel_make(peers, TALLY_KIND_PRUNE, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, peer, &parcel, out);
}

static void graft_send(struct spread *spread, struct peers *peers, const struct peer *peer,
                       const uint8_t (*ids)[8], size_t count, struct outbox *out)
{
    const struct tally_graft message = {.ids = bytes_of(ids, count * sizeof *ids)};
    uint8_t body[SPREAD_GRAFTS_MAX * 8 + 16];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_graft_write(&message, &w);
    parcel_make(peers, TALLY_KIND_GRAFT, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, peer, &parcel, out);
    spread->grafted += count;
}

static void lazy_from(struct spread *spread, struct spread_link *link, struct tally_now now)
{
    link->lazy = true;
    link->pruned = now.mono;
    link->told = spread->next;
    wake_at(spread, (struct tally_mono){now.mono.ms + SPREAD_REST_MS});
}

void spread_duplicate(struct spread *spread, struct peers *peers, struct peer *from,
                      struct tally_now now, struct outbox *out)
{
    spread->duplicates++;
    if (!from->mesh || is_lazy(spread, peers, from) ||
        spread_eager(spread, peers) <= SPREAD_EAGER_LEAST)
        return;
    lazy_from(spread, link_of(spread, peers, from), now);
    prune_send(peers, from, out);
}

void spread_pruned(struct spread *spread, const struct peers *peers, const struct peer *from,
                   struct tally_now now)
{
    if (!from->mesh)
        return;
    lazy_from(spread, link_of(spread, peers, from), now);
    if (spread_eager(spread, peers) < SPREAD_EAGER_LEAST)
        wake_at(spread, now.mono);
}

/* Fewer than two eager links: one of the lazy ones, drawn evenly, is asked to be eager again; one
   that was pruned lately only if there is no other, and never twice in a rest. */
static void thicken(struct spread *spread, struct peers *peers, struct tally_now now,
                    struct outbox *out)
{
    if (spread_eager(spread, peers) >= SPREAD_EAGER_LEAST)
        return;
    struct peer *chosen = NULL;
    uint32_t candidates = 0;
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        if (!peer->mesh || !is_lazy(spread, peers, peer))
            continue;
        struct spread_link *link = link_of(spread, peers, peer);
        uint64_t free_ms = link->pruned.ms + SPREAD_REST_MS;
        if (now.mono.ms < free_ms) {
            wake_at(spread, (struct tally_mono){free_ms});
            continue;
        }
        if (random_below(&spread->random, ++candidates) == 0)
            chosen = peer;
    }
    if (chosen == NULL)
        return;
    link_of(spread, peers, chosen)->lazy = false;
    graft_send(spread, peers, chosen, NULL, 0, out);
    wake_at(spread, (struct tally_mono){now.mono.ms + 1000});
}

/* ---- ihave and graft. ---- */

static struct spread_missing *missing_find(struct spread *spread, const uint8_t hint[8],
                                           uint16_t source, unsigned *by_source)
{
    struct spread_missing *place = NULL;
    *by_source = 0;
    for (size_t i = 0; i < spread->missing_max; i++) {
        struct spread_missing *missing = &spread->missing[i];
        if (!missing->used) {
            place = place == NULL ? missing : place;
            continue;
        }
        if (memcmp(missing->hint, hint, sizeof missing->hint) == 0)
            return missing;
        *by_source += missing->sources[0] == source;
    }
    return place;
}

enum tally_drop spread_on_ihave(struct spread *spread, struct peers *peers, struct peer *from,
                                struct tally_now now, const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_ihave message;
    wire_reader_init(&r, datagram->body);
    tally_ihave_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (!from->mesh)
        return TALLY_DROP_REFUSED;
    uint16_t source = (uint16_t)(index_of(peers, from) + 1);
    for (size_t at = 0; at < message.ids.size; at += 8) {
        const uint8_t *hint = message.ids.data + at;
        unsigned by_source;
        if (seen_hint(&spread->seen, now, hint))
            continue;
        struct spread_missing *missing = missing_find(spread, hint, source, &by_source);
        if (missing == NULL || (!missing->used && by_source >= SPREAD_MISSING_PER_LINK))
            return TALLY_DROP_BUSY;
        if (missing->used) {
            if (missing->sources[1] == 0 && missing->sources[0] != source)
                missing->sources[1] = source;
            continue;
        }
        *missing = (struct spread_missing){
            .used = true, .sources = {source}, .due = {now.mono.ms + SPREAD_GRAFT_MS}};
        memcpy(missing->hint, hint, sizeof missing->hint);
        spread->missing_count++;
        wake_at(spread, missing->due);
    }
    return TALLY_DROP_NONE;
}

enum tally_drop spread_on_graft(struct spread *spread, struct peers *peers, struct peer *from,
                                struct tally_now now, const struct datagram *datagram,
                                struct outbox *out)
{
    struct wire_reader r;
    struct tally_graft message;
    wire_reader_init(&r, datagram->body);
    tally_graft_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (!from->mesh)
        return TALLY_DROP_REFUSED;
    link_of(spread, peers, from)->lazy = false;
    uint64_t oldest = spread->next > spread->capacity ? spread->next - spread->capacity : 0;
    for (size_t at = 0; at < message.ids.size; at += 8) {
        for (uint64_t number = spread->next; number > oldest; number--) {
            const struct spread_record *record = &spread->records[(number - 1) % spread->capacity];
            if (memcmp(record->id, message.ids.data + at, 8) != 0)
                continue;
            struct parcel parcel;
            if (!bucket_take(&spread->grafts, now.mono))
                return TALLY_DROP_BUSY;
            relay_make(peers, record, &parcel);
            peers_send(peers, from, &parcel, out);
            spread->relayed++;
            break;
        }
    }
    return TALLY_DROP_NONE;
}

/* ---- Time. ---- */

/* What a lazy link was not told of yet, oldest first; 128 at a time. */
static void ihave_send(struct spread *spread, struct peers *peers, struct peer *peer,
                       struct outbox *out)
{
    struct spread_link *link = link_of(spread, peers, peer);
    uint64_t oldest = spread->next > spread->capacity ? spread->next - spread->capacity : 0;
    uint8_t ids[SPREAD_IDS_MAX][8];
    size_t count = 0;
    if (link->told < oldest)
        link->told = oldest;
    while (link->told < spread->next && count < SPREAD_IDS_MAX) {
        const struct spread_record *record = &spread->records[link->told++ % spread->capacity];
        bool theirs = record->from == index_of(peers, peer) + 1;
        if (!theirs && !record->urgent && record->hops < SPREAD_HOPS_MAX)
            memcpy(ids[count++], record->id, sizeof *ids);
    }
    if (count == 0)
        return;
    const struct tally_ihave message = {.ids = bytes_of(ids, count * sizeof *ids)};
    uint8_t body[SPREAD_IDS_MAX * 8 + 16];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_ihave_write(&message, &w);
    parcel_make(peers, TALLY_KIND_IHAVE, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, peer, &parcel, out);
}

static void flush(struct spread *spread, struct peers *peers, struct outbox *out)
{
    spread->flush = TALLY_NEVER;
    for (size_t i = 0; i < peers->end; i++)
        if (peers->list[i].mesh && is_lazy(spread, peers, &peers->list[i]))
            ihave_send(spread, peers, &peers->list[i], out);
}

/* What is due is asked of the first that named it, then of the second. If it does not come, the
   first did not honour its word. */
static void missing_due(struct spread *spread, struct peers *peers, struct tally_now now,
                        struct peers_ended *ended)
{
    for (size_t i = 0; i < spread->missing_max && spread->missing_count > 0; i++) {
        struct spread_missing *missing = &spread->missing[i];
        if (!missing->used || missing->due.ms > now.mono.ms)
            continue;
        unsigned which = missing->tries == 1 && missing->sources[1] != 0;
        struct peer *first = &peers->list[missing->sources[0] - 1];
        if (missing->tries == SPREAD_TRIES) {
            struct peers_news news = {.linked = NULL};
            if (first->mesh && ended->count < PEERS_ENDED_MAX)
                peers_judge(peers, first, -1, now, &news);
            if (news.unlinked != NULL) {
                ended->list[ended->count].failed = false;
                ended->list[ended->count++].peer = news.unlinked;
            }
            missing_end(spread, missing);
        } else if (!peers->list[missing->sources[which] - 1].mesh) {
            missing_end(spread, missing);
        } else {
            missing->ask = missing->sources[which];
            missing->tries++;
            missing->due.ms = now.mono.ms + SPREAD_AGAIN_MS;
        }
    }
}

/* One graft for all that is to be asked of a link. */
static void ask(struct spread *spread, struct peers *peers, struct tally_now now,
                struct peers_ended *ended, struct outbox *out)
{
    missing_due(spread, peers, now, ended);
    for (size_t i = 0; i < spread->missing_max && spread->missing_count > 0; i++) {
        uint16_t source = spread->missing[i].used ? spread->missing[i].ask : 0;
        uint8_t ids[SPREAD_GRAFTS_MAX][8];
        size_t count = 0;
        for (size_t j = i; source != 0 && j < spread->missing_max && count < SPREAD_GRAFTS_MAX;
             j++) {
            struct spread_missing *missing = &spread->missing[j];
            if (!missing->used || missing->ask != source)
                continue;
            missing->ask = 0;
            memcpy(ids[count++], missing->hint, sizeof *ids);
        }
        if (count == 0)
            continue;
        struct peer *peer = &peers->list[source - 1];
        link_of(spread, peers, peer)->lazy = false;
        graft_send(spread, peers, peer, (const uint8_t(*)[8])ids, count, out);
    }
    for (size_t i = 0; i < spread->missing_max && spread->missing_count > 0; i++)
        if (spread->missing[i].used)
            wake_at(spread, spread->missing[i].due);
}

struct tally_mono spread_deadline(const struct spread *spread)
{
    return spread->flush.ms < spread->wake.ms ? spread->flush : spread->wake;
}

void spread_tick(struct spread *spread, struct peers *peers, struct tally_now now,
                 struct peers_ended *ended, struct outbox *out)
{
    if (spread->flush.ms <= now.mono.ms)
        flush(spread, peers, out);
    if (spread->wake.ms > now.mono.ms)
        return;
    spread->wake = TALLY_NEVER;
    ask(spread, peers, now, ended, out);
    thicken(spread, peers, now, out);
}

bool spread_holds(const struct spread *spread)
{
    size_t count = 0;
    for (size_t i = 0; i < spread->missing_max; i++)
        count += spread->missing[i].used;
    return count == spread->missing_count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/records.h"

#include "core/address/hygiene.h"
#include "core/base/bytes.h"
#include "core/dht/metric.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert((int)TALLY_PEER_RECORD_SIZE_MAX + 121 <= (int)RECORD_PEER_MAX, "a peer record fits");
_Static_assert((int)TALLY_TOPIC_AD_SIZE_MAX + 121 <= (int)RECORD_AD_MAX, "a topic ad fits");

/* ---- Our own. ---- */

static bool listed(const struct tally_endpoint *list, size_t count,
                   const struct tally_own_address *own)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].transport == own->transport && address_equal(&list[i].address, &own->address))
            return true;
    return false;
}

size_t record_endpoints(const struct record_self *self, struct tally_endpoint *list, size_t most)
{
    static const enum tally_transport order[] = {TALLY_TRANSPORT_UDP, TALLY_TRANSPORT_TCP};
    size_t count = 0;
    for (size_t t = 0; t < sizeof order / sizeof *order; t++)
        for (size_t i = 0; i < self->address_count && count < most; i++) {
            const struct tally_own_address *own = &self->addresses[i];
            if (own->transport == order[t] && own->state == TALLY_REACH_REACHABLE &&
                address_may_announce(&own->address) == TALLY_HYGIENE_ALLOWED &&
                !listed(list, count, own))
                list[count++] = (struct tally_endpoint){.transport = (uint8_t)own->transport,
                                                        .address = own->address};
        }
    return count;
}

static uint64_t wall_ms(struct tally_now now)
{
    return now.wall.us < 0 ? 0 : (uint64_t)now.wall.us / 1000;
}

static size_t record_write(const struct record_author *author, enum tally_kind kind,
                           struct tally_bytes body, uint8_t *bytes, size_t capacity)
{
    size_t tag_at;
    const struct datagram_draft draft = {
        .kind = kind,
        .sender = author->key,
        .epoch = author->epoch,
        .counter = (*author->counter)++,
        .body = body,
    };
    assert(body.size > 0);
    return datagram_write(&draft, author->crypto, bytes, capacity, &tag_at);
}

size_t record_write_peer(const struct record_author *author, struct tally_now now,
                         const struct record_self *self, uint8_t bytes[RECORD_PEER_MAX])
{
    uint8_t tags[RECORD_NAMESPACES * sizeof self->namespaces->tag];
    uint8_t body[TALLY_PEER_RECORD_SIZE_MAX];
    size_t tags_size = 0;
    for (size_t i = 0; i < self->namespace_count && tags_size < sizeof tags; i++) {
        const struct record_namespace *followed = &self->namespaces[i];
        if (followed->hidden)
            continue;
        memcpy(tags + tags_size, followed->tag, sizeof followed->tag);
        tags_size += sizeof followed->tag;
    }
    struct tally_peer_record message = {
        .wall_ms = wall_ms(now),
        .ttl_s = RECORD_PEER_TTL_S,
        .caps = self->caps,
        .namespaces = bytes_of(tags, tags_size),
    };
    message.endpoints_count =
        record_endpoints(self, message.endpoints, TALLY_PEER_RECORD_ENDPOINTS_MAX);
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_peer_record_write(&message, &w);
    return record_write(author, TALLY_KIND_PEER_RECORD, wire_writer_bytes(&w), bytes,
                        RECORD_PEER_MAX);
}

size_t record_write_ad(const struct record_author *author, struct tally_now now,
                       const struct record_self *self, const struct tally_hash *topic,
                       uint8_t bytes[RECORD_AD_MAX])
{
    uint8_t body[TALLY_TOPIC_AD_SIZE_MAX];
    struct tally_topic_ad message = {
        .topic = *topic, .wall_ms = wall_ms(now), .ttl_s = RECORD_AD_TTL_S};
    message.endpoints_count =
        record_endpoints(self, message.endpoints, TALLY_TOPIC_AD_ENDPOINTS_MAX);
    /* Whoever finds the ad greets with a datagram. */
    if (message.endpoints_count == 0 || message.endpoints[0].transport != TALLY_TRANSPORT_UDP)
        return 0;
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_topic_ad_write(&message, &w);
    return record_write(author, TALLY_KIND_TOPIC_AD, wire_writer_bytes(&w), bytes, RECORD_AD_MAX);
}

/* ---- Those of others. ---- */

static enum tally_drop envelope_read(struct tally_bytes bytes, size_t most, enum tally_kind kind,
                                     struct datagram *datagram)
{
    if (bytes.size > most)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = datagram_read_record(bytes, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    return datagram->kind == kind ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

/* How long a record may still be kept: its time to live, less its age, and some for clocks that
   are behind. 0 if it has expired. */
static uint64_t left_ms(struct tally_now now, uint64_t made_ms, uint64_t ttl_s)
{
    /* The wire bounds both: no sum overflows. */
    uint64_t ttl_ms = ttl_s * 1000, end_ms = made_ms + ttl_ms + TALLY_DRIFT_MS, at = wall_ms(now);
    uint64_t left = end_ms > at ? end_ms - at : 0;
    return left < ttl_ms ? left : ttl_ms;
}

static enum tally_drop judge(struct tally_now now, uint64_t made_ms, uint64_t ttl_s,
                             const struct tally_endpoint *endpoints, size_t count)
{
    if (left_ms(now, made_ms, ttl_s) == 0)
        return TALLY_DROP_EXPIRED;
    enum tally_drop drop = verifier_time(now, made_ms);
    for (size_t i = 0; i < count && drop == TALLY_DROP_NONE; i++)
        if (address_may_announce(&endpoints[i].address) != TALLY_HYGIENE_ALLOWED)
            drop = TALLY_DROP_SCOPE;
    return drop;
}

enum tally_drop record_read_peer(struct tally_bytes bytes, struct tally_now now,
                                 struct record_peer *record)
{
    struct wire_reader r;
    enum tally_drop drop =
        envelope_read(bytes, RECORD_PEER_MAX, TALLY_KIND_PEER_RECORD, &record->datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    wire_reader_init(&r, record->datagram.body);
    tally_peer_record_read(&r, &record->body);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    const struct tally_peer_record *body = &record->body;
    return judge(now, body->wall_ms, body->ttl_s, body->endpoints, body->endpoints_count);
}

enum tally_drop record_read_ad(struct tally_bytes bytes, struct tally_now now, struct record_ad *ad)
{
    struct wire_reader r;
    enum tally_drop drop = envelope_read(bytes, RECORD_AD_MAX, TALLY_KIND_TOPIC_AD, &ad->datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    wire_reader_init(&r, ad->datagram.body);
    tally_topic_ad_read(&r, &ad->body);
    if (!wire_reader_done(&r) || ad->body.endpoints_count == 0)
        return TALLY_DROP_MALFORMED;
    const struct tally_topic_ad *body = &ad->body;
    return judge(now, body->wall_ms, body->ttl_s, body->endpoints, body->endpoints_count);
}

enum tally_drop record_open_peer(struct tally_bytes bytes, struct tally_now now,
                                 const struct tally_key *of, struct verifier *verifier,
                                 struct record_peer *record)
{
    enum tally_drop drop = record_read_peer(bytes, now, record);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!key_equal(&record->datagram.sender, of))
        return TALLY_DROP_UNASKED;
    return verifier_datagram(verifier, now, &record->datagram);
}

enum tally_drop record_open_ad(struct tally_bytes bytes, struct tally_now now,
                               const struct tally_hash *topic, struct verifier *verifier,
                               struct record_ad *ad)
{
    enum tally_drop drop = record_read_ad(bytes, now, ad);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!hash_equal(&ad->body.topic, topic))
        return TALLY_DROP_UNASKED;
    return verifier_datagram(verifier, now, &ad->datagram);
}

/* ---- Kept for others. ---- */

bool records_new(struct records *records, const struct records_options *options)
{
    struct places_options places = {
        .capacity = options->capacity != 0 ? options->capacity : RECORDS_MAX,
        .per_network = options->per_network != 0 ? options->per_network : RECORDS_PER_NETWORK,
    };
    memcpy(places.hash_key, options->hash_key, sizeof places.hash_key);
    metric_point(&options->key, &places.point);
    *records = (struct records){.list = NULL};
    if (!places_new(&records->places, &places))
        return false;
    records->list = calloc(places.capacity, sizeof *records->list);
    if (records->list != NULL)
        return true;
    records_free(records);
    return false;
}

void records_free(struct records *records)
{
    places_free(&records->places);
    free(records->list);
    *records = (struct records){.list = NULL};
}

static enum tally_drop order_check(const struct record_kept *kept, struct tally_now now,
                                   const struct datagram *datagram)
{
    if (datagram->epoch == kept->epoch && datagram->counter == kept->counter)
        return TALLY_DROP_SEEN;
    bool above = datagram->epoch != kept->epoch ? datagram->epoch > kept->epoch
                                                : datagram->counter > kept->counter;
    if (!above)
        return TALLY_DROP_STALE;
    return now.mono.ms - kept->changed.ms < RECORDS_REST_MS ? TALLY_DROP_BUSY : TALLY_DROP_NONE;
}

enum tally_drop records_put(struct records *records, struct tally_now now,
                            struct verifier *verifier, const struct tally_key *from,
                            const struct tally_address *address, struct tally_bytes bytes)
{
    struct record_peer record;
    struct tally_hash point;
    enum tally_drop drop = record_read_peer(bytes, now, &record);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!key_equal(&record.datagram.sender, from))
        return TALLY_DROP_REFUSED;
    metric_point(from, &point);
    size_t index = places_find(&records->places, now, &point);
    bool known = index != PLACES_NONE;
    drop = known ? order_check(&records->list[index], now, &record.datagram)
                 : places_choose(&records->places, now, &point, address, &index);
    if (drop == TALLY_DROP_NONE)
        drop = verifier_datagram(verifier, now, &record.datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    struct tally_mono until = {now.mono.ms + left_ms(now, record.body.wall_ms, record.body.ttl_s)};
    if (known)
        places_keep(&records->places, index, until);
    else
        places_set(&records->places, index, &point, address, until);
    struct record_kept *kept = &records->list[index];
    *kept = (struct record_kept){.changed = now.mono,
                                 .epoch = record.datagram.epoch,
                                 .counter = record.datagram.counter,
                                 .size = (uint16_t)bytes.size};
    memcpy(kept->bytes, bytes.data, bytes.size);
    return TALLY_DROP_NONE;
}

struct tally_bytes records_find(const struct records *records, struct tally_now now,
                                const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    size_t index = places_find(&records->places, now, &point);
    if (index == PLACES_NONE)
        return (struct tally_bytes){0};
    return bytes_of(records->list[index].bytes, records->list[index].size);
}

bool records_holds(const struct records *records, struct tally_now now)
{
    for (size_t i = 0; i < records->places.options.capacity; i++)
        if (records->places.list[i].until.ms > now.mono.ms &&
            (records->list[i].size == 0 || records->list[i].size > RECORD_PEER_MAX))
            return false;
    return places_holds(&records->places, now);
}

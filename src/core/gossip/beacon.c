/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/beacon.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool beacon_new(struct beacon *beacon, size_t senders, const uint8_t hash_key[16], uint64_t seed)
{
    *beacon = (struct beacon){.next = TALLY_NEVER, .random = {seed}};
    beacon->set_count = (senders == 0 ? BEACON_SENDERS : senders + BEACON_WAYS - 1) / BEACON_WAYS;
    memcpy(beacon->hash_key, hash_key, sizeof beacon->hash_key);
    beacon->senders = calloc(beacon->set_count * BEACON_WAYS, sizeof *beacon->senders);
    return beacon->senders != NULL;
}

void beacon_free(struct beacon *beacon)
{
    free(beacon->senders);
    hash_wipe(beacon, sizeof *beacon);
}

/* ---- Sending. ---- */

static uint64_t interval_draw(struct beacon *beacon, const struct heads *heads)
{
    uint64_t interval = (uint64_t)heads->count * BEACON_PER_LOG_MS;
    return random_jitter(&beacon->random, interval < BEACON_LEAST_MS ? BEACON_LEAST_MS : interval,
                         20);
}

void beacon_own_log(struct beacon *beacon, struct tally_now now)
{
    /* The announce of the checkpoint comes first; a beacon is for quiet times. */
    if (beacon->next.ms == TALLY_NEVER.ms)
        beacon->next.ms = now.mono.ms + random_jitter(&beacon->random, BEACON_LEAST_MS, 20);
}

struct tally_mono beacon_deadline(const struct beacon *beacon)
{
    return beacon->next;
}

void beacon_tick(struct beacon *beacon, struct tally_now now, const struct heads *heads,
                 struct peers *peers, struct spread *spread, struct outbox *out)
{
    if (now.mono.ms < beacon->next.ms)
        return;
    uint64_t interval = interval_draw(beacon, heads);
    beacon->next.ms = now.mono.ms + interval;
    struct tally_heartbeat message = {
        .wall_ms = now.wall.us < 0 ? 0 : (uint64_t)now.wall.us / 1000,
        .interval_ms = interval < UINT16_MAX ? (uint16_t)interval : UINT16_MAX,
    };
    heartbeat_own_logs(heads, TALLY_NEVER, &beacon->turn, &message);
    if (message.logs_count == 0 || peers->links == 0)
        return;
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_heartbeat_write(&message, &w);
    parcel_make(peers, TALLY_KIND_HEARTBEAT, wire_writer_bytes(&w), false, &parcel);
    spread_put(spread, peers, NULL, now, bytes_of(parcel.bytes, parcel.size), 0, SPREAD_NORMAL,
               true, out);
}

/* ---- Receiving. ---- */

/* The place of a sender, or the one that makes way for it. */
static struct beacon_sender *sender_of(struct beacon *beacon, const struct tally_key *key)
{
    uint64_t hash = hash_siphash(beacon->hash_key, bytes_of(key->bytes, sizeof key->bytes));
    struct beacon_sender *set = &beacon->senders[hash % beacon->set_count * BEACON_WAYS];
    struct beacon_sender *oldest = set;
    for (size_t i = 0; i < BEACON_WAYS; i++) {
        if (set[i].order.any && key_equal(&set[i].key, key))
            return &set[i];
        if (!set[i].order.any || set[i].heard.ms < oldest->heard.ms)
            oldest = &set[i];
    }
    return oldest;
}

enum tally_drop beacon_receive(struct beacon *beacon, struct heads *heads,
                               struct verifier *verifier, const struct peers *peers,
                               struct tally_now now, const struct datagram *datagram,
                               struct heartbeat_news *news)
{
    struct wire_reader r;
    struct tally_heartbeat message;
    *news = (struct heartbeat_news){.log_count = 0};
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    wire_reader_init(&r, datagram->body);
    tally_heartbeat_read(&r, &message);
    if (!wire_reader_done(&r) || message.sets_count > 0 || message.has_audit ||
        message.logs_count == 0)
        return TALLY_DROP_MALFORMED;
    struct beacon_sender *sender = sender_of(beacon, &datagram->sender);
    bool known = sender->order.any && key_equal(&sender->key, &datagram->sender);
    if (known && !peer_order_above(&sender->order, datagram->epoch, datagram->counter))
        return TALLY_DROP_STALE;
    enum tally_drop drop = verifier_time(now, message.wall_ms);
    if (drop == TALLY_DROP_NONE)
        drop = verifier_datagram(verifier, now, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!known)
        *sender = (struct beacon_sender){.key = datagram->sender};
    peer_order_take(&sender->order, datagram->epoch, datagram->counter);
    sender->heard = now.mono;
    heartbeat_logs_take(heads, &datagram->sender, &message, news);
    return TALLY_DROP_NONE;
}

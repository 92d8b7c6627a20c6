/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/heartbeat.h"

#include "core/base/bytes.h"
#include "core/gossip/note_fit.h"
#include "tally/log.h"

#include <assert.h>

void heartbeat_init(struct heartbeat *heartbeat, const struct tally_ledger *ledger, uint64_t seed)
{
    *heartbeat = (struct heartbeat){
        .ledger = *ledger, .next = TALLY_NEVER, .random = {seed}, .trickle.news = true};
}

void heartbeat_hurry(struct heartbeat *heartbeat, struct tally_now now)
{
    (void)trickle_reset(&heartbeat->trickle);
    heartbeat->interval = 0;
    uint64_t at = heartbeat->last.ms == 0 ? 0 : heartbeat->last.ms + HEARTBEAT_LEAST_MS;
    if (at < now.mono.ms)
        at = now.mono.ms;
    if (at < heartbeat->next.ms)
        heartbeat->next.ms = at;
}

void heartbeat_stir(struct heartbeat *heartbeat, struct tally_now now)
{
    bool stretched = trickle_reset(&heartbeat->trickle);
    heartbeat->interval = 0;
    if (!stretched || heartbeat->next.ms == TALLY_NEVER.ms)
        return;
    /* In the second half of an interval that begins now (RFC 6206 section 4.2, step 2): news
       reaches many at once. */
    uint32_t half = (uint32_t)heartbeat->least / 2;
    uint64_t at = now.mono.ms + half + random_below(&heartbeat->random, half);
    if (at < heartbeat->next.ms)
        heartbeat->next.ms = at;
}

void heartbeat_watch(struct heartbeat *heartbeat, struct tally_now now, unsigned links,
                     unsigned health, uint64_t suspected)
{
    bool changed = links != heartbeat->links || suspected != heartbeat->suspected || health > 0;
    heartbeat->links = links;
    heartbeat->suspected = suspected;
    if (changed)
        heartbeat_stir(heartbeat, now);
}

bool heartbeat_differs(const struct heartbeat_news *news)
{
    bool differs = news->audit.any && news->audit.relation == HEAD_SPLIT;
    for (size_t i = 0; i < news->log_count; i++)
        differs = differs || news->logs[i].relation == HEAD_AHEAD ||
                  news->logs[i].relation == HEAD_SPLIT || news->logs[i].regression;
    for (size_t i = 0; i < news->set_count; i++)
        differs = differs || news->sets[i].differs;
    return differs;
}

bool heartbeat_tells_nothing(const struct heartbeat_news *news)
{
    bool nothing = news->log_count == 0 && !news->audit.any;
    for (size_t i = 0; i < news->set_count; i++)
        nothing = nothing && !news->sets[i].differs;
    return nothing;
}

struct tally_mono heartbeat_deadline(const struct heartbeat *heartbeat)
{
    return heartbeat->next;
}

/* ---- Sending. ---- */

static void log_head_write(const struct head *head, struct tally_log_head *log)
{
    memcpy(log->hint, head->origin.bytes, sizeof log->hint);
    log->size = head->size;
    log->root = head->root;
}

static bool own_log(const struct head *head)
{
    return head->own && head->size > 0;
}

void heartbeat_own_logs(const struct heads *heads, struct tally_mono since, size_t *turn,
                        struct tally_heartbeat *message)
{
    size_t count = 0, first = *turn;
    for (size_t i = 0; i < heads->count && count < HEARTBEAT_LOGS; i++)
        if (own_log(&heads->list[i]) && heads->list[i].changed.ms >= since.ms)
            log_head_write(&heads->list[i], &message->logs[count++]);
    for (size_t i = 0; i < heads->count && count < HEARTBEAT_LOGS; i++) {
        const struct head *head = &heads->list[(first + i) % heads->count];
        if (!own_log(head) || head->changed.ms >= since.ms)
            continue;
        log_head_write(head, &message->logs[count++]);
        *turn = (first + i + 1) % heads->count;
    }
    message->logs_count = count;
}

static void sets_choose(struct heartbeat *heartbeat, const struct heads *heads,
                        struct tally_heartbeat *message)
{
    size_t count = heads->set_count < HEARTBEAT_SETS ? heads->set_count : HEARTBEAT_SETS;
    for (size_t i = 0; i < count; i++) {
        const struct head_set *set = &heads->sets[(heartbeat->set_turn + i) % heads->set_count];
        memcpy(message->sets[i].name_space, set->name_space, HEADS_TAG);
        message->sets[i].count = set->count;
        heads_fingerprint(set, message->sets[i].fingerprint);
    }
    if (count > 0)
        heartbeat->set_turn = (heartbeat->set_turn + count) % heads->set_count;
    message->sets_count = count;
}

/* A third party's checkpoint: half of the time one that changed of late, else any, evenly. */
static const struct head *audit_choose(struct heartbeat *heartbeat, const struct heads *heads,
                                       struct tally_now now)
{
    bool recent = random_below(&heartbeat->random, 2) == 0;
    const struct head *chosen = NULL;
    uint32_t candidates = 0;
    for (size_t i = 0; i < heads->count; i++) {
        const struct head *head = &heads->list[i];
        if (head->own || head->size == 0 ||
            (recent && now.mono.ms - head->changed.ms > HEARTBEAT_RECENT_MS))
            continue;
        /* One of n so far with chance 1/n: even over all without counting them first. */
        if (random_below(&heartbeat->random, ++candidates) == 0)
            chosen = head;
    }
    return chosen;
}

static void audit_write(struct heartbeat *heartbeat, const struct heads *heads,
                        struct tally_now now, uint8_t fitted[HEARTBEAT_AUDIT_MAX],
                        struct tally_heartbeat *message)
{
    const struct head *head = audit_choose(heartbeat, heads, now);
    if (head == NULL)
        return;
    uint8_t note[NOTE_STORED_MAX];
    size_t size =
        heartbeat->ledger.checkpoint(heartbeat->ledger.context, &head->origin, note, sizeof note);
    size = note_fit(bytes_of(note, size), fitted, HEARTBEAT_AUDIT_MAX);
    message->has_audit = size > 0;
    message->audit = bytes_of(fitted, size);
}

uint64_t heartbeat_interval(struct heartbeat *heartbeat, unsigned links)
{
    if (heartbeat->interval != 0)
        return heartbeat->interval;
    uint64_t least = (uint64_t)links * HEARTBEAT_PER_LINK_MS;
    heartbeat->least = least < TALLY_HEARTBEAT_MS ? TALLY_HEARTBEAT_MS : least;
    uint64_t interval = trickle_next(&heartbeat->trickle, heartbeat->least, TALLY_HEARTBEAT_MAX_MS);
    interval = random_jitter(&heartbeat->random, interval, 20);
    heartbeat->interval = interval < UINT16_MAX ? interval : UINT16_MAX;
    return heartbeat->interval;
}

void heartbeat_tick(struct heartbeat *heartbeat, struct tally_now now, unsigned health,
                    const struct heads *heads, struct peers *peers, struct outbox *out)
{
    if (now.mono.ms < heartbeat->next.ms)
        return;
    if (peers->links == 0) {
        heartbeat->next = TALLY_NEVER;
        heartbeat->interval = 0;
        return;
    }
    uint64_t interval = heartbeat_interval(heartbeat, peers->links);
    struct tally_heartbeat message = {
        .wall_ms = now.wall.us < 0 ? 0 : (uint64_t)now.wall.us / 1000,
        .health = (uint8_t)health,
        .interval_ms = (uint16_t)interval,
    };
    uint8_t fitted[HEARTBEAT_AUDIT_MAX], body[TALLY_SIGNED_BODY_MAX];
    heartbeat_own_logs(heads, heartbeat->last, &heartbeat->log_turn, &message);
    sets_choose(heartbeat, heads, &message);
    audit_write(heartbeat, heads, now, fitted, &message);
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_heartbeat_write(&message, &w);
    parcel_make(peers, TALLY_KIND_HEARTBEAT, wire_writer_bytes(&w), true, &parcel);
    peers_send_all(peers, NULL, &parcel, out);
    heartbeat->last = now.mono;
    heartbeat->interval = 0;
    heartbeat->next.ms = now.mono.ms + interval;
}

/* ---- Receiving. ---- */

/* Also from a heartbeat that is then dropped for its time: a wrong clock must not hide itself. */
static void clock_take(struct peer *peer, struct tally_now now, uint64_t wall_ms)
{
    int64_t offset = (int64_t)wall_ms * 1000 - now.wall.us + peer->rtt_us / 2;
    int64_t change = offset - peer->offset_us;
    /* Smoothed, unless somebody set a clock. */
    bool leap = !peer->has_offset || change > 1000000 || change < -1000000;
    peer->offset_us = leap ? offset : peer->offset_us + change / 8;
    peer->has_offset = true;
}

void heartbeat_logs_take(struct heads *heads, const struct tally_key *issuer,
                         const struct tally_heartbeat *message, struct heartbeat_news *news)
{
    for (size_t i = 0; i < message->logs_count; i++) {
        const struct tally_log_head *log = &message->logs[i];
        const struct head *ours = heads_find_hint(heads, issuer, log->hint);
        struct heartbeat_log *item = &news->logs[news->log_count++];
        *item = (struct heartbeat_log){
            .relation = head_compare(ours, log->size, &log->root),
            .regression = ours != NULL && log->size < ours->claimed,
            .ours = ours,
            .size = log->size,
            .root = log->root,
        };
        memcpy(item->hint, log->hint, sizeof item->hint);
        if (ours != NULL)
            heads_claim(heads, ours, log->size);
    }
}

static void sets_take(const struct heads *heads, const struct tally_heartbeat *message,
                      struct heartbeat_news *news)
{
    for (size_t i = 0; i < message->sets_count; i++) {
        const struct tally_head_set *theirs = &message->sets[i];
        const struct head_set *ours = heads_set_find(heads, theirs->name_space);
        uint8_t fingerprint[HEADS_FINGERPRINT];
        struct heartbeat_set *item = &news->sets[news->set_count++];
        *item = (struct heartbeat_set){.known = ours != NULL, .count = theirs->count};
        memcpy(item->name_space, theirs->name_space, HEADS_TAG);
        memcpy(item->fingerprint, theirs->fingerprint, HEADS_FINGERPRINT);
        if (ours != NULL)
            heads_fingerprint(ours, fingerprint);
        item->differs = ours == NULL || ours->count != theirs->count ||
                        memcmp(fingerprint, theirs->fingerprint, HEADS_FINGERPRINT) != 0;
    }
}

/* A checkpoint that is ours already costs no signature check. */
static enum tally_drop audit_take(const struct heads *heads, struct verifier *verifier,
                                  struct tally_now now, struct tally_bytes bytes,
                                  struct heartbeat_audit *audit)
{
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    enum tally_drop drop = tally_note_read(bytes, &note);
    if (drop == TALLY_DROP_NONE)
        drop = tally_checkpoint_read(note.text, &checkpoint);
    if (drop != TALLY_DROP_NONE)
        return drop;
    struct heartbeat_audit found = {.any = true, .note = bytes};
    tally_origin_hash(checkpoint.origin, &found.origin);
    found.origin_text = checkpoint.origin;
    found.size = checkpoint.size;
    found.root = checkpoint.root;
    found.ours = heads_find(heads, &found.origin);
    found.relation = head_compare(found.ours, found.size, &found.root);
    if (found.relation == HEAD_SAME)
        return TALLY_DROP_NONE;
    if (!verifier_pay(verifier, now))
        return TALLY_DROP_BUSY;
    drop = tally_checkpoint_open(bytes, NULL, &verifier->crypto, &checkpoint);
    if (drop == TALLY_DROP_NONE)
        *audit = found;
    return drop;
}

enum tally_drop heartbeat_receive(struct heads *heads, struct verifier *verifier, struct peer *peer,
                                  struct tally_now now, const struct datagram *datagram,
                                  struct heartbeat_news *news, enum tally_drop *audit_drop)
{
    struct wire_reader r;
    struct tally_heartbeat message;
    *news = (struct heartbeat_news){.log_count = 0};
    *audit_drop = TALLY_DROP_NONE;
    wire_reader_init(&r, datagram->body);
    tally_heartbeat_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (!peer_order_above(&peer->heartbeat, datagram->epoch, datagram->counter))
        return TALLY_DROP_STALE;
    clock_take(peer, now, message.wall_ms);
    enum tally_drop drop = verifier_time(now, message.wall_ms);
    if (drop == TALLY_DROP_NONE)
        drop = verifier_datagram(verifier, now, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    peer_order_take(&peer->heartbeat, datagram->epoch, datagram->counter);
    peer->health = message.health;
    peer->link.interval_ms =
        message.interval_ms > HEARTBEAT_LEAST_MS ? message.interval_ms : HEARTBEAT_LEAST_MS;
    heartbeat_logs_take(heads, &peer->key, &message, news);
    sets_take(heads, &message, news);
    if (message.has_audit)
        *audit_drop = audit_take(heads, verifier, now, message.audit, &news->audit);
    return TALLY_DROP_NONE;
}

/* ---- yours ---- */

void yours_send(const struct heads *heads, struct peers *peers, const struct peer *peer,
                struct outbox *out)
{
    const struct head *largest[YOURS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < heads->count; i++) {
        const struct head *head = &heads->list[i];
        if (head->size == 0 || !key_equal(&head->issuer, &peer->key))
            continue;
        /* Insertion, the largest first; what falls off the end is the smallest. */
        size_t at = count < YOURS_MAX ? count++ : YOURS_MAX;
        if (at == YOURS_MAX) {
            if (largest[--at]->size >= head->size)
                continue;
        }
        for (; at > 0 && largest[at - 1]->size < head->size; at--)
            largest[at] = largest[at - 1];
        largest[at] = head;
    }
    struct tally_yours message = {.heads_count = count};
    for (size_t i = 0; i < count; i++)
        log_head_write(largest[i], &message.heads[i]);
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_yours_write(&message, &w);
    parcel_make(peers, TALLY_KIND_YOURS, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, peer, &parcel, out);
}

enum tally_drop yours_receive(const struct heads *heads, const struct tally_key *self,
                              const struct datagram *datagram, struct yours_news *news)
{
    struct wire_reader r;
    struct tally_yours message;
    news->count = 0;
    wire_reader_init(&r, datagram->body);
    tally_yours_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    for (size_t i = 0; i < message.heads_count; i++) {
        const struct tally_log_head *log = &message.heads[i];
        const struct head *ours = heads_find_hint(heads, self, log->hint);
        enum head_relation relation = head_compare(ours, log->size, &log->root);
        if (relation != HEAD_AHEAD && relation != HEAD_SPLIT)
            continue;
        struct yours_log *item = &news->logs[news->count++];
        *item = (struct yours_log){
            .ours = ours, .relation = relation, .size = log->size, .root = log->root};
        memcpy(item->hint, log->hint, sizeof item->hint);
    }
    return TALLY_DROP_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/announce.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/gossip/note_fit.h"
#include "core/peers/claim.h"

#include <stdlib.h>

bool announce_new(struct announce *announce, const struct tally_ledger *ledger,
                  const uint8_t hash_key[16])
{
    *announce = (struct announce){.ledger = *ledger,
                                  .next = TALLY_NEVER,
                                  .origins = calloc(ANNOUNCE_ORIGINS, sizeof *announce->origins)};
    memcpy(announce->hash_key, hash_key, sizeof announce->hash_key);
    return announce->origins != NULL;
}

void announce_free(struct announce *announce)
{
    free(announce->origins);
}

/* ---- Sending. ---- */

static struct tally_mono due_at(const struct head *head)
{
    return (struct tally_mono){
        head->announced_at.ms == 0 ? 0 : head->announced_at.ms + TALLY_ANNOUNCE_MS};
}

void announce_sealed(struct announce *announce, const struct head *head, struct tally_now now)
{
    struct tally_mono at = due_at(head);
    if (at.ms < now.mono.ms)
        at = now.mono;
    if (at.ms < announce->next.ms)
        announce->next = at;
}

struct tally_mono announce_deadline(const struct announce *announce)
{
    return announce->next;
}

static void announce_send(const struct announce *announce, const struct head *head,
                          struct tally_now now, struct peers *peers, struct spread *spread,
                          struct outbox *out)
{
    uint8_t note[NOTE_STORED_MAX], fitted[TALLY_CHECKPOINT_MAX], body[TALLY_SIGNED_BODY_MAX];
    size_t size =
        announce->ledger.checkpoint(announce->ledger.context, &head->origin, note, sizeof note);
    size = note_fit(bytes_of(note, size), fitted, sizeof fitted);
    if (size == 0)
        return;
    struct tally_announce message = {
        .wall_ms = now.wall.us < 0 ? 0 : (uint64_t)now.wall.us / 1000,
        .log_key = head->issuer,
        .checkpoint = bytes_of(fitted, size),
        .size_from = head->announced,
        .size_to = head->size,
    };
    memcpy(message.name_space, head->name_space, HEADS_TAG);
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_announce_write(&message, &w);
    parcel_make(peers, TALLY_KIND_ANNOUNCE, wire_writer_bytes(&w), false, &parcel);
    spread_put(spread, peers, NULL, now, bytes_of(parcel.bytes, parcel.size), 0, SPREAD_NORMAL,
               false, out);
    struct tally_trace what = {
        .kind = TALLY_TRACE_ANNOUNCED, .peer = &head->issuer, .a = head->size};
    const struct tally_trace_window *trace = &peers->options.trace;
    if (trace->say != NULL)
        trace->say(trace->context, now, &what);
}

void announce_tick(struct announce *announce, struct tally_now now, struct heads *heads,
                   struct peers *peers, struct spread *spread, struct outbox *out)
{
    if (now.mono.ms < announce->next.ms)
        return;
    announce->next = TALLY_NEVER;
    for (size_t i = 0; i < heads->count; i++) {
        struct head *head = &heads->list[i];
        if (!head->own || head->size <= head->announced)
            continue;
        struct tally_mono at = due_at(head);
        /* An outbox too small for all links must not stop us for ever. */
        bool room = out->count == 0 ||
                    outbox_room(out, peers->links, (size_t)peers->links * TALLY_DATAGRAM_MAX);
        if (at.ms <= now.mono.ms && room) {
            announce_send(announce, head, now, peers, spread, out);
            heads_announced(heads, head, now);
        } else if (at.ms < announce->next.ms) {
            announce->next.ms = at.ms > now.mono.ms ? at.ms : now.mono.ms;
        }
    }
}

/* ---- Receiving. ---- */

/* A token is half an announce, because buckets count whole tokens a second. */
static const struct bucket_rate origin_rate = {ANNOUNCE_PER_MIN * 2 / 60, ANNOUNCE_PER_MIN * 2};

static struct bucket_word *origin_bucket(struct announce *announce, const struct tally_key *sender)
{
    uint64_t hash = hash_siphash(announce->hash_key, bytes_of(sender->bytes, 32));
    return &announce->origins[hash % ANNOUNCE_ORIGINS];
}

enum tally_drop announce_receive(struct announce *announce, struct heads *heads,
                                 struct verifier *verifier, const struct peers *peers,
                                 struct tally_now now, const struct datagram *datagram,
                                 struct announce_news *news)
{
    struct claim claim;
    *news = (struct announce_news){.any = false};
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    enum tally_drop drop = claim_read(datagram, peers->options.network, &claim);
    if (drop != TALLY_DROP_NONE)
        return drop;
    const struct head *ours = heads_find(heads, &claim.origin);
    enum head_relation relation = head_compare(ours, claim.checkpoint.size, &claim.checkpoint.root);
    struct bucket_word *bucket = origin_bucket(announce, &datagram->sender);
    if (relation == HEAD_BEHIND)
        return TALLY_DROP_STALE;
    if (!bucket_word_has(bucket, origin_rate, now.mono))
        return TALLY_DROP_BUSY;
    drop = verifier_time(now, claim.message.wall_ms);
    if (drop == TALLY_DROP_NONE)
        drop = claim_verify(verifier, now, datagram, &claim);
    if (drop != TALLY_DROP_NONE)
        return drop;
    /* Only now does it cost its issuer anything: whoever brings a record may have made it up. */
    (void)bucket_word_take(bucket, origin_rate, now.mono);
    (void)bucket_word_take(bucket, origin_rate, now.mono);
    if (ours != NULL)
        heads_claim(heads, ours, claim.checkpoint.size);
    *news = (struct announce_news){
        .any = relation != HEAD_SAME, /* Others may not hold it yet: it goes on all the same. */
        .relation = relation,
        .ours = ours,
        .issuer = datagram->sender,
        .origin = claim.origin,
        .origin_text = claim.checkpoint.origin,
        .name_space = claim.name_space,
        .size = claim.checkpoint.size,
        .root = claim.checkpoint.root,
        .note = claim.message.checkpoint,
    };
    return TALLY_DROP_NONE;
}

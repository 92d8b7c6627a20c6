/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/meet.h"

#include "core/address/scope.h"
#include "core/base/bytes.h"

#include <stdlib.h>

bool meet_new(struct meet *meet, const struct meet_options *options)
{
    *meet = (struct meet){.options = *options, .tables = calloc(1, sizeof *meet->tables)};
    return meet->tables != NULL;
}

void meet_free(struct meet *meet)
{
    free(meet->tables);
    meet->tables = NULL;
}

/* ---- News. ---- */

static void say(struct meet *meet, const struct meet_news *news)
{
    /* One for each meeting at a time, and the node takes them after each call. */
    if (meet->news_count < MEET_NEWS)
        meet->tables->news[(meet->news_first + meet->news_count++) % MEET_NEWS] = *news;
}

bool meet_next_news(struct meet *meet, struct meet_news *news)
{
    if (meet->news_count == 0)
        return false;
    *news = meet->tables->news[meet->news_first];
    meet->news_first = (meet->news_first + 1) % MEET_NEWS;
    meet->news_count--;
    return true;
}

/* ---- Who is who. ---- */

static struct meeting *meeting_of(const struct meet *meet, const struct tally_key *key)
{
    for (size_t i = 0; i < MEET_MAX; i++)
        if (meet->tables->list[i].used && key_equal(&meet->tables->list[i].key, key))
            return (struct meeting *)&meet->tables->list[i];
    return NULL;
}

static struct meeting *meeting_new(struct meet *meet, const struct tally_key *key)
{
    for (size_t i = 0; i < MEET_MAX; i++) {
        struct meeting *meeting = &meet->tables->list[i];
        if (meeting->used)
            continue;
        *meeting = (struct meeting){.used = true, .key = *key};
        return meeting;
    }
    return NULL;
}

bool meet_busy(const struct meet *meet, const struct tally_key *key)
{
    return meeting_of(meet, key) != NULL;
}

const struct tally_key *meet_initiates(const struct meet *meet, const struct peers *peers,
                                       const struct tally_address *from)
{
    for (size_t i = 0; i < MEET_MAX; i++) {
        const struct meeting *meeting = &meet->tables->list[i];
        const struct peer *peer =
            meeting->used && meeting->ours && meeting->together && meeting->agreed
                ? peers_find(peers, &meeting->key)
                : NULL;
        if (peer != NULL && address_same_prefix(&peer->link.address, from, 128))
            return &meeting->key;
    }
    return NULL;
}

/* ---- Words. ---- */

static void send(struct peers *peers, const struct peer *to, const uint8_t token[MEET_TOKEN],
                 enum meet_mode mode, const struct tally_address *own, size_t count,
                 struct outbox *out)
{
    uint8_t body[TALLY_DIAL_ME_SIZE_MAX];
    struct wire_writer w;
    struct parcel parcel;
    struct tally_dial_me word = {.mode = (uint8_t)mode};
    memcpy(word.token, token, sizeof word.token);
    for (; word.endpoints_count < count && word.endpoints_count < MEET_ENDPOINTS;
         word.endpoints_count++)
        word.endpoints[word.endpoints_count] =
            (struct tally_endpoint){TALLY_TRANSPORT_TCP, own[word.endpoints_count]};
    wire_writer_init(&w, body, sizeof body);
    tally_dial_me_write(&word, &w);
    parcel_make(peers, TALLY_KIND_DIAL_ME, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, to, &parcel, out);
}

/* The addresses that may be dialled: of those it named its own, or where its datagrams come from.
   SCOPE without any. */
static enum tally_drop take_endpoints(const struct meet *meet, const struct peer *peer,
                                      const struct tally_dial_me *message, struct meeting *meeting)
{
    enum tally_source source = peer->configured ? TALLY_SOURCE_CONFIGURED : TALLY_SOURCE_EXCHANGE;
    size_t count = 0;
    for (size_t i = 0; i < message->endpoints_count; i++) {
        const struct tally_endpoint *endpoint = &message->endpoints[i];
        /* It may have addresses of which we know nothing; they are not dialled on its word. Where
           its datagrams come from it is, in whatever scope: a neighbour too. */
        if (endpoint->transport == TALLY_TRANSPORT_TCP &&
            (address_equal(&endpoint->address, &peer->link.address) ||
             (address_same_prefix(&endpoint->address, &peer->link.address, 128) &&
              address_may_dial(meet->options.policy, &endpoint->address, source) ==
                  TALLY_HYGIENE_ALLOWED)))
            meeting->to[count++] = endpoint->address;
    }
    if (message->endpoints_count == 0 && message->mode != MEET_CALL)
        meeting->to[count++] = peer->link.address;
    meeting->to_count = count;
    return count > 0 ? TALLY_DROP_NONE : TALLY_DROP_SCOPE;
}

/* ---- Asking. ---- */

static void ask(struct meet *meet, struct meeting *meeting, struct tally_now now,
                struct peers *peers, const struct peer *peer, struct outbox *out)
{
    meeting->asked++;
    meeting->next.ms = now.mono.ms + MEET_ANSWER_MS + peer->rtt_us / 1000;
    send(peers, peer, meeting->token, meeting->together ? MEET_TOGETHER : MEET_CALL, meeting->to,
         meeting->to_count, out);
    if (!meeting->together)
        meeting->next = meeting->until;
}

bool meet_ask(struct meet *meet, struct tally_now now, struct peers *peers, const struct peer *peer,
              bool together, const struct tally_address *own, size_t count, struct outbox *out)
{
    if (meeting_of(meet, &peer->key) != NULL)
        return false;
    struct meeting *meeting = meeting_new(meet, &peer->key);
    if (meeting == NULL)
        return false;
    meeting->ours = true;
    meeting->together = together;
    meet->options.secret.draw(meet->options.secret.context, meeting->token, sizeof meeting->token);
    /* Until the peer has said its own, these are what we tell of us. */
    meeting->to_count = count < MEET_ENDPOINTS ? count : MEET_ENDPOINTS;
    for (size_t i = 0; i < meeting->to_count; i++)
        meeting->to[i] = own[i];
    meeting->until.ms = now.mono.ms + MEET_CALL_MS;
    ask(meet, meeting, now, peers, peer, out);
    return true;
}

/* ---- Being asked. ---- */

static enum tally_drop on_agreed(struct meet *meet, struct tally_now now, const struct peer *from,
                                 const struct tally_dial_me *message)
{
    struct meeting *meeting = meeting_of(meet, &from->key), next;
    if (meeting == NULL || !meeting->ours || !meeting->together ||
        memcmp(meeting->token, message->token, MEET_TOKEN) != 0)
        return TALLY_DROP_UNASKED;
    if (meeting->agreed)
        return TALLY_DROP_SEEN;
    next = *meeting;
    enum tally_drop drop = take_endpoints(meet, from, message, &next);
    if (drop != TALLY_DROP_NONE)
        return drop;
    next.agreed = true;
    next.next = now.mono;
    next.until.ms = now.mono.ms + MEET_DIAL_MS;
    *meeting = next;
    return TALLY_DROP_NONE;
}

enum tally_drop meet_receive(struct meet *meet, struct tally_now now, struct peers *peers,
                             const struct peer *from, const struct tally_dial_me *message,
                             const struct tally_address *own, size_t count, struct outbox *out)
{
    if (message->mode == MEET_AGREED)
        return on_agreed(meet, now, from, message);
    struct meeting *known = meeting_of(meet, &from->key);
    struct meeting next = {.used = true,
                           .key = from->key,
                           .agreed = true,
                           .together = message->mode == MEET_TOGETHER,
                           .next = now.mono,
                           .until = {now.mono.ms + MEET_DIAL_MS}};
    bool same = known != NULL && !known->ours && memcmp(known->token, message->token, 8) == 0;
    if (same && known->together)
        /* The answer was lost. */
        send(peers, from, known->token, MEET_AGREED, own, count, out);
    /* Both asked: the lower key's question counts, as with hellos (protocols 2.3 rule 4). */
    bool mine =
        known != NULL && known->ours && memcmp(peers->options.key.bytes, from->key.bytes, 32) < 0;
    if (same || mine || (known != NULL && known->agreed))
        return TALLY_DROP_SEEN;
    if (!quota_take(&meet->tables->askers, &from->key, MEET_RATE, now.mono))
        return TALLY_DROP_BUSY;
    enum tally_drop drop = take_endpoints(meet, from, message, &next);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (known == NULL)
        known = meeting_new(meet, &from->key);
    if (known == NULL)
        return TALLY_DROP_BUSY;
    memcpy(next.token, message->token, sizeof next.token);
    *known = next;
    if (!next.together)
        return TALLY_DROP_NONE;
    /* Our word takes half a round trip: then both begin. */
    known->next.ms += from->rtt_us / 2000;
    send(peers, from, known->token, MEET_AGREED, own, count, out);
    return TALLY_DROP_NONE;
}

/* ---- The end. ---- */

void meet_connected(struct meet *meet, const struct tally_key *key)
{
    struct meeting *meeting = meeting_of(meet, key);
    if (meeting != NULL)
        meeting->used = false;
}

void meet_dial_failed(struct meet *meet, struct tally_now now, const struct tally_key *key)
{
    struct meeting *meeting = meeting_of(meet, key);
    if (meeting == NULL || !meeting->dialling)
        return;
    meeting->dialling = false;
    meeting->next.ms = now.mono.ms + MEET_AGAIN_MS;
}

static void fail(struct meet *meet, struct meeting *meeting)
{
    meeting->used = false;
    say(meet, &(struct meet_news){.kind = MEET_NEWS_FAILED, .key = meeting->key});
}

/* ---- Time. ---- */

static struct tally_mono due(const struct meeting *meeting)
{
    if (!meeting->used)
        return TALLY_NEVER;
    if (meeting->dialling)
        return meeting->until;
    return meeting->next.ms < meeting->until.ms ? meeting->next : meeting->until;
}

struct tally_mono meet_deadline(const struct meet *meet)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < MEET_MAX; i++)
        if (due(&meet->tables->list[i]).ms < next.ms)
            next = due(&meet->tables->list[i]);
    return next;
}

/* One that is only called dials once at each address; two that meet try until it is too late. */
static void dial(struct meet *meet, struct meeting *meeting)
{
    if (!meeting->together && meeting->turn == meeting->to_count) {
        fail(meet, meeting);
        return;
    }
    meeting->dialling = true;
    say(meet, &(struct meet_news){.kind = MEET_NEWS_DIAL,
                                  .key = meeting->key,
                                  .address = meeting->to[meeting->turn++ % meeting->to_count],
                                  .punch = meeting->together,
                                  .initiate = meeting->ours || !meeting->together});
}

void meet_tick(struct meet *meet, struct tally_now now, struct peers *peers, struct outbox *out)
{
    for (size_t i = 0; i < MEET_MAX; i++) {
        struct meeting *meeting = &meet->tables->list[i];
        if (due(meeting).ms > now.mono.ms || meet->news_count == MEET_NEWS)
            continue;
        const struct peer *peer = peers_find(peers, &meeting->key);
        if (meeting->until.ms <= now.mono.ms || peer == NULL || peer->link.state != LINK_LINKED)
            fail(meet, meeting);
        else if (meeting->agreed)
            dial(meet, meeting);
        else if (meeting->asked < MEET_ASKED)
            ask(meet, meeting, now, peers, peer, out);
        else
            fail(meet, meeting);
    }
}

bool meet_holds(const struct meet *meet)
{
    for (size_t i = 0; i < MEET_MAX; i++) {
        const struct meeting *meeting = &meet->tables->list[i];
        if (meeting->used &&
            (meeting_of(meet, &meeting->key) != meeting || meeting->to_count > MEET_ENDPOINTS ||
             (meeting->dialling && !meeting->agreed)))
            return false;
    }
    return meet->news_count <= MEET_NEWS;
}

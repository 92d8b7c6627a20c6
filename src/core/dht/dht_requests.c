/* SPDX-License-Identifier: Apache-2.0 */
/* Questions under way: to whom, since when, and what becomes of those nobody answers. */
#include "core/dht/dht_inside.h"
#include "core/peers/greet.h"

#include <assert.h>

struct dht_request *request_new(struct dht *dht, enum dht_request_kind kind, enum tally_kind wire)
{
    struct dht_request *request =
        dht->request_count < dht->requests_max ? blocks_take(&dht->options.loan->requests) : NULL;
    if (request == NULL)
        return NULL;
    *request = (struct dht_request){.kind = (uint8_t)kind, .wire = (uint8_t)wire};
    const struct tally_secret *secret = &dht->options.secret;
    secret->draw(secret->context, request->number, sizeof request->number);
    dht->requests[dht->request_count++] = request;
    return request;
}

void request_free(struct dht *dht, struct dht_request *request)
{
    size_t at = 0;
    while (dht->requests[at] != request)
        at++;
    dht->request_count--;
    memmove(&dht->requests[at], &dht->requests[at + 1],
            (dht->request_count - at) * sizeof(struct dht_request *));
    blocks_give(&dht->options.loan->bodies, request->body);
    blocks_give(&dht->options.loan->requests, request);
}

static uint64_t name_of(const struct tally_key *key, const uint8_t number[8])
{
    return be64_read(key->bytes) ^ be64_read(number);
}

/* Answered, or given up. */
static void request_close(struct dht *dht, struct dht_request *request)
{
    dht->closed[dht->closed_next] =
        (struct dht_closed){.name = name_of(&request->key, request->number), .wire = request->wire};
    dht->closed_next = (dht->closed_next + 1) % dht->requests_max;
    request_free(dht, request);
}

static void request_sent(struct dht_request *request, struct tally_now now)
{
    request->sent = true;
    request->began = now.mono;
    request->until.ms = now.mono.ms + DHT_TIMEOUT_MS;
}

/* What it says, until there is a link; false without room. */
static bool request_keep(struct dht *dht, struct dht_request *request, struct tally_bytes body)
{
    request->body = blocks_take(&dht->options.loan->bodies);
    if (request->body == NULL)
        return false;
    memcpy(request->body, body.data, body.size);
    request->size = (uint16_t)body.size;
    return true;
}

bool request_send(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                  const struct tally_key *key, const struct tally_address *address,
                  struct tally_bytes body)
{
    assert(body.size <= TALLY_DATAGRAM_MAX);
    request->key = *key;
    request->address = *address;
    request->began = step->now.mono;
    request->until.ms = step->now.mono.ms + DHT_GREETING_MS;
    struct peer *peer = key_equal(key, &dht->options.key) || address->port == 0
                            ? NULL
                            : peers_take(step->peers, key, step->now);
    if (peer == NULL || !outbox_room(step->out, 1, TALLY_DATAGRAM_MAX)) {
        request_free(dht, request);
        return false;
    }
    peer_address_add(peer, address, TALLY_SOURCE_DHT, false, step->now);
    switch (
        peers_ask(step->peers, peer, (enum tally_kind)request->wire, body, step->now, step->out)) {
    case PEERS_SENT:
        request_sent(request, step->now);
        return true;
    case PEERS_RIDES:
        request->sent = request->greeted = true;
        return true;
    case PEERS_WAITS:
        request->greeted = true;
        if (request_keep(dht, request, body))
            return true;
        break;
    case PEERS_NEVER: /* It had its hellos: nobody is there. */
        table_silent(&dht->table, step->now, key);
        break;
    }
    request_free(dht, request);
    return false;
}

/* Which messages answer which questions (protocols 5.2). */
static bool answers(unsigned question, unsigned answer)
{
    static const uint8_t pairs[][2] = {
        {TALLY_KIND_FIND_NODE, TALLY_KIND_NODES},
        {TALLY_KIND_GET_RECORD, TALLY_KIND_NODES},
        {TALLY_KIND_FIND_LOG, TALLY_KIND_NODES},
        {TALLY_KIND_TOPIC_QUERY, TALLY_KIND_NODES},
        {TALLY_KIND_GET_RECORD, TALLY_KIND_FOUND_RECORD},
        {TALLY_KIND_FIND_LOG, TALLY_KIND_FOUND_RECORD},
        {TALLY_KIND_PUT_LOG, TALLY_KIND_FOUND_RECORD},
        {TALLY_KIND_EXTEND, TALLY_KIND_FOUND_RECORD},
        {TALLY_KIND_PUT_LOG, TALLY_KIND_LOG_STATE},
        {TALLY_KIND_EXTEND, TALLY_KIND_LOG_STATE},
        {TALLY_KIND_PUT_RECORD, TALLY_KIND_LOG_STATE},
        {TALLY_KIND_REGISTER, TALLY_KIND_REGISTERED},
        {TALLY_KIND_TOPIC_QUERY, TALLY_KIND_ADS},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][0] == question && pairs[i][1] == answer)
            return true;
    return false;
}

struct dht_request *request_answered(struct dht *dht, const struct peer *from,
                                     const uint8_t number[8], enum tally_kind answer,
                                     enum tally_drop *drop)
{
    for (size_t i = 0; i < dht->request_count; i++) {
        struct dht_request *request = dht->requests[i];
        if (!key_equal(&request->key, &from->key) ||
            memcmp(request->number, number, sizeof request->number) != 0)
            continue;
        *drop = answers(request->wire, answer) ? TALLY_DROP_NONE : TALLY_DROP_PROTOCOL;
        return *drop == TALLY_DROP_NONE ? request : NULL;
    }
    uint64_t name = name_of(&from->key, number);
    for (size_t i = 0; i < dht->requests_max; i++)
        if (dht->closed[i].wire != 0 && dht->closed[i].name == name) {
            *drop = answers(dht->closed[i].wire, answer) ? TALLY_DROP_SEEN : TALLY_DROP_PROTOCOL;
            return NULL;
        }
    *drop = TALLY_DROP_UNASKED;
    dht->standing = DHT_UNASKED;
    return NULL;
}

void request_done(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                  const struct peer *from)
{
    uint64_t took = step->now.mono.ms - request->began.ms;
    enum tally_drop drop =
        table_answered(&dht->table, step->now, &from->key, &from->link.address,
                       took < DHT_TIMEOUT_MS ? (uint32_t)took + 1 : DHT_TIMEOUT_MS);
    if (drop != TALLY_DROP_NONE && drop != TALLY_DROP_SEEN)
        dht->drops[drop]++;
    if (drop == TALLY_DROP_NONE && request->greeted)
        table_crowded(&dht->table, step->now, &from->key, (from->caps & PEERS_CAPS_CROWDED) != 0);
    struct peer *peer = peers_find(step->peers, &from->key);
    if (drop == TALLY_DROP_NONE && peer != NULL)
        peer->rare->kept.ms = step->now.mono.ms + LINK_LIGHT_MS;
    request_close(dht, request);
}

void dht_say(const struct dht_step *step, const struct peer *peer, enum tally_kind kind,
             struct tally_bytes body)
{
    struct parcel parcel;
    if (!outbox_room(step->out, 1, TALLY_DATAGRAM_MAX))
        return;
    parcel_make(step->peers, kind, body, true, &parcel);
    peers_answer(step->peers, peer, step->rides, &parcel, step->out);
}

void requests_linked(struct dht *dht, const struct dht_step *step, struct peer *peer)
{
    for (size_t i = 0; i < dht->request_count; i++) {
        struct dht_request *request = dht->requests[i];
        if (request->sent || !key_equal(&request->key, &peer->key))
            continue;
        dht_say(step, peer, (enum tally_kind)request->wire, bytes_of(request->body, request->size));
        blocks_give(&dht->options.loan->bodies, request->body);
        request->body = NULL;
        request_sent(request, step->now);
    }
}

/* Whoever waits for it hears that it is in vain. */
static void request_failed(struct dht *dht, const struct dht_step *step,
                           struct dht_request *request)
{
    if (!request->told)
        task_failed(dht, step, request);
    request->told = true;
    dht->due = step->now.mono;
}

void requests_ended(struct dht *dht, const struct dht_step *step, const struct peer *peer)
{
    for (size_t i = 0; i < dht->request_count;) {
        struct dht_request *request = dht->requests[i];
        if (!key_equal(&request->key, &peer->key)) {
            i++;
            continue;
        }
        request_failed(dht, step, request);
        table_silent(&dht->table, step->now, &request->key);
        request_close(dht, request);
    }
}

/* No answer in time: it may still come. A light link that only we remember is made anew when it is
   wanted next (protocols 2.3 rule 5). */
static void request_late(struct dht *dht, const struct dht_step *step, struct dht_request *request)
{
    struct peer *peer = peers_find(step->peers, &request->key);
    struct peers_news news = {.linked = NULL};
    table_silent(&dht->table, step->now, &request->key);
    if (peer != NULL && peer->link.state == LINK_LINKED && !peer->mesh &&
        peer->link.heard.ms < request->began.ms)
        link_end(step->peers, peer, TALLY_DROP_SILENT, step->now, &news);
    request_failed(dht, step, request);
    request->until.ms = request->began.ms + DHT_LATE_MS;
}

void requests_tick(struct dht *dht, const struct dht_step *step)
{
    for (size_t i = 0; i < dht->request_count;) {
        struct dht_request *request = dht->requests[i];
        if (request->until.ms > step->now.mono.ms) {
            i++;
        } else if (request->told) {
            request_close(dht, request);
        } else {
            request_late(dht, step, request);
            i++;
        }
    }
}

struct tally_mono requests_deadline(const struct dht *dht)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < dht->request_count; i++)
        next = dht_earlier(next, dht->requests[i]->until);
    return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/dialback.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "core/peers/greet.h"
#include "core/peers/knock.h"

#include <stdlib.h>

enum { KNOWN_MS = 600000 }; /* So long after a link we are no strangers (protocols 7.2). */

bool dialback_new(struct dialback *dialback, const struct dialback_options *options)
{
    *dialback = (struct dialback){.options = *options, .random = {options->seed}};
    dialback->tables = calloc(1, sizeof *dialback->tables);
    return dialback->tables != NULL;
}

void dialback_free(struct dialback *dialback)
{
    free(dialback->tables);
    dialback->tables = NULL;
}

static void send(struct peers *peers, const struct peer *to, enum tally_kind kind,
                 const struct wire_writer *w, struct outbox *out)
{
    struct parcel parcel;
    parcel_make(peers, kind, wire_writer_bytes(w), true, &parcel);
    peers_send(peers, to, &parcel, out);
}

/* Says what became of it, to A (`by` is C) or to B (NULL). */
static void tell(struct peers *peers, const struct peer *to, const struct tally_dial_back *ask,
                 unsigned verdict, const struct tally_key *by, struct outbox *out)
{
    uint8_t body[TALLY_DIALLED_SIZE_MAX];
    struct wire_writer w;
    struct tally_dialled dialled = {.verdict = (uint8_t)verdict, .has_by = by != NULL};
    memcpy(dialled.nonce, ask->nonce, sizeof dialled.nonce);
    if (by != NULL)
        dialled.by = *by;
    wire_writer_init(&w, body, sizeof body);
    tally_dialled_write(&dialled, &w);
    send(peers, to, TALLY_KIND_DIALLED, &w, out);
}

/* ---- As B. ---- */

static bool was_tried(const struct dialback_errand *errand, const struct tally_key *key)
{
    for (unsigned i = 0; i < errand->tries; i++)
        if (errand->tried[i] == be64_read(key->bytes))
            return true;
    return false;
}

/* How good a C it is; 0: none. */
static unsigned worth(const struct dialback_errand *errand, const struct peer *peer)
{
    const struct tally_address *at = &peer->link.address, *to = &errand->ask.endpoint.address;
    if (!peer->used || peer->link.state != LINK_LINKED ||
        (peer->caps & PEERS_CAPS_INTRODUCES) == 0 || key_equal(&peer->key, &errand->asker) ||
        address_may_announce(at) != TALLY_HYGIENE_ALLOWED ||
        address_is_ip4(at) != address_is_ip4(to) || address_same_prefix(at, to, 128) ||
        was_tried(errand, &peer->key))
        return 0;
    /* Another network counts first; then a link of the mesh, which is known to be alive. */
    return 1u + (votes_same_network(at, to) ? 0 : 2) + (peer->mesh ? 1 : 0);
}

static const struct peer *best_dialler(struct dialback *dialback, const struct peers *peers,
                                       const struct dialback_errand *errand)
{
    const struct peer *chosen = NULL;
    unsigned most = 0;
    uint32_t seen = 0;
    for (size_t i = 0; errand->tries < DIALBACK_TRIES && i < peers->end; i++) {
        unsigned value = worth(errand, &peers->list[i]);
        if (value == 0 || value < most)
            continue;
        if (value > most)
            seen = 0;
        most = value;
        if (random_below(&dialback->random, ++seen) == 0)
            chosen = &peers->list[i];
    }
    return chosen;
}

/* Hands it to the next C; without one A hears it, and the errand is over. */
static void hand_on(struct dialback *dialback, struct dialback_errand *errand, struct tally_now now,
                    struct peers *peers, struct outbox *out)
{
    const struct peer *asker = peers_find(peers, &errand->asker);
    const struct peer *to = asker != NULL ? best_dialler(dialback, peers, errand) : NULL;
    if (to == NULL) {
        if (asker != NULL)
            tell(peers, asker, &errand->ask, DIALLED_NOBODY, NULL, out);
        errand->used = false;
        return;
    }
    errand->tried[errand->tries++] = be64_read(to->key.bytes);
    errand->until.ms = now.mono.ms + DIALBACK_ANSWER_MS;
    struct tally_dial_back ask = errand->ask;
    ask.has_of = true;
    ask.of = errand->asker;
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_dial_back_write(&ask, &w);
    send(peers, to, TALLY_KIND_DIAL_BACK, &w, out);
}

static struct dialback_errand *errand_of(struct dialback *dialback, const uint8_t *nonce)
{
    for (size_t i = 0; i < DIALBACK_ERRANDS; i++)
        if (dialback->tables->errands[i].used &&
            memcmp(dialback->tables->errands[i].ask.nonce, nonce, REACH_NONCE) == 0)
            return &dialback->tables->errands[i];
    return NULL;
}

static struct dialback_errand *errand_place(struct dialback *dialback)
{
    for (size_t i = 0; i < DIALBACK_ERRANDS; i++)
        if (!dialback->tables->errands[i].used)
            return &dialback->tables->errands[i];
    return NULL;
}

static enum tally_drop may_ask(struct dialback *dialback, struct tally_now now,
                               const struct peer *from, const struct tally_address *seen,
                               const struct tally_dial_back *ask)
{
    if (!dialback->options.serves)
        return TALLY_DROP_REFUSED;
    if (!address_same_prefix(seen, &ask->endpoint.address, 128) ||
        address_may_announce(&ask->endpoint.address) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    if (errand_of(dialback, ask->nonce) != NULL)
        return TALLY_DROP_SEEN;
    if (errand_place(dialback) == NULL ||
        !quota_take(&dialback->tables->askers, &from->key, DIALBACK_ASKER_RATE, now.mono) ||
        !pace_take(&dialback->asked, DIALBACK_ASKED_RATE, now.mono))
        return TALLY_DROP_BUSY;
    return TALLY_DROP_NONE;
}

enum tally_drop dialback_ask(struct dialback *dialback, struct tally_now now, struct peers *peers,
                             const struct peer *from, const struct tally_address *seen,
                             const struct tally_dial_back *ask, struct outbox *out)
{
    enum tally_drop drop = may_ask(dialback, now, from, seen, ask);
    if (drop == TALLY_DROP_SEEN)
        return drop;
    if (drop != TALLY_DROP_NONE) {
        tell(peers, from, ask, drop == TALLY_DROP_BUSY ? DIALLED_BUSY : DIALLED_REFUSED, NULL, out);
        return drop;
    }
    struct dialback_errand *errand = errand_place(dialback);
    *errand = (struct dialback_errand){.used = true, .asker = from->key, .ask = *ask};
    hand_on(dialback, errand, now, peers, out);
    return TALLY_DROP_NONE;
}

enum tally_drop dialback_told(struct dialback *dialback, struct tally_now now, struct peers *peers,
                              const struct peer *from, const struct tally_dialled *dialled,
                              struct outbox *out)
{
    struct dialback_errand *errand = errand_of(dialback, dialled->nonce);
    if (errand == NULL || errand->tried[errand->tries - 1] != be64_read(from->key.bytes))
        return TALLY_DROP_UNASKED;
    if (dialled->verdict != DIALLED_COMING) {
        hand_on(dialback, errand, now, peers, out);
        return TALLY_DROP_NONE;
    }
    const struct peer *asker = peers_find(peers, &errand->asker);
    if (asker != NULL)
        tell(peers, asker, &errand->ask, DIALLED_COMING, &from->key, out);
    errand->used = false;
    return TALLY_DROP_NONE;
}

/* ---- As C. ---- */

/* Whether a NAT in front of it might let us in for another reason than that it lets in all; or we
   were there lately, and nobody is to be dialled again and again. */
static bool is_known(struct peers *peers, struct reach *reach, const struct tally_dial_back *ask,
                     struct tally_now now)
{
    const struct peer *peer = peers_find(peers, &ask->of);
    const struct tally_address *address = &ask->endpoint.address;
    bool linked = peer != NULL && peer->link.state == LINK_LINKED;
    if (ask->endpoint.transport == TALLY_TRANSPORT_UDP)
        return linked || peers_wrote(peers, address, now) ||
               (peer != NULL && peer->hello.any && now.mono.ms - peer->link.heard.ms < KNOWN_MS);
    /* A link is datagrams: these open no way for a stream, unless both have punched. And we see for
       ourselves that it is there, so that nobody else can be aimed at. */
    if (linked && address_same_prefix(&peer->link.address, address, 128))
        return peer->link.punched;
    return reach_wrote(reach, address, now);
}

static enum tally_drop may_dial(struct dialback *dialback, struct tally_now now,
                                struct peers *peers, struct reach *reach,
                                const struct tally_dial_back *ask)
{
    const struct address_policy *policy = dialback->options.policy;
    const struct tally_address *address = &ask->endpoint.address;
    if (key_equal(&ask->of, &peers->options.key))
        return TALLY_DROP_SELF;
    if (!dialback->options.serves)
        return TALLY_DROP_REFUSED;
    if (address_may_announce(address) != TALLY_HYGIENE_ALLOWED || address_own(policy, address) ||
        address_may_dial(policy, address, TALLY_SOURCE_EXCHANGE) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    if (is_known(peers, reach, ask, now))
        return TALLY_DROP_REFUSED;
    return pace_take(&dialback->dials, DIALBACK_DIAL_RATE, now.mono) ? TALLY_DROP_NONE
                                                                     : TALLY_DROP_BUSY;
}

/* What A will know it by. It is A's own question, to A: short enough to ride along with a hello. */
static bool knock(struct peers *peers, const struct tally_dial_back *ask, struct tally_now now)
{
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    struct wire_writer w;
    struct tally_dial_back word = *ask;
    word.has_of = false;
    wire_writer_init(&w, body, sizeof body);
    tally_dial_back_write(&word, &w);
    return peers_knock(peers, &ask->of, &ask->endpoint.address, TALLY_KIND_DIAL_BACK,
                       wire_writer_bytes(&w), now);
}

enum tally_drop dialback_dial(struct dialback *dialback, struct tally_now now, struct peers *peers,
                              struct reach *reach, const struct peer *from,
                              const struct tally_dial_back *ask, struct dialback_dial *dial,
                              struct outbox *out)
{
    enum tally_drop drop = may_dial(dialback, now, peers, reach, ask);
    if (drop == TALLY_DROP_NONE && ask->endpoint.transport == TALLY_TRANSPORT_UDP &&
        !knock(peers, ask, now))
        drop = TALLY_DROP_BUSY;
    if (drop == TALLY_DROP_NONE && ask->endpoint.transport == TALLY_TRANSPORT_TCP)
        *dial = (struct dialback_dial){true, ask->of, ask->endpoint.address};
    unsigned verdict = drop == TALLY_DROP_NONE      ? DIALLED_COMING
                       : drop == TALLY_DROP_BUSY    ? DIALLED_BUSY
                       : drop == TALLY_DROP_REFUSED ? DIALLED_KNOWN
                                                    : DIALLED_REFUSED;
    tell(peers, from, ask, verdict, NULL, out);
    return drop;
}

/* ---- Time. ---- */

struct tally_mono dialback_deadline(const struct dialback *dialback)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < DIALBACK_ERRANDS; i++)
        if (dialback->tables->errands[i].used && dialback->tables->errands[i].until.ms < next.ms)
            next = dialback->tables->errands[i].until;
    return next;
}

void dialback_tick(struct dialback *dialback, struct tally_now now, struct peers *peers,
                   struct outbox *out)
{
    for (size_t i = 0; i < DIALBACK_ERRANDS; i++) {
        struct dialback_errand *errand = &dialback->tables->errands[i];
        if (errand->used && errand->until.ms <= now.mono.ms)
            hand_on(dialback, errand, now, peers, out);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/punch.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"
#include "core/peers/hello.h"

#include <stdlib.h>

enum { ROLE_INTRODUCE, ROLE_GREET, ROLE_SYMMETRIC };

/* When the hellos go, after the first. */
static const uint16_t hello_ms[PUNCH_HELLOS] = {0, 60, 300};

static const fsm_moves moves[] = {
    [PUNCH_FREE] = TO(PUNCH_ASKING) | TO(PUNCH_WAITING),
    [PUNCH_ASKING] = TO(PUNCH_WAITING) | TO(PUNCH_FREE),
    [PUNCH_WAITING] = TO(PUNCH_GREETING) | TO(PUNCH_FREE),
    [PUNCH_GREETING] = TO(PUNCH_FREE),
};

static void move(struct punch_attempt *attempt, enum punch_state state)
{
    FSM_MOVE(moves, &attempt->state, state);
}

bool punch_new(struct punch *punch, const struct punch_options *options,
               const uint8_t spent_key[16])
{
    *punch = (struct punch){.options = *options, .random = {options->seed}};
    memcpy(punch->spent_key, spent_key, sizeof punch->spent_key);
    punch->tables = calloc(1, sizeof *punch->tables);
    return punch->tables != NULL;
}

void punch_free(struct punch *punch)
{
    free(punch->tables);
    punch->tables = NULL;
}

/* ---- What is under way. ---- */

static struct punch_attempt *attempt_of(const struct punch *punch, const struct tally_key *key)
{
    for (size_t i = 0; i < PUNCH_MAX; i++)
        if (punch->tables->attempts[i].state != PUNCH_FREE &&
            key_equal(&punch->tables->attempts[i].key, key))
            return (struct punch_attempt *)&punch->tables->attempts[i];
    return NULL;
}

/* A half of the places is for our own wishes. */
static struct punch_attempt *attempt_new(struct punch *punch, const struct tally_key *key,
                                         bool ours)
{
    struct punch_attempt *place = NULL;
    size_t same = 0;
    for (size_t i = 0; i < PUNCH_MAX; i++) {
        struct punch_attempt *attempt = &punch->tables->attempts[i];
        if (attempt->state == PUNCH_FREE)
            place = attempt;
        else
            same += attempt->ours == ours;
    }
    if (place == NULL || same >= PUNCH_MAX / 2)
        return NULL;
    *place = (struct punch_attempt){.key = *key, .ours = ours};
    return place;
}

/* ---- Addresses that had their hellos. ---- */

static uint64_t hash_of(const struct punch *punch, const struct tally_address *address)
{
    uint8_t bytes[18];
    memcpy(bytes, address->ip, 16);
    be16_write(bytes + 16, address->port);
    return hash_siphash(punch->spent_key, bytes_of(bytes, sizeof bytes));
}

/* Takes the address for one attempt; false if it had one lately, or if too many had. */
static bool address_take(struct punch *punch, const struct tally_address *address,
                         struct tally_now now)
{
    uint64_t hash = hash_of(punch, address);
    struct punch_spent *place = NULL;
    for (size_t i = 0; i < PUNCH_ADDRESSES; i++) {
        struct punch_spent *spent = &punch->tables->spent[i];
        if (spent->until_ms <= now.mono.ms)
            place = spent;
        else if (spent->hash == hash)
            return false;
    }
    if (place == NULL)
        return false;
    *place = (struct punch_spent){hash, now.mono.ms + PUNCH_REST_MS};
    return true;
}

/* It answered: it is no victim. */
static void address_clear(struct punch *punch, const struct tally_address *address)
{
    uint64_t hash = hash_of(punch, address);
    for (size_t i = 0; i < PUNCH_ADDRESSES; i++)
        if (punch->tables->spent[i].hash == hash)
            punch->tables->spent[i].until_ms = 0;
}

/* ---- The end of an attempt. ---- */

static void fail(struct punch *punch, struct punch_attempt *attempt, enum tally_path_reason why,
                 struct tally_now now, struct peers *peers)
{
    struct peer *peer = peers_find(peers, &attempt->key);
    move(attempt, PUNCH_FREE);
    if (!attempt->ours)
        return;
    if (peer != NULL) {
        /* Not sooner: to the other side, too, our address has had its hellos. */
        uint32_t more = random_below(&punch->random, PUNCH_REST_MS / 10);
        peer->punch_after.ms = now.mono.ms + PUNCH_REST_MS + more;
        peer->why = why;
    }
}

void punch_linked(struct punch *punch, struct tally_now now, struct peer *peer)
{
    const struct tally_trace_window *trace = &punch->options.trace;
    struct punch_attempt *attempt = attempt_of(punch, &peer->key);
    if (attempt == NULL)
        return;
    if (attempt->state != PUNCH_ASKING) {
        struct tally_trace what = {.kind = TALLY_TRACE_PUNCHED,
                                   .peer = &peer->key,
                                   .address = &peer->link.address,
                                   .a = attempt->asked_count};
        peer->link.punched = true;
        address_clear(punch, &attempt->address);
        if (trace->say != NULL)
            trace->say(trace->context, now, &what);
    }
    move(attempt, PUNCH_FREE);
}

/* ---- As A: asking to be introduced. ---- */

static void message_send(struct peers *peers, const struct peer *to,
                         const struct tally_punch *message, struct outbox *out)
{
    uint8_t body[TALLY_PUNCH_SIZE_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_punch_write(message, &w);
    parcel_make(peers, TALLY_KIND_PUNCH, wire_writer_bytes(&w), true, &parcel);
    peers_send(peers, to, &parcel, out);
}

static bool was_asked(const struct punch_attempt *attempt, const struct tally_key *key)
{
    for (unsigned i = 0; i < attempt->asked_count; i++)
        if (key_equal(&attempt->asked[i], key))
            return true;
    return false;
}

static bool may_introduce(const struct punch_attempt *attempt, const struct peer *peer)
{
    return peer->used && peer->link.state == LINK_LINKED &&
           (peer->caps & PEERS_CAPS_INTRODUCES) != 0 && !key_equal(&peer->key, &attempt->key) &&
           address_may_announce(&peer->link.address) == TALLY_HYGIENE_ALLOWED &&
           !was_asked(attempt, &peer->key);
}

/* Any of the mesh, evenly; without one, any light link. */
static const struct peer *introducer(struct punch *punch, const struct peers *peers,
                                     const struct punch_attempt *attempt)
{
    const struct peer *chosen = NULL;
    uint32_t seen = 0;
    for (size_t i = 0; attempt->asked_count < PUNCH_INTRODUCERS && i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (!may_introduce(attempt, peer) || (chosen != NULL && chosen->mesh && !peer->mesh))
            continue;
        if (chosen != NULL && peer->mesh && !chosen->mesh)
            seen = 0;
        if (random_below(&punch->random, ++seen) == 0)
            chosen = peer;
    }
    return chosen;
}

static bool ask_next(struct punch *punch, struct punch_attempt *attempt, struct tally_now now,
                     struct peers *peers, struct outbox *out)
{
    const struct peer *to = introducer(punch, peers, attempt);
    struct tally_punch ask = {.role = ROLE_INTRODUCE, .key = attempt->key};
    if (to != NULL)
        attempt->asked[attempt->asked_count++] = to->key;
    else if (attempt->state == PUNCH_GREETING) /* It is known to know it. */
        to = peers_find(peers, &attempt->asked[attempt->asked_count - 1]);
    if (to == NULL)
        return false;
    attempt->next.ms = now.mono.ms + PUNCH_ASKED_MS;
    memcpy(ask.token, attempt->token, sizeof ask.token);
    message_send(peers, to, &ask, out);
    return true;
}

void punch_want(struct punch *punch, struct tally_now now, struct peers *peers, struct peer *peer,
                uint8_t wants, struct outbox *out)
{
    if (peers->stopping || peer->link.state == LINK_LINKED || peer_barred(peer, now) ||
        now.mono.ms < peer->punch_after.ms || attempt_of(punch, &peer->key) != NULL)
        return;
    struct punch_attempt *attempt = attempt_new(punch, &peer->key, true);
    if (attempt == NULL)
        return; /* Whoever wants it will be told again that it does not answer. */
    attempt->wants = wants;
    punch->options.secret.draw(punch->options.secret.context, attempt->token,
                               sizeof attempt->token);
    move(attempt, PUNCH_ASKING);
    if (ask_next(punch, attempt, now, peers, out))
        return;
    /* It cost nothing: with the next link it may be otherwise, so it rests only a little. */
    fail(punch, attempt, TALLY_PATH_NO_INTRODUCER, now, peers);
    peer->punch_after.ms = now.mono.ms + PUNCH_INTRODUCED_MS;
}

/* ---- As B: introducing. ---- */

/* So that both begin at once, the nearer one waits. */
static uint16_t delay_for(const struct peer *one, const struct peer *other)
{
    uint32_t us = other->rtt_us > one->rtt_us ? (other->rtt_us - one->rtt_us) / 2 : 0;
    return (uint16_t)(us / 1000 < PUNCH_DELAY_MAX_MS ? us / 1000 : PUNCH_DELAY_MAX_MS);
}

static void introduce_to(struct peers *peers, const struct peer *to, const struct peer *other,
                         const uint8_t token[PUNCH_TOKEN], struct outbox *out)
{
    uint8_t address[18];
    struct tally_punch word = {.role = ROLE_GREET,
                               .key = other->key,
                               .delay_ms = delay_for(to, other),
                               .addresses = bytes_of(address, sizeof address)};
    memcpy(address, other->link.address.ip, 16);
    be16_write(address + 16, other->link.address.port);
    memcpy(word.token, token, sizeof word.token);
    message_send(peers, to, &word, out);
}

static enum tally_drop on_introduce(struct punch *punch, struct tally_now now, struct peers *peers,
                                    const struct peer *from, const struct tally_punch *message,
                                    struct outbox *out)
{
    const struct peer *target = peers_find(peers, &message->key);
    if (key_equal(&message->key, &peers->options.key) || target == from)
        return TALLY_DROP_SELF;
    if (!punch->options.serves || target == NULL || target->link.state != LINK_LINKED)
        return TALLY_DROP_REFUSED;
    if (address_may_announce(&from->link.address) != TALLY_HYGIENE_ALLOWED ||
        address_may_announce(&target->link.address) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    if (!quota_take(&punch->tables->askers, &from->key, PUNCH_ASKER_RATE, now.mono) ||
        !quota_take(&punch->tables->targets, &target->key, PUNCH_TARGET_RATE, now.mono))
        return TALLY_DROP_BUSY;
    struct punch_pair *pair =
        &punch->tables->introduced[punch->introduced_turn++ % PUNCH_INTRODUCED];
    *pair = (struct punch_pair){
        .asker = from->key, .target = target->key, .until = {now.mono.ms + PUNCH_INTRODUCED_MS}};
    memcpy(pair->token, message->token, sizeof pair->token);
    introduce_to(peers, from, target, message->token, out);
    introduce_to(peers, target, from, message->token, out);
    return TALLY_DROP_NONE;
}

/* ---- As A or D: told to greet. ---- */

/* Who was told to by a third knows nothing of what the link is for: it offers the mesh, and who
   asked decides. */
static void begin(struct punch_attempt *attempt, const struct tally_address *address,
                  uint16_t delay_ms, struct tally_now now)
{
    move(attempt, PUNCH_WAITING);
    attempt->address = *address;
    attempt->next.ms =
        now.mono.ms + (delay_ms < PUNCH_DELAY_MAX_MS ? delay_ms : PUNCH_DELAY_MAX_MS);
}

/* The first of the addresses that may be greeted. */
static enum tally_drop choose(struct punch *punch, const struct tally_punch *message,
                              struct tally_now now, struct tally_address *address)
{
    enum tally_drop drop = TALLY_DROP_SCOPE;
    for (size_t at = 0; at + 18 <= message->addresses.size; at += 18) {
        memcpy(address->ip, message->addresses.data + at, 16);
        address->port = be16_read(message->addresses.data + at + 16);
        if (address_may_announce(address) != TALLY_HYGIENE_ALLOWED ||
            address_may_dial(punch->options.policy, address, TALLY_SOURCE_EXCHANGE) !=
                TALLY_HYGIENE_ALLOWED)
            continue;
        if (address_take(punch, address, now))
            return TALLY_DROP_NONE;
        drop = TALLY_DROP_BUSY;
    }
    return drop;
}

/* Tells A, by way of B, that our NAT gives each peer another port: it may save itself the trouble,
   and can say why. */
static void warn(struct peers *peers, const struct peer *introducer,
                 const struct tally_punch *message, struct outbox *out)
{
    struct tally_punch word = {.role = ROLE_SYMMETRIC, .key = message->key};
    memcpy(word.token, message->token, sizeof word.token);
    message_send(peers, introducer, &word, out);
}

/* The peer itself, which may be new, takes its place when it is greeted. */
static enum tally_drop told_by_third(struct punch *punch, struct tally_now now,
                                     const struct peer *peer, const struct tally_punch *message)
{
    struct tally_address address;
    if (peer != NULL && peer_barred(peer, now))
        return TALLY_DROP_REFUSED;
    struct punch_attempt *attempt = attempt_new(punch, &message->key, false);
    if (attempt == NULL)
        return TALLY_DROP_BUSY;
    enum tally_drop drop = choose(punch, message, now, &address);
    if (drop != TALLY_DROP_NONE)
        return drop; /* The place was not taken: its state is FREE. */
    attempt->wants = PEER_WANTS_MESH;
    memcpy(attempt->token, message->token, sizeof attempt->token);
    begin(attempt, &address, message->delay_ms, now);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_greet(struct punch *punch, struct tally_now now, struct peers *peers,
                                const struct peer *from, const struct tally_punch *message,
                                struct outbox *out)
{
    const struct peer *peer = peers_find(peers, &message->key);
    struct punch_attempt *attempt = attempt_of(punch, &message->key);
    struct tally_address address;
    if (key_equal(&message->key, &peers->options.key) || key_equal(&message->key, &from->key))
        return TALLY_DROP_SELF;
    if (peers->stopping)
        return TALLY_DROP_REFUSED;
    if (peer != NULL && peer->link.state == LINK_LINKED)
        return TALLY_DROP_SEEN;
    /* What nobody asked for is bounded: what one says, and what all say. */
    bool asked = attempt != NULL && attempt->ours && was_asked(attempt, &from->key) &&
                 memcmp(attempt->token, message->token, PUNCH_TOKEN) == 0;
    if (!asked && (!quota_take(&punch->tables->tellers, &from->key, PUNCH_TELLER_RATE, now.mono) ||
                   !pace_take(&punch->told, PUNCH_TOLD_RATE, now.mono)))
        return TALLY_DROP_BUSY;
    if (!asked && punch->nat == TALLY_NAT_SYMMETRIC)
        warn(peers, from, message, out);
    if (asked && attempt->rounds > 1)
        return TALLY_DROP_NONE; /* Another round was for the other side's ears. */
    if (attempt != NULL && attempt->state != PUNCH_ASKING)
        return TALLY_DROP_SEEN;
    if (attempt == NULL)
        return told_by_third(punch, now, peer, message);
    /* Ours: B answers. Or both ask, and the other's B was faster; it is as good. */
    enum tally_drop drop = choose(punch, message, now, &address);
    if (drop == TALLY_DROP_NONE)
        begin(attempt, &address, message->delay_ms, now);
    return drop;
}

/* As B it is passed on, once, to who asked; as A it is the reason if nothing comes of it. */
static enum tally_drop on_symmetric(struct punch *punch, struct tally_now now, struct peers *peers,
                                    const struct peer *from, const struct tally_punch *message,
                                    struct outbox *out)
{
    struct punch_attempt *attempt = attempt_of(punch, &message->key);
    if (attempt != NULL && attempt->ours && was_asked(attempt, &from->key) &&
        memcmp(attempt->token, message->token, PUNCH_TOKEN) == 0) {
        attempt->theirs_symmetric = true;
        return TALLY_DROP_NONE;
    }
    for (size_t i = 0; i < PUNCH_INTRODUCED; i++) {
        struct punch_pair *pair = &punch->tables->introduced[i];
        const struct peer *asker = peers_find(peers, &pair->asker);
        if (pair->until.ms <= now.mono.ms || asker == NULL ||
            memcmp(pair->token, message->token, PUNCH_TOKEN) != 0 ||
            !key_equal(&pair->target, &from->key) || !key_equal(&pair->asker, &message->key))
            continue;
        struct tally_punch word = *message;
        word.key = from->key;
        word.addresses = bytes_of(NULL, 0);
        message_send(peers, asker, &word, out);
        pair->until.ms = 0;
        return TALLY_DROP_NONE;
    }
    return TALLY_DROP_UNASKED;
}

enum tally_drop punch_receive(struct punch *punch, struct tally_now now, struct peers *peers,
                              struct peer *from, const struct tally_punch *message,
                              struct outbox *out)
{
    if (message->role == ROLE_INTRODUCE)
        return on_introduce(punch, now, peers, from, message, out);
    if (message->role == ROLE_GREET)
        return on_greet(punch, now, peers, from, message, out);
    return on_symmetric(punch, now, peers, from, message, out);
}

/* ---- Time. ---- */

struct tally_mono punch_deadline(const struct punch *punch)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < PUNCH_MAX; i++)
        if (punch->tables->attempts[i].state != PUNCH_FREE &&
            punch->tables->attempts[i].next.ms < next.ms)
            next = punch->tables->attempts[i].next;
    return next;
}

static enum tally_path_reason reason(const struct punch *punch, const struct punch_attempt *attempt)
{
    return punch->nat == TALLY_NAT_SYMMETRIC || attempt->theirs_symmetric ? TALLY_PATH_SYMMETRIC
                                                                          : TALLY_PATH_NO_ANSWER;
}

/* From now on its hellos go there; what the peer's own greeting was about is forgotten. */
static void greet(struct punch *punch, struct punch_attempt *attempt, struct tally_now now,
                  struct peers *peers)
{
    struct peer *peer = peers_take(peers, &attempt->key, now);
    if (peer == NULL) {
        fail(punch, attempt, TALLY_PATH_NO_ANSWER, now, peers);
        return;
    }
    move(attempt, PUNCH_GREETING);
    attempt->began = now.mono;
    attempt->rounds = 1;
    peer->wants |= attempt->wants;
    if (peer->link.state == LINK_IDLE || peer->link.state == LINK_GREETING)
        hello_together(peers, peer, &attempt->address,
                       (struct tally_mono){now.mono.ms + PUNCH_GREET_MS}, now);
}

/* The next of its messages, and when the one after that is due. */
static void greet_on(struct punch *punch, struct punch_attempt *attempt, struct tally_now now,
                     struct peers *peers, struct outbox *out)
{
    struct peer *peer = peers_find(peers, &attempt->key);
    uint64_t end = attempt->began.ms + PUNCH_GREET_MS;
    if (peer == NULL || now.mono.ms >= end ||
        (peer->link.state == LINK_IDLE && now.mono.ms > attempt->began.ms)) {
        fail(punch, attempt, reason(punch, attempt), now, peers);
        return;
    }
    enum link_state state = peer->link.state;
    attempt->next.ms = now.mono.ms + PUNCH_AGAIN_MS;
    if (state == LINK_GREETING && attempt->hellos < PUNCH_HELLOS) {
        hello_again(peers, peer, now, out);
        uint64_t later =
            ++attempt->hellos < PUNCH_HELLOS ? hello_ms[attempt->hellos] : (uint64_t)PUNCH_ROUND_MS;
        attempt->next.ms = attempt->began.ms + later;
    } else if (state == LINK_GREETING && attempt->ours && attempt->rounds < PUNCH_ROUNDS) {
        /* The word to the other side may be lost. Ours had its hellos, and its way is open. */
        (void)ask_next(punch, attempt, now, peers, out);
        attempt->next.ms = attempt->began.ms + (uint64_t)PUNCH_ROUND_MS * ++attempt->rounds;
    } else if (state == LINK_PROVING && attempt->thirds++ > 0) {
        /* The third message went with the cookie; the welcome has not come. */
        hello_again(peers, peer, now, out);
    }
    if (attempt->next.ms > end)
        attempt->next.ms = end;
}

void punch_tick(struct punch *punch, struct tally_now now, struct peers *peers, struct outbox *out)
{
    for (size_t i = 0; i < PUNCH_MAX; i++) {
        struct punch_attempt *attempt = &punch->tables->attempts[i];
        if (attempt->state == PUNCH_FREE || attempt->next.ms > now.mono.ms)
            continue;
        if (attempt->state == PUNCH_ASKING) {
            if (!ask_next(punch, attempt, now, peers, out))
                fail(punch, attempt, TALLY_PATH_NO_INTRODUCER, now, peers);
            continue;
        }
        if (attempt->state == PUNCH_WAITING)
            greet(punch, attempt, now, peers);
        if (attempt->state == PUNCH_GREETING)
            greet_on(punch, attempt, now, peers, out);
    }
}

bool punch_holds(const struct punch *punch)
{
    size_t ours = 0, theirs = 0;
    for (size_t i = 0; i < PUNCH_MAX; i++) {
        const struct punch_attempt *attempt = &punch->tables->attempts[i];
        if (attempt->state == PUNCH_FREE)
            continue;
        ours += attempt->ours;
        theirs += !attempt->ours;
        if (attempt_of(punch, &attempt->key) != attempt || attempt->hellos > PUNCH_HELLOS)
            return false;
    }
    return ours <= PUNCH_MAX / 2 && theirs <= PUNCH_MAX / 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whom we greet, where and when; hello.c says how. */
#include "core/peers/greet.h"

#include "core/base/bytes.h"
#include "core/peers/hello.h"

/* Whether the address may be greeted at all, by the one rule there is. */
static bool may_greet(const struct peers *peers, const struct peer_address *known)
{
    return !known->no_udp && (peers->options.policy == NULL ||
                              address_may_dial(peers->options.policy, &known->address,
                                               known->source) == TALLY_HYGIENE_ALLOWED);
}

enum { REST_MS = 600000, DOUBLINGS_MAX = 7 }; /* 10 minutes to 21 hours. */

/* After its hellos in vain an address has a rest, each time twice as long. */
static uint64_t rest_ms(const struct peer_address *known)
{
    unsigned doublings = known->hellos - PEERS_HELLO_TRIES;
    return (uint64_t)REST_MS << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
}

enum greet_verdict greet_choose(const struct peers *peers, const struct peer *peer,
                                struct tally_now now, size_t *index, struct tally_mono *later)
{
    *later = TALLY_NEVER;
    if (admission(peers->options.fold, &peer->key, ADMISSION_LINK) != TALLY_DROP_NONE)
        return GREET_NEVER;
    for (size_t i = 0; i < peer->address_count; i++) {
        size_t at = (peer->address_turn + i) % peer->address_count;
        const struct peer_address *known = &peer->addresses[at];
        if (!may_greet(peers, known))
            continue;
        *index = at;
        bool named = peer->configured && known->source == TALLY_SOURCE_CONFIGURED;
        if (named || known->greeted.ms == 0)
            return GREET_NOW;
        if (known->hellos >= PEERS_HELLO_TRIES && now.mono.ms < known->greeted.ms + rest_ms(known))
            continue;
        uint64_t free_ms = known->greeted.ms + PEERS_HELLO_MS;
        if (now.mono.ms >= free_ms)
            return GREET_NOW;
        if (free_ms < later->ms)
            later->ms = free_ms;
    }
    return later->ms != TALLY_NEVER.ms ? GREET_LATER : GREET_NEVER;
}

bool peers_wrote(struct peers *peers, const struct tally_address *address, struct tally_now now)
{
    recent_turn(&peers->written, now);
    return recent_has(&peers->written, address);
}

void peers_greet_rested(struct peers *peers, struct peer *peer, uint8_t wants, struct tally_now now)
{
    if (peers->stopping || peer->link.state == LINK_LINKED || peer_barred(peer, now))
        return;
    peer->wants |= wants;
    if (peer->link.state == LINK_IDLE && peers_wakes(peers, peer).ms > now.mono.ms)
        peers_wake(peers, peer, now.mono);
}

/* An address that never answered may be somebody's victim: it gets its hellos once in ten minutes,
   whoever asks for whatever reason. */
static bool rested(const struct peer_address *known, struct tally_now now)
{
    enum { HELLOS_MS = (PEERS_HELLO_TRIES - 1) * PEERS_HELLO_MS };
    return now.mono.ms >= known->greeted.ms + REST_MS - HELLOS_MS;
}

void peers_greet(struct peers *peers, struct peer *peer, uint8_t wants, struct tally_now now)
{
    /* Whoever asks twice does not get more hellos. */
    bool going = peer->wants != 0 && !peer->configured;
    bool rests = peer->link.state == LINK_IDLE && peers_wakes(peers, peer).ms > now.mono.ms;
    bool barred = peers->stopping || peer_barred(peer, now);
    for (size_t i = 0; i < peer->address_count && rests && !barred && !going; i++)
        if (peer->addresses[i].answered || rested(&peer->addresses[i], now))
            peer->addresses[i].hellos = 0;
    peers_greet_rested(peers, peer, wants, now);
}

void peers_greet_once(struct peers *peers, struct peer *peer, uint8_t wants, struct tally_now now)
{
    bool going = peer->wants != 0;
    peers_greet(peers, peer, wants, now);
    for (size_t i = 0; i < peer->address_count && !going; i++)
        if (peer->addresses[i].hellos < PEERS_HELLO_TRIES - 1)
            peer->addresses[i].hellos = PEERS_HELLO_TRIES - 1;
}

bool peers_configure(struct peers *peers, const struct tally_key *key,
                     const struct tally_address *address, struct tally_now now)
{
    if (key_equal(key, &peers->options.key))
        return false;
    struct peer *peer = peers_take(peers, key, now);
    if (peer == NULL)
        return false;
    peer->configured = true;
    peer->wants = PEER_WANTS_MESH;
    peer_address_add(peer, address, TALLY_SOURCE_CONFIGURED, false, now);
    if (peer->link.state == LINK_IDLE) {
        backoff_reset(&peer->backoff);
        peers_wake(peers, peer, now.mono);
    }
    return true;
}

bool peers_greet_address(struct peers *peers, const struct tally_address *address,
                         enum tally_source source, struct tally_now now)
{
    struct peers_blind *place = NULL;
    for (size_t i = 0; i < peers->blind_end; i++) {
        struct peers_blind *blind = &peers->blind[i];
        if (address_equal(&blind->address, address)) {
            /* Asked already, or known. Told twice it is not greeted more often; but somebody
               else may have come to live there. */
            const struct peer *peer = blind->answered ? peers_find(peers, &blind->key) : NULL;
            if (!blind->answered || (peer != NULL && peer->last_error != TALLY_DROP_IDENTITY))
                return true;
            place = blind;
            break;
        }
        if (place == NULL && blind->answered)
            place = blind;
    }
    if (place == NULL && peers->blind_end < PEERS_BLIND_MAX)
        place = &peers->blind[peers->blind_end++];
    if (place == NULL)
        return false;
    *place = (struct peers_blind){.address = *address, .source = source, .next = now.mono};
    if (now.mono.ms < peers->wake.ms)
        peers->wake = now.mono;
    return true;
}

/* Three hellos, 2 s and 4 s apart, then a rest. */
static void blind_tick(struct peers *peers, struct peers_blind *blind, struct tally_now now,
                       struct outbox *out)
{
    if (peers->stopping) {
        blind->next = TALLY_NEVER;
        return;
    }
    if (peers->options.policy == NULL || address_may_dial(peers->options.policy, &blind->address,
                                                          blind->source) == TALLY_HYGIENE_ALLOWED)
        hello_blind(peers, blind, out);
    blind->tries++;
    uint64_t wait = blind->tries % PEERS_HELLO_TRIES == 0
                        ? PEERS_BLIND_REST_MS
                        : (uint64_t)LINK_ANSWER_MS * (blind->tries % PEERS_HELLO_TRIES);
    blind->next.ms = now.mono.ms + wait + random_below(&peers->random, (uint32_t)wait / 10);
}

struct tally_mono blinds_tick(struct peers *peers, struct tally_now now, struct outbox *out)
{
    struct tally_mono wake = TALLY_NEVER;
    for (size_t i = 0; i < peers->blind_end; i++) {
        struct peers_blind *blind = &peers->blind[i];
        if (blind->answered)
            continue;
        if (blind->next.ms <= now.mono.ms && outbox_room(out, 1, TALLY_DATAGRAM_MAX))
            blind_tick(peers, blind, now, out);
        if (blind->next.ms < wake.ms)
            wake = blind->next;
    }
    return wake;
}

struct peer *blind_answered(struct peers *peers, const struct tally_address *from,
                            const struct tally_key *key, const uint8_t nonce[LINK_NONCE],
                            struct tally_now now)
{
    for (size_t i = 0; i < peers->blind_end; i++) {
        struct peers_blind *blind = &peers->blind[i];
        if (blind->answered || !address_equal(&blind->address, from) ||
            memcmp(blind->nonce, nonce, LINK_NONCE) != 0)
            continue;
        struct peer *peer = peers_take(peers, key, now);
        if (peer == NULL)
            return NULL;
        blind->answered = true;
        blind->key = *key;
        peer->bootstrap = true;
        peer->wants |= PEER_WANTS_MESH;
        peer_address_add(peer, from, blind->source, true, now);
        if (peer->link.state != LINK_IDLE || peer_barred(peer, now))
            return NULL; /* We know it already, by another way. */
        memcpy(peer->link.nonce, nonce, LINK_NONCE);
        peer->link.address = *from;
        peer->address_greeted = 0;
        link_move(&peer->link, LINK_GREETING, now);
        return peer;
    }
    return NULL;
}
